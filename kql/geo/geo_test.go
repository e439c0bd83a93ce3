package geo

import (
	"math"
	"math/rand/v2"
	"testing"
)

func square(lng, lat, size float64) [][]LngLat {
	return [][]LngLat{{{lng, lat}, {lng + size, lat}, {lng + size, lat + size}, {lng, lat + size}, {lng, lat}}}
}

func region(t testing.TB, polygons ...[][]LngLat) *Region {
	t.Helper()
	r, ok := NewRegion(polygons)
	if !ok {
		t.Fatalf("%v is refused", polygons)
	}
	return r
}

func line(t testing.TB, chain ...LngLat) *Lines {
	t.Helper()
	l, ok := NewLines([][]LngLat{chain}, false)
	if !ok {
		t.Fatalf("%v is refused", chain)
	}
	return l
}

func close(a, b, share float64) bool {
	return math.Abs(a-b) <= share*math.Max(math.Abs(a), math.Abs(b))
}

func TestDistances(t *testing.T) {
	quarter := math.Pi / 2 * EarthRadius
	if d := Distance(LngLat{0, 0}, LngLat{90, 0}); !close(d, quarter, 1e-12) {
		t.Errorf("a quarter of the equator is %v", d)
	}
	// Flinders Peak to Buninyong, the test line of the Australian geodetic datum, on another spheroid: within 10 m
	if d, ok := SpheroidDistance(LngLat{144.424867889, -37.951033417}, LngLat{143.926495528, -37.652821139}); !ok || math.Abs(d-54972) > 10 {
		t.Errorf("spheroid distance is %v", d)
	}
	if d, ok := SpheroidDistance(LngLat{0, 0}, LngLat{1, 0}); !ok || !close(d, semiMajor*math.Pi/180, 1e-12) {
		t.Errorf("a degree of the equator is %v", d)
	}
	if _, ok := SpheroidDistance(LngLat{0, 0}, LngLat{179.9, 0.1}); ok {
		t.Error("nearly opposite positions have a distance")
	}
	for _, c := range []struct {
		to   LngLat
		want float64
	}{{LngLat{0, 1}, 0}, {LngLat{1, 0}, math.Pi / 2}, {LngLat{0, -1}, math.Pi}, {LngLat{-1, 0}, 3 * math.Pi / 2}} {
		if a, ok := Azimuth(LngLat{0, 0}, c.to); !ok || !close(a, c.want, 1e-12) {
			t.Errorf("the way to %v has azimuth %v, want %v", c.to, a, c.want)
		}
	}
}

