// Package correlation decides which alerts belong together. It is a pure engine: alerts and the times of their hits go in, edges with a kind, a weight and
// a sentence come out; storing, merging and refusing are the caller's.
//
// An edge asks one question: how likely would these two alerts meet here, this close in time, if they had nothing to do with each other? The answer is a rate
// times the gap. The rate is the highest of three that the stream has taught: how often each of the two alarms sounds on its own, and how often anything
// unusual happens to the entity they share. An everyday alarm, a domain controller that is always in the news, an address behind which everybody sits, all
// have high rates and tie nothing together; a first alarm on a quiet machine has a low one. The weight is the kind's weight times the number of powers of ten
// that coincidence would need (at most four), so joining is a statement of odds, not of taste.
package correlation

import (
	"math"
	"slices"
	"sort"
	"strings"
)

// Entity is one entity of an alert as far as joining goes. Entities that must not join (SYSTEM, loopback) are left out by the caller.
type Entity struct {
	Key  string
	Kind string // device, user, mailbox, ip, file, process, url, domain, message, app
	Name string
	Role string
	// Public marks an ip that is routed on the Internet.
	Public bool
}

// Pulse is a time when an alert sounded unusually: its first hits after a long quiet, or many more hits than ever.
type Pulse struct {
	Start int64   `json:"s"` // seconds since 1970
	End   int64   `json:"e"`
	Count int64   `json:"c"`
	Rate  float64 `json:"r"` // how often per hour the alarm would sound like this by habit
}

// Alert is what the engine knows of an alert. Series names the stream of repeats (rule and fold key) it belongs to.
type Alert struct {
	ID       string
	Rule     string
	Series   string
	Title    string
	Category string // ATT&CK tactic
	Source   string // workload: endpoint, email, identity, cloudapps …
	Entities []Entity
	Pulses   []Pulse

	last   int64
	sights []sight
}

// sight is the first time an alert named a strong entity. Such entities tie alerts together also when the alarm itself is an everyday one.
type sight struct {
	key string
	at  int64
}

// Edge says that alert Alert belongs with alert To and why.
type Edge struct {
	Alert, To  string
	Kind       Kind
	Entity     string
	Weight     float64 // 1 joins
	GapSeconds int64
	Rarity     float64 // 0 everyday … 1 never seen before
	Text       string
}

// Engine holds one tenant's open alerts and what is ordinary there. It is not safe for concurrent use.
type Engine struct {
	clock      clock
	latest     int64               // newest second seen
	series     map[string]*history // rule and fold key
	rules      map[string]*history // rule, anywhere
	unusual    map[string]*history // entity: buckets with a pulse on it
	bursts     map[string]*history // entity: buckets in which several alarms pulsed at once
	docs       map[string]int64    // entity: alerts that name it
	burstTimes map[string][]span   // entity: when several alarms pulsed at once
	alerts     map[string]*Alert   // by id
	index      map[string][]*Alert // entity -> alerts with pulses, latest last
	devices    map[string]struct{} // distinct devices
	added      int64               // alerts ever added
}

// New returns an engine that has seen nothing.
func New() *Engine {
	return &Engine{
		series: map[string]*history{}, rules: map[string]*history{}, unusual: map[string]*history{}, bursts: map[string]*history{}, burstTimes: map[string][]span{},
		docs: map[string]int64{}, alerts: map[string]*Alert{}, index: map[string][]*Alert{}, devices: map[string]struct{}{},
	}
}

// Bounds of what is kept in memory and of how much one new alert is compared with.
const (
	maxPostings = 96      // alerts per entity
	maxPulses   = 16      // per alert
	maxSeries   = 200_000 // histories per table
	maxAlerts   = 20_000  // with entities and pulses
)

// prior is how many hours of silence are assumed before the first look, per what is counted: nothing is called rare on the evidence of ten minutes.
const prior = 24.0

// unusualRate is the rate per hour below which a pulse counts as unusual: less than once in this many hours.
const unusualRate = 1.0 / 16

// everywhere is the entity that stands for the whole tenant.
const everywhere = ""

