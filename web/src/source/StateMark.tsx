import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { CheckmarkCircle16Regular, ErrorCircle16Filled, PauseCircle20Regular, Warning16Filled } from '@fluentui/react-icons';
import { stateWords, type SourceState } from './state';

const useStyles = makeStyles({
  mark: { display: 'inline-flex', alignItems: 'center', gap: tokens.spacingHorizontalXS, whiteSpace: 'nowrap' },
  icon: { display: 'inline-flex', fontSize: '16px' },
  good: { color: tokens.colorPaletteGreenForeground1 },
  bad: { color: tokens.colorPaletteRedForeground1 },
  warn: { color: tokens.colorPaletteDarkOrangeForeground1 },
  calm: { color: tokens.colorNeutralForeground3 },
});

// StateMark says how a family of sources does; what the word means shows on hover.
export function StateMark({ source }: { source: { state: SourceState } }) {
  const s = useStyles();
  const { state } = source;
  const [Icon, tone] = {
    delivering: [CheckmarkCircle16Regular, s.good] as const,
    quiet: [PauseCircle20Regular, s.calm] as const,
    silent: [Warning16Filled, s.warn] as const,
    failing: [ErrorCircle16Filled, s.bad] as const,
  }[state];
  return (
    <span className={s.mark} title={stateWords[state].means}>
      <span className={mergeClasses(s.icon, tone)} aria-hidden>
        <Icon fontSize={16} />
      </span>
      {stateWords[state].word}
    </span>
  );
}
