import { useEffect, useState } from 'react';
import { Button, makeStyles, mergeClasses, MessageBar, MessageBarBody, tokens, ToggleButton } from '@fluentui/react-components';
import { CheckmarkCircleFilled, CopyRegular, KeyRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { access, sources } from '../api/endpoints';
import { hunt } from '../api/hunting';
import type { ApiToken, Sender } from '../api/types';
import { useLive } from '../app/live';
import { useNotify } from '../app/notify';
import { useMay } from '../app/session';
import { Section } from '../design/Section';
import { Failure } from '../design/states';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { guides, placeholder } from './connect';
import { arrivals, huntFor, type Arrival } from './sender';

const useStyles = makeStyles({
  page: {
    overflow: 'auto',
    flexGrow: 1,
    padding: `${tokens.spacingVerticalL} ${tokens.spacingHorizontalXXL}`,
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalL,
    '@media (max-width: 639px)': { padding: tokens.spacingHorizontalM },
  },
  choices: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(220px, 1fr))', gap: tokens.spacingHorizontalS },
  choice: { justifyContent: 'flex-start', textAlign: 'left', height: '100%', maxWidth: 'none' },
  name: { display: 'flex', flexDirection: 'column', fontWeight: tokens.fontWeightSemibold },
  ships: { fontWeight: tokens.fontWeightRegular, fontSize: tokens.fontSizeBase200, color: tokens.colorNeutralForeground2 },
  bar: { display: 'flex', gap: tokens.spacingHorizontalS, flexWrap: 'wrap', alignItems: 'center', marginBottom: tokens.spacingVerticalS },
  code: {
    margin: 0,
    padding: tokens.spacingHorizontalM,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    backgroundColor: tokens.colorNeutralBackground3,
    borderRadius: tokens.borderRadiusMedium,
    overflowX: 'auto',
  },
  light: { display: 'flex', alignItems: 'center', gap: tokens.spacingHorizontalM, padding: tokens.spacingHorizontalM },
  box: { border: `1px solid ${tokens.colorNeutralStroke2}`, borderRadius: tokens.borderRadiusLarge },
  lit: { border: `1px solid ${tokens.colorPaletteGreenBorderActive}`, backgroundColor: tokens.colorPaletteGreenBackground1 },
  dot: {
    width: '14px',
    height: '14px',
    flexShrink: 0,
    boxSizing: 'border-box',
    borderRadius: '50%',
    border: `2px solid ${tokens.colorNeutralStrokeAccessible}`,
  },
  waiting: {
    animationName: { '50%': { backgroundColor: tokens.colorNeutralStrokeAccessible } },
    animationDuration: '2s',
    animationIterationCount: 'infinite',
    animationTimingFunction: 'step-end',
  },
  on: { color: tokens.colorPaletteGreenForeground1, flexShrink: 0 },
});

