package connect

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/secret"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Options are what a Service is made of.
type Options struct {
	Kinds   []Kind
	Secrets *secret.Store
	HTTP    *http.Client
	Folders []string
	Now     func() time.Time // nil: the clock
	// Remembered bounds the ids of delivered records that are kept for one connector; 0: 2,000,000.
	Remembered int
}

// Service keeps connectors.
type Service struct {
	store   store
	kinds   []Kind
	secrets *secret.Store
	env     Env
	now     func() time.Time

	remembered int
}

// New returns the service on the state database.
func New(db *bun.DB, o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Remembered <= 0 {
		o.Remembered = mostRemembered
	}
	return &Service{
		remembered: o.Remembered, store: store{db}, kinds: o.Kinds, secrets: o.Secrets, env: Env{HTTP: o.HTTP, Now: o.Now, Folders: o.Folders}, now: o.Now,
	}
}

// State is what a connector does.
type State string

// The states. A connector that is switched off is paused.
const (
	Fresh   State = "new"     // it has never run
	Running State = "running" // now
	Waiting State = "waiting" // for its next run
	Failing State = "failing" // the last run failed; it is tried again
	Paused  State = "paused"
)

// The states of runs.
const (
	RunRunning   = "running"
	RunSucceeded = "succeeded"
	RunFailed    = "failed"
	RunBroken    = "broken" // its process ended
)

// Connector is one connector as people see it: secrets show only that they are there.
type Connector struct {
	ID         string         `json:"id"`
	Kind       string         `json:"kind"`
	Name       string         `json:"name"`
	Enabled    bool           `json:"enabled"`
	Config     map[string]any `json:"config"`
	Interval   int            `json:"interval" doc:"seconds between runs"`
	State      State          `json:"state" enum:"new,running,waiting,failing,paused"`
	LastRun    *time.Time     `json:"lastRun,omitempty"`
	NextRun    *time.Time     `json:"nextRun,omitempty"`
	LastError  *LastError     `json:"lastError,omitempty"`
	Cursor     string         `json:"cursor" doc:"how far it has come, for people"`
	Records    int64          `json:"records"`
	Refused    int64          `json:"refused"`
	Bytes      int64          `json:"bytes"`
	Forgotten  int64          `json:"forgotten,omitempty" doc:"ids of delivered records that were forgotten early, since a connector remembers two million at most; such records are delivered again if the service lists them again"`
	LagSeconds *int64         `json:"lagSeconds,omitempty" doc:"seconds since everything that the service had was fetched; absent before the first time"`
	Created    time.Time      `json:"created"`
	CreatedBy  string         `json:"createdBy"`
	Changed    time.Time      `json:"changed"`
	ChangedBy  string         `json:"changedBy"`
}

// LastError is why the last run failed.
type LastError struct {
	Code    string     `json:"code"`
	Message string     `json:"message"`
	Time    *time.Time `json:"time,omitempty"`
	Attempt int        `json:"attempt" doc:"failed runs in a row"`
}

// PullRun is one run of a connector.
type PullRun struct {
	ID      string     `json:"id"`
	Started time.Time  `json:"started"`
	Ended   *time.Time `json:"ended,omitempty"`
	Records int64      `json:"records"`
	Refused int64      `json:"refused"`
	Bytes   int64      `json:"bytes"`
	State   string     `json:"state" enum:"running,succeeded,failed,broken"`
	Error   *LastError `json:"error,omitempty"`
}

// Draft is what a connector is made of or changed to. A secret in Config is a text; one that is left out, or an object such as {"set":true}, stays as it is.
type Draft struct {
	Kind     string
	Name     string
	Enabled  bool
	Config   map[string]any
	Interval int // seconds; 0: the kind's
	Since    time.Time
}

// Kinds lists what can be connected.
func (s *Service) Kinds() []Kind { return s.kinds }

func (s *Service) kind(name string) (*Kind, error) {
	var known []string
	for i := range s.kinds {
		if s.kinds[i].Name == name {
			return &s.kinds[i], nil
		}
		known = append(known, s.kinds[i].Name)
	}
	return nil, fault.Newf(fault.Invalid, "there is no kind of connector %q; known: %s", name, strings.Join(known, ", ")).On("kind")
}

const (
	maxConnectors  = 200       // per tenant
	mostRemembered = 2_000_000 // ids, per connector
	leastInterval  = 30 * time.Second
	mostInterval   = 7 * 24 * time.Hour
	// firstReach is how far back a new connector begins.
	firstReach = 24 * time.Hour
)

func owner(id string) string { return "connector/" + id }

