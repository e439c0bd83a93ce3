import { Button, makeStyles, tokens, Tooltip } from '@fluentui/react-components';
import { SearchSquareRegular } from '@fluentui/react-icons';
import { Link, useNavigate } from '@tanstack/react-router';
import type { Evidence } from '../api/types';
import { useMay } from '../app/session';
import { evidenceDetail, evidenceName } from '../design/evidence';
import { KindIcon, Tags, VerdictMark } from '../design/marks';
import { useLinkStyles } from '../design/useLinkStyles';
import { label } from '../design/words';
import { hunted, huntEntity } from '../hunting/gohunt';

const useStyles = makeStyles({
  list: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalS, margin: 0, padding: 0, listStyleType: 'none' },
  item: { display: 'grid', gridTemplateColumns: '20px minmax(0, 1fr) auto', columnGap: tokens.spacingHorizontalS },
  icon: { fontSize: '18px', lineHeight: '20px', color: tokens.colorNeutralForeground2 },
  head: { display: 'flex', flexWrap: 'wrap', columnGap: tokens.spacingHorizontalM, alignItems: 'center', minWidth: 0 },
  name: { overflowWrap: 'anywhere' },
  detail: {
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    color: tokens.colorNeutralForeground3,
    overflowWrap: 'anywhere',
  },
  kind: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

// EvidenceList names the entities of an alert with their roles and verdicts, and offers to hunt for each around a time.
export function EvidenceList({ evidence, around }: { evidence: readonly Evidence[]; around?: string | undefined }) {
  const s = useStyles();
  const navigate = useNavigate();
  const mayHunt = useMay('secops.data.read');
  const l = useLinkStyles();
  if (evidence.length === 0) return <span>No entity was recorded.</span>;
  return (
    <ul className={s.list} aria-label="Evidence">
      {evidence.map((e, i) => {
        const name = evidenceName(e) || label(e.type);
        const detail = evidenceDetail(e);
        return (
          <li key={`${e.entityKey ?? name} ${i}`} className={s.item}>
            <span className={s.icon}>
              <KindIcon kind={e.type} />
            </span>
            <div style={{ minWidth: 0 }}>
              <div className={s.head}>
                <span className={s.name} dir="auto">
                  {e.entityKey ? (
                    <Link to="/incidents" search={{ entity: e.entityKey } as never} className={l.link} title="All incidents with it">
                      {name}
                    </Link>
                  ) : (
                    name
                  )}
                </span>
                <span className={s.kind}>{label(e.type)}</span>
                {(e.roles ?? []).length > 0 ? <Tags values={e.roles} all /> : null}
                {e.verdict && e.verdict !== 'Unknown' ? <VerdictMark value={e.verdict} /> : null}
              </div>
              {detail && detail !== name ? <div className={s.detail}>{detail}</div> : null}
            </div>
            {mayHunt ? (
              <Tooltip content={`Go hunt for ${name}`} relationship="label">
                <Button
                  size="small"
                  appearance="subtle"
                  icon={<SearchSquareRegular />}
                  onClick={() =>
                    void navigate({ to: '/hunting', search: { query: huntEntity(hunted(e), around), runQuery: 'true' } as never })
                  }
                />
              </Tooltip>
            ) : null}
          </li>
        );
      })}
    </ul>
  );
}
