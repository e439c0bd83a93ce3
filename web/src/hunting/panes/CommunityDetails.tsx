import { Button, MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { hunt, type CommunityQuery } from '../../api/hunting';
import { Facts } from '../../design/Facts';
import { asSentence, Failure, Lines } from '../../design/states';
import { Details } from '../dialogs/Details';
import { usePaneStyles } from './usePaneStyles';

// CommunityDetails shows a community query: what it is for, what it needs, whether it runs here, and its text.
export function CommunityDetails({
  query,
  missing,
  onOpen,
  onClose,
}: {
  query: CommunityQuery;
  missing: readonly string[];
  onOpen: (run: boolean) => void;
  onClose: () => void;
}) {
  const s = usePaneStyles();
  const full = useQuery({ queryKey: ['hunting', 'community', query.id], queryFn: () => hunt.communityQuery(query.id) });
  const runs = missing.length === 0 && !query.issue;
  return (
    <Details
      title={query.name}
      onClose={onClose}
      buttons={
        <>
          <Button appearance="primary" onClick={() => onOpen(false)}>
            Open in a tab
          </Button>
          <Button disabled={!runs} onClick={() => onOpen(true)}>
            Run
          </Button>
        </>
      }
    >
      <MessageBar intent={runs ? 'success' : 'warning'}>
        <MessageBarBody>
          {runs
            ? 'Runs here: every table it reads is there.'
            : missing.length > 0
              ? `Does not run here: it misses the ${missing.length === 1 ? 'table' : 'tables'} ${missing.join(', ')}.`
              : `Does not run here: ${asSentence(query.issue ?? '')}`}
        </MessageBarBody>
      </MessageBar>
      {query.description ? <span style={{ whiteSpace: 'pre-wrap' }}>{full.data?.description || query.description}</span> : null}
      <Facts
        facts={[
          ['Folder', query.folder],
          ['Techniques', (query.techniques ?? []).join(', ')],
          ['Tables', (query.tables ?? []).join(', ')],
          ['From', query.source ?? ''],
        ]}
      />
      {full.isPending ? <Lines count={5} /> : null}
      {full.error ? <Failure what="the query" error={full.error} retry={() => void full.refetch()} /> : null}
      {full.data ? <pre className={s.code}>{full.data.query}</pre> : null}
    </Details>
  );
}
