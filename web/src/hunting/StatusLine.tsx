import { makeStyles, tokens } from '@fluentui/react-components';
import { ErrorCircle16Filled, Lightbulb16Regular, Warning16Filled } from '@fluentui/react-icons';
import type { Diagnostic } from '../api/types';

const useStyles = makeStyles({
  line: {
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalM,
    minHeight: '24px',
    padding: `0 ${tokens.spacingHorizontalM}`,
    borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
    backgroundColor: tokens.colorNeutralBackground2,
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    flexShrink: 0,
    overflow: 'hidden',
    whiteSpace: 'nowrap',
  },
  problems: {
    display: 'inline-flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalXS,
    border: 'none',
    background: 'none',
    font: 'inherit',
    color: tokens.colorNeutralForeground1,
    padding: 0,
    cursor: 'pointer',
    minWidth: 0,
    overflow: 'hidden',
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
  cut: { overflow: 'hidden', textOverflow: 'ellipsis' },
  error: { color: tokens.colorPaletteRedForeground1, flexShrink: 0 },
  warning: { color: tokens.colorPaletteDarkOrangeForeground1, flexShrink: 0 },
  hint: { color: tokens.colorNeutralForeground3, flexShrink: 0 },
  end: { marginLeft: 'auto', flexShrink: 0, '@media (max-width: 899px)': { display: 'none' } },
});

// StatusLine says below the editor what is wrong with the text, and which time applies.
export function StatusLine({
  problems,
  ownTime,
  zone,
  onNext,
}: {
  problems: readonly Diagnostic[];
  ownTime: boolean;
  zone: string;
  onNext: () => void;
}) {
  const s = useStyles();
  const of = (severity: Diagnostic['severity']) => problems.filter((p) => p.severity === severity);
  const errors = of('error');
  const warnings = of('warning');
  const hints = of('info');
  const first = errors[0] ?? warnings[0] ?? hints[0];
  return (
    <div className={s.line}>
      <span role="status" style={{ display: 'inline-flex', minWidth: 0 }}>
        {first ? (
          <button type="button" className={s.problems} onClick={onNext} title="Go to the next problem (F8)">
            {errors.length > 0 ? (
              <>
                <ErrorCircle16Filled className={s.error} /> {errors.length}
              </>
            ) : null}
            {warnings.length > 0 ? (
              <>
                <Warning16Filled className={s.warning} /> {warnings.length}
              </>
            ) : null}
            {hints.length > 0 ? (
              <>
                <Lightbulb16Regular className={s.hint} /> {hints.length}
              </>
            ) : null}
            <span className={s.cut}>
              Line {first.line}: {first.message}
              {first.hint ? `, ${first.hint}` : ''}
            </span>
          </button>
        ) : (
          'No problems'
        )}
      </span>
      <span className={s.end}>
        {ownTime ? 'The query has a time filter of its own: the narrower one applies. ' : ''}
        {zone === 'UTC' ? 'Times are UTC' : `Times in queries are UTC, shown in ${zone}`}
      </span>
    </div>
  );
}
