import { useEffect, useMemo, useState } from 'react';
import {
  Button,
  Dropdown,
  Field,
  Input,
  makeStyles,
  MessageBar,
  MessageBarBody,
  Option,
  Radio,
  RadioGroup,
  SearchBox,
  Spinner,
  Textarea,
  tokens,
} from '@fluentui/react-components';
import { AddRegular, CheckmarkCircleRegular, DeleteRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { incidents } from '../../api/endpoints';
import type { Severity } from '../../api/types';
import { describe } from '../../app/notify';
import { Wizard } from '../../design/dialog/Wizard';
import { useLinkStyles } from '../../design/useLinkStyles';
import { categories, label, severities } from '../../design/words';
import { description } from '../statement';
import { link } from './api';
import { combinations, entityTypes, guessMappings, mostAlerts, mostRows, type EntityType, type Mapping, type Role } from './link';
import type { Outcome, Result } from './outcome';

const useStyles = makeStyles({
  two: {
    display: 'grid',
    gridTemplateColumns: '1fr 1fr',
    gap: tokens.spacingHorizontalM,
    '@media (max-width: 639px)': { gridTemplateColumns: '1fr' },
  },
  found: {
    margin: 0,
    padding: 0,
    listStyleType: 'none',
    maxHeight: '180px',
    overflowY: 'auto',
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
  },
  map: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 1fr) max-content minmax(0, 1.4fr) 32px',
    gap: tokens.spacingHorizontalS,
    alignItems: 'center',
    '@media (max-width: 639px)': { gridTemplateColumns: 'minmax(0, 1fr) max-content', rowGap: tokens.spacingVerticalXXS },
  },
  drop: { minWidth: 0 },
  heading: { margin: `${tokens.spacingVerticalXS} 0 0`, fontSize: tokens.fontSizeBase300, fontWeight: tokens.fontWeightSemibold },
  quiet: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  facts: {
    margin: 0,
    display: 'grid',
    gridTemplateColumns: 'max-content minmax(0, 1fr)',
    columnGap: tokens.spacingHorizontalL,
    rowGap: tokens.spacingVerticalXS,
  },
  name: { color: tokens.colorNeutralForeground2 },
  value: { margin: 0, overflowWrap: 'anywhere' },
  done: { display: 'flex', gap: tokens.spacingHorizontalS, alignItems: 'center' },
  ok: { color: tokens.colorPaletteGreenForeground1, fontSize: '24px', lineHeight: 0 },
});

const steps = ['Alert', 'Entities', 'Summary'] as const;

