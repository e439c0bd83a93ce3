import { Suspense, useEffect } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { Outlet } from '@tanstack/react-router';
import { setCredentials } from '../api/client';
import { Failure, Lines } from '../design/states';
import { TimeProvider } from '../design/Time';
import { PasswordChange } from '../signin/PasswordChange';
import { SignIn } from '../signin/SignIn';
import { LiveProvider } from './live';
import { sessionKey, SessionProvider, useSessionQuery } from './session';
import { Shell } from './Shell';

// Root decides between sign-in, the forced password change and the portal. The address is kept, so after sign-in the wanted page shows.
export function Root() {
  const session = useSessionQuery();
  const queries = useQueryClient();
  useEffect(() => setCredentials({ onUnauthorized: () => queries.setQueryData(sessionKey, null) }), [queries]);
  if (session.isPending) return <Lines count={4} />;
  if (session.error && !session.data) return <Failure what="the session" error={session.error} retry={() => void session.refetch()} />;
  if (!session.data) return <SignIn />;
  if (session.data.mustChangePassword || session.data.user.mustChangePassword) return <PasswordChange forced />;
  return (
    <SessionProvider value={session.data}>
      <TimeProvider tenantZone={session.data.zone ?? 'UTC'}>
        <LiveProvider>
          <Shell>
            <Suspense fallback={<Lines count={10} height={20} />}>
              <Outlet />
            </Suspense>
          </Shell>
        </LiveProvider>
      </TimeProvider>
    </SessionProvider>
  );
}
