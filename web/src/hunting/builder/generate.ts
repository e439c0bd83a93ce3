// Writes the query of a builder's model. Every value passes through kqltext; names of tables and columns come from the list of properties.
import type { SchemaTable } from '../../api/types';
import { datetime, list, quoted } from '../kqltext';
import { conditions, depth, maxConditions, maxDepth, maxValues, type BuilderModel, type Condition, type Group, type Item } from './model';
import { carriers, operatorOf, propertyOf, type Property } from './properties';

// problem says why a condition cannot be asked yet, in words for the person; undefined when it can.
export function problem(c: Condition): string | undefined {
  const p = propertyOf(c.property);
  if (!p) return 'Choose a filter.';
  const o = operatorOf(p, c.operator);
  if (!o) return 'Choose an operator.';
  if (o.values === 'none') return undefined;
  if (c.values.length === 0) return 'Enter a value.';
  if (c.values.length > maxValues) return `At most ${maxValues} values.`;
  if (p.type === 'number' && c.values.some((v) => !/^-?\d{1,18}$/.test(v.trim()))) return 'Enter whole numbers.';
  if (p.type === 'datetime' && c.values.some((v) => Number.isNaN(Date.parse(v)))) return 'Enter a date and time.';
  return undefined;
}

// incomplete says why a model cannot run; undefined when it can.
export function incomplete(model: BuilderModel): string | undefined {
  const all = conditions(model.root);
  if (all.length === 0) return 'Add a filter to run the query.';
  if (all.length > maxConditions) return `At most ${maxConditions} filters.`;
  if (depth(model.root) > maxDepth) return `Groups nest at most ${maxDepth} deep.`;
  const first = all.map((c) => [c, problem(c)] as const).find(([, why]) => why);
  if (first) {
    const label = propertyOf(first[0].property)?.label;
    return label ? `${label}: ${first[1] ?? ''}` : first[1];
  }
  const empty = (g: Group): boolean => g.items.some((i) => i.kind === 'group' && (i.items.length === 0 || empty(i)));
  if (empty(model.root)) return 'A group has no filter. Add one or remove the group.';
  return undefined;
}

const any = (tests: readonly string[]) => (tests.length === 1 ? (tests[0] ?? '') : `(${tests.join(' or ')})`);
const every = (tests: readonly string[]) => (tests.length === 1 ? (tests[0] ?? '') : `(${tests.join(' and ')})`);

const perValue: Readonly<Record<string, string>> = {
  contains: 'contains',
  notContains: '!contains',
  startsWith: 'startswith',
  notStartsWith: '!startswith',
  endsWith: 'endswith',
  notEndsWith: '!endswith',
};

const comparison: Readonly<Record<string, string>> = { greater: '>', atLeast: '>=', less: '<', atMost: '<=', after: '>', before: '<' };

// test writes a condition on one column.
function test(p: Property, c: Condition, column: string): string {
  const [first = ''] = c.values;
  switch (c.operator) {
    case 'empty':
      return `isempty(${column})`;
    case 'notEmpty':
      return `isnotempty(${column})`;
    case 'true':
      return `${column} == true`;
    case 'false':
      return `${column} == false`;
    case 'in':
      return c.values.length === 1 ? `${column} == ${quoted(first)}` : `${column} in ${list(c.values)}`;
    case 'notIn':
      return c.values.length === 1 ? `${column} != ${quoted(first)}` : `${column} !in ${list(c.values)}`;
    case 'has':
      return c.values.length === 1 ? `${column} has ${quoted(first)}` : `${column} has_any ${list(c.values)}`;
    case 'equals':
    case 'notEquals': {
      const not = c.operator === 'notEquals';
      if (p.type === 'number') {
        const numbers = c.values.map((v) => v.trim());
        return numbers.length === 1
          ? `${column} ${not ? '!=' : '=='} ${numbers[0] ?? ''}`
          : `${column} ${not ? '!in' : 'in'} (${numbers.join(', ')})`;
      }
      return c.values.length === 1
        ? `${column} ${not ? '!~' : '=~'} ${quoted(first)}`
        : `${column} ${not ? '!in~' : 'in~'} ${list(c.values)}`;
    }
  }
  const compare = comparison[c.operator];
  if (compare) return `${column} ${compare} ${p.type === 'datetime' ? datetime(first) : first.trim()}`;
  const word = perValue[c.operator] ?? 'contains';
  const tests = c.values.map((v) => `${column} ${word} ${quoted(v)}`);
  return word.startsWith('!') ? every(tests) : any(tests);
}

