package detect

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/detect/sigma"
	"github.com/bartizan-sec/bartizan/internal/detect/store"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Options configure a Service.
type Options struct {
	// Content holds the shipped rules; nil for none.
	Content fs.FS
	// Placeholders are the values of %name% in Sigma rules.
	Placeholders map[string][]string
	// Arrivals tells which stretches of event time got records since a time; nil: scheduled rules do not see records that arrive after their window.
	Arrivals Arrivals
	// Now is the clock; nil for the real one.
	Now func() time.Time
}

// Service keeps the rules of all tenants and hands out their detectors. It is safe for concurrent use.
type Service struct {
	db  *bun.DB
	opt Options

	mu      sync.Mutex // guards what follows; held while a tenant's rules change or compile, so that detectors see changes in order
	tenants map[tenant.ID]*tenantRules
}

// tenantRules is what the service remembers of one tenant between calls.
type tenantRules struct {
	ready    bool // the shipped rules are up to date
	detector *Detector
	parsed   map[string]*Rule  // by id, to spare parsing text that has not changed
	mark     store.Fingerprint // of the rules that Follow saw last
}

// New returns a service over the state database.
func New(db *bun.DB, opt Options) *Service {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Service{db: db, opt: opt, tenants: map[tenant.ID]*tenantRules{}}
}

func (s *Service) sigmaOptions() sigma.Options {
	return sigma.Options{Placeholders: s.opt.Placeholders}
}

// of returns the tenant's entry with the shipped rules in place; the caller holds mu.
func (s *Service) of(ctx context.Context, id tenant.ID) (*tenantRules, error) {
	t := s.tenants[id]
	if t == nil {
		t = &tenantRules{parsed: map[string]*Rule{}}
		s.tenants[id] = t
	}
	if !t.ready && s.opt.Content != nil {
		files, err := readRules(ctx, s.opt.Content, "", Builtin, s.sigmaOptions())
		if err != nil {
			return nil, err
		}
		if _, err := s.merge(ctx, id, t, files); err != nil {
			return nil, err
		}
		if err := s.dropRetired(ctx, id, files); err != nil {
			return nil, err
		}
	}
	t.ready = true
	return t, nil
}

// Import reads every rule file below dir and brings the tenant's rules up to date with it. Importing the same folder again changes nothing; rules that a
// person switched stay as they are; rules that the folder no longer has are kept. Which rules are on at first is described at defaults.
func (s *Service) Import(ctx context.Context, id tenant.ID, dir string) (Report, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return Report{}, fault.Newf(fault.NotFound, "rules folder %s: %w", dir, err)
	}
	info, err := os.Stat(real)
	if err != nil || !info.IsDir() {
		return Report{}, fault.Newf(fault.Invalid, "%s is not a folder of rules", dir)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Report{}, err
	}
	files, err := readRules(ctx, os.DirFS(real), filepath.Base(abs), Imported, s.sigmaOptions())
	if err != nil {
		return Report{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.of(ctx, id)
	if err != nil {
		return Report{}, err
	}
	report, err := s.merge(ctx, id, t, files)
	if err != nil {
		return report, err
	}
	return report, s.reload(ctx, id, t)
}

// merge writes what differs from the stored rules; the caller holds mu.
func (s *Service) merge(ctx context.Context, id tenant.ID, t *tenantRules, files []parsedFile) (Report, error) {
	report := Report{Files: len(files), IssueCount: map[string]int{}, Issues: []sigma.Issue{}}
	stamps, err := store.Stamps(ctx, s.db, id)
	if err != nil {
		return report, err
	}
	now := state.At(s.opt.Now())
	firstAt := map[string]string{}
	var rows []*store.Rule
	for _, f := range files {
		for _, i := range f.issues {
			report.issue(i)
		}
		for _, r := range f.rules {
			if other, twice := firstAt[r.ID]; twice {
				report.issue(sigma.Issue{Code: sigma.Invalid, Path: r.Path, RuleID: r.ID, Title: r.Title, Message: "the rule has the id of " + other})
				continue
			}
			old, known := stamps[r.ID]
			if known && Origin(old.Origin) != r.Origin {
				report.issue(sigma.Issue{Code: sigma.Invalid, Path: r.Path, RuleID: r.ID, Title: r.Title, Message: "a " + old.Origin + " rule has the same id and is kept"})
				continue
			}
			firstAt[r.ID] = r.Path
			report.Rules++
			if known && old.EnabledSet != 0 && r.Issue == "" {
				r.Enabled, r.enabledSet = old.Enabled != 0, true
			}
			t.parsed[r.ID] = r
			if r.Enabled {
				report.Enabled++
			} else {
				report.Disabled++
			}
			switch {
			case !known:
				report.Added++
			case old.Source == r.Source && old.Path == r.Path && old.Issue == r.Issue && (old.Enabled != 0) == r.Enabled:
				report.Unchanged++
				continue
			default:
				report.Changed++
			}
			rows = append(rows, toRow(id, r, now))
		}
	}
	return report, s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return store.Put(ctx, tx, rows) })
}

