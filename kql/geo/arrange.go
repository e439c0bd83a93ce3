package geo

import (
	"math"
	"sort"

	"github.com/golang/geo/s2"
)

// nodes are the vertices of an arrangement; points that are near each other are one.
type nodes struct {
	at   []s2.Point
	grid map[[3]int32][]int
}

func newNodes() *nodes { return &nodes{grid: map[[3]int32][]int{}} }

const gridStep = 1e-9

func cellOf(p s2.Point, shift float64) [3]int32 {
	f := func(x float64) int32 { return int32(math.Floor((x + shift) / gridStep)) }
	return [3]int32{f(p.X), f(p.Y), f(p.Z)}
}

// add gives the node at p.
func (n *nodes) add(p s2.Point) int {
	lo, hi := cellOf(p, -near), cellOf(p, near)
	for x := lo[0]; x <= hi[0]; x++ {
		for y := lo[1]; y <= hi[1]; y++ {
			for z := lo[2]; z <= hi[2]; z++ {
				for _, i := range n.grid[[3]int32{x, y, z}] {
					if n.at[i].Sub(p.Vector).Norm2() <= near*near {
						return i
					}
				}
			}
		}
	}
	n.at = append(n.at, p)
	key := cellOf(p, 0)
	n.grid[key] = append(n.grid[key], len(n.at)-1)
	return len(n.at) - 1
}

func (n *nodes) ends(edges []s2.Edge) [][2]int {
	out := make([][2]int, len(edges))
	for i, e := range edges {
		out[i] = [2]int{n.add(e.V0), n.add(e.V1)}
	}
	return out
}

// arrange cuts the edges of a and b where those of one meet those of the other; not when they are too many.
func (n *nodes) arrange(a, b []s2.Edge) (pa, pb []piece, ok bool) {
	na, nb := n.ends(a), n.ends(b)
	cutsA, cutsB := make([][]int, len(a)), make([][]int, len(b))
	ok = pairs(a, b, func(i, j int) bool {
		x, y := na[i], nb[j]
		if x[0] == x[1] || y[0] == y[1] {
			return true
		}
		met := false
		cut := func(edge [2]int, by [2]int, cuts *[]int) {
			for _, v := range by {
				if v == edge[0] || v == edge[1] {
					met = true
				} else if n.on(v, edge) {
					*cuts = append(*cuts, v)
					met = true
				}
			}
		}
		cut(x, y, &cutsA[i])
		cut(y, x, &cutsB[j])
		if met || s2.CrossingSign(n.at[x[0]], n.at[x[1]], n.at[y[0]], n.at[y[1]]) != s2.Cross {
			return true
		}
		v := n.add(s2.Intersection(n.at[x[0]], n.at[x[1]], n.at[y[0]], n.at[y[1]]))
		cutsA[i], cutsB[j] = append(cutsA[i], v), append(cutsB[j], v)
		return true
	})
	return n.pieces(na, cutsA), n.pieces(nb, cutsB), ok
}

// on says that the vertex lies on the edge.
func (n *nodes) on(v int, edge [2]int) bool {
	return s2.IsDistanceLess(n.at[v], n.at[edge[0]], n.at[edge[1]], nearChord)
}

const nearChord = near * near

func (n *nodes) pieces(ends [][2]int, cuts [][]int) []piece {
	var out []piece
	for i, e := range ends {
		start := n.at[e[0]]
		sort.Slice(cuts[i], func(x, y int) bool {
			return n.at[cuts[i][x]].Sub(start.Vector).Norm2() < n.at[cuts[i][y]].Sub(start.Vector).Norm2()
		})
		from := e[0]
		for _, v := range append(cuts[i], e[1]) {
			if v != from {
				out = append(out, piece{from: from, to: v, id: i})
				from = v
			}
		}
	}
	return out
}
