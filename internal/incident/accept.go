package incident

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"sort"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/incident/correlation"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// maxBatch is how many detections share one transaction.
const maxBatch = 5000

// Accept takes detections of one or more tenants: it folds repeats into alerts, keeps every hit, correlates new alerts and updates incidents. Detections are
// stored in batches of one transaction each; after an error the earlier batches stay. Giving the same hits again changes nothing, so a caller that
// does not know how far it came gives them all again.
func (s *Service) Accept(ctx context.Context, detections []Detection) (Result, error) {
	var out Result
	for len(detections) > 0 {
		id := detections[0].Tenant
		n := 1
		for n < len(detections) && n < maxBatch && detections[n].Tenant == id {
			n++
		}
		if _, err := tenant.Parse(string(id)); err != nil {
			return out, err
		}
		var r Result
		err := s.change(ctx, id, func(tx bun.Tx, w *working) error {
			b := &batch{s: s.shared, tx: tx, w: w, now: s.now()}
			err := b.accept(ctx, detections[:n])
			r = b.result
			return err
		})
		if err != nil {
			return out, fmt.Errorf("alerts of tenant %s: %w", id, err)
		}
		out.add(r)
		detections = detections[n:]
	}
	return out, nil
}

func (r *Result) add(o Result) {
	r.Hits += o.Hits
	r.Replayed += o.Replayed
	r.Merged += o.Merged
	r.AlertsCreated = append(r.AlertsCreated, o.AlertsCreated...)
	r.AlertsUpdated = append(r.AlertsUpdated, o.AlertsUpdated...)
	r.IncidentsCreated = append(r.IncidentsCreated, o.IncidentsCreated...)
	r.IncidentsUpdated = append(r.IncidentsUpdated, o.IncidentsUpdated...)
}

// batch is one transaction of Accept.
type batch struct {
	s   *shared
	tx  bun.Tx
	w   *working
	now int64

	placed *placement // by hand; nil: by correlation

	touched  []*fold // in order of first touch
	entities map[string]*store.Entity
	hits     []store.Hit
	owners   []owner // of hits, in step

	log    []*store.Activity
	again  []string // alerts that replayed hits may have opened
	result Result
}

// incoming is a detection made ready: bounded, keyed, resolved.
type incoming struct {
	d     *Detection
	key   store.HitKey
	time  int64 // microseconds
	found []found
	fold  int64
}

func (b *batch) accept(ctx context.Context, detections []Detection) error {
	if err := b.w.load(ctx, b.tx); err != nil {
		return err
	}
	list, err := b.prepare(ctx, detections)
	if err != nil {
		return err
	}
	if err := b.reopened(ctx); err != nil || len(list) == 0 {
		return err
	}
	for i := range list {
		b.place(&list[i])
	}
	if err := b.number(ctx); err != nil {
		return err
	}
	j := &joiner{s: b.s, tx: b.tx, w: b.w, now: b.now, id: b.w.tenant, placed: b.placed}
	if err := j.run(ctx, b.touched); err != nil {
		return err
	}
	if err := b.write(ctx); err != nil {
		return err
	}
	if err := j.write(ctx); err != nil {
		return err
	}
	b.result.IncidentsCreated, b.result.IncidentsUpdated, b.result.Merged = j.created, j.updated, j.merged
	if err := store.AppendActivities(ctx, b.tx, b.w.tenant, append(b.log, j.log...)); err != nil {
		return err
	}
	for _, f := range b.touched {
		what := "updated"
		if f.fresh {
			what = "created"
			b.w.opened++
			b.result.AlertsCreated = append(b.result.AlertsCreated, f.row.ID)
		} else {
			b.result.AlertsUpdated = append(b.result.AlertsUpdated, f.row.ID)
		}
		b.w.changes = append(b.w.changes, Change{Tenant: b.w.tenant, Kind: "alert", ID: f.row.ID, Change: what, Time: at(b.now)})
		f.fresh, f.dirty, f.unusual, f.evidence, f.found = false, false, false, nil, nil
	}
	b.w.shed()
	return nil
}

// reopened names the alerts that replayed hits had opened as updated: a caller that replays may not have come as far as writing their hunting rows.
func (b *batch) reopened(ctx context.Context) error {
	places, err := store.Places(ctx, b.tx, b.w.tenant, b.again)
	for _, id := range b.again {
		if _, ok := places[id]; ok {
			b.result.AlertsUpdated = append(b.result.AlertsUpdated, id)
		}
	}
	return err
}

