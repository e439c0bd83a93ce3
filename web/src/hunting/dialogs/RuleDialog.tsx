import { useMemo, useState } from 'react';
import {
  Dropdown,
  Field,
  Input,
  makeStyles,
  MessageBar,
  MessageBarBody,
  Option,
  Spinner,
  Textarea,
  tokens,
} from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { rules } from '../../api/endpoints';
import { hunt } from '../../api/hunting';
import { describe, useNotify } from '../../app/notify';
import { FormDialog, useSubmit } from '../../design/dialog/FormDialog';
import { asSentence } from '../../design/states';
import { label } from '../../design/words';
import { description as descriptionOf } from '../statement';
import { alertCount, categories, guessImpacted, problems, ruleText, schedules, workloadOf, type RuleDraft } from '../ruleText';

const useStyles = makeStyles({
  pair: {
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fit, minmax(200px, 1fr))',
    gap: tokens.spacingHorizontalM,
    alignItems: 'start',
    '& > *': { minWidth: 0 },
  },
  code: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 },
  fill: { minWidth: 0 },
});

const severities = ['informational', 'low', 'medium', 'high'] as const;
const kinds = [
  ['device', 'Device'],
  ['user', 'User'],
  ['mailbox', 'Mailbox'],
] as const;
const maxAlerts = 150;
const spans: Readonly<Record<string, string>> = { '4h': 'PT4H', '12h': 'PT12H', '48h': 'P2D', '30d': 'P30D' };

