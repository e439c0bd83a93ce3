// Package geo is geometry on the sphere for the geospatial functions of the Kusto Query Language: lines and polygons with geodesic edges, distances,
// overlay, buffers, simplification, and the cells of geohash, S2 and H3.
//
// The Earth is a sphere of radius 6,371,010 m, as the language has it. Coordinates are longitude and latitude in degrees. What a constructor accepts is
// valid; everything else is refused with ok == false, and the language turns that into null.
package geo

import (
	"math"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
)

// EarthRadius is the mean radius in meters.
const EarthRadius = 6371010.0

// LngLat is a position in degrees.
type LngLat [2]float64

// Valid reports whether the position is on the Earth.
func (p LngLat) Valid() bool {
	return math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90
}

// Point is the position as a unit vector.
func (p LngLat) Point() s2.Point {
	return s2.PointFromLatLng(s2.LatLngFromDegrees(p[1], p[0]))
}

// At is the position of a unit vector.
func At(p s2.Point) LngLat {
	ll := s2.LatLngFromPoint(p)
	return LngLat{ll.Lng.Degrees(), ll.Lat.Degrees()}
}

// Distance is the distance of two positions in meters.
func Distance(a, b LngLat) float64 {
	return meters(a.Point().Distance(b.Point()))
}

// Azimuth is the clockwise angle, in radians from 0 to 2π, of the way from a to b against true north. There is none between equal or opposite positions.
func Azimuth(a, b LngLat) (float64, bool) {
	lat1, lat2, d := radians(a[1]), radians(b[1]), radians(b[0]-a[0])
	y := math.Sin(d) * math.Cos(lat2)
	x := math.Cos(lat1)*math.Sin(lat2) - math.Sin(lat1)*math.Cos(lat2)*math.Cos(d)
	if math.Hypot(x, y) < 1e-15 {
		return 0, false
	}
	return positive(math.Atan2(y, x)), true
}

// Turn is the clockwise angle, in radians from 0 to 2π, at b from the line to a to the line to c.
func Turn(a, b, c LngLat) (float64, bool) {
	from, ok1 := Azimuth(b, a)
	to, ok2 := Azimuth(b, c)
	return positive(to - from), ok1 && ok2
}

func positive(a float64) float64 {
	if a < 0 {
		return a + 2*math.Pi
	}
	return a
}

func radians(deg float64) float64 { return deg * math.Pi / 180 }

func meters(a s1.Angle) float64 { return a.Radians() * EarthRadius }

func angle(meters float64) s1.Angle { return s1.Angle(meters / EarthRadius) }

func points(chain []LngLat) ([]s2.Point, bool) {
	out := make([]s2.Point, len(chain))
	for i, p := range chain {
		if !p.Valid() {
			return nil, false
		}
		out[i] = p.Point()
	}
	return out, true
}

func positions(chain []s2.Point) []LngLat {
	out := make([]LngLat, len(chain))
	for i, p := range chain {
		out[i] = At(p)
	}
	return out
}

func midpoint(a, b s2.Point) s2.Point { return s2.Point{Vector: a.Add(b.Vector).Normalize()} }

// antipodal says that no shortest way joins the points.
func antipodal(a, b s2.Point) bool { return a.Add(b.Vector).Norm2() < 1e-28 }

// nearest keeps the point of some edges that is nearest to p.
type nearest struct {
	p     s2.Point
	best  s1.ChordAngle
	point s2.Point
}

func nearestTo(p s2.Point) *nearest { return &nearest{p: p, best: s1.InfChordAngle()} }

func (n *nearest) edge(a, b s2.Point) {
	if d, ok := s2.UpdateMinDistance(n.p, a, b, n.best); ok {
		n.best, n.point = d, s2.Project(n.p, a, b)
	}
}

func (n *nearest) meters() float64 { return meters(n.p.Distance(n.point)) }