// LinkWizard makes alerts of rows: into which incident and called what, about which entities, and a summary of what will be made.
export function LinkWizard({ run, result, rows, onClose }: { run: Outcome; result: Result; rows: readonly number[]; onClose: () => void }) {
  const s = useStyles();
  const l = useLinkStyles();
  const client = useQueryClient();
  const cells = useMemo(() => rows.map((r) => result.rows[r] ?? []), [rows, result]);
  const [step, setStep] = useState(0);
  const [into, setInto] = useState<'new' | 'old'>('new');
  const [find, setFind] = useState('');
  const [wanted, setWanted] = useState('');
  const [chosen, setChosen] = useState<{ id: string; name: string } | undefined>();
  const [title, setTitle] = useState(() => description(run.query ?? '').slice(0, 200));
  const [severity, setSeverity] = useState<Severity>('Medium');
  const [category, setCategory] = useState<string>('SuspiciousActivity');
  const [words, setWords] = useState('');
  const [advice, setAdvice] = useState('');
  const [mappings, setMappings] = useState<Mapping[]>(() => guessMappings(result.schema, cells));
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<unknown>();
  const [made, setMade] = useState<{ incidentId: number; alertIds: string[] } | undefined>();
  const [tried, setTried] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setWanted(find.trim()), 250);
    return () => clearTimeout(timer);
  }, [find]);
  const found = useQuery({
    queryKey: ['incidents', 'forLink', wanted],
    queryFn: ({ signal }) => incidents.list({ $top: 8, ...(wanted === '' ? {} : { search: wanted }) }, signal),
    enabled: into === 'old' && step === 0,
  });
  const alerts = useMemo(() => combinations(result.schema, cells, mappings), [result, cells, mappings]);
  const impacted = mappings.some((m) => m.role === 'impacted');
  const trouble =
    step === 0
      ? title.trim() === ''
        ? 'Name the alert.'
        : into === 'old' && !chosen
          ? 'Choose the incident.'
          : undefined
      : step === 1
        ? !impacted
          ? 'Choose at least one impacted asset.'
          : alerts > mostAlerts
            ? `These rows are about ${alerts.toLocaleString()} combinations of impacted assets, and each becomes an alert; at most ${mostAlerts} are made at once. Choose fewer rows or assets.`
            : undefined
        : undefined;
  const tooMany = rows.length > mostRows;
  const next = () => {
    setTried(true);
    if (trouble) return;
    setTried(false);
    setStep(step + 1);
  };
  const submit = async () => {
    setSending(true);
    setError(undefined);
    try {
      const out = await link({
        ...(into === 'old' && chosen ? { incidentId: Number(chosen.id) } : {}),
        alert: {
          title: title.trim(),
          severity,
          category,
          ...(words.trim() ? { description: words.trim() } : {}),
          ...(advice.trim() ? { recommendedActions: advice.trim() } : {}),
        },
        query: run.query ?? '',
        ...(run.timespan === undefined ? {} : { timespan: run.timespan }),
        columns: result.schema.map((c) => ({ name: c.name, type: c.type })),
        rows: cells,
        entities: mappings,
      });
      setMade(out);
      void client.invalidateQueries({ queryKey: ['incidents'] });
      void client.invalidateQueries({ queryKey: ['alerts'] });
    } catch (err) {
      setError(err);
    }
    setSending(false);
  };
  const change = (i: number, part: Partial<Mapping>) => setMappings(mappings.map((m, n) => (n === i ? { ...m, ...part } : m)));
  const section = (role: Role, heading: string) => (
    <>
      <h3 className={s.heading}>{heading}</h3>
      {mappings.map((m, i) =>
        m.role !== role ? null : (
          <div key={i} className={s.map}>
            <Dropdown
              size="small"
              className={s.drop}
              aria-label="Entity"
              value={entityTypes.find((t) => t.type === m.type)?.label ?? m.type}
              selectedOptions={[m.type]}
              onOptionSelect={(_, d) => change(i, { type: (d.optionValue ?? m.type) as EntityType })}
            >
              {entityTypes
                .filter((t) => t.roles.includes(role))
                .map((t) => (
                  <Option key={t.type} value={t.type}>
                    {t.label}
                  </Option>
                ))}
            </Dropdown>
            <span className={s.quiet}>is in column</span>
            <Dropdown
              size="small"
              className={s.drop}
              aria-label="Column"
              value={m.column}
              selectedOptions={[m.column]}
              onOptionSelect={(_, d) => change(i, { column: d.optionValue ?? m.column })}
            >
              {result.schema.map((c) => (
                <Option key={c.name} value={c.name}>
                  {c.name}
                </Option>
              ))}
            </Dropdown>
            <Button
              size="small"
              appearance="subtle"
              icon={<DeleteRegular />}
              aria-label={`Remove ${m.type} from ${m.column}`}
              onClick={() => setMappings(mappings.filter((_, n) => n !== i))}
            />
          </div>
        ),
      )}
      <Button
        size="small"
        appearance="subtle"
        icon={<AddRegular />}
        style={{ alignSelf: 'flex-start' }}
        onClick={() =>
          setMappings([...mappings, { role, type: role === 'impacted' ? 'device' : 'file', column: result.schema[0]?.name ?? '' }])
        }
      >
        {role === 'impacted' ? 'Add an asset' : 'Add evidence'}
      </Button>
    </>
  );
  return (
    <Wizard
      title={made ? 'Linked to the incident' : `Link ${rows.length.toLocaleString()} ${rows.length === 1 ? 'row' : 'rows'} to an incident`}
      steps={steps}
      step={step}
      busy={sending}
      over={made !== undefined}
      stuck={tooMany}
      action={alerts === 1 ? 'Make the alert' : `Make ${alerts.toLocaleString()} alerts`}
      onBack={() => setStep(step - 1)}
      onNext={next}
      onFinish={() => void submit()}
      onClose={onClose}
    >
      {made ? (
        <>
          <div className={s.done} role="status">
            <span className={s.ok}>
              <CheckmarkCircleRegular />
            </span>
            <span>
              {made.alertIds.length.toLocaleString()} {made.alertIds.length === 1 ? 'alert was' : 'alerts were'} made in{' '}
              <Link to="/incidents/$incidentId" params={{ incidentId: String(made.incidentId) }} className={l.link}>
                incident {made.incidentId}
              </Link>
              .
            </span>
          </div>
          <span className={s.quiet}>In the incident, the alerts can be moved or unlinked like any other.</span>
        </>
      ) : tooMany ? (
        <MessageBar intent="error">
          <MessageBarBody>
            At most {mostRows.toLocaleString()} rows can be linked at once; {rows.length.toLocaleString()} are selected. Select fewer rows.
          </MessageBarBody>
        </MessageBar>
      ) : (
        <>
          {step === 0 ? (
            <>
              <RadioGroup
                layout="horizontal"
                value={into}
                onChange={(_, d) => setInto(d.value === 'old' ? 'old' : 'new')}
                aria-label="Incident"
              >
                <Radio value="new" label="A new incident" />
                <Radio value="old" label="An existing incident" />
              </RadioGroup>
              {into === 'old' ? (
                <>
                  <SearchBox
                    size="small"
                    style={{ maxWidth: 'none' }}
                    placeholder="Search by name or id"
                    value={find}
                    onChange={(_, d) => setFind(d.value)}
                  />
                  {found.isPending ? (
                    <Spinner size="tiny" label="Searching" />
                  ) : found.error ? (
                    <span>{describe(found.error)}</span>
                  ) : (
                    <RadioGroup
                      value={chosen?.id ?? ''}
                      onChange={(_, d) => {
                        const one = found.data.value.find((x) => x.id === d.value);
                        if (one) setChosen({ id: one.id, name: one.name });
                      }}
                      aria-label="Incidents"
                    >
                      <div className={s.found}>
                        {found.data.value.map((x) => (
                          <div key={x.id}>
                            <Radio value={x.id} label={`${x.id}: ${x.name} (${label(x.severity)}, ${label(x.status)})`} />
                          </div>
                        ))}
                        {found.data.value.length === 0 ? <div className={s.quiet}>No incident is like this.</div> : null}
                      </div>
                    </RadioGroup>
                  )}
                </>
              ) : null}
              <Field label="Alert title" required {...(tried && title.trim() === '' ? { validationMessage: 'Name the alert.' } : {})}>
                <Input value={title} maxLength={300} onChange={(_, d) => setTitle(d.value)} />
              </Field>
              <div className={s.two}>
                <Field label="Severity">
                  <Dropdown
                    className={s.drop}
                    value={label(severity)}
                    selectedOptions={[severity]}
                    onOptionSelect={(_, d) => setSeverity(severities.find((v) => v === d.optionValue) ?? severity)}
                  >
                    {severities.map((x) => (
                      <Option key={x} value={x}>
                        {label(x)}
                      </Option>
                    ))}
                  </Dropdown>
                </Field>
                <Field label="Category">
                  <Dropdown
                    className={s.drop}
                    value={label(category)}
                    selectedOptions={[category]}
                    onOptionSelect={(_, d) => setCategory(d.optionValue ?? category)}
                  >
                    {categories.map((x) => (
                      <Option key={x} value={x}>
                        {label(x)}
                      </Option>
                    ))}
                  </Dropdown>
                </Field>
              </div>
              <Field label="Description">
                <Textarea value={words} maxLength={8000} rows={3} onChange={(_, d) => setWords(d.value)} />
              </Field>
              <Field label="Recommended actions">
                <Textarea value={advice} maxLength={8000} rows={2} onChange={(_, d) => setAdvice(d.value)} />
              </Field>
            </>
          ) : step === 1 ? (
            <>
              <span className={s.quiet}>
                Rows with the same impacted assets become one alert: {alerts.toLocaleString()} {alerts === 1 ? 'alert' : 'alerts'} of{' '}
                {rows.length.toLocaleString()} {rows.length === 1 ? 'row' : 'rows'}.
              </span>
              {section('impacted', 'Impacted assets')}
              {section('related', 'Related evidence')}
            </>
          ) : (
            <dl className={s.facts}>
              <dt className={s.name}>Incident</dt>
              <dd className={s.value}>{into === 'old' && chosen ? `${chosen.id}: ${chosen.name}` : 'A new one'}</dd>
              <dt className={s.name}>Alerts</dt>
              <dd className={s.value}>
                {alerts.toLocaleString()} of {rows.length.toLocaleString()} {rows.length === 1 ? 'row' : 'rows'}
              </dd>
              <dt className={s.name}>Title</dt>
              <dd className={s.value}>{title}</dd>
              <dt className={s.name}>Severity, category</dt>
              <dd className={s.value}>
                {label(severity)}, {label(category)}
              </dd>
              <dt className={s.name}>Impacted assets</dt>
              <dd className={s.value}>
                {mappings
                  .filter((m) => m.role === 'impacted')
                  .map((m) => `${m.type} in ${m.column}`)
                  .join(', ')}
              </dd>
              <dt className={s.name}>Related evidence</dt>
              <dd className={s.value}>
                {mappings
                  .filter((m) => m.role === 'related')
                  .map((m) => `${m.type} in ${m.column}`)
                  .join(', ') || 'none'}
              </dd>
            </dl>
          )}
          {tried && trouble ? (
            <MessageBar intent="warning">
              <MessageBarBody>{trouble}</MessageBarBody>
            </MessageBar>
          ) : null}
          {error !== undefined ? (
            <MessageBar intent="error" role="alert">
              <MessageBarBody>{describe(error)}</MessageBarBody>
            </MessageBar>
          ) : null}
        </>
      )}
    </Wizard>
  );
}
