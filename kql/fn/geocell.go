package fn

import "github.com/bartizan-sec/bartizan/kql/geo"

func geoCellFunctions() map[string]impl {
	return map[string]impl{
		"geo_point_to_geohash": pointToCell(geoHashSize, geo.Geohash),
		"geo_point_to_s2cell":  pointToCell(geoS2Level, geo.S2Cell),
		"geo_point_to_h3cell":  pointToCell(geoH3Level, geo.H3Cell),
		"geo_geohash_to_central_point": func(c *call) any {
			lo, hi, ok := geo.GeohashBounds(c.str(0))
			return pointOrNull(geo.LngLat{(lo[0] + hi[0]) / 2, (lo[1] + hi[1]) / 2}, ok)
		},
		"geo_geohash_to_polygon": func(c *call) any {
			lo, hi, ok := geo.GeohashBounds(c.str(0))
			return ringOrNull([]geo.LngLat{lo, {hi[0], lo[1]}, hi, {lo[0], hi[1]}, lo}, ok)
		},
		"geo_geohash_neighbors":       func(c *call) any { return textsOrNull(geo.GeohashNeighbors(c.str(0))) },
		"geo_s2cell_to_central_point": func(c *call) any { return pointOrNull(geo.S2Center(c.str(0))) },
		"geo_s2cell_to_polygon":       func(c *call) any { return ringOrNull(geo.S2Ring(c.str(0))) },
		"geo_s2cell_neighbors":        func(c *call) any { return textsOrNull(geo.S2Neighbors(c.str(0))) },
		"geo_h3cell_to_central_point": func(c *call) any { return pointOrNull(geo.H3Center(c.str(0))) },
		"geo_h3cell_to_polygon":       func(c *call) any { return ringOrNull(geo.H3Ring(c.str(0))) },
		"geo_h3cell_level": func(c *call) any {
			n, ok := geo.H3Level(c.str(0))
			if !ok {
				return nil
			}
			return n
		},
		"geo_h3cell_parent": func(c *call) any {
			level, ok := c.besideLevel(-1)
			if !ok {
				return ""
			}
			return geo.H3Parent(c.str(0), level)
		},
		"geo_h3cell_children": func(c *call) any {
			level, ok := c.besideLevel(1)
			if !ok {
				return nil
			}
			return textsOrNull(geo.H3Children(c.str(0), level))
		},
		"geo_h3cell_neighbors": func(c *call) any {
			rings, ok := geo.H3Rings(c.str(0), 1)
			if !ok {
				return nil
			}
			return tree{strs(rings[1])}
		},
		"geo_h3cell_rings": func(c *call) any {
			n, ok := c.intOr(1, 0)
			if !ok {
				return nil
			}
			rings, ok := geo.H3Rings(c.str(0), n)
			if !ok {
				return nil
			}
			out := make([]any, len(rings))
			for i, r := range rings {
				out[i] = strs(r)
			}
			return tree{out}
		},
	}
}

// pointToCell names the cell of a position; it is "" where there is none.
func pointToCell(def int, cell func(p geo.LngLat, size int) string) impl {
	return func(c *call) any {
		p, ok1 := c.position(0)
		n, ok2 := c.intOr(2, def)
		if !ok1 || !ok2 {
			return ""
		}
		return cell(p, n)
	}
}

// besideLevel is the resolution in the second argument, or the cell's own and step.
func (c *call) besideLevel(step int) (int, bool) {
	if len(c.args) > 1 {
		return c.intOr(1, 0)
	}
	n, ok := geo.H3Level(c.str(0))
	return n + step, ok
}
