package geo

import (
	"github.com/golang/geo/s2"
)

// Region is a polygon or several, with holes.
type Region struct {
	// rings have the interior on their left: shells run counterclockwise, holes clockwise. The first vertex is not repeated.
	rings [][]s2.Point
	poly  *s2.Polygon
}

// NewRegion makes the region that is covered by polygons; the first ring of each is its shell, the others are holes in it. Rings are closed, may run either
// way, and enclose the smaller part of the Earth. Polygons may overlap.
func NewRegion(polygons [][][]LngLat) (*Region, bool) {
	parts := make([]*Region, 0, len(polygons))
	n := 0
	for _, p := range polygons {
		for _, ring := range p {
			n += len(ring)
		}
		if n > MaxVertices {
			return nil, false
		}
		r, ok := newPolygon(p)
		if !ok {
			return nil, false
		}
		parts = append(parts, r)
	}
	return Union(parts)
}

func newPolygon(rings [][]LngLat) (*Region, bool) {
	if len(rings) == 0 {
		return nil, false
	}
	var shell *s2.Loop
	var oriented [][]s2.Point
	for i, ring := range rings {
		l, ok := newLoop(ring)
		if !ok {
			return nil, false
		}
		l.Normalize()
		if i == 0 {
			shell = l
		} else {
			if !shell.Contains(l) {
				return nil, false
			}
			l.Invert()
		}
		oriented = append(oriented, l.Vertices())
	}
	if len(oriented) > 1 && crossing(oriented) {
		return nil, false
	}
	return fromRings(oriented), true
}

// newLoop makes a loop of a closed ring. It has at least three vertices, all different, and does not cross itself.
func newLoop(ring []LngLat) (*s2.Loop, bool) {
	pts, ok := points(ring)
	if !ok || len(ring) < 4 || ring[0] != ring[len(ring)-1] {
		return nil, false
	}
	pts = pts[:len(pts)-1]
	if !simple(pts) {
		return nil, false
	}
	return s2.LoopFromPoints(pts), true
}

// simple says that the ring has no vertex twice, no edge without a shortest way, and does not cross itself.
func simple(pts []s2.Point) bool {
	if len(pts) < 3 {
		return false
	}
	seen := make(map[s2.Point]bool, len(pts))
	for i, p := range pts {
		if seen[p] || antipodal(p, pts[(i+1)%len(pts)]) {
			return false
		}
		seen[p] = true
	}
	return !crossing([][]s2.Point{pts})
}

// crossing says whether any two edges of the rings cross, or are too many to tell.
func crossing(rings [][]s2.Point) bool {
	var edges []s2.Edge
	for _, r := range rings {
		for i, p := range r {
			edges = append(edges, s2.Edge{V0: p, V1: r[(i+1)%len(r)]})
		}
	}
	found := false
	told := pairs(edges, edges, func(i, j int) bool {
		a, b := edges[i], edges[j]
		found = i < j && s2.CrossingSign(a.V0, a.V1, b.V0, b.V1) == s2.Cross
		return !found
	})
	return found || !told
}

func fromRings(rings [][]s2.Point) *Region {
	loops := make([]*s2.Loop, len(rings))
	for i, r := range rings {
		loops[i] = s2.LoopFromPoints(append([]s2.Point(nil), r...))
	}
	return &Region{rings: rings, poly: s2.PolygonFromOrientedLoops(loops)}
}

// Empty says that nothing is in the region.
func (r *Region) Empty() bool { return len(r.rings) == 0 }

func (r *Region) edges(f func(a, b s2.Point)) {
	for _, ring := range r.rings {
		for i, p := range ring {
			f(p, ring[(i+1)%len(ring)])
		}
	}
}

// Contains says whether the position is in the region.
func (r *Region) Contains(p LngLat) bool { return r.poly.ContainsPoint(p.Point()) }

// Closest is the position of the region that is nearest to p, which is p itself inside, and how far it is.
func (r *Region) Closest(p LngLat) (LngLat, float64) {
	pt := p.Point()
	if r.poly.ContainsPoint(pt) {
		return p, 0
	}
	n := nearestTo(pt)
	r.edges(n.edge)
	return At(n.point), n.meters()
}

// Area is the area in square meters.
func (r *Region) Area() float64 { return r.poly.Area() * EarthRadius * EarthRadius }

// Perimeter is the length of all rings in meters.
func (r *Region) Perimeter() float64 {
	total := 0.0
	r.edges(func(a, b s2.Point) { total += meters(a.Distance(b)) })
	return total
}

// Centroid is the middle of the region's mass.
func (r *Region) Centroid() LngLat {
	c := r.poly.Centroid()
	if c.Norm2() == 0 {
		return At(r.rings[0][0])
	}
	return At(s2.Point{Vector: c.Normalize()})
}

// Polygons are the polygons of the region: each a closed counterclockwise shell, followed by its clockwise holes.
func (r *Region) Polygons() [][][]LngLat {
	var out [][][]LngLat
	var shells []*s2.Loop
	var holes [][]s2.Point
	add := func(ring []s2.Point, l *s2.Loop) {
		shells = append(shells, l)
		out = append(out, [][]LngLat{closed(ring)})
	}
	for _, ring := range r.rings {
		if l := s2.LoopFromPoints(ring); l.IsNormalized() {
			add(ring, l)
		} else {
			holes = append(holes, ring)
		}
	}
	for _, ring := range holes {
		best, area := -1, 0.0
		for i, l := range shells {
			if a := l.Area(); l.ContainsPoint(midpoint(ring[0], ring[1])) && (best < 0 || a < area) {
				best, area = i, a
			}
		}
		if best < 0 { // more than half of the Earth: the ring is a shell
			add(ring, s2.LoopFromPoints(ring))
			continue
		}
		out[best] = append(out[best], closed(ring))
	}
	return out
}

func closed(ring []s2.Point) []LngLat {
	out := positions(ring)
	return append(out, out[0])
}
