import { useEffect, useMemo, useState } from 'react';
import { Badge, makeStyles, tokens } from '@fluentui/react-components';
import { ShieldErrorRegular } from '@fluentui/react-icons';
import { Link } from '@tanstack/react-router';
import type { Story as StoryData, StoryNode } from '../api/types';
import { CopyId } from '../design/CopyId';
import { Facts } from '../design/Facts';
import { Section } from '../design/Section';
import { Empty } from '../design/states';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { label } from '../design/words';
import { StoryTree } from './StoryTree';
import { closedAtFirst, grow } from './tree';

const useStyles = makeStyles({
  split: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 1fr) 300px',
    gap: tokens.spacingHorizontalL,
    alignItems: 'start',
    '@media (max-width: 1279px)': { gridTemplateColumns: 'minmax(0, 1fr)' },
  },
  tree: { overflowX: 'auto', maxHeight: '70vh', overflowY: 'auto' },
  side: {
    display: 'flex',
    gap: tokens.spacingHorizontalS,
    alignItems: 'center',
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: 'nowrap',
    '@media (max-width: 639px)': { gridColumnStart: 3 },
  },
  code: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' },
});

// Story shows what happened as a tree of processes and what they touched, and what is known of the chosen one.
export function Story({ story, titles }: { story: StoryData; titles: ReadonlyMap<string, string> }) {
  const s = useStyles();
  const roots = useMemo(() => grow(story.nodes), [story]);
  const [closed, setClosed] = useState<ReadonlySet<string>>(() => closedAtFirst(roots));
  useEffect(() => setClosed(closedAtFirst(roots)), [roots]);
  const first = story.nodes.find((n) => n.focus)?.id ?? roots[0]?.node.id ?? '';
  const [at, setAt] = useState(first);
  useEffect(() => setAt(first), [first]);
  const here = story.nodes.find((n) => n.id === at);
  if (story.nodes.length === 0)
    return <Empty title="No process was recorded for this alert">The evidence and the matched fields below say what is known.</Empty>;
  return (
    <div className={s.split}>
      <StoryTree
        label="Alert story"
        className={s.tree}
        roots={roots}
        closed={closed}
        onClosed={setClosed}
        at={at}
        onAt={setAt}
        note={(n) => n.account ?? ''}
        side={(n) => <Side node={n} />}
      />
      {here ? (
        <Section title={here.label} note={label(here.kind)} card>
          <NodeFacts node={here} titles={titles} />
        </Section>
      ) : null}
    </div>
  );
}

// Side says when a node was seen and how many alerts name it.
function Side({ node: n }: { node: StoryNode }) {
  const s = useStyles();
  const alerts = (n.alertIds ?? []).length;
  return (
    <div className={s.side}>
      {alerts > 0 ? (
        <Badge appearance="tint" color={n.focus ? 'danger' : 'warning'} icon={<ShieldErrorRegular />}>
          {alerts === 1 ? 'alert' : `${alerts} alerts`}
        </Badge>
      ) : null}
      <Time value={n.time} form="clock" />
    </div>
  );
}

function NodeFacts({ node: n, titles }: { node: StoryData['nodes'][number]; titles: ReadonlyMap<string, string> }) {
  const s = useStyles();
  const l = useLinkStyles();
  return (
    <>
      <Facts
        facts={[
          ['Time', <Time key="t" value={n.time} form="absolute" />],
          ['Account', n.account],
          ['Path', n.path ? <CopyId key="p" value={n.path} /> : ''],
          [
            'Command line',
            n.commandLine ? (
              <span key="c" className={s.code}>
                {n.commandLine}
              </span>
            ) : (
              ''
            ),
          ],
          ['SHA256', n.sha256 ? <CopyId key="h" value={n.sha256} /> : ''],
          ['Details', n.detail && n.detail !== n.commandLine ? n.detail : ''],
          ...Object.entries(n.facts ?? {}).map(([name, value]): [string, string] => [name, value]),
        ]}
      />
      {(n.alertIds ?? []).map((a) => (
        <Link key={a} to="/alerts/$alertId" params={{ alertId: a }} className={l.link}>
          {titles.get(a) ?? `Alert ${a}`}
        </Link>
      ))}
    </>
  );
}
