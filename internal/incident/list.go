package incident

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/bartizan-sec/bartizan/internal/incident/queue"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// ledger is a tenant's queue, whole or as a view shows it, with how far it is in step with the database. Every transaction that changes incidents has a
// number; when the next number was made by another process, what changed lately is read again.
type ledger struct {
	mu      sync.RWMutex // guards queue, number, latest, scope, total
	queue   *queue.Queue
	number  int64
	latest  int64 // newest change seen, microseconds
	scope   int64 // number of the last change of devices' groups; 0 where nothing is narrowed
	total   int   // incidents that there were, narrowed or not
	pending struct {
		sync.Mutex
		numbers []int64
		ids     map[int64]bool
	}
}

// ledgerKey names a ledger: view is the key of the view that narrows it, "" for the whole one.
type ledgerKey struct {
	tenant tenant.ID
	view   string
}

// maxLedgers bounds the narrowed queues that are kept; whoever uses another fills it anew.
const maxLedgers = 32

// overlap is how much longer than its changes a transaction of another process may have taken.
const overlap = int64(120 * 1_000_000)

func (s *shared) ledger(k ledgerKey) *ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.queues[k]
	if l != nil {
		return l
	}
	narrowed := 0
	for other := range s.queues {
		if other.view != "" {
			narrowed++
		}
	}
	for other := range s.queues {
		if k.view != "" && narrowed >= maxLedgers && other.view != "" {
			delete(s.queues, other)
			narrowed--
		}
	}
	l = &ledger{}
	s.queues[k] = l
	return l
}

// note records the incidents that a committed transaction of this process changed.
func (l *ledger) note(number int64, changes []Change) {
	l.pending.Lock()
	defer l.pending.Unlock()
	l.pending.numbers = append(l.pending.numbers, number)
	if l.pending.ids == nil {
		l.pending.ids = map[int64]bool{}
	}
	for _, c := range changes {
		if n, err := strconv.ParseInt(c.ID, 10, 64); err == nil && c.Kind == "incident" {
			l.pending.ids[n] = true
		}
	}
}

// take returns what was noted since the last call.
func (l *ledger) take() (numbers []int64, ids []int64) {
	l.pending.Lock()
	defer l.pending.Unlock()
	numbers, ids = l.pending.numbers, keys(l.pending.ids)
	l.pending.numbers, l.pending.ids = nil, nil
	return numbers, ids
}

// view brings the queue in step and calls fn with it.
func (s *Scope) view(ctx context.Context, id tenant.ID, fn func(q *queue.Queue)) error {
	k := ledgerKey{tenant: id}
	number, err := store.Changes(ctx, s.db, id)
	if err != nil {
		return err
	}
	scope := int64(0)
	if s.sight() != nil {
		k.view = s.see.Key()
		if scope, err = store.ScopeNumber(ctx, s.db, id); err != nil {
			return err
		}
	}
	l := s.ledger(k)
	l.mu.RLock()
	if l.queue != nil && l.number >= number && l.scope == scope {
		defer l.mu.RUnlock()
		fn(l.queue)
		return nil
	}
	l.mu.RUnlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.scope != scope {
		l.queue, l.scope = nil, scope
	}
	if err := s.step(ctx, id, l, number); err != nil {
		l.queue = nil
		return err
	}
	fn(l.queue)
	return nil
}

// step applies what changed.
func (s *Scope) step(ctx context.Context, id tenant.ID, l *ledger, number int64) error {
	if l.queue != nil && l.number >= number {
		return nil
	}
	numbers, ids := l.take()
	if l.queue == nil {
		return s.fillQueue(ctx, id, l, number)
	}
	numbers = slices.DeleteFunc(numbers, func(n int64) bool { return n <= l.number })
	if n := len(numbers); n > 0 && numbers[n-1] >= number && numbers[n-1] == l.number+int64(n) { // all of them are ours
		rows, err := store.IncidentsByID(ctx, s.db, id, ids)
		if err != nil {
			return err
		}
		for _, n := range ids {
			l.queue.Drop(n)
		}
		l.total += len(rows) - len(ids)
		for _, r := range rows {
			l.put(r)
		}
		l.total = max(l.total, l.queue.Len())
		l.number = numbers[len(numbers)-1]
		return nil
	}
	// Another process changed something, or the queue is narrowed: read what is new by time, everything when something is gone.
	for _, n := range ids {
		l.queue.Drop(n)
	}
	if err := s.read(ctx, id, l, l.latest-overlap); err != nil {
		return err
	}
	n, err := store.CountIncidents(ctx, s.db, id)
	if err != nil {
		return err
	}
	if s.sight() == nil && n != l.queue.Len() || n < l.total {
		return s.fillQueue(ctx, id, l, number)
	}
	l.number, l.total = number, n
	return nil
}

