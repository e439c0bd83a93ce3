package sigma

import (
	"slices"
	"sync/atomic"
	"unicode/utf8"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// source is what of a Set concerns events of one logsource.
type source struct {
	groups []bool
	always []int32
	fields []bool  // that need scanning for triggers
	keyed  []int32 // groups with keyword triggers
}

type sourceCount = atomic.Int32

// maxSources bounds the memory for logsources seen; they come from the normalisers, so there are a few hundred at most.
const maxSources = 4096

func fits(rule, event string) bool { return rule == "" || rule == event }

func (s *Set) source(l normalise.Logsource) *source {
	if have, ok := s.sources.Load(l); ok {
		return have.(*source)
	}
	src := &source{groups: make([]bool, len(s.groups)), fields: make([]bool, len(s.fields))}
	for i := range s.groups {
		g := &s.groups[i]
		if !fits(g.logsource.Product, l.Product) || !fits(g.logsource.Category, l.Category) || !fits(g.logsource.Service, l.Service) {
			continue
		}
		src.groups[i] = true
		src.always = append(src.always, g.always...)
		if g.keyed != nil {
			src.keyed = append(src.keyed, int32(i))
		}
		for f, used := range g.fields {
			src.fields[f] = src.fields[f] || used
		}
	}
	if s.sourceLen.Add(1) <= maxSources {
		s.sources.Store(l, src)
	}
	return src
}

// scratch is the working memory of one Match call. Stamps make clearing unnecessary: an entry counts only when it bears the current stamp.
type scratch struct {
	set     *Set
	ev      *normalise.Event
	stamp   uint32
	sources []*source
	slot    []slot   // by field
	memo    []uint32 // by predicate: stamp<<1 | result
	queued  []uint32 // by rule: stamp
	rules   []int32
	keyed   []int32 // groups with keyword triggers that concern the event
	hits    []int32
	arena   []byte
	folded  []span // by position in ev.Fields; of a list, which of members are its own
	members []span
}

type slot struct {
	stamp uint32
	at    int32
}

type span struct {
	stamp    uint32
	from, to int32
}

const (
	maxStamp = 1<<31 - 1
	maxArena = 4 << 20 // a larger working memory is not kept
)

func newScratch(s *Set) *scratch {
	return &scratch{set: s, slot: make([]slot, len(s.fields)), memo: make([]uint32, len(s.preds)), queued: make([]uint32, len(s.rules))}
}

// Match appends the rules that ev meets to dst, in the order of the rules given to Compile.
func (s *Set) Match(ev *normalise.Event, dst []Match) []Match {
	c := s.scratch.Get().(*scratch)
	defer func() {
		c.ev = nil
		if cap(c.arena) <= maxArena {
			s.scratch.Put(c)
		}
	}()
	if c.stamp++; c.stamp >= maxStamp {
		clear(c.slot)
		clear(c.memo)
		clear(c.queued)
		clear(c.folded)
		c.stamp = 1
	}
	c.ev, c.arena, c.members, c.rules, c.sources = ev, c.arena[:0], c.members[:0], c.rules[:0], c.sources[:0]
	for _, l := range ev.Logsources {
		src := s.source(l)
		c.sources = append(c.sources, src)
		for _, r := range src.always {
			c.queue(r)
		}
	}
	if len(c.sources) == 0 {
		return dst
	}
	for len(c.folded) < len(ev.Fields) {
		c.folded = append(c.folded, span{})
	}
	c.scan()
	slices.Sort(c.rules)
	for _, r := range c.rules {
		rule := &s.rules[r]
		if c.eval(rule.root) {
			dst = append(dst, Match{Rule: rule.rule, Fields: c.explain(rule.root)})
		}
	}
	return dst
}

func (c *scratch) queue(r int32) {
	if c.queued[r] != c.stamp {
		c.queued[r] = c.stamp
		c.rules = append(c.rules, r)
	}
}

// scan looks for triggers in the fields that the event's logsources need.
func (c *scratch) scan() {
	s := c.set
	c.keyed = c.keyed[:0]
	for _, src := range c.sources {
		for _, g := range src.keyed {
			if !slices.Contains(c.keyed, g) {
				c.keyed = append(c.keyed, g)
			}
		}
	}
	for i := range c.ev.Fields {
		f, known := s.fields[c.ev.Fields[i].Name]
		if known && f != 0 && c.slot[f].stamp != c.stamp {
			c.slot[f] = slot{c.stamp, int32(i)}
			if a := s.automata[f]; a != nil && c.wants(f) {
				c.find(a, int32(i))
			}
		}
	}
	c.scanKeywords()
}

// scanKeywords looks for keywords in the text of every field, or in the raw record when it has none.
func (c *scratch) scanKeywords() {
	for _, g := range c.keyed {
		a := c.set.groups[g].keyed
		c.hits = c.hits[:0]
		if len(c.ev.Fields) == 0 {
			c.hits = a.scan(appendFold(nil, bytesString(c.ev.Raw)), c.hits)
		}
		for i := range c.ev.Fields {
			v := &c.ev.Fields[i].Value
			switch {
			case v.Kind == normalise.Null:
			case v.Kind == normalise.List:
				for j := range v.List {
					c.hits = a.scan(c.foldMember(int32(i), j), c.hits)
				}
			case a.onlySift && isASCII(v.Text):
				c.hits = a.sift.scan(v.Text, c.hits)
			default:
				c.hits = a.scan(c.fold(int32(i)), c.hits)
			}
		}
		c.post()
	}
}

func (c *scratch) wants(f int32) bool {
	for _, src := range c.sources {
		if src.fields[f] {
			return true
		}
	}
	return false
}

func (c *scratch) find(a *automaton, at int32) {
	v := &c.ev.Fields[at].Value
	c.hits = c.hits[:0]
	switch v.Kind {
	case normalise.Null:
		return
	case normalise.List:
		for i := range v.List {
			c.hits = a.scan(c.foldMember(at, i), c.hits)
		}
	default:
		c.hits = a.scan(c.fold(at), c.hits)
	}
	c.post()
}

// post queues the rules of the triggers found.
func (c *scratch) post() {
	s := c.set
	for _, id := range c.hits {
		for _, r := range s.postings[id] {
			if c.queued[r] == c.stamp {
				continue
			}
			g := s.rules[r].group
			for _, src := range c.sources {
				if src.groups[g] {
					c.queue(r)
					break
				}
			}
		}
	}
}

// fold returns the folded text of the field at a position in the event. The bytes stay valid for the whole call.
func (c *scratch) fold(at int32) []byte {
	f := &c.folded[at]
	if f.stamp != c.stamp {
		from := len(c.arena)
		c.arena = appendFold(c.arena, c.ev.Fields[at].Value.Text)
		*f = span{c.stamp, int32(from), int32(len(c.arena))}
	}
	return c.arena[f.from:f.to]
}

// foldMember returns the folded text of one member of a list.
func (c *scratch) foldMember(at int32, i int) []byte {
	f := &c.folded[at]
	if f.stamp != c.stamp {
		*f = span{c.stamp, int32(len(c.members)), 0}
		for _, m := range c.ev.Fields[at].Value.List {
			from := len(c.arena)
			c.arena = appendFold(c.arena, m.Text)
			c.members = append(c.members, span{c.stamp, int32(from), int32(len(c.arena))})
		}
	}
	m := c.members[int(f.from)+i]
	return c.arena[m.from:m.to]
}

func (c *scratch) eval(at int32) bool {
	n := &c.set.nodes[at]
	switch n.op {
	case Test:
		m := c.memo[n.pred]
		if m>>1 == c.stamp {
			return m&1 == 1
		}
		ok := c.test(n.pred)
		c.memo[n.pred] = c.stamp << 1
		if ok {
			c.memo[n.pred]++
		}
		return ok
	case And:
		for _, k := range n.kids {
			if !c.eval(k) {
				return false
			}
		}
		return true
	case Or:
		for _, k := range n.kids {
			if c.eval(k) {
				return true
			}
		}
		return false
	}
	return !c.eval(n.kids[0])
}

// value returns where the field stands in the event, -1 when it is absent.
func (c *scratch) value(field int32) int32 {
	if sl := c.slot[field]; sl.stamp == c.stamp {
		return sl.at
	}
	return -1
}

func (c *scratch) test(pred int32) bool {
	p, f := c.set.preds[pred], c.set.field[pred]
	if f == 0 && p.Field == "" {
		return c.keyword(p)
	}
	at := c.value(f)
	switch p.kind {
	case testNull:
		return at < 0 || isNull(&c.ev.Fields[at].Value)
	case testExists:
		return at >= 0
	}
	if at < 0 {
		return false
	}
	if p.kind == testRef {
		o := c.value(c.set.other[pred])
		return o >= 0 && refHolds(p, &c.ev.Fields[at].Value, &c.ev.Fields[o].Value)
	}
	return c.holds(p, at)
}

func refHolds(p *Predicate, left, right *normalise.Value) bool {
	for _, l := range texts(left) {
		for _, r := range texts(right) {
			if p.compareRef(l, r) {
				return true
			}
		}
	}
	return false
}

func texts(v *normalise.Value) []string {
	switch v.Kind {
	case normalise.Null:
		return nil
	case normalise.List:
		out := make([]string, 0, len(v.List))
		for i := range v.List {
			if v.List[i].Kind != normalise.Null {
				out = append(out, v.List[i].Text)
			}
		}
		return out
	}
	return []string{v.Text}
}

// holds applies a test of text to the field at a position.
func (c *scratch) holds(p *Predicate, at int32) bool {
	v := &c.ev.Fields[at].Value
	switch v.Kind {
	case normalise.Null:
		return false
	case normalise.List:
		for i := range v.List {
			if m := &v.List[i]; m.Kind != normalise.Null && p.testText(m.Text, c.foldMember(at, i)) {
				return true
			}
		}
		return false
	}
	switch {
	case p.kind == testString && !p.cased:
		return p.testString(c.fold(at))
	case p.kind == testRegex:
		return p.matchRegex(v.Text, c.fold(at))
	}
	return p.testText(v.Text, nil)
}

func (c *scratch) keyword(p *Predicate) bool { return c.keywordAt(p) != noField }

const (
	noField  = -1
	rawField = -2
)

// keywordAt returns the position of the first field that holds the keyword, rawField for the raw record, noField for none.
func (c *scratch) keywordAt(p *Predicate) int {
	if len(c.ev.Fields) == 0 {
		if text := string(c.ev.Raw); text != "" && p.testText(text, appendFold(nil, text)) {
			return rawField
		}
		return noField
	}
	for i := range c.ev.Fields {
		if c.holds(p, int32(i)) {
			return i
		}
	}
	return noField
}

// explain lists the tests that made the expression at a node hold, without those under a negation.
func (c *scratch) explain(root int32) []incident.FieldMatch {
	var out []incident.FieldMatch
	var walk func(at int32)
	walk = func(at int32) {
		n := &c.set.nodes[at]
		switch n.op {
		case Not:
		case Test:
			if c.eval(at) {
				if m := c.explainTest(n.pred); !slices.Contains(out, m) {
					out = append(out, m)
				}
			}
		default:
			for _, k := range n.written {
				if n.op == And || c.eval(k) {
					walk(k)
				}
			}
		}
	}
	walk(root)
	return out
}

// explainTest says why a test that holds does so.
func (c *scratch) explainTest(pred int32) incident.FieldMatch {
	p := c.set.preds[pred]
	m := incident.FieldMatch{Field: p.Field, Match: p.String()}
	if p.Field == "" {
		switch at := c.keywordAt(p); at {
		case noField:
		case rawField:
			m.Field, m.Value = "(record)", cut(string(c.ev.Raw))
		default:
			m.Field, m.Value = c.ev.Fields[at].Name, cut(valueText(&c.ev.Fields[at].Value))
		}
		return m
	}
	if at := c.value(c.set.field[pred]); at >= 0 {
		m.Value = cut(valueText(&c.ev.Fields[at].Value))
	}
	return m
}

func valueText(v *normalise.Value) string {
	if v.Kind != normalise.List {
		return v.Text
	}
	out := ""
	for i, t := range texts(v) {
		if i > 0 {
			out += "; "
		}
		if out += t; len(out) > 4*maxMatchText {
			break
		}
	}
	return out
}

// cut shortens a text to maxMatchText characters.
func cut(s string) string {
	if len(s) <= maxMatchText {
		return s
	}
	n := 0
	for i := range s {
		if n == maxMatchText {
			return s[:i]
		}
		n++
	}
	if !utf8.ValidString(s) && len(s) > maxMatchText {
		return s[:maxMatchText]
	}
	return s
}
