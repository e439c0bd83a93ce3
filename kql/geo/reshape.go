package geo

import (
	"math"
	"sort"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
)

// MaxSimplify is the largest tolerance of simplification in meters, 70 degrees of arc.
const MaxSimplify = 70 * math.Pi / 180 * EarthRadius

// Simplify replaces nearly straight runs of short edges by one edge. No two vertices that stay are closer than tolerance meters.
func (l *Lines) Simplify(tolerance float64) ([][]LngLat, bool) {
	if !(tolerance >= 0 && tolerance <= MaxSimplify) {
		return nil, false
	}
	t := newThinner(l.chains, tolerance)
	var out [][]LngLat
	for _, c := range l.chains {
		if pts := t.chain(t.snap(c)); len(pts) > 1 {
			out = append(out, positions(pts))
		}
	}
	return out, len(out) > 0
}

// Simplify replaces nearly straight runs of short edges by one edge. Nothing is left of a region smaller than the tolerance.
func (r *Region) Simplify(tolerance float64) (*Region, bool) {
	out, ok := SimplifyAll([]*Region{r}, tolerance)
	if !ok {
		return nil, false
	}
	return out[0], true
}

// SimplifyAll simplifies regions together: borders that they share stay shared. Regions of which nothing is left are dropped.
func SimplifyAll(regions []*Region, tolerance float64) ([]*Region, bool) {
	if !(tolerance >= 0 && tolerance <= MaxSimplify) {
		return nil, false
	}
	var all [][]s2.Point
	for _, r := range regions {
		all = append(all, r.rings...)
	}
	t := newThinner(all, tolerance)
	t.findJunctions(all)
	var out []*Region
	for _, r := range regions {
		var rings [][]s2.Point
		for _, ring := range r.rings {
			if pts := t.ring(t.snap(ring)); simple(pts) {
				rings = append(rings, pts)
			}
		}
		if len(rings) == 0 || crossing(rings) {
			continue
		}
		if s := fromRings(rings); s.Area() < r.Area()*2+1 {
			out = append(out, s)
		}
	}
	return out, len(out) > 0
}

// thinner drops vertices. Those that stay (sites) are chosen in the order of their S2 cells.
type thinner struct {
	limit     s1.ChordAngle
	tolerance s1.Angle
	site      map[s2.Point]s2.Point
	junction  map[s2.Point]bool
}

func newThinner(chains [][]s2.Point, tolerance float64) *thinner {
	t := &thinner{tolerance: angle(tolerance), limit: s1.ChordAngleFromAngle(angle(tolerance)), site: map[s2.Point]s2.Point{}, junction: map[s2.Point]bool{}}
	var all []s2.Point
	for _, c := range chains {
		for _, p := range c {
			if _, ok := t.site[p]; !ok {
				t.site[p] = p
				all = append(all, p)
			}
		}
	}
	sort.Slice(all, func(i, j int) bool {
		return cellID(all[i]) < cellID(all[j])
	})
	if tolerance <= 0 {
		return t
	}
	// sites sorted along one axis, so that only few have to be looked at
	var sites []s2.Point
	reach := 2 * math.Sin(math.Min(t.tolerance.Radians()/2, math.Pi/2))
	look := func(p s2.Point, f func(q s2.Point, d s1.ChordAngle)) {
		from := sort.Search(len(sites), func(i int) bool { return sites[i].X >= p.X-reach })
		for _, q := range sites[from:] {
			if q.X > p.X+reach {
				return
			}
			f(q, s2.ChordAngleBetweenPoints(p, q))
		}
	}
	for _, p := range all {
		free := true
		look(p, func(_ s2.Point, d s1.ChordAngle) { free = free && d >= t.limit })
		if free {
			at := sort.Search(len(sites), func(i int) bool { return sites[i].X >= p.X })
			sites = append(sites, p)
			copy(sites[at+1:], sites[at:])
			sites[at] = p
		}
	}
	for _, p := range all {
		best := s1.InfChordAngle()
		look(p, func(q s2.Point, d s1.ChordAngle) {
			if d < best {
				best, t.site[p] = d, q
			}
		})
	}
	return t
}

func (t *thinner) snap(chain []s2.Point) []s2.Point {
	out := make([]s2.Point, len(chain))
	for i, p := range chain {
		out[i] = t.site[p]
	}
	return withoutRepeats(out)
}

// findJunctions marks the vertices at which borders part; they stay.
func (t *thinner) findJunctions(rings [][]s2.Point) {
	around := map[s2.Point]map[s2.Point]bool{}
	for _, r := range rings {
		pts := t.snap(r)
		for i, p := range pts {
			q := pts[(i+1)%len(pts)]
			for _, e := range [2][2]s2.Point{{p, q}, {q, p}} {
				if around[e[0]] == nil {
					around[e[0]] = map[s2.Point]bool{}
				}
				around[e[0]][e[1]] = true
			}
		}
	}
	for p, n := range around {
		t.junction[p] = len(n) > 2
	}
}

