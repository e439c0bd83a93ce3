import { useState } from 'react';
import { Button, Input, Switch } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { settings } from '../api/endpoints';
import type { Setting } from '../api/types';
import { useNotify } from '../app/notify';
import { useMay } from '../app/session';
import { Failure, Lines } from '../design/states';
import { useTableStyles } from '../design/useTableStyles';

// SettingsTable lists every setting of the tenant with its default and takes new values.
export function SettingsTable() {
  const s = useTableStyles();
  const { notify, failed } = useNotify();
  const queries = useQueryClient();
  const mayManage = useMay('settings.core.manage');
  const list = useQuery({ queryKey: ['settings'], queryFn: settings.list });
  const save = async (x: Setting, value: string, quiet = false) => {
    try {
      await settings.put(x.name, value);
      if (!quiet) notify({ title: `${x.name}: ${value}`, undo: () => save(x, x.value, true) });
    } catch (err) {
      failed(`Could not change ${x.name}`, err);
    }
    await queries.invalidateQueries({ queryKey: ['settings'] });
  };
  if (list.isPending) return <Lines count={8} />;
  if (list.error) return <Failure what="the settings" error={list.error} retry={() => void list.refetch()} />;
  return (
    <div className={s.wrap}>
      <table className={s.table}>
        <thead>
          <tr>
            <th>Setting</th>
            <th>Value</th>
            <th>Default</th>
          </tr>
        </thead>
        <tbody>
          {list.data.value.map((x) => (
            <tr key={x.name}>
              <td>
                {x.name}
                <div className={s.quiet}>{x.description}</div>
              </td>
              <td style={{ minWidth: 240 }}>{mayManage ? <Value key={x.value} setting={x} onSave={(v) => void save(x, v)} /> : x.value}</td>
              <td className={s.quiet}>{x.default}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Value({ setting: x, onSave }: { setting: Setting; onSave: (value: string) => void }) {
  const [typed, setTyped] = useState(x.value);
  if ((x.default === 'true' || x.default === 'false') && (x.value === 'true' || x.value === 'false'))
    return (
      <Switch
        aria-label={x.name}
        checked={x.value === 'true'}
        label={x.value === 'true' ? 'On' : 'Off'}
        onChange={(_, d) => onSave(String(d.checked))}
      />
    );
  return (
    <form
      style={{ display: 'flex', gap: 8 }}
      onSubmit={(event) => {
        event.preventDefault();
        if (typed !== x.value) onSave(typed.trim());
      }}
    >
      <Input aria-label={x.name} value={typed} onChange={(_, d) => setTyped(d.value)} />
      {typed !== x.value ? <Button type="submit">Save</Button> : null}
    </form>
  );
}
