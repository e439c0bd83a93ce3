import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TableInfo } from '../../api/hunting';
import { lockedWhy } from './Builder';
import { generate, incomplete, reach } from './generate';
import { condition, emptyModel, group, insert, update, type BuilderModel, type Group } from './model';
import { operators, offered, properties } from './properties';
import { builderSamples } from './samples';

// The hunting schema itself, so that a name that is no column fails here.
const tables = (
  JSON.parse(readFileSync(new URL('../../../../internal/schema/tables.json', import.meta.url), 'utf8')) as { tables: TableInfo[] }
).tables;

const model = (root: Group, domain: BuilderModel['domain'] = 'all'): BuilderModel => ({ ...emptyModel(domain), mode: 'all', root });

describe('properties', () => {
  it('name tables and columns that are there', () => {
    for (const p of properties)
      for (const [table, columns] of Object.entries(p.columns)) {
        const known = tables.find((t) => t.name === table);
        expect(known, `${p.id}: ${table}`).toBeDefined();
        for (const c of columns)
          expect(
            known?.columns.map((k) => k.name),
            `${p.id}: ${table}`,
          ).toContain(c);
      }
  });
  it('have one id each and fit the type of their columns', () => {
    expect(new Set(properties.map((p) => p.id)).size).toBe(properties.length);
    const fits: Record<string, RegExp> = {
      string: /^(string|dynamic)$/,
      choice: /^string$/,
      number: /^(int|long|real)$/,
      bool: /^bool$/,
      datetime: /^datetime$/,
    };
    for (const p of properties)
      for (const [table, columns] of Object.entries(p.columns))
        for (const c of columns)
          expect(tables.find((t) => t.name === table)?.columns.find((k) => k.name === c)?.type, `${p.id}: ${table}.${c}`).toMatch(
            fits[p.type] ?? /x/,
          );
  });
  it('are offered by domain and by what may be seen', () => {
    expect(offered('email', tables).every((p) => p.section === 'Email events' || p.section === 'Time')).toBe(true);
    expect(
      offered(
        'all',
        tables.filter((t) => t.name === 'EmailUrlInfo'),
      ).map((p) => p.id),
    ).toEqual(['time.timestamp', 'email.message', 'email.url', 'email.urlDomain']);
  });
});