func TestRefusesWhatIsNotAShape(t *testing.T) {
	for name, rings := range map[string][][]LngLat{
		"no ring":          {},
		"open":             {{{0, 0}, {1, 0}, {1, 1}, {0, 1}}},
		"two vertices":     {{{0, 0}, {1, 0}, {0, 0}}},
		"vertex twice":     {{{0, 0}, {1, 1}, {1, 1}, {0, 0}}},
		"crosses itself":   {{{0, 0}, {1, 1}, {1, 0}, {0, 1}, {0, 0}}},
		"off the Earth":    {{{0, 0}, {200, 0}, {1, 1}, {0, 0}}},
		"hole outside":     {square(0, 0, 1)[0], square(5, 5, 1)[0]},
		"hole on the edge": {square(0, 0, 2)[0], square(1, 1, 5)[0]},
		"not a number":     {{{0, 0}, {math.NaN(), 0}, {1, 1}, {0, 0}}},
	} {
		if _, ok := NewRegion([][][]LngLat{rings}); ok {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, c := range [][]LngLat{nil, {{1, 1}}, {{1, 1}, {1, 1}}, {{0, 0}, {180, 0}}, {{0, 0}, {0, 91}}} {
		if _, ok := NewLines([][]LngLat{c}, false); ok {
			t.Errorf("the line %v is accepted", c)
		}
	}
}

func TestOrientationDoesNotMatter(t *testing.T) {
	a := square(10, 10, 2)
	b := [][]LngLat{{a[0][0], a[0][3], a[0][2], a[0][1], a[0][0]}}
	if x, y := region(t, a).Area(), region(t, b).Area(); !close(x, y, 1e-9) {
		t.Errorf("areas %v and %v", x, y)
	}
}

func TestOverlayAreas(t *testing.T) {
	a, b := region(t, square(0, 0, 2)), region(t, square(1, 1, 2))
	u, ok := Union([]*Region{a, b})
	both := must(Intersection(a, b))
	if !ok || !close(u.Area()+both.Area(), a.Area()+b.Area(), 1e-9) || both.Empty() {
		t.Errorf("union %v, intersection %v, parts %v %v", u.Area(), both.Area(), a.Area(), b.Area())
	}
	if far := region(t, square(50, 50, 1)); meets(Intersects(a, far)) || len(must(Union([]*Region{a, far})).Polygons()) != 2 {
		t.Error("regions apart from each other")
	}
	inner := region(t, square(0.5, 0.5, 0.5))
	if got := must(Intersection(a, inner)); !close(got.Area(), inner.Area(), 1e-9) {
		t.Errorf("what is inside gives %v, want %v", got.Area(), inner.Area())
	}
	if got := must(Union([]*Region{a, a})); !close(got.Area(), a.Area(), 1e-9) || len(got.rings) != 1 {
		t.Errorf("a region and itself: %v", got.Polygons())
	}
	if beside := region(t, square(2, 0, 2)); meets(Intersects(a, beside)) {
		t.Error("regions that share an edge intersect")
	} else if got := must(Union([]*Region{a, beside})); len(got.rings) != 1 || len(got.rings[0]) != 6 {
		t.Errorf("regions that share an edge: %v", got.Polygons())
	}
}

func must(r *Region, _ bool) *Region { return r }

func meets(yes, ok bool) bool { return yes || !ok }

// A frame of four boxes has a hole in the middle, which must come out as a ring of its own.
func TestUnionMakesHoles(t *testing.T) {
	box := func(x, y, w, h float64) *Region {
		return region(t, [][]LngLat{{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}, {x, y}}})
	}
	u := must(Union([]*Region{box(0, 0, 3, 1), box(0, 2, 3, 1), box(0, 0, 1, 3), box(2, 0, 1, 3)}))
	got := u.Polygons()
	if len(got) != 1 || len(got[0]) != 2 {
		t.Fatalf("%d polygons: %v", len(got), got)
	}
	if u.Contains(LngLat{1.5, 1.5}) || !u.Contains(LngLat{0.5, 0.5}) {
		t.Error("the hole is on the wrong side")
	}
	if again := region(t, got...); !close(again.Area(), u.Area(), 1e-9) {
		t.Errorf("read back: %v, want %v", again.Area(), u.Area())
	}
}

func TestUnionOfRandomBoxes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 40 {
		var parts []*Region
		for range 2 + rnd.IntN(8) {
			// whole numbers make shared corners and edges that lie on each other's meridians
			parts = append(parts, region(t, square(float64(rnd.IntN(6)), float64(rnd.IntN(6))-3, float64(1+rnd.IntN(3)))))
		}
		u := must(Union(parts))
		for range 200 {
			p := LngLat{rnd.Float64()*10 - 0.5, rnd.Float64()*10 - 4}
			in, border := false, false
			for _, r := range parts {
				in = in || r.Contains(p)
				n := nearestTo(p.Point())
				r.edges(n.edge)
				border = border || n.meters() < 1
			}
			if !border && u.Contains(p) != in {
				t.Fatalf("round %d: %v in the union is %v", round, p, !in)
			}
		}
	}
}

