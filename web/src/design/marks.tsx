import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import {
  AlertRegular,
  AppGenericRegular,
  BeakerRegular,
  CheckmarkCircle16Regular,
  Circle16Regular,
  CircleHalfFill16Regular,
  DesktopRegular,
  DocumentRegular,
  ErrorCircle16Filled,
  GlobeRegular,
  Info16Regular,
  LinkRegular,
  MailInboxRegular,
  MailRegular,
  PersonRegular,
  QuestionCircle16Regular,
  SettingsRegular,
  ShieldErrorRegular,
  Warning16Filled,
  Warning16Regular,
  WindowConsoleRegular,
} from '@fluentui/react-icons';
import type { Severity } from '../api/types';
import { label } from './words';

const useStyles = makeStyles({
  mark: {
    display: 'inline-flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalXS,
    whiteSpace: 'nowrap',
    minWidth: 0,
    verticalAlign: 'middle',
  },
  word: { overflow: 'hidden', textOverflow: 'ellipsis', color: tokens.colorNeutralForeground1 },
  icon: { flexShrink: 0, display: 'inline-flex' },
  high: { color: tokens.colorPaletteRedForeground1 },
  medium: { color: tokens.colorPaletteDarkOrangeForeground1 },
  low: { color: tokens.colorPaletteYellowForeground2 },
  neutral: { color: tokens.colorNeutralForeground3 },
  good: { color: tokens.colorPaletteGreenForeground1 },
  brand: { color: tokens.colorBrandForeground1 },
  strong: { fontWeight: tokens.fontWeightSemibold },
  tag: {
    display: 'inline-block',
    verticalAlign: 'middle',
    minWidth: 0,
    maxWidth: '100%',
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'nowrap',
    paddingLeft: tokens.spacingHorizontalSNudge,
    paddingRight: tokens.spacingHorizontalSNudge,
    borderRadius: tokens.borderRadiusSmall,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    backgroundColor: tokens.colorNeutralBackground3,
    color: tokens.colorNeutralForeground2,
    fontSize: tokens.fontSizeBase200,
    lineHeight: '18px',
  },
  lab: {
    display: 'inline-flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalXXS,
    flexShrink: 0,
    border: `1px solid ${tokens.colorPaletteLavenderBorderActive}`,
    backgroundColor: tokens.colorPaletteLavenderBackground2,
    color: tokens.colorPaletteLavenderForeground2,
  },
  tags: {
    verticalAlign: 'middle',
    display: 'inline-flex',
    gap: tokens.spacingHorizontalXS,
    alignItems: 'center',
    minWidth: 0,
    maxWidth: '100%',
    overflow: 'hidden',
  },
  wrap: { flexWrap: 'wrap' },
});

// SeverityMark shows a severity with its icon, its colour and its word.
export function SeverityMark({ value, strong = false }: { value: Severity | string | undefined; strong?: boolean }) {
  const s = useStyles();
  const [Icon, tone] =
    value === 'High'
      ? ([ErrorCircle16Filled, s.high] as const)
      : value === 'Medium'
        ? ([Warning16Filled, s.medium] as const)
        : value === 'Low'
          ? ([Warning16Regular, s.low] as const)
          : ([Info16Regular, s.neutral] as const);
  return (
    <span className={s.mark}>
      <span className={mergeClasses(s.icon, tone)} aria-hidden>
        <Icon />
      </span>
      <span className={mergeClasses(s.word, strong && s.strong)}>{label(value) || 'Not rated'}</span>
    </span>
  );
}

// StatusMark shows the status of an incident, an alert, an investigation or a part of the system.
export function StatusMark({ value }: { value: string | undefined }) {
  const s = useStyles();
  const [Icon, tone] =
    value === 'Active' || value === 'New'
      ? ([Circle16Regular, s.brand] as const)
      : value === 'InProgress' || value === 'Running'
        ? ([CircleHalfFill16Regular, s.brand] as const)
        : value === 'Resolved' || value === 'ok' || value === 'Completed'
          ? ([CheckmarkCircle16Regular, s.good] as const)
          : value === 'failed' || value === 'Failed' || value === 'error'
            ? ([ErrorCircle16Filled, s.high] as const)
            : ([QuestionCircle16Regular, s.neutral] as const);
  return (
    <span className={s.mark}>
      <span className={mergeClasses(s.icon, tone)} aria-hidden>
        <Icon />
      </span>
      <span className={s.word}>{label(value) || 'Unknown'}</span>
    </span>
  );
}

// VerdictMark shows what analysis said of an entity.
export function VerdictMark({ value }: { value: string | undefined }) {
  const s = useStyles();
  const [Icon, tone] =
    value === 'Malicious'
      ? ([ErrorCircle16Filled, s.high] as const)
      : value === 'Suspicious'
        ? ([Warning16Filled, s.medium] as const)
        : value === 'NoThreatsFound'
          ? ([CheckmarkCircle16Regular, s.good] as const)
          : ([QuestionCircle16Regular, s.neutral] as const);
  const word = value === 'NoThreatsFound' ? 'Clean' : value && value !== 'Unknown' ? label(value) : 'Not analysed';
  return (
    <span className={s.mark}>
      <span className={mergeClasses(s.icon, tone)} aria-hidden>
        <Icon />
      </span>
      <span className={s.word}>{word}</span>
    </span>
  );
}

// KindIcon is the icon of an entity kind.
export function KindIcon({ kind }: { kind: string }) {
  const icons = {
    alert: ShieldErrorRegular,
    incident: AlertRegular,
    device: DesktopRegular,
    user: PersonRegular,
    mailbox: MailInboxRegular,
    ip: GlobeRegular,
    file: DocumentRegular,
    process: WindowConsoleRegular,
    url: LinkRegular,
    message: MailRegular,
    mailMessage: MailRegular,
    app: AppGenericRegular,
    cloudApp: AppGenericRegular,
    registry: SettingsRegular,
  } as const;
  const Icon = icons[kind as keyof typeof icons] ?? Circle16Regular;
  return <Icon aria-hidden />;
}

// Tag is a short word in a box.
export function Tag({ children, title }: { children: string; title?: string }) {
  const s = useStyles();
  return (
    <span className={s.tag} title={title ?? children}>
      {children}
    </span>
  );
}

// LabTag marks data that the evaluation lab made.
export function LabTag() {
  const s = useStyles();
  return (
    <span className={mergeClasses(s.tag, s.lab)} title="Made by the evaluation lab; removable on its page">
      <BeakerRegular aria-hidden style={{ flexShrink: 0 }} />
      Lab
    </span>
  );
}

// Tags shows some of a list of words and how many more there are; with all, it shows every one and wraps.
export function Tags({
  values,
  max = 2,
  all = false,
  plain = false,
}: {
  values: readonly string[] | undefined | null;
  max?: number;
  all?: boolean;
  // Words of people's own making are shown as they are.
  plain?: boolean;
}) {
  const word = plain ? (v: string) => v : label;
  const s = useStyles();
  if (!values || values.length === 0) return <span className={s.neutral}>–</span>;
  const shown = all ? values : values.slice(0, max);
  const rest = values.length - shown.length;
  return (
    <span className={mergeClasses(s.tags, all && s.wrap)} title={values.map(word).join(', ')}>
      {shown.map((v) => (
        <Tag key={v}>{word(v)}</Tag>
      ))}
      {rest > 0 ? <span className={s.neutral}>+{rest}</span> : null}
    </span>
  );
}
