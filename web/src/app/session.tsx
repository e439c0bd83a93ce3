import { createContext, useContext } from 'react';
import { useQuery } from '@tanstack/react-query';
import { ApiError, setCredentials } from '../api/client';
import { session as sessionApi } from '../api/endpoints';
import type { Session } from '../api/types';

export const sessionKey = ['session'] as const;

// useSessionQuery asks who is signed in; null means nobody.
export function useSessionQuery() {
  return useQuery({
    queryKey: sessionKey,
    staleTime: 5 * 60_000,
    retry: 1,
    queryFn: async (): Promise<Session | null> => {
      try {
        const session = await sessionApi.get();
        const asked = new URLSearchParams(window.location.search).get('tid');
        setCredentials({ csrf: session.csrf, tenant: asked ?? session.tenant.id });
        return session;
      } catch (err) {
        if (err instanceof ApiError && err.status === 401) return null;
        throw err;
      }
    },
  });
}

const SessionContext = createContext<Session | null>(null);

export const SessionProvider = SessionContext.Provider;

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('no session');
  return session;
}

// holds reports whether the granted permissions cover the wanted one. A manage grant includes read.
export function holds(granted: readonly string[], wanted: string): boolean {
  if (granted.includes('*') || granted.includes(wanted)) return true;
  return wanted.endsWith('.read') && granted.includes(wanted.replace(/\.read$/, '.manage'));
}

// useMay reports whether the person holds a permission. The server enforces the same rule.
export function useMay(permission: string): boolean {
  const { user } = useSession();
  return holds(user.permissions ?? [], permission);
}