// prepare bounds the detections, drops hits that are stored already, resolves entities and reads the folds that repeats may belong to.
func (b *batch) prepare(ctx context.Context, detections []Detection) ([]incoming, error) {
	list := make([]incoming, 0, len(detections))
	keys := make([]store.HitKey, 0, len(detections))
	inBatch := make(map[store.HitKey]bool, len(detections))
	for i := range detections {
		d := detections[i] // a copy: the caller's detection is not changed
		d.Evidence = append([]Evidence(nil), d.Evidence...)
		d.bound()
		if d.RuleID == "" {
			return nil, fault.Newf(fault.Invalid, "a detection has no rule: %q", d.Title)
		}
		if d.Time.IsZero() {
			d.Time = d.Hit.Time
		}
		if d.Time.IsZero() {
			d.Time = at(b.now)
		}
		in := incoming{d: &d, time: micros(d.Time), key: hitKey(&d)}
		if inBatch[in.key] {
			b.result.Replayed++
			continue
		}
		inBatch[in.key] = true
		keys = append(keys, in.key)
		list = append(list, in)
	}
	known, err := store.KnownHits(ctx, b.tx, b.w.tenant, keys)
	if err != nil {
		return nil, err
	}
	fresh := list[:0]
	missing := map[int64]bool{}
	for _, in := range list {
		if known[in.key] {
			b.result.Replayed++
			b.again = append(b.again, alertID(in.d, in.key))
			continue
		}
		in.found = resolve(b.w.resolver, in.d.Evidence)
		key := in.d.FoldKey
		if key == "" {
			key = foldKey(in.found)
		}
		in.fold = foldHash(in.d.RuleID, key, in.d.Lab)
		if _, ok := b.w.folds[in.fold]; !ok {
			missing[in.fold] = true
		}
		fresh = append(fresh, in)
	}
	return fresh, b.recallFolds(ctx, missing)
}

func (b *batch) recallFolds(ctx context.Context, missing map[int64]bool) error {
	if len(missing) == 0 {
		return nil
	}
	hashes := make([]int64, 0, len(missing))
	for h := range missing {
		hashes = append(hashes, h)
		b.w.folds[h] = nil
	}
	sortInts(hashes)
	rows, err := store.OpenFolds(ctx, b.tx, b.w.tenant, hashes)
	if err != nil || len(rows) == 0 {
		return err
	}
	return b.w.revive(ctx, b.tx, rows)
}

// hitKey makes a hit unique by where it came from: product and external id, file and record, or else its content.
func hitKey(d *Detection) store.HitKey {
	h := sha256.New()
	part := func(s string) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	switch {
	case d.Hit.ExternalID != "":
		part("external")
		part(d.Product)
		part(d.ServiceSource)
		part(d.Hit.ExternalID)
	case d.Hit.Record != 0 || d.Hit.File != "":
		part("record")
		part(d.RuleID)
		part(d.Hit.File)
		part(fmt.Sprint(d.Hit.Record))
		part(fmt.Sprint(d.Hit.Content))
	default:
		part("content")
		part(d.RuleID)
		part(d.FoldKey)
		part(d.Time.UTC().Format(time.RFC3339Nano))
		for i := range d.Evidence {
			part(encode(&d.Evidence[i]))
		}
	}
	if d.Lab != "" {
		part("lab")
		part(d.Lab)
	}
	sum := h.Sum(nil)
	return store.HitKey{High: int64(binary.BigEndian.Uint64(sum)), Low: int64(binary.BigEndian.Uint64(sum[8:]))}
}

func foldHash(rule, key, lab string) int64 {
	h := fnv.New64a()
	for _, s := range []string{rule, key, lab} {
		h.Write([]byte(s))
		h.Write([]byte{0xff})
	}
	return int64(h.Sum64())
}

