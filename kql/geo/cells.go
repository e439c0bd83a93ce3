package geo

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
)

// maxCover is how many cells a covering may have.
const maxCover = 1 << 16

const geohashDigits = "0123456789bcdefghjkmnpqrstuvwxyz"

// MaxGeohash is the longest geohash.
const MaxGeohash = 18

// Geohash is the cell of the given number of digits that holds p.
func Geohash(p LngLat, digits int) string {
	if !p.Valid() || digits < 1 || digits > MaxGeohash {
		return ""
	}
	lo, hi := LngLat{-180, -90}, LngLat{180, 90}
	out := make([]byte, digits)
	axis := 0
	for i := range out {
		v := 0
		for range 5 {
			mid := (lo[axis] + hi[axis]) / 2
			v <<= 1
			if p[axis] >= mid {
				v |= 1
				lo[axis] = mid
			} else {
				hi[axis] = mid
			}
			axis = 1 - axis
		}
		out[i] = geohashDigits[v]
	}
	return string(out)
}

// GeohashBounds are the south-western and north-eastern corners of a cell.
func GeohashBounds(hash string) (lo, hi LngLat, ok bool) {
	lo, hi = LngLat{-180, -90}, LngLat{180, 90}
	if hash == "" || len(hash) > MaxGeohash {
		return lo, hi, false
	}
	axis := 0
	for _, c := range strings.ToLower(hash) {
		v := strings.IndexRune(geohashDigits, c)
		if v < 0 {
			return lo, hi, false
		}
		for bit := 16; bit > 0; bit >>= 1 {
			mid := (lo[axis] + hi[axis]) / 2
			if v&bit != 0 {
				lo[axis] = mid
			} else {
				hi[axis] = mid
			}
			axis = 1 - axis
		}
	}
	return lo, hi, true
}

