package correlation

import (
	"math"
	"sort"
)

// Kind is the reason of an edge.
type Kind string

// The kinds of edges.
const (
	SameProcessTree   Kind = "sameProcessTree"
	SameMessage       Kind = "sameMessage"
	SameFile          Kind = "sameFile"
	SameURL           Kind = "sameUrl"
	SameDomain        Kind = "sameDomain"
	SameRemoteAddress Kind = "sameRemoteAddress"
	SameAddress       Kind = "samePrivateAddress"
	SameSender        Kind = "sameSender"
	SameMailbox       Kind = "sameMailbox"
	SameAccount       Kind = "sameAccount"
	SameAccountDevice Kind = "sameAccountOnDevice"
	SameDevice        Kind = "sameDeviceProximate"
	SameApp           Kind = "sameApp"
	PhishClicked      Kind = "phishThenClick"
	ClickActivity     Kind = "clickThenActivity"
	CredentialUsed    Kind = "credentialUsedElsewhere"
	LateralMovement   Kind = "lateralMovement"
	AttackSequence    Kind = "attackSequence"
	BurstOnDevice     Kind = "burstsOnDevice"
	SameRuleElsewhere Kind = "sameDetectionElsewhere"
	UnusualTogether   Kind = "unusualTogether"
)

// trait says how a kind is weighed.
type trait struct {
	weight float64 // times powers of ten / 3
	prior  float64 // hours of silence assumed for a new entity of the kind
	reach  int64   // seconds beyond which there is no edge
}

const (
	hour = int64(3600)
	day  = 24 * hour
)

func traitOf(k Kind) trait {
	switch k {
	case SameProcessTree:
		return trait{4, 365 * 24, day}
	case SameMessage:
		return trait{4, 365 * 24, 7 * day}
	case SameFile:
		return trait{3, 60 * 24, 7 * day}
	case SameSender:
		return trait{2, 14 * 24, 7 * day}
	case SameURL:
		return trait{3, 30 * 24, 7 * day}
	case SameDomain:
		return trait{1.5, 2 * 24, 7 * day}
	case SameRemoteAddress:
		return trait{2, 14 * 24, day}
	case SameAddress:
		return trait{1, 2 * 24, day}
	case SameMailbox:
		return trait{1.5, 7 * 24, day}
	case SameAccount:
		return trait{1.5, 3 * 24, day}
	case SameAccountDevice:
		return trait{2, 3 * 24, day}
	case SameDevice:
		return trait{1.5, prior, day}
	case SameApp:
		return trait{1, prior, day}
	case PhishClicked, ClickActivity, CredentialUsed:
		return trait{2.5, 7 * 24, day}
	case LateralMovement:
		return trait{2, 2 * 24, day}
	case AttackSequence:
		return trait{2, prior, day}
	case BurstOnDevice:
		return trait{3, prior, day}
	case SameRuleElsewhere:
		return trait{1, prior, hour}
	case UnusualTogether:
		return trait{1.2, prior, hour}
	}
	return trait{}
}

// burstSize is how many different alarms within an hour on one entity are a burst.
const burstSize = 6

// floorHours is the shortest gap that is told apart: clocks of sources differ by about this much.
const floorHours = 20.0 / 3600

// weakest is the weight below which an edge is not worth keeping.
const weakest = 0.4

// Edges compares an alert with the others and returns the edges worth keeping, strongest first, at most one per other alert, kind and entity.
func (e *Engine) Edges(a *Alert) []Edge {
	if len(a.Pulses) == 0 && len(a.sights) == 0 {
		return nil
	}
	var out []Edge
	for _, en := range a.Entities {
		for _, b := range e.index[en.Key] {
			if b == a {
				continue
			}
			if edge, ok := e.shared(a, b, en); ok {
				out = append(out, edge)
			}
		}
	}
	for _, b := range e.index["rule:"+a.Rule] {
		if b != a && !shareDevice(a, b) {
			if edge, ok := e.weigh(a, b, SameRuleElsewhere, Entity{Key: "rule:" + a.Rule, Name: a.Title}, e.rate(e.rules[a.Rule].seen(0)+15*e.greenness(), prior)); ok {
				out = append(out, edge)
			}
		}
	}
	for _, b := range e.index[everywhere] {
		if b != a && b.Rule != a.Rule {
			if edge, ok := e.weigh(a, b, UnusualTogether, Entity{Key: "", Name: ""}, e.rate(e.unusual[everywhere].seen(0)+47*e.greenness(), prior)); ok {
				out = append(out, edge)
			}
		}
	}
	sort.Slice(out, func(i, j int) bool {
		x, y := out[i], out[j]
		switch {
		case x.Weight != y.Weight:
			return x.Weight > y.Weight
		case x.To != y.To:
			return x.To < y.To
		case x.Kind != y.Kind:
			return x.Kind < y.Kind
		}
		return x.Entity < y.Entity
	})
	return out
}

// greenness is 1 for an engine that has seen nothing and fades over the first days: while everything is new, that two things are new at once means little.
// It counts as that many more sightings for the kinds that rest on nothing but novelty.
func (e *Engine) greenness() float64 { return math.Exp(-e.clock.watched() / 12) }

// rate is how often per hour something seen n times in the history happens.
func (e *Engine) rate(n, silence float64) float64 {
	return (n + 1) / (e.clock.watched() + silence)
}

