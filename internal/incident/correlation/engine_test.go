package correlation_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bartizan-sec/bartizan/internal/incident/correlation"
)

const (
	minute = int64(60)
	hour   = 60 * minute
	day    = 24 * hour
	start  = int64(1_700_000_000)
)

// world feeds an engine and joins what it says belongs together.
type world struct {
	e      *correlation.Engine
	alerts map[string]*correlation.Alert
	parent map[string]string
	edges  map[string]correlation.Edge // by "alert alert kind", alerts in order
}

func newWorld() *world {
	return &world{e: correlation.New(), alerts: map[string]*correlation.Alert{}, parent: map[string]string{}, edges: map[string]correlation.Edge{}}
}

func (w *world) find(id string) string {
	for w.parent[id] != id {
		id = w.parent[id]
	}
	return id
}

// sound is a hit of an alarm: entities like "device:pc-7", the alert opens on the first hit of a name and day.
func (w *world) sound(at int64, rule, category, source string, entities ...string) string {
	series := rule + "|" + entities[0]
	id := fmt.Sprintf("%s|%d", series, (at-start)/day)
	a := w.alerts[id]
	fresh := a == nil
	if fresh {
		a = &correlation.Alert{ID: id, Rule: rule, Series: series, Title: rule, Category: category, Source: source}
		for _, k := range entities {
			kind, name, _ := strings.Cut(k, ":")
			a.Entities = append(a.Entities, correlation.Entity{Key: k, Kind: kind, Name: name, Public: kind == "ip" && !strings.HasPrefix(name, "10.")})
		}
		w.alerts[id], w.parent[id] = a, id
		w.e.Add(a)
	}
	for _, k := range entities {
		kind, name, _ := strings.Cut(k, ":")
		fresh = w.e.Extend(a, correlation.Entity{Key: k, Kind: kind, Name: name}) || fresh
	}
	if w.e.Hit(a, at, 1) || fresh {
		for _, x := range w.e.Edges(a) {
			ends := []string{x.Alert, x.To}
			slices.Sort(ends)
			w.edges[ends[0]+" "+ends[1]+" "+string(x.Kind)] = x
			if x.Weight >= 1 {
				w.parent[w.find(x.Alert)] = w.find(x.To)
			}
		}
	}
	return id
}

func (w *world) together(a, b string) bool { return w.find(a) == w.find(b) }

// history lets ten quiet days pass on thirty machines, each with an everyday alarm, and one machine that is always in the news.
func (w *world) history() int64 {
	t := start
	for h := range 240 {
		t = start + int64(h)*hour
		for d := range 30 {
			if (h+d)%3 == 0 {
				w.sound(t+int64(d), "update failed", "", "endpoint", fmt.Sprint("device:pc-", d))
			}
		}
		w.sound(t+30*minute, fmt.Sprint("odd logon ", h), "", "identity", "device:dc-1", fmt.Sprint("user:u", h%17))
	}
	return t + hour
}

