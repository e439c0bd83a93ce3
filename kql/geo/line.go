package geo

import (
	"github.com/golang/geo/r3"
	"github.com/golang/geo/s2"
)

// MaxVertices is how many vertices a shape may have.
const MaxVertices = 1 << 17

// Lines is a line or several.
type Lines struct {
	chains [][]s2.Point
	// Multi tells a MultiLineString from a LineString.
	Multi bool
}

// NewLines makes lines of chains of at least two different vertices.
func NewLines(chains [][]LngLat, multi bool) (*Lines, bool) {
	l := &Lines{Multi: multi}
	n := 0
	for _, c := range chains {
		pts, ok := points(c)
		if n += len(c); !ok || n > MaxVertices {
			return nil, false
		}
		pts = withoutRepeats(pts)
		if len(pts) < 2 {
			return nil, false
		}
		for i := 1; i < len(pts); i++ {
			if antipodal(pts[i-1], pts[i]) {
				return nil, false
			}
		}
		l.chains = append(l.chains, pts)
	}
	return l, len(l.chains) > 0
}

func withoutRepeats(pts []s2.Point) []s2.Point {
	out := pts[:0:0]
	for i, p := range pts {
		if i == 0 || p != out[len(out)-1] {
			out = append(out, p)
		}
	}
	return out
}

// Chains are the positions of the vertices.
func (l *Lines) Chains() [][]LngLat {
	out := make([][]LngLat, len(l.chains))
	for i, c := range l.chains {
		out[i] = positions(c)
	}
	return out
}

func (l *Lines) edges(f func(a, b s2.Point)) {
	for _, c := range l.chains {
		for i := 1; i < len(c); i++ {
			f(c[i-1], c[i])
		}
	}
}

// Length is the length in meters.
func (l *Lines) Length() float64 {
	total := 0.0
	l.edges(func(a, b s2.Point) { total += meters(a.Distance(b)) })
	return total
}

// Closest is the position on the lines that is nearest to p, and how far it is.
func (l *Lines) Closest(p LngLat) (LngLat, float64) {
	n := nearestTo(p.Point())
	l.edges(n.edge)
	return At(n.point), n.meters()
}

// Centroid is the middle of the lines' mass.
func (l *Lines) Centroid() LngLat {
	var sum r3.Vector
	for _, c := range l.chains {
		line := s2.Polyline(c)
		sum = sum.Add(line.Centroid().Vector)
	}
	if sum.Norm2() == 0 {
		return At(l.chains[0][0])
	}
	return At(s2.Point{Vector: sum.Normalize()})
}

// Interpolate is the position at a fraction, 0 to 1, of the length of the line; there is none on several lines.
func (l *Lines) Interpolate(fraction float64) (LngLat, bool) {
	if l.Multi || !(fraction >= 0 && fraction <= 1) {
		return LngLat{}, false
	}
	line := s2.Polyline(l.chains[0])
	p, _ := line.Interpolate(fraction)
	return At(p), true
}

// Locate is the fraction of the line's length at the position nearest to p.
func (l *Lines) Locate(p LngLat) (float64, bool) {
	if l.Multi {
		return 0, false
	}
	line := s2.Polyline(l.chains[0])
	at, next := line.Project(p.Point())
	return line.Uninterpolate(at, next), true
}
