import { useState } from 'react';
import { makeStyles, Tab, TabList, tokens } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { health } from '../api/endpoints';
import { useNotify } from '../app/notify';
import { useMay, useSession } from '../app/session';
import { text, type Search } from '../app/url';
import { Facts } from '../design/Facts';
import { Page } from '../design/Page';
import { gap } from '../design/time';
import { PasswordForm } from '../signin/PasswordChange';
import { SettingsTable } from './SettingsTable';
import { TokensTable } from './TokensTable';
import { UsersTable } from './UsersTable';

const useStyles = makeStyles({
  tabs: { borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, marginBottom: tokens.spacingVerticalL, overflowX: 'auto' },
});

// SettingsPage holds the tenant's settings, its users and tokens, one's own account, and what this installation is.
export function SettingsPage() {
  const s = useStyles();
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { notify } = useNotify();
  const tabs = [
    { id: 'settings', title: 'Settings', may: useMay('settings.core.read') },
    { id: 'users', title: 'Users', may: useMay('auth.roles.read') },
    { id: 'tokens', title: 'API tokens', may: true },
    { id: 'account', title: 'My password', may: true },
    { id: 'about', title: 'About', may: true },
  ].filter((t) => t.may);
  const asked = text(search.tab);
  const tab = tabs.find((t) => t.id === asked)?.id ?? tabs[0]?.id;
  const [round, setRound] = useState(0);
  return (
    <Page title="Settings" crumbs={[{ label: 'System' }]}>
      <div className={s.tabs}>
        <TabList
          size="small"
          selectedValue={tab}
          onTabSelect={(_, d) => void navigate({ to: '.', search: { tab: String(d.value) } as never })}
        >
          {tabs.map((t) => (
            <Tab key={t.id} value={t.id}>
              {t.title}
            </Tab>
          ))}
        </TabList>
      </div>
      {tab === 'settings' ? <SettingsTable /> : null}
      {tab === 'users' ? <UsersTable /> : null}
      {tab === 'tokens' ? <TokensTable /> : null}
      {tab === 'account' ? (
        <PasswordForm
          key={round}
          onDone={() => {
            notify({ title: 'Password changed', body: 'Other sessions of yours were ended.' });
            setRound(round + 1);
          }}
        />
      ) : null}
      {tab === 'about' ? <About /> : null}
    </Page>
  );
}

function About() {
  const { tenant, user, version, zone } = useSession();
  const state = useQuery({ queryKey: ['health'], queryFn: health.get, retry: 0 });
  return (
    <Facts
      facts={[
        ['Product', 'Bartizan, an open, self-hosted security center'],
        ['Version', version],
        ['Licence', 'Apache-2.0'],
        ['Up for', state.data?.uptimeSeconds === undefined ? '' : gap(state.data.uptimeSeconds)],
        ['Tenant', `${tenant.name} (${tenant.id})`],
        ['Zone of the tenant', zone],
        ['Signed in as', user.name],
        ['Roles', (user.roles ?? []).join(', ')],
        ['Permissions', (user.permissions ?? []).join(', ')],
        [
          'API',
          <a key="api" href="/api/openapi.json">
            /api/openapi.json
          </a>,
        ],
      ]}
    />
  );
}
