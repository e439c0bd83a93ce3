package geo

import (
	"math"
	"slices"

	"github.com/golang/geo/s2"
)

const (
	// maxBufferEdges bounds the work of a buffer.
	maxBufferEdges = 20_000
	// maxBufferRadius is a quarter of the way round the Earth.
	maxBufferRadius = math.Pi / 2 * EarthRadius
)

// pen draws what is within a radius of points and edges.
type pen struct {
	r    float64 // radians
	step float64 // angle between the vertices of a circle
	edge float64 // longest edge, in radians, whose sides stay within the tolerance
}

// newPen takes radius and tolerance in meters. The tolerance is how far a border may be from the true one; it is at least a millionth of the radius.
func newPen(radius, tolerance float64) (*pen, bool) {
	if !(radius > 0 && radius < maxBufferRadius && tolerance > 0) {
		return nil, false
	}
	tolerance = math.Min(math.Max(tolerance, radius*1e-6), radius*0.99)
	share := tolerance / radius
	n := math.Max(math.Ceil(math.Pi/math.Acos(1-share)), 4)
	return &pen{r: radius / EarthRadius, step: 2 * math.Pi / n, edge: math.Sqrt(8 * share)}, true
}

// arc appends the vertices around c from one direction to another; x and y are tangents at c with y to the left of x.
func (p *pen) arc(out []s2.Point, c, x, y s2.Point, from, to float64) []s2.Point {
	n := int(math.Ceil((to - from) / p.step))
	for i := 0; i <= n; i++ {
		t := from + (to-from)*float64(i)/float64(n)
		dir := x.Mul(math.Cos(t)).Add(y.Mul(math.Sin(t)))
		out = append(out, s2.Point{Vector: c.Mul(math.Cos(p.r)).Add(dir.Mul(math.Sin(p.r))).Normalize()})
	}
	return out
}

func (p *pen) dot(c s2.Point) *Region {
	x := s2.Ortho(c)
	ring := p.arc(nil, c, x, s2.Point{Vector: c.Cross(x.Vector)}, 0, 2*math.Pi)
	return fromRings([][]s2.Point{ring[:len(ring)-1]})
}

// stroke is what is near an edge, in several parts when the edge is long.
func (p *pen) stroke(a, b s2.Point) []*Region {
	n := max(int(math.Ceil(a.Distance(b).Radians()/p.edge)), 1)
	left := s2.Point{Vector: a.Cross(b.Vector).Normalize()}
	var out []*Region
	from := a
	for i := 1; i <= n; i++ {
		to := b
		if i < n {
			to = s2.Interpolate(float64(i)/float64(n), a, b)
		}
		ring := p.arc(nil, to, s2.Point{Vector: left.Cross(to.Vector)}, left, -math.Pi/2, math.Pi/2)
		ring = p.arc(ring, from, s2.Point{Vector: left.Cross(from.Vector)}, left, math.Pi/2, 3*math.Pi/2)
		out = append(out, fromRings([][]s2.Point{ring}))
		from = to
	}
	return out
}

// BufferPoint is the region within radius meters of a position.
func BufferPoint(at LngLat, radius, tolerance float64) (*Region, bool) {
	p, ok := newPen(radius, tolerance)
	if !ok || !at.Valid() {
		return nil, false
	}
	return p.dot(at.Point()), true
}

// Buffer is the region within radius meters of the lines.
func (l *Lines) Buffer(radius, tolerance float64) (*Region, bool) {
	return buffer(l.edgeList(), nil, radius, tolerance)
}

// Buffer is the region within radius meters of the region.
func (r *Region) Buffer(radius, tolerance float64) (*Region, bool) {
	return buffer(r.edgeList(), []*Region{r}, radius, tolerance)
}

func buffer(edges []s2.Edge, with []*Region, radius, tolerance float64) (*Region, bool) {
	p, ok := newPen(radius, tolerance)
	if !ok {
		return nil, false
	}
	parts := slices.Clone(with)
	for _, e := range edges {
		if len(parts)+int(e.V0.Distance(e.V1).Radians()/p.edge) > maxBufferEdges {
			return nil, false
		}
		parts = append(parts, p.stroke(e.V0, e.V1)...)
	}
	return Union(parts)
}
