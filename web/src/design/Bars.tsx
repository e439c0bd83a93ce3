import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { Link } from '@tanstack/react-router';
import type { Search } from '../app/url';

export type Tone = 'high' | 'medium' | 'low' | 'neutral' | 'brand';

export interface Bar {
  label: string;
  value: number;
  tone?: Tone;
  to?: string;
  search?: Search;
}

const useStyles = makeStyles({
  list: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalXS, margin: 0, padding: 0, listStyleType: 'none' },
  row: {
    display: 'grid',
    gridTemplateColumns: 'minmax(88px, 30%) 1fr minmax(32px, max-content)',
    alignItems: 'center',
    gap: tokens.spacingHorizontalS,
    minHeight: '24px',
    color: tokens.colorNeutralForeground1,
    textDecorationLine: 'none',
    borderRadius: tokens.borderRadiusMedium,
    paddingLeft: tokens.spacingHorizontalXS,
    paddingRight: tokens.spacingHorizontalXS,
  },
  link: { ':hover': { backgroundColor: tokens.colorSubtleBackgroundHover } },
  label: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  track: { height: '10px', borderRadius: tokens.borderRadiusSmall, backgroundColor: tokens.colorNeutralStroke3, overflow: 'hidden' },
  value: { textAlign: 'right', fontVariantNumeric: 'tabular-nums' },
  fill: { height: '100%', borderRadius: tokens.borderRadiusSmall, minWidth: '2px' },
  high: { backgroundColor: tokens.colorPaletteRedBackground3 },
  medium: { backgroundColor: tokens.colorPaletteDarkOrangeBackground3 },
  low: { backgroundColor: tokens.colorPaletteYellowBackground3 },
  neutral: { backgroundColor: tokens.colorNeutralForeground4 },
  brand: { backgroundColor: tokens.colorBrandBackground },
});

// severityTone gives a severity its place in the palette.
export function severityTone(severity: string): Tone {
  return severity === 'High' ? 'high' : severity === 'Medium' ? 'medium' : severity === 'Low' ? 'low' : 'neutral';
}

// Bars is a list of horizontal bars with readable numbers; a bar with an address links to the filtered list behind it.
export function Bars({ bars, label }: { bars: readonly Bar[]; label: string }) {
  const s = useStyles();
  const max = Math.max(1, ...bars.map((b) => b.value));
  return (
    <ul className={s.list} aria-label={label}>
      {bars.map((b) => {
        const content = (
          <>
            <span className={s.label} title={b.label}>
              {b.label}
            </span>
            <span className={s.track} aria-hidden>
              {b.value > 0 ? (
                <div className={mergeClasses(s.fill, s[b.tone ?? 'brand'])} style={{ width: `${(b.value / max) * 100}%` }} />
              ) : null}
            </span>
            <span className={s.value}>{b.value.toLocaleString()}</span>
          </>
        );
        return (
          <li key={b.label}>
            {b.to ? (
              <Link to={b.to} search={b.search ?? {}} className={mergeClasses(s.row, s.link)}>
                {content}
              </Link>
            ) : (
              <span className={s.row}>{content}</span>
            )}
          </li>
        );
      })}
    </ul>
  );
}
