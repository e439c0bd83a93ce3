package fn

import (
	"math"
	"sync"

	"github.com/bartizan-sec/bartizan/kql/geo"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// shapeCache keeps the shapes of GeoJSON arguments: mostly the same polygon stands in every call of a query. It is emptied when full.
type shapeCache struct {
	mu   sync.RWMutex
	m    map[string]any
	size int
}

// shapeCacheSize is how many characters of GeoJSON the cache may stand for.
const shapeCacheSize = 4 << 20

// shape is the *geo.Lines or *geo.Region of a GeoJSON argument, nil when it is neither or not valid.
func (c *call) shape(i int) any {
	if i >= len(c.args) {
		return nil
	}
	text, ok := c.args[i].V.(string)
	if !ok || c.args[i].T != plan.Dynamic && c.args[i].T != plan.Unknown {
		return nil
	}
	cache := &c.lib.shapes
	cache.mu.RLock()
	v, ok := cache.m[text]
	cache.mu.RUnlock()
	if ok {
		return v
	}
	v = shapeOf(c.dyn(i))
	cache.mu.Lock()
	defer cache.mu.Unlock()
	if cache.m == nil || cache.size+len(text) > shapeCacheSize {
		cache.m, cache.size = map[string]any{}, 0
	}
	cache.m[text] = v
	cache.size += len(text)
	return v
}

func (c *call) lines(i int) (*geo.Lines, bool) {
	l, ok := c.shape(i).(*geo.Lines)
	return l, ok
}

func (c *call) region(i int) (*geo.Region, bool) {
	r, ok := c.shape(i).(*geo.Region)
	return r, ok
}

// position is the longitude and latitude in two arguments.
func (c *call) position(i int) (geo.LngLat, bool) {
	x, ok1 := c.real(i)
	y, ok2 := c.real(i + 1)
	p := geo.LngLat{x, y}
	return p, ok1 && ok2 && p.Valid()
}

// realOr is the argument, or def when it is missing; false when it is null.
func (c *call) realOr(i int, def float64) (float64, bool) {
	if i >= len(c.args) {
		return def, true
	}
	return c.real(i)
}

// intOr is the argument, or def when it is missing; false when it is null or far too large.
func (c *call) intOr(i int, def int) (int, bool) {
	if i >= len(c.args) {
		return def, true
	}
	n, ok := c.long(i)
	return int(n), ok && n == int64(int32(n))
}

func shapeOf(v any) any {
	b, ok := v.(*bag)
	if !ok {
		return nil
	}
	kind, _ := b.get("type")
	coordinates, _ := b.get("coordinates")
	switch kind {
	case "LineString", "MultiLineString":
		chains, ok := chainsOf(coordinates, kind == "MultiLineString")
		if !ok {
			return nil
		}
		if l, ok := geo.NewLines(chains, kind == "MultiLineString"); ok {
			return l
		}
	case "Polygon", "MultiPolygon":
		polygons, ok := polygonsOf(coordinates, kind == "MultiPolygon")
		if !ok {
			return nil
		}
		if r, ok := geo.NewRegion(polygons); ok {
			return r
		}
	}
	return nil
}

func chainsOf(v any, multi bool) ([][]geo.LngLat, bool) {
	if !multi {
		v = []any{v}
	}
	return each(v, func(e any) ([]geo.LngLat, bool) { return each(e, positionOf) })
}

func polygonsOf(v any, multi bool) ([][][]geo.LngLat, bool) {
	if multi {
		v = flattened(v, polygonDepth+1)
	} else {
		v = []any{v}
	}
	return each(v, func(e any) ([][]geo.LngLat, bool) { return chainsOf(e, true) })
}

// polygonDepth is how deep the numbers of a polygon's coordinates are nested.
const polygonDepth = 3

// flattened takes out levels of nesting that a list of several polygons has too many, as it comes of packing a polygon's coordinates once more.
func flattened(v any, depth int) any {
	for extra := nesting(v) - depth; extra > 0; extra-- {
		l, _ := v.([]any)
		var out []any
		for _, e := range l {
			if inner, ok := e.([]any); ok {
				out = append(out, inner...)
			}
		}
		v = out
	}
	return v
}

// nesting is how many arrays are around the first number.
func nesting(v any) int {
	n := 0
	for {
		l, ok := v.([]any)
		if !ok || len(l) == 0 {
			return n
		}
		v = l[0]
		n++
	}
}

func positionOf(v any) (geo.LngLat, bool) {
	l, ok := v.([]any)
	if !ok || len(l) < 2 {
		return geo.LngLat{}, false
	}
	x, ok1 := number(l[0])
	y, ok2 := number(l[1])
	return geo.LngLat{x, y}, ok1 && ok2
}

func each[T any](v any, f func(any) (T, bool)) ([]T, bool) {
	l, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]T, len(l))
	for i, e := range l {
		if out[i], ok = f(e); !ok {
			return nil, false
		}
	}
	return out, true
}

