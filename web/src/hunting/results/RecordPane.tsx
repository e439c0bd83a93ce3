import { useMemo, useState, type KeyboardEvent } from 'react';
import { Button, makeStyles, SearchBox, Switch, tokens } from '@fluentui/react-components';
import { BranchForkRegular, MoreHorizontal16Regular, SearchRegular } from '@fluentui/react-icons';
import { Link } from '@tanstack/react-router';
import type { Cell } from '../../api/types';
import { KindIcon } from '../../design/marks';
import { Section } from '../../design/Section';
import { SidePane } from '../../design/SidePane';
import { exact } from '../../design/time';
import { useZone } from '../../design/Time';
import { useLinkStyles } from '../../design/useLinkStyles';
import { assetsOf } from './assets';
import { cellText, isEmpty, tree } from './cells';
import type { CellPlace } from './Grid';
import { JsonTree } from './JsonTree';
import { recordOf } from './Menus';
import type { Result } from './outcome';
import { entityKind, goHunt, kindWords, pageOf, relatedEvents, timeOf } from './pivot';
import { ProcessTree } from './ProcessTree';

const useStyles = makeStyles({
  list: { margin: 0, display: 'flex', flexDirection: 'column' },
  item: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 38%) minmax(0, 1fr) 24px',
    columnGap: tokens.spacingHorizontalS,
    padding: '3px 0',
    borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
    fontSize: tokens.fontSizeBase200,
    lineHeight: '20px',
  },
  name: { color: tokens.colorNeutralForeground2, overflowWrap: 'anywhere' },
  value: { margin: 0, overflowWrap: 'anywhere', whiteSpace: 'pre-wrap', maxHeight: '240px', overflowY: 'auto', minWidth: 0 },
  quiet: { color: tokens.colorNeutralForeground3, fontStyle: 'italic' },
  small: { minWidth: '24px', width: '24px', height: '24px', padding: 0 },
  asset: { display: 'flex', alignItems: 'center', gap: tokens.spacingHorizontalS, minWidth: 0, padding: '2px 0' },
  assetName: { overflowWrap: 'anywhere', minWidth: 0, flexGrow: 1 },
  role: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  tools: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalM, alignItems: 'center' },
  icon: { fontSize: '18px', lineHeight: 0, color: tokens.colorNeutralForeground2 },
});