// dropRetired removes shipped rules that this version of the product no longer has.
func (s *Service) dropRetired(ctx context.Context, id tenant.ID, files []parsedFile) error {
	current := map[string]bool{}
	for _, f := range files {
		for _, r := range f.rules {
			current[r.ID] = true
		}
	}
	stamps, err := store.Stamps(ctx, s.db, id)
	for rule, stamp := range stamps {
		if Origin(stamp.Origin) == Builtin && !current[rule] && err == nil {
			_, err = store.Delete(ctx, s.db, id, rule)
		}
	}
	return err
}

// reload brings the tenant's detector, if there is one, up to date; the caller holds mu.
func (s *Service) reload(ctx context.Context, id tenant.ID, t *tenantRules) error {
	if t.detector == nil {
		return nil
	}
	rules, err := s.enabled(ctx, id, t, Sigma)
	if err != nil {
		return err
	}
	t.detector.load(rules)
	return nil
}

// enabled returns the tenant's enabled rules of a kind, parsed.
func (s *Service) enabled(ctx context.Context, id tenant.ID, t *tenantRules, kind Kind) ([]*Rule, error) {
	on := true
	rows, _, err := store.Find(ctx, s.db, id, store.Query{Kinds: []string{string(kind)}, Enabled: &on})
	if err != nil {
		return nil, err
	}
	out := make([]*Rule, 0, len(rows))
	for _, row := range rows {
		have := t.parsed[row.ID]
		if have == nil || have.Source != row.Source {
			have = nil
			for _, r := range parseRules([]byte(row.Source), row.Path, Origin(row.Origin), s.sigmaOptions()).rules {
				if r.ID == row.ID {
					have = r
				}
			}
			if have == nil {
				continue // the text was accepted once, so this is a rule of a newer version; its row still shows it
			}
			t.parsed[row.ID] = have
		}
		r := fromRow(row)
		r.sigma, r.custom = have.sigma, have.custom
		out = append(out, r)
	}
	return out, nil
}

// Detector returns the tenant's detector, the same at every call. It follows later changes of the rules.
func (s *Service) Detector(ctx context.Context, id tenant.ID) (*Detector, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.of(ctx, id)
	if err != nil || t.detector != nil {
		return detectorOf(t), err
	}
	t.detector = new(Detector)
	if err := s.reload(ctx, id, t); err != nil {
		t.detector = nil
		return nil, err
	}
	return t.detector, nil
}

func detectorOf(t *tenantRules) *Detector {
	if t == nil {
		return nil
	}
	return t.detector
}

// List returns a page of rules by title, without their text, and the number of all that fit.
func (s *Service) List(ctx context.Context, id tenant.ID, q Query) ([]*Rule, int64, error) {
	if err := s.ensure(ctx, id); err != nil {
		return nil, 0, err
	}
	rows, count, err := store.Find(ctx, s.db, id, store.Query{
		Kinds: q.Kinds, Severities: q.Severities, Origins: q.Origins, Enabled: q.Enabled, Search: strings.ToLower(strings.TrimSpace(q.Search)), Top: q.Top, Skip: q.Skip, Brief: true,
	})
	if err != nil {
		return nil, 0, err
	}
	runs, err := store.Runs(ctx, s.db, id)
	out := make([]*Rule, len(rows))
	for i, row := range rows {
		out[i] = fromRow(row)
		out[i].LastRun = lastRun(runs[row.ID])
	}
	return out, count, err
}

// Get returns one rule with its text.
func (s *Service) Get(ctx context.Context, id tenant.ID, rule string) (*Rule, error) {
	if err := s.ensure(ctx, id); err != nil {
		return nil, err
	}
	row, err := store.Get(ctx, s.db, id, rule)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, fault.Newf(fault.NotFound, "there is no rule %q", rule)
	}
	runs, err := store.Runs(ctx, s.db, id)
	r := fromRow(row)
	r.LastRun = lastRun(runs[rule])
	return r, err
}

func (s *Service) ensure(ctx context.Context, id tenant.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.of(ctx, id)
	return err
}

// SetEnabled switches a rule. A rule with an issue cannot be switched on.
func (s *Service) SetEnabled(ctx context.Context, id tenant.ID, rule string, enabled bool) error {
	r, err := s.Get(ctx, id, rule)
	if err != nil {
		return err
	}
	if enabled && r.Issue != "" {
		return fault.Newf(fault.Conflict, "the rule %q cannot run: %s", r.Title, r.Issue)
	}
	return s.change(ctx, id, func(*tenantRules) error {
		_, err := store.SetEnabled(ctx, s.db, id, rule, enabled, state.At(s.opt.Now()))
		return err
	})
}

