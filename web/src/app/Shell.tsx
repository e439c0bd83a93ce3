import { useCallback, useState, type ReactNode } from 'react';
import { makeStyles, tokens } from '@fluentui/react-components';
import { useNavigate } from '@tanstack/react-router';
import { HelpDialog } from './HelpDialog';
import { useKeys } from './keys';
import { navigation } from './navigation';
import { QuickLaunch } from './QuickLaunch';
import { holds, useSession } from './session';
import { TopBar } from './TopBar';

const useStyles = makeStyles({
  shell: { display: 'grid', gridTemplateRows: '48px minmax(0, 1fr)', height: '100%', backgroundColor: tokens.colorNeutralBackground1 },
  below: { display: 'flex', minHeight: 0, minWidth: 0 },
  main: { flexGrow: 1, minWidth: 0, minHeight: 0, outline: 'none', position: 'relative' },
  skip: {
    position: 'absolute',
    left: tokens.spacingHorizontalS,
    top: '-60px',
    zIndex: 100,
    padding: tokens.spacingHorizontalS,
    backgroundColor: tokens.colorNeutralBackground1,
    color: tokens.colorBrandForeground1,
    ':focus': { top: tokens.spacingVerticalS },
  },
});

const foldKey = 'bartizan.quicklaunch';

// useNavigation is the registry as far as the person may use it.
export function useNavigation() {
  const granted = useSession().user.permissions ?? [];
  return navigation
    .map((g) => ({ ...g, items: g.items.filter((i) => !i.needs || i.needs.some((n) => holds(granted, n))) }))
    .filter((g) => g.items.length > 0);
}

// Shell is the frame of the portal: top bar, quick launch and the page.
export function Shell({ children }: { children: ReactNode }) {
  const s = useStyles();
  const navigate = useNavigate();
  const groups = useNavigation();
  const [help, setHelp] = useState(false);
  const [drawer, setDrawer] = useState(false);
  const [folded, setFolded] = useState(() => localStorage.getItem(foldKey) === 'folded');

  const focusSearch = useCallback(() => document.getElementById('global-search')?.focus(), []);
  const go: Record<string, () => void> = {};
  for (const item of groups.flatMap((g) => g.items)) {
    if (item.keys) go[item.keys] = () => void navigate({ to: item.to, search: (item.search ?? {}) as never });
  }
  useKeys({
    ...go,
    'g .': () => void navigate({ to: '/' }),
    '/': (event) => {
      event.preventDefault();
      focusSearch();
    },
    '?': () => setHelp(true),
  });

  return (
    <div className={s.shell}>
      <a href="#main" className={s.skip}>
        Skip to the page
      </a>
      <TopBar onHelp={() => setHelp(true)} onMenu={() => setDrawer((d) => !d)} />
      <div className={s.below}>
        <QuickLaunch
          groups={groups}
          folded={folded}
          onFold={() => {
            localStorage.setItem(foldKey, folded ? 'open' : 'folded');
            setFolded(!folded);
          }}
          drawer={drawer}
          onDrawerClose={() => setDrawer(false)}
        />
        <main id="main" className={s.main} tabIndex={-1}>
          {children}
        </main>
      </div>
      <HelpDialog open={help} onClose={() => setHelp(false)} />
    </div>
  );
}
