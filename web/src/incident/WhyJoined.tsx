import { makeStyles, tokens } from '@fluentui/react-components';
import { LinkSquareRegular } from '@fluentui/react-icons';
import { Link } from '@tanstack/react-router';
import type { Join } from '../api/types';
import { Facts } from '../design/Facts';
import { gap } from '../design/time';
import { useLinkStyles } from '../design/useLinkStyles';
import { label } from '../design/words';

const useStyles = makeStyles({
  list: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalM, margin: 0, padding: 0, listStyleType: 'none' },
  item: {
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalS,
    padding: tokens.spacingHorizontalM,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
    backgroundColor: tokens.colorNeutralBackground2,
  },
  text: { display: 'flex', gap: tokens.spacingHorizontalS, alignItems: 'baseline', overflowWrap: 'anywhere' },
  icon: { flexShrink: 0, color: tokens.colorBrandForeground1 },
  mono: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 },
  none: { color: tokens.colorNeutralForeground2 },
});

// rarityWords says how telling a shared entity is: 0 everyday, 1 never seen before.
export function rarityWords(rarity: number | undefined): string {
  if (rarity === undefined) return '';
  if (rarity >= 0 && rarity <= 1) {
    const word = rarity >= 0.9 ? 'very rare' : rarity >= 0.6 ? 'rare' : rarity >= 0.3 ? 'uncommon' : 'common';
    return `${rarity.toFixed(2)} (${word})`;
  }
  return rarity.toLocaleString(undefined, { maximumFractionDigits: 2 });
}

// WhyJoined explains why an alert belongs to its incident: every edge with its kind, entity, rarity, gap in time and weight.
export function WhyJoined({
  alertId,
  joins,
  titles,
}: {
  alertId: string;
  joins: readonly Join[] | undefined;
  titles: ReadonlyMap<string, string>;
}) {
  const s = useStyles();
  const l = useLinkStyles();
  const own = (joins ?? []).filter((j) => j.alertId === alertId || j.toAlertId === alertId).sort((a, b) => b.weight - a.weight);
  if (own.length === 0) return <span className={s.none}>This alert opened the incident, or was put here by hand without a reason.</span>;
  return (
    <ul className={s.list} aria-label="Why joined">
      {own.map((j) => {
        const other = j.alertId === alertId ? j.toAlertId : j.alertId;
        return (
          <li key={`${j.alertId}-${j.toAlertId}-${j.kind}-${j.entity ?? ''}`} className={s.item}>
            <span className={s.text}>
              <LinkSquareRegular className={s.icon} aria-hidden />
              <span>{j.text || label(j.kind)}</span>
            </span>
            <Facts
              facts={[
                ['Kind', label(j.kind)],
                ['Entity', j.entity ? <span className={s.mono}>{j.entity}</span> : ''],
                ['Rarity', rarityWords(j.rarity)],
                ['Gap', j.gapSeconds === undefined ? '' : gap(Math.abs(j.gapSeconds))],
                ['Weight', j.weight === undefined ? '' : j.weight.toLocaleString(undefined, { maximumFractionDigits: 2 })],
                [
                  'With alert',
                  other ? (
                    <Link to="/alerts/$alertId" params={{ alertId: other }} className={l.link}>
                      {titles.get(other) ?? other}
                    </Link>
                  ) : (
                    ''
                  ),
                ],
              ]}
            />
          </li>
        );
      })}
    </ul>
  );
}