// Create adds a rule that a person wrote. kind may be empty: the text shows what it is.
func (s *Service) Create(ctx context.Context, id tenant.ID, kind Kind, text string) (*Rule, error) {
	parsed := parseRules([]byte(text), "rule", User, s.sigmaOptions())
	for _, i := range parsed.issues {
		return nil, &fault.Error{Code: fault.Invalid, Message: i.Message, Target: "text", Details: map[string]any{"line": i.Line, "code": i.Code}}
	}
	if len(parsed.rules) != 1 {
		return nil, fault.Newf(fault.Invalid, "the text holds %d rules; give one", len(parsed.rules)).On("text")
	}
	r := parsed.rules[0]
	if kind != "" && kind != r.Kind {
		return nil, fault.Newf(fault.Invalid, "the text is a %s rule, not a %s rule", r.Kind, kind).On("kind")
	}
	r.Path, r.enabledSet = "", true
	err := s.change(ctx, id, func(t *tenantRules) error {
		old, err := store.Get(ctx, s.db, id, r.ID)
		if err != nil {
			return err
		}
		if old != nil {
			return fault.Newf(fault.Conflict, "the rule %q has the same id %s", old.Title, r.ID).On("text")
		}
		t.parsed[r.ID] = r
		return store.Put(ctx, s.db, []*store.Rule{toRow(id, r, state.At(s.opt.Now()))})
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, id, r.ID)
}

// Delete removes a rule. Shipped rules cannot be removed, since the next start would bring them back; they can be switched off.
func (s *Service) Delete(ctx context.Context, id tenant.ID, rule string) error {
	r, err := s.Get(ctx, id, rule)
	if err != nil {
		return err
	}
	if r.Origin == Builtin {
		return fault.Newf(fault.Conflict, "the rule %q is shipped with the product: switch it off instead", r.Title)
	}
	return s.change(ctx, id, func(t *tenantRules) error {
		delete(t.parsed, rule)
		_, err := store.Delete(ctx, s.db, id, rule)
		return err
	})
}

// change runs a change of the tenant's rules and lets the detector follow.
func (s *Service) change(ctx context.Context, id tenant.ID, fn func(*tenantRules) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.of(ctx, id)
	if err != nil {
		return err
	}
	if err := fn(t); err != nil {
		return err
	}
	return s.reload(ctx, id, t)
}

func toRow(id tenant.ID, r *Rule, now state.Time) *store.Rule {
	row := &store.Rule{
		TenantID: id, ID: r.ID, Kind: string(r.Kind), Title: r.Title, Description: r.Description, Level: r.Level, Severity: string(r.Severity), Category: r.Category,
		Techniques: jsonList(r.Techniques), Tags: jsonList(r.Tags), Status: r.Status, Author: r.Author, Logsource: r.Logsource, Origin: string(r.Origin), Path: r.Path,
		Source: r.Source, Issue: r.Issue, Created: now, Changed: now,
		Search: strings.ToLower(strings.Join(append([]string{r.ID, r.Title, r.Path, r.Logsource, strings.Join(r.Techniques, " ")}, r.Tags...), "\n")),
	}
	if r.Enabled {
		row.Enabled = 1
	}
	if r.enabledSet {
		row.EnabledSet = 1
	}
	return row
}

func fromRow(row *store.Rule) *Rule {
	return &Rule{
		ID: row.ID, Kind: Kind(row.Kind), Title: row.Title, Description: row.Description, Level: row.Level, Severity: incident.Severity(row.Severity), Category: row.Category,
		Techniques: listOf(row.Techniques), Tags: listOf(row.Tags), Status: row.Status, Author: row.Author, Logsource: row.Logsource, Origin: Origin(row.Origin),
		Path: row.Path, Source: row.Source, Issue: row.Issue, Enabled: row.Enabled != 0, Created: row.Created.Time, Changed: row.Changed.Time, enabledSet: row.EnabledSet != 0,
	}
}

func lastRun(run *store.Run) *LastRun {
	if run == nil {
		return nil
	}
	return &LastRun{Finished: run.Finished.Time, Covered: run.Covered.Time, Rows: run.ResultRows, Detections: run.Detections, Truncated: run.Truncated != 0, Error: run.Error}
}

func jsonList(list []string) string {
	if len(list) == 0 {
		return "[]"
	}
	b, err := json.Marshal(list)
	if err != nil {
		return "[]"
	}
	return string(b)
}

func listOf(text string) []string {
	out := []string{}
	_ = json.Unmarshal([]byte(text), &out)
	return out
}
