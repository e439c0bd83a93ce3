import { useState } from 'react';
import { makeStyles, SearchBox, Switch, tokens } from '@fluentui/react-components';
import { Link } from '@tanstack/react-router';
import type { HuntResult } from '../api/types';
import { CopyId } from '../design/CopyId';
import { SidePane } from '../design/SidePane';
import { useLinkStyles } from '../design/useLinkStyles';
import { cellText } from './result';

const useStyles = makeStyles({
  list: { margin: 0, display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalS },
  name: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  value: { margin: 0, overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' },
  chain: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalXS, margin: 0, padding: 0, listStyleType: 'none' },
  mono: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200, overflowWrap: 'anywhere' },
});

// processChain gives parent, initiating and created process of a record, as far as it has them.
export function processChain(record: ReadonlyMap<string, string>): { role: string; name: string; command: string }[] {
  const out: { role: string; name: string; command: string }[] = [];
  const add = (role: string, name: string | undefined, command: string | undefined) => {
    if (name) out.push({ role, name, command: command ?? '' });
  };
  add('Parent', record.get('InitiatingProcessParentFileName'), '');
  add('Initiating process', record.get('InitiatingProcessFileName'), record.get('InitiatingProcessCommandLine'));
  if (record.has('ProcessCommandLine')) add('Created process', record.get('FileName'), record.get('ProcessCommandLine'));
  return out;
}

// RecordPane shows one row of a result with every column, its process chain and the assets it names.
export function RecordPane({
  result,
  row,
  at,
  onClose,
  onStep,
}: {
  result: HuntResult;
  row: number;
  at: number;
  onClose: () => void;
  onStep: (by: 1 | -1) => void;
}) {
  const s = useStyles();
  const l = useLinkStyles();
  const [find, setFind] = useState('');
  const [all, setAll] = useState(false);
  const cells = result.rows[row] ?? [];
  const record = new Map(result.schema.map((c, i) => [c.name, cellText(cells[i])]));
  const chain = processChain(record);
  const assets = (['DeviceName', 'AccountUpn', 'AccountName', 'RecipientEmailAddress', 'SenderFromAddress'] as const).flatMap((n) => {
    const v = record.get(n);
    return v ? [{ name: n, value: v }] : [];
  });
  const alertId = record.get('AlertId');
  const wanted = find.trim().toLowerCase();
  return (
    <SidePane title={`Record ${(at + 1).toLocaleString()}`} onClose={onClose} onStep={onStep}>
      {alertId ? (
        <Link to="/alerts/$alertId" params={{ alertId }} className={l.link}>
          Open alert {alertId}
        </Link>
      ) : null}
      {assets.length > 0 ? (
        <dl className={s.list}>
          {assets.map((a) => (
            <div key={a.name}>
              <dt className={s.name}>{a.name}</dt>
              <dd className={s.value}>
                <Link to="/incidents" search={{ search: a.value } as never} className={l.link} title="Incidents with it">
                  {a.value}
                </Link>
              </dd>
            </div>
          ))}
        </dl>
      ) : null}
      {chain.length > 0 ? (
        <ol className={s.chain} aria-label="Process tree">
          {chain.map((p, i) => (
            <li key={p.role} style={{ paddingLeft: i * 16 }}>
              <div>
                {p.name} <span className={s.name}>{p.role}</span>
              </div>
              {p.command ? <div className={s.mono}>{p.command}</div> : null}
            </li>
          ))}
        </ol>
      ) : null}
      <SearchBox
        size="small"
        placeholder="Find a column or value"
        value={find}
        onChange={(_, d) => setFind(d.value)}
        style={{ maxWidth: 'none' }}
      />
      <Switch label="Show empty columns" checked={all} onChange={(_, d) => setAll(d.checked)} />
      <dl className={s.list}>
        {result.schema.map((c, i) => {
          const cell = cells[i];
          const text = cellText(cell);
          if (text === '' && !all) return null;
          if (wanted !== '' && !`${c.name} ${text}`.toLowerCase().includes(wanted)) return null;
          return (
            <div key={`${i} ${c.name}`}>
              <dt className={s.name}>
                {c.name} · {c.type}
              </dt>
              <dd className={s.value}>
                {text === '' ? (
                  '–'
                ) : (
                  <CopyId value={text} shown={typeof cell === 'object' && cell !== null ? JSON.stringify(cell, null, 2) : pretty(text)} />
                )}
              </dd>
            </div>
          );
        })}
      </dl>
    </SidePane>
  );
}

function pretty(text: string): string {
  if (!/^[{[]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
