import { useState } from 'react';
import { Button, Checkbox, Field, Input } from '@fluentui/react-components';
import { AddRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { access } from '../api/endpoints';
import type { ApiToken } from '../api/types';
import { useNotify } from '../app/notify';
import { Confirm } from '../design/dialog/Confirm';
import { FormDialog, useSubmit } from '../design/dialog/FormDialog';
import { Empty, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { Secret } from './Secret';
import { useTableStyles } from '../design/useTableStyles';

const scopes: [id: string, does: string][] = [
  ['read', 'Look at everything you may see'],
  ['write', 'Change incidents, alerts and rules'],
  ['hunt', 'Run queries'],
  ['ingest', 'Deliver records, and nothing else'],
  ['admin', 'Manage users, tokens, settings and backups'],
];

// TokensTable lists the API tokens, makes new ones and revokes them.
export function TokensTable() {
  const s = useTableStyles();
  const { notify } = useNotify();
  const queries = useQueryClient();
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<ApiToken | undefined>();
  const [secret, setSecret] = useState<ApiToken | undefined>();
  const list = useQuery({ queryKey: ['tokens'], queryFn: access.tokens });
  const reload = () => queries.invalidateQueries({ queryKey: ['tokens'] });
  const revoke = async (t: ApiToken) => {
    await access.deleteToken(t.id);
    notify({ title: `Revoked "${t.name}"` });
    await reload();
  };
  if (list.isPending) return <Lines count={5} />;
  if (list.error) return <Failure what="the API tokens" error={list.error} retry={() => void list.refetch()} />;
  return (
    <>
      {secret?.token ? <Secret what={`Token "${secret.name}".`} value={secret.token} /> : null}
      <div className={s.bar}>
        <Button icon={<AddRegular />} appearance="primary" onClick={() => setAdding(true)}>
          New token
        </Button>
      </div>
      {list.data.value.length === 0 ? <Empty title="No API token">Collectors and scripts sign in with a token.</Empty> : null}
      {list.data.value.length > 0 ? (
        <div className={s.wrap}>
          <table className={s.table}>
            <thead>
              <tr>
                <th>Name</th>
                <th>Scopes</th>
                <th>Made by</th>
                <th>Last used</th>
                <th>Expires</th>
                <th aria-label="Actions" />
              </tr>
            </thead>
            <tbody>
              {list.data.value.map((t) => (
                <tr key={t.id}>
                  <td>{t.name}</td>
                  <td>{t.scopes.join(', ')}</td>
                  <td>{t.createdBy}</td>
                  <td>{t.lastUsed ? <Time value={t.lastUsed} /> : 'Never'}</td>
                  <td>{t.expires ? <Time value={t.expires} /> : 'Never'}</td>
                  <td>
                    <Button size="small" appearance="subtle" onClick={() => setRevoking(t)} aria-label={`Revoke ${t.name}`}>
                      Revoke
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
      {adding ? (
        <NewToken
          onClose={() => setAdding(false)}
          onDone={(t) => {
            setSecret(t);
            setAdding(false);
            void reload();
          }}
        />
      ) : null}
      {revoking ? (
        <Confirm
          title={`Revoke "${revoking.name}"?`}
          action="Revoke"
          onClose={() => setRevoking(undefined)}
          onDone={() => revoke(revoking)}
        >
          Whatever uses it is refused from now on. A revoked token cannot be had back; make a new one instead.
        </Confirm>
      ) : null}
    </>
  );
}

function NewToken({ onClose, onDone }: { onClose: () => void; onDone: (token: ApiToken) => void }) {
  const [name, setName] = useState('');
  const [expires, setExpires] = useState('');
  const [chosen, setChosen] = useState<string[]>(['read']);
  const { busy, refusal, submit } = useSubmit();
  return (
    <FormDialog
      title="New token"
      action="Make"
      busy={busy}
      incomplete={chosen.length === 0 || name.trim() === ''}
      refusal={refusal}
      onClose={onClose}
      onSubmit={() =>
        void submit(async () => {
          onDone(
            await access.createToken({
              name: name.trim(),
              scopes: chosen,
              ...(expires ? { expires: new Date(expires).toISOString() } : {}),
            }),
          );
        })
      }
    >
      <Field label="Name" required>
        <Input value={name} autoFocus onChange={(_, d) => setName(d.value)} />
      </Field>
      <Field label="Expires" hint="Left empty: in 90 days">
        <Input type="date" value={expires} onChange={(_, d) => setExpires(d.value)} />
      </Field>
      <div role="group" aria-label="Scopes">
        {scopes.map(([id, does]) => (
          <div key={id}>
            <Checkbox
              label={`${id}: ${does}`}
              checked={chosen.includes(id)}
              onChange={(_, d) => setChosen(d.checked ? [...chosen, id] : chosen.filter((x) => x !== id))}
            />
          </div>
        ))}
      </div>
    </FormDialog>
  );
}