func (s *Scope) fillQueue(ctx context.Context, id tenant.ID, l *ledger, number int64) error {
	l.queue, l.latest = queue.New(), 0
	l.number = number
	var err error
	if l.total, err = store.CountIncidents(ctx, s.db, id); err != nil {
		return err
	}
	return s.read(ctx, id, l, 0)
}

// narrowing is how many incidents are worked out anew at a time.
const narrowing = 500

// read puts the incidents that changed since into the queue, as the scope shows them.
func (s *Scope) read(ctx context.Context, id tenant.ID, l *ledger, since int64) error {
	if s.sight() == nil {
		return store.AllIncidents(ctx, s.db, id, since, func(r *store.Incident) error { l.put(r); return nil })
	}
	// The rows are gathered first: a database with one connection cannot be asked while it gives them.
	var rows []*store.Incident
	if err := store.AllIncidents(ctx, s.db, id, since, func(r *store.Incident) error { rows = append(rows, r); return nil }); err != nil {
		return err
	}
	for part := range slices.Chunk(rows, narrowing) {
		for _, r := range part {
			l.queue.Drop(r.ID)
			l.latest = max(l.latest, r.Updated)
		}
		seen, err := s.narrow(ctx, id, part)
		if err != nil {
			return err
		}
		for _, r := range seen {
			l.put(r)
		}
	}
	return nil
}

func (l *ledger) put(r *store.Incident) {
	l.latest = max(l.latest, r.Updated)
	var t totals
	decode(r.Summary, &t)
	l.queue.Put(queue.Entry{
		ID: r.ID, Status: r.Status, Severity: r.Severity, Lab: r.Lab != 0, Created: r.Created, Updated: r.Updated, First: r.FirstActivity, Last: r.LastActivity,
		Alerts: r.AlertCount, Active: r.ActiveAlertCount, Name: r.Name, Search: r.Search, AssignedTo: r.AssignedTo, Classification: r.Classification, Services: t.ServiceSources,
		Detections: t.DetectionSources, Categories: t.Categories, Tags: append(append([]string(nil), t.Tags...), t.SystemTags...),
	})
}

// Incidents lists incidents. Redirected ones appear only when Status asks for them.
func (s *Scope) Incidents(ctx context.Context, id tenant.ID, q Query) (Page[Incident], error) {
	none := Page[Incident]{}
	f, err := s.queueFilter(ctx, id, &q)
	if err != nil {
		return none, err
	}
	by, desc, err := incidentOrder(q.OrderBy)
	if err != nil {
		return none, err
	}
	var ids []int64
	total := 0
	if err := s.view(ctx, id, func(v *queue.Queue) { ids, total = v.Select(f, by, desc, q.Top, q.Skip) }); err != nil {
		return none, err
	}
	rows, err := store.IncidentsByID(ctx, s.db, id, ids)
	if err != nil {
		return none, err
	}
	if rows, err = s.narrow(ctx, id, rows); err != nil {
		return none, err
	}
	byID := make(map[int64]*store.Incident, len(rows))
	for _, r := range rows {
		byID[r.ID] = r
	}
	out := Page[Incident]{Value: make([]Incident, 0, len(ids)), Count: -1}
	for _, n := range ids {
		if r := byID[n]; r != nil {
			out.Value = append(out.Value, incidentOf(r))
		}
	}
	if q.Count {
		out.Count = int64(total)
	}
	if q.Full {
		return out, s.fill(ctx, id, out.Value)
	}
	return out, nil
}

// queueFilter translates the query to the queue's terms.
func (s *Scope) queueFilter(ctx context.Context, id tenant.ID, q *Query) (*queue.Filter, error) {
	f, err := q.filter()
	if err != nil {
		return nil, err
	}
	out := &queue.Filter{Status: f.Status, Severity: f.Severity, From: f.From, To: f.To, Lab: f.Lab, Search: strings.ToLower(f.Search), Hidden: statusRedirected, Texts: map[queue.Field][]string{}}
	for field, list := range map[queue.Field][]string{
		queue.AssignedTo: f.AssignedTo, queue.Classification: f.Classification, queue.ServiceSource: f.ServiceSource,
		queue.DetectionSource: f.DetectionSource, queue.Category: f.Category, queue.Tag: f.Tag,
	} {
		if len(list) > 0 {
			out.Texts[field] = list
		}
	}
	if n, err := strconv.ParseInt(strings.TrimPrefix(f.Search, "#"), 10, 64); err == nil {
		out.SearchID = n
	}
	if f.Entity != "" {
		list, err := store.IncidentsWith(ctx, s.db, id, s.sight(), f.Entity)
		if err != nil {
			return nil, err
		}
		out.IDs = make(map[int64]bool, len(list))
		for _, n := range list {
			out.IDs[n] = true
		}
	}
	return out, nil
}

