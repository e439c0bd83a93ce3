package sigma

import (
	"math"
	"sort"
	"sync"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// Set is many rules compiled into one matcher. Tests that several rules share are made once per event, rules are looked at only when a literal that
// they cannot do without was found in the event, and only rules whose logsource fits are looked at at all.
type Set struct {
	rules []compiled
	nodes []node
	preds []*Predicate
	field []int32 // of a predicate; 0 is the keyword pseudo-field
	other []int32 // of a fieldref predicate: the field compared with

	fields    map[string]int32
	automata  []*automaton // by field, nil without triggers
	postings  [][]int32    // by trigger: rules
	groups    []group
	sources   sync.Map // normalise.Logsource -> *source
	sourceLen sourceCount
	scratch   sync.Pool
}

type compiled struct {
	rule  *Rule
	root  int32
	group int32
}

// node is one Expr with its test replaced by a number. kids are in the order in which they are tried, written in that of the rule.
type node struct {
	op      Op
	pred    int32
	kids    []int32
	written []int32
}

// group is the rules of one logsource.
type group struct {
	logsource normalise.Logsource
	always    []int32 // rules without a trigger
	fields    []bool  // fields whose triggers the rules use
	keywords  []word  // triggers that may stand in any field; emptied when compiled
	keyed     *automaton
}

// Compile builds a Set of the rules that can be used. It reports rules that have the same id as one before, which are left out; rules with Where nil
// are left out silently, since Parse has reported them.
func Compile(rules []*Rule) (*Set, []Issue) {
	s := &Set{fields: map[string]int32{"": 0}}
	b := &builder{set: s, predAt: map[string]int32{}, triggerAt: map[trigger]int32{}, usage: map[trigger]int{}, groupAt: map[normalise.Logsource]int32{}}
	var issues []Issue
	seen := map[string]*Rule{}
	var usable []*Rule
	for _, r := range rules {
		if r.Where == nil {
			continue
		}
		if first := seen[r.ID]; first != nil {
			issues = append(issues, Issue{Code: Invalid, Path: r.Path, Line: r.Line, RuleID: r.ID, Title: r.Title, Message: "the rule has the id of " + first.Path})
			continue
		}
		seen[r.ID] = r
		usable = append(usable, r)
		b.count(r)
	}
	for _, r := range usable {
		b.add(r)
	}
	b.finish()
	s.scratch.New = func() any { return newScratch(s) }
	return s, issues
}

// Len is the number of rules in the set.
func (s *Set) Len() int { return len(s.rules) }

// builder holds what Compile needs only while it runs.
type builder struct {
	set       *Set
	predAt    map[string]int32
	triggerAt map[trigger]int32
	words     []trigger
	usage     map[trigger]int // in how many rules a trigger occurs
	groupAt   map[normalise.Logsource]int32
}

func (b *builder) count(r *Rule) {
	mine := map[trigger]bool{}
	r.Where.Walk(func(p *Predicate, negated bool) {
		if !negated {
			for _, t := range p.triggers() {
				mine[t] = true
			}
		}
	})
	for t := range mine {
		b.usage[t]++
	}
}

func (b *builder) add(r *Rule) {
	s := b.set
	at := int32(len(s.rules))
	g, ok := b.groupAt[r.Logsource]
	if !ok {
		g = int32(len(s.groups))
		b.groupAt[r.Logsource] = g
		s.groups = append(s.groups, group{logsource: r.Logsource})
	}
	s.rules = append(s.rules, compiled{rule: r, root: b.node(r.Where), group: g})
	clause := b.clause(r.Where)
	if len(clause.triggers) == 0 {
		s.groups[g].always = append(s.groups[g].always, at)
		return
	}
	for _, t := range clause.triggers {
		id, ok := b.triggerAt[t]
		if !ok {
			id = int32(len(b.words))
			b.triggerAt[t] = id
			b.words = append(b.words, t)
			s.postings = append(s.postings, nil)
		}
		if list := s.postings[id]; len(list) == 0 || list[len(list)-1] != at {
			s.postings[id] = append(list, at)
		}
		gr := &s.groups[g]
		if t.field == "" {
			gr.keywords = append(gr.keywords, word{t.shape, t.literal, id})
			continue
		}
		f := b.field(t.field)
		for len(gr.fields) <= int(f) {
			gr.fields = append(gr.fields, false)
		}
		gr.fields[f] = true
	}
}

func (b *builder) field(name string) int32 {
	id, ok := b.set.fields[name]
	if !ok {
		id = int32(len(b.set.fields))
		b.set.fields[name] = id
	}
	return id
}

func (b *builder) pred(p *Predicate) int32 {
	key := p.key()
	id, ok := b.predAt[key]
	if !ok {
		id = int32(len(b.set.preds))
		b.predAt[key] = id
		other := int32(-1)
		if p.kind == testRef {
			other = b.field(p.other)
		}
		b.set.preds = append(b.set.preds, p)
		b.set.field = append(b.set.field, b.field(p.Field))
		b.set.other = append(b.set.other, other)
	}
	return id
}

func (b *builder) node(e *Expr) int32 {
	n := node{op: e.Op}
	if e.Op == Test {
		n.pred = b.pred(e.Test)
	} else {
		for _, a := range e.Args {
			n.written = append(n.written, b.node(a))
		}
		order := make([]int, len(e.Args))
		for i := range order {
			order[i] = i
		}
		sort.SliceStable(order, func(i, j int) bool { return cost(e.Args[order[i]]) < cost(e.Args[order[j]]) })
		for _, i := range order {
			n.kids = append(n.kids, n.written[i])
		}
	}
	b.set.nodes = append(b.set.nodes, n)
	return int32(len(b.set.nodes) - 1)
}

// cost is roughly how long an expression takes; cheaper ones are tried first.
func cost(e *Expr) int {
	if e.Op != Test {
		n := 1
		for _, a := range e.Args {
			n += cost(a)
		}
		return n
	}
	switch p := e.Test; {
	case p.Field == "":
		return 400
	case p.kind == testRegex:
		return 100
	case p.kind == testString && p.shape == glob:
		return 10
	case p.kind == testString && p.shape == contains:
		return 4
	}
	return 1
}

// clause is a set of triggers of which at least one must be found for an expression to hold; no triggers when there is no such set.
type clause struct {
	triggers []trigger
	weight   float64 // estimate of how often one is found
}

func (b *builder) clause(e *Expr) clause {
	switch e.Op {
	case Test:
		c := clause{triggers: e.Test.triggers()}
		for _, t := range c.triggers {
			c.weight += b.weight(t)
		}
		return c
	case And:
		best := clause{weight: math.Inf(1)}
		for _, a := range e.Args {
			if c := b.clause(a); len(c.triggers) > 0 && c.weight < best.weight {
				best = c
			}
		}
		return best
	case Or:
		var sum clause
		for _, a := range e.Args {
			c := b.clause(a)
			if len(c.triggers) == 0 {
				return clause{}
			}
			sum.triggers = append(sum.triggers, c.triggers...)
			sum.weight += c.weight
		}
		return sum
	}
	return clause{}
}

// weight estimates how often a literal is found in its field: short ones often, and those that many rules look for, too (what rules have in common
// is what records have in common). Numbers, which are mostly event ids, say which kind of record it is and so are found in whole streams of them.
func (b *builder) weight(t trigger) float64 {
	w := 2 * math.Pow(0.55, float64(len(t.literal)))
	if t.shape != contains {
		w /= 20
	}
	if t.shape == exact && isNumber(t.literal) {
		w += 0.03
	}
	return w + float64(b.usage[t]-1)*0.002
}

func isNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func (b *builder) finish() {
	s := b.set
	perField := map[int32][]word{}
	for id, t := range b.words {
		if t.field == "" {
			continue
		}
		f := b.field(t.field)
		perField[f] = append(perField[f], word{t.shape, t.literal, int32(id)})
	}
	s.automata = make([]*automaton, len(s.fields))
	for f, words := range perField {
		s.automata[f] = newAutomaton(words)
	}
	for i := range s.groups {
		if g := &s.groups[i]; len(g.keywords) > 0 {
			g.keyed, g.keywords = newAutomaton(g.keywords), nil
		}
		for len(s.groups[i].fields) < len(s.fields) {
			s.groups[i].fields = append(s.groups[i].fields, false)
		}
	}
}
