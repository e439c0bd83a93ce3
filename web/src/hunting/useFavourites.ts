import { useMemo } from 'react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { hunt, type FavouriteKind } from '../api/hunting';
import { useNotify } from '../app/notify';
import { useSession } from '../app/session';

export interface Favourites {
  has: (kind: FavouriteKind, name: string) => boolean;
  of: (kind: FavouriteKind) => ReadonlySet<string>;
  toggle: (kind: FavouriteKind, name: string, label?: string) => Promise<void>;
}

const none: ReadonlySet<string> = new Set();

// useFavourites keeps what a person marked in the left pane; the server holds it, so it is there on every machine.
export function useFavourites(): Favourites {
  const { tenant } = useSession();
  const client = useQueryClient();
  const { notify, failed } = useNotify();
  const key = useMemo(() => ['hunting', 'favourites', tenant.id], [tenant.id]);
  const list = useQuery({ queryKey: key, queryFn: hunt.favourites, staleTime: 60_000, retry: false });
  const byKind = useMemo(() => {
    const out = new Map<FavouriteKind, Set<string>>();
    for (const f of list.data?.value ?? []) out.set(f.kind, (out.get(f.kind) ?? new Set()).add(f.name));
    return out;
  }, [list.data]);
  const of = (kind: FavouriteKind) => byKind.get(kind) ?? none;
  const has = (kind: FavouriteKind, name: string) => of(kind).has(name);
  const set = async (kind: FavouriteKind, name: string, on: boolean) => {
    await (on ? hunt.addFavourite(kind, name) : hunt.removeFavourite(kind, name));
    await client.invalidateQueries({ queryKey: key });
  };
  const toggle = async (kind: FavouriteKind, name: string, label = name) => {
    const on = !has(kind, name);
    try {
      await set(kind, name, on);
      notify({
        title: on ? `Added "${label}" to the favourites` : `Removed "${label}" from the favourites`,
        undo: () => set(kind, name, !on).catch((err: unknown) => failed('Could not undo', err)),
      });
    } catch (err) {
      failed('Could not change the favourites', err);
    }
  };
  return { has, of, toggle };
}
