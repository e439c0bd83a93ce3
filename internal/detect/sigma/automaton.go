package sigma

import "sort"

// automaton finds which of many literals stand in a text: at its start, at its end, as a whole (by tries walked from either end) or anywhere
// (by a sifter when they are few and long, else by Aho–Corasick). Literals are given folded; so must the text be.
type automaton struct {
	sift     *sifter
	onlySift bool // there are no literals with a fixed place

	class   [256]uint8 // byte to column of dense; 0 is every byte that no literal has
	classes int
	// Inner literals, breadth first, so states near the root stay together. States below denseUpTo have a full row with failure links resolved;
	// deeper ones, which nearly always have one child, list their edges and fall back through fail. Transitions are given as twice the state, plus one
	// when literals end there.
	dense     []int32
	denseUpTo int32
	edgeFrom  []int32 // of state denseUpTo+i; edgeFrom[i+1] ends it
	edges     []edge
	fail      []int32
	outFrom   []int32 // literals that end at a state, those of its failure links included
	outs      []int32

	start, end trie
}

type edge struct {
	class uint8
	to    int32
}

// trie maps literals to ids, walked from one end of the text.
type trie struct {
	nodes []trieNode
}

type trieNode struct {
	edges []edge // sorted by byte; edge.class is the byte itself
	whole []int32
	part  []int32
}

// word is one literal with the id that is reported for it.
type word struct {
	shape shape
	text  string
	id    int32
}

func newAutomaton(words []word) *automaton {
	a := &automaton{}
	var inner []word
	for _, w := range words {
		switch w.shape {
		case contains:
			inner = append(inner, w)
		case prefix:
			a.start.add(w.text, false, w.id)
		case suffix:
			a.end.add(reversed(w.text), false, w.id)
		case exact:
			a.end.add(reversed(w.text), true, w.id)
		}
	}
	if a.sift = newSifter(inner); a.sift == nil && len(inner) > 0 {
		a.build(inner)
	}
	a.onlySift = a.sift != nil && len(inner) == len(words)
	return a
}

func reversed(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func (t *trie) add(text string, whole bool, id int32) {
	if len(t.nodes) == 0 {
		t.nodes = append(t.nodes, trieNode{})
	}
	at := int32(0)
	for i := 0; i < len(text); i++ {
		next, ok := t.nodes[at].step(text[i])
		if !ok {
			next = int32(len(t.nodes))
			t.nodes = append(t.nodes, trieNode{})
			es := append(t.nodes[at].edges, edge{text[i], next})
			sort.Slice(es, func(i, j int) bool { return es[i].class < es[j].class })
			t.nodes[at].edges = es
		}
		at = next
	}
	n := &t.nodes[at]
	if whole {
		n.whole = append(n.whole, id)
	} else {
		n.part = append(n.part, id)
	}
}

func (n *trieNode) step(c byte) (int32, bool) {
	lo, hi := 0, len(n.edges)
	for lo < hi {
		mid := (lo + hi) / 2
		if n.edges[mid].class < c {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(n.edges) && n.edges[lo].class == c {
		return n.edges[lo].to, true
	}
	return 0, false
}

// build makes the Aho–Corasick part.
func (a *automaton) build(words []word) {
	used := 0
	for _, w := range words {
		for i := 0; i < len(w.text); i++ {
			if a.class[w.text[i]] == 0 && used < 255 {
				used++
				a.class[w.text[i]] = uint8(used)
			}
		}
	}
	a.classes = used + 1
	var t trie
	for _, w := range words {
		t.add(w.text, false, w.id)
	}
	// Number the states breadth first.
	order := make([]int32, 1, len(t.nodes)) // new number to old
	number := make([]int32, len(t.nodes))
	depth := make([]uint16, 1, len(t.nodes))
	for i := 0; i < len(order); i++ {
		for _, e := range t.nodes[order[i]].edges {
			number[e.to] = int32(len(order))
			order = append(order, e.to)
			depth = append(depth, min(depth[i]+1, 60000))
		}
	}
	n := len(order)
	const denseDepth, denseCells = 2, 1 << 20
	for a.denseUpTo = 0; int(a.denseUpTo) < n && depth[a.denseUpTo] <= denseDepth && int(a.denseUpTo)*a.classes < denseCells; a.denseUpTo++ {
	}
	a.dense = make([]int32, int(a.denseUpTo)*a.classes)
	a.fail = make([]int32, n)
	a.outFrom = make([]int32, n+1)
	a.edgeFrom = make([]int32, n-int(a.denseUpTo)+1)
	outs := make([][]int32, n)
	for s := range n {
		node := &t.nodes[order[s]]
		for _, e := range node.edges {
			child := number[e.to]
			if s > 0 {
				a.fail[child] = a.next(a.fail[s], a.class[e.class]) >> 1
			}
			outs[child] = append(t.nodes[e.to].part, outs[a.fail[child]]...)
		}
		to := func(e edge) int32 {
			n := number[e.to] << 1
			if len(outs[number[e.to]]) > 0 {
				n++
			}
			return n
		}
		if s < int(a.denseUpTo) {
			row := a.dense[s*a.classes : (s+1)*a.classes]
			if s > 0 {
				f := a.fail[s]
				copy(row, a.dense[int(f)*a.classes:(int(f)+1)*a.classes])
			}
			for _, e := range node.edges {
				row[a.class[e.class]] = to(e)
			}
		} else {
			for _, e := range node.edges {
				a.edges = append(a.edges, edge{a.class[e.class], to(e)})
			}
			a.edgeFrom[s-int(a.denseUpTo)+1] = int32(len(a.edges))
		}
	}
	for s := range n {
		a.outs = append(a.outs, outs[s]...)
		a.outFrom[s+1] = int32(len(a.outs))
	}
}

// next is the transition from state s on a byte of the class.
func (a *automaton) next(s int32, class uint8) int32 {
	for s >= a.denseUpTo {
		i := s - a.denseUpTo
		for _, e := range a.edges[a.edgeFrom[i]:a.edgeFrom[i+1]] {
			if e.class == class {
				return e.to
			}
		}
		s = a.fail[s]
	}
	return a.dense[int(s)*a.classes+int(class)]
}

// scan appends the ids of the literals found in v to hits; an id may occur more than once.
func (a *automaton) scan(v []byte, hits []int32) []int32 {
	if len(a.start.nodes) > 0 {
		n := &a.start.nodes[0]
		for i := 0; ; i++ {
			hits = append(hits, n.part...)
			if i == len(v) {
				break
			}
			to, ok := n.step(v[i])
			if !ok {
				break
			}
			n = &a.start.nodes[to]
		}
	}
	if len(a.end.nodes) > 0 {
		n := &a.end.nodes[0]
		for i := len(v) - 1; ; i-- {
			hits = append(hits, n.part...)
			if i < 0 {
				hits = append(hits, n.whole...)
				break
			}
			to, ok := n.step(v[i])
			if !ok {
				break
			}
			n = &a.end.nodes[to]
		}
	}
	if a.sift != nil {
		hits = a.sift.scan(bytesString(v), hits)
	} else if len(a.dense) > 0 {
		s := int32(0)
		for _, c := range v {
			to := a.next(s, a.class[c])
			s = to >> 1
			if to&1 != 0 {
				hits = append(hits, a.outs[a.outFrom[s]:a.outFrom[s+1]]...)
			}
		}
	}
	return hits
}