// Add makes an alert known. Its entities may grow by Extend, its pulses come from Hit.
func (e *Engine) Add(a *Alert) {
	if _, ok := e.alerts[a.ID]; ok {
		return
	}
	e.alerts[a.ID] = a
	e.added++
	for _, en := range a.Entities {
		e.count(en)
	}
	if len(a.Pulses) > 0 {
		a.last = a.Pulses[len(a.Pulses)-1].End
		e.post(a)
	}
}

// sees notes the strong entities of an alert that are new at a second, and posts the alert under them.
func (e *Engine) sees(a *Alert, second int64) {
	for _, en := range a.Entities {
		if strong(en) && !a.sighted(en.Key) {
			a.sights = append(a.sights, sight{en.Key, second})
			a.last = max(a.last, second)
			e.postOn(en.Key, a)
		}
	}
}

func (a *Alert) sighted(key string) bool {
	for _, s := range a.sights {
		if s.key == key {
			return true
		}
	}
	return false
}

// Extend adds an entity that a later hit of the alert brought, before that hit is counted, and reports whether the alert should be compared with others again.
func (e *Engine) Extend(a *Alert, en Entity) bool {
	for _, have := range a.Entities {
		if have.Key == en.Key {
			return false
		}
	}
	a.Entities = append(a.Entities, en)
	e.count(en)
	if len(a.Pulses) > 0 {
		e.postOn(en.Key, a)
	}
	return strong(en) || len(a.Pulses) > 0
}

// Forget takes an alert out: it joins nothing any more. What it taught about habits stays.
func (e *Engine) Forget(id string) {
	a, ok := e.alerts[id]
	if !ok {
		return
	}
	delete(e.alerts, id)
	for _, key := range postKeys(a) {
		list := e.index[key]
		for i, x := range list {
			if x == a {
				e.index[key] = append(list[:i:i], list[i+1:]...)
				break
			}
		}
	}
}

// Rekey replaces a key by the one that was found to be the same thing.
func (e *Engine) Rekey(from, to string) {
	list := e.index[from]
	delete(e.index, from)
	e.docs[to] += e.docs[from]
	delete(e.docs, from)
	for _, m := range []map[string]*history{e.unusual, e.bursts} {
		if h := m[from]; h != nil && m[to] == nil {
			m[to] = h
		}
		delete(m, from)
	}
	for _, a := range list {
		for i := range a.Entities {
			if a.Entities[i].Key == from {
				a.Entities[i].Key = to
			}
		}
		e.postOn(to, a)
	}
}

// Alert returns a known alert, nil when it was forgotten or swept.
func (e *Engine) Alert(id string) *Alert { return e.alerts[id] }

func (e *Engine) count(en Entity) {
	e.docs[en.Key]++
	if en.Kind == "device" {
		e.devices[en.Key] = struct{}{}
	}
}

// Bucket is one occupied quarter hour of an alert: number since 1970 and hits in it.
type Bucket struct{ Number, Hits int64 }

// BucketOf returns the number of the quarter hour of a second.
func BucketOf(second int64) int64 { return bucketOf(second) }

// Restore makes an alert of an earlier run known with what it taught about habits. Give alerts in the order they were first added.
func (e *Engine) Restore(a *Alert, buckets []Bucket) {
	for _, b := range buckets {
		e.clock.see(b.Number * quarter / 3600)
		e.latest = max(e.latest, b.Number*quarter)
		e.get(e.series, a.Series).add(b.Number, b.Hits)
		e.get(e.rules, a.Rule).add(b.Number, b.Hits)
	}
	e.Add(a)
	if len(buckets) > 0 {
		e.sees(a, buckets[0].Number*quarter)
	}
	for _, p := range a.Pulses {
		e.noteUnusual(a, p.Start)
	}
}

