package incident

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/entity"
	"github.com/bartizan-sec/bartizan/internal/incident/correlation"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// working is what Accept keeps of one tenant between batches: the alerts that repeats may fold into, the alias table, and the correlation engine. All of it
// can be read back from the database.
type working struct {
	tenant tenant.ID
	mu     sync.Mutex // held over a whole batch or change, with its transaction

	loaded   bool
	number   int64 // of the last change of the tenant that all of this knows of
	resolver *entity.Resolver
	engine   *correlation.Engine
	folds    map[int64][]*fold // by hash of rule and fold key; an entry, even an empty one, is complete
	byAlert  map[string]*fold
	changes  []Change
	opened   int64 // alerts opened by this process
	analysed int64 // how many it may be before the database looks at its tables again
}

// fold is an open alert that repeats fold into.
type fold struct {
	row     *store.Alert
	known   map[string]bool // entity keys
	pieces  int64           // pieces of evidence stored
	buckets map[int64]int64 // hits per quarter hour
	alert   *correlation.Alert
	summary summary
	used    int64 // batch that touched it last

	// what the running batch added
	fresh    bool
	dirty    bool
	unusual  bool
	evidence []Evidence
	found    []found
}

// pulses is the JSON of alerts.pulses.
type pulses struct {
	Pulses  []correlation.Pulse `json:"p,omitempty"`
	Buckets []int64             `json:"b,omitempty"` // pairs: quarter hour (the first absolute, then differences), hits
}

// firstAnalysis is how many alerts are opened before the database looks at its tables for the first time.
const firstAnalysis = 200

func newWorking(id tenant.ID) *working {
	w := &working{tenant: id, analysed: firstAnalysis}
	w.reset()
	return w
}

func (w *working) reset() {
	w.loaded = false
	w.resolver, w.engine = nil, nil
	w.folds, w.byAlert = map[int64][]*fold{}, map[string]*fold{}
	w.changes = w.changes[:0]
}

// recallAlerts is how many of the latest alerts are read back at the start, to know what is ordinary and what is open.
const recallAlerts = 30_000

