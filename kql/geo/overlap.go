package geo

import (
	"slices"

	"github.com/golang/geo/s2"
)

// Overlap is what lines have in common with something else.
type Overlap struct {
	Points []LngLat
	Chains [][]LngLat
}

func (l *Lines) edgeList() []s2.Edge {
	var out []s2.Edge
	l.edges(func(a, b s2.Point) { out = append(out, s2.Edge{V0: a, V1: b}) })
	return out
}

// CommonLines is what two lines share: chains where they run along each other, points where they only meet.
func CommonLines(a, b *Lines) (Overlap, bool) {
	n := newNodes()
	pa, pb, ok := n.arrange(a.edgeList(), b.edgeList())
	if !ok {
		return Overlap{}, false
	}
	shared := make(map[[2]int]bool, len(pb))
	meets := make(map[int]bool, len(pb)+1)
	for _, p := range pb {
		shared[[2]int{p.from, p.to}], shared[[2]int{p.to, p.from}] = true, true
		meets[p.from], meets[p.to] = true, true
	}
	var kept []piece
	covered := map[int]bool{}
	for _, p := range pa {
		if shared[[2]int{p.from, p.to}] {
			kept = append(kept, p)
			covered[p.from], covered[p.to] = true, true
		}
	}
	out := Overlap{Chains: n.chains(kept)}
	for _, p := range pa {
		for _, v := range [2]int{p.from, p.to} {
			if meets[v] && !covered[v] {
				covered[v] = true
				out.Points = append(out.Points, At(n.at[v]))
			}
		}
	}
	return out, true
}

// Within is the part of the lines that is in the region.
func (l *Lines) Within(r *Region) (Overlap, bool) {
	n := newNodes()
	own, theirs, ok := n.arrange(l.edgeList(), r.edgeList())
	if !ok {
		return Overlap{}, false
	}
	border := make(map[[2]int]bool, len(theirs))
	for _, p := range theirs {
		border[[2]int{p.from, p.to}], border[[2]int{p.to, p.from}] = true, true
	}
	var kept []piece
	for _, p := range own {
		if border[[2]int{p.from, p.to}] || r.poly.ContainsPoint(midpoint(n.at[p.from], n.at[p.to])) {
			kept = append(kept, p)
		}
	}
	return Overlap{Chains: n.chains(kept)}, true
}

// Meet says whether the lines have a point in common.
func Meet(a, b *Lines) (yes, ok bool) {
	o, ok := CommonLines(a, b)
	return len(o.Points)+len(o.Chains) > 0, ok
}

// MeetsRegion says whether the lines touch the region.
func (l *Lines) MeetsRegion(r *Region) (yes, ok bool) {
	for _, c := range l.chains {
		for _, p := range c {
			if r.poly.ContainsPoint(p) {
				return true, true
			}
		}
	}
	border := &Lines{}
	for _, ring := range r.rings {
		border.chains = append(border.chains, append(slices.Clone(ring), ring[0]))
	}
	return Meet(l, border)
}

// UnionLines are the lines of all parts, each edge once, linked at vertices where only two edges meet.
func UnionLines(parts []*Lines) [][]LngLat {
	n := newNodes()
	seen := map[[2]int]bool{}
	var all []piece
	for _, l := range parts {
		for _, e := range l.edgeList() {
			p := piece{from: n.add(e.V0), to: n.add(e.V1), id: len(all)}
			if p.from == p.to || seen[[2]int{p.from, p.to}] || seen[[2]int{p.to, p.from}] {
				continue
			}
			seen[[2]int{p.from, p.to}] = true
			all = append(all, p)
		}
	}
	return n.chains(all)
}

// chains links pieces end to end where a vertex has one piece coming and one leaving.
func (n *nodes) chains(pieces []piece) [][]LngLat {
	coming, leaving, next := map[int]int{}, map[int]int{}, map[int]int{}
	for i, p := range pieces {
		coming[p.to]++
		leaving[p.from]++
		next[p.from] = i
	}
	through := func(v int) bool { return coming[v] == 1 && leaving[v] == 1 }
	used := make([]bool, len(pieces))
	var out [][]LngLat
	follow := func(i int) {
		chain := []LngLat{At(n.at[pieces[i].from])}
		for {
			used[i] = true
			chain = append(chain, At(n.at[pieces[i].to]))
			if !through(pieces[i].to) || used[next[pieces[i].to]] {
				break
			}
			i = next[pieces[i].to]
		}
		out = append(out, chain)
	}
	for i, p := range pieces {
		if !used[i] && !through(p.from) {
			follow(i)
		}
	}
	for i := range pieces { // what is left are closed rings
		if !used[i] {
			follow(i)
		}
	}
	return out
}
