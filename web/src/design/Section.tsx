import type { ReactNode } from 'react';
import { makeStyles, mergeClasses, Text, tokens } from '@fluentui/react-components';

const useStyles = makeStyles({
  section: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalS, minWidth: 0 },
  card: {
    padding: tokens.spacingHorizontalL,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusLarge,
    backgroundColor: tokens.colorNeutralBackground1,
  },
  head: { display: 'flex', alignItems: 'baseline', gap: tokens.spacingHorizontalM, minHeight: '24px' },
  grow: { flexGrow: 1 },
  note: { color: tokens.colorNeutralForeground3 },
});

// Section is a titled part of a page or pane; a card has a border.
export function Section({
  title,
  note,
  action,
  card = false,
  className,
  children,
}: {
  title: string;
  note?: ReactNode;
  action?: ReactNode;
  card?: boolean;
  className?: string;
  children: ReactNode;
}) {
  const s = useStyles();
  return (
    <section className={mergeClasses(s.section, card && s.card, className)} aria-label={title}>
      <div className={s.head}>
        <Text as="h3" weight="semibold" style={{ margin: 0 }}>
          {title}
        </Text>
        {note ? (
          <Text size={200} className={s.note}>
            {note}
          </Text>
        ) : null}
        <span className={s.grow} />
        {action}
      </div>
      {children}
    </section>
  );
}
