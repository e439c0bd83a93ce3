import { useState } from 'react';
import { Button, makeStyles, tokens } from '@fluentui/react-components';
import { Checkmark16Regular, Copy16Regular } from '@fluentui/react-icons';

const useStyles = makeStyles({
  id: {
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    overflowWrap: 'anywhere',
  },
  box: { display: 'inline-flex', alignItems: 'center', gap: tokens.spacingHorizontalXXS, maxWidth: '100%' },
  button: { minWidth: '24px', width: '24px', height: '24px', padding: 0, flexShrink: 0 },
});

// CopyId shows an identifier in monospace with a button that copies it.
export function CopyId({ value, shown }: { value: string; shown?: string }) {
  const s = useStyles();
  const [copied, setCopied] = useState(false);
  return (
    <span className={s.box}>
      <code className={s.id}>{shown ?? value}</code>
      <Button
        className={s.button}
        appearance="transparent"
        size="small"
        icon={copied ? <Checkmark16Regular /> : <Copy16Regular />}
        aria-label={copied ? 'Copied' : `Copy ${value.length > 60 ? 'value' : value}`}
        onClick={(event) => {
          event.stopPropagation();
          void navigator.clipboard.writeText(value).then(() => {
            setCopied(true);
            setTimeout(() => setCopied(false), 1500);
          });
        }}
      />
    </span>
  );
}