// RuleDialog makes a detection rule of a query. It runs the query over the rule's lookback first, so that one sees what the rule would raise.
export function RuleDialog({ query, name, onClose }: { query: string; name: string; onClose: () => void }) {
  const s = useStyles();
  const navigate = useNavigate();
  const client = useQueryClient();
  const { notify } = useNotify();
  const [title, setTitle] = useState(descriptionOf(query) || (name.startsWith('New query') ? '' : name));
  const [about, setAbout] = useState('');
  const [recommended, setRecommended] = useState('');
  const [severity, setSeverity] = useState<RuleDraft['severity']>('medium');
  const [category, setCategory] = useState<string>('SuspiciousActivity');
  const [techniques, setTechniques] = useState('');
  const [schedule, setSchedule] = useState(0);
  const [text, setText] = useState(query);
  const [impacted, setImpacted] = useState<RuleDraft['impacted'] | undefined>();
  const [alertTitle, setAlertTitle] = useState('');
  const [tried, setTried] = useState(false);
  const { busy, refusal, submit } = useSubmit();
  const { frequency, lookback } = schedules[schedule] ?? { frequency: '1h', lookback: '4h' };

  const [trialText, setTrialText] = useState(query);
  const trial = useQuery({
    queryKey: ['hunting', 'trial', trialText, lookback],
    queryFn: ({ signal }) => hunt.run({ query: trialText, limit: 10_000, timespan: spans[lookback] ?? 'P30D' }, signal),
    retry: false,
    staleTime: 60_000,
  });
  const columns = useMemo(() => trial.data?.schema?.map((c) => c.name), [trial.data]);
  const about1 = impacted ?? guessImpacted(columns ?? []);
  const draft: RuleDraft = {
    title,
    description: about,
    severity,
    category,
    techniques: techniques.split(/[\s,;]+/).filter((t) => t !== ''),
    recommended,
    workload: workloadOf(text),
    frequency,
    lookback,
    query: text,
    impacted: about1,
    alertTitle,
  };
  const wrong = tried ? problems(draft, columns) : {};
  const says = (field: keyof typeof wrong) => (wrong[field] ? { validationMessage: wrong[field] } : {});
  const count = trial.data ? alertCount(trial.data.rows ?? [], columns ?? [], about1) : 0;
  const rows = trial.data?.rows?.length ?? 0;
  const timed = columns?.some((c) => c === 'Timestamp' || c === 'TimeGenerated');
  const save = async () => {
    setTried(true);
    if (Object.keys(problems(draft, columns)).length > 0) return;
    await submit(async () => {
      const rule = await rules.create('kql', ruleText(draft));
      await client.invalidateQueries({ queryKey: ['hunting', 'rules'] });
      notify({ title: `Created the rule "${rule.title}"`, body: 'It runs by its schedule from now on.' });
      onClose();
      void navigate({ to: '/rules/$ruleId', params: { ruleId: rule.id } });
    });
  };
  return (
    <FormDialog
      wide
      title="Create detection rule"
      action="Create"
      busy={busy}
      refusal={refusal}
      onSubmit={() => void save()}
      onClose={onClose}
    >
      <Field label="Title" required {...says('title')}>
        <Input value={title} maxLength={200} autoFocus onChange={(_, d) => setTitle(d.value)} />
      </Field>
      <div className={s.pair}>
        <Field label="Severity">
          <Dropdown
            className={s.fill}
            style={{ minWidth: 0 }}
            value={label(severity)}
            selectedOptions={[severity]}
            onOptionSelect={(_, d) => setSeverity((d.optionValue ?? 'medium') as RuleDraft['severity'])}
          >
            {severities.map((v) => (
              <Option key={v} value={v}>
                {label(v)}
              </Option>
            ))}
          </Dropdown>
        </Field>
        <Field label="Category">
          <Dropdown
            style={{ minWidth: 0 }}
            value={label(category)}
            selectedOptions={[category]}
            onOptionSelect={(_, d) => setCategory(d.optionValue ?? 'SuspiciousActivity')}
          >
            {categories.map((c) => (
              <Option key={c} value={c}>
                {label(c)}
              </Option>
            ))}
          </Dropdown>
        </Field>
        <Field label="ATT&CK techniques" {...says('techniques')}>
          <Input style={{ minWidth: 0 }} placeholder="T1059.001, T1003" value={techniques} onChange={(_, d) => setTechniques(d.value)} />
        </Field>
      </div>
      <div className={s.pair}>
        <Field label="Runs">
          <Dropdown
            style={{ minWidth: 0 }}
            value={schedules[schedule]?.label ?? ''}
            selectedOptions={[String(schedule)]}
            onOptionSelect={(_, d) => setSchedule(Number(d.optionValue ?? 0))}
          >
            {schedules.map((x, i) => (
              <Option key={x.frequency} value={String(i)}>
                {x.label}
              </Option>
            ))}
          </Dropdown>
        </Field>
        <Field label="Title of its alerts" hint="{Column} stands for the value of a row; empty: the rule's title." {...says('alertTitle')}>
          <Input style={{ minWidth: 0 }} value={alertTitle} onChange={(_, d) => setAlertTitle(d.value)} />
        </Field>
      </div>
      <Field label="What the alerts are about" required {...says('impacted')}>
        <div className={s.pair}>
          {kinds.map(([kind, word]) => (
            <Dropdown
              key={kind}
              style={{ minWidth: 0 }}
              aria-label={`Column of the ${word.toLowerCase()}`}
              placeholder={`${word}: none`}
              value={about1[kind] ? `${word}: ${about1[kind]}` : ''}
              selectedOptions={[about1[kind] ?? '']}
              onOptionSelect={(_, d) => setImpacted({ ...about1, [kind]: d.optionValue ?? '' })}
            >
              <Option value="" text={`${word}: none`}>
                None
              </Option>
              {(columns ?? []).map((c) => (
                <Option key={c} value={c} text={`${word}: ${c}`}>
                  {c}
                </Option>
              ))}
            </Dropdown>
          ))}
        </div>
      </Field>
      <Field label="Description">
        <Textarea rows={2} maxLength={4000} value={about} onChange={(_, d) => setAbout(d.value)} />
      </Field>
      <Field label="Recommended actions">
        <Textarea rows={2} maxLength={4000} value={recommended} onChange={(_, d) => setRecommended(d.value)} />
      </Field>
      <Field label="Query" required {...says('query')}>
        <Textarea
          rows={7}
          resize="vertical"
          textarea={{ className: s.code, spellCheck: false }}
          value={text}
          onChange={(_, d) => setText(d.value)}
          onBlur={() => setTrialText(text)}
        />
      </Field>
      <div role="status" aria-live="polite">
        {trial.isFetching ? (
          <Spinner size="tiny" label="Trying the query over the lookback" labelPosition="after" style={{ justifyContent: 'flex-start' }} />
        ) : trial.error ? (
          <MessageBar intent="error" layout="multiline">
            <MessageBarBody>The query does not run: {asSentence(describe(trial.error))}</MessageBarBody>
          </MessageBar>
        ) : (
          <MessageBar intent={count > maxAlerts ? 'warning' : 'info'} layout="multiline">
            <MessageBarBody>
              {rows === 0
                ? 'The query finds nothing in the lookback: the rule would raise no alert now.'
                : count === 0
                  ? `The query finds ${rows.toLocaleString()} rows. Choose what the alerts are about to see how many there would be.`
                  : `The query finds ${rows.toLocaleString()} ${rows === 1 ? 'row' : 'rows'}: ${count.toLocaleString()} ${count === 1 ? 'alert' : 'alerts'}${count > maxAlerts ? `, of which a run raises ${maxAlerts}. Narrow the query or raise the alert for something larger` : ''}.`}
              {timed === false ? ' It has no column Timestamp, so alerts take the time of the run.' : ''}
            </MessageBarBody>
          </MessageBar>
        )}
      </div>
    </FormDialog>
  );
}
