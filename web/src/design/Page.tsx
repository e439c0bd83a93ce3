import { Fragment, useEffect, type ReactNode } from 'react';
import { makeStyles, mergeClasses, Text, tokens } from '@fluentui/react-components';
import { ChevronRight12Regular } from '@fluentui/react-icons';
import { Link } from '@tanstack/react-router';

export interface Crumb {
  label: string;
  to?: string;
}

const useStyles = makeStyles({
  page: { display: 'flex', flexDirection: 'column', height: '100%', minHeight: 0, minWidth: 0 },
  scroll: { overflowY: 'auto' },
  head: {
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalXXS,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalXXL} ${tokens.spacingVerticalS}`,
    '@media (max-width: 639px)': { padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM}` },
  },
  crumbs: {
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalXS,
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    lineHeight: tokens.lineHeightBase200,
    minWidth: 0,
    listStyleType: 'none',
    margin: 0,
    padding: 0,
  },
  crumb: {
    color: tokens.colorNeutralForeground2,
    textDecorationLine: 'none',
    ':hover': { textDecorationLine: 'underline' },
  },
  last: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  titleRow: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    columnGap: tokens.spacingHorizontalM,
    rowGap: tokens.spacingVerticalXS,
    minHeight: '32px',
    '@media (min-width: 1100px)': { flexWrap: 'nowrap' },
  },
  title: {
    margin: 0,
    fontSize: tokens.fontSizeBase500,
    lineHeight: '24px',
    fontWeight: tokens.fontWeightSemibold,
    overflowWrap: 'anywhere',
    minWidth: 0,
  },
  meta: { whiteSpace: 'nowrap', color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  commands: {
    flexShrink: 0,
    '@media (max-width: 1099px)': { flexShrink: 1 },
    marginLeft: 'auto',
    display: 'flex',
    gap: tokens.spacingHorizontalXS,
    alignItems: 'center',
    flexWrap: 'wrap',
  },
  body: { flexGrow: 1, minHeight: 0, minWidth: 0, display: 'flex', flexDirection: 'column' },
  pad: {
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalXXL} ${tokens.spacingVerticalXXL}`,
    '@media (max-width: 639px)': { padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM} ${tokens.spacingVerticalXXL}` },
  },
});

export interface PageProps {
  title: string;
  crumbs?: readonly Crumb[];
  meta?: ReactNode;
  commands?: ReactNode;
  below?: ReactNode;
  // fixed pages fill the window and scroll inside; others scroll as a whole.
  fixed?: boolean;
  heading?: ReactNode;
  children: ReactNode;
}

// Page is the frame of every page: breadcrumb, title with count and freshness, command bar, content.
export function Page({ title, crumbs, meta, commands, below, fixed = false, heading, children }: PageProps) {
  const s = useStyles();
  useEffect(() => {
    document.title = `${title} · Bartizan`;
  }, [title]);
  return (
    <div className={mergeClasses(s.page, !fixed && s.scroll)}>
      <div className={s.head}>
        {crumbs && crumbs.length > 0 ? (
          <nav aria-label="Breadcrumb">
            <ol className={s.crumbs}>
              {crumbs.map((c) => (
                <Fragment key={c.label}>
                  <li>
                    {c.to ? (
                      <Link to={c.to} className={s.crumb}>
                        {c.label}
                      </Link>
                    ) : (
                      c.label
                    )}
                  </li>
                  <li aria-hidden>
                    <ChevronRight12Regular />
                  </li>
                </Fragment>
              ))}
              <li className={s.last} aria-current="page">
                {title}
              </li>
            </ol>
          </nav>
        ) : null}
        <div className={s.titleRow}>
          {heading ?? <h1 className={s.title}>{title}</h1>}
          {meta ? <Text className={s.meta}>{meta}</Text> : null}
          {commands ? <div className={s.commands}>{commands}</div> : null}
        </div>
        {below}
      </div>
      <div className={mergeClasses(s.body, !fixed && s.pad)}>{children}</div>
    </div>
  );
}
