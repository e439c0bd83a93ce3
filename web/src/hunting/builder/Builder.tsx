import {
  Button,
  Dropdown,
  Field,
  makeStyles,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  Option,
  Switch,
  tokens,
  Tooltip,
} from '@fluentui/react-components';
import { AddRegular, DeleteRegular, DismissRegular, LightbulbRegular } from '@fluentui/react-icons';
import type { TableInfo } from '../../api/hunting';
import { FilterPicker } from './FilterPicker';
import { incomplete, problem, reach } from './generate';
import {
  condition,
  conditions,
  depth,
  domains,
  emptyModel,
  group,
  insert,
  maxConditions,
  maxDepth,
  samples,
  update,
  type BuilderModel,
  type Condition,
  type Group,
} from './model';
import { offered, operatorOf, operators, propertyOf, type Property } from './properties';
import { builderSamples } from './samples';
import { ValueInput } from './ValueInput';

const useStyles = makeStyles({
  box: {
    height: '100%',
    overflowY: 'auto',
    boxSizing: 'border-box',
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM}`,
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalM,
  },
  top: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalM, alignItems: 'end' },
  fill: { minWidth: '180px' },
  group: {
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalS,
    paddingLeft: tokens.spacingHorizontalM,
    borderLeft: `2px solid ${tokens.colorBrandStroke2}`,
  },
  row: {
    display: 'grid',
    gridTemplateColumns: 'minmax(150px, 240px) minmax(130px, 190px) minmax(0, 1fr) auto',
    gap: tokens.spacingHorizontalS,
    alignItems: 'center',
    '@media (max-width: 899px)': { gridTemplateColumns: 'minmax(0, 1fr) minmax(0, 1fr) auto' },
  },
  value: { minWidth: 0, '@media (max-width: 899px)': { gridColumn: '1 / 3', gridRow: 2 } },
  actions: { display: 'flex', gap: tokens.spacingHorizontalS, flexWrap: 'wrap', alignItems: 'center' },
  join: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200, fontWeight: tokens.fontWeightSemibold },
  note: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

const words = { and: 'All of these hold (AND)', or: 'Any of these holds (OR)' };

// lockedWhy says why the simple form cannot show a model; undefined when it can.
export function lockedWhy(model: BuilderModel): string | undefined {
  if (model.root.op === 'or' || model.root.items.some((i) => i.kind === 'group'))
    return 'Groups are among all filters only. Clear all to go back.';
  const beyond = conditions(model.root).find((c) => !propertyOf(c.property)?.basic);
  return beyond ? `${propertyOf(beyond.property)?.label ?? 'A filter'} is among all filters only. Clear all to go back.` : undefined;
}

// fromProperty makes the condition for a filter that was just chosen.
function fromProperty(p: Property, before?: Condition): Condition {
  const keeps = before && propertyOf(before.property)?.type === p.type && p.type !== 'choice';
  const made = condition(p.id, keeps ? before.operator : (operators[p.type][0]?.id ?? ''), keeps ? before.values : []);
  return before ? { ...made, id: before.id } : made;
}

// Builder makes a query from filters, without the language.
export function Builder({
  model,
  tables,
  onChange,
}: {
  model: BuilderModel;
  tables: readonly TableInfo[];
  onChange: (model: BuilderModel) => void;
}) {
  const s = useStyles();
  const all = offered(model.domain, tables);
  const choices = model.mode === 'basic' ? all.filter((p) => p.basic) : all;
  const setRoot = (root: Group) => onChange({ ...model, root });
  const locked = lockedWhy(model);
  const why = incomplete(model);
  const asked = reach(model, tables);
  const full = conditions(model.root).length >= maxConditions;

  const row = (c: Condition) => {
    const p = propertyOf(c.property);
    const o = p ? operatorOf(p, c.operator) : undefined;
    return (
      <div key={c.id} className={s.row} role="group" aria-label={p ? p.label : 'Filter'}>
        <FilterPicker
          label={p?.label ?? 'Choose a filter'}
          offered={choices}
          onPick={(next) => setRoot(update(model.root, c.id, () => fromProperty(next, c)))}
        />
        {p ? (
          <Dropdown
            style={{ minWidth: 0 }}
            aria-label={`Operator of ${p.label}`}
            value={o?.label ?? ''}
            selectedOptions={[c.operator]}
            onOptionSelect={(_, d) => {
              const next = operatorOf(p, d.optionValue ?? '');
              if (next)
                setRoot(
                  update(model.root, c.id, (item) =>
                    item.kind === 'condition'
                      ? {
                          ...item,
                          operator: next.id,
                          values: next.values === 'none' ? [] : next.values === 'one' ? item.values.slice(0, 1) : item.values,
                        }
                      : item,
                  ),
                );
            }}
          >
            {operators[p.type].map((op) => (
              <Option key={op.id} value={op.id}>
                {op.label}
              </Option>
            ))}
          </Dropdown>
        ) : (
          <span />
        )}
        <div className={s.value}>
          {p && o ? (
            <ValueInput
              key={`${p.id} ${o.values}`}
              property={p}
              operator={o}
              values={c.values}
              tables={tables}
              onChange={(values) => setRoot(update(model.root, c.id, (item) => (item.kind === 'condition' ? { ...item, values } : item)))}
            />
          ) : null}
          {p && c.values.length > 0 && problem(c) ? <span className={s.note}>{problem(c)}</span> : null}
        </div>
        <Tooltip content={`Remove ${p?.label ?? 'the filter'}`} relationship="label">
          <Button appearance="subtle" icon={<DismissRegular />} onClick={() => setRoot(update(model.root, c.id, () => undefined))} />
        </Tooltip>
      </div>
    );
  };

  const block = (g: Group, level: number) => (
    <div
      key={g.id}
      className={level > 0 || model.mode === 'all' ? s.group : undefined}
      role="group"
      aria-label={words[g.op]}
      style={{ display: 'flex', flexDirection: 'column', gap: 8 }}
    >
      {model.mode === 'all' ? (
        <div className={s.actions}>
          <Dropdown
            size="small"
            aria-label="How the filters of this group are joined"
            value={words[g.op]}
            selectedOptions={[g.op]}
            style={{ minWidth: 220 }}
            onOptionSelect={(_, d) => {
              const op = d.optionValue === 'or' ? 'or' : 'and';
              setRoot(
                level === 0 ? { ...model.root, op } : update(model.root, g.id, (item) => (item.kind === 'group' ? { ...item, op } : item)),
              );
            }}
          >
            <Option value="and">{words.and}</Option>
            <Option value="or">{words.or}</Option>
          </Dropdown>
          {level > 0 ? (
            <Button
              size="small"
              appearance="subtle"
              icon={<DeleteRegular />}
              onClick={() => setRoot(update(model.root, g.id, () => undefined))}
            >
              Remove group
            </Button>
          ) : null}
        </div>
      ) : null}
      {g.items.map((item, i) => (
        <div key={item.id} style={{ display: 'flex', flexDirection: 'column', gap: 4 }}>
          {i > 0 ? <span className={s.join}>{g.op.toUpperCase()}</span> : null}
          {item.kind === 'group' ? block(item, level + 1) : row(item)}
        </div>
      ))}
      <div className={s.actions}>
        {full ? (
          <span className={s.note}>At most {maxConditions} filters.</span>
        ) : (
          <FilterPicker offered={choices} onPick={(p) => setRoot(insert(model.root, g.id, fromProperty(p)))} />
        )}
        {model.mode === 'all' && level + 1 < maxDepth && depth(model.root) <= maxDepth ? (
          <Button
            size="small"
            appearance="subtle"
            icon={<AddRegular />}
            onClick={() => setRoot(insert(model.root, g.id, group(g.op === 'and' ? 'or' : 'and')))}
          >
            Add group
          </Button>
        ) : null}
      </div>
    </div>
  );

  const fitting = builderSamples.filter((x) => model.domain === 'all' || x.domain === model.domain);
  return (
    <div className={s.box} data-testid="query-builder">
      <div className={s.top}>
        <Field label="View in" size="small">
          <Dropdown
            className={s.fill}
            size="small"
            value={domains.find((d) => d.id === model.domain)?.label ?? ''}
            selectedOptions={[model.domain]}
            onOptionSelect={(_, d) => {
              const domain = domains.find((x) => x.id === d.optionValue)?.id ?? 'all';
              const keep = conditions(model.root).every((c) => propertyOf(c.property)?.domains.includes(domain) ?? true);
              onChange(keep ? { ...model, domain } : { ...emptyModel(domain), mode: model.mode, sample: model.sample });
            }}
          >
            {domains.map((d) => (
              <Option key={d.id} value={d.id}>
                {d.label}
              </Option>
            ))}
          </Dropdown>
        </Field>
        <Field label="Sample size" size="small">
          <Dropdown
            size="small"
            style={{ minWidth: 110 }}
            value={model.sample.toLocaleString()}
            selectedOptions={[String(model.sample)]}
            onOptionSelect={(_, d) => onChange({ ...model, sample: samples.find((n) => String(n) === d.optionValue) ?? 10_000 })}
          >
            {samples.map((n) => (
              <Option key={n} value={String(n)}>
                {n.toLocaleString()}
              </Option>
            ))}
          </Dropdown>
        </Field>
        <Tooltip content={locked ?? 'Every filter, with AND, OR and groups'} relationship="description">
          <Switch
            label="All filters"
            checked={model.mode === 'all'}
            disabled={model.mode === 'all' && locked !== undefined}
            onChange={(_, d) => onChange({ ...model, mode: d.checked ? 'all' : 'basic' })}
          />
        </Tooltip>
        <Menu>
          <MenuTrigger disableButtonEnhancement>
            <Button size="small" icon={<LightbulbRegular />}>
              Load sample queries
            </Button>
          </MenuTrigger>
          <MenuPopover>
            <MenuList>
              {fitting.map((x) => (
                <MenuItem key={x.title} onClick={() => onChange({ ...x.make(), sample: model.sample })}>
                  {x.title}
                </MenuItem>
              ))}
            </MenuList>
          </MenuPopover>
        </Menu>
        <Button
          size="small"
          appearance="subtle"
          disabled={model.root.items.length === 0}
          onClick={() => onChange({ ...emptyModel(model.domain), sample: model.sample })}
        >
          Clear all
        </Button>
      </div>
      {block(model.root, 0)}
      <span className={s.note} role="status">
        {why ?? (asked.length === 0 ? 'No table holds rows for which all of this can be asked.' : `Asks ${asked.join(', ')}.`)}
      </span>
    </div>
  );
}