func TestLinesMeet(t *testing.T) {
	a, b := line(t, LngLat{0, -1}, LngLat{0, 1}), line(t, LngLat{-1, 0}, LngLat{1, 0})
	if o, _ := CommonLines(a, b); len(o.Points) != 1 || len(o.Chains) != 0 || Distance(o.Points[0], LngLat{0, 0}) > 1e-3 {
		t.Errorf("a cross meets in %v", o)
	}
	if o, _ := CommonLines(line(t, LngLat{0, 0}, LngLat{2, 0}), line(t, LngLat{3, 0}, LngLat{1, 0})); len(o.Points) != 0 || len(o.Chains) != 1 || !close(line(t, o.Chains[0]...).Length(), math.Pi/180*EarthRadius, 1e-9) {
		t.Errorf("lines on each other share %v", o)
	}
	r := region(t, square(0, 0, 2))
	if o, _ := line(t, LngLat{-1, 1}, LngLat{3, 1}).Within(r); len(o.Chains) != 1 || len(o.Chains[0]) != 2 {
		t.Errorf("a line through a square leaves %v", o)
	}
	if meets(line(t, LngLat{5, 5}, LngLat{6, 6}).MeetsRegion(r)) || !meets(line(t, LngLat{-1, 1}, LngLat{3, 1}).MeetsRegion(r)) {
		t.Error("MeetsRegion")
	}
	if got := UnionLines([]*Lines{line(t, LngLat{0, 0}, LngLat{1, 0}), line(t, LngLat{1, 0}, LngLat{2, 1}), line(t, LngLat{1, 0}, LngLat{0, 0})}); len(got) != 1 || len(got[0]) != 3 {
		t.Errorf("union of lines: %v", got)
	}
}

// What is nearer than the radius must be in the buffer, what is further must not, within the tolerance.
func TestBuffers(t *testing.T) {
	const radius, tolerance = 20_000, 200
	rnd := rand.New(rand.NewPCG(3, 4))
	zigzag := line(t, LngLat{0, 0}, LngLat{0.5, 0.4}, LngLat{0.6, -0.3}, LngLat{1.1, 0.1}, LngLat{0.9, 0.5}, LngLat{0.2, 0.6})
	star := region(t, [][]LngLat{
		{{0, 0}, {1, 0.3}, {2, 0}, {1.4, 0.8}, {2, 1.6}, {1, 1.2}, {0, 1.6}, {0.5, 0.8}, {0, 0}},
		{{0.9, 0.7}, {0.9, 0.9}, {1.1, 0.9}, {1.1, 0.7}, {0.9, 0.7}},
	})
	check := func(name string, made *Region, ok bool, distance func(p LngLat) float64) {
		if !ok {
			t.Errorf("%s: none", name)
			return
		}
		for range 2000 {
			p := LngLat{rnd.Float64()*4 - 1, rnd.Float64()*3 - 1}
			d := distance(p)
			if math.Abs(d-radius) > tolerance*1.05 && made.Contains(p) != (d < radius) {
				t.Fatalf("%s: %v is %.0f m away, inside is %v", name, p, d, made.Contains(p))
			}
		}
		if again, ok := NewRegion(made.Polygons()); !ok || !close(again.Area(), made.Area(), 1e-6) {
			t.Errorf("%s: cannot be read back", name)
		}
	}
	r, ok := BufferPoint(LngLat{1, 1}, radius, tolerance)
	check("point", r, ok, func(p LngLat) float64 { return Distance(p, LngLat{1, 1}) })
	r, ok = zigzag.Buffer(radius, tolerance)
	check("line", r, ok, func(p LngLat) float64 { _, d := zigzag.Closest(p); return d })
	r, ok = star.Buffer(radius, tolerance)
	check("polygon", r, ok, func(p LngLat) float64 { _, d := star.Closest(p); return d })
	for _, bad := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, ok := zigzag.Buffer(bad, tolerance); ok {
			t.Errorf("radius %v is accepted", bad)
		}
	}
}

func TestSimplify(t *testing.T) {
	l := line(t, LngLat{0, 0}, LngLat{0.1, 0.00001}, LngLat{0.2, 0}, LngLat{0.2, 0.2})
	if got, ok := l.Simplify(50); !ok || len(got[0]) != 3 {
		t.Errorf("simplified to %v", got)
	}
	if _, ok := l.Simplify(-1); ok {
		t.Error("a negative tolerance is accepted")
	}
	if _, ok := region(t, square(0, 0, 0.001)).Simplify(10_000); ok {
		t.Error("something is left of a region smaller than the tolerance")
	}
	// neighbours keep their border in common
	a := region(t, [][]LngLat{{{0, 0}, {1, 0}, {1.0001, 0.5}, {1, 1}, {0, 1}, {0, 0}}})
	b := region(t, [][]LngLat{{{1, 0}, {2, 0}, {2, 1}, {1, 1}, {1.0001, 0.5}, {1, 0}}})
	got, ok := SimplifyAll([]*Region{a, b}, 100)
	if !ok || len(got) != 2 || len(got[0].rings[0]) != 4 || meets(Intersects(got[0], got[1])) {
		t.Errorf("together: %v", got)
	}
}

