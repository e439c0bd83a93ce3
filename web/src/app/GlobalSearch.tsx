import { useEffect, useId, useMemo, useRef, useState } from 'react';
import { makeStyles, mergeClasses, SearchBox, tokens } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { entities } from '../api/endpoints';
import { KindIcon } from '../design/marks';
import { plural } from '../design/words';
import { useNavigation } from './Shell';
import { parseSearch, type Search } from './url';

const useStyles = makeStyles({
  box: { position: 'relative', width: '100%', maxWidth: '520px' },
  input: { width: '100%', maxWidth: 'none' },
  list: {
    position: 'absolute',
    top: 'calc(100% + 4px)',
    left: 0,
    right: 0,
    zIndex: 50,
    maxHeight: '70vh',
    overflowY: 'auto',
    backgroundColor: tokens.colorNeutralBackground1,
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    borderRadius: tokens.borderRadiusMedium,
    boxShadow: tokens.shadow16,
    padding: tokens.spacingVerticalXS,
    '@media (max-width: 639px)': { position: 'fixed', top: '48px', left: 0, right: 0 },
  },
  head: {
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalS} ${tokens.spacingVerticalXXS}`,
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
  },
  option: {
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalS,
    padding: `${tokens.spacingVerticalSNudge} ${tokens.spacingHorizontalS}`,
    borderRadius: tokens.borderRadiusMedium,
    cursor: 'pointer',
    minWidth: 0,
  },
  on: { backgroundColor: tokens.colorSubtleBackgroundHover, outline: `1px solid ${tokens.colorStrokeFocus2}` },
  icon: { flexShrink: 0, lineHeight: 0, fontSize: '16px' },
  label: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  detail: {
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'nowrap',
    marginLeft: 'auto',
    flexShrink: 1,
    maxWidth: '50%',
  },
  note: { padding: tokens.spacingHorizontalM, color: tokens.colorNeutralForeground3 },
});

interface Option {
  group: string;
  kind: string;
  label: string;
  detail: string;
  to: string;
  search: Search;
  // A word to hunt for; the query is written when it is chosen.
  hunt?: string;
}

// target turns the address the server gives a result into a route: its own pages as they are, entities into the incidents they occur in.
export function target(kind: string, key: string, url: string | undefined): { to: string; search: Search } {
  if (url && url.startsWith('/') && !url.startsWith('//')) {
    const [path = '/', query = ''] = url.split('?');
    return { to: path, search: parseSearch(query) };
  }
  if (kind === 'incident') return { to: `/incidents/${encodeURIComponent(key)}`, search: {} };
  if (kind === 'alert') return { to: `/alerts/${encodeURIComponent(key)}`, search: {} };
  return { to: '/incidents', search: { entity: key } };
}

const order = ['incident', 'alert', 'device', 'user', 'mailbox', 'ip', 'url', 'file', 'process'];

// place is where an option stands: what is worked on first, then what is attacked, then the rest, pages last.
function place(option: Option): number {
  const at = order.indexOf(option.kind);
  return option.kind === 'page' ? 99 : at < 0 ? 50 : at;
}

// GlobalSearch finds pages, incidents, alerts and entities while one types. Arrow keys choose, Enter opens.
export function GlobalSearch() {
  const s = useStyles();
  const listId = useId();
  const navigate = useNavigate();
  const groups = useNavigation();
  const [typed, setTyped] = useState('');
  const [asked, setAsked] = useState('');
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const timer = setTimeout(() => setAsked(typed.trim()), 150);
    return () => clearTimeout(timer);
  }, [typed]);
  const found = useQuery({
    queryKey: ['search', asked],
    queryFn: ({ signal }) => entities.search(asked, signal),
    enabled: asked.length >= 2,
    staleTime: 15_000,
    retry: 0,
  });

  const options = useMemo<Option[]>(() => {
    if (typed.trim() === '') return [];
    const lower = typed.trim().toLowerCase();
    const pages = groups
      .flatMap((g) => g.items)
      .filter((i) => i.label.toLowerCase().includes(lower))
      .map((i) => ({ group: 'Pages', kind: 'page', label: i.label, detail: '', to: i.to, search: i.search ?? {} }));
    const things = (asked.length >= 2 ? (found.data?.value ?? []) : []).map((h) => ({
      group: plural(h.kind),
      kind: h.kind,
      label: h.label,
      detail: h.detail ?? '',
      ...target(h.kind, h.key, h.url),
    }));
    const hunts = groups.some((g) => g.items.some((i) => i.to === '/hunting'))
      ? [
          {
            group: 'Pages',
            kind: 'page',
            label: `Hunt for “${typed.trim()}”`,
            detail: 'Advanced hunting',
            to: '/hunting',
            search: {},
            hunt: typed.trim(),
          },
        ]
      : [];
    return [...things, ...pages, ...hunts].sort((a, b) => place(a) - place(b));
  }, [typed, asked, found.data, groups]);
  useEffect(() => setAt(0), [options.length]);

  const choose = (option: Option | undefined) => {
    if (!option) return;
    setOpen(false);
    setTyped('');
    if (option.hunt !== undefined) {
      const word = option.hunt;
      void import('../hunting/gohunt').then(({ huntWord }) =>
        navigate({ to: option.to, search: { query: huntWord(word), runQuery: 'true' } as never }),
      );
    } else void navigate({ to: option.to, search: option.search as never });
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  };
  const shown = open && typed.trim() !== '';
  return (
    <div
      ref={box}
      className={s.box}
      onBlur={(event) => {
        if (!box.current?.contains(event.relatedTarget)) setOpen(false);
      }}
    >
      <SearchBox
        className={s.input}
        placeholder="Search incidents, alerts, devices, users, files, addresses"
        value={typed}
        onChange={(_, data) => {
          setTyped(data.value);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        input={{
          id: 'global-search',
          role: 'combobox',
          'aria-label': 'Search',
          'aria-expanded': shown,
          'aria-controls': listId,
          'aria-autocomplete': 'list',
          'aria-activedescendant': shown && options.length > 0 ? `${listId}-${at}` : undefined,
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') setAt((i) => Math.min(options.length - 1, i + 1));
          else if (event.key === 'ArrowUp') setAt((i) => Math.max(0, i - 1));
          else if (event.key === 'Enter') choose(options[at]);
          else if (event.key === 'Escape') {
            setOpen(false);
            (event.target as HTMLElement).blur();
            return;
          } else return;
          event.preventDefault();
        }}
      />
      {shown ? (
        <div className={s.list} role="listbox" id={listId} aria-label="Search results">
          {options.length === 0 ? (
            <div className={s.note}>
              {asked.length < 2
                ? 'Type at least two characters.'
                : found.isFetching
                  ? 'Searching…'
                  : found.error
                    ? 'The search failed.'
                    : 'Nothing found.'}
            </div>
          ) : null}
          {options.map((o, i) => (
            <div key={`${o.group} ${o.label} ${o.to} ${i}`}>
              {i === 0 || options[i - 1]?.group !== o.group ? (
                <div className={s.head} role="presentation">
                  {o.group}
                </div>
              ) : null}
              <div
                id={`${listId}-${i}`}
                role="option"
                aria-selected={i === at}
                className={mergeClasses(s.option, i === at && s.on)}
                onMouseDown={(event) => {
                  event.preventDefault();
                  choose(o);
                }}
                onMouseMove={() => setAt(i)}
              >
                <span className={s.icon}>
                  <KindIcon kind={o.kind} />
                </span>
                <span className={s.label}>{o.label}</span>
                {o.detail ? <span className={s.detail}>{o.detail}</span> : null}
              </div>
            </div>
          ))}
        </div>
      ) : null}
    </div>
  );
}
