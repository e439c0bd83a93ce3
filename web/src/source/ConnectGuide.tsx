import { useState } from 'react';
import { Button, makeStyles, mergeClasses, MessageBar, MessageBarBody, tokens, ToggleButton } from '@fluentui/react-components';
import { CheckmarkCircleFilled, CopyRegular, KeyRegular } from '@fluentui/react-icons';
import { access } from '../api/endpoints';
import type { Source } from '../api/types';
import { useNotify } from '../app/notify';
import { useMay } from '../app/session';
import { Section } from '../design/Section';
import { Time } from '../design/Time';
import { guides, placeholder } from './connect';

const useStyles = makeStyles({
  page: {
    overflow: 'auto',
    flexGrow: 1,
    padding: `${tokens.spacingVerticalL} ${tokens.spacingHorizontalXXL}`,
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalL,
  },
  choices: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(220px, 1fr))', gap: tokens.spacingHorizontalS },
  choice: { justifyContent: 'flex-start', textAlign: 'left', height: '100%' },
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
  light: { display: 'flex', alignItems: 'center', gap: tokens.spacingHorizontalS },
  dot: { width: '12px', height: '12px', borderRadius: '50%', border: `2px solid ${tokens.colorNeutralStrokeAccessible}` },
  on: { color: tokens.colorPaletteGreenForeground1 },
});

// arrivals says what came since the guide was opened: the families whose count grew, the one that came last first.
export function arrivals(before: readonly Source[], now: readonly Source[]): { id: string; records: number; lastSeen?: string }[] {
  const had = new Map(before.map((x) => [x.id, x.records]));
  return now
    .map((x) => ({ id: x.id, records: x.records - (had.get(x.id) ?? 0), ...(x.lastSeen ? { lastSeen: x.lastSeen } : {}) }))
    .filter((x) => x.records > 0)
    .sort((a, b) => (b.lastSeen ?? '').localeCompare(a.lastSeen ?? ''));
}

// ConnectGuide shows how a collector is pointed here, makes the token it needs, and lights up when the first record comes.
export function ConnectGuide({ list }: { list: readonly Source[] }) {
  const s = useStyles();
  const { notify, failed } = useNotify();
  const mayToken = useMay('settings.core.manage');
  const [chosen, setChosen] = useState(guides[0].id);
  const [token, setToken] = useState('');
  const [before] = useState(list);
  const guide = guides.find((g) => g.id === chosen) ?? guides[0];
  const text = guide.configuration({ origin: window.location.origin, token: token || placeholder });
  const came = arrivals(before, list);
  const make = async () => {
    try {
      const made = await access.createToken({ name: `collector ${guide.name}`, scopes: ['ingest'] });
      if (made.token) setToken(made.token);
      notify({ title: 'Token made', body: 'It stands in the configuration below and is shown this once.' });
    } catch (err) {
      failed('Could not make a token', err);
    }
  };
  return (
    <div className={s.page}>
      <Section title="1. What ships the records?">
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
              <Button icon={<KeyRegular />} disabled={!mayToken || token !== ''} onClick={() => void make()}>
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
          <MessageBar intent="warning">
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
        <div className={s.light} role="status">
          {came[0] ? (
            <>
              <CheckmarkCircleFilled className={s.on} fontSize={20} />
              <span>
                {`${came.reduce((sum, x) => sum + x.records, 0).toLocaleString()} records came since this page was opened, from ${came.map((x) => x.id).join(', ')}; the last `}
                <Time value={came[0].lastSeen} />.
              </span>
            </>
          ) : (
            <>
              <span className={mergeClasses(s.dot)} aria-hidden />
              <span>Nothing new has come yet. The page looks by itself.</span>
            </>
          )}
        </div>
      </Section>
    </div>
  );
}