// List returns the tenant's connectors by name.
func (s *Service) List(ctx context.Context, id tenant.ID) ([]Connector, error) {
	rows, err := s.store.list(ctx, id)
	if err != nil {
		return nil, err
	}
	set, err := s.secrets.Names(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]Connector, 0, len(rows))
	for i := range rows {
		out = append(out, s.view(&rows[i], set[owner(rows[i].ID)]))
	}
	return out, nil
}

// Get returns one connector by id, or by name.
func (s *Service) Get(ctx context.Context, id tenant.ID, connector string) (*Connector, error) {
	r, err := s.store.find(ctx, id, connector)
	if err != nil {
		return nil, err
	}
	set, err := s.secrets.Names(ctx, id)
	if err != nil {
		return nil, err
	}
	c := s.view(r, set[owner(r.ID)])
	return &c, nil
}

// Create makes a connector. It runs at once.
func (s *Service) Create(ctx context.Context, id tenant.ID, by string, d Draft) (*Connector, error) {
	k, err := s.kind(d.Kind)
	if err != nil {
		return nil, err
	}
	values, secrets, err := k.take(d.Config, nil)
	if err != nil {
		return nil, err
	}
	if err := s.openable(k, values, secrets, nil); err != nil {
		return nil, err
	}
	now := state.At(s.now())
	since := d.Since
	if since.IsZero() {
		since = now.Add(-firstReach)
	}
	r := &row{
		Tenant: id, ID: ulid.Make().String(), Kind: k.Name, Config: encode(values), Enabled: number(d.Enabled), Version: 1, Cursors: encode(progress{Since: since.UTC()}),
		NextRun: now, Created: now, CreatedBy: by, Changed: now, ChangedBy: by,
	}
	if err := r.rename(k, d); err != nil {
		return nil, err
	}
	err = s.store.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		n, err := tx.NewSelect().Model((*row)(nil)).Where("tenant_id = ?", id).Count(ctx)
		if err != nil {
			return err
		}
		if n >= maxConnectors {
			return fault.Newf(fault.Limit, "a tenant has at most %d connectors; remove one first", maxConnectors)
		}
		if err := unusedName(ctx, tx, r); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
			return err
		}
		return s.keep(ctx, tx, r, secrets)
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, id, r.ID)
}

func unusedName(ctx context.Context, tx bun.Tx, r *row) error {
	taken, err := tx.NewSelect().Model((*row)(nil)).Where("tenant_id = ? AND name = ? AND id <> ?", r.Tenant, r.Name, r.ID).Exists(ctx)
	if err == nil && taken {
		err = fault.Newf(fault.Conflict, "there is a connector called %q already", r.Name).On("name")
	}
	return err
}

