package geo

import (
	"strconv"
	"strings"
)

// Geometry is a shape as GeoJSON has it: Coordinates nest as deep as Type says (LngLat, then slices of it), Members are those of a collection.
type Geometry struct {
	Type        string
	Coordinates any
	Members     []Geometry
}

const maxCollectionDepth = 32

// ParseWKT reads a geometry written as well-known text.
func ParseWKT(text string) (Geometry, bool) {
	r := &wktReader{s: text}
	g, ok := r.geometry(0)
	r.space()
	return g, ok && r.s == ""
}

type wktReader struct{ s string }

func (r *wktReader) space() { r.s = strings.TrimLeft(r.s, " \t\r\n") }

func (r *wktReader) eat(c byte) bool {
	r.space()
	if r.s == "" || r.s[0] != c {
		return false
	}
	r.s = r.s[1:]
	return true
}

func (r *wktReader) word() string {
	r.space()
	n := 0
	for n < len(r.s) && (r.s[n]|0x20 >= 'a' && r.s[n]|0x20 <= 'z') {
		n++
	}
	w := strings.ToUpper(r.s[:n])
	r.s = r.s[n:]
	return w
}

func (r *wktReader) geometry(depth int) (Geometry, bool) {
	if depth > maxCollectionDepth {
		return Geometry{}, false
	}
	switch r.word() {
	case "POINT":
		if !r.eat('(') {
			return Geometry{}, false
		}
		p, ok := r.position()
		return Geometry{Type: "Point", Coordinates: p}, ok && r.eat(')')
	case "LINESTRING":
		c, ok := r.chain()
		return Geometry{Type: "LineString", Coordinates: c}, ok
	case "POLYGON":
		c, ok := list(r, r.chain)
		return Geometry{Type: "Polygon", Coordinates: c}, ok
	case "MULTIPOINT":
		c, ok := list(r, r.bracketed)
		return Geometry{Type: "MultiPoint", Coordinates: c}, ok
	case "MULTILINESTRING":
		c, ok := list(r, r.chain)
		return Geometry{Type: "MultiLineString", Coordinates: c}, ok
	case "MULTIPOLYGON":
		c, ok := list(r, func() ([][]LngLat, bool) { return list(r, r.chain) })
		return Geometry{Type: "MultiPolygon", Coordinates: c}, ok
	case "GEOMETRYCOLLECTION":
		m, ok := list(r, func() (Geometry, bool) { return r.geometry(depth + 1) })
		return Geometry{Type: "GeometryCollection", Members: m}, ok
	}
	return Geometry{}, false
}

// list reads items in brackets.
func list[T any](r *wktReader, item func() (T, bool)) ([]T, bool) {
	out := []T{}
	if !r.eat('(') {
		return out, r.word() == "EMPTY"
	}
	for {
		v, ok := item()
		if !ok {
			return nil, false
		}
		out = append(out, v)
		if !r.eat(',') {
			return out, r.eat(')')
		}
	}
}

func (r *wktReader) chain() ([]LngLat, bool) { return list(r, r.position) }

// bracketed is a position that may stand in brackets of its own.
func (r *wktReader) bracketed() (LngLat, bool) {
	if r.eat('(') {
		p, ok := r.position()
		return p, ok && r.eat(')')
	}
	return r.position()
}

func (r *wktReader) position() (p LngLat, ok bool) {
	for i := range p {
		r.space()
		n := strings.IndexAny(r.s, " \t\r\n,)")
		if n < 0 {
			n = len(r.s)
		}
		f, err := strconv.ParseFloat(r.s[:n], 64)
		if err != nil {
			return p, false
		}
		p[i], r.s = f, r.s[n:]
	}
	return p, p.Valid()
}
