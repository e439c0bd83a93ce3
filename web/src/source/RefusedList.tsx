import { useCallback, useEffect, useRef, useState } from 'react';
import { Button, makeStyles, tokens } from '@fluentui/react-components';
import { ArrowClockwiseRegular, CheckmarkCircleRegular, DeleteRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { sources } from '../api/endpoints';
import type { Refused } from '../api/types';
import { useNotify } from '../app/notify';
import { useMay, useSession } from '../app/session';
import { CopyId } from '../design/CopyId';
import { Confirm } from '../design/dialog/Confirm';
import { Facts } from '../design/Facts';
import { remember, remembered, type GridColumn } from '../design/grid/columns';
import { Grid } from '../design/grid/Grid';
import { usePaged } from '../design/grid/paged';
import { nothing, type Selection } from '../design/grid/selection';
import { Section } from '../design/Section';
import { SidePane } from '../design/SidePane';
import { asSentence, Empty, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { beginning, decoded, placeOf } from './refused';

const useStyles = makeStyles({
  list: { display: 'flex', flexDirection: 'column', flexGrow: 1, minHeight: 0 },
  panes: { display: 'flex', flexGrow: 1, minHeight: 0 },
  bar: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: tokens.spacingHorizontalS,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalL}`,
  },
  hint: { fontSize: tokens.fontSizeBase200, color: tokens.colorNeutralForeground2 },
  code: {
    margin: 0,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
    maxHeight: '50vh',
    overflowY: 'auto',
  },
  narrow: { display: 'block', overflow: 'hidden', textOverflow: 'ellipsis' },
});

const mostAtOnce = 1000;

const mono = { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 };

const columns: readonly GridColumn<Refused>[] = [
  { id: 'message', header: 'Why', width: 380, cell: (r) => <span title={r.message}>{r.message}</span> },
  {
    id: 'sample',
    header: 'Record',
    width: 320,
    cell: (r) =>
      r.sample ? (
        <span style={mono} dir="auto">
          {beginning(r.sample)}
        </span>
      ) : (
        '–'
      ),
  },
  { id: 'source', header: 'Family', width: 110, cell: (r) => r.source || '–' },
  { id: 'place', header: 'Where', width: 210, cell: (r) => <span title={placeOf(r)}>{placeOf(r) || '–'}</span> },
  { id: 'time', header: 'Received', width: 130, cell: (r) => <Time value={r.time} /> },
  { id: 'code', header: 'Code', width: 100, hidden: true, cell: (r) => r.code },
];

const idOf = (r: Refused) => r.id;

// RefusedList shows the records that could not be used, why, and sends them again or forgets them. It is read anew when the total of the sources changes
// and nobody works in it.
export function RefusedList({ total }: { total: number }) {
  const s = useStyles();
  const { user } = useSession();
  const [layout, setLayout] = useState(() => remembered(user.id, 'refused', columns));
  const [current, setCurrent] = useState<Refused | undefined>();
  const [selection, setSelection] = useState<Selection>(nothing);
  const [forgetting, setForgetting] = useState(false);
  const mayManage = useMay('settings.core.manage');
  const { notify, failed } = useNotify();
  const queries = useQueryClient();
  const paged = usePaged<Refused>(
    ['sources', 'refused'],
    useCallback((skip, top, signal) => sources.refused({ $skip: skip, $top: top }, signal), []),
    idOf,
  );
  const chosen = [...selection.ids];
  const busy = chosen.length > 0 || current !== undefined;
  const { refresh } = paged;
  const read = useRef(total);
  useEffect(() => {
    if (busy || read.current === total) return;
    read.current = total;
    void refresh();
  }, [busy, total, refresh]);
  const settle = async () => {
    setSelection(nothing);
    setCurrent(undefined);
    await Promise.all([paged.refresh(), queries.invalidateQueries({ queryKey: ['sources'] })]);
  };
  const replay = async () => {
    try {
      const done = await sources.replay(chosen);
      notify({
        title: `${done.sent.toLocaleString()} ${done.sent === 1 ? 'record' : 'records'} sent again`,
        body: done.left[0]
          ? `${done.left.length.toLocaleString()} cannot be sent again: ${asSentence(done.left[0].message)}`
          : 'Those that still cannot be read come back to this list.',
      });
    } catch (err) {
      failed('The records could not be sent again', err);
    }
    await settle();
  };
  if (paged.loading) return <Lines count={8} />;
  if (paged.error && paged.count === 0)
    return <Failure what="the refused records" error={paged.error} retry={() => void paged.refresh()} />;
  if (paged.count === 0)
    return (
      <Empty icon={<CheckmarkCircleRegular />} title="Nothing was refused">
        Every record that arrived could be read.
      </Empty>
    );
  const wrongCount = chosen.length === 0 || chosen.length > mostAtOnce;
  return (
    <div className={s.list}>
      {mayManage ? (
        <div className={s.bar}>
          <Button
            size="small"
            appearance={wrongCount ? 'secondary' : 'primary'}
            icon={<ArrowClockwiseRegular />}
            disabled={wrongCount}
            onClick={() => void replay()}
          >
            {chosen.length > 0 ? `Send ${chosen.length.toLocaleString()} again` : 'Send again'}
          </Button>
          <Button size="small" icon={<DeleteRegular />} disabled={wrongCount} onClick={() => setForgetting(true)}>
            Forget
          </Button>
          <span className={s.hint}>
            {chosen.length > mostAtOnce
              ? `Choose at most ${mostAtOnce.toLocaleString()} records at once`
              : chosen.length === 0
                ? 'Tick records to send them again, for example after a mapping was added, or to forget them'
                : 'What still cannot be read comes back to this list'}
          </span>
        </div>
      ) : null}
      {forgetting ? (
        <Confirm
          title={`Forget ${chosen.length.toLocaleString()} refused ${chosen.length === 1 ? 'record' : 'records'}?`}
          action="Forget"
          onClose={() => setForgetting(false)}
          onDone={async () => {
            await sources.forget(chosen);
            notify({ title: `${chosen.length.toLocaleString()} refused ${chosen.length === 1 ? 'record' : 'records'} forgotten` });
            await settle();
          }}
        >
          Nothing of them is kept then. This cannot be undone.
        </Confirm>
      ) : null}
      <div className={s.panes}>
        <Grid
          label="Refused records"
          {...(mayManage ? { selection, onSelection: setSelection } : {})}
          columns={columns}
          layout={layout}
          onLayout={(next) => {
            setLayout(next);
            remember(user.id, 'refused', next);
          }}
          count={paged.count}
          row={paged.row}
          idOf={idOf}
          nameOf={(r) => r.message}
          onShow={paged.show}
          current={current ? idOf(current) : undefined}
          onCurrent={setCurrent}
          narrow={(r) => (
            <span className={s.narrow}>
              {r.message}
              <br />
              {r.source} · <Time value={r.time} />
            </span>
          )}
        />
        {current ? (
          <SidePane title="Refused record" onClose={() => setCurrent(undefined)}>
            <Facts
              facts={[
                ['Why', asSentence(current.message)],
                ['Code', current.code],
                ['Family', current.source],
                ['Where', placeOf(current)],
                ['File', current.path ? <CopyId key="p" value={current.path} /> : ''],
                ['Received', <Time key="t" value={current.time} form="both" />],
              ]}
            />
            {current.sample ? (
              <Section title="The record" action={<CopyId value={decoded(current.sample)} shown="Copy" />}>
                <pre className={s.code} tabIndex={0} aria-label="The record">
                  {decoded(current.sample)}
                </pre>
              </Section>
            ) : (
              <span className={s.hint}>Its text is shown to those who may read mail.</span>
            )}
          </SidePane>
        ) : null}
      </div>
    </div>
  );
}