func (s *Service) keep(ctx context.Context, tx bun.Tx, r *row, secrets Values) error {
	for name, value := range secrets {
		var err error
		if value == "" {
			err = s.secrets.Delete(ctx, tx, r.Tenant, owner(r.ID), name)
		} else {
			err = s.secrets.Set(ctx, tx, r.Tenant, owner(r.ID), name, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rename sets name and interval of a draft.
func (r *row) rename(k *Kind, d Draft) error {
	r.Name = strings.TrimSpace(d.Name)
	if r.Name == "" || utf8.RuneCountInString(r.Name) > 100 || !utf8.ValidString(r.Name) || strings.ContainsFunc(r.Name, func(c rune) bool { return c < ' ' }) {
		return fault.Newf(fault.Invalid, "a connector needs a name of at most 100 characters").On("name")
	}
	interval := time.Duration(d.Interval) * time.Second
	if d.Interval == 0 {
		interval = k.Interval
	}
	if interval < leastInterval || interval > mostInterval {
		return fault.Newf(fault.Invalid, "the interval is from %d to %d seconds", int(leastInterval.Seconds()), int(mostInterval.Seconds())).On("interval")
	}
	r.IntervalS = int64(interval / time.Second)
	return nil
}

// Update changes a connector's name, settings, secrets and interval; its cursor stays. An empty kind is left as it is.
func (s *Service) Update(ctx context.Context, id tenant.ID, by, connector string, d Draft) (*Connector, error) {
	r, err := s.store.find(ctx, id, connector)
	if err != nil {
		return nil, err
	}
	if d.Kind != "" && d.Kind != r.Kind {
		return nil, fault.Newf(fault.Invalid, "the kind of a connector cannot change; make another one").On("kind")
	}
	k, err := s.kind(r.Kind)
	if err != nil {
		return nil, err
	}
	before, err := r.values()
	if err != nil {
		return nil, err
	}
	kept, err := s.secrets.All(ctx, id, owner(r.ID))
	if err != nil && fault.CodeOf(err) != fault.Conflict { // those that do not open are to be given again
		return nil, err
	}
	values, secrets, err := k.take(d.Config, kept)
	if err != nil {
		return nil, err
	}
	if err := k.moved(before, values, secrets, kept); err != nil {
		return nil, err
	}
	if err := s.openable(k, values, secrets, kept); err != nil {
		return nil, err
	}
	if err := r.rename(k, d); err != nil {
		return nil, err
	}
	now := s.now()
	err = s.store.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := unusedName(ctx, tx, r); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Model((*row)(nil)).Set("name = ?", r.Name).Set("config = ?", encode(values)).Set("enabled = ?", number(d.Enabled)).
			Set("interval_s = ?", r.IntervalS).Set("version = version + 1").Set("next_run = ?", now.UnixMicro()).Set("attempt = 0").
			Set("changed = ?", now.UnixMicro()).Set("changed_by = ?", by).Where("tenant_id = ? AND id = ?", id, r.ID).Exec(ctx)
		if err != nil {
			return err
		}
		return s.keep(ctx, tx, r, secrets)
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, id, r.ID)
}

// Delete removes a connector with its secrets, runs and ids. What it delivered stays.
func (s *Service) Delete(ctx context.Context, id tenant.ID, connector string) error {
	r, err := s.store.find(ctx, id, connector)
	if err != nil {
		return err
	}
	return s.store.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for _, model := range []any{(*runRow)(nil), (*seenRow)(nil)} {
			if _, err := tx.NewDelete().Model(model).Where("tenant_id = ? AND connector = ?", id, r.ID).Exec(ctx); err != nil {
				return err
			}
		}
		if err := s.secrets.Delete(ctx, tx, id, owner(r.ID)); err != nil {
			return err
		}
		_, err := tx.NewDelete().Model(r).WherePK().Exec(ctx)
		return err
	})
}

// Pause stops a connector from running until it is resumed; a run that is under way ends after its batch.
func (s *Service) Pause(ctx context.Context, id tenant.ID, by, connector string, paused bool) (*Connector, error) {
	return s.change(ctx, id, by, connector, func(q *bun.UpdateQuery, r *row) *bun.UpdateQuery {
		q = q.Set("paused = ?", number(paused)).Set("version = version + 1")
		if !paused {
			q = q.Set("enabled = 1").Set("next_run = ?", s.now().UnixMicro())
		}
		return q
	})
}

// Start makes a connector run as soon as somebody is free.
func (s *Service) Start(ctx context.Context, id tenant.ID, by, connector string) (*Connector, error) {
	r, err := s.store.find(ctx, id, connector)
	if err != nil {
		return nil, err
	}
	if r.Paused == 1 || r.Enabled == 0 {
		return nil, fault.Newf(fault.Conflict, "the connector %s is paused; resume it first", r.Name)
	}
	return s.change(ctx, id, by, connector, func(q *bun.UpdateQuery, _ *row) *bun.UpdateQuery {
		return q.Set("next_run = ?", s.now().UnixMicro())
	})
}

// Reset makes a connector begin anew at a time. Records that it delivered before are delivered again, as often as they are asked for in this way.
func (s *Service) Reset(ctx context.Context, id tenant.ID, by, connector string, since time.Time) (*Connector, error) {
	now := s.now()
	if since.IsZero() || since.After(now) || since.Year() < 2000 {
		return nil, fault.Newf(fault.Invalid, "a cursor is reset to a time in the past").On("since")
	}
	r, err := s.store.find(ctx, id, connector)
	if err != nil {
		return nil, err
	}
	err = s.store.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model((*seenRow)(nil)).Where("tenant_id = ? AND connector = ?", id, r.ID).Exec(ctx); err != nil {
			return err
		}
		// Whoever runs it now loses the lease, so that what it fetched does not overwrite the new cursor.
		_, err := tx.NewUpdate().Model((*row)(nil)).Set("cursors = ?", encode(progress{Since: since.UTC()})).Set("outbox = ''").Set("batch = batch + 1").
			Set("lease = ''").Set("lease_until = NULL").Set("next_run = ?", now.UnixMicro()).Set("attempt = 0").Set("caught_up = NULL").
			Set("changed = ?", now.UnixMicro()).Set("changed_by = ?", by).Where("tenant_id = ? AND id = ?", id, r.ID).Exec(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, id, r.ID)
}

func (s *Service) change(ctx context.Context, id tenant.ID, by, connector string, set func(*bun.UpdateQuery, *row) *bun.UpdateQuery) (*Connector, error) {
	r, err := s.store.find(ctx, id, connector)
	if err != nil {
		return nil, err
	}
	q := set(s.store.db.NewUpdate().Model((*row)(nil)), r)
	if _, err := q.Set("changed = ?", s.now().UnixMicro()).Set("changed_by = ?", by).Where("tenant_id = ? AND id = ?", id, r.ID).Exec(ctx); err != nil {
		return nil, err
	}
	return s.Get(ctx, id, r.ID)
}

// Runs lists a connector's runs, newest first.
func (s *Service) Runs(ctx context.Context, id tenant.ID, connector string, skip, top int) ([]PullRun, int64, error) {
	r, err := s.store.find(ctx, id, connector)
	if err != nil {
		return nil, 0, err
	}
	rows, n, err := s.store.runs(ctx, id, r.ID, skip, top)
	out := make([]PullRun, 0, len(rows))
	for _, x := range rows {
		run := PullRun{ID: x.ID, Started: x.Started.Time, Ended: moment(x.Ended), Records: x.Records, Refused: x.Refused, Bytes: x.Bytes, State: x.State}
		if x.ErrorCode != "" {
			run.Error = &LastError{Code: x.ErrorCode, Message: x.ErrorMessage, Time: moment(x.Ended)}
		}
		out = append(out, run)
	}
	return out, n, err
}

// Tested is the outcome of a test.
type Tested struct {
	OK      bool    `json:"ok"`
	Message string  `json:"message"`
	Details []Check `json:"details" nullable:"false"`
}

// testTime bounds a test.
const testTime = 30 * time.Second

// Test tries settings that are not yet kept.
func (s *Service) Test(ctx context.Context, kind string, config map[string]any) (*Tested, error) {
	k, err := s.kind(kind)
	if err != nil {
		return nil, err
	}
	values, secrets, err := k.take(config, nil)
	if err != nil {
		return nil, err
	}
	return s.try(ctx, k, merge(values, secrets))
}

// TestKept tries a connector as it is kept.
func (s *Service) TestKept(ctx context.Context, id tenant.ID, connector string) (*Tested, error) {
	r, err := s.store.find(ctx, id, connector)
	if err != nil {
		return nil, err
	}
	k, values, err := s.load(ctx, r)
	if err != nil {
		return nil, err
	}
	return s.try(ctx, k, values)
}

func (s *Service) try(ctx context.Context, k *Kind, values Values) (*Tested, error) {
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	p, err := k.Open(values, s.env)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	out := &Tested{OK: true, Details: p.Test(ctx)}
	var failed []string
	hidden := k.secrets(values)
	for i := range out.Details {
		c := &out.Details[i]
		if c.Message = without(c.Message, hidden); !c.OK {
			out.OK = false
			failed = append(failed, c.Name+": "+c.Message)
		}
	}
	if out.OK {
		out.Message = "everything that is asked for can be read"
	} else {
		out.Message = strings.Join(failed, "; ")
	}
	return out, nil
}

// load returns a connector's kind and its values with the secrets.
func (s *Service) load(ctx context.Context, r *row) (*Kind, Values, error) {
	k, err := s.kind(r.Kind)
	if err != nil {
		return nil, nil, err
	}
	values, err := r.values()
	if err != nil {
		return nil, nil, err
	}
	kept, err := s.secrets.All(ctx, r.Tenant, owner(r.ID))
	return k, merge(values, kept), err
}

func (s *Service) openable(k *Kind, values, secrets Values, kept map[string]string) error {
	p, err := k.Open(merge(merge(values, kept), secrets), s.env)
	if err != nil {
		return err
	}
	return p.Close()
}

func merge(a Values, b map[string]string) Values {
	out := Values{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		out[k] = v
	}
	return out
}

// take divides a config into plain values, with defaults filled in, and secrets that were given. kept are those that are there.
func (k *Kind) take(config map[string]any, kept map[string]string) (values, secrets Values, err error) {
	values, secrets = Values{}, Values{}
	for name := range config {
		if _, ok := k.field(name); !ok {
			return nil, nil, fault.Newf(fault.Invalid, "a %s connector has no field %q", k.Name, name).On("config." + name)
		}
	}
	for _, f := range k.Fields {
		given, text, err := f.text(config[f.Name])
		if err != nil {
			return nil, nil, err
		}
		if f.Type == Secret {
			if given {
				if err := f.check(text); err != nil {
					return nil, nil, err
				}
				secrets[f.Name] = text
			} else if f.Required && kept[f.Name] == "" {
				return nil, nil, fault.Newf(fault.Invalid, "%s: it is required", f.Label).On("config." + f.Name)
			}
			continue
		}
		if text = strings.TrimSpace(text); text == "" {
			text = f.Default
		}
		if err := f.check(text); err != nil {
			return nil, nil, err
		}
		if text != "" {
			values[f.Name] = text
		}
	}
	return values, secrets, nil
}

// text reads a value of JSON. A secret that is an object, or null, is not given.
func (f *Field) text(v any) (given bool, text string, err error) {
	switch v := v.(type) {
	case nil:
		return false, "", nil
	case string:
		return true, v, nil
	case bool:
		if v {
			return true, "true", nil
		}
		return true, "false", nil
	case float64:
		raw, err := json.Marshal(v)
		return true, string(raw), err
	case map[string]any:
		if f.Type == Secret {
			return false, "", nil
		}
	}
	return false, "", fault.Newf(fault.Invalid, "%s: a text, a number, true or false", f.Label).On("config." + f.Name)
}

// moved refuses to send a secret that nobody gave again to another place than before.
func (k *Kind) moved(before, after, secrets Values, kept map[string]string) error {
	for _, f := range k.Fields {
		if !f.Destination || before[f.Name] == after[f.Name] {
			continue
		}
		for _, g := range k.Fields {
			if _, given := secrets[g.Name]; g.Type == Secret && kept[g.Name] != "" && !given {
				return fault.Newf(fault.Invalid, "%s says where credentials are sent; who changes it gives %s again", f.Label, g.Label).On("config." + g.Name)
			}
		}
	}
	return nil
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func moment(t state.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t.Time
}

// view shows a connector.
func (s *Service) view(r *row, secrets []string) Connector {
	now := s.now()
	c := Connector{
		ID: r.ID, Kind: r.Kind, Name: r.Name, Enabled: r.Enabled == 1, Config: map[string]any{}, Interval: int(r.IntervalS), LastRun: moment(r.LastRun), NextRun: moment(r.NextRun),
		Records: r.Records, Refused: r.Refused, Bytes: r.Bytes, Created: r.Created.Time, CreatedBy: r.CreatedBy, Changed: r.Changed.Time, ChangedBy: r.ChangedBy,
	}
	if values, err := r.values(); err == nil {
		for name, v := range values {
			c.Config[name] = v
		}
	}
	if k, err := s.kind(r.Kind); err == nil {
		for _, f := range k.Fields {
			switch {
			case f.Type == Secret:
				c.Config[f.Name] = map[string]any{"set": slices.Contains(secrets, f.Name)}
			case f.Type == Boolean:
				c.Config[f.Name] = c.Config[f.Name] == "true"
			case f.Type == Number && c.Config[f.Name] != nil:
				c.Config[f.Name] = json.Number(c.Config[f.Name].(string))
			}
		}
	}
	switch {
	case r.Lease != "" && r.LeaseUntil.After(now):
		c.State = Running
	case r.Paused == 1 || r.Enabled == 0:
		c.State, c.NextRun = Paused, nil
	case r.ErrorCode != "":
		c.State = Failing
	case r.LastRun.IsZero():
		c.State = Fresh
	default:
		c.State = Waiting
	}
	if r.ErrorCode != "" {
		c.LastError = &LastError{Code: r.ErrorCode, Message: r.ErrorMessage, Time: moment(r.ErrorTime), Attempt: int(r.Attempt)}
	}
	if !r.CaughtUp.IsZero() {
		lag := max(0, int64(now.Sub(r.CaughtUp.Time).Seconds()))
		c.LagSeconds = &lag
	}
	if p, err := r.progress(); err == nil {
		c.Cursor, c.Forgotten = p.String(), p.Dropped
	}
	return c
}

func (p progress) String() string {
	names := make([]string, 0, len(p.Streams))
	for name := range p.Streams {
		names = append(names, name)
	}
	slices.Sort(names)
	var parts []string
	for _, name := range names {
		if m := p.Streams[name].Mark; !m.IsZero() {
			parts = append(parts, name+" up to "+m.UTC().Format(time.RFC3339))
		}
	}
	if len(parts) == 0 {
		return "begins at " + p.Since.UTC().Format(time.RFC3339)
	}
	return strings.Join(parts, ", ")
}

// codeOf is the code of what went wrong, in a run or a test.
func codeOf(err error) fault.Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fault.CodeOf(err)
}
