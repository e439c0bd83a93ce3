import { createContext, useCallback, useContext, useMemo, type ReactNode } from 'react';
import { Link, Toast, ToastBody, Toaster, ToastTitle, ToastTrigger, useId, useToastController } from '@fluentui/react-components';
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

const NotifyContext = createContext<Notify>({ notify: () => undefined, failed: () => undefined });

// useNotify gives the toasts: notify for what was done (with undo), failed for what was not.
export function useNotify(): Notify {
  return useContext(NotifyContext);
}

// describe says why something failed, with the request id when the server gave one.
export function describe(err: unknown): string {
  if (err instanceof ApiError) return err.requestId === '' ? err.message : `${err.message} (${err.code}, request ${err.requestId})`;
  return err instanceof Error ? err.message : String(err);
}

export function NotifyProvider({ children }: { children: ReactNode }) {
  const toaster = useId('toaster');
  const { dispatchToast } = useToastController(toaster);
  const notify = useCallback(
    (notice: Notice) => {
      const { undo } = notice;
      dispatchToast(
        <Toast>
          <ToastTitle
            action={
              undo ? (
                <ToastTrigger>
                  <Link onClick={() => void undo()}>Undo</Link>
                </ToastTrigger>
              ) : (
                <ToastTrigger>
                  <Link>Dismiss</Link>
                </ToastTrigger>
              )
            }
          >
            {notice.title}
          </ToastTitle>
          {notice.body ? <ToastBody>{notice.body}</ToastBody> : null}
        </Toast>,
        {
          intent: notice.intent ?? 'success',
          timeout: notice.undo ? 20_000 : notice.intent === 'error' ? 15_000 : 5000,
          pauseOnHover: true,
          position: 'bottom-end',
        },
      );
    },
    [dispatchToast],
  );
  const value = useMemo(
    () => ({
      notify,
      failed: (what: string, err: unknown) => notify({ title: what, body: describe(err), intent: 'error' }),
    }),
    [notify],
  );
  return (
    <NotifyContext.Provider value={value}>
      {children}
      <Toaster toasterId={toaster} />
    </NotifyContext.Provider>
  );
}
