import { useState } from 'react';
import { Button, Field, Input, MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { session } from '../api/endpoints';
import { Mark } from '../app/Mark';
import { describe } from '../app/notify';
import { sessionKey } from '../app/session';
import { useCardStyles } from './SignIn';

export const minimumPassword = 12;

// problemOf says what is wrong with a new password, or nothing.
export function problemOf(current: string, next: string, again: string): string {
  if (next.length < minimumPassword) return `The new password needs at least ${minimumPassword} characters.`;
  if (next === current) return 'The new password must differ from the current one.';
  if (next !== again) return 'The two new passwords differ.';
  return '';
}

// PasswordForm changes the password of the person who is signed in.
export function PasswordForm({ onDone }: { onDone: () => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  return (
    <form
      style={{ display: 'flex', flexDirection: 'column', gap: 16, maxWidth: 380 }}
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        const [current, next, again] = ['current', 'next', 'again'].map((n) => String(form.get(n) ?? '')) as [string, string, string];
        const wrong = problemOf(current, next, again);
        setProblem(wrong);
        if (wrong) return;
        setBusy(true);
        session
          .changePassword(current, next)
          .then(onDone)
          .catch((err: unknown) => setProblem(describe(err)))
          .finally(() => setBusy(false));
      }}
    >
      {problem ? (
        <MessageBar intent="error" role="alert">
          <MessageBarBody>{problem}</MessageBarBody>
        </MessageBar>
      ) : null}
      <Field label="Current password" required>
        <Input name="current" type="password" autoComplete="current-password" />
      </Field>
      <Field label="New password" hint={`At least ${minimumPassword} characters`} required>
        <Input name="next" type="password" autoComplete="new-password" />
      </Field>
      <Field label="New password again" required>
        <Input name="again" type="password" autoComplete="new-password" />
      </Field>
      <Button type="submit" appearance="primary" disabled={busy}>
        {busy ? 'Changing…' : 'Change password'}
      </Button>
    </form>
  );
}

// PasswordChange is the page between the first sign-in and the portal, when the server asks for a password of one's own.
export function PasswordChange({ forced = false }: { forced?: boolean }) {
  const s = useCardStyles();
  const queries = useQueryClient();
  return (
    <main className={s.page}>
      <div className={s.card}>
        <div className={s.brand}>
          <Mark size={28} /> Bartizan
        </div>
        <h1 className={s.title}>Choose a password</h1>
        {forced ? <span className={s.note}>The password you signed in with was for one time. Choose your own to go on.</span> : null}
        <PasswordForm onDone={() => void queries.resetQueries({ queryKey: sessionKey })} />
      </div>
    </main>
  );
}
