import { useMemo, useState } from 'react';
import { Button, makeStyles, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, SearchBox, tokens } from '@fluentui/react-components';
import { DeleteRegular, FolderRegular, MoreHorizontalRegular, OpenRegular, PlayRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { hunting } from '../api/endpoints';
import type { SavedQuery } from '../api/types';
import { useNotify } from '../app/notify';
import { Empty, Failure, Lines } from '../design/states';

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', minHeight: 0, flexGrow: 1, gap: tokens.spacingVerticalXS },
  search: { margin: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS} 0`, maxWidth: 'none' },
  scroll: { flexGrow: 1, minHeight: 0, overflowY: 'auto', padding: `0 ${tokens.spacingHorizontalXS}` },
  folder: {
    display: 'flex',
    gap: tokens.spacingHorizontalXS,
    alignItems: 'center',
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalXS} ${tokens.spacingVerticalXXS}`,
  },
  row: {
    display: 'flex',
    alignItems: 'center',
    borderRadius: tokens.borderRadiusMedium,
    ':hover': { backgroundColor: tokens.colorSubtleBackgroundHover },
  },
  name: {
    flexGrow: 1,
    minWidth: 0,
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'nowrap',
    border: 'none',
    background: 'none',
    font: 'inherit',
    color: 'inherit',
    textAlign: 'left',
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS}`,
    cursor: 'pointer',
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  },
});

// QueriesPane lists the saved queries: those shared in the tenant and one's own, by folder.
export function QueriesPane({ onOpen, onRun }: { onOpen: (q: SavedQuery) => void; onRun: (q: SavedQuery) => void }) {
  const s = useStyles();
  const { notify, failed } = useNotify();
  const client = useQueryClient();
  const [find, setFind] = useState('');
  const saved = useQuery({ queryKey: ['hunting', 'queries'], queryFn: hunting.queries });
  const folders = useMemo(() => {
    const wanted = find.trim().toLowerCase();
    const out = new Map<string, SavedQuery[]>();
    for (const q of saved.data?.value ?? []) {
      if (wanted !== '' && !`${q.name} ${q.folder ?? ''} ${q.query}`.toLowerCase().includes(wanted)) continue;
      const folder = `${q.shared ? 'Shared queries' : 'My queries'}${q.folder ? ` / ${q.folder}` : ''}`;
      out.set(folder, [...(out.get(folder) ?? []), q]);
    }
    return [...out].sort((a, b) => (a[0] < b[0] ? 1 : -1));
  }, [saved.data, find]);
  const remove = async (q: SavedQuery) => {
    try {
      await hunting.deleteQuery(q.id);
      notify({
        title: `Deleted "${q.name}"`,
        undo: async () => {
          try {
            await hunting.saveQuery({ name: q.name, folder: q.folder ?? '', query: q.query, shared: q.shared ?? false });
          } catch (err) {
            failed('Could not undo', err);
          }
          await client.invalidateQueries({ queryKey: ['hunting', 'queries'] });
        },
      });
      await client.invalidateQueries({ queryKey: ['hunting', 'queries'] });
    } catch (err) {
      failed('Could not delete the query', err);
    }
  };
  return (
    <div className={s.box}>
      <SearchBox className={s.search} size="small" placeholder="Find a query" value={find} onChange={(_, d) => setFind(d.value)} />
      <div className={s.scroll}>
        {saved.isPending ? <Lines count={6} /> : null}
        {saved.error ? <Failure what="the saved queries" error={saved.error} retry={() => void saved.refetch()} /> : null}
        {saved.data && folders.length === 0 ? (
          <Empty title={find ? 'No query matches' : 'No saved queries'}>
            {find ? null : 'Save a query to find it here again, for yourself or for everybody in the tenant.'}
          </Empty>
        ) : null}
        {folders.map(([folder, list]) => (
          <section key={folder} aria-label={folder}>
            <div className={s.folder}>
              <FolderRegular aria-hidden /> {folder}
            </div>
            {list.map((q) => (
              <div key={q.id} className={s.row}>
                <button type="button" className={s.name} title={q.query} onClick={() => onOpen(q)}>
                  {q.name}
                </button>
                <Menu>
                  <MenuTrigger disableButtonEnhancement>
                    <Button size="small" appearance="transparent" icon={<MoreHorizontalRegular />} aria-label={`Actions for ${q.name}`} />
                  </MenuTrigger>
                  <MenuPopover>
                    <MenuList>
                      <MenuItem icon={<PlayRegular />} onClick={() => onRun(q)}>
                        Run
                      </MenuItem>
                      <MenuItem icon={<OpenRegular />} onClick={() => onOpen(q)}>
                        Open in editor
                      </MenuItem>
                      <MenuItem icon={<DeleteRegular />} onClick={() => void remove(q)}>
                        Delete
                      </MenuItem>
                    </MenuList>
                  </MenuPopover>
                </Menu>
              </div>
            ))}
          </section>
        ))}
      </div>
    </div>
  );
}
