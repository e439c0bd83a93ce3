import {
  Avatar,
  Button,
  makeStyles,
  Menu,
  MenuDivider,
  MenuGroup,
  MenuGroupHeader,
  MenuItem,
  MenuItemRadio,
  MenuList,
  MenuPopover,
  MenuTrigger,
  tokens,
  Tooltip,
} from '@fluentui/react-components';
import {
  BuildingRegular,
  NavigationRegular,
  PasswordRegular,
  QuestionCircleRegular,
  SignOutRegular,
  WeatherMoonRegular,
} from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { session as sessionApi } from '../api/endpoints';
import { useZone } from '../design/Time';
import { GlobalSearch } from './GlobalSearch';
import { Mark } from './Mark';
import { useNotify } from './notify';
import { sessionKey, useSession } from './session';
import { useThemeChoice, type ThemeChoice } from './theme';
import type { ZoneChoice } from '../design/time';

const useStyles = makeStyles({
  bar: {
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalS,
    padding: `0 ${tokens.spacingHorizontalM}`,
    backgroundColor: tokens.colorNeutralBackground3,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    minWidth: 0,
  },
  menu: { '@media (min-width: 800px)': { display: 'none' } },
  name: {
    display: 'inline-flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalS,
    color: tokens.colorNeutralForeground1,
    textDecorationLine: 'none',
    fontWeight: tokens.fontWeightSemibold,
    fontSize: tokens.fontSizeBase400,
    minWidth: '196px',
    '@media (max-width: 799px)': { minWidth: 0 },
  },
  word: { '@media (max-width: 639px)': { display: 'none' } },
  search: { flexGrow: 1, display: 'flex', justifyContent: 'center', minWidth: 0 },
  wide: { '@media (max-width: 799px)': { display: 'none' } },
  tenant: { maxWidth: '180px', overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
});

const themeWords: Record<ThemeChoice, string> = { system: 'Follow the system', light: 'Light', dark: 'Dark', contrast: 'High contrast' };

// TopBar holds the name, the global search, the tenant, the theme, the key help and the person's menu.
export function TopBar({ onHelp, onMenu }: { onHelp: () => void; onMenu: () => void }) {
  const s = useStyles();
  const { user, tenant, tenants } = useSession();
  const theme = useThemeChoice();
  const { choice, tenantZone, choose } = useZone();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { failed } = useNotify();

  const signOut = async () => {
    try {
      await sessionApi.signOut();
      queries.setQueryData(sessionKey, null);
      queries.removeQueries({ predicate: (q) => q.queryKey[0] !== sessionKey[0] });
    } catch (err) {
      failed('Could not sign out', err);
    }
  };
  const others = (tenants ?? []).filter((t) => t.id !== tenant.id);
  return (
    <header className={s.bar}>
      <Button className={s.menu} appearance="subtle" icon={<NavigationRegular />} aria-label="Open quick launch" onClick={onMenu} />
      <Link to="/" className={s.name} aria-label="Bartizan home">
        <Mark />
        <span className={s.word}>Bartizan</span>
      </Link>
      <div className={s.search}>
        <GlobalSearch />
      </div>
      {others.length > 0 ? (
        <Menu>
          <MenuTrigger disableButtonEnhancement>
            <Button appearance="subtle" className={s.wide} icon={<BuildingRegular />} aria-label={`Tenant ${tenant.name}`}>
              <span className={s.tenant}>{tenant.name}</span>
            </Button>
          </MenuTrigger>
          <MenuPopover>
            <MenuList>
              {others.map((t) => (
                <MenuItem key={t.id} onClick={() => window.location.assign(`/?tid=${encodeURIComponent(t.id)}`)}>
                  {t.name}
                </MenuItem>
              ))}
            </MenuList>
          </MenuPopover>
        </Menu>
      ) : (
        <span className={s.wide} title="Tenant" style={{ display: undefined }}>
          <span className={s.tenant}>{tenant.name}</span>
        </span>
      )}
      <Menu
        checkedValues={{ theme: [theme.choice] }}
        onCheckedValueChange={(_, data) => theme.choose((data.checkedItems[0] ?? 'system') as ThemeChoice)}
      >
        <MenuTrigger disableButtonEnhancement>
          <Tooltip content="Theme" relationship="label">
            <Button appearance="subtle" className={s.wide} icon={<WeatherMoonRegular />} />
          </Tooltip>
        </MenuTrigger>
        <MenuPopover>
          <MenuList>
            {(Object.keys(themeWords) as ThemeChoice[]).map((t) => (
              <MenuItemRadio key={t} name="theme" value={t}>
                {themeWords[t]}
              </MenuItemRadio>
            ))}
          </MenuList>
        </MenuPopover>
      </Menu>
      <Tooltip content="Keys and help (?)" relationship="label">
        <Button appearance="subtle" className={s.wide} icon={<QuestionCircleRegular />} onClick={onHelp} />
      </Tooltip>
      <Menu
        checkedValues={{ zone: [choice], theme: [theme.choice] }}
        onCheckedValueChange={(_, data) => {
          if (data.name === 'zone') choose((data.checkedItems[0] ?? 'tenant') as ZoneChoice);
          if (data.name === 'theme') theme.choose((data.checkedItems[0] ?? 'system') as ThemeChoice);
        }}
      >
        <MenuTrigger disableButtonEnhancement>
          <Button
            appearance="transparent"
            aria-label={`${user.displayName || user.name}: account`}
            icon={<Avatar size={28} name={user.displayName || user.name} color="brand" aria-hidden />}
          />
        </MenuTrigger>
        <MenuPopover>
          <MenuList>
            <MenuGroup>
              <MenuGroupHeader>
                {user.displayName || user.name}
                {user.roles && user.roles.length > 0 ? `, ${user.roles.join(', ')}` : ''}
              </MenuGroupHeader>
              <MenuGroupHeader>
                Tenant {tenant.name} ({tenant.id})
              </MenuGroupHeader>
            </MenuGroup>
            <MenuDivider />
            <MenuGroup>
              <MenuGroupHeader>Times</MenuGroupHeader>
              <MenuItemRadio name="zone" value="tenant">
                {`As the tenant: ${tenantZone}`}
              </MenuItemRadio>
              <MenuItemRadio name="zone" value="local">
                {`Here: ${Intl.DateTimeFormat().resolvedOptions().timeZone}`}
              </MenuItemRadio>
              {tenantZone === 'UTC' ? null : (
                <MenuItemRadio name="zone" value="utc">
                  UTC
                </MenuItemRadio>
              )}
            </MenuGroup>
            <MenuDivider />
            <MenuGroup>
              <MenuGroupHeader>Theme</MenuGroupHeader>
              {(Object.keys(themeWords) as ThemeChoice[]).map((t) => (
                <MenuItemRadio key={t} name="theme" value={t}>
                  {themeWords[t]}
                </MenuItemRadio>
              ))}
            </MenuGroup>
            <MenuDivider />
            <MenuItem icon={<PasswordRegular />} onClick={() => void navigate({ to: '/settings', search: { tab: 'account' } as never })}>
              Change password
            </MenuItem>
            <MenuItem icon={<SignOutRegular />} onClick={() => void signOut()}>
              Sign out
            </MenuItem>
          </MenuList>
        </MenuPopover>
      </Menu>
    </header>
  );
}
