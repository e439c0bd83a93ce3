import { useMemo, useState } from 'react';
import { Button, MenuItem, SearchBox, Tooltip } from '@fluentui/react-components';
import {
  AddRegular,
  BookInformationRegular,
  DeleteRegular,
  EditRegular,
  MathFormulaRegular,
  OpenRegular,
  StarOffRegular,
  StarRegular,
  TextAddRegular,
} from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { hunt, type HuntFunction } from '../../api/hunting';
import { describe, useNotify } from '../../app/notify';
import { Facts } from '../../design/Facts';
import { Empty, Failure, Lines } from '../../design/states';
import { Time } from '../../design/Time';
import { draftOf, example, letText, signature } from '../functions';
import { FunctionDialog } from '../dialogs/FunctionDialog';
import { Details } from '../dialogs/Details';
import { filed, matches, toggled } from '../folders';
import { Tree } from '../Tree';
import type { Favourites } from '../useFavourites';
import type { PaneActions } from './actions';
import { usePaneStyles } from './usePaneStyles';

const roots = { builtin: 'Built-in functions', shared: 'Shared functions', mine: 'My functions' } as const;

// FunctionsPane lists the functions a query can call beside those of the language: shipped ones, shared ones, one's own.
export function FunctionsPane({
  functions,
  pending,
  error,
  retry,
  favourites,
  actions,
}: {
  functions: readonly HuntFunction[];
  pending: boolean;
  error: unknown;
  retry: () => void;
  favourites: Favourites;
  actions: PaneActions;
}) {
  const s = usePaneStyles();
  const client = useQueryClient();
  const { notify, failed } = useNotify();
  const [find, setFind] = useState('');
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set(Object.keys(roots)));
  const [shown, setShown] = useState<HuntFunction | undefined>();
  const [editing, setEditing] = useState<HuntFunction | 'new' | undefined>();
  const uses = useQuery({
    queryKey: ['hunting', 'functions', 'uses', shown?.id],
    queryFn: () => hunt.function(shown?.id ?? ''),
    enabled: shown !== undefined && shown.kind !== 'builtin',
    retry: false,
  });
  const starred = favourites.of('function');
  const lines = useMemo(() => {
    const wanted = functions
      .filter((f) => find.trim() === '' || matches(find, f.name, f.folder, f.description))
      .map((f) => ({ ...f, id: `function:${f.kind}:${f.id || f.name}`, folder: f.folder ?? '', of: f }));
    const line = (f: (typeof wanted)[number]) => ({
      icon: <MathFormulaRegular aria-hidden />,
      starred: starred.has(f.name),
      title: `${signature(f.of)}${f.description ? `: ${f.description}` : ''}. Double-click inserts a call.`,
    });
    const favourite = wanted.filter((f) => starred.has(f.name)).map((f) => ({ ...f, id: `favourite:${f.name}`, folder: '' }));
    return [
      ...(favourite.length > 0
        ? filed({ id: 'favourites', label: 'Favourites' }, favourite, new Set([...opened, 'favourites']), false, line)
        : []),
      ...(['mine', 'shared', 'builtin'] as const).flatMap((kind) =>
        filed(
          { id: kind, label: roots[kind] },
          wanted.filter((f) => f.kind === kind),
          opened,
          find.trim() !== '',
          line,
        ),
      ),
    ];
  }, [functions, find, opened, starred]);
  const of = (line: { id: string; label: string; open?: boolean | undefined }) =>
    line.open === undefined
      ? functions.find((f) => line.id === `function:${f.kind}:${f.id || f.name}` || line.id === `favourite:${f.name}`)
      : undefined;
  const refresh = () => client.invalidateQueries({ queryKey: ['hunting', 'functions'] });
  const remove = async (f: HuntFunction) => {
    try {
      await hunt.deleteFunction(f.id);
      await refresh();
      notify({
        title: `Deleted the function ${f.name}`,
        undo: async () => {
          try {
            await hunt.saveFunction(draftOf(f));
            await refresh();
          } catch (err) {
            failed('Could not undo', err);
          }
        },
      });
    } catch (err) {
      failed(`Could not delete ${f.name}`, err);
    }
  };
  if (pending) return <Lines count={8} />;
  if (error) return <Failure what="the functions" error={error} retry={retry} />;
  const callers = uses.data?.usedBy ?? [];
  return (
    <div className={s.box}>
      <div className={s.top}>
        <SearchBox className={s.search} size="small" placeholder="Find a function" value={find} onChange={(_, d) => setFind(d.value)} />
        <Tooltip content="New function" relationship="label">
          <Button size="small" appearance="subtle" icon={<AddRegular />} onClick={() => setEditing('new')} />
        </Tooltip>
      </div>
      {find.trim() !== '' && lines.every((l) => l.open !== undefined) ? (
        <Empty title="No function matches" />
      ) : (
        <Tree
          label="Functions"
          lines={lines}
          onPick={(line) => {
            const f = of(line);
            if (f) setShown(f);
            else setOpened((o) => toggled(o, line.id));
          }}
          onInsert={(line) => {
            const f = of(line);
            if (f) actions.insert(example(f));
          }}
          menu={(line) => {
            const f = of(line);
            if (!f) return undefined;
            return (
              <>
                <MenuItem icon={<BookInformationRegular />} onClick={() => setShown(f)}>
                  View details
                </MenuItem>
                <MenuItem icon={<TextAddRegular />} onClick={() => actions.insert(example(f))}>
                  Insert a call
                </MenuItem>
                {f.body ? (
                  <MenuItem icon={<OpenRegular />} onClick={() => actions.open({ name: f.name, query: letText(f) })}>
                    Load the code
                  </MenuItem>
                ) : null}
                <MenuItem
                  icon={starred.has(f.name) ? <StarOffRegular /> : <StarRegular />}
                  onClick={() => void favourites.toggle('function', f.name)}
                >
                  {starred.has(f.name) ? 'Remove from favourites' : 'Add to favourites'}
                </MenuItem>
                {f.kind === 'builtin' ? null : (
                  <>
                    <MenuItem icon={<EditRegular />} onClick={() => setEditing(f)}>
                      Edit
                    </MenuItem>
                    <MenuItem icon={<DeleteRegular />} onClick={() => void remove(f)}>
                      Delete
                    </MenuItem>
                  </>
                )}
              </>
            );
          }}
        />
      )}
      {shown ? (
        <Details
          title={shown.name}
          onClose={() => setShown(undefined)}
          buttons={
            <>
              <Button
                appearance="primary"
                onClick={() => {
                  actions.insert(example(shown));
                  setShown(undefined);
                }}
              >
                Insert a call
              </Button>
              {shown.body ? (
                <Button
                  onClick={() => {
                    actions.open({ name: shown.name, query: letText(shown) });
                    setShown(undefined);
                  }}
                >
                  Load the code
                </Button>
              ) : null}
            </>
          }
        >
          <code className={s.code}>{signature(shown)}</code>
          {shown.description ? <span>{shown.description}</span> : null}
          <Facts
            facts={[
              ['Kind', roots[shown.kind]],
              ['Folder', shown.folder ?? ''],
              ['Owner', shown.owner ?? ''],
              ['Changed', shown.modifiedTime ? <Time key="t" value={shown.modifiedTime} form="both" /> : ''],
            ]}
          />
          {shown.body ? <pre className={s.code}>{shown.body}</pre> : null}
          {shown.kind === 'builtin' ? null : (
            <section className={s.section} aria-label="Used by">
              <h3 className={s.h3}>Used by</h3>
              {uses.isPending ? (
                <Lines count={1} />
              ) : uses.error ? (
                <span className={s.quiet}>{describe(uses.error)}</span>
              ) : callers.length === 0 ? (
                <span className={s.quiet}>No saved query and no rule.</span>
              ) : (
                <ul className={s.list}>
                  {callers.map((u, i) => (
                    <li key={`${u.kind} ${u.id ?? i}`}>
                      {u.kind === 'rule' ? 'Rule' : 'Query'}: {u.name}
                    </li>
                  ))}
                </ul>
              )}
            </section>
          )}
        </Details>
      ) : null}
      {editing ? (
        <FunctionDialog
          {...(editing === 'new' ? {} : { edited: editing })}
          body={editing === 'new' ? '' : (editing.body ?? '')}
          onClose={() => setEditing(undefined)}
        />
      ) : null}
    </div>
  );
}
