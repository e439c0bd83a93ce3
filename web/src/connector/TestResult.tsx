import { makeStyles, MessageBar, MessageBarBody, MessageBarTitle, tokens } from '@fluentui/react-components';
import { CheckmarkCircle16Regular, ErrorCircle16Filled } from '@fluentui/react-icons';
import type { ConnectorTest } from '../api/connectors';
import { asSentence } from '../design/states';

const useStyles = makeStyles({
  list: { margin: `${tokens.spacingVerticalXS} 0 0`, padding: 0, listStyleType: 'none' },
  item: { display: 'flex', gap: tokens.spacingHorizontalXS, alignItems: 'flex-start', overflowWrap: 'anywhere' },
  good: { color: tokens.colorPaletteGreenForeground1, flexShrink: 0, lineHeight: 0, paddingTop: '2px' },
  bad: { color: tokens.colorPaletteRedForeground1, flexShrink: 0, lineHeight: 0, paddingTop: '2px' },
});

// TestResult says what a test of a connector found, stream by stream.
export function TestResult({ result }: { result: ConnectorTest }) {
  const s = useStyles();
  return (
    <MessageBar intent={result.ok ? 'success' : 'error'} layout="multiline" role={result.ok ? 'status' : 'alert'}>
      <MessageBarBody>
        <MessageBarTitle>{result.ok ? 'It works' : 'It does not work yet'}</MessageBarTitle> {asSentence(result.message)}
        {result.details.length > 0 ? (
          <ul className={s.list}>
            {result.details.map((d) => (
              <li key={d.name} className={s.item}>
                <span className={d.ok ? s.good : s.bad} role="img" aria-label={d.ok ? 'works' : 'fails'}>
                  {d.ok ? <CheckmarkCircle16Regular /> : <ErrorCircle16Filled />}
                </span>
                <span>
                  {d.name}: {d.message}
                </span>
              </li>
            ))}
          </ul>
        ) : null}
      </MessageBarBody>
    </MessageBar>
  );
}
