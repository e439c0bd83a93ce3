package mapping

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Origins of mappings.
const (
	Builtin  = "builtin"  // shipped with the program
	Operator = "operator" // a file of the operator's content folder, for all tenants
	User     = "user"     // kept by the tenant
)

// Options are what a Service is made of.
type Options struct {
	// Shipped and Operator hold mapping files (*.yml); Operator may be nil.
	Shipped, Operator fs.FS
	// Families makes the source families that samples are tried on.
	Families func() []ingest.Family
	Log      *slog.Logger
	Now      func() time.Time
}

// Service keeps tenants' mappings.
type Service struct {
	db     *bun.DB
	opt    Options
	shared []*entry // shipped and operator's, by name

	mu      sync.Mutex
	tenants map[tenant.ID]*current
}

// entry is a mapping with its text.
type entry struct {
	Entry
	mapping *Mapping
}

// current is what a tenant's pipelines use.
type current struct {
	version string
	set     *Set
}

// Entry is a mapping as people see it.
type Entry struct {
	Name        string
	Origin      string
	Text        string
	Enabled     bool
	Description string
	Table       string
	Families    []string
	Logsource   normalise.Logsource
	References  []string
	Override    bool
	Tests       int
	Issue       string // why it does not run
	Created     time.Time
	CreatedBy   string
	Changed     time.Time
	ChangedBy   string
}