// chain leaves out as many vertices as can be while none is further than the tolerance from the line; both ends stay.
func (t *thinner) chain(pts []s2.Point) []s2.Point {
	if len(pts) < 3 || t.tolerance <= 0 {
		return pts
	}
	line := s2.Polyline(pts)
	var out []s2.Point
	for _, i := range line.SubsampleVertices(t.tolerance) {
		out = append(out, pts[i])
	}
	return out
}

// ring simplifies between junctions; a ring without any, from the vertex that comes first in the order of S2 cells.
func (t *thinner) ring(pts []s2.Point) []s2.Point {
	for len(pts) > 1 && pts[0] == pts[len(pts)-1] {
		pts = pts[:len(pts)-1]
	}
	if len(pts) < 3 {
		return nil
	}
	var fixed []int
	first := 0
	for i, p := range pts {
		if t.junction[p] {
			fixed = append(fixed, i)
		}
		if cellID(p) < cellID(pts[first]) {
			first = i
		}
	}
	if len(fixed) == 0 {
		fixed = []int{first}
	}
	place := make(map[s2.Point]int, len(pts))
	for i, p := range pts {
		place[p] = i
	}
	var loop []piece
	var out []s2.Point
	for k, from := range fixed {
		to := fixed[(k+1)%len(fixed)]
		if to <= from {
			to += len(pts)
		}
		part := make([]s2.Point, 0, to-from+1)
		for i := from; i <= to; i++ {
			part = append(part, pts[i%len(pts)])
		}
		part = t.chain(part)
		for i, p := range part[:len(part)-1] {
			id := place[p]
			if next := place[part[i+1]]; next != 0 && next < id { // the edge runs over the beginning of the ring
				id = 0
			}
			loop = append(loop, piece{from: len(out), id: id})
			out = append(out, p)
		}
	}
	turned := make([]s2.Point, 0, len(out))
	for _, q := range canonical(loop) {
		turned = append(turned, out[q.from])
	}
	return turned
}

func cellID(p s2.Point) s2.CellID { return s2.CellIDFromLatLng(s2.LatLngFromPoint(p)) }

const (
	// tessellationFraction and tessellationScale are those of the S2 library's edge tessellator.
	tessellationFraction = 0.31215691082248312
	tessellationScale    = 0.83829992569888509
	// MinDensify and MaxDensify bound the tolerance of Densify in meters.
	MinDensify, MaxDensify = 0.1, 10000
)

// Densify adds vertices to a planar chain so that its geodesic edges are no further than tolerance meters from it. An edge over the antimeridian is taken
// the short way when crossing is set, as it is drawn in the plane otherwise.
func Densify(chain []LngLat, tolerance float64, crossing bool) ([]LngLat, bool) {
	if !(tolerance >= MinDensify && tolerance <= MaxDensify) || len(chain) == 0 {
		return nil, false
	}
	limit := s1.ChordAngleFromAngle(angle(tolerance) * tessellationScale)
	out := []LngLat{chain[0]}
	for i := 1; i < len(chain); i++ {
		a, b := chain[i-1], chain[i]
		if d := b[0] - a[0]; crossing && math.Abs(d) > 180 {
			b[0] -= math.Copysign(360, d)
		}
		if out = densify(a, b, limit, out, 0); len(out) > MaxVertices {
			return nil, false
		}
		out[len(out)-1] = chain[i]
	}
	return out, true
}

const maxDensifyDepth = 20

func densify(a, b LngLat, limit s1.ChordAngle, out []LngLat, depth int) []LngLat {
	if depth >= maxDensifyDepth || len(out) > MaxVertices || planarError(a, b) <= limit {
		return append(out, wrapped(b))
	}
	mid := between(0.5, a, b)
	out = densify(a, mid, limit, out, depth+1)
	return densify(mid, b, limit, out, depth+1)
}

func between(t float64, a, b LngLat) LngLat {
	return LngLat{a[0] + t*(b[0]-a[0]), a[1] + t*(b[1]-a[1])}
}

func wrapped(p LngLat) LngLat {
	for p[0] > 180 {
		p[0] -= 360
	}
	for p[0] < -180 {
		p[0] += 360
	}
	return p
}

// planarError estimates how far the geodesic edge is from the planar one.
func planarError(a, b LngLat) s1.ChordAngle {
	pa, pb := a.Point(), b.Point()
	if pa.Dot(pb.Vector) < -1e-14 {
		return s1.InfChordAngle()
	}
	worst := s1.ChordAngle(0)
	for _, t := range [2]float64{tessellationFraction, 1 - tessellationFraction} {
		worst = max(worst, s2.ChordAngleBetweenPoints(s2.Interpolate(t, pa, pb), between(t, a, b).Point()))
	}
	return worst
}
