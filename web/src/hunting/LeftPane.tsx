import { useRef } from 'react';
import { Button, makeStyles, Tab, TabList, tokens } from '@fluentui/react-components';
import { DismissRegular } from '@fluentui/react-icons';
import type { HuntFunction, TableInfo } from '../api/hunting';
import { FunctionsPane } from './panes/FunctionsPane';
import { QueriesPane } from './panes/QueriesPane';
import { RulesPane } from './panes/RulesPane';
import { SchemaPane } from './panes/SchemaPane';
import type { PaneActions } from './panes/actions';
import { useFavourites } from './useFavourites';

const narrow = 220;
const wide = 620;

const useStyles = makeStyles({
  pane: {
    flexShrink: 0,
    display: 'flex',
    flexDirection: 'column',
    minHeight: 0,
    minWidth: 0,
    backgroundColor: tokens.colorNeutralBackground1,
    '@media (max-width: 899px)': {
      position: 'absolute',
      zIndex: 10,
      top: 0,
      bottom: 0,
      left: 0,
      maxWidth: '88vw',
      boxShadow: tokens.shadow28,
    },
  },
  tabs: { flexShrink: 0, overflowX: 'auto', borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, scrollbarWidth: 'none' },
  head: { display: 'flex', alignItems: 'center', minWidth: 0 },
  sash: {
    width: '5px',
    flexShrink: 0,
    cursor: 'col-resize',
    touchAction: 'none',
    borderRight: `1px solid ${tokens.colorNeutralStroke2}`,
    ':hover': { backgroundColor: tokens.colorBrandStroke2 },
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}` },
    '@media (max-width: 899px)': { display: 'none' },
  },
  close: { flexShrink: 0, '@media (min-width: 900px)': { display: 'none' } },
});

export type LeftTab = 'schema' | 'functions' | 'queries' | 'rules';

export interface Load<T> {
  data: readonly T[];
  pending: boolean;
  error: unknown;
  retry: () => void;
}

// LeftPane holds what a query is written from: schema, functions, saved queries, detection rules. Its width can be changed.
export function LeftPane({
  width,
  onWidth,
  tab,
  onTab,
  tables,
  functions,
  actions,
  onShare,
  onClose,
}: {
  width: number;
  onWidth: (width: number) => void;
  tab: LeftTab;
  onTab: (tab: LeftTab) => void;
  tables: Load<TableInfo>;
  functions: Load<HuntFunction>;
  actions: PaneActions;
  onShare: (query: string) => void;
  onClose: () => void;
}) {
  const s = useStyles();
  const favourites = useFavourites();
  const drag = useRef<{ x: number; width: number } | null>(null);
  const set = (w: number) => onWidth(Math.max(narrow, Math.min(wide, Math.round(w))));
  return (
    <>
      <div className={s.pane} style={{ width }} role="region" aria-label="Sources of a query">
        <div className={s.head}>
          <TabList
            className={s.tabs}
            style={{ flexGrow: 1, flexShrink: 1, flexBasis: 0, minWidth: 0 }}
            size="small"
            selectedValue={tab}
            onTabSelect={(_, d) => onTab(d.value as LeftTab)}
          >
            <Tab value="schema">Schema</Tab>
            <Tab value="functions">Functions</Tab>
            <Tab value="queries">Queries</Tab>
            <Tab value="rules">Detection rules</Tab>
          </TabList>
          <Button
            className={s.close}
            size="small"
            appearance="subtle"
            icon={<DismissRegular />}
            aria-label="Close the pane"
            onClick={onClose}
          />
        </div>
        {tab === 'schema' ? (
          <SchemaPane
            tables={tables.data}
            pending={tables.pending}
            error={tables.error}
            retry={tables.retry}
            favourites={favourites}
            actions={actions}
          />
        ) : tab === 'functions' ? (
          <FunctionsPane
            functions={functions.data}
            pending={functions.pending}
            error={functions.error}
            retry={functions.retry}
            favourites={favourites}
            actions={actions}
          />
        ) : tab === 'queries' ? (
          <QueriesPane tables={tables.data} favourites={favourites} actions={actions} onShare={onShare} />
        ) : (
          <RulesPane actions={actions} />
        )}
      </div>
      <div
        className={s.sash}
        role="separator"
        aria-orientation="vertical"
        aria-label="Width of the left pane"
        aria-valuenow={width}
        aria-valuemin={narrow}
        aria-valuemax={wide}
        tabIndex={0}
        onPointerDown={(event) => {
          drag.current = { x: event.clientX, width };
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          if (drag.current) set(drag.current.width + event.clientX - drag.current.x);
        }}
        onPointerUp={() => {
          drag.current = null;
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowLeft') set(width - 24);
          if (event.key === 'ArrowRight') set(width + 24);
        }}
      />
    </>
  );
}