type record struct {
	bun.BaseModel `bun:"table:mappings"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	Name          string     `bun:"name,pk"`
	Body          string     `bun:"body"` // empty: only whether a shared mapping is on
	Enabled       int        `bun:"enabled"`
	Created       state.Time `bun:"created"`
	CreatedBy     string     `bun:"created_by"`
	Changed       state.Time `bun:"changed"`
	ChangedBy     string     `bun:"changed_by"`
}

// New returns the service. A shipped mapping that cannot be compiled is an error; an operator's is kept with the reason and does not run.
func New(db *bun.DB, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{db: db, opt: o, tenants: map[tenant.ID]*current{}}
	byName := map[string]*entry{}
	for _, from := range []struct {
		origin string
		files  fs.FS
	}{{Builtin, o.Shipped}, {Operator, o.Operator}} {
		if from.files == nil {
			continue
		}
		texts, err := Files(from.files)
		if err != nil {
			return nil, err
		}
		for _, f := range texts {
			e := newEntry(f.Text, from.origin)
			e.Enabled = true
			if e.Issue != "" {
				if from.origin == Builtin {
					return nil, fmt.Errorf("mapping %s: %s", f.Name, e.Issue)
				}
				e.Name = strings.TrimSuffix(path.Base(f.Name), path.Ext(f.Name))
				o.Log.Warn("a mapping of the content folder does not run", "file", f.Name, "error", e.Issue)
			}
			byName[e.Name] = e // the operator's comes after the shipped one and replaces it
		}
	}
	for _, e := range byName {
		s.shared = append(s.shared, e)
	}
	sort.Slice(s.shared, func(i, j int) bool {
		a, b := s.shared[i], s.shared[j]
		if a.Origin != b.Origin {
			return a.Origin == Operator
		}
		return a.Name < b.Name
	})
	return s, nil
}

// File is a mapping file.
type File struct{ Name, Text string }

// Files reads the mapping files of a folder, by name.
func Files(files fs.FS) ([]File, error) {
	var out []File
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if ext := path.Ext(name); err != nil || d.IsDir() || ext != ".yml" && ext != ".yaml" {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Size() > MaxText {
			return fault.Newf(fault.TooLarge, "%s: a mapping has at most %d bytes", name, MaxText)
		}
		text, err := fs.ReadFile(files, name)
		out = append(out, File{name, string(text)})
		return err
	})
	return out, err
}

func newEntry(text, origin string) *entry {
	e := &entry{Entry: Entry{Origin: origin, Text: text}}
	m, err := Compile(text)
	if err != nil {
		e.Issue = err.Error()
		return e
	}
	e.mapping = m
	e.Name, e.Description, e.Table, e.Families, e.Logsource = m.Name, m.Description, m.Table, m.Families, m.Logsource
	e.References, e.Override, e.Tests = m.References, m.Override, len(m.Tests)
	return e
}

// List returns the tenant's mappings and the shared ones, in the order in which they are tried.
func (s *Service) List(ctx context.Context, id tenant.ID) ([]Entry, error) {
	all, err := s.entries(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]Entry, len(all))
	for i, e := range all {
		out[i] = e.Entry
	}
	return out, nil
}

// Get returns one mapping.
func (s *Service) Get(ctx context.Context, id tenant.ID, name string) (*Entry, error) {
	all, err := s.entries(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.Name == name {
			return &e.Entry, nil
		}
	}
	return nil, fault.Newf(fault.NotFound, "there is no mapping %q", name)
}

func (s *Service) entries(ctx context.Context, id tenant.ID) ([]*entry, error) {
	var rows []record
	if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).OrderBy("name", bun.OrderAsc).Scan(ctx); err != nil {
		return nil, err
	}
	switched := map[string]record{}
	var out []*entry
	for _, r := range rows {
		if r.Body == "" {
			switched[r.Name] = r
			continue
		}
		e := newEntry(r.Body, User)
		e.Name, e.Enabled = r.Name, r.Enabled != 0
		e.Created, e.CreatedBy, e.Changed, e.ChangedBy = r.Created.Time, r.CreatedBy, r.Changed.Time, r.ChangedBy
		out = append(out, e)
	}
	for _, e := range s.shared {
		shown := *e
		if r, ok := switched[e.Name]; ok {
			shown.Enabled, shown.Changed, shown.ChangedBy = r.Enabled != 0, r.Changed.Time, r.ChangedBy
		}
		out = append(out, &shown)
	}
	return out, nil
}

// Draft is a mapping to keep.
type Draft struct {
	Name    string // of the mapping that is changed; "" for a new one
	Text    string // "" leaves it
	Enabled bool
}

// Save keeps a mapping, which takes effect with the next record. What cannot be compiled, or fails a test of its own, is not kept.
func (s *Service) Save(ctx context.Context, id tenant.ID, by string, d Draft) (*Entry, error) {
	shared := s.sharedEntry(d.Name)
	if shared != nil && (d.Text == "" || d.Text == shared.Text) {
		return s.turn(ctx, id, by, d)
	}
	if shared != nil {
		return nil, fault.Newf(fault.Conflict, "%s is shipped and can only be turned on and off; keep a copy under another name", d.Name).On("name")
	}
	var old *Entry
	if d.Name != "" {
		var err error
		if old, err = s.Get(ctx, id, d.Name); err != nil {
			return nil, err
		}
		if d.Text == "" {
			d.Text = old.Text
		}
	}
	m, err := Compile(d.Text)
	if err != nil {
		return nil, on(err, "text")
	}
	switch {
	case s.sharedEntry(m.Name) != nil:
		return nil, fault.Newf(fault.Conflict, "%s is the name of a shipped mapping; choose another name", m.Name).On("name")
	case old != nil && m.Name != old.Name:
		return nil, fault.Newf(fault.Invalid, "the name cannot be changed: the mapping is %s, its text says %s", old.Name, m.Name).On("name")
	}
	for _, r := range s.RunTests(m) {
		if !r.OK {
			return nil, on(at(fault.Invalid, r.Line, 1, "the mapping fails its own test: %s", r.Message), "text")
		}
	}
	now := state.Time{Time: s.opt.Now().UTC()}
	r := &record{Tenant: id, Name: m.Name, Body: d.Text, Enabled: flag(d.Enabled), Created: now, CreatedBy: by, Changed: now, ChangedBy: by}
	if old == nil {
		n, err := s.db.NewSelect().Model((*record)(nil)).Where("tenant_id = ? AND body <> ''", id).Count(ctx)
		if err != nil {
			return nil, err
		}
		if n >= MaxTenant {
			return nil, fault.Newf(fault.Limit, "a tenant has at most %d mappings", MaxTenant)
		}
		done, err := s.db.NewInsert().Model(r).On("CONFLICT (tenant_id, name) DO NOTHING").Exec(ctx)
		if err != nil {
			return nil, err
		}
		if n, err := done.RowsAffected(); err == nil && n == 0 {
			return nil, fault.Newf(fault.Conflict, "there is a mapping %s already", m.Name).On("name")
		}
	} else if _, err := s.db.NewUpdate().Model(r).Column("body", "enabled", "changed", "changed_by").WherePK().Exec(ctx); err != nil {
		return nil, err
	}
	if err := s.refresh(ctx, id); err != nil {
		return nil, err
	}
	return s.Get(ctx, id, m.Name)
}

func on(err error, target string) error {
	var e *fault.Error
	if errors.As(err, &e) && e.Target == "" {
		return e.On(target)
	}
	return err
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// turn switches a shared mapping for the tenant.
func (s *Service) turn(ctx context.Context, id tenant.ID, by string, d Draft) (*Entry, error) {
	now := state.Time{Time: s.opt.Now().UTC()}
	r := &record{Tenant: id, Name: d.Name, Enabled: flag(d.Enabled), Created: now, CreatedBy: by, Changed: now, ChangedBy: by}
	_, err := s.db.NewInsert().Model(r).On("CONFLICT (tenant_id, name) DO UPDATE").Set("enabled = EXCLUDED.enabled").Set("changed = EXCLUDED.changed").Set("changed_by = EXCLUDED.changed_by").Exec(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.refresh(ctx, id); err != nil {
		return nil, err
	}
	return s.Get(ctx, id, d.Name)
}

func (s *Service) sharedEntry(name string) *entry {
	for _, e := range s.shared {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// Delete removes a tenant's own mapping.
func (s *Service) Delete(ctx context.Context, id tenant.ID, name string) error {
	if s.sharedEntry(name) != nil {
		return fault.Newf(fault.Conflict, "%s is shipped and can only be turned off", name)
	}
	done, err := s.db.NewDelete().Model((*record)(nil)).Where("tenant_id = ? AND name = ?", id, name).Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err == nil && n == 0 {
		return fault.Newf(fault.NotFound, "there is no mapping %q", name)
	}
	return s.refresh(ctx, id)
}

// Mapper returns what a tenant's pipeline asks. It follows every change without being made anew.
func (s *Service) Mapper(ctx context.Context, id tenant.ID) (ingest.Mapper, error) {
	if err := s.refresh(ctx, id); err != nil {
		return nil, err
	}
	return follower{s, id}, nil
}

type follower struct {
	s  *Service
	id tenant.ID
}

// Map implements ingest.Mapper.
func (f follower) Map(rec *normalise.Record, out *normalise.Batch, rows, events int) (bool, error) {
	return f.s.set(f.id).Map(rec, out, rows, events)
}

func (s *Service) set(id tenant.ID) *Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.tenants[id]; c != nil {
		return c.set
	}
	return nil
}

// Watch notices what other processes change, until ctx ends.
func (s *Service) Watch(ctx context.Context) {
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		var ids []tenant.ID
		for id := range s.tenants {
			ids = append(ids, id)
		}
		s.mu.Unlock()
		for _, id := range ids {
			if err := s.refresh(ctx, id); err != nil && ctx.Err() == nil {
				s.opt.Log.Warn("mappings could not be read", "tenant", id, "error", err)
			}
		}
	}
}

// refresh makes what is kept what is used.
func (s *Service) refresh(ctx context.Context, id tenant.ID) error {
	version, err := s.version(ctx, id)
	if err != nil {
		return err
	}
	s.mu.Lock()
	known := s.tenants[id]
	s.mu.Unlock()
	if known != nil && known.version == version {
		return nil
	}
	all, err := s.entries(ctx, id)
	if err != nil {
		return err
	}
	set := &Set{}
	for _, e := range all {
		if e.Enabled && e.mapping != nil {
			set.mappings = append(set.mappings, e.mapping)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tenants[id] = &current{version, set}
	return nil
}

func (s *Service) version(ctx context.Context, id tenant.ID) (string, error) {
	var n, newest int64
	err := s.db.NewSelect().Model((*record)(nil)).ColumnExpr("count(*)").ColumnExpr("coalesce(max(changed), 0)").Where("tenant_id = ?", id).Scan(ctx, &n, &newest)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return fmt.Sprint(n, " ", newest), err
}
