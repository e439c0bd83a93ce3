import type { ReactElement, ReactNode } from 'react';
import { Button, makeStyles, mergeClasses, Skeleton, SkeletonItem, Text, tokens } from '@fluentui/react-components';
import { ArrowClockwiseRegular, ErrorCircleRegular, LockClosedRegular } from '@fluentui/react-icons';
import { ApiError } from '../api/client';
import { CopyId } from './CopyId';

const useStyles = makeStyles({
  box: {
    display: 'flex',
    flexDirection: 'column',
    alignItems: 'center',
    justifyContent: 'center',
    textAlign: 'center',
    gap: tokens.spacingVerticalS,
    padding: tokens.spacingHorizontalXXL,
    minHeight: '160px',
    color: tokens.colorNeutralForeground2,
  },
  icon: { fontSize: '32px', lineHeight: 0, color: tokens.colorNeutralForeground3 },
  bad: { color: tokens.colorPaletteRedForeground1 },
  body: { maxWidth: '480px', color: tokens.colorNeutralForeground2 },
  row: { display: 'flex', gap: tokens.spacingHorizontalS, flexWrap: 'wrap', justifyContent: 'center', marginTop: tokens.spacingVerticalXS },
  lines: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalM, padding: tokens.spacingHorizontalM },
  meta: { color: tokens.colorNeutralForeground3, display: 'flex', gap: tokens.spacingHorizontalS, alignItems: 'center' },
});

// Empty says why there is nothing and what to do about it.
export function Empty({
  icon,
  title,
  children,
  actions,
}: {
  icon?: ReactElement;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
}) {
  const s = useStyles();
  return (
    <div className={s.box} role="status">
      {icon ? <span className={s.icon}>{icon}</span> : null}
      <Text size={400} weight="semibold">
        {title}
      </Text>
      {children ? <Text className={s.body}>{children}</Text> : null}
      {actions ? <div className={s.row}>{actions}</div> : null}
    </div>
  );
}

// asSentence writes a server's message as a sentence.
export function asSentence(message: string): string {
  const text = message.trim();
  if (text === '') return '';
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

// Failure says what could not be shown, why, the code and the request id, and offers to try again. A missing permission is named.
export function Failure({ what, error, retry }: { what: string; error: unknown; retry?: () => void }) {
  const s = useStyles();
  const api = error instanceof ApiError ? error : undefined;
  if (api?.status === 403) {
    return (
      <Empty icon={<LockClosedRegular />} title={`You may not see ${what}`}>
        {asSentence(api.message)}
        {api.target ? ` It needs the permission ${api.target}.` : ''} Ask an administrator of this tenant.
      </Empty>
    );
  }
  return (
    <div className={s.box} role="alert">
      <span className={mergeClasses(s.icon, s.bad)}>
        <ErrorCircleRegular />
      </span>
      <Text size={400} weight="semibold">
        {api?.status === 404 ? `Not found: ${what}` : `Could not load ${what}`}
      </Text>
      <Text className={s.body}>{asSentence(error instanceof Error ? error.message : String(error))}</Text>
      {api ? (
        <span className={s.meta}>
          <Text size={200}>Code {api.code}</Text>
          {api.requestId ? (
            <Text size={200}>
              Request <CopyId value={api.requestId} />
            </Text>
          ) : null}
        </span>
      ) : null}
      {retry ? (
        <div className={s.row}>
          <Button icon={<ArrowClockwiseRegular />} onClick={retry}>
            Try again
          </Button>
        </div>
      ) : null}
    </div>
  );
}

// Lines is the skeleton of text or rows that are still loading.
export function Lines({ count = 6, height = 16 }: { count?: number; height?: 8 | 12 | 16 | 20 | 24 | 28 | 32 | 40 | 48 | 64 }) {
  const s = useStyles();
  return (
    <Skeleton className={s.lines} aria-label="Loading">
      {Array.from({ length: count }, (_, i) => (
        <SkeletonItem key={i} size={height} style={{ width: `${96 - ((i * 17) % 40)}%` }} />
      ))}
    </Skeleton>
  );
}
