import { MessageBar, MessageBarBody } from '@fluentui/react-components';
import { CopyId } from '../design/CopyId';

// Secret shows a password or token that is never shown again.
export function Secret({ what, value }: { what: string; value: string }) {
  return (
    <MessageBar intent="warning" layout="multiline" style={{ marginBottom: 16 }}>
      <MessageBarBody>
        {what} It is shown this once: <CopyId value={value} />
      </MessageBarBody>
    </MessageBar>
  );
}
