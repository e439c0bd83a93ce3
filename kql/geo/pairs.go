package geo

import (
	"math"
	"sort"

	"github.com/golang/geo/s2"
)

// near is how far apart, in radians, two points are that stand for one: about half a micrometer on the ground. Corners that neighbouring cells share come
// out of their arithmetic a little apart.
const near = 1e-13

// maxPairs is how many pairs of bounds are compared before a shape is given up as too intricate.
const maxPairs = 1 << 27

// pairs calls f for all edges of a and b whose bounds touch, until f gives false. Bounds are swept along one axis, so far more edges than the plain product
// would allow can be looked through. It gives false when that is too much work.
func pairs(a, b []s2.Edge, f func(i, j int) bool) bool {
	boxes := [2][]box{bounds(a), bounds(b)}
	for _, list := range boxes {
		sort.Slice(list, func(i, j int) bool { return list[i].lo[0] < list[j].lo[0] })
	}
	var open [2][]box // those that the sweep is in, of either side
	work := 0
	for at := [2]int{}; at[0] < len(boxes[0]) || at[1] < len(boxes[1]); {
		side := 0
		if at[0] == len(boxes[0]) || at[1] < len(boxes[1]) && boxes[1][at[1]].lo[0] < boxes[0][at[0]].lo[0] {
			side = 1
		}
		x := boxes[side][at[side]]
		at[side]++
		still := open[1-side][:0]
		for _, y := range open[1-side] {
			if y.hi[0] < x.lo[0] {
				continue
			}
			still = append(still, y)
			if x.touches(&y) && (side == 0 && !f(x.i, y.i) || side == 1 && !f(y.i, x.i)) {
				return true
			}
		}
		if work += len(still) + 1; work > maxPairs {
			return false
		}
		open[1-side] = still
		open[side] = append(open[side], x)
	}
	return true
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
