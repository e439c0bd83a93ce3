import { useDeferredValue, useMemo, useState } from 'react';
import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  MenuItem,
  mergeClasses,
  SearchBox,
  Tooltip,
} from '@fluentui/react-components';
import {
  ArrowImportRegular,
  BookInformationRegular,
  DeleteRegular,
  DocumentSearchRegular,
  EditRegular,
  LinkRegular,
  OpenRegular,
  PlayRegular,
  StarOffRegular,
  StarRegular,
} from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { hunt, type CommunityQuery, type Saved, type TableInfo } from '../../api/hunting';
import { useNotify } from '../../app/notify';
import { Facts } from '../../design/Facts';
import { Empty, Failure, Lines } from '../../design/states';
import { Time } from '../../design/Time';
import { Details } from '../dialogs/Details';
import { SaveDialog } from '../dialogs/SaveDialog';
import { filed, matches, toggled } from '../folders';
import { Tree, type TreeLine } from '../Tree';
import type { Favourites } from '../useFavourites';
import type { PaneActions } from './actions';
import { CommunityDetails } from './CommunityDetails';
import { ImportDialog } from './ImportDialog';
import { filesOf, type PickedFile } from './importing';
import { usePaneStyles } from './usePaneStyles';

type Shown = { kind: 'saved'; query: Saved } | { kind: 'community'; query: CommunityQuery };

// missing lists the tables of a community query that are not there.
export function missing(q: CommunityQuery, tables: readonly TableInfo[]): string[] {
  const have = new Set(tables.map((t) => t.name));
  return (q.tables ?? []).filter((t) => !have.has(t));
}

