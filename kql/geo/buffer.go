package geo

import (
	"math"
	"slices"

	"github.com/golang/geo/s2"
)

const (
	// maxBufferEdges bounds the work of a buffer.
	maxBufferEdges = 5_000
	// maxBufferRadius is a quarter of the way round the Earth.
	maxBufferRadius = math.Pi / 2 * EarthRadius
)

// pen draws what is within a radius of points and edges. The vertices it makes are those of the S2 library's buffer operation.
type pen struct {
	r    float64 // radians
	step float64 // largest angle between two vertices of an arc
	edge float64 // longest part of an edge, in radians, whose side is one edge
	// path are the vertices of the outline in order, with those that end up inside.
	path []s2.Point
	// parts cover what is to be added to the shape itself.
	parts []*Region
}

// newPen takes radius and tolerance in meters. The tolerance is how far a border may be from the true one; it is at least a millionth of the radius.
func newPen(radius, tolerance float64) (*pen, bool) {
	if !(radius > 0 && radius < maxBufferRadius && tolerance > 0) {
		return nil, false
	}
	share := math.Min(math.Max(tolerance/radius, 1e-6), 1-1e-9)
	r := radius / EarthRadius
	return &pen{r: r, step: span(r, share*r), edge: span(math.Pi/2-r, share*r)}, true
}

// span is the longest chord, as an angle at the centre, of a circle that comes no nearer to the centre than the radius less the error.
func span(radius, err float64) float64 {
	widest := 2*math.Pi/3 + 1e-15
	if radius <= err {
		return widest
	}
	return math.Min(widest, 2*math.Acos(math.Tan(radius-err)/math.Tan(radius)))
}

func vector(p s2.Point) s2.Point { return s2.Point{Vector: p.Normalize()} }

// off is the point at the pen's radius from c in the direction of a tangent.
func (p *pen) off(c, dir s2.Point) s2.Point {
	return s2.Point{Vector: c.Mul(math.Cos(p.r)).Add(dir.Mul(math.Sin(p.r))).Normalize()}
}

// arc are the points around c counterclockwise from the tangent start, every step, before end.
func (p *pen) arc(c, start s2.Point, end, step float64) []s2.Point {
	left := vector(s2.Point{Vector: c.Cross(start.Vector)})
	var out []s2.Point
	for i := 0; i == 0 || float64(i)*step < end; i++ {
		t := float64(i) * step
		out = append(out, p.off(c, s2.Point{Vector: start.Mul(math.Cos(t)).Add(left.Mul(math.Sin(t)))}))
	}
	return out
}

// right is the tangent that points to the right of the way from a to b.
func right(a, b s2.Point) s2.Point { return vector(s2.Point{Vector: b.PointCross(a).Vector}) }

// side draws what is to the right of an edge.
func (p *pen) side(a, b s2.Point) {
	axis := right(a, b)
	length := a.Distance(b).Radians()
	from, out := a, p.off(a, axis)
	for i := 1; ; i++ {
		to := b
		if at := float64(i) * p.edge; at < length {
			to = s2.Interpolate(at/length, a, b)
		}
		next := p.off(to, axis)
		p.path = append(p.path, out)
		p.parts = append(p.parts, fromRings([][]s2.Point{{out, next, to, from}}))
		if to == b {
			return
		}
		from, out = to, next
	}
}

// sector draws the part of the disc around c from the tangent start counterclockwise by an angle to the tangent end.
func (p *pen) sector(c, start, end s2.Point, by float64) {
	arc := p.arc(c, start, by, p.step)
	p.path = append(p.path, arc...)
	if last := p.off(c, end); last.Distance(arc[0]) > near {
		p.parts = append(p.parts, fromRings([][]s2.Point{append(append([]s2.Point{c}, arc...), last)}))
	}
}

// turn draws the corner at b between two edges.
func (p *pen) turn(a, b, c s2.Point) {
	if a != c && s2.RobustSign(a, b, c) == s2.Clockwise {
		p.path = append(p.path, p.off(b, right(a, b)), b)
		return
	}
	from, to := right(a, b), right(b, c)
	p.sector(b, from, to, from.Distance(to).Radians())
}

// result is the union of the parts; its rings begin where the outline does.
func (p *pen) result(with ...*Region) (*Region, bool) {
	r, ok := Union(append(slices.Clone(with), p.parts...))
	if !ok {
		return nil, false
	}
	n := newNodes()
	place := map[int]int{}
	for i, q := range p.path {
		if v := n.add(q); v == len(place) {
			place[v] = i
		}
	}
	rings := make([][]s2.Point, len(r.rings))
	for i, ring := range r.rings {
		ids := make([]int, len(ring))
		known := make([]bool, len(ring))
		for k, q := range ring {
			ids[k], known[k] = place[n.add(q)]
		}
		loop := make([]piece, len(ring))
		for k := range ring {
			loop[k] = piece{from: k, id: ids[k]}
			if next := (k + 1) % len(ring); !known[k] && known[next] {
				loop[k].id = (ids[next] + len(p.path) - 1) % len(p.path)
			}
		}
		for _, q := range canonical(loop) {
			rings[i] = append(rings[i], ring[q.from])
		}
	}
	return fromRings(rings), true
}

// BufferPoint is the region within radius meters of a position.
func BufferPoint(at LngLat, radius, tolerance float64) (*Region, bool) {
	p, ok := newPen(radius, tolerance)
	if !ok || !at.Valid() {
		return nil, false
	}
	c := at.Point()
	n := math.Ceil(2 * math.Pi / p.step)
	return fromRings([][]s2.Point{p.arc(c, s2.Ortho(c), 2*math.Pi-1e-12, 2*math.Pi/n)}), true
}

// Buffer is the region within radius meters of the lines.
func (l *Lines) Buffer(radius, tolerance float64) (*Region, bool) {
	p, ok := newPen(radius, tolerance)
	if !ok || !p.affords(l.edgeList()) {
		return nil, false
	}
	for _, c := range l.chains {
		there := c
		for range 2 { // there on one side, back on the other
			axis := right(there[0], there[1])
			p.sector(there[0], s2.Point{Vector: axis.Mul(-1)}, axis, math.Pi)
			for i := 1; i < len(there); i++ {
				p.side(there[i-1], there[i])
				if i+1 < len(there) {
					p.turn(there[i-1], there[i], there[i+1])
				}
			}
			there = slices.Clone(there)
			slices.Reverse(there)
		}
	}
	return p.result()
}

// Buffer is the region within radius meters of the region.
func (r *Region) Buffer(radius, tolerance float64) (*Region, bool) {
	p, ok := newPen(radius, tolerance)
	if !ok || !p.affords(r.edgeList()) {
		return nil, false
	}
	for _, ring := range r.rings {
		for i := range ring {
			a, b, c := ring[i], ring[(i+1)%len(ring)], ring[(i+2)%len(ring)]
			p.side(a, b)
			p.turn(a, b, c)
		}
	}
	return p.result(r)
}

func (p *pen) affords(edges []s2.Edge) bool {
	n := len(edges)
	for _, e := range edges {
		n += int(e.V0.Distance(e.V1).Radians() / p.edge)
	}
	return n <= maxBufferEdges && float64(n)*math.Pi/p.step < maxBufferEdges*50
}