// ConnectGuide shows how a collector is pointed here, makes the token it needs, and lights up when the first record comes.
export function ConnectGuide() {
  const s = useStyles();
  const l = useLinkStyles();
  const { notify, failed } = useNotify();
  const mayToken = useMay('settings.core.manage');
  const [chosen, setChosen] = useState(guides[0].id);
  const [token, setToken] = useState<ApiToken | undefined>();
  const guide = guides.find((g) => g.id === chosen) ?? guides[0];
  const text = guide.configuration({ origin: window.location.origin, token: token?.token ?? placeholder });
  const make = async () => {
    try {
      const made = await access.createToken({ name: `collector ${guide.name}`, scopes: ['ingest'] });
      setToken(made);
      notify({ title: 'Token made', body: 'It stands in the configuration below and is shown this once.' });
    } catch (err) {
      failed('Could not make a token', err);
    }
  };
  return (
    <div className={s.page}>
      <Section
        title="1. What ships the records?"
        note={
          <>
            Cloud services are fetched from instead:{' '}
            <Link to="/connectors" className={mergeClasses(l.link, l.inText)}>
              connectors
            </Link>
          </>
        }
      >
        <div className={s.choices} role="group" aria-label="Collectors">
          {guides.map((g) => (
            <ToggleButton key={g.id} className={s.choice} checked={g.id === guide.id} onClick={() => setChosen(g.id)}>
              <span className={s.name}>
                {g.name}
                <span className={s.ships}>{g.ships}</span>
              </span>
            </ToggleButton>
          ))}
        </div>
      </Section>
      <Section title={`2. Put this into ${guide.file}`}>
        <div className={s.bar}>
          {guide.syslog ? (
            <span>Senders need no token. Start the server again after the change; syslog.tenant says whose the records are.</span>
          ) : (
            <>
              <Button icon={<KeyRegular />} disabled={!mayToken || token !== undefined} onClick={() => void make()}>
                Make a token for it
              </Button>
              {!mayToken ? <span>Ask an administrator for a token of scope ingest.</span> : null}
            </>
          )}
          <Button
            icon={<CopyRegular />}
            onClick={() => {
              navigator.clipboard.writeText(text).then(
                () => notify({ title: 'Copied' }),
                (err: unknown) => failed('Could not copy', err),
              );
            }}
          >
            Copy
          </Button>
        </div>
        {token ? (
          <MessageBar intent="warning" layout="multiline">
            <MessageBarBody>
              The token is shown this once. It expires in 90 days; Settings › API tokens lists and revokes it.
            </MessageBarBody>
          </MessageBar>
        ) : null}
        {/* A region that scrolls has to be reachable by keys. */}
        <pre className={s.code} tabIndex={0} aria-label={`Configuration of ${guide.name}`}>
          {text}
        </pre>
      </Section>
      <Section title="3. Wait for the first record">
        <Light token={guide.syslog ? undefined : token} />
      </Section>
    </div>
  );
}

// Light waits for the first record: of the token when one was made here, else of anybody since the page was opened.
function Light({ token }: { token: ApiToken | undefined }) {
  const s = useStyles();
  const list = useQuery({ queryKey: ['sources', 'senders'], queryFn: sources.senders, refetchInterval: 2_000, staleTime: 0 });
  useLive((event) => {
    if (event.topic === 'ingest') void list.refetch();
  });
  // What had been delivered when the guide was opened.
  const [before, setBefore] = useState<readonly Sender[] | undefined>();
  const now = list.data?.value;
  useEffect(() => {
    if (now) setBefore((b) => b ?? now);
  }, [now]);
  if (list.error && !now) return <Failure what="who delivers" error={list.error} retry={() => void list.refetch()} />;
  const [first] = arrivals(before ?? now ?? [], now ?? [], token?.id);
  return first ? (
    <div className={mergeClasses(s.light, s.box, s.lit)} role="status">
      <CheckmarkCircleFilled className={s.on} fontSize={24} />
      <Came first={first} />
    </div>
  ) : (
    <div className={mergeClasses(s.light, s.box)} role="status">
      <span className={mergeClasses(s.dot, s.waiting)} aria-hidden />
      <span>
        {token
          ? `Waiting for the first record of “${token.name}”. This page looks by itself.`
          : 'Nothing new has come yet. This page looks by itself.'}
      </span>
    </div>
  );
}

function Came({ first }: { first: Arrival }) {
  const l = useLinkStyles();
  const schema = useQuery({ queryKey: ['hunting', 'schema'], queryFn: hunt.schema, staleTime: 300_000, retry: 0 });
  const family = first.families[0];
  const query = family
    ? huntFor(
        family,
        (schema.data?.tables ?? []).map((t) => t.name),
      )
    : undefined;
  return (
    <span>
      <strong>First event received</strong> from {first.name} <Time value={first.time} />:{' '}
      {`${first.records.toLocaleString()} ${first.records === 1 ? 'record' : 'records'}`}
      {first.families.length > 0 ? ` of ${first.families.join(', ')}` : ''}
      {first.refused > 0 ? `, ${first.refused.toLocaleString()} refused` : ''}.{' '}
      {query ? (
        <Link to="/hunting" search={{ query, runQuery: 'true' } as never} className={mergeClasses(l.link, l.inText)}>
          Hunt for it
        </Link>
      ) : null}{' '}
      {first.refused > 0 ? (
        <Link to="/sources" search={{ tab: 'refused' } as never} className={mergeClasses(l.link, l.inText)}>
          Why records were refused
        </Link>
      ) : null}
    </span>
  );
}
