import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { ArrowSync16Regular, CheckmarkCircle16Regular, Circle16Regular, ErrorCircle16Filled } from '@fluentui/react-icons';
import { stateWord } from './connector';

const useStyles = makeStyles({
  mark: { display: 'inline-flex', alignItems: 'center', gap: tokens.spacingHorizontalXS, whiteSpace: 'nowrap' },
  icon: { display: 'inline-flex' },
  good: { color: tokens.colorPaletteGreenForeground1 },
  bad: { color: tokens.colorPaletteRedForeground1 },
  busy: { color: tokens.colorBrandForeground1 },
  calm: { color: tokens.colorNeutralForeground3 },
});

// ConnectorState shows what a connector does, or how a run of it ended.
export function ConnectorState({ state }: { state: string }) {
  const s = useStyles();
  const { word, tone } = stateWord(state);
  const Icon = { good: CheckmarkCircle16Regular, bad: ErrorCircle16Filled, busy: ArrowSync16Regular, calm: Circle16Regular }[tone];
  return (
    <span className={s.mark}>
      <span className={mergeClasses(s.icon, s[tone])} aria-hidden>
        <Icon />
      </span>
      {word}
    </span>
  );
}