func TestWhatJoins(t *testing.T) {
	type alarm struct {
		after          int64
		rule, cat, src string
		entities       []string
	}
	for _, c := range []struct {
		name string
		a, b alarm
		kind correlation.Kind // the kind that joins, "" for none
	}{
		{"two news on a quiet machine", alarm{0, "x", "", "endpoint", []string{"device:pc-3"}}, alarm{4 * minute, "y", "", "endpoint", []string{"device:pc-3"}}, correlation.SameDevice},
		{"tactics in order", alarm{0, "x", "InitialAccess", "endpoint", []string{"device:pc-3"}}, alarm{4 * minute, "y", "CredentialAccess", "endpoint", []string{"device:pc-3"}}, correlation.AttackSequence},
		{"an everyday alarm beside a new one", alarm{0, "update failed", "", "endpoint", []string{"device:pc-3"}}, alarm{minute, "y", "", "endpoint", []string{"device:pc-3"}}, ""},
		{"a machine that is always in the news", alarm{0, "x", "", "endpoint", []string{"device:dc-1"}}, alarm{20 * minute, "y", "", "endpoint", []string{"device:dc-1"}}, ""},
		{"two machines", alarm{0, "x", "", "endpoint", []string{"device:pc-3"}}, alarm{10 * minute, "y", "", "endpoint", []string{"device:pc-4"}}, ""},
		{"same person on two machines", alarm{0, "x", "", "endpoint", []string{"device:pc-3", "user:anna"}}, alarm{15 * minute, "y", "", "endpoint", []string{"device:pc-4", "user:anna"}}, correlation.SameAccount},
		{"credential taken here, used there", alarm{0, "x", "CredentialAccess", "endpoint", []string{"device:pc-3", "user:anna"}}, alarm{5 * hour, "y", "", "endpoint", []string{"device:pc-4", "user:anna"}}, correlation.CredentialUsed},
		{"one file on two machines, days apart", alarm{0, "x", "", "endpoint", []string{"device:pc-3", "file:ab"}}, alarm{40 * hour, "y", "", "endpoint", []string{"device:pc-4", "file:ab"}}, correlation.SameFile},
		{"one process", alarm{0, "x", "", "endpoint", []string{"device:pc-3", "process:pc-3/1"}}, alarm{5 * hour, "y", "", "endpoint", []string{"device:pc-3", "process:pc-3/1"}}, correlation.SameProcessTree},
		{"one message to two people", alarm{0, "x", "", "email", []string{"mailbox:a@x", "message:1"}}, alarm{20 * hour, "y", "", "email", []string{"mailbox:b@x", "message:1"}}, correlation.SameMessage},
		{"a phish, then its reader's machine", alarm{0, "x", "InitialAccess", "email", []string{"mailbox:a@x", "user:a@x", "message:1"}}, alarm{3 * hour, "y", "Execution", "endpoint", []string{"device:pc-3", "user:a@x"}}, correlation.ClickActivity},
		{"one rare address", alarm{0, "x", "", "endpoint", []string{"device:pc-3", "ip:203.0.113.9"}}, alarm{3 * hour, "y", "", "endpoint", []string{"device:pc-4", "ip:203.0.113.9"}}, correlation.SameRemoteAddress},
		{"lateral movement", alarm{0, "x", "LateralMovement", "identity", []string{"device:pc-3", "device:pc-4"}}, alarm{40 * minute, "y", "", "endpoint", []string{"device:pc-4"}}, correlation.LateralMovement},
		{"one rare alarm on two machines at once", alarm{0, "x", "", "endpoint", []string{"device:pc-3"}}, alarm{5, "x", "", "endpoint", []string{"device:pc-4"}}, correlation.SameRuleElsewhere},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			now := w.history()
			a := w.sound(now+c.a.after, c.a.rule, c.a.cat, c.a.src, c.a.entities...)
			b := w.sound(now+c.b.after, c.b.rule, c.b.cat, c.b.src, c.b.entities...)
			if got := w.together(a, b); got != (c.kind != "") {
				t.Fatalf("joined: %v", got)
			}
			if c.kind == "" {
				return
			}
			ends := []string{a, b}
			slices.Sort(ends)
			x, ok := w.edges[ends[0]+" "+ends[1]+" "+string(c.kind)]
			if !ok || x.Weight < 1 {
				t.Fatalf("no edge of kind %s among %v", c.kind, w.edges)
			}
			if x.Text == "" || x.Rarity <= 0 || x.Rarity > 1 || x.GapSeconds != c.b.after {
				t.Errorf("edge %+v does not explain itself", x)
			}
		})
	}
}

// An everyday alarm that finds the same rare file on two machines ties them together; with a file that is everywhere it does not.
func TestStrongEntityOfEverydayAlarm(t *testing.T) {
	w := newWorld()
	now := w.history()
	a := w.sound(now, "update failed", "", "endpoint", "device:pc-3", "file:ab")
	b := w.sound(now+2*hour, "update failed", "", "endpoint", "device:pc-4", "file:ab")
	if !w.together(a, b) {
		t.Error("the rare file does not join")
	}
	v := newWorld()
	for h := range int64(100) {
		v.sound(start+h*hour, fmt.Sprint("r", h), "", "endpoint", fmt.Sprint("device:pc-", h), "file:common")
	}
	a = v.sound(start+101*hour, "x", "", "endpoint", "device:a", "file:common")
	b = v.sound(start+102*hour, "y", "", "endpoint", "device:b", "file:common")
	if v.together(a, b) {
		t.Error("the common file joins")
	}
}

// A scanner that sounds all day joins nothing; when it suddenly sounds a thousand times as loud, that is news.
func TestSurge(t *testing.T) {
	w := newWorld()
	now := w.history()
	quiet := w.sound(now, "update failed", "", "endpoint", "device:pc-3")
	x := w.sound(now+minute, "x", "", "endpoint", "device:pc-3")
	if w.together(quiet, x) {
		t.Fatal("the everyday alarm joined")
	}
	for i := range int64(2000) {
		quiet = w.sound(now+minute+i/10, "update failed", "", "endpoint", "device:pc-3")
	}
	if !w.together(quiet, x) {
		t.Error("a surge of the everyday alarm did not join what happened beside it")
	}
}

// Two bursts of many new alarms on one machine belong together hours apart; single alarms do not.
func TestBursts(t *testing.T) {
	w := newWorld()
	now := w.history()
	first, last := "", ""
	for i := range int64(6) {
		first = w.sound(now+i*minute, fmt.Sprint("a", i), "", "endpoint", "device:pc-3")
	}
	for i := range int64(6) {
		last = w.sound(now+9*hour+i*minute, fmt.Sprint("b", i), "", "endpoint", "device:pc-3")
	}
	if !w.together(first, last) {
		t.Error("two bursts on a quiet machine are apart")
	}
	v := newWorld()
	now = v.history()
	a := v.sound(now, "a", "", "endpoint", "device:pc-3")
	b := v.sound(now+9*hour, "b", "", "endpoint", "device:pc-3")
	if v.together(a, b) {
		t.Error("two single alarms hours apart were joined")
	}
}

