import { useState } from 'react';
import { Button, Checkbox, Field, Input, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger } from '@fluentui/react-components';
import { AddRegular, MoreHorizontalRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { access } from '../api/endpoints';
import type { PortalUser } from '../api/types';
import { useNotify } from '../app/notify';
import { useMay, useSession } from '../app/session';
import { FormDialog, useSubmit } from '../design/dialog/FormDialog';
import { Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { Secret } from './Secret';
import { useTableStyles } from '../design/useTableStyles';

// UsersTable lists the people of the tenant with their roles; it adds, changes and disables them.
export function UsersTable() {
  const s = useTableStyles();
  const { user: me } = useSession();
  const { notify, failed } = useNotify();
  const queries = useQueryClient();
  const mayManage = useMay('auth.roles.manage');
  const [editing, setEditing] = useState<PortalUser | 'new' | undefined>();
  const [secret, setSecret] = useState<{ name: string; password: string } | undefined>();
  const list = useQuery({ queryKey: ['users'], queryFn: access.users });
  const roles = useQuery({ queryKey: ['roles'], queryFn: access.roles, staleTime: 600_000 });
  const reload = () => queries.invalidateQueries({ queryKey: ['users'] });
  const roleName = (id: string) => roles.data?.value.find((r) => r.id === id)?.name ?? id;
  const disable = async (u: PortalUser, disabled: boolean, quiet = false) => {
    try {
      await access.updateUser(u.id, { disabled });
      if (!quiet) notify({ title: `${u.name} ${disabled ? 'disabled' : 'enabled'}`, undo: () => disable(u, !disabled, true) });
    } catch (err) {
      failed('Could not change the user', err);
    }
    await reload();
  };
  const reset = async (u: PortalUser) => {
    try {
      const changed = await access.updateUser(u.id, { password: '' });
      if (changed.password) setSecret({ name: u.name, password: changed.password });
    } catch (err) {
      failed('Could not reset the password', err);
    }
    await reload();
  };
  if (list.isPending) return <Lines count={6} />;
  if (list.error) return <Failure what="the users" error={list.error} retry={() => void list.refetch()} />;
  return (
    <>
      {secret ? <Secret what={`One-time password of ${secret.name}.`} value={secret.password} /> : null}
      {mayManage ? (
        <div className={s.bar}>
          <Button icon={<AddRegular />} appearance="primary" onClick={() => setEditing('new')}>
            Add user
          </Button>
        </div>
      ) : null}
      <div className={s.wrap}>
        <table className={s.table}>
          <thead>
            <tr>
              <th>Name</th>
              <th>Roles</th>
              <th>State</th>
              <th>Last sign-in</th>
              <th>Created</th>
              {mayManage ? <th aria-label="Actions" /> : null}
            </tr>
          </thead>
          <tbody>
            {list.data.value.map((u) => (
              <tr key={u.id}>
                <td>
                  {u.name}
                  {u.displayName && u.displayName !== u.name ? <div className={s.quiet}>{u.displayName}</div> : null}
                </td>
                <td>{u.roles.map(roleName).join(', ')}</td>
                <td>{u.disabled ? 'Disabled' : u.mustChangePassword ? 'Must change the password' : 'Enabled'}</td>
                <td>
                  <Time value={u.lastSignIn} />
                </td>
                <td>
                  <Time value={u.createdTime} />
                </td>
                {mayManage ? (
                  <td>
                    <Menu>
                      <MenuTrigger disableButtonEnhancement>
                        <Button size="small" appearance="subtle" icon={<MoreHorizontalRegular />} aria-label={`Actions for ${u.name}`} />
                      </MenuTrigger>
                      <MenuPopover>
                        <MenuList>
                          <MenuItem onClick={() => setEditing(u)}>Change roles</MenuItem>
                          <MenuItem onClick={() => void reset(u)}>Reset password</MenuItem>
                          {u.id === me.id ? null : (
                            <MenuItem onClick={() => void disable(u, !u.disabled)}>{u.disabled ? 'Enable' : 'Disable'}</MenuItem>
                          )}
                        </MenuList>
                      </MenuPopover>
                    </Menu>
                  </td>
                ) : null}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {editing ? (
        <UserDialog
          user={editing === 'new' ? undefined : editing}
          onClose={() => setEditing(undefined)}
          onDone={(u) => {
            if (u.password) setSecret({ name: u.name, password: u.password });
            notify({ title: editing === 'new' ? `Added ${u.name}` : `Changed ${u.name}` });
            setEditing(undefined);
            void reload();
          }}
        />
      ) : null}
    </>
  );
}

function UserDialog({ user, onClose, onDone }: { user: PortalUser | undefined; onClose: () => void; onDone: (user: PortalUser) => void }) {
  const s = useTableStyles();
  const roles = useQuery({ queryKey: ['roles'], queryFn: access.roles, staleTime: 600_000 });
  const [name, setName] = useState('');
  const [displayName, setDisplayName] = useState('');
  const [chosen, setChosen] = useState<string[]>(user?.roles ?? []);
  const { busy, refusal, submit } = useSubmit();
  return (
    <FormDialog
      title={user ? `Roles of ${user.name}` : 'Add user'}
      action={user ? 'Save' : 'Add'}
      busy={busy}
      incomplete={chosen.length === 0 || (!user && name.trim() === '')}
      refusal={refusal}
      onClose={onClose}
      onSubmit={() =>
        void submit(async () => {
          onDone(
            await (user
              ? access.updateUser(user.id, { roles: chosen })
              : access.createUser({ name: name.trim(), displayName: displayName.trim(), roles: chosen })),
          );
        })
      }
    >
      {user ? null : (
        <>
          <Field label="Name" required hint="For signing in">
            <Input value={name} autoFocus autoCapitalize="none" onChange={(_, d) => setName(d.value)} />
          </Field>
          <Field label="Display name">
            <Input value={displayName} onChange={(_, d) => setDisplayName(d.value)} />
          </Field>
          <span className={s.quiet}>A one-time password is made and shown once.</span>
        </>
      )}
      <div role="group" aria-label="Roles">
        {(roles.data?.value ?? []).map((r) => (
          <div key={r.id}>
            <Checkbox
              label={r.name}
              checked={chosen.includes(r.id)}
              onChange={(_, d) => setChosen(d.checked ? [...chosen, r.id] : chosen.filter((x) => x !== r.id))}
            />
            <div className={s.quiet} style={{ marginLeft: 32 }}>
              {r.description}
            </div>
          </div>
        ))}
      </div>
    </FormDialog>
  );
}
