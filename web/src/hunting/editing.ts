// What the page may ask of an editor of queries, whichever of the two is shown.
import type { Ref } from 'react';
import type { HuntFunction, TableInfo } from '../api/hunting';
import type { Diagnostic } from '../api/types';
import type { ThemeName } from '../app/theme';
import type { Block } from './statement';

export interface EditorHandle {
  // current is what Run runs: the block under the cursor.
  current: () => Block | undefined;
  selection: () => Block | undefined;
  insert: (text: string) => void;
  // replace changes the whole text in a way that the person can undo.
  replace: (text: string) => void;
  show: (problems: readonly Diagnostic[], offset: number) => void;
  format: () => Promise<void>;
  toggleComment: () => void;
  nextProblem: () => void;
  focus: () => void;
}

export interface EditorProps {
  ref?: Ref<EditorHandle>;
  tabId: string;
  text: string;
  tables: readonly TableInfo[];
  functions: readonly HuntFunction[];
  theme: ThemeName;
  onChange: (text: string) => void;
  onRun: (block: Block | undefined) => void;
  onCancel: () => void;
  // Told when the problems of the text are known, and when a format could not be done.
  onProblems: (problems: readonly Diagnostic[]) => void;
  onFormatFailed: (err: unknown) => void;
}

// suggestions reads the names out of a hint, "did you mean `A` or `B`?".
export function suggestions(hint: string | undefined): string[] {
  if (!hint || !/did you mean/i.test(hint)) return [];
  return [...hint.matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? '').filter((name) => name !== '');
}

// actionContext says whether a cursor stands where a value of ActionType belongs, and whether its quote is open already.
export function actionContext(before: string): { quoted: boolean; typed: string } | undefined {
  const m =
    /\bActionType\s*(?:==|=~|!=|!~|!?in~?|!?has(?:_any|_cs)?|!?contains|!?startswith)\s*\(?\s*(?:"[^"\n]*"\s*,\s*)*("?)([A-Za-z0-9_.-]*)$/.exec(
      before,
    );
  return m ? { quoted: m[1] === '"', typed: m[2] ?? '' } : undefined;
}

// actionTypes lists the values of ActionType for the tables that a query names, or for all when it names none.
export function actionTypes(query: string, tables: readonly TableInfo[]): { value: string; table: string }[] {
  const named = tables.filter((t) => (t.actionTypes ?? []).length > 0 && new RegExp(`\\b${t.name}\\b`).test(query));
  const seen = new Map<string, string>();
  for (const t of named.length > 0 ? named : tables) for (const a of t.actionTypes ?? []) if (!seen.has(a)) seen.set(a, t.name);
  return [...seen].map(([value, table]) => ({ value, table })).sort((a, b) => (a.value < b.value ? -1 : 1));
}

// widened is a problem whose end reaches to the end of the word at its place, for an answer that names the beginning only. Lines are those of the text.
export function widened(problem: Diagnostic, text: string): Diagnostic {
  if (problem.endLine !== problem.line || problem.endColumn > problem.column + 1) return problem;
  const line = text.split(/\r?\n/)[problem.line - 1] ?? '';
  const word = /^[A-Za-z_][A-Za-z0-9_]*/.exec(line.slice(problem.column - 1))?.[0] ?? '';
  return word.length > 1 ? { ...problem, endColumn: problem.column + word.length } : problem;
}