// load reads aliases and recent alerts back.
func (w *working) load(ctx context.Context, db bun.IDB) error {
	if w.loaded {
		return nil
	}
	aliases, err := store.Aliases(ctx, db, w.tenant)
	if err != nil {
		return err
	}
	known := make(map[string]entity.Key, len(aliases))
	for _, a := range aliases {
		known[a.Alias] = entity.Key(a.Entity)
	}
	w.resolver, w.engine = entity.NewResolver(known), correlation.New()

	rows, err := store.RecentAlerts(ctx, db, w.tenant, recallAlerts)
	if err != nil {
		return err
	}
	const step = 5000
	for len(rows) > 0 {
		n := min(step, len(rows))
		if err := w.recall(ctx, db, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	w.loaded = true
	return nil
}

// recall makes stored alerts known to the engine.
func (w *working) recall(ctx context.Context, db bun.IDB, rows []*store.Alert) error {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	entities, err := joiningOf(ctx, db, w.tenant, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		p := decodePulses(r.Pulses)
		w.engine.Restore(engineAlert(r, p.Pulses, entities[r.ID]), p.list())
	}
	return nil
}

// joiningOf reads the joining entities of alerts back from the index.
func joiningOf(ctx context.Context, db bun.IDB, id tenant.ID, alerts []string) (map[string][]correlation.Entity, error) {
	index, err := store.AlertEntitiesOf(ctx, db, id, alerts)
	if err != nil {
		return nil, err
	}
	distinct := map[string]bool{}
	keys := []string{}
	for _, x := range index {
		if !distinct[x.Entity] {
			distinct[x.Entity] = true
			keys = append(keys, x.Entity)
		}
	}
	names, err := store.EntitiesByKey(ctx, db, id, keys)
	if err != nil {
		return nil, err
	}
	out := map[string][]correlation.Entity{}
	for _, x := range index {
		if x.Derived&silentFlag != 0 {
			continue
		}
		k := entity.Key(x.Entity)
		en := correlation.Entity{Key: x.Entity, Kind: string(k.Kind()), Role: x.Role, Public: k.Kind() == entity.IP && entity.ClassOf(k.Value()) == entity.Public}
		if n := names[x.Entity]; n != nil {
			en.Name = n.Name
		}
		out[x.AlertID] = append(out[x.AlertID], en)
	}
	return out, nil
}

// Flags of alert_entities.derived.
const (
	derivedFlag int16 = 1
	silentFlag  int16 = 2
)

func engineAlert(r *store.Alert, p []correlation.Pulse, entities []correlation.Entity) *correlation.Alert {
	return &correlation.Alert{ID: r.ID, Rule: r.RuleID, Series: seriesName(r.Fold), Title: r.Title, Category: r.Category, Source: r.ServiceSource, Pulses: p, Entities: entities}
}

func seriesName(fold int64) string { return strconv.FormatUint(uint64(fold), 36) }

func decodePulses(text string) pulses {
	var p pulses
	_ = json.Unmarshal([]byte(text), &p)
	return p
}

func (p *pulses) list() []correlation.Bucket {
	out := make([]correlation.Bucket, 0, len(p.Buckets)/2)
	n := int64(0)
	for i := 0; i+1 < len(p.Buckets); i += 2 {
		n += p.Buckets[i]
		out = append(out, correlation.Bucket{Number: n, Hits: p.Buckets[i+1]})
	}
	return out
}

func (f *fold) encodePulses() string {
	numbers := make([]int64, 0, len(f.buckets))
	for b := range f.buckets {
		numbers = append(numbers, b)
	}
	sortInts(numbers)
	p := pulses{Pulses: f.alert.Pulses, Buckets: make([]int64, 0, 2*len(numbers))}
	last := int64(0)
	for _, b := range numbers {
		p.Buckets = append(p.Buckets, b-last, f.buckets[b])
		last = b
	}
	return encode(p)
}

// revive makes folds of stored alerts, so that repeats go on folding into them.
func (w *working) revive(ctx context.Context, db bun.IDB, rows []*store.Alert) error {
	ids := make([]string, 0, len(rows))
	for _, r := range rows {
		if w.byAlert[r.ID] == nil {
			ids = append(ids, r.ID)
		}
	}
	index, err := store.AlertEntitiesOf(ctx, db, w.tenant, ids)
	if err != nil {
		return err
	}
	known := map[string]map[string]bool{}
	for _, x := range index {
		if known[x.AlertID] == nil {
			known[x.AlertID] = map[string]bool{}
		}
		known[x.AlertID][x.Entity] = true
	}
	pieces, err := store.EvidenceCounts(ctx, db, w.tenant, ids)
	if err != nil {
		return err
	}
	entities, err := joiningOf(ctx, db, w.tenant, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if w.byAlert[r.ID] != nil {
			continue
		}
		p := decodePulses(r.Pulses)
		f := &fold{row: r, known: known[r.ID], pieces: pieces[r.ID], buckets: map[int64]int64{}, alert: w.engine.Alert(r.ID)}
		if f.known == nil {
			f.known = map[string]bool{}
		}
		for _, b := range p.list() {
			f.buckets[b.Number] = b.Hits
		}
		decode(r.Summary, &f.summary)
		if f.alert == nil {
			f.alert = engineAlert(r, p.Pulses, entities[r.ID])
			w.engine.Add(f.alert)
		}
		w.keep(f)
	}
	return nil
}

func (w *working) keep(f *fold) {
	w.folds[f.row.Fold] = append(w.folds[f.row.Fold], f)
	w.byAlert[f.row.ID] = f
}

// drop takes an alert out of the working set: the next repeat looks it up again.
func (w *working) drop(alert string) {
	f := w.byAlert[alert]
	if f == nil {
		return
	}
	for _, g := range w.folds[f.row.Fold] {
		delete(w.byAlert, g.row.ID)
	}
	delete(w.folds, f.row.Fold)
}

// maxFolds bounds the open alerts kept in memory.
const maxFolds = 30_000

// shed drops the folds that were used longest ago when there are too many; they are looked up again when needed.
func (w *working) shed() {
	if len(w.byAlert) <= maxFolds && len(w.folds) <= 4*maxFolds {
		return
	}
	used := make([]int64, 0, len(w.byAlert))
	for _, f := range w.byAlert {
		used = append(used, f.used)
	}
	sortInts(used)
	limit := used[len(used)/2]
	for hash, list := range w.folds {
		latest := int64(-1)
		for _, f := range list {
			latest = max(latest, f.used)
		}
		if latest <= limit {
			for _, f := range list {
				delete(w.byAlert, f.row.ID)
			}
			delete(w.folds, hash)
		}
	}
}
