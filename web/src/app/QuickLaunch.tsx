import { Fragment, useEffect } from 'react';
import { makeStyles, mergeClasses, tokens, Tooltip } from '@fluentui/react-components';
import { PanelLeftContractRegular, PanelLeftExpandRegular } from '@fluentui/react-icons';
import { Link, useLocation } from '@tanstack/react-router';
import type { NavGroup, NavItem } from './navigation';

const useStyles = makeStyles({
  nav: {
    width: '220px',
    flexShrink: 0,
    display: 'flex',
    flexDirection: 'column',
    overflowY: 'auto',
    overflowX: 'hidden',
    backgroundColor: tokens.colorNeutralBackground2,
    borderRight: `1px solid ${tokens.colorNeutralStroke2}`,
    paddingTop: tokens.spacingVerticalS,
    '@media (max-width: 799px)': { display: 'none' },
  },
  folded: { width: '48px' },
  drawer: {
    '@media (max-width: 799px)': {
      display: 'flex',
      position: 'fixed',
      zIndex: 30,
      top: '48px',
      bottom: 0,
      left: 0,
      width: '260px',
      boxShadow: tokens.shadow28,
    },
  },
  scrim: {
    display: 'none',
    '@media (max-width: 799px)': {
      display: 'block',
      position: 'fixed',
      inset: '48px 0 0 0',
      zIndex: 29,
      backgroundColor: tokens.colorBackgroundOverlay,
    },
  },
  group: {
    padding: `${tokens.spacingVerticalM} ${tokens.spacingHorizontalL} ${tokens.spacingVerticalXS}`,
    fontSize: tokens.fontSizeBase200,
    color: tokens.colorNeutralForeground3,
    whiteSpace: 'nowrap',
  },
  rule: { height: '1px', backgroundColor: tokens.colorNeutralStroke2, margin: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalS}` },
  item: {
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalM,
    height: '36px',
    margin: `0 ${tokens.spacingHorizontalXS}`,
    padding: `0 ${tokens.spacingHorizontalMNudge}`,
    borderRadius: tokens.borderRadiusMedium,
    color: tokens.colorNeutralForeground2,
    textDecorationLine: 'none',
    whiteSpace: 'nowrap',
    border: 'none',
    background: 'transparent',
    font: 'inherit',
    cursor: 'pointer',
    ':hover': { backgroundColor: tokens.colorSubtleBackgroundHover, color: tokens.colorNeutralForeground1 },
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  },
  here: {
    color: tokens.colorNeutralForeground1,
    fontWeight: tokens.fontWeightSemibold,
    backgroundColor: tokens.colorNeutralBackground1Selected,
    boxShadow: `inset 3px 0 0 0 ${tokens.colorBrandForeground1}`,
  },
  icon: { fontSize: '20px', lineHeight: 0, flexShrink: 0 },
  fold: { marginTop: 'auto', marginBottom: tokens.spacingVerticalS, '@media (max-width: 799px)': { display: 'none' } },
});

export interface QuickLaunchProps {
  groups: readonly NavGroup[];
  folded: boolean;
  onFold: () => void;
  drawer: boolean;
  onDrawerClose: () => void;
}

// QuickLaunch is the navigation at the left: 220 px, folding to icons, a drawer on narrow screens.
export function QuickLaunch({ groups, folded, onFold, drawer, onDrawerClose }: QuickLaunchProps) {
  const s = useStyles();
  const { pathname } = useLocation();
  useEffect(onDrawerClose, [pathname]); // eslint-disable-line react-hooks/exhaustive-deps -- closes on navigation only
  const small = folded && !drawer;
  // The longest address that the page lies below is where one is.
  const at = groups
    .flatMap((g) => g.items)
    .filter((i) => pathname === i.to || (i.to !== '/' && pathname.startsWith(`${i.to}/`)))
    .sort((a, b) => b.to.length - a.to.length)[0]?.to;
  const item = (i: NavItem) => {
    const here = i.to === at;
    const link = (
      <Link
        to={i.to}
        search={(i.search ?? {}) as never}
        className={mergeClasses(s.item, here && s.here)}
        aria-current={here ? 'page' : undefined}
        aria-label={small ? i.label : undefined}
      >
        <span className={s.icon} aria-hidden>
          {i.icon}
        </span>
        {small ? null : i.label}
      </Link>
    );
    return small ? (
      <Tooltip key={i.to} content={i.label} relationship="label" positioning="after">
        {link}
      </Tooltip>
    ) : (
      <Fragment key={i.to}>{link}</Fragment>
    );
  };
  return (
    <>
      {drawer ? <div className={s.scrim} onClick={onDrawerClose} /> : null}
      <nav className={mergeClasses(s.nav, small && s.folded, drawer && s.drawer)} aria-label="Quick launch">
        {groups.map((g) => (
          <Fragment key={g.label}>
            {g.label === '' ? null : small ? <div className={s.rule} /> : <div className={s.group}>{g.label}</div>}
            {g.items.map(item)}
          </Fragment>
        ))}
        <button
          type="button"
          className={mergeClasses(s.item, s.fold)}
          onClick={onFold}
          aria-label={folded ? 'Unfold quick launch' : 'Fold quick launch'}
        >
          <span className={s.icon} aria-hidden>
            {folded ? <PanelLeftExpandRegular /> : <PanelLeftContractRegular />}
          </span>
          {folded ? null : 'Fold'}
        </button>
      </nav>
    </>
  );
}
