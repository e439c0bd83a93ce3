import { makeStyles, tokens } from '@fluentui/react-components';
import { blocks, type Inline } from './markdown';

const useStyles = makeStyles({
  box: {
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalS,
    overflowWrap: 'anywhere',
    '& p, & h4': { margin: 0 },
    '& h4': { fontSize: tokens.fontSizeBase300 },
    '& ol, & ul': { margin: 0, paddingLeft: tokens.spacingHorizontalXXL },
    '& li': { paddingBottom: tokens.spacingVerticalXXS },
    '& a': { color: tokens.colorBrandForegroundLink },
    '& code': {
      fontFamily: tokens.fontFamilyMonospace,
      fontSize: tokens.fontSizeBase200,
      backgroundColor: tokens.colorNeutralBackground3,
      borderRadius: tokens.borderRadiusSmall,
      padding: '0 3px',
    },
    '& pre': {
      margin: 0,
      padding: tokens.spacingHorizontalM,
      overflowX: 'auto',
      backgroundColor: tokens.colorNeutralBackground3,
      borderRadius: tokens.borderRadiusMedium,
    },
  },
});

function Spans({ spans }: { spans: readonly Inline[] }) {
  return spans.map((x, i) =>
    x.kind === 'code' ? (
      <code key={i}>{x.text}</code>
    ) : x.kind === 'bold' ? (
      <strong key={i}>{x.text}</strong>
    ) : x.kind === 'italic' ? (
      <em key={i}>{x.text}</em>
    ) : x.kind === 'link' ? (
      <a key={i} href={x.href} target="_blank" rel="noreferrer">
        {x.text}
      </a>
    ) : (
      x.text
    ),
  );
}

// Markdown shows instructions.
export function Markdown({ text }: { text: string }) {
  const s = useStyles();
  return (
    <div className={s.box}>
      {blocks(text).map((b, i) => {
        if (b.kind === 'code')
          return (
            <pre key={i} tabIndex={0}>
              <code>{b.text}</code>
            </pre>
          );
        if (b.kind === 'heading')
          return (
            <h4 key={i}>
              <Spans spans={b.spans} />
            </h4>
          );
        if (b.kind === 'paragraph')
          return (
            <p key={i}>
              <Spans spans={b.spans} />
            </p>
          );
        const items = b.items.map((item, n) => (
          <li key={n}>
            <Spans spans={item} />
          </li>
        ));
        return b.ordered ? (
          <ol key={i} start={b.start}>
            {items}
          </ol>
        ) : (
          <ul key={i}>{items}</ul>
        );
      })}
    </div>
  );
}