// GeohashNeighbors are the cells around a cell.
func GeohashNeighbors(hash string) ([]string, bool) {
	lo, hi, ok := GeohashBounds(hash)
	if !ok {
		return nil, false
	}
	w, h := hi[0]-lo[0], hi[1]-lo[1]
	var out []string
	for _, dy := range []float64{1, 0, -1} {
		for _, dx := range []float64{-1, 0, 1} {
			p := wrapped(LngLat{(lo[0]+hi[0])/2 + dx*w, (lo[1]+hi[1])/2 + dy*h})
			if n := Geohash(p, len(hash)); n != "" && n != strings.ToLower(hash) && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return grouped(out), true
}

// grouped puts up to eight cells into the order in which the language gives neighbours: they come out of a hash table of eight buckets (FNV-1a of the
// text), a bucket's newest first, buckets in order of their first cell.
func grouped(cells []string) []string {
	var order []uint64
	buckets := map[uint64][]string{}
	for _, c := range cells {
		h := uint64(14695981039346656037)
		for i := range len(c) {
			h = (h ^ uint64(c[i])) * 1099511628211
		}
		h &= 7
		if _, ok := buckets[h]; !ok {
			order = append(order, h)
		}
		buckets[h] = slices.Insert(buckets[h], 0, c)
	}
	out := make([]string, 0, len(cells))
	for _, b := range order {
		out = append(out, buckets[b]...)
	}
	return out
}

// S2Cell is the token of the cell of a level that holds p.
func S2Cell(p LngLat, level int) string {
	if !p.Valid() || level < 0 || level > s2.MaxLevel {
		return ""
	}
	return s2.CellIDFromLatLng(s2.LatLngFromDegrees(p[1], p[0])).Parent(level).ToToken()
}

func s2Cell(token string) (s2.CellID, bool) {
	n, err := strconv.ParseUint(token, 16, 64)
	if err != nil || len(token) > 16 {
		return 0, false
	}
	id := s2.CellID(n << (4 * (16 - len(token))))
	return id, id.IsValid()
}

// S2Center is the middle of a cell.
func S2Center(token string) (LngLat, bool) {
	id, ok := s2Cell(token)
	if !ok {
		return LngLat{}, false
	}
	return At(id.Point()), true
}

// S2Ring is the closed border of a cell.
func S2Ring(token string) ([]LngLat, bool) {
	id, ok := s2Cell(token)
	if !ok {
		return nil, false
	}
	cell := s2.CellFromCellID(id)
	ring := make([]s2.Point, 4)
	for i := range ring {
		ring[i] = cell.Vertex(i)
	}
	return closed(ring), true
}

// S2Neighbors are the cells around a cell.
func S2Neighbors(token string) ([]string, bool) {
	id, ok := s2Cell(token)
	if !ok {
		return nil, false
	}
	var out []string
	for _, n := range id.AllNeighbors(id.Level()) {
		if t := n.ToToken(); !slices.Contains(out, t) && n != id {
			out = append(out, t)
		}
	}
	return grouped(out), true
}

// S2Cover are the cells of a level that cover what is within radius meters of the region; there is none when they would be more than 65,536.
func (r *Region) S2Cover(level int, radius float64) ([]string, bool) {
	if !affordable(level, r.poly.Area(), r.Perimeter(), radius) {
		return nil, false
	}
	if radius > 0 {
		return tokens(cover(newNearby(radius, r.poly.RectBound(), r.poly), level))
	}
	return tokens(cover(r.poly, level))
}

// S2Cover are the cells of a level that cover what is within radius meters of the lines.
func (l *Lines) S2Cover(level int, radius float64) ([]string, bool) {
	if !affordable(level, 0, l.Length(), radius) {
		return nil, false
	}
	var shapes []s2.Shape
	var all s2.CellUnion
	bound := s2.EmptyRect()
	for _, c := range l.chains {
		line := s2.Polyline(c)
		shapes = append(shapes, &line)
		bound = bound.Union(line.RectBound())
		if radius == 0 {
			all = append(all, cover(&line, level)...)
		}
	}
	if radius > 0 {
		return tokens(cover(newNearby(radius, bound, shapes...), level))
	}
	slices.Sort(all)
	return tokens(slices.Compact(all))
}

func cover(r s2.Region, level int) []s2.CellID {
	c := &s2.RegionCoverer{MinLevel: level, MaxLevel: level, LevelMod: 1, MaxCells: maxCover}
	return c.Covering(r)
}

// affordable bounds the work of a covering before it is done; area in steradians, length and radius in meters.
func affordable(level int, area, length, radius float64) bool {
	if level < 0 || level > s2.MaxLevel || !(radius >= 0 && radius < maxBufferRadius) {
		return false
	}
	length, radius = length/EarthRadius, radius/EarthRadius
	area += length*radius + math.Pi*radius*radius
	return area/s2.MaxAreaMetric.Value(level) <= maxCover && length/s2.MaxDiagMetric.Value(level) <= maxCover
}

// nearby is the region within a radius of shapes, for coverings.
type nearby struct {
	s2.Cap
	query  *s2.EdgeQuery
	radius s1.ChordAngle
}

func newNearby(radius float64, bound s2.Rect, shapes ...s2.Shape) *nearby {
	index := s2.NewShapeIndex()
	for _, s := range shapes {
		index.Add(s)
	}
	query := s2.NewClosestEdgeQuery(index, s2.NewClosestEdgeQueryOptions().IncludeInteriors(true))
	return &nearby{Cap: bound.CapBound().Expanded(angle(radius)), query: query, radius: s1.ChordAngleFromAngle(angle(radius))}
}

// ContainsCell implements s2.Region.
func (*nearby) ContainsCell(s2.Cell) bool { return false }

// IntersectsCell implements s2.Region.
func (n *nearby) IntersectsCell(c s2.Cell) bool {
	return n.query.IsConservativeDistanceLessOrEqual(s2.NewMinDistanceToCellTarget(c), n.radius)
}

func tokens(ids []s2.CellID) ([]string, bool) {
	if len(ids) > maxCover {
		return nil, false
	}
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.ToToken()
	}
	return out, true
}