func TestDensify(t *testing.T) {
	chain := []LngLat{{0, 60}, {40, 60}}
	for _, tolerance := range []float64{1, 100, 5000} {
		got, ok := Densify(chain, tolerance, false)
		if !ok {
			t.Fatal("refused")
		}
		l := line(t, got...)
		for x := 0.0; x <= 40; x += 0.37 {
			if _, d := l.Closest(LngLat{x, 60}); d > tolerance {
				t.Errorf("with tolerance %v the parallel is left by %v m", tolerance, d)
			}
		}
	}
	if got, ok := Densify([]LngLat{{170, 50}, {-170, 50}}, 10000, true); !ok || math.Abs(got[len(got)/2][0]) < 170 {
		t.Errorf("over the antimeridian: %v", got)
	}
	for _, bad := range []float64{0, 0.01, 20_000, math.NaN()} {
		if _, ok := Densify(chain, bad, false); ok {
			t.Errorf("tolerance %v is accepted", bad)
		}
	}
}

func TestCells(t *testing.T) {
	p := LngLat{13.4, 52.5}
	for digits := 1; digits <= MaxGeohash; digits++ {
		lo, hi, ok := GeohashBounds(Geohash(p, digits))
		if !ok || p[0] < lo[0] || p[0] > hi[0] || p[1] < lo[1] || p[1] > hi[1] {
			t.Errorf("%d digits: %v %v", digits, lo, hi)
		}
	}
	if n, ok := GeohashNeighbors("u33d"); !ok || len(n) != 8 {
		t.Errorf("neighbours %v", n)
	}
	if n, ok := S2Neighbors(S2Cell(p, 12)); !ok || len(n) != 8 {
		t.Errorf("neighbours %v", n)
	}
	for level := 0; level <= MaxH3; level++ {
		cell := H3Cell(p, level)
		if n, ok := H3Level(cell); !ok || n != level {
			t.Errorf("%s has level %d", cell, n)
		}
		if ring, ok := H3Ring(cell); !ok || !region(t, [][]LngLat{ring}).Contains(p) {
			t.Errorf("%s does not hold its position", cell)
		}
	}
	for _, bad := range []string{"", "a", "zzz", "-1", "0", "8f", "ffffffffffffffff", "fffffffffffffffff", "é"} {
		if _, ok := H3Ring(bad); ok {
			t.Errorf("H3 cell %q is accepted", bad)
		}
		if _, ok := S2Ring(bad); ok && bad != "8f" {
			t.Errorf("S2 cell %q is accepted", bad)
		}
	}
}

// Every point of a shape is in a cell of its covering; a covering too large to make is refused at once.
func TestCoverings(t *testing.T) {
	r := region(t, square(10, 45, 1))
	check := func(name string, cells []string, ok bool, cell func(p LngLat) string) {
		if !ok {
			t.Errorf("%s: none", name)
			return
		}
		in := map[string]bool{}
		for _, c := range cells {
			in[c] = true
		}
		rnd := rand.New(rand.NewPCG(5, 6))
		for range 500 {
			if p := (LngLat{10 + rnd.Float64(), 45.01 + rnd.Float64()*0.98}); !in[cell(p)] {
				t.Fatalf("%s: %v is not covered", name, p)
			}
		}
	}
	cells, ok := r.S2Cover(9, 0)
	check("s2", cells, ok, func(p LngLat) string { return S2Cell(p, 9) })
	wide, ok := r.S2Cover(9, 30_000)
	check("s2 wide", wide, ok, func(p LngLat) string { return S2Cell(LngLat{p[0] + 0.3, p[1]}, 9) })
	if len(wide) <= len(cells) {
		t.Errorf("%d cells around, %d inside", len(wide), len(cells))
	}
	cells, ok = r.H3Cover(5)
	check("h3", cells, ok, func(p LngLat) string { return H3Cell(p, 5) })
	if _, ok := region(t, square(0, 0, 80)).S2Cover(30, 0); ok {
		t.Error("a continent in square centimeters")
	}
	if _, ok := region(t, square(0, 0, 80)).H3Cover(15); ok {
		t.Error("a continent in square meters")
	}
	l := line(t, LngLat{0, 0}, LngLat{5, 5})
	if a, ok := l.S2Cover(8, 0); !ok || len(a) == 0 {
		t.Error("line")
	} else if b, ok := l.S2Cover(8, 50_000); !ok || len(b) <= len(a) {
		t.Error("line with a radius")
	}
	if _, ok := l.S2Cover(30, 0); ok {
		t.Error("a long line in centimeters")
	}
}

