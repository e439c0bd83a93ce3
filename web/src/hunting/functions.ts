// Functions of the tenant as text.
import type { FunctionDraft, FunctionParameter, HuntFunction } from '../api/hunting';

// parameterText writes a parameter as it stands in a definition.
export function parameterText(p: FunctionParameter): string {
  if (p.type === 'table' || p.columns)
    return `${p.name}:(${(p.columns ?? []).length === 0 ? '*' : (p.columns ?? []).map((c) => `${c.name}:${c.type}`).join(', ')})`;
  return `${p.name}:${p.type}${p.default === undefined || p.default === '' ? '' : ` = ${p.default}`}`;
}

// signature is a function's name with its parameters.
export function signature(f: Pick<HuntFunction, 'name' | 'parameters'>): string {
  return `${f.name}(${(f.parameters ?? []).map(parameterText).join(', ')})`;
}

const values: Readonly<Record<string, string>> = {
  string: '""',
  int: '0',
  long: '0',
  real: '0.0',
  decimal: 'decimal(0)',
  bool: 'true',
  datetime: 'now()',
  timespan: '1h',
  dynamic: 'dynamic([])',
  guid: 'guid(null)',
};

// example writes a call: piped where the first parameter is a table.
export function example(f: HuntFunction): string {
  const parameters = f.parameters ?? [];
  const table = parameters[0] !== undefined && (parameters[0].type === 'table' || !!parameters[0].columns);
  const piped = table || (f.description ?? '').includes(`invoke ${f.name}`);
  const given = (table ? parameters.slice(1) : parameters).filter((p) => p.default === undefined || p.default === '');
  const args = given.map((p) => (p.type === 'table' ? 'T' : (values[p.type] ?? '""'))).join(', ');
  return piped ? `| invoke ${f.name}(${args})` : `${f.name}(${args})`;
}

// letText writes a function as a let statement, to be read, changed and tried in a query.
export function letText(f: HuntFunction): string {
  const body = (f.body ?? '').trim();
  const inside = body
    .split('\n')
    .map((l) => (l === '' ? '' : `    ${l}`))
    .join('\n');
  return `let ${f.name} = (${(f.parameters ?? []).map(parameterText).join(', ')}) {\n${inside}\n};\n${example(f).replace(/^\| invoke /, 'DeviceProcessEvents\n| invoke ')}`;
}

export function draftOf(f: HuntFunction): FunctionDraft {
  return {
    name: f.name,
    folder: f.folder ?? '',
    description: f.description ?? '',
    parameters: f.parameters ?? [],
    body: f.body ?? '',
    shared: f.kind === 'shared',
  };
}

export const parameterTypes = [
  'string',
  'int',
  'long',
  'real',
  'decimal',
  'bool',
  'datetime',
  'timespan',
  'dynamic',
  'guid',
  'table',
] as const;

// wrong says what is wrong with a function before the server is asked; undefined when nothing is.
export function wrong(draft: FunctionDraft): { field: 'name' | 'body' | number; message: string } | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(draft.name))
    return { field: 'name', message: 'Use letters, digits and underscores, and begin with a letter or underscore.' };
  if (draft.body.trim() === '') return { field: 'body', message: 'Enter the query that the function stands for.' };
  let defaults = false;
  for (const [i, p] of draft.parameters.entries()) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(p.name)) return { field: i, message: 'Use letters, digits and underscores for the name.' };
    if (draft.parameters.findIndex((x) => x.name === p.name) !== i) return { field: i, message: 'Another parameter has this name.' };
    if (p.type === 'table' && p.default) return { field: i, message: 'A table has no default.' };
    if (p.type === 'table' && i > 0 && draft.parameters[i - 1]?.type !== 'table')
      return { field: i, message: 'Tables come before other parameters.' };
    if (p.default) defaults = true;
    else if (defaults && p.type !== 'table') return { field: i, message: 'Parameters without a default come first.' };
  }
  return undefined;
}

// columnsOf reads "Name:string, Count:long" as the columns of a table parameter; undefined when it is none.
export function columnsOf(text: string): { name: string; type: string }[] | undefined {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed === '*') return [];
  const out = trimmed.split(',').map((part) => /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*:\s*([a-z]+)\s*$/.exec(part));
  return out.every((m) => m !== null) ? out.map((m) => ({ name: m[1] ?? '', type: m[2] ?? '' })) : undefined;
}
