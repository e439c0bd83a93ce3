package fn

import (
	"maps"

	"github.com/bartizan-sec/bartizan/kql/geo"
)

// Defaults of optional arguments.
const (
	geoTolerance = 10.0 // meters
	geoS2Level   = 11
	geoH3Level   = 6
	geoHashSize  = 5
)

func geoFunctions() map[string]impl {
	m := geoPointFunctions()
	for _, group := range []map[string]impl{geoLineFunctions(), geoPolygonFunctions(), geoPairFunctions(), geoCellFunctions()} {
		maps.Copy(m, group)
	}
	return m
}

func geoPointFunctions() map[string]impl {
	return map[string]impl{
		"geo_distance_2points": func(c *call) any {
			a, ok1 := c.position(0)
			b, ok2 := c.position(2)
			switch {
			case !ok1 || !ok2:
				return nil
			case c.boolean(4):
				return realOrNull(geo.SpheroidDistance(a, b))
			}
			return geo.Distance(a, b)
		},
		"geo_azimuth": func(c *call) any {
			a, ok1 := c.position(0)
			b, ok2 := c.position(2)
			if !ok1 || !ok2 {
				return nil
			}
			return realOrNull(geo.Azimuth(a, b))
		},
		"geo_angle": func(c *call) any {
			a, ok1 := c.position(0)
			b, ok2 := c.position(2)
			p, ok3 := c.position(4)
			if !ok1 || !ok2 || !ok3 {
				return nil
			}
			return realOrNull(geo.Turn(a, b, p))
		},
		"geo_point_in_circle": func(c *call) any {
			a, ok1 := c.position(0)
			b, ok2 := c.position(2)
			r, ok3 := c.real(4)
			if !ok1 || !ok2 || !ok3 || !(r >= 0) {
				return nil
			}
			return geo.Distance(a, b) <= r
		},
		"geo_point_in_polygon": func(c *call) any {
			p, ok1 := c.position(0)
			r, ok2 := c.region(2)
			if !ok1 || !ok2 {
				return nil
			}
			return r.Contains(p)
		},
		"geo_distance_point_to_line": func(c *call) any {
			p, ok1 := c.position(0)
			l, ok2 := c.lines(2)
			if !ok1 || !ok2 {
				return nil
			}
			_, d := l.Closest(p)
			return d
		},
		"geo_distance_point_to_polygon": func(c *call) any {
			p, ok1 := c.position(0)
			r, ok2 := c.region(2)
			if !ok1 || !ok2 {
				return nil
			}
			_, d := r.Closest(p)
			return d
		},
		"geo_closest_point_on_line": func(c *call) any {
			p, ok1 := c.position(0)
			l, ok2 := c.lines(2)
			if !ok1 || !ok2 {
				return nil
			}
			at, _ := l.Closest(p)
			return tree{pointJSON(at)}
		},
		"geo_closest_point_on_polygon": func(c *call) any {
			p, ok1 := c.position(0)
			r, ok2 := c.region(2)
			if !ok1 || !ok2 {
				return nil
			}
			at, _ := r.Closest(p)
			return tree{pointJSON(at)}
		},
		"geo_point_buffer": func(c *call) any {
			p, ok1 := c.position(0)
			r, ok2 := c.real(2)
			t, ok3 := c.realOr(3, geoTolerance)
			if !ok1 || !ok2 || !ok3 {
				return nil
			}
			return regionOrNull(geo.BufferPoint(p, r, t))
		},
		"geo_from_wkt": func(c *call) any {
			g, ok := geo.ParseWKT(c.str(0))
			if !ok {
				return nil
			}
			return tree{wktJSON(g)}
		},
	}
}