// place finds or opens the alert of a hit.
func (b *batch) place(in *incoming) {
	window := b.foldWindow()
	var f *fold
	best := int64(0)
	for _, c := range b.w.folds[in.fold] {
		first, last := min(c.row.FirstActivity, in.time), max(c.row.LastActivity, in.time)
		if span := last - first; span <= window && (f == nil || span < best) {
			f, best = c, span
		}
	}
	if f == nil {
		f = b.open(in)
	}
	if !f.dirty {
		f.dirty = true
		b.touched = append(b.touched, f)
	}
	f.row.FirstActivity, f.row.LastActivity = min(f.row.FirstActivity, in.time), max(f.row.LastActivity, in.time)
	f.row.HitCount++
	f.row.Updated = b.now
	if r := int16(in.d.Severity.Rank()); r > f.row.Severity {
		f.row.Severity = r
	}
	b.learn(f, in)
	second := floorSecond(in.time)
	f.buckets[correlation.BucketOf(second)]++
	// A hit from the future says nothing about habits; its alert is joined with nothing until time has caught up.
	if in.time < b.now+24*time.Hour.Microseconds() && b.w.engine.Hit(f.alert, second, 1) {
		f.unusual = true
	}
	b.hits = append(b.hits, store.Hit{Key: in.key, Record: in.d.Hit.Record, ExternalID: in.d.Hit.ExternalID, Time: hitTime(in)})
	b.owners = append(b.owners, owner{f, in.d.Hit.File})
	b.result.Hits++
}

func hitTime(in *incoming) int64 {
	if in.d.Hit.Time.IsZero() {
		return in.time
	}
	return micros(in.d.Hit.Time)
}

func floorSecond(us int64) int64 {
	if us < 0 {
		return (us - 999_999) / 1_000_000
	}
	return us / 1_000_000
}

// open makes a new alert of a hit.
func (b *batch) open(in *incoming) *fold {
	d := in.d
	row := &store.Alert{
		TenantID: b.w.tenant, ID: alertID(d, in.key), ProviderAlertID: "", RuleID: d.RuleID, RuleTitle: d.RuleTitle, Title: d.Title, Description: d.Description,
		Recommended: d.Recommended, Severity: int16(d.Severity.Rank()), Category: d.Category, Techniques: encode(nonNil(d.Techniques)), ServiceSource: d.ServiceSource,
		DetectionSource: d.DetectionSource, Product: d.Product, Classification: "Unknown", Determination: "NotAvailable", Tags: "[]", Created: b.now, Updated: b.now,
		FirstActivity: in.time, LastActivity: in.time, Fold: in.fold, Matched: encode(nonNil(d.Matched)), Lab: d.Lab,
	}
	if d.DetectionSource == "thirdPartySensor" {
		row.ProviderAlertID = d.Hit.ExternalID
	}
	f := &fold{row: row, known: map[string]bool{}, buckets: map[int64]int64{}, fresh: true}
	f.alert = engineAlert(row, nil, nil)
	f.summary = summary{Devices: []EntityRef{}, Users: []EntityRef{}, Mailboxes: []EntityRef{}, LinkReasons: []string{}}
	b.learnEntities(f, in)
	b.w.engine.Add(f.alert)
	f.evidence = append(f.evidence, d.Evidence...)
	b.w.keep(f)
	return f
}

// learn adds what a hit brings that its alert did not have: entities with their evidence, techniques.
func (b *batch) learn(f *fold, in *incoming) {
	f.used = b.now
	news := false
	for _, x := range in.found {
		if !f.known[string(x.key)] {
			news = true
			break
		}
	}
	b.see(in)
	if !news || len(f.known) >= 4*maxEvidence {
		return
	}
	for _, e := range in.d.Evidence {
		if e.EntityKey != "" && !f.known[e.EntityKey] && f.pieces+int64(len(f.evidence)) < maxEvidence {
			f.evidence = append(f.evidence, e)
		}
	}
	b.learnEntities(f, in)
}

func (b *batch) learnEntities(f *fold, in *incoming) {
	for _, x := range in.found {
		if f.known[string(x.key)] || len(f.known) >= 4*maxEvidence {
			continue
		}
		f.known[string(x.key)] = true
		f.found = append(f.found, x)
		if !x.silent {
			for _, en := range joining([]found{x}) {
				if f.fresh && f.row.HitCount == 0 {
					f.alert.Entities = append(f.alert.Entities, en)
				} else {
					f.unusual = b.w.engine.Extend(f.alert, en) || f.unusual
				}
			}
		}
	}
	f.summary.add(in.found)
}

// see records names and times of entities.
func (b *batch) see(in *incoming) {
	if b.entities == nil {
		b.entities = map[string]*store.Entity{}
	}
	for _, x := range in.found {
		k := string(x.key)
		e := b.entities[k]
		if e == nil {
			name := x.name
			if name == "" {
				name = x.key.Value()
			}
			e = &store.Entity{TenantID: b.w.tenant, Entity: k, Kind: string(x.key.Kind()), Name: cut(name, 500), FirstSeen: in.time, LastSeen: in.time}
			e.Search = cut(strings.ToLower(e.Name+" "+x.key.Value()), 1000)
			b.entities[k] = e
		}
		e.FirstSeen, e.LastSeen = min(e.FirstSeen, in.time), max(e.LastSeen, in.time)
	}
}

