package geo

import (
	"math"
	"sort"

	"github.com/golang/geo/s2"
)

// near is how far apart, in radians, two points are that stand for one: about half a micrometer on the ground. Corners that neighbouring cells share come
// out of their arithmetic a little apart.
const near = 1e-13

// pairs calls f for all edges of a and b whose bounds touch, until f gives false. Bounds are swept along one axis, so far more edges than the plain product
// would allow can be looked through.
func pairs(a, b []s2.Edge, f func(i, j int) bool) {
	ba, bb := bounds(a), bounds(b)
	sort.Slice(ba, func(i, j int) bool { return ba[i].lo[0] < ba[j].lo[0] })
	sort.Slice(bb, func(i, j int) bool { return bb[i].lo[0] < bb[j].lo[0] })
	first := 0
	widest := 0.0
	for _, y := range bb {
		widest = math.Max(widest, y.hi[0]-y.lo[0])
	}
	for _, x := range ba {
		for first < len(bb) && bb[first].lo[0] < x.lo[0]-widest {
			first++
		}
		for k := first; k < len(bb) && bb[k].lo[0] <= x.hi[0]; k++ {
			if x.touches(&bb[k]) && !f(x.i, bb[k].i) {
				return
			}
		}
	}
}

// box bounds an edge in space.
type box struct {
	lo, hi [3]float64
	i      int
}

func (x *box) touches(y *box) bool {
	for k := range 3 {
		if x.lo[k] > y.hi[k] || y.lo[k] > x.hi[k] {
			return false
		}
	}
	return true
}

func bounds(edges []s2.Edge) []box {
	out := make([]box, len(edges))
	for i, e := range edges {
		p, q := [3]float64{e.V0.X, e.V0.Y, e.V0.Z}, [3]float64{e.V1.X, e.V1.Y, e.V1.Z}
		// an arc leaves the box of its ends by no more than its height over the chord
		chord2 := e.V0.Sub(e.V1.Vector).Norm2()
		bulge := 1 - math.Sqrt(math.Max(0, 1-chord2/4)) + 4*near
		out[i].i = i
		for k := range 3 {
			out[i].lo[k], out[i].hi[k] = math.Min(p[k], q[k])-bulge, math.Max(p[k], q[k])+bulge
		}
	}
	return out
}
