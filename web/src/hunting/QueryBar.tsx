import { useEffect, useState } from 'react';
import {
  Button,
  makeStyles,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  SplitButton,
  tokens,
  Tooltip,
  type MenuButtonProps,
} from '@fluentui/react-components';
import {
  CodeRegular,
  LinkRegular,
  MathFormulaRegular,
  MoreHorizontalRegular,
  PlayRegular,
  SaveRegular,
  ShieldTaskRegular,
  StopRegular,
  TextAlignLeftRegular,
  CommentRegular,
} from '@fluentui/react-icons';
import { TimeRange } from './TimeRange';

const useStyles = makeStyles({
  bar: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: tokens.spacingHorizontalS,
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalM}`,
    flexShrink: 0,
  },
  elapsed: {
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    fontVariantNumeric: 'tabular-nums',
    minWidth: '44px',
  },
  wide: { '@media (max-width: 899px)': { display: 'none' } },
  narrow: { '@media (min-width: 900px)': { display: 'none' } },
});

// Elapsed counts the seconds since a time.
export function Elapsed({ since }: { since: number }) {
  const s = useStyles();
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, now - since) / 1000;
  const minutes = Math.floor(seconds / 60);
  return (
    <span className={s.elapsed} aria-label="Time so far">
      {minutes > 0 ? `${minutes}:${String(Math.floor(seconds % 60)).padStart(2, '0')} min` : `${seconds.toFixed(1)} s`}
    </span>
  );
}

export interface QueryBarProps {
  builder: boolean;
  // When the run of the tab began; undefined when none is running.
  runningSince: number | undefined;
  // Why the query cannot run; undefined when it can.
  blocked: string | undefined;
  range: string;
  // The query was opened from a saved one that Save changes.
  canUpdate: boolean;
  mayMakeRules: boolean;
  onRun: () => void;
  onCancel: () => void;
  onRange: (range: string) => void;
  onSave: () => void;
  onSaveAs: () => void;
  onFunction: () => void;
  onShare: () => void;
  onRule: () => void;
  onFormat: () => void;
  onComment: () => void;
  onEditInKql: () => void;
}

// QueryBar is the toolbar above the editor: run, time range, save, share, make a rule.
export function QueryBar(p: QueryBarProps) {
  const s = useStyles();
  const saveItems = (
    <>
      <MenuItem icon={<SaveRegular />} onClick={p.onSave}>
        Save
      </MenuItem>
      <MenuItem icon={<SaveRegular />} onClick={p.onSaveAs}>
        Save as
      </MenuItem>
      <MenuItem icon={<MathFormulaRegular />} onClick={p.onFunction}>
        Save as function
      </MenuItem>
    </>
  );
  const ruleItem = (
    <MenuItem
      icon={<ShieldTaskRegular />}
      disabled={!p.mayMakeRules}
      onClick={p.onRule}
      {...(p.mayMakeRules ? {} : { title: 'It needs the permission to manage detection settings.' })}
    >
      Create detection rule
    </MenuItem>
  );
  const editItems = p.builder ? null : (
    <>
      <MenuItem icon={<TextAlignLeftRegular />} secondaryContent="Shift+Alt+F" onClick={p.onFormat}>
        Format query
      </MenuItem>
      <MenuItem icon={<CommentRegular />} secondaryContent="Ctrl+/" onClick={p.onComment}>
        Toggle comment
      </MenuItem>
    </>
  );
  return (
    <div className={s.bar} role="toolbar" aria-label="Query">
      {p.runningSince !== undefined ? (
        <>
          <Button size="small" icon={<StopRegular />} onClick={p.onCancel} title="Esc in the editor cancels too">
            Cancel
          </Button>
          <Elapsed key={p.runningSince} since={p.runningSince} />
        </>
      ) : (
        <Tooltip
          content={
            p.blocked ?? (p.builder ? 'Run the query' : 'Run the query under the cursor, or what is selected (Shift+Enter, Ctrl+Enter)')
          }
          relationship="description"
        >
          <Button size="small" appearance="primary" icon={<PlayRegular />} disabledFocusable={p.blocked !== undefined} onClick={p.onRun}>
            Run query
          </Button>
        </Tooltip>
      )}
      <TimeRange value={p.range} onChange={p.onRange} />
      {p.builder ? (
        <Button size="small" appearance="subtle" icon={<CodeRegular />} disabledFocusable={p.blocked !== undefined} onClick={p.onEditInKql}>
          Edit in KQL
        </Button>
      ) : (
        <>
          <span className={s.wide}>
            <Menu positioning="below-end">
              <MenuTrigger disableButtonEnhancement>
                {(trigger: MenuButtonProps) => (
                  <SplitButton
                    size="small"
                    appearance="subtle"
                    icon={<SaveRegular />}
                    menuButton={{ ...trigger, 'aria-label': 'More ways to save' }}
                    primaryActionButton={{
                      onClick: p.onSave,
                      title: p.canUpdate ? 'Save the query under its name' : 'Save the query under a name',
                    }}
                  >
                    Save
                  </SplitButton>
                )}
              </MenuTrigger>
              <MenuPopover>
                <MenuList>{saveItems}</MenuList>
              </MenuPopover>
            </Menu>
          </span>
          <Button className={s.wide} size="small" appearance="subtle" icon={<LinkRegular />} onClick={p.onShare}>
            Share link
          </Button>
          <Button
            className={s.wide}
            size="small"
            appearance="subtle"
            icon={<ShieldTaskRegular />}
            disabledFocusable={!p.mayMakeRules}
            title={p.mayMakeRules ? undefined : 'It needs the permission to manage detection settings.'}
            onClick={p.onRule}
          >
            Create detection rule
          </Button>
          <span className={s.wide}>
            <Menu>
              <MenuTrigger disableButtonEnhancement>
                <Button size="small" appearance="subtle" icon={<MoreHorizontalRegular />} aria-label="Edit the query" />
              </MenuTrigger>
              <MenuPopover>
                <MenuList>{editItems}</MenuList>
              </MenuPopover>
            </Menu>
          </span>
          <span className={s.narrow}>
            <Menu>
              <MenuTrigger disableButtonEnhancement>
                <Button size="small" appearance="subtle" icon={<MoreHorizontalRegular />} aria-label="More actions" />
              </MenuTrigger>
              <MenuPopover>
                <MenuList>
                  {saveItems}
                  <MenuItem icon={<LinkRegular />} onClick={p.onShare}>
                    Share link
                  </MenuItem>
                  {ruleItem}
                  {editItems}
                </MenuList>
              </MenuPopover>
            </Menu>
          </span>
        </>
      )}
    </div>
  );
}