func geoLineFunctions() map[string]impl {
	return map[string]impl{
		"geo_line_length": func(c *call) any {
			l, ok := c.lines(0)
			if !ok {
				return nil
			}
			return l.Length()
		},
		"geo_line_centroid": func(c *call) any {
			l, ok := c.lines(0)
			if !ok {
				return nil
			}
			return tree{pointJSON(l.Centroid())}
		},
		"geo_line_interpolate_point": func(c *call) any {
			l, ok1 := c.lines(0)
			f, ok2 := c.real(1)
			if !ok1 || !ok2 {
				return nil
			}
			return pointOrNull(l.Interpolate(f))
		},
		"geo_line_locate_point": func(c *call) any {
			l, ok1 := c.lines(0)
			p, ok2 := c.position(1)
			if !ok1 || !ok2 {
				return nil
			}
			return realOrNull(l.Locate(p))
		},
		"geo_line_buffer": func(c *call) any {
			l, ok1 := c.lines(0)
			r, ok2 := c.real(1)
			t, ok3 := c.realOr(2, geoTolerance)
			if !ok1 || !ok2 || !ok3 {
				return nil
			}
			return regionOrNull(l.Buffer(r, t))
		},
		"geo_line_simplify": func(c *call) any {
			l, ok1 := c.lines(0)
			t, ok2 := c.realOr(1, geoTolerance)
			if !ok1 || !ok2 {
				return nil
			}
			chains, ok := l.Simplify(t)
			if !ok {
				return nil
			}
			return tree{oneOrMany("LineString", chains)}
		},
		"geo_line_densify": func(c *call) any {
			l, ok := c.lines(0)
			if !ok {
				return nil
			}
			chains, _ := chainsOf(bagMember(c.dyn(0), "coordinates"), l.Multi)
			dense, ok := densify(c, chains)
			switch {
			case !ok:
				return nil
			case l.Multi:
				return tree{geometry("MultiLineString", "coordinates", coordinates(dense))}
			}
			return tree{geometry("LineString", "coordinates", coordinates(dense[0]))}
		},
		"geo_line_to_s2cells": func(c *call) any {
			l, ok1 := c.lines(0)
			level, ok2 := c.intOr(1, geoS2Level)
			radius, ok3 := c.realOr(2, 0)
			if !ok1 || !ok2 || !ok3 {
				return nil
			}
			return textsOrNull(l.S2Cover(level, radius))
		},
	}
}

func bagMember(v any, key string) any {
	if b, ok := v.(*bag); ok {
		m, _ := b.get(key)
		return m
	}
	return nil
}

// densify reads tolerance and preserve_crossing from the second and third argument.
func densify(c *call, chains [][]geo.LngLat) ([][]geo.LngLat, bool) {
	t, ok := c.realOr(1, geoTolerance)
	if !ok {
		return nil, false
	}
	out := make([][]geo.LngLat, len(chains))
	for i, chain := range chains {
		if out[i], ok = geo.Densify(chain, t, c.boolean(2)); !ok {
			return nil, false
		}
	}
	return out, true
}

func geoPolygonFunctions() map[string]impl {
	return map[string]impl{
		"geo_polygon_area": func(c *call) any {
			r, ok := c.region(0)
			if !ok {
				return nil
			}
			return r.Area()
		},
		"geo_polygon_perimeter": func(c *call) any {
			r, ok := c.region(0)
			if !ok {
				return nil
			}
			return r.Perimeter()
		},
		"geo_polygon_centroid": func(c *call) any {
			r, ok := c.region(0)
			if !ok {
				return nil
			}
			return tree{pointJSON(r.Centroid())}
		},
		"geo_polygon_buffer": func(c *call) any {
			p, ok1 := c.region(0)
			r, ok2 := c.real(1)
			t, ok3 := c.realOr(2, geoTolerance)
			if !ok1 || !ok2 || !ok3 {
				return nil
			}
			return regionOrNull(p.Buffer(r, t))
		},
		"geo_polygon_simplify": func(c *call) any {
			r, ok1 := c.region(0)
			t, ok2 := c.realOr(1, geoTolerance)
			if !ok1 || !ok2 {
				return nil
			}
			return regionOrNull(r.Simplify(t))
		},
		"geo_polygon_densify": polygonDensify,
		"geo_polygon_to_s2cells": func(c *call) any {
			r, ok1 := c.region(0)
			level, ok2 := c.intOr(1, geoS2Level)
			radius, ok3 := c.realOr(2, 0)
			if !ok1 || !ok2 || !ok3 {
				return nil
			}
			return textsOrNull(r.S2Cover(level, radius))
		},
		"geo_polygon_to_h3cells": func(c *call) any {
			r, ok1 := c.region(0)
			level, ok2 := c.intOr(1, geoH3Level)
			radius, ok3 := c.realOr(2, 0)
			ok := ok1 && ok2 && ok3 && radius >= 0
			if ok && radius > 0 {
				r, ok = r.Buffer(radius, geoTolerance)
			}
			if !ok {
				return nil
			}
			return textsOrNull(r.H3Cover(level))
		},
		"geo_union_polygons_array": func(c *call) any {
			parts, ok := c.regions()
			if !ok {
				return nil
			}
			return regionOrNull(geo.Union(parts))
		},
		"geo_simplify_polygons_array": func(c *call) any {
			parts, ok1 := c.regions()
			t, ok2 := c.realOr(1, geoTolerance)
			if !ok1 || !ok2 {
				return nil
			}
			simplified, ok := geo.SimplifyAll(parts, t)
			if !ok {
				return nil
			}
			var all [][][]geo.LngLat
			for _, r := range simplified {
				all = append(all, r.Polygons()...)
			}
			return tree{oneOrMany("Polygon", all)}
		},
	}
}