// RecordPane shows one record: the assets it names, its processes, every column. The arrow keys of the grid, or j and k in here, go through the records.
export function RecordPane({
  table,
  row,
  at,
  count,
  source,
  onClose,
  onStep,
  onMenu,
  onOpen,
}: {
  table: Result;
  row: number;
  // The row's place among those that show, or -1 when a filter hides it by now.
  at: number;
  count: number;
  // The table that the query reads, when it is known.
  source: string;
  onClose: () => void;
  onStep: (by: 1 | -1) => void;
  onMenu: (place: CellPlace) => void;
  onOpen: (query: string, title?: string, run?: boolean) => void;
}) {
  const s = useStyles();
  const l = useLinkStyles();
  const { zone } = useZone();
  const [find, setFind] = useState('');
  const [all, setAll] = useState(false);
  const record = useMemo(() => recordOf(table, row), [table, row]);
  const assets = useMemo(() => assetsOf(record), [record]);
  const related = relatedEvents(record);
  const alertId = cellText(record.get('AlertId'));
  const wanted = find.trim().toLowerCase();
  const cells = table.rows[row] ?? [];
  const empties = cells.filter((c) => isEmpty(c)).length;
  const onKeyDown = (event: KeyboardEvent) => {
    if (/^(INPUT|TEXTAREA)$/.test((event.target as HTMLElement).tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'j' || event.key === 'k') {
      event.preventDefault();
      onStep(event.key === 'j' ? 1 : -1);
    }
  };
  const shown = table.schema.flatMap((c, i) => {
    const cell = cells[i];
    if (isEmpty(cell) && !all) return [];
    if (wanted !== '' && !`${c.name} ${cellText(cell)}`.toLowerCase().includes(wanted)) return [];
    return [i];
  });
  return (
    <div onKeyDown={onKeyDown} style={{ display: 'contents' }}>
      <SidePane
        title={at < 0 ? 'Record' : `Record ${(at + 1).toLocaleString()} of ${count.toLocaleString()}`}
        onClose={onClose}
        onStep={onStep}
        foot={
          related || alertId ? (
            <>
              {related ? (
                <Button size="small" icon={<SearchRegular />} onClick={() => onOpen(related, 'Related events', true)}>
                  Hunt for related events
                </Button>
              ) : null}
              {alertId ? (
                <Link to="/alerts/$alertId" params={{ alertId }} className={l.link}>
                  Open the alert
                </Link>
              ) : null}
            </>
          ) : undefined
        }
      >
        {assets.length > 0 ? (
          <Section title="Assets">
            <div>
              {assets.map((a) => {
                const page = pageOf(a.kind, a.value);
                const hunt = goHunt(a.column, a.value, timeOf(record));
                return (
                  <div key={`${a.column} ${a.value}`} className={s.asset}>
                    <span className={s.icon}>
                      <KindIcon kind={a.kind} />
                    </span>
                    <span className={s.assetName}>
                      <Link
                        to={page.to}
                        search={page.search as never}
                        className={l.link}
                        title={`Incidents with this ${kindWords[a.kind]}`}
                      >
                        {a.name}
                      </Link>
                      <span className={s.role}> {a.role}</span>
                    </span>
                    {hunt ? (
                      <Button
                        className={s.small}
                        size="small"
                        appearance="subtle"
                        icon={<SearchRegular />}
                        title={`Hunt for this ${kindWords[a.kind]}`}
                        aria-label={`Hunt for ${a.name}`}
                        onClick={() => onOpen(hunt)}
                      />
                    ) : null}
                  </div>
                );
              })}
            </div>
          </Section>
        ) : null}
        {isEmpty(record.get('ProcessId')) && isEmpty(record.get('InitiatingProcessId')) ? null : (
          <Section title="Process tree" note={<BranchForkRegular aria-hidden />}>
            <ProcessTree key={row} record={record} source={source} onOpen={onOpen} />
          </Section>
        )}
        <Section title="All details">
          <div className={s.tools}>
            <SearchBox
              size="small"
              placeholder="Find a column or value"
              value={find}
              onChange={(_, d) => setFind(d.value)}
              style={{ flexGrow: 1, maxWidth: 'none', minWidth: 160 }}
            />
            {empties > 0 ? <Switch label={`Empty columns (${empties})`} checked={all} onChange={(_, d) => setAll(d.checked)} /> : null}
          </div>
          <dl className={s.list}>
            {shown.map((i) => {
              const { name, type } = table.schema[i] ?? { name: '', type: '' };
              return (
                <div key={i} className={s.item}>
                  <dt className={s.name} title={type}>
                    {name}
                  </dt>
                  <dd className={s.value}>
                    <Value
                      cell={cells[i]}
                      name={name}
                      type={type}
                      zone={zone}
                      onMenu={(path, value, rect) => onMenu({ row, column: i, at: rect, value, path })}
                    />
                  </dd>
                  <dd style={{ margin: 0 }}>
                    <Button
                      className={s.small}
                      size="small"
                      appearance="subtle"
                      icon={<MoreHorizontal16Regular />}
                      aria-label={`Actions on ${name}`}
                      aria-haspopup="menu"
                      onClick={(event) => onMenu({ row, column: i, at: event.currentTarget.getBoundingClientRect(), value: cells[i] })}
                    />
                  </dd>
                </div>
              );
            })}
          </dl>
          {shown.length === 0 ? <span className={s.role}>No column is like this.</span> : null}
        </Section>
      </SidePane>
    </div>
  );
}

function Value({
  cell,
  name,
  type,
  zone,
  onMenu,
}: {
  cell: Cell | undefined;
  name: string;
  type: string;
  zone: string;
  onMenu: (path: readonly (string | number)[], value: Cell, at: DOMRect) => void;
}) {
  const s = useStyles();
  const l = useLinkStyles();
  if (cell === null || cell === undefined) return <span className={s.quiet}>null</span>;
  if (cell === '') return <span className={s.quiet}>empty</span>;
  const structure = tree(cell);
  if (structure && Object.keys(structure).length > 0) return <JsonTree value={structure} open={2} label={name} onMenu={onMenu} />;
  const text = cellText(cell);
  if (type === 'datetime')
    return (
      <time dateTime={text} title={`${text} (UTC)`}>
        {exact(text, zone)}
      </time>
    );
  const kind = entityKind(name);
  if (kind) {
    const page = pageOf(kind, text);
    return (
      <Link to={page.to} search={page.search as never} className={l.link}>
        {text}
      </Link>
    );
  }
  return <span dir="auto">{text}</span>;
}
