import { useCallback } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { alerts, incidents } from '../api/endpoints';
import type { ManagePatch } from '../api/types';
import { useNotify } from '../app/notify';
import { count } from '../design/words';
import { empty, inverse, sentence, type Managed, type Thing } from './change';

// useManage changes one or many incidents or alerts, says what was done and offers to undo it.
export function useManage(thing: Thing) {
  const { notify, failed } = useNotify();
  const queries = useQueryClient();

  const reload = useCallback(() => {
    for (const key of ['incidents', 'incident', 'alerts', 'alert', 'incidents-facets', 'alerts-facets', 'home'])
      void queries.invalidateQueries({ queryKey: [key] });
  }, [queries]);

  const change = useCallback(
    async (before: readonly Partial<Managed>[], patch: ManagePatch): Promise<boolean> => {
      if (empty(patch) || before.length === 0) return true;
      const api = thing === 'incident' ? incidents : alerts;
      const ids = before.flatMap((b) => (b.id === undefined ? [] : [b.id]));
      const one = ids.length === 1 ? ids[0] : undefined;
      const many = thing === 'incident' ? count(ids.length, 'incident', 'incidents') : count(ids.length, 'alert', 'alerts');
      try {
        let note = '';
        if (one !== undefined) await api.patch(one, patch);
        else {
          const result = await api.bulk(ids, patch);
          const refused = result.failed ?? [];
          if (refused.length > 0) {
            const first = refused[0];
            const why = first === undefined ? '' : typeof first.error === 'string' ? first.error : first.error.message;
            note = `${count(refused.length, 'was', 'were')} not changed. ${first?.id ?? ''}: ${why}`;
          }
        }
        reload();
        const undoable = !empty(inverse(before[0] ?? {}, patch));
        notify({
          title: one !== undefined ? sentence(patch) : `${many}: ${sentence(patch).toLowerCase()}`,
          ...(note ? { body: note, intent: 'warning' as const } : {}),
          ...(undoable
            ? {
                undo: async () => {
                  try {
                    await Promise.all(before.map((b) => (b.id === undefined ? undefined : api.patch(b.id, inverse(b, patch)))));
                    notify({ title: 'Undone', intent: 'info' });
                  } catch (err) {
                    failed('Could not undo', err);
                  }
                  reload();
                },
              }
            : {}),
        });
        return true;
      } catch (err) {
        failed(`Could not change ${one !== undefined ? `the ${thing}` : many}`, err);
        return false;
      }
    },
    [thing, notify, failed, reload],
  );
  return { change, reload };
}
