import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import {
  Button,
  Link,
  makeStyles,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  MessageBarTitle,
  tokens,
} from '@fluentui/react-components';
import { DismissRegular } from '@fluentui/react-icons';
import { ApiError } from '../api/client';

export interface Notice {
  title: string;
  body?: string;
  intent?: 'success' | 'info' | 'warning' | 'error';
  undo?: () => unknown;
}

interface Notify {
  notify: (notice: Notice) => void;
  failed: (what: string, err: unknown) => void;
}

interface Shown extends Notice {
  key: number;
}

const mostShown = 3;

const useStyles = makeStyles({
  frame: { display: 'flex', flexDirection: 'column', height: '100%', minHeight: 0 },
  work: { flexGrow: 1, minHeight: 0 },
  strip: { flexShrink: 0, display: 'flex', flexDirection: 'column' },
  notice: { borderRadius: 0, borderLeftWidth: 0, borderRightWidth: 0, borderBottomWidth: 0 },
  undo: { color: tokens.colorBrandForegroundLink, textDecorationLine: 'underline' },
});

const NotifyContext = createContext<Notify>({ notify: () => undefined, failed: () => undefined });

// useNotify gives the notices: notify for what was done (with undo), failed for what was not.
export function useNotify(): Notify {
  return useContext(NotifyContext);
}

// describe says why something failed, with the request id when the server gave one.
export function describe(err: unknown): string {
  if (err instanceof ApiError) return err.requestId === '' ? err.message : `${err.message} (${err.code}, request ${err.requestId})`;
  return err instanceof Error ? err.message : String(err);
}

// lifetime is how long a notice stays, in milliseconds: long enough to undo, or to read what failed.
export function lifetime(notice: Notice): number {
  return notice.undo ? 20_000 : notice.intent === 'error' ? 15_000 : 5000;
}

// NotifyProvider shows notices in a strip of their own below the work, so that they cover none of it.
export function NotifyProvider({ children }: { children: ReactNode }) {
  const s = useStyles();
  const [shown, setShown] = useState<readonly Shown[]>([]);
  const next = useRef(0);
  const notify = useCallback((notice: Notice) => {
    const key = next.current++;
    setShown((all) => [...all, { ...notice, key }].slice(-mostShown));
  }, []);
  const drop = useCallback((key: number) => setShown((all) => all.filter((x) => x.key !== key)), []);
  const value = useMemo(
    () => ({
      notify,
      failed: (what: string, err: unknown) => notify({ title: what, body: describe(err), intent: 'error' }),
    }),
    [notify],
  );
  return (
    <NotifyContext.Provider value={value}>
      <div className={s.frame}>
        <div className={s.work}>{children}</div>
        <div className={s.strip} role="log" aria-label="Notices" aria-live="polite">
          {shown.map((x) => (
            <Strip key={x.key} notice={x} onGone={() => drop(x.key)} />
          ))}
        </div>
      </div>
    </NotifyContext.Provider>
  );
}

// Strip is one notice. It waits for as long as the pointer or the focus is on it.
function Strip({ notice, onGone }: { notice: Notice; onGone: () => void }) {
  const s = useStyles();
  const [held, setHeld] = useState(false);
  const gone = useRef(onGone);
  useEffect(() => {
    gone.current = onGone;
  });
  const wait = lifetime(notice);
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(() => gone.current(), wait);
    return () => clearTimeout(timer);
  }, [held, wait]);
  const { undo } = notice;
  return (
    <MessageBar
      className={s.notice}
      intent={notice.intent ?? 'success'}
      layout="multiline"
      politeness={notice.intent === 'error' ? 'assertive' : 'polite'}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <MessageBarBody>
        <MessageBarTitle>{notice.title}</MessageBarTitle> {notice.body}{' '}
        {undo ? (
          <Link
            as="button"
            inline
            className={s.undo}
            onClick={() => {
              onGone();
              void undo();
            }}
          >
            Undo
          </Link>
        ) : null}
      </MessageBarBody>
      <MessageBarActions
        containerAction={
          <Button
            size="small"
            appearance="transparent"
            icon={<DismissRegular />}
            aria-label={`Dismiss: ${notice.title}`}
            onClick={onGone}
          />
        }
      />
    </MessageBar>
  );
}
