import { useState } from 'react';
import {
  Button,
  Checkbox,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  Input,
  MessageBar,
  MessageBarBody,
} from '@fluentui/react-components';
import { AddRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { access } from '../api/endpoints';
import type { ApiToken } from '../api/types';
import { describe, useNotify } from '../app/notify';
import { Empty, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { Secret } from './Secret';
import { useTableStyles } from './useTableStyles';

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
  const { notify, failed } = useNotify();
  const queries = useQueryClient();
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<ApiToken | undefined>();
  const [secret, setSecret] = useState<ApiToken | undefined>();
  const list = useQuery({ queryKey: ['tokens'], queryFn: access.tokens });
  const reload = () => queries.invalidateQueries({ queryKey: ['tokens'] });
  const revoke = async (t: ApiToken) => {
    try {
      await access.deleteToken(t.id);
      notify({ title: `Revoked "${t.name}"` });
      setRevoking(undefined);
    } catch (err) {
      failed('Could not revoke the token', err);
    }
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
      <Dialog open={revoking !== undefined} onOpenChange={(_, d) => !d.open && setRevoking(undefined)}>
        <DialogSurface>
          <DialogBody>
            <DialogTitle>{`Revoke "${revoking?.name ?? ''}"?`}</DialogTitle>
            <DialogContent>
              Whatever uses it is refused from now on. A revoked token cannot be had back; make a new one instead.
            </DialogContent>
            <DialogActions>
              <Button onClick={() => setRevoking(undefined)}>Cancel</Button>
              <Button appearance="primary" onClick={() => revoking && void revoke(revoking)}>
                Revoke
              </Button>
            </DialogActions>
          </DialogBody>
        </DialogSurface>
      </Dialog>
    </>
  );
}

function NewToken({ onClose, onDone }: { onClose: () => void; onDone: (token: ApiToken) => void }) {
  const s = useTableStyles();
  const [chosen, setChosen] = useState<string[]>(['read']);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && onClose()}>
      <DialogSurface>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const form = new FormData(event.currentTarget);
            const expires = String(form.get('expires') ?? '');
            setBusy(true);
            access
              .createToken({
                name: String(form.get('name') ?? '').trim(),
                scopes: chosen,
                ...(expires ? { expires: new Date(expires).toISOString() } : {}),
              })
              .then(onDone)
              .catch((err: unknown) => setProblem(describe(err)))
              .finally(() => setBusy(false));
          }}
        >
          <DialogBody>
            <DialogTitle>New token</DialogTitle>
            <DialogContent className={s.form}>
              {problem ? (
                <MessageBar intent="error">
                  <MessageBarBody>{problem}</MessageBarBody>
                </MessageBar>
              ) : null}
              <Field label="Name" required>
                <Input name="name" required />
              </Field>
              <Field label="Expires" hint="Left empty: in 90 days">
                <Input name="expires" type="date" />
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
            </DialogContent>
            <DialogActions>
              <Button onClick={onClose}>Cancel</Button>
              <Button type="submit" appearance="primary" disabled={busy || chosen.length === 0}>
                Make
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}