// shared weighs two alerts that name the same entity; of several kinds that fit, the strongest speaks.
func (e *Engine) shared(a, b *Alert, en Entity) (Edge, bool) {
	kinds := kindsOf(a, b, en)
	best, found := Edge{}, false
	for _, k := range kinds {
		t := traitOf(k)
		n := e.unusual[en.Key].seen(0)
		if strong(en) {
			n = 0 // how common it is does not go by the hour: see weigh
		}
		rate := e.rate(n, t.prior)
		if k == BurstOnDevice {
			rate = e.rate(e.bursts[en.Key].seen(0), prior)
		}
		if edge, ok := e.weigh(a, b, k, en, rate); ok && (!found || edge.Weight > best.Weight) {
			best, found = edge, true
		}
	}
	return best, found
}

// weigh makes the edge of a kind from the closest pair of pulses.
func (e *Engine) weigh(a, b *Alert, k Kind, en Entity, rate float64) (Edge, bool) {
	t := traitOf(k)
	score, gap, chance := 0.0, int64(0), 0.0
	ps, qs := a.Pulses, b.Pulses
	if strong(en) {
		ps, qs = a.moments(en.Key), b.moments(en.Key)
	}
	for i := range ps {
		for j := range qs {
			p, q := &ps[i], &qs[j]
			g := max(0, p.Start-q.End, q.Start-p.End)
			if g > t.reach {
				continue
			}
			if k == BurstOnDevice && (g < hour || !e.inBurst(en.Key, p) || !e.inBurst(en.Key, q)) {
				continue // alarms of one burst are joined by what they share
			}
			if k == UnusualTogether || k == SameRuleElsewhere {
				// Only beginnings that coincide say something about two machines.
				g = max(p.Start-q.Start, q.Start-p.Start)
				if g > t.reach {
					continue
				}
			}
			r := rate
			if k != BurstOnDevice && !strong(en) {
				r = max(r, p.Rate, q.Rate)
			}
			s := powers(r, float64(g)/3600+floorHours)
			if strong(en) {
				s = min(s, powers(e.share(en.Key), 1))
			}
			if s > score {
				score, gap, chance = s, g, r
			}
		}
	}
	w := t.weight * score / 3
	if w < weakest {
		return Edge{}, false
	}
	rarity := powers(chance, 1) / 4
	if strong(en) {
		rarity = powers(e.share(en.Key), 1) / 4
	}
	return Edge{Alert: a.ID, To: b.ID, Kind: k, Entity: en.Key, Weight: w, GapSeconds: gap, Rarity: rarity, Text: e.text(k, en, a, b, gap)}, true
}

// moments are the times at which an alert is known to have to do with a strong entity. How rare the alarm is does not matter there.
func (a *Alert) moments(key string) []Pulse {
	out := make([]Pulse, 0, len(a.Pulses)+1)
	for _, s := range a.sights {
		if s.key == key {
			out = append(out, Pulse{Start: s.at, End: s.at})
		}
	}
	return append(out, a.Pulses...)
}

// kindsOf lists the kinds of edge that fit two alerts sharing an entity.
func kindsOf(a, b *Alert, en Entity) []Kind {
	switch en.Kind {
	case "process":
		return []Kind{SameProcessTree}
	case "message":
		return []Kind{SameMessage}
	case "file":
		return []Kind{SameFile}
	case "url":
		return []Kind{SameURL}
	case "domain":
		return []Kind{SameDomain}
	case "app":
		return []Kind{SameApp}
	case "ip":
		if en.Public {
			return []Kind{SameRemoteAddress}
		}
		return []Kind{SameAddress}
	case "sender":
		return []Kind{SameSender}
	case "mailbox":
		return []Kind{SameMailbox}
	case "user":
		return accountKinds(a, b)
	case "device":
		return deviceKinds(a, b, en)
	}
	return nil
}

func accountKinds(a, b *Alert) []Kind {
	first, second := a, b
	if starts(b) < starts(a) {
		first, second = b, a
	}
	kinds := []Kind{SameAccount}
	switch {
	case shareDevice(a, b):
		kinds = append(kinds, SameAccountDevice)
	case TacticRank(first.Category) == 5 && hasKind(first, "device") && hasKind(second, "device"):
		kinds = append(kinds, CredentialUsed)
	}
	if first.Source == "email" && second.Source == "email" && hasKind(first, "message") && hasKind(second, "url") {
		kinds = append(kinds, PhishClicked)
	}
	if first.Source == "email" && second.Source != "email" {
		kinds = append(kinds, ClickActivity)
	}
	return kinds
}

func deviceKinds(a, b *Alert, en Entity) []Kind {
	kinds := []Kind{SameDevice, BurstOnDevice}
	if devices(a) > 1 || devices(b) > 1 {
		kinds = append(kinds, LateralMovement)
	}
	ra, rb := TacticRank(a.Category), TacticRank(b.Category)
	if ra > 0 && rb > 0 && ra != rb && (starts(a) <= starts(b)) == (ra < rb) {
		kinds = append(kinds, AttackSequence)
	}
	return kinds
}

// starts is when an alert first sounded unusual, or else when it first named a strong entity.
func starts(a *Alert) int64 {
	if len(a.Pulses) > 0 {
		return a.Pulses[0].Start
	}
	if len(a.sights) > 0 {
		return a.sights[0].at
	}
	return a.last
}

func devices(a *Alert) int {
	n := 0
	for _, en := range a.Entities {
		if en.Kind == "device" {
			n++
		}
	}
	return n
}

func hasKind(a *Alert, kind string) bool {
	for _, en := range a.Entities {
		if en.Kind == kind {
			return true
		}
	}
	return false
}

func shareDevice(a, b *Alert) bool {
	for _, x := range a.Entities {
		if x.Kind != "device" {
			continue
		}
		for _, y := range b.Entities {
			if x.Key == y.Key {
				return true
			}
		}
	}
	return false
}