// Hit counts hits of an alert at a second and reports whether they made the alert sound unusual in a way that was not known before, so that it should be
// compared with others (Edges).
func (e *Engine) Hit(a *Alert, second, hits int64) bool {
	e.clock.see(second / 3600)
	e.latest = max(e.latest, second)
	e.sees(a, second)
	bucket := bucketOf(second)
	h := e.get(e.series, a.Series)
	had := int64(0)
	for _, s := range h.recent {
		if s.bucket == bucket {
			had = s.count
		}
	}
	total := h.add(bucket, hits)
	e.get(e.rules, a.Rule).add(bucket, hits)
	if had > 0 && class(had) == class(total) {
		e.stretch(a, second, hits)
		return false
	}
	rate := e.habit(a, class(total))
	if rate > unusualRate {
		return false
	}
	return e.pulse(a, second, hits, rate)
}

func (e *Engine) get(m map[string]*history, key string) *history {
	h := m[key]
	if h == nil {
		if len(m) > maxSeries {
			e.trim(m)
		}
		h = &history{}
		m[key] = h
	}
	return h
}

// habit is how often per hour the alert's series sounds at the magnitude. A burst is compared with buckets of a fourth of its size, so that noise around a
// boundary is no news. A series that is new where it sounds is as rare as its rule is on an average device.
func (e *Engine) habit(a *Alert, magnitude int) float64 {
	m := magnitude
	if m > 0 {
		m--
	}
	n := e.series[a.Series].seen(m) + 1
	if d := float64(len(e.devices)); d > 1 {
		n = max(n, e.rules[a.Rule].seen(m)/d)
	}
	return n / (e.clock.watched() + prior)
}

// pulse notes that the alert sounds unusual at a time.
func (e *Engine) pulse(a *Alert, second, hits int64, rate float64) bool {
	for i := range a.Pulses {
		p := &a.Pulses[i]
		if second >= p.Start-quarter && second <= p.End+quarter {
			p.Start, p.End = min(p.Start, second), max(p.End, second)
			p.Count += hits
			lower := rate < p.Rate*0.5
			p.Rate = min(p.Rate, rate)
			return lower
		}
	}
	if len(a.Pulses) >= maxPulses {
		worst := 0
		for i, p := range a.Pulses {
			if p.Rate > a.Pulses[worst].Rate {
				worst = i
			}
		}
		if a.Pulses[worst].Rate <= rate {
			return false
		}
		a.Pulses = append(a.Pulses[:worst], a.Pulses[worst+1:]...)
	}
	a.Pulses = append(a.Pulses, Pulse{Start: second, End: second, Count: hits, Rate: rate})
	sort.Slice(a.Pulses, func(i, j int) bool { return a.Pulses[i].Start < a.Pulses[j].Start })
	a.last = max(a.last, second)
	e.post(a)
	e.noteUnusual(a, second)
	return true
}

// noteUnusual counts a pulse in the histories of the alert's entities.
func (e *Engine) noteUnusual(a *Alert, second int64) {
	bucket := bucketOf(second)
	for _, en := range a.Entities {
		e.get(e.unusual, en.Key).add(bucket, 1)
		if en.Kind == "device" || en.Kind == "user" {
			if e.crowd(en.Key, second) >= burstSize {
				e.get(e.bursts, en.Key).add(bucket, 1)
				e.noteBurst(en.Key, second)
			}
		}
	}
	e.get(e.unusual, everywhere).add(bucket, 1)
}

// stretch prolongs a pulse that goes on.
func (e *Engine) stretch(a *Alert, second, hits int64) {
	for i := range a.Pulses {
		p := &a.Pulses[i]
		if second >= p.Start && second <= p.End+quarter {
			p.End = max(p.End, second)
			p.Count += hits
			a.last = max(a.last, second)
			return
		}
	}
}

// crowd counts the distinct rules that pulse on an entity within an hour of a second.
func (e *Engine) crowd(key string, second int64) int {
	rules := map[string]struct{}{}
	for _, a := range e.index[key] {
		for _, p := range a.Pulses {
			if p.Start <= second+3600 && p.End >= second-3600 {
				rules[a.Rule] = struct{}{}
				break
			}
		}
	}
	return len(rules)
}

// span is a stretch of time in seconds.
type span struct{ from, to int64 }

