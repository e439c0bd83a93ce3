import { useState } from 'react';
import { Button, makeStyles, mergeClasses, Tab, TabList, tokens } from '@fluentui/react-components';
import { ArrowRightRegular, OpenRegular, PlayRegular } from '@fluentui/react-icons';
import { samples, walkThroughs, type WalkThrough } from './samples';

const useStyles = makeStyles({
  scroll: {
    overflowY: 'auto',
    flexGrow: 1,
    minHeight: 0,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM} ${tokens.spacingVerticalL}`,
  },
  cards: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(260px, 1fr))', gap: tokens.spacingHorizontalM },
  card: {
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalXS,
    padding: tokens.spacingHorizontalM,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
    backgroundColor: tokens.colorNeutralBackground1,
    minWidth: 0,
  },
  on: { boxShadow: `inset 3px 0 0 0 ${tokens.colorBrandStroke1}` },
  title: { margin: 0, fontSize: tokens.fontSizeBase300, fontWeight: tokens.fontWeightSemibold, lineHeight: tokens.lineHeightBase300 },
  operator: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200, color: tokens.colorBrandForeground2 },
  about: { color: tokens.colorNeutralForeground2, flexGrow: 1 },
  row: { display: 'flex', gap: tokens.spacingHorizontalXS },
  h2: {
    margin: `${tokens.spacingVerticalM} 0 ${tokens.spacingVerticalS}`,
    fontSize: tokens.fontSizeBase400,
    lineHeight: tokens.lineHeightBase400,
  },
  steps: {
    margin: 0,
    padding: 0,
    listStyleType: 'none',
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalS,
    maxWidth: '760px',
  },
  intro: { margin: `0 0 ${tokens.spacingVerticalM}`, color: tokens.colorNeutralForeground2, maxWidth: '760px' },
});

type Open = (query: { name: string; query: string; run: boolean }) => void;

// GettingStarted offers queries to begin with: walk-throughs and one sample for each common operator.
export function GettingStarted({ onOpen, onBuilder }: { onOpen: Open; onBuilder: () => void }) {
  const s = useStyles();
  const [chosen, setChosen] = useState('');
  const walk = walkThroughs.find((w) => w.id === chosen);
  return (
    <div className={s.scroll}>
      <TabList size="small" selectedValue={chosen} onTabSelect={(_, d) => setChosen(String(d.value))} aria-label="Getting started">
        <Tab value="">Samples</Tab>
        {walkThroughs.map((w) => (
          <Tab key={w.id} value={w.id}>
            {w.title}
          </Tab>
        ))}
      </TabList>
      {walk ? <Steps key={walk.id} walk={walk} onOpen={onOpen} /> : <Samples onOpen={onOpen} onBuilder={onBuilder} />}
    </div>
  );
}

function Samples({ onOpen, onBuilder }: { onOpen: Open; onBuilder: () => void }) {
  const s = useStyles();
  return (
    <>
      <h2 className={s.h2}>A query for each operator</h2>
      <p className={s.intro}>
        Write a query and press Shift+Enter. Blank lines separate several queries in one tab; the one under the cursor runs. Times in
        queries are in UTC. Without knowing the language,{' '}
        <Button size="small" onClick={onBuilder}>
          use the query builder
        </Button>
      </p>
      <div className={s.cards}>
        {samples.map((q) => (
          <section key={q.title} className={s.card} aria-label={q.title}>
            <span className={s.operator}>{q.operator}</span>
            <h3 className={s.title}>{q.title}</h3>
            <span className={s.about}>{q.about}</span>
            <div className={s.row}>
              <Button
                size="small"
                icon={<PlayRegular />}
                aria-label={`Run: ${q.title}`}
                onClick={() => onOpen({ name: q.title, query: q.query, run: true })}
              >
                Run
              </Button>
              <Button
                size="small"
                appearance="subtle"
                icon={<OpenRegular />}
                aria-label={`Open: ${q.title}`}
                onClick={() => onOpen({ name: q.title, query: q.query, run: false })}
              >
                Open
              </Button>
            </div>
          </section>
        ))}
      </div>
    </>
  );
}

function Steps({ walk, onOpen }: { walk: WalkThrough; onOpen: Open }) {
  const s = useStyles();
  const [at, setAt] = useState(0);
  return (
    <>
      <h2 className={s.h2}>{walk.title}</h2>
      <p className={s.intro}>{walk.about} Each step opens in a tab; come back here for the next one.</p>
      <ol className={s.steps}>
        {walk.steps.map((step, i) => (
          <li key={step.title} className={mergeClasses(s.card, i === at && s.on)} aria-current={i === at ? 'step' : undefined}>
            <h3 className={s.title}>
              {i + 1}. {step.title}
            </h3>
            <span className={s.about}>{step.text}</span>
            <div className={s.row}>
              <Button
                size="small"
                appearance={i === at ? 'primary' : 'secondary'}
                icon={<ArrowRightRegular />}
                aria-label={`Run step ${i + 1}: ${step.title}`}
                onClick={() => {
                  setAt(Math.min(walk.steps.length - 1, i + 1));
                  onOpen({ name: step.title, query: step.query, run: true });
                }}
              >
                Run this step
              </Button>
            </div>
          </li>
        ))}
      </ol>
    </>
  );
}
