import { useState } from 'react';
import { Button, Field, Input, makeStyles, MessageBar, MessageBarBody, tokens } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { ApiError } from '../api/client';
import { session } from '../api/endpoints';
import { Mark } from '../app/Mark';
import { describe } from '../app/notify';
import { sessionKey } from '../app/session';

export const useCardStyles = makeStyles({
  page: {
    height: '100%',
    display: 'flex',
    alignItems: 'center',
    justifyContent: 'center',
    padding: tokens.spacingHorizontalL,
    boxSizing: 'border-box',
    backgroundColor: tokens.colorNeutralBackground3,
  },
  card: {
    width: '100%',
    maxWidth: '380px',
    boxSizing: 'border-box',
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalL,
    padding: tokens.spacingHorizontalXXXL,
    borderRadius: tokens.borderRadiusXLarge,
    boxShadow: tokens.shadow8,
    backgroundColor: tokens.colorNeutralBackground1,
  },
  brand: {
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalS,
    fontSize: tokens.fontSizeBase500,
    fontWeight: tokens.fontWeightSemibold,
  },
  title: { margin: 0, fontSize: tokens.fontSizeBase500, lineHeight: tokens.lineHeightBase500, fontWeight: tokens.fontWeightSemibold },
  note: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

// SignIn asks for name and password. A wrong pair and a missing user read the same.
export function SignIn() {
  const s = useCardStyles();
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  return (
    <main className={s.page}>
      <form
        className={s.card}
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          setBusy(true);
          setProblem('');
          session
            .signIn(String(form.get('name') ?? '').trim(), String(form.get('password') ?? ''))
            .then(() => queries.resetQueries({ queryKey: sessionKey }))
            .catch((err: unknown) => {
              setProblem(err instanceof ApiError && err.status === 401 ? 'The name or the password is wrong.' : describe(err));
              setBusy(false);
            });
        }}
      >
        <div className={s.brand}>
          <Mark size={28} /> Bartizan
        </div>
        <h1 className={s.title}>Sign in</h1>
        {problem ? (
          <MessageBar intent="error" role="alert">
            <MessageBarBody>{problem}</MessageBarBody>
          </MessageBar>
        ) : null}
        <Field label="Name" required>
          <Input name="name" autoComplete="username" autoFocus autoCapitalize="none" spellCheck={false} />
        </Field>
        <Field label="Password" required>
          <Input name="password" type="password" autoComplete="current-password" />
        </Field>
        <Button type="submit" appearance="primary" disabled={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </Button>
        <span className={s.note}>The first start prints a one-time password for the administrator.</span>
      </form>
    </main>
  );
}
