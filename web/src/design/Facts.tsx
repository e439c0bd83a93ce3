import { Fragment, type ReactNode } from 'react';
import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';

export type Fact = [name: string, value: ReactNode];

const useStyles = makeStyles({
  list: {
    display: 'grid',
    gridTemplateColumns: 'minmax(96px, max-content) minmax(0, 1fr)',
    columnGap: tokens.spacingHorizontalL,
    rowGap: tokens.spacingVerticalS,
    margin: 0,
    alignItems: 'baseline',
  },
  stacked: { gridTemplateColumns: 'minmax(0, 1fr)', rowGap: 0 },
  name: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200, maxWidth: '160px' },
  value: { margin: 0, minWidth: 0, overflowWrap: 'anywhere' },
  stackedValue: { marginBottom: tokens.spacingVerticalS },
});

// Facts is a list of names and values. Facts without a value are left out.
export function Facts({ facts, stacked = false }: { facts: readonly Fact[]; stacked?: boolean }) {
  const s = useStyles();
  return (
    <dl className={mergeClasses(s.list, stacked && s.stacked)}>
      {facts
        .filter(([, value]) => value !== undefined && value !== null && value !== '')
        .map(([name, value]) => (
          <Fragment key={name}>
            <dt className={s.name}>{name}</dt>
            <dd className={mergeClasses(s.value, stacked && s.stackedValue)}>{value}</dd>
          </Fragment>
        ))}
    </dl>
  );
}