// geometry is a GeoJSON object.
func geometry(kind, key string, value any) *bag {
	b := newBag(2)
	b.set("type", kind)
	b.set(key, value)
	return b
}

func pointJSON(p geo.LngLat) *bag { return geometry("Point", "coordinates", coordinates(p)) }

// coordinates writes positions, however deep they are nested. Whole numbers are written without a fraction.
func coordinates(v any) any {
	switch x := v.(type) {
	case geo.LngLat:
		return []any{degree(x[0]), degree(x[1])}
	case []geo.LngLat:
		return mapped(x)
	case [][]geo.LngLat:
		return mapped(x)
	case [][][]geo.LngLat:
		return mapped(x)
	}
	return nil
}

func mapped[T any](list []T) []any {
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = coordinates(e)
	}
	return out
}

func degree(f float64) any {
	if f == math.Trunc(f) {
		return int64(f)
	}
	return f
}

// oneOrMany is the geometry of the only element, or the Multi geometry of all; none is an empty collection.
func oneOrMany[T any](kind string, list []T) *bag {
	switch len(list) {
	case 0:
		return geometry("GeometryCollection", "geometries", []any{})
	case 1:
		return geometry(kind, "coordinates", coordinates(list[0]))
	}
	return geometry("Multi"+kind, "coordinates", mapped(list))
}

func regionJSON(r *geo.Region) any { return tree{oneOrMany("Polygon", r.Polygons())} }

func regionOrNull(r *geo.Region, ok bool) any {
	if !ok {
		return nil
	}
	return regionJSON(r)
}

func overlapJSON(o geo.Overlap, ok bool) (any, bool) {
	switch {
	case len(o.Points) == 0:
		return tree{oneOrMany("LineString", o.Chains)}, ok
	case len(o.Chains) == 0:
		return tree{oneOrMany("Point", o.Points)}, ok
	}
	return tree{geometry("GeometryCollection", "geometries", []any{oneOrMany("Point", o.Points), oneOrMany("LineString", o.Chains)})}, ok
}

func textsOrNull(list []string, ok bool) any {
	if !ok {
		return nil
	}
	return tree{strs(list)}
}

func ringOrNull(ring []geo.LngLat, ok bool) any {
	if !ok {
		return nil
	}
	return tree{geometry("Polygon", "coordinates", []any{coordinates(ring)})}
}

func pointOrNull(p geo.LngLat, ok bool) any {
	if !ok {
		return nil
	}
	return tree{pointJSON(p)}
}

func realOrNull(f float64, ok bool) any {
	if !ok {
		return nil
	}
	return f
}

func wktJSON(g geo.Geometry) *bag {
	if g.Type != "GeometryCollection" {
		return geometry(g.Type, "coordinates", coordinates(g.Coordinates))
	}
	members := make([]any, len(g.Members))
	for i, m := range g.Members {
		members[i] = wktJSON(m)
	}
	return geometry(g.Type, "geometries", members)
}
