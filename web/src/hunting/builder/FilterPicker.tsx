import { useState } from 'react';
import { Button, makeStyles, Popover, PopoverSurface, PopoverTrigger, SearchBox, tokens } from '@fluentui/react-components';
import { AddRegular, ChevronDown12Regular } from '@fluentui/react-icons';
import type { Property } from './properties';

const useStyles = makeStyles({
  surface: { width: '300px', padding: tokens.spacingHorizontalS, display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalXS },
  list: { overflowY: 'auto', maxHeight: '46vh', display: 'flex', flexDirection: 'column' },
  section: {
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    fontWeight: tokens.fontWeightSemibold,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalS} ${tokens.spacingVerticalXXS}`,
  },
  chosen: { justifyContent: 'space-between', fontWeight: tokens.fontWeightRegular, width: '100%', minWidth: 0 },
  cut: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  option: { justifyContent: 'flex-start', fontWeight: tokens.fontWeightRegular, flexShrink: 0 },
});

// FilterPicker chooses a filter out of the sections, with a search over them.
export function FilterPicker({
  label,
  offered,
  onPick,
}: {
  label?: string | undefined;
  offered: readonly Property[];
  onPick: (property: Property) => void;
}) {
  const s = useStyles();
  const [open, setOpen] = useState(false);
  const [find, setFind] = useState('');
  const wanted = find.trim().toLowerCase();
  const shown = offered.filter((p) => `${p.section} ${p.label}`.toLowerCase().includes(wanted));
  const sections = [...new Set(shown.map((p) => p.section))];
  return (
    <Popover
      open={open}
      trapFocus
      positioning="below-start"
      onOpenChange={(_, d) => {
        setOpen(d.open);
        setFind('');
      }}
    >
      <PopoverTrigger disableButtonEnhancement>
        {label ? (
          <Button className={s.chosen} icon={<ChevronDown12Regular />} iconPosition="after" aria-label={`Filter: ${label}`}>
            <span className={s.cut}>{label}</span>
          </Button>
        ) : (
          <Button size="small" icon={<AddRegular />}>
            Add filter
          </Button>
        )}
      </PopoverTrigger>
      <PopoverSurface className={s.surface} aria-label="Filters">
        <SearchBox size="small" placeholder="Find a filter" value={find} onChange={(_, d) => setFind(d.value)} />
        <div className={s.list} role="group" aria-label="Filters">
          {sections.map((name) => (
            <div key={name} role="group" aria-label={name} style={{ display: 'flex', flexDirection: 'column' }}>
              <span className={s.section}>{name}</span>
              {shown
                .filter((p) => p.section === name)
                .map((p) => (
                  <Button
                    key={p.id}
                    className={s.option}
                    size="small"
                    appearance="subtle"
                    onClick={() => {
                      setOpen(false);
                      onPick(p);
                    }}
                  >
                    {p.label}
                  </Button>
                ))}
            </div>
          ))}
          {shown.length === 0 ? <span className={s.section}>No filter matches</span> : null}
        </div>
      </PopoverSurface>
    </Popover>
  );
}