describe('generate', () => {
  it('writes one table plainly', () => {
    expect(
      generate(model(group('and', [condition('process.name', 'equals', ['a.exe']), condition('process.pid', 'greater', ['4'])])), tables),
    ).toBe('DeviceProcessEvents\n| where FileName =~ "a.exe"\n    and ProcessId > 4\n| top 10000 by Timestamp desc');
  });
  it('unites the tables that carry a property', () => {
    const text = generate(model(group('and', [condition('email.recipient', 'equals', ['a@b', 'c@d'])])), tables);
    expect(text).toContain('EmailEvents\n    | where RecipientEmailAddress in~ ("a@b", "c@d")');
    expect(text).toContain('UrlClickEvents\n    | where AccountUpn in~ ("a@b", "c@d")');
    expect(text).toMatch(/^union\n/);
    expect(text).toContain('| extend SourceTable = "UrlClickEvents"');
  });
  it('drops tables for which a condition cannot hold, and keeps those of an alternative', () => {
    const and = generate(
      model(group('and', [condition('deviceEvents.name', 'equals', ['pc']), condition('ip.port', 'equals', ['443'])])),
      tables,
    );
    expect(and).not.toContain('DeviceProcessEvents');
    expect(and).toContain('DeviceNetworkEvents');
    const or = generate(
      model(group('or', [condition('process.name', 'equals', ['a']), condition('email.subject', 'contains', ['b'])])),
      tables,
    );
    expect(or).toContain('DeviceProcessEvents');
    expect(or).toContain('EmailEvents');
  });
  it('asks all columns of a property: any for yes, every for no', () => {
    expect(generate(model(group('and', [condition('email.ip', 'equals', ['1.2.3.4'])])), tables)).toContain(
      '(SenderIPv4 =~ "1.2.3.4" or SenderIPv6 =~ "1.2.3.4")',
    );
    expect(generate(model(group('and', [condition('email.ip', 'notEquals', ['1.2.3.4'])])), tables)).toContain(
      '(SenderIPv4 !~ "1.2.3.4" and SenderIPv6 !~ "1.2.3.4")',
    );
  });
  it('nests groups in brackets', () => {
    const root = group('and', [
      condition('process.name', 'equals', ['a']),
      group('or', [
        condition('process.command', 'contains', ['x', 'y']),
        group('and', [condition('process.account', 'startsWith', ['s']), condition('process.integrity', 'in', ['High'])]),
      ]),
    ]);
    expect(generate(model(root), tables)).toContain(
      'FileName =~ "a"\n    and ((ProcessCommandLine contains "x" or ProcessCommandLine contains "y") or (AccountName startswith "s" and ProcessIntegrityLevel == "High"))',
    );
  });
  it('matches events by the newest state of their device', () => {
    const text = generate(
      model(group('and', [condition('device.os', 'equals', ['Linux']), condition('process.name', 'equals', ['bash'])])),
      tables,
    );
    expect(text).toContain(
      'let Devices1 = DeviceInfo\n    | summarize arg_max(Timestamp, *) by DeviceId\n    | where OSPlatform =~ "Linux"\n    | project DeviceId;',
    );
    expect(text).toContain('DeviceId in (Devices1)');
    const alone = generate(model(group('and', [condition('device.os', 'equals', ['Linux'])])), tables);
    expect(alone).toBe(
      'DeviceInfo\n| summarize arg_max(Timestamp, *) by DeviceId\n| where OSPlatform =~ "Linux"\n| top 10000 by Timestamp desc',
    );
  });
  it('keeps every value within its string', () => {
    const nasty = ['"', '\\', '") | take 1 //', 'a\n| b', "'", '\u0000'];
    for (const p of properties.filter((x) => x.type === 'string'))
      for (const o of operators.string.filter((x) => x.values === 'many')) {
        const text = generate(model(group('and', [condition(p.id, o.id, nasty)])), tables);
        const bare = text.replace(/"(?:[^"\\\n]|\\.)*"/g, 'S');
        expect(bare, `${p.id} ${o.id}`).not.toMatch(/["'\\]|take 1|\| b/);
      }
  });
  it('takes numbers and times only where they are such', () => {
    expect(incomplete(model(group('and', [condition('process.pid', 'greater', ['1 or true'])])))).toMatch(/whole numbers/);
    expect(incomplete(model(group('and', [condition('process.started', 'after', ['soon'])])))).toMatch(/date/);
  });
});

describe('models', () => {
  it('say what is missing', () => {
    expect(incomplete(emptyModel())).toMatch(/Add a filter/);
    expect(incomplete(model(group('and', [condition('process.name', 'equals')])))).toBe('Process file name: Enter a value.');
    expect(incomplete(model(group('and', [condition('process.name', 'empty'), group('or')])))).toMatch(/no filter/);
    expect(incomplete(model(group('and', [condition('process.name', 'empty')])))).toBeUndefined();
    expect(incomplete(model(group('and', [condition('gone', 'equals', ['x'])])))).toMatch(/Choose/);
  });
  it('change at any depth', () => {
    const inner = group('or', [condition('process.name', 'equals', ['a'])]);
    let root = group('and', [inner]);
    root = insert(root, inner.id, condition('file.name', 'empty'));
    const second = root.items[0]?.kind === 'group' ? root.items[0].items[1] : undefined;
    expect(second).toBeDefined();
    root = update(root, second?.id ?? '', () => undefined);
    expect(root.items[0]?.kind === 'group' && root.items[0].items).toHaveLength(1);
  });
  it('lock the simple form for what it cannot show', () => {
    expect(lockedWhy(model(group('and', [condition('process.name', 'empty')])))).toBeUndefined();
    expect(lockedWhy(model(group('and', [condition('process.pid', 'equals', ['4'])])))).toMatch(/Clear all/);
    expect(lockedWhy(model(group('or')))).toMatch(/Groups/);
  });
  it('of the samples are complete, ask a table, and show in the simple form where they say so', () => {
    for (const s of builderSamples) {
      const m = s.make();
      expect(incomplete(m), s.title).toBeUndefined();
      expect(reach(m, tables).length, s.title).toBeGreaterThan(0);
      if (m.mode === 'basic') expect(lockedWhy(m), s.title).toBeUndefined();
    }
  });
});