// QueriesPane lists saved queries, shared and one's own, and the community's, all in folders. Files dropped on it are imported for the community.
export function QueriesPane({
  tables,
  favourites,
  actions,
  onShare,
}: {
  tables: readonly TableInfo[];
  favourites: Favourites;
  actions: PaneActions;
  onShare: (query: string) => void;
}) {
  const s = usePaneStyles();
  const client = useQueryClient();
  const { notify, failed } = useNotify();
  const [find, setFind] = useState('');
  const wanted = useDeferredValue(find);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set(['shared', 'mine']));
  const [shown, setShown] = useState<Shown | undefined>();
  const [editing, setEditing] = useState<Saved | undefined>();
  const [deleting, setDeleting] = useState<Saved | undefined>();
  const [importing, setImporting] = useState<PickedFile[] | undefined>();
  const [over, setOver] = useState(false);
  const saved = useQuery({ queryKey: ['hunting', 'queries'], queryFn: hunt.queries });
  const community = useQuery({
    queryKey: ['hunting', 'community'],
    queryFn: ({ signal }) => hunt.community(signal),
    staleTime: 300_000,
    retry: false,
  });
  const savedStars = favourites.of('query');
  const communityStars = favourites.of('community');
  const lines = useMemo(() => {
    const searching = wanted.trim() !== '';
    const queries = (saved.data?.value ?? []).filter((q) => !searching || matches(wanted, q.name, q.folder, q.description, q.query));
    const shared = (community.data?.value ?? []).filter(
      (q) => !searching || matches(wanted, q.name, q.folder, q.description, ...(q.techniques ?? []), ...(q.tables ?? [])),
    );
    const savedLine = (q: { of: Saved }): Partial<TreeLine> => ({
      icon: <DocumentSearchRegular aria-hidden />,
      starred: savedStars.has(q.of.id),
      title: q.of.description || q.of.query.slice(0, 400),
    });
    const communityLine = (q: { of: CommunityQuery }): Partial<TreeLine> => {
      const gone = missing(q.of, tables);
      return {
        icon: <DocumentSearchRegular aria-hidden />,
        starred: communityStars.has(q.of.id),
        title:
          [q.of.description, gone.length > 0 ? `Misses ${gone.join(', ')}` : q.of.issue ? `Does not run here: ${q.of.issue}` : '']
            .filter(Boolean)
            .join('. ') || q.of.name,
        ...(gone.length > 0
          ? { note: `misses ${gone.length === 1 ? (gone[0] ?? '') : `${gone.length} tables`}` }
          : q.of.issue
            ? { note: 'does not run' }
            : {}),
      };
    };
    const savedItems = queries.map((q) => ({ id: `saved:${q.id}`, folder: q.folder ?? '', name: q.name, of: q }));
    const communityItems = shared.map((q) => ({ id: `community:${q.id}`, folder: q.folder, name: q.name, of: q }));
    const starredSaved = savedItems.filter((i) => savedStars.has(i.of.id)).map((i) => ({ ...i, id: `*${i.id}`, folder: '' }));
    const starredCommunity = communityItems.filter((i) => communityStars.has(i.of.id)).map((i) => ({ ...i, id: `*${i.id}`, folder: '' }));
    const favouriteLines: TreeLine[] = [
      ...starredSaved.map((i) => ({ ...i, depth: 1, label: i.name, ...savedLine(i) })),
      ...starredCommunity.map((i) => ({ ...i, depth: 1, label: i.name, ...communityLine(i) })),
    ];
    const closed = opened.has('favourites');
    return [
      ...(favouriteLines.length > 0
        ? [{ id: 'favourites', depth: 0, label: 'Favourites', look: 'head' as const, open: !closed }, ...(closed ? [] : favouriteLines)]
        : []),
      ...filed(
        { id: 'shared', label: 'Shared queries' },
        savedItems.filter((q) => q.of.shared),
        opened,
        searching,
        savedLine,
      ),
      ...filed(
        { id: 'mine', label: 'My queries' },
        savedItems.filter((q) => !q.of.shared),
        opened,
        searching,
        savedLine,
      ),
      ...filed({ id: 'community', label: 'Community queries' }, communityItems, opened, searching, communityLine),
    ];
  }, [saved.data, community.data, wanted, opened, tables, savedStars, communityStars]);

  const of = (line: TreeLine): Shown | undefined => {
    if (line.open !== undefined) return undefined;
    const id = line.id.replace(/^\*/, '');
    if (id.startsWith('saved:')) {
      const query = saved.data?.value.find((q) => `saved:${q.id}` === id);
      return query ? { kind: 'saved', query } : undefined;
    }
    const query = community.data?.value.find((q) => `community:${q.id}` === id);
    return query ? { kind: 'community', query } : undefined;
  };
  const open = async (it: Shown, run: boolean) => {
    if (it.kind === 'saved') {
      actions.open({ name: it.query.name, query: it.query.query, run, ...(it.query.mine ? { saved: it.query.id } : {}) });
      return;
    }
    try {
      const full = await hunt.communityQuery(it.query.id);
      actions.open({ name: full.name, query: full.query ?? '', run });
    } catch (err) {
      failed(`Could not open "${it.query.name}"`, err);
    }
  };
  const refresh = () => client.invalidateQueries({ queryKey: ['hunting', 'queries'] });
  const remove = async (q: Saved) => {
    setDeleting(undefined);
    try {
      await hunt.deleteQuery(q.id);
      await refresh();
      notify({
        title: `Deleted "${q.name}"`,
        undo: async () => {
          try {
            await hunt.saveQuery({
              name: q.name,
              folder: q.folder ?? '',
              description: q.description ?? '',
              query: q.query,
              shared: q.shared ?? false,
            });
            await refresh();
          } catch (err) {
            failed('Could not undo', err);
          }
        },
      });
    } catch (err) {
      failed('Could not delete the query', err);
    }
  };

  if (saved.isPending) return <Lines count={8} />;
  if (saved.error) return <Failure what="the saved queries" error={saved.error} retry={() => void saved.refetch()} />;
  return (
    <div
      className={mergeClasses(s.box, over && s.dropping)}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        setOver(false);
        if (!event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        void filesOf(event.dataTransfer).then(setImporting);
      }}
    >
      <div className={s.top}>
        <SearchBox className={s.search} size="small" placeholder="Find a query" value={find} onChange={(_, d) => setFind(d.value)} />
        <Tooltip content="Import community queries from files" relationship="label">
          <Button size="small" appearance="subtle" icon={<ArrowImportRegular />} onClick={() => setImporting([])} />
        </Tooltip>
      </div>
      {wanted.trim() !== '' && lines.every((l) => l.open !== undefined) ? (
        <Empty title="No query matches" />
      ) : (
        <Tree
          label="Queries"
          lines={lines}
          onPick={(line) => {
            const it = of(line);
            if (it) void open(it, false);
            else setOpened((o) => toggled(o, line.id));
          }}
          menu={(line) => {
            const it = of(line);
            if (!it) return undefined;
            const kind = it.kind === 'saved' ? 'query' : 'community';
            const starred = favourites.has(kind, it.query.id);
            return (
              <>
                <MenuItem icon={<PlayRegular />} onClick={() => void open(it, true)}>
                  Run
                </MenuItem>
                <MenuItem icon={<OpenRegular />} onClick={() => void open(it, false)}>
                  Open in editor
                </MenuItem>
                <MenuItem icon={<BookInformationRegular />} onClick={() => setShown(it)}>
                  View details
                </MenuItem>
                <MenuItem
                  icon={starred ? <StarOffRegular /> : <StarRegular />}
                  onClick={() => void favourites.toggle(kind, it.query.id, it.query.name)}
                >
                  {starred ? 'Remove from favourites' : 'Add to favourites'}
                </MenuItem>
                {it.kind === 'saved' ? (
                  <MenuItem icon={<LinkRegular />} onClick={() => onShare(it.query.query)}>
                    Copy link
                  </MenuItem>
                ) : null}
                {it.kind === 'saved' && it.query.mine ? (
                  <>
                    <MenuItem icon={<EditRegular />} onClick={() => setEditing(it.query)}>
                      Rename or edit details
                    </MenuItem>
                    <MenuItem icon={<DeleteRegular />} onClick={() => setDeleting(it.query)}>
                      Delete
                    </MenuItem>
                  </>
                ) : null}
              </>
            );
          }}
        />
      )}
      {shown?.kind === 'saved' ? (
        <Details
          title={shown.query.name}
          onClose={() => setShown(undefined)}
          buttons={
            <Button
              appearance="primary"
              onClick={() => {
                void open(shown, false);
                setShown(undefined);
              }}
            >
              Open in editor
            </Button>
          }
        >
          {shown.query.description ? <span>{shown.query.description}</span> : null}
          <Facts
            facts={[
              ['Kept in', `${shown.query.shared ? 'Shared queries' : 'My queries'}${shown.query.folder ? ` / ${shown.query.folder}` : ''}`],
              ['Owner', shown.query.owner],
              ['Changed', <Time key="t" value={shown.query.modifiedTime} form="both" />],
            ]}
          />
          <pre className={s.code}>{shown.query.query}</pre>
        </Details>
      ) : null}
      {shown?.kind === 'community' ? (
        <CommunityDetails
          query={shown.query}
          missing={missing(shown.query, tables)}
          onOpen={(run) => {
            void open(shown, run);
            setShown(undefined);
          }}
          onClose={() => setShown(undefined)}
        />
      ) : null}
      {editing ? (
        <SaveDialog
          text={editing.query}
          name={editing.name}
          saved={editing}
          onClose={() => setEditing(undefined)}
          onSaved={() => setEditing(undefined)}
        />
      ) : null}
      {deleting ? (
        <Dialog open modalType="alert" onOpenChange={(_, d) => !d.open && setDeleting(undefined)}>
          <DialogSurface>
            <DialogBody>
              <DialogTitle>Delete the query?</DialogTitle>
              <DialogContent>
                “{deleting.name}” is deleted{deleting.shared ? ' for everybody in this tenant' : ''}. Rules made from it stay as they are.
              </DialogContent>
              <DialogActions>
                <Button onClick={() => setDeleting(undefined)}>Keep it</Button>
                <Button appearance="primary" onClick={() => void remove(deleting)}>
                  Delete
                </Button>
              </DialogActions>
            </DialogBody>
          </DialogSurface>
        </Dialog>
      ) : null}
      {importing ? <ImportDialog picked={importing} onClose={() => setImporting(undefined)} /> : null}
    </div>
  );
}
