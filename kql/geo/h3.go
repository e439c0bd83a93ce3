package geo

import (
	"strconv"

	"github.com/golang/geo/s2"
	"github.com/uber/h3-go/v4"
)

const (
	// MaxH3 is the finest resolution of H3.
	MaxH3 = 15
	// maxRings is how far rings around a cell go.
	maxRings = 142
	// maxChildLevels is how many resolutions finer children may be.
	maxChildLevels = 5
)

// H3Cell is the cell of a resolution that holds p.
func H3Cell(p LngLat, resolution int) string {
	if !p.Valid() || resolution < 0 || resolution > MaxH3 {
		return ""
	}
	return h3.LatLngToCell(h3.NewLatLng(p[1], p[0]), resolution).String()
}

func h3Cell(text string) (h3.Cell, bool) {
	n, err := strconv.ParseUint(text, 16, 63)
	c := h3.Cell(n)
	return c, err == nil && c.IsValid()
}

// H3Level is the resolution of a cell.
func H3Level(cell string) (int, bool) {
	c, ok := h3Cell(cell)
	if !ok {
		return 0, false
	}
	return c.Resolution(), true
}

// H3Center is the middle of a cell.
func H3Center(cell string) (LngLat, bool) {
	c, ok := h3Cell(cell)
	if !ok {
		return LngLat{}, false
	}
	ll := c.LatLng()
	return LngLat{ll.Lng, ll.Lat}, true
}

// H3Ring is the closed border of a cell.
func H3Ring(cell string) ([]LngLat, bool) {
	c, ok := h3Cell(cell)
	if !ok {
		return nil, false
	}
	return h3Ring(c), true
}

func h3Ring(c h3.Cell) []LngLat {
	var out []LngLat
	for _, ll := range c.Boundary() {
		out = append(out, LngLat{ll.Lng, ll.Lat})
	}
	return append(out, out[0])
}

// H3Parent is the cell of a coarser resolution that holds a cell.
func H3Parent(cell string, resolution int) string {
	c, ok := h3Cell(cell)
	if !ok || resolution < 0 || resolution >= c.Resolution() {
		return ""
	}
	return c.Parent(resolution).String()
}

// H3Children are the cells of a finer resolution in a cell; there is none when it is more than five finer.
func H3Children(cell string, resolution int) ([]string, bool) {
	c, ok := h3Cell(cell)
	if !ok || resolution <= c.Resolution() || resolution > MaxH3 || resolution > c.Resolution()+maxChildLevels {
		return nil, false
	}
	return names(c.Children(resolution)), true
}

// H3Rings are the cells around a cell by their distance from it, 0 to distance.
func H3Rings(cell string, distance int) ([][]string, bool) {
	c, ok := h3Cell(cell)
	if !ok || distance < 0 || distance > maxRings {
		return nil, false
	}
	rings := c.GridDiskDistances(distance)
	out := make([][]string, len(rings))
	for i, r := range rings {
		out[i] = names(r)
	}
	return out, true
}

func names(cells []h3.Cell) []string {
	out := make([]string, 0, len(cells))
	for _, c := range cells {
		if c != 0 {
			out = append(out, c.String())
		}
	}
	return out
}

// H3Cover are the cells of a resolution that cover the region; there is none when they would be more than 65,536.
func (r *Region) H3Cover(resolution int) ([]string, bool) {
	if resolution < 0 || resolution > MaxH3 || r.Area() > 2*maxCover*h3.HexagonAreaAvgM2(resolution) ||
		r.Perimeter() > 4*maxCover*h3.HexagonEdgeLengthAvgM(resolution) {
		return nil, false
	}
	seen := map[h3.Cell]bool{}
	var out []string
	for _, ring := range r.rings {
		for _, p := range ring {
			at := At(p)
			todo := []h3.Cell{h3.LatLngToCell(h3.NewLatLng(at[1], at[0]), resolution)}
			for len(todo) > 0 {
				c := todo[len(todo)-1]
				todo = todo[:len(todo)-1]
				if seen[c] {
					continue
				}
				seen[c] = true
				if !r.meetsCell(c) {
					continue
				}
				if out = append(out, c.String()); len(out) > maxCover {
					return nil, false
				}
				for _, n := range c.GridDisk(1) {
					if n != 0 && !seen[n] {
						todo = append(todo, n)
					}
				}
			}
		}
	}
	return out, true
}

func (r *Region) meetsCell(c h3.Cell) bool {
	ll := c.LatLng()
	if r.Contains(LngLat{ll.Lng, ll.Lat}) {
		return true
	}
	ring, ok := points(h3Ring(c))
	if !ok {
		return false
	}
	return r.poly.Intersects(fromRings([][]s2.Point{ring[:len(ring)-1]}).poly)
}