type owner struct {
	fold *fold
	file string
}

// number gives alerts their numbers and files theirs, now that it is known which are new.
func (b *batch) number(ctx context.Context) error {
	fresh := int64(0)
	for _, f := range b.touched {
		if f.fresh {
			fresh++
		}
	}
	if fresh > 0 {
		next, err := state.Reserve(ctx, b.tx, b.w.tenant, "alert", fresh)
		if err != nil {
			return err
		}
		for _, f := range b.touched {
			if f.fresh {
				f.row.No = next
				next++
			}
		}
	}
	paths := []string{}
	seen := map[string]bool{}
	for _, o := range b.owners {
		if o.file != "" && !seen[o.file] {
			seen[o.file] = true
			paths = append(paths, o.file)
		}
	}
	ids, err := store.FileIDs(ctx, b.tx, b.w.tenant, paths)
	if err != nil {
		return err
	}
	for i, o := range b.owners {
		b.hits[i].AlertNo, b.hits[i].FileID = o.fold.row.No, ids[o.file]
	}
	return nil
}

// write stores alerts, evidence, entities, aliases and hits.
func (b *batch) write(ctx context.Context) error {
	var created, updated []*store.Alert
	var evidence []*store.Evidence
	var index []*store.AlertEntity
	for _, f := range b.touched {
		f.row.Pulses = f.encodePulses()
		f.row.Summary = encode(&f.summary)
		f.row.Search = f.search()
		if f.fresh {
			created = append(created, f.row)
		} else {
			updated = append(updated, f.row)
		}
		for i := range f.evidence {
			e := &f.evidence[i]
			evidence = append(evidence, &store.Evidence{TenantID: b.w.tenant, AlertID: f.row.ID, N: f.pieces, Type: e.Type, Entity: e.EntityKey, Body: encode(e), Seen: f.row.FirstActivity})
			f.pieces++
		}
		for _, x := range f.found {
			flags := int16(0)
			if x.derived {
				flags |= derivedFlag
			}
			if x.silent {
				flags |= silentFlag
			}
			index = append(index, &store.AlertEntity{TenantID: b.w.tenant, Entity: string(x.key), AlertID: f.row.ID, Role: string(x.role), Derived: flags})
		}
	}
	seen := make([]*store.Entity, 0, len(b.entities))
	for _, e := range b.entities {
		seen = append(seen, e)
	}
	sort.Slice(seen, func(i, j int) bool { return seen[i].Entity < seen[j].Entity })
	for _, step := range []func() error{
		func() error { return store.InsertAlerts(ctx, b.tx, created) },
		func() error { return store.UpdateActivity(ctx, b.tx, updated) },
		func() error { return store.InsertEvidence(ctx, b.tx, evidence) },
		func() error { return store.InsertAlertEntities(ctx, b.tx, index) },
		func() error { return store.UpsertEntities(ctx, b.tx, seen) },
		func() error { return store.InsertHits(ctx, b.tx, b.w.tenant, b.hits) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return b.w.keepNames(ctx, b.tx)
}

// alertID makes the stable id of an alert: a prefix for its source and a GUID from the hit that opened it. The same hit always opens the same alert.
func alertID(d *Detection, key store.HitKey) string {
	h := sha256.New()
	var n [16]byte
	binary.BigEndian.PutUint64(n[:], uint64(key.High))
	binary.BigEndian.PutUint64(n[8:], uint64(key.Low))
	h.Write([]byte(d.Tenant))
	h.Write(n[:])
	x := hex.EncodeToString(h.Sum(nil)[:16])
	return prefix(d.ServiceSource, d.DetectionSource) + x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// prefix is the two letters that tell an alert's source.
func prefix(service, detection string) string {
	switch {
	case detection == "thirdPartySensor":
		return "sn"
	case service == "endpoint" && detection == "customDetection":
		return "ed"
	case detection == "customDetection":
		return "ea"
	case detection == "appGovernancePolicy" || detection == "appGovernanceDetection":
		return "ma"
	}
	switch service {
	case "endpoint":
		return "da"
	case "email":
		return "fa"
	case "identity":
		return "aa"
	case "cloudapps":
		return "ca"
	case "idp-risk":
		return "ad"
	case "dlp":
		return "dl"
	case "cloud-infra":
		return "dc"
	case "siem":
		return "sn"
	case "insider-risk":
		return "ir"
	}
	return "ra"
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
