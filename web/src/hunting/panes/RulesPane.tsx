import { useMemo, useState } from 'react';
import { MenuItem, SearchBox } from '@fluentui/react-components';
import { BookInformationRegular, OpenRegular, ShieldTaskRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { rules } from '../../api/endpoints';
import type { Rule } from '../../api/types';
import { useNotify } from '../../app/notify';
import { Empty, Failure, Lines } from '../../design/states';
import { label } from '../../design/words';
import { filed, matches, toggled } from '../folders';
import { queryOf } from '../ruleText';
import { Tree } from '../Tree';
import type { PaneActions } from './actions';
import { usePaneStyles } from './usePaneStyles';

// RulesPane lists the detection rules that are queries, by category, to open their query or their page.
export function RulesPane({ actions }: { actions: PaneActions }) {
  const s = usePaneStyles();
  const navigate = useNavigate();
  const { failed } = useNotify();
  const [find, setFind] = useState('');
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set(['user', 'import', 'builtin']));
  const list = useQuery({
    queryKey: ['hunting', 'rules'],
    queryFn: ({ signal }) => rules.list({ kind: 'kql', $top: 1000 }, signal),
    staleTime: 60_000,
  });
  const lines = useMemo(() => {
    const all = (list.data?.value ?? [])
      .filter((r) => find.trim() === '' || matches(find, r.title, r.id, r.description, ...(r.techniques ?? [])))
      .map((r) => ({ id: `rule:${r.id}`, folder: r.category ? label(r.category) : '', name: r.title, of: r }));
    const line = (r: { of: Rule }) => ({
      icon: <ShieldTaskRegular aria-hidden />,
      title: r.of.description || r.of.title,
      note: r.of.enabled ? r.of.severity : 'off',
    });
    const root = (origin: string, name: string) => {
      const own = all.filter((r) => r.of.origin === origin);
      return own.length > 0 ? filed({ id: origin, label: name }, own, opened, find.trim() !== '', line) : [];
    };
    return [...root('user', 'Made here'), ...root('import', 'Imported'), ...root('builtin', 'Shipped')];
  }, [list.data, find, opened]);
  const of = (id: string) => list.data?.value.find((r) => `rule:${r.id}` === id);
  const open = async (r: Rule) => {
    try {
      const full = await rules.get(r.id);
      actions.open({ name: r.title, query: queryOf(full.text ?? '') });
    } catch (err) {
      failed('Could not open the rule', err);
    }
  };
  const page = (r: Rule) => void navigate({ to: '/rules/$ruleId', params: { ruleId: r.id } });
  if (list.isPending) return <Lines count={8} />;
  if (list.error) return <Failure what="the detection rules" error={list.error} retry={() => void list.refetch()} />;
  return (
    <div className={s.box}>
      <div className={s.top}>
        <SearchBox className={s.search} size="small" placeholder="Find a rule" value={find} onChange={(_, d) => setFind(d.value)} />
      </div>
      {lines.length === 0 ? (
        <Empty title={find ? 'No rule matches' : 'No detection rules in KQL'}>
          {find ? null : 'Write a query and choose “Create detection rule” to have it run on a schedule.'}
        </Empty>
      ) : (
        <Tree
          label="Detection rules"
          lines={lines}
          onPick={(line) => {
            const r = of(line.id);
            if (r) void open(r);
            else setOpened((o) => toggled(o, line.id));
          }}
          menu={(line) => {
            const r = of(line.id);
            return r ? (
              <>
                <MenuItem icon={<OpenRegular />} onClick={() => void open(r)}>
                  Open the query
                </MenuItem>
                <MenuItem icon={<BookInformationRegular />} onClick={() => page(r)}>
                  Go to the rule
                </MenuItem>
              </>
            ) : undefined;
          }}
        />
      )}
    </div>
  );
}