func TestForgetAndRestore(t *testing.T) {
	w := newWorld()
	now := w.history()
	a := w.sound(now, "x", "", "endpoint", "device:pc-3")
	// A second engine that is given what the first stored decides the same.
	v := newWorld()
	ids := make([]string, 0, len(w.alerts))
	for id := range w.alerts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		old := w.alerts[id]
		copied := &correlation.Alert{
			ID: old.ID, Rule: old.Rule, Series: old.Series, Title: old.Title, Category: old.Category, Source: old.Source,
			Entities: slices.Clone(old.Entities), Pulses: slices.Clone(old.Pulses),
		}
		v.alerts[id], v.parent[id] = copied, id
		var buckets []correlation.Bucket
		for _, p := range old.Pulses {
			buckets = append(buckets, correlation.Bucket{Number: correlation.BucketOf(p.Start), Hits: p.Count})
		}
		v.e.Restore(copied, buckets)
	}
	b := v.sound(now+2*minute, "y", "", "endpoint", "device:pc-3")
	if !v.together(a, b) {
		t.Error("a restored engine does not know the alert")
	}
	v.e.Forget(a)
	c := v.sound(now+3*minute, "z", "", "endpoint", "device:pc-3")
	for k := range v.edges {
		if strings.Contains(k, a+" ") && strings.Contains(k, c) {
			t.Error("a forgotten alert was joined")
		}
	}
}

type hit struct {
	at       int64
	rule     string
	entities []string
	attack   int
}

// scenario is a week on twenty machines: everyday alarms, and a few attacks on machines of their own.
func scenario(r *rand.Rand, attacks int) []hit {
	var out []hit
	for h := range int64(7 * 24) {
		for d := range 20 {
			if r.IntN(4) == 0 {
				out = append(out, hit{start + h*hour + r.Int64N(hour), fmt.Sprint("noise ", r.IntN(3)), []string{fmt.Sprint("device:pc-", d)}, -1})
			}
		}
	}
	for k := range attacks {
		t := start + 3*day + int64(k)*20*hour
		who := fmt.Sprint("user:v", k)
		for s := range int64(8) {
			out = append(out, hit{t + s*3*minute, fmt.Sprintf("attack %d step %d", k, s), []string{fmt.Sprint("device:pc-", k), who}, k})
		}
	}
	slices.SortFunc(out, func(a, b hit) int { return int(a.at - b.at) })
	return out
}

func groups(list []hit) (apart, mixed int) {
	w := newWorld()
	ids := make([]string, len(list))
	for i, h := range list {
		ids[i] = w.sound(h.at, h.rule, "", "endpoint", h.entities...)
	}
	of := map[string]int{}
	seen := map[int]string{}
	for i, h := range list {
		g := w.find(ids[i])
		if h.attack < 0 {
			continue
		}
		if k, ok := of[g]; ok && k != h.attack {
			mixed++
		}
		of[g] = h.attack
		if first, ok := seen[h.attack]; ok && first != g {
			apart++
		}
		seen[h.attack] = g
	}
	return apart, mixed
}

// The order in which a few hours of alarms arrive does not decide what belongs together.
func TestArrivalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		list := scenario(r, 4)
		window := rapid.Int64Range(0, 4*hour).Draw(t, "delay")
		late := map[int]int64{}
		for i := range list {
			late[i] = list[i].at
			if window > 0 {
				late[i] += r.Int64N(window)
			}
		}
		order := make([]int, len(list))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return int(late[a] - late[b]) })
		shuffled := make([]hit, len(list))
		for i, k := range order {
			shuffled[i] = list[k]
		}
		apart, mixed := groups(shuffled)
		if apart > 1 || mixed > 0 {
			t.Fatalf("of 4 attacks of 8 steps, %d steps are apart and %d mixed", apart, mixed)
		}
	})
}

// Clock nonsense in one record does not turn the everyday into news.
func TestWildTimes(t *testing.T) {
	w := newWorld()
	now := w.history()
	for _, at := range []int64{-62_135_596_800, 0, 253_370_764_800} {
		w.sound(at, "update failed", "", "endpoint", "device:pc-9")
	}
	a := w.sound(now, "update failed", "", "endpoint", "device:pc-3")
	b := w.sound(now+minute, "y", "", "endpoint", "device:pc-3")
	if w.together(a, b) {
		t.Error("an everyday alarm joined after records from year 1 and 9998")
	}
}

// While an engine has seen nothing yet, everything is new: two machines with new alarms in the same minute have nothing to do with each other.
func TestFirstMinutes(t *testing.T) {
	w := newWorld()
	a := w.sound(start, "x", "", "endpoint", "device:pc-1")
	b := w.sound(start+5, "y", "", "endpoint", "device:pc-2")
	c := w.sound(start+6, "x", "", "endpoint", "device:pc-3")
	d := w.sound(start+4*minute, "z", "", "endpoint", "device:pc-1")
	if w.together(a, b) || w.together(a, c) {
		t.Error("alarms of two machines were joined in the first minute")
	}
	if !w.together(a, d) {
		t.Error("two alarms of one machine within minutes are apart")
	}
}
