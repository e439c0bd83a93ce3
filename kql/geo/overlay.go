package geo

import (
	"container/heap"
	"slices"
	"sort"

	"github.com/golang/geo/s2"
)

// Union is the region covered by any of the parts. The smallest are put together first, as the S2 library does, so the vertex that a ring begins with is the
// same as there.
func Union(parts []*Region) (*Region, bool) {
	if len(parts) == 0 {
		return nil, false
	}
	q := make(bySize, 0, len(parts))
	for i, p := range parts {
		q = append(q, sized{p, p.size(), i})
	}
	heap.Init(&q)
	for next := len(parts); q.Len() > 1; next++ {
		a, b := heap.Pop(&q).(sized), heap.Pop(&q).(sized)
		r, ok := overlay(a.Region, b.Region, false)
		if !ok {
			return nil, false
		}
		heap.Push(&q, sized{r, a.vertices + b.vertices, next})
	}
	return q[0].Region, true
}

// bySize is a heap of regions with few vertices first, older ones first among equals.
type bySize []sized

type sized struct {
	*Region
	vertices, age int
}

func (q bySize) Len() int      { return len(q) }
func (q bySize) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q bySize) Less(i, j int) bool {
	return q[i].vertices < q[j].vertices || q[i].vertices == q[j].vertices && q[i].age < q[j].age
}
func (q *bySize) Push(x any) { *q = append(*q, x.(sized)) }
func (q *bySize) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// Intersection is the region covered by both a and b; it may be empty. There is none, here and below, when the shapes are too intricate.
func Intersection(a, b *Region) (*Region, bool) { return overlay(a, b, true) }

// Intersects says whether the regions have a point of their interiors in common.
func Intersects(a, b *Region) (yes, ok bool) {
	r, ok := Intersection(a, b)
	return ok && !r.Empty(), ok
}

func (r *Region) size() int {
	n := 0
	for _, ring := range r.rings {
		n += len(ring)
	}
	return n
}

// piece is a part of an edge between two neighbouring vertices of the arrangement; id numbers them in the order of the input.
type piece struct {
	from, to int
	id       int
}

// overlay cuts the edges of both regions where they meet, keeps the pieces that bound the result and links them to rings.
func overlay(a, b *Region, both bool) (*Region, bool) {
	n := newNodes()
	ea, eb := a.edgeList(), b.edgeList()
	pa, pb, ok := n.arrange(ea, eb)
	if !ok {
		return nil, false
	}
	kept := n.classify(pa, pb, b.poly, both, true)
	other := n.classify(pb, pa, a.poly, both, false)
	for _, p := range other {
		p.id += len(ea)
		kept = append(kept, p)
	}
	return fromRings(n.rings(kept)), true
}

func (r *Region) edgeList() []s2.Edge {
	var out []s2.Edge
	r.edges(func(a, b s2.Point) { out = append(out, s2.Edge{V0: a, V1: b}) })
	return out
}

// classify keeps the pieces of one region that bound the union or the intersection with the other. A piece that both have in the same direction is kept once.
func (n *nodes) classify(own, theirs []piece, other *s2.Polygon, both, first bool) []piece {
	shared := make(map[[2]int]bool, len(theirs))
	for _, p := range theirs {
		shared[[2]int{p.from, p.to}] = true
	}
	var out []piece
	for _, p := range own {
		if shared[[2]int{p.from, p.to}] {
			if first {
				out = append(out, p)
			}
			continue
		}
		if shared[[2]int{p.to, p.from}] {
			continue
		}
		if other.ContainsPoint(midpoint(n.at[p.from], n.at[p.to])) == both {
			out = append(out, p)
		}
	}
	return out
}

// rings links pieces to rings. At a vertex with several ways on, the leftmost is taken, so that no ring has others of its own inside. A ring begins after
// its last piece in the order of the input.
func (n *nodes) rings(pieces []piece) [][]s2.Point {
	leaving := map[int][]int{}
	for i, p := range pieces {
		leaving[p.from] = append(leaving[p.from], i)
	}
	type ring struct {
		pieces []piece
		first  int
	}
	var found []ring
	used := make([]bool, len(pieces))
	for start := range pieces {
		if used[start] {
			continue
		}
		var path []piece
		seen := map[int]int{} // vertex to its place in path
		for i := start; i >= 0; {
			used[i] = true
			p := pieces[i]
			seen[p.from] = len(path)
			path = append(path, p)
			if at, again := seen[p.to]; again {
				loop := slices.Clone(path[at:])
				for _, q := range loop {
					delete(seen, q.from)
				}
				path = path[:at]
				if len(loop) > 2 {
					loop = canonical(loop)
					found = append(found, ring{loop, loop[0].id})
				}
			}
			if len(path) == 0 {
				break
			}
			i = n.leftmost(pieces, leaving[path[len(path)-1].to], used, path[len(path)-1])
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].first < found[j].first })
	out := make([][]s2.Point, len(found))
	for i, f := range found {
		for _, p := range f.pieces {
			out[i] = append(out[i], n.at[p.from])
		}
	}
	return out
}

// canonical turns a ring so that the piece with the highest number is its last.
func canonical(loop []piece) []piece {
	at, gap := 0, false
	for i, p := range loop {
		switch best := loop[at].id; {
		case p.id > best:
			at, gap = i, false
		case p.id < best:
			gap = true
		case !gap:
			at = i
		}
	}
	return append(slices.Clone(loop[at+1:]), loop[:at+1]...)
}

// leftmost is the unused piece that turns left most after came.
func (n *nodes) leftmost(pieces []piece, from []int, used []bool, came piece) int {
	best := -1
	for _, i := range from {
		if used[i] {
			continue
		}
		if best < 0 || s2.OrderedCCW(n.at[pieces[best].to], n.at[pieces[i].to], n.at[came.from], n.at[came.to]) {
			best = i
		}
	}
	return best
}
