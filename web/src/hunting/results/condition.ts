// Lines for the query out of a value of its result.
import type { Cell } from '../../api/types';
import { columnName, quoted, typed } from '../kqltext';
import { cellText, isEmpty, isNumeric } from './cells';

export type Test = '==' | '!=' | 'contains' | '!contains' | 'startswith' | 'endswith' | '>=' | '<=';

// condition is the line that keeps (or drops) the rows whose column is like a cell.
export function condition(column: { name: string; type: string }, cell: Cell | undefined, test: Test): string {
  const name = columnName(column.name);
  const { type } = column;
  if (isEmpty(cell) && (test === '==' || test === '!=')) {
    const texts = type === 'string' || type === 'dynamic';
    return `| where ${test === '==' ? (texts ? 'isempty' : 'isnull') : texts ? 'isnotempty' : 'isnotnull'}(${name})`;
  }
  if (test === '==' || test === '!=' || test === '>=' || test === '<=') {
    const left = type === 'dynamic' ? `tostring(${name})` : name;
    return `| where ${left} ${test} ${typed(cellText(cell), type)}`;
  }
  return `| where ${type === 'string' ? name : `tostring(${name})`} ${test} ${quoted(cellText(cell))}`;
}

// testsOf are the tests that make sense for a type.
export function testsOf(type: string, cell: Cell | undefined): readonly Test[] {
  if (isEmpty(cell)) return ['==', '!='];
  if (isNumeric(type) || type === 'datetime' || type === 'timespan') return ['==', '!=', '>=', '<='];
  if (type === 'bool') return ['==', '!='];
  return ['==', '!=', 'contains', '!contains', 'startswith', 'endswith'];
}

export const testWords: Record<Test, string> = {
  '==': 'Equals',
  '!=': 'Does not equal',
  contains: 'Contains',
  '!contains': 'Does not contain',
  startswith: 'Starts with',
  endswith: 'Ends with',
  '>=': 'At least',
  '<=': 'At most',
};

export type Path = readonly (string | number)[];

// pathText writes where a value stands within a cell that holds a structure. A text cell is parsed first.
export function pathText(column: { name: string; type: string }, path: Path): string {
  const root = column.type === 'dynamic' ? columnName(column.name) : `parse_json(${columnName(column.name)})`;
  return (
    root + path.map((p) => (typeof p === 'number' ? `[${p}]` : /^[A-Za-z_][A-Za-z0-9_]*$/.test(p) ? `.${p}` : `[${quoted(p)}]`)).join('')
  );
}

const scalar = (found: Cell | undefined, text: string): string =>
  typeof found === 'boolean'
    ? `tobool(${text})`
    : typeof found === 'number'
      ? `${Number.isInteger(found) ? 'tolong' : 'toreal'}(${text})`
      : found !== null && typeof found === 'object'
        ? text
        : `tostring(${text})`;

// include is the line that keeps or drops the rows with a value at a path.
export function include(column: { name: string; type: string }, path: Path, found: Cell | undefined, keep: boolean): string {
  const left = pathText(column, path);
  if (found === null || found === undefined) return `| where ${keep ? 'isnull' : 'isnotnull'}(${left})`;
  if (typeof found === 'object') return `| where ${keep ? 'isnotempty' : 'isempty'}(tostring(${left}))`;
  return `| where ${scalar(found, left)} ${keep ? '==' : '!='} ${typeof found === 'string' ? quoted(found) : String(found)}`;
}

// extend is the line that makes a path a column of its own, under a name that the result does not have yet.
export function extend(column: { name: string; type: string }, path: Path, found: Cell | undefined, taken: ReadonlySet<string>): string {
  const words = path
    .filter((p) => typeof p === 'string')
    .join('_')
    .replace(/[^A-Za-z0-9_]+/g, '_');
  let name = /^[A-Za-z_]/.test(words) ? words : `${column.name.replace(/[^A-Za-z0-9_]+/g, '_')}_${words || path.join('_')}`;
  for (let n = 2; taken.has(name); n++) name = `${name.replace(/_\d+$/, '')}_${n}`;
  return `| extend ${columnName(name)} = ${scalar(found, pathText(column, path))}`;
}