func FuzzWKT(f *testing.F) {
	for _, s := range []string{"POINT (1 2)", "polygon((0 0, 2 0, 2 2, 0 0))", "MULTIPOINT ((1 1), 2 2)", "GEOMETRYCOLLECTION (POINT (1 2), LINESTRING EMPTY)", "MULTIPOLYGON (((0 0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if g, ok := ParseWKT(s); ok && g.Type == "" {
			t.Error("a geometry without a type")
		}
	})
}

// Shapes of any coordinates are refused or can be worked with.
func FuzzShapes(f *testing.F) {
	f.Add([]byte{1, 1, 200, 1, 200, 200, 1, 200}, uint8(3))
	f.Add([]byte{0, 0, 255, 0, 128, 255}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		var chain []LngLat
		for i := 0; i+1 < len(b) && i < 40; i += 2 {
			chain = append(chain, LngLat{float64(b[i])*1.41 - 180, float64(b[i+1])*0.7 - 90})
		}
		if l, ok := NewLines([][]LngLat{chain}, false); ok {
			l.Centroid()
			l.Simplify(1e5)
			l.Buffer(1e4, 1e3)
			CommonLines(l, l)
		}
		at := min(int(cut), len(chain))
		var parts []*Region
		for _, half := range [][]LngLat{chain[:at], chain[at:]} {
			if len(half) > 0 {
				half = append(append([]LngLat{}, half...), half[0])
			}
			if r, ok := NewRegion([][][]LngLat{{half}}); ok {
				parts = append(parts, r)
				r.Buffer(1e4, 1e3)
				r.Simplify(1e5)
				if r.Area() < 0 || r.Area() > 4.01*math.Pi*EarthRadius*EarthRadius {
					t.Errorf("area %v", r.Area())
				}
			}
		}
		if len(parts) == 2 {
			u, both := must(Union(parts)), must(Intersection(parts[0], parts[1]))
			if whole := parts[0].Area() + parts[1].Area(); whole < 2*math.Pi*EarthRadius*EarthRadius && !close(u.Area()+both.Area(), whole, 1e-6) {
				t.Errorf("union %v, intersection %v, together %v", u.Area(), both.Area(), whole)
			}
		}
	})
}

func BenchmarkBufferLine(b *testing.B) {
	rnd := rand.New(rand.NewPCG(7, 8))
	chain := []LngLat{{0, 0}}
	for range 2000 {
		last := chain[len(chain)-1]
		chain = append(chain, LngLat{last[0] + (rnd.Float64()-0.45)*0.01, last[1] + (rnd.Float64()-0.5)*0.01})
	}
	l := line(b, chain...)
	for b.Loop() {
		if _, ok := l.Buffer(500, 10); !ok {
			b.Fatal("none")
		}
	}
}

// A long edge beside very many short ones must not make a shape too intricate.
func TestManyVertices(t *testing.T) {
	const n = 20_000
	ring := make([]LngLat, 0, n+3)
	for i := range n {
		ring = append(ring, LngLat{float64(i) * 80 / n, math.Sin(float64(i)/50) * 0.2})
	}
	ring = append(ring, LngLat{80, -20}, LngLat{0, -20}, ring[0])
	r := region(t, [][]LngLat{ring})
	if _, ok := r.Simplify(1000); !ok {
		t.Error("not simplified")
	}
	if both, ok := Intersection(r, region(t, square(10, -10, 30))); !ok || both.Empty() {
		t.Error("no intersection")
	}
}