// regions are the polygons in the array that is the first argument.
func (c *call) regions() ([]*geo.Region, bool) {
	return each(c.dyn(0), func(e any) (*geo.Region, bool) {
		r, ok := shapeOf(e).(*geo.Region)
		return r, ok
	})
}

func polygonDensify(c *call) any {
	if _, ok := c.region(0); !ok {
		return nil
	}
	v := c.dyn(0)
	multi := bagMember(v, "type") == "MultiPolygon"
	polygons, _ := polygonsOf(bagMember(v, "coordinates"), multi)
	for i, rings := range polygons {
		dense, ok := densify(c, rings)
		if !ok {
			return nil
		}
		polygons[i] = dense
	}
	if multi {
		return tree{geometry("MultiPolygon", "coordinates", coordinates(polygons))}
	}
	return tree{geometry("Polygon", "coordinates", coordinates(polygons[0]))}
}

func geoPairFunctions() map[string]impl {
	return map[string]impl{
		"geo_intersects_2lines":              lines2(func(a, b *geo.Lines) (any, bool) { return told(geo.Meet(a, b)) }),
		"geo_intersection_2lines":            lines2(func(a, b *geo.Lines) (any, bool) { return overlapJSON(geo.CommonLines(a, b)) }),
		"geo_intersects_2polygons":           regions2(func(a, b *geo.Region) (any, bool) { return told(geo.Intersects(a, b)) }),
		"geo_intersection_2polygons":         regions2(func(a, b *geo.Region) (any, bool) { return common(geo.Intersection(a, b)) }),
		"geo_intersects_line_with_polygon":   lineAndRegion(func(l *geo.Lines, r *geo.Region) (any, bool) { return told(l.MeetsRegion(r)) }),
		"geo_intersection_line_with_polygon": lineAndRegion(func(l *geo.Lines, r *geo.Region) (any, bool) { return overlapJSON(l.Within(r)) }),
		"geo_union_lines_array": func(c *call) any {
			parts, ok := each(c.dyn(0), func(e any) (*geo.Lines, bool) {
				l, ok := shapeOf(e).(*geo.Lines)
				return l, ok
			})
			if !ok || len(parts) == 0 {
				return nil
			}
			return tree{oneOrMany("LineString", geo.UnionLines(parts))}
		},
	}
}

func told(yes, ok bool) (any, bool) { return yes, ok }

func common(r *geo.Region, ok bool) (any, bool) { return regionOrNull(r, ok), ok }

// orLimit is the result, or an error when the shapes were too intricate to make it.
func orLimit(v any, ok bool) any {
	if !ok {
		return fmtLimit("work on the shapes")
	}
	return v
}

func lines2(f func(a, b *geo.Lines) (any, bool)) impl {
	return func(c *call) any {
		a, ok1 := c.lines(0)
		b, ok2 := c.lines(1)
		if !ok1 || !ok2 {
			return nil
		}
		return orLimit(f(a, b))
	}
}

func regions2(f func(a, b *geo.Region) (any, bool)) impl {
	return func(c *call) any {
		a, ok1 := c.region(0)
		b, ok2 := c.region(1)
		if !ok1 || !ok2 {
			return nil
		}
		return orLimit(f(a, b))
	}
}

func lineAndRegion(f func(l *geo.Lines, r *geo.Region) (any, bool)) impl {
	return func(c *call) any {
		l, ok1 := c.lines(0)
		r, ok2 := c.region(1)
		if !ok1 || !ok2 {
			return nil
		}
		return orLimit(f(l, r))
	}
}
