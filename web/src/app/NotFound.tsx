import { Button } from '@fluentui/react-components';
import { useNavigate } from '@tanstack/react-router';
import { Empty } from '../design/states';

// NotFound is shown for an address that no page has.
export function NotFound() {
  const navigate = useNavigate();
  return (
    <Empty title="There is no such page" actions={<Button onClick={() => void navigate({ to: '/' })}>Go to the home page</Button>}>
      The address may be mistyped, or the page may have moved.
    </Empty>
  );
}