// noteBurst records that several alarms sound around a second on an entity.
func (e *Engine) noteBurst(key string, second int64) {
	list := e.burstTimes[key]
	for i := range list {
		if second >= list[i].from-3600 && second <= list[i].to+3600 {
			list[i].from, list[i].to = min(list[i].from, second), max(list[i].to, second)
			return
		}
	}
	list = append(list, span{second, second})
	if len(list) > maxPulses {
		list = list[1:]
	}
	e.burstTimes[key] = list
}

// inBurst reports whether a pulse was part of a burst on an entity.
func (e *Engine) inBurst(key string, p *Pulse) bool {
	for _, s := range e.burstTimes[key] {
		if p.Start <= s.to+3600 && p.End >= s.from-3600 {
			return true
		}
	}
	return false
}

// postKeys are the keys under which an alert with pulses is found.
func postKeys(a *Alert) []string {
	keys := make([]string, 0, len(a.Entities)+2)
	for _, en := range a.Entities {
		keys = append(keys, en.Key)
	}
	return append(keys, "rule:"+a.Rule, everywhere)
}

func (e *Engine) post(a *Alert) {
	for _, k := range postKeys(a) {
		e.postOn(k, a)
	}
	if len(e.alerts) > maxAlerts {
		e.sweep()
	}
}

func (e *Engine) postOn(key string, a *Alert) {
	list := e.index[key]
	for i, x := range list {
		if x == a {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if len(list) >= maxPostings {
		list = append(list[:0], list[len(list)-maxPostings+1:]...)
	}
	e.index[key] = append(list, a)
}

// sweep drops the alerts that sounded longest ago, and old histories, when there are too many.
func (e *Engine) sweep() {
	times := make([]int64, 0, len(e.alerts))
	for _, a := range e.alerts {
		times = append(times, a.last)
	}
	slices.Sort(times)
	before := times[len(times)/4]
	for id, a := range e.alerts {
		if a.last < before {
			delete(e.alerts, id)
		}
	}
	for key, list := range e.index {
		kept := list[:0]
		for _, a := range list {
			if _, ok := e.alerts[a.ID]; ok {
				kept = append(kept, a)
			}
		}
		if len(kept) == 0 {
			delete(e.index, key)
			delete(e.burstTimes, key)
			continue
		}
		e.index[key] = kept
	}
}

// trim drops the histories that were quiet longest when a table has too many.
func (e *Engine) trim(m map[string]*history) {
	now := bucketOf(e.latest)
	for age := int64(fading * 4); len(m) > maxSeries/2 && age > lag; age /= 2 {
		for k, h := range m {
			h.settle(now)
			if len(h.recent) == 0 && h.at < now-age {
				delete(m, k)
			}
		}
	}
}

// strong kinds identify one thing wherever and whenever it turns up. What counts against them is the share of alerts that name them.
func strong(en Entity) bool {
	switch en.Kind {
	case "file", "url", "domain", "message", "process", "sender":
		return true
	case "ip":
		return en.Public
	}
	return false
}

// share is the chance that an alert names an entity without having to do with the two alerts that are compared.
func (e *Engine) share(key string) float64 {
	return (float64(max(0, e.docs[key]-2)) + 0.5) / float64(e.added+20)
}

// powers is how many powers of ten against chance a rate and a gap are, 0 to 4.
func powers(rate, hours float64) float64 {
	p := rate * hours
	if p <= 0 {
		return 4
	}
	return math.Max(0, math.Min(4, -math.Log10(p)))
}

// TacticRank orders ATT&CK tactics along an attack, 0 for anything else.
func TacticRank(category string) int {
	switch strings.ToLower(category) {
	case "reconnaissance", "resourcedevelopment":
		return 1
	case "initialaccess":
		return 2
	case "execution":
		return 3
	case "persistence", "privilegeescalation", "defenseevasion", "stealth", "defenseimpairment":
		return 4
	case "credentialaccess":
		return 5
	case "discovery":
		return 6
	case "lateralmovement":
		return 7
	case "collection", "commandandcontrol":
		return 8
	case "exfiltration":
		return 9
	case "impact", "ransomware":
		return 10
	}
	return 0
}