// incidentOrder reads "field:asc" or "field:desc" of a sortable field; by default the latest change comes first.
func incidentOrder(text string) (queue.Order, bool, error) {
	if text == "" {
		return queue.ByUpdated, true, nil
	}
	field, dir, _ := strings.Cut(text, ":")
	by, ok := map[string]queue.Order{
		"id": queue.ByID, "name": queue.ByName, "severity": queue.BySeverity, "status": queue.ByStatus, "createdTime": queue.ByCreated,
		"lastUpdateTime": queue.ByUpdated, "firstActivity": queue.ByFirst, "lastActivity": queue.ByLast, "alertCount": queue.ByAlerts, "activeAlertCount": queue.ByActive,
		"assignedTo": queue.ByAssigned, "classification": queue.ByClassification,
	}[field]
	if !ok || dir != "" && dir != "asc" && dir != "desc" {
		return 0, false, fault.Newf(fault.Invalid, "orderby %q is not field:asc or field:desc of a sortable field", cut(text, 100)).On("orderby")
	}
	return by, dir == "desc", nil
}

// maxFacet is how many values of a facet are counted out.
const maxFacet = 100

// IncidentFacets counts the incidents that q selects per value of status, severity, assignedTo, classification, serviceSource, detectionSource, category
// and tag, most frequent first, at most 100 values each. The filter on a facet's own field is left out for its counts.
func (s *Scope) IncidentFacets(ctx context.Context, id tenant.ID, q Query) (map[string][]FacetCount, error) {
	f, err := s.queueFilter(ctx, id, &q)
	if err != nil {
		return nil, err
	}
	var counts [][]queue.Count
	if err := s.view(ctx, id, func(v *queue.Queue) { counts = v.Facets(f, maxFacet) }); err != nil {
		return nil, err
	}
	out := map[string][]FacetCount{}
	for i, name := range facetNames() {
		list := make([]FacetCount, len(counts[i]))
		for k, c := range counts[i] {
			list[k] = FacetCount{Value: c.Text, Count: c.N}
			switch queue.Field(i) {
			case queue.Status:
				list[k].Value = string(incidentStatus(c.Number))
			case queue.Severity:
				list[k].Value = string(SeverityOf(int(c.Number)))
			}
		}
		out[name] = list
	}
	return out, nil
}

// facetNames lists the facets in the order of the queue's fields.
func facetNames() []string {
	return []string{"status", "severity", "assignedTo", "classification", "serviceSource", "detectionSource", "category", "tag"}
}

// AlertFacets counts like IncidentFacets.
func (s *Scope) AlertFacets(ctx context.Context, id tenant.ID, q Query) (map[string][]FacetCount, error) {
	f, err := q.filter()
	if err != nil {
		return nil, err
	}
	f.Sight = s.sight()
	cells, err := store.AlertCube(ctx, s.db, id, f)
	if err != nil {
		return nil, err
	}
	names := facetNames()
	counts := make([]map[string]int64, len(names)-1)
	for i := range counts {
		counts[i] = map[string]int64{}
	}
	for i := range cells {
		c := &cells[i]
		holds := [...]bool{
			oneOf(f.Status, c.Status), oneOf(f.Severity, c.Severity), oneOf(f.AssignedTo, c.AssignedTo), oneOf(f.Classification, c.Classification),
			oneOf(f.ServiceSource, c.ServiceSource), oneOf(f.DetectionSource, c.DetectionSource), oneOf(f.Category, c.Category),
		}
		values := [...]string{string(alertStatus(c.Status)), string(SeverityOf(int(c.Severity))), c.AssignedTo, c.Classification, c.ServiceSource, c.DetectionSource, c.Category}
		failed, first := 0, 0
		for k, ok := range holds {
			if !ok {
				failed, first = failed+1, k
			}
		}
		for k := range values {
			if failed == 0 || failed == 1 && first == k {
				counts[k][values[k]] += c.N
			}
		}
	}
	out := map[string][]FacetCount{}
	for k, m := range counts {
		out[names[k]] = ranked(m)
	}
	tagged, err := store.AlertTags(ctx, s.db, id, f)
	list := make([]FacetCount, 0, len(tagged))
	for _, t := range tagged {
		list = append(list, FacetCount{t.Value, t.N})
	}
	out["tag"] = list
	return out, err
}

func oneOf[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

// ranked lists counts with the most frequent first, at most maxFacet.
func ranked(m map[string]int64) []FacetCount {
	out := make([]FacetCount, 0, len(m))
	for v, n := range m {
		out = append(out, FacetCount{v, n})
	}
	slices.SortFunc(out, func(a, b FacetCount) int {
		if a.Count != b.Count {
			return cmp.Compare(b.Count, a.Count)
		}
		return cmp.Compare(a.Value, b.Value)
	})
	return out[:min(len(out), maxFacet)]
}