// across writes a condition on all columns that carry its property: one of them must hold, or all of them where it is negated.
function across(p: Property, c: Condition, columns: readonly string[]): string {
  const tests = columns.map((column) => test(p, c, column));
  return operatorOf(p, c.operator)?.negative ? every(tests) : any(tests);
}

const stateKeys: Record<'DeviceInfo' | 'IdentityInfo', { key: string; in: readonly string[] }> = {
  DeviceInfo: { key: 'DeviceId', in: ['DeviceId'] },
  IdentityInfo: { key: 'AccountUpn', in: ['AccountUpn', 'InitiatingProcessAccountUpn', 'RecipientEmailAddress'] },
};

interface State {
  name: string;
  text: string;
}

// generate writes the query of a complete model. tables are those the person may see.
export function generate(model: BuilderModel, tables: readonly SchemaTable[]): string {
  const asked = conditions(model.root).flatMap((c) => propertyOf(c.property) ?? []);
  const events = asked.some((p) => !p.state);
  const candidates = new Set<string>();
  for (const p of asked) if (events ? !p.state : true) for (const c of carriers(p, tables)) candidates.add(c.table);
  const columnsOf = (table: string) => tables.find((t) => t.name === table)?.columns.map((c) => c.name) ?? [];
  const states: State[] = [];

  // onState is a condition on an entity's newest state, for rows of other tables: their entity is among those of a let statement.
  const onState = (p: Property, state: 'DeviceInfo' | 'IdentityInfo', c: Condition, table: string): string | undefined => {
    const { key, in: columns } = stateKeys[state];
    const column = columns.find((name) => columnsOf(table).includes(name));
    const own = carriers(p, tables).find((x) => x.table === state);
    if (!column || !own) return undefined;
    const body = `${state}\n    | summarize arg_max(Timestamp, *) by ${key}\n    | where ${across(p, c, own.columns)}\n    | project ${key}`;
    let found = states.find((s) => s.text === body);
    if (!found) {
      found = { name: `${state === 'DeviceInfo' ? 'Devices' : 'Accounts'}${states.length + 1}`, text: body };
      states.push(found);
    }
    return state === 'IdentityInfo' ? `${column} in~ (${found.name})` : `${column} in (${found.name})`;
  };

  // write is an item for rows of one table; undefined where no row of it can hold.
  const write = (item: Item, table: string, top: boolean): string | undefined => {
    if (item.kind === 'condition') {
      const p = propertyOf(item.property);
      if (!p) return undefined;
      const own = carriers(p, tables).find((x) => x.table === table);
      if (own) return across(p, item, own.columns);
      return p.state && events ? onState(p, p.state, item, table) : undefined;
    }
    const parts = item.items.map((i) => write(i, table, false));
    if (item.op === 'and') {
      if (parts.some((x) => x === undefined)) return undefined;
      return top ? parts.join('\n    and ') : every(parts as string[]);
    }
    const some = parts.filter((x) => x !== undefined);
    if (some.length === 0) return undefined;
    return top ? some.join('\n    or ') : any(some);
  };

  const sources = [...candidates].flatMap((table) => {
    const where = write(model.root, table, true);
    return where === undefined ? [] : [{ table, where }];
  });
  const lets = states.map((s) => `let ${s.name} = ${s.text};`);
  const tail = `| top ${model.sample} by Timestamp desc`;
  const newest = (table: string) => (table === 'DeviceInfo' ? 'DeviceId' : table === 'IdentityInfo' ? 'AccountUpn' : '');
  const body = (s: { table: string; where: string }) =>
    newest(s.table)
      ? `${s.table}\n| summarize arg_max(Timestamp, *) by ${newest(s.table)}\n| where ${s.where}`
      : `${s.table}\n| where ${s.where}`;
  const [only] = sources;
  if (!only) return '';
  if (sources.length === 1) return [...lets, body(only), tail].join('\n');
  const branches = sources.map((s) => `    (${body(s).replaceAll('\n', '\n    ')}\n    | extend SourceTable = ${quoted(s.table)})`);
  return [...lets, `union\n${branches.join(',\n')}`, '| project-reorder Timestamp, SourceTable', tail].join('\n');
}

// reach says which tables a model asks, for the line below the conditions.
export function reach(model: BuilderModel, tables: readonly SchemaTable[]): string[] {
  if (incomplete(model)) return [];
  const text = generate(model, tables);
  return tables.filter((t) => new RegExp(`\\b${t.name}\\b`).test(text.replace(/"(?:[^"\\]|\\.)*"/g, '""'))).map((t) => t.name);
}
