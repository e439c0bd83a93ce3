package duckdb

import (
	"math"
	"math/bits"
	"sort"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// Bounds of the plugins that look for patterns.
const (
	maxPatternColumns = 64
	maxPatternSteps   = 5_000_000 // sets of rows looked at
	maxPatterns       = 10_000
)

// combination is one combination of values among the rows, with the weight of its rows on each side (diffpatterns has two sides, the others one).
type combination struct {
	cells  []int32 // per column the number of its value
	weight [2]float64
}

// cube is the rows as combinations of discrete values.
type cube struct {
	c            *pluginCall
	columns      []plan.Column
	values       [][]any // per column its values by number
	combinations []combination
	total        [2]float64
	steps        int
}

// pattern says which columns have which value; of all others any value will do.
type pattern struct {
	columns uint64
	cells   []int32
	weight  [2]float64
}

func (p *pattern) size() int { return bits.OnesCount64(p.columns) }

// includes says that every row of q is one of p.
func (p *pattern) includes(q *pattern) bool {
	if p.columns&^q.columns != 0 {
		return false
	}
	for i := range p.cells {
		if p.columns>>i&1 == 1 && p.cells[i] != q.cells[i] {
			return false
		}
	}
	return true
}

// cube reads the rows. side gives the side of a row, -1 for a row that does not count; weight is the argument of the weight column, -1 without one.
func (c *pluginCall) cube(weight int, side func(row []any) (int, error)) (*cube, error) {
	k := &cube{c: c}
	var at []int
	for _, id := range c.p.Columns {
		if i, ok := c.in.index[id]; ok {
			at = append(at, i)
			k.columns = append(k.columns, c.in.cols[i])
		}
	}
	if len(at) > maxPatternColumns {
		return nil, &fn.LimitError{What: "number of columns that " + c.p.Name + "() looks at (" + strconv.Itoa(len(at)) + " of at most " + strconv.Itoa(maxPatternColumns) + ")"}
	}
	numbers := make([]map[string]int32, len(at))
	k.values = make([][]any, len(at))
	for i := range numbers {
		numbers[i] = map[string]int32{}
	}
	seen := map[string]int{}
	key := make([]byte, 4*len(at))
	for n, row := range c.in.rows {
		if n%4096 == 0 && c.ctx.Err() != nil {
			return nil, c.ctx.Err()
		}
		s, err := side(row)
		if err != nil {
			return nil, err
		}
		if s < 0 {
			continue
		}
		w := 1.0
		if weight >= 0 {
			v, err := c.value(weight, row)
			if err != nil {
				return nil, err
			}
			if w, _ = number(v); !(w > 0) || math.IsInf(w, 1) {
				continue
			}
		}
		cells := make([]int32, len(at))
		for i, a := range at {
			text := fn.Text(fn.Value{T: c.in.cols[a].Type, V: row[a]})
			v, ok := numbers[i][text]
			if !ok {
				v = int32(len(k.values[i]))
				numbers[i][text] = v
				k.values[i] = append(k.values[i], row[a])
			}
			cells[i] = v
			key[4*i], key[4*i+1], key[4*i+2], key[4*i+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
		}
		j, ok := seen[string(key)]
		if !ok {
			j = len(k.combinations)
			seen[string(key)] = j
			k.combinations = append(k.combinations, combination{cells: cells})
		}
		k.combinations[j].weight[s] += w
		k.total[s] += w
	}
	return k, nil
}

func (k *cube) spend(n int) error {
	k.steps++
	if k.steps%16 == 0 && k.c.ctx.Err() != nil {
		return k.c.ctx.Err()
	}
	if k.steps > maxPatternSteps || n > maxPatterns {
		return &fn.LimitError{What: "number of patterns that " + k.c.p.Name + "() looks at; raise the threshold or project fewer columns"}
	}
	return nil
}

// frequent finds the patterns of at most so many columns that are frequent by the given measure. A pattern that another one refines without losing a row
// is left out: it says less about the same rows.
func (k *cube) frequent(dimensions int, enough func(weight [2]float64) bool) ([]pattern, error) {
	var out []pattern
	var grow func(p pattern, from int, rows []int32) error
	grow = func(p pattern, from int, rows []int32) error {
		if err := k.spend(len(out)); err != nil {
			return err
		}
		if p.columns != 0 && (p.size() >= dimensions || !k.refined(&p, rows)) {
			out = append(out, pattern{columns: p.columns, cells: append([]int32(nil), p.cells...), weight: p.weight})
		}
		if p.size() >= dimensions {
			return nil
		}
		for col := from; col < len(k.columns); col++ {
			parts := map[int32][]int32{}
			weights := map[int32]*[2]float64{}
			var order []int32
			for _, r := range rows {
				v := k.combinations[r].cells[col]
				w := weights[v]
				if w == nil {
					w = &[2]float64{}
					weights[v] = w
					order = append(order, v)
				}
				w[0] += k.combinations[r].weight[0]
				w[1] += k.combinations[r].weight[1]
				parts[v] = append(parts[v], r)
			}
			for _, v := range order {
				if !enough(*weights[v]) {
					continue
				}
				q := pattern{columns: p.columns | 1<<col, cells: append([]int32(nil), p.cells...), weight: *weights[v]}
				q.cells[col] = v
				if err := grow(q, col+1, parts[v]); err != nil {
					return err
				}
			}
		}
		return nil
	}
	all := make([]int32, len(k.combinations))
	for i := range all {
		all[i] = int32(i)
	}
	err := grow(pattern{cells: make([]int32, len(k.columns)), weight: k.total}, 0, all)
	return out, err
}

// refined says whether a column outside of the pattern has one value in all its rows.
func (k *cube) refined(p *pattern, rows []int32) bool {
	for col := range k.columns {
		if p.columns>>col&1 == 1 {
			continue
		}
		same := true
		for _, r := range rows {
			if k.combinations[r].cells[col] != k.combinations[rows[0]].cells[col] {
				same = false
				break
			}
		}
		if same {
			return true
		}
	}
	return false
}

// optional is an argument that may be left out or written as '~'.
func (c *pluginCall) optional(i int) (fn.Value, bool, error) {
	v, err := c.constant(i)
	if err != nil || v.V == nil || v.V == "~" {
		return fn.Value{}, false, err
	}
	return v, true, nil
}

func (c *pluginCall) fraction(i int, def float64) (float64, error) {
	v, ok, err := c.optional(i)
	if err != nil || !ok {
		return def, err
	}
	f, ok := number(v)
	if !ok || f <= 0 || f >= 1 {
		return 0, &fn.ArgumentError{What: c.p.Name + "() takes a number between 0 and 1 here, not " + fn.Text(v)}
	}
	return f, nil
}

func (c *pluginCall) weightArg(i int) int {
	if i < len(c.p.Args) && c.p.Args[i] != nil {
		if k, ok := c.p.Args[i].(*plan.Const); !ok || k.Value != "~" {
			return i
		}
	}
	return -1
}

// wildcards are what stands for any value, per column: the arguments from there on, each for the columns of its type.
func (k *cube) wildcards(from int) ([]any, error) {
	out := make([]any, len(k.columns))
	for i, col := range k.columns {
		if col.Type == plan.String {
			out[i] = ""
		}
	}
	for a := from; a < len(k.c.p.Args); a++ {
		v, ok, err := k.c.optional(a)
		if err != nil {
			return nil, err
		}
		for i, col := range k.columns {
			if ok && col.Type == v.T {
				out[i] = v.V
			}
		}
	}
	return out, nil
}

// row writes a pattern behind the given cells.
func (k *cube) row(head []any, p *pattern, wildcards []any) []any {
	for i := range k.columns {
		if p.columns>>i&1 == 1 {
			head = append(head, k.values[i][p.cells[i]])
		} else {
			head = append(head, wildcards[i])
		}
	}
	return head
}

// text orders patterns of the same weight.
func (k *cube) text(p *pattern) string {
	var b strings.Builder
	for i, col := range k.columns {
		if p.columns>>i&1 == 1 {
			b.WriteString(fn.Text(fn.Value{T: col.Type, V: k.values[i][p.cells[i]]}))
		}
		b.WriteByte(0)
	}
	return b.String()
}

func oneSide([]any) (int, error) { return 0, nil }

// basket(threshold, weight column, most dimensions, wildcards…) lists the patterns that hold for at least a share of the rows.
func (c *pluginCall) basket() ([][]any, error) {
	threshold, err := c.fraction(0, 0.05)
	if err != nil {
		return nil, err
	}
	dimensions := int64(5)
	if v, ok, err := c.optional(2); err != nil {
		return nil, err
	} else if ok {
		dimensions, _ = fn.Convert(v, plan.Long).V.(int64)
	}
	k, err := c.cube(c.weightArg(1), oneSide)
	if err != nil {
		return nil, err
	}
	least := threshold * k.total[0]
	found, err := k.frequent(int(max(dimensions, 1)), func(w [2]float64) bool { return w[0] >= least })
	if err != nil {
		return nil, err
	}
	return k.segments(found, 3)
}

// segments lists patterns by weight, the heaviest first.
func (k *cube) segments(found []pattern, wildcardsFrom int) ([][]any, error) {
	wild, err := k.wildcards(wildcardsFrom)
	if err != nil {
		return nil, err
	}
	sort.SliceStable(found, func(i, j int) bool {
		a, b := &found[i], &found[j]
		if a.weight[0] != b.weight[0] {
			return a.weight[0] > b.weight[0]
		}
		if a.size() != b.size() {
			return a.size() > b.size()
		}
		return k.text(a) < k.text(b)
	})
	var out [][]any
	for i := range found {
		p := &found[i]
		out = append(out, k.row([]any{int64(i), int64(math.Round(p.weight[0])), 100 * p.weight[0] / k.total[0]}, p, wild))
	}
	return out, nil
}

// maxSegments and leastSegment end autocluster: so many segments, or none left that holds this share of the rows.
const (
	maxSegments  = 50
	leastSegment = 0.01
)

// autocluster(size weight, weight column, seeds, wildcards…) covers the rows with few patterns. A pattern's score is the geometric mean of the share of rows
// and the share of columns that it holds, weighed by the first argument; each search starts from the heaviest combinations that no pattern covers yet and
// drops one column after the other; the best on the way is taken.
func (c *pluginCall) autocluster() ([][]any, error) {
	size, err := c.fraction(0, 0.5)
	if err != nil {
		return nil, err
	}
	seeds := int64(25)
	if v, ok, err := c.optional(2); err != nil {
		return nil, err
	} else if ok {
		seeds, _ = fn.Convert(v, plan.Long).V.(int64)
	}
	k, err := c.cube(c.weightArg(1), oneSide)
	if err != nil {
		return nil, err
	}
	order := make([]int, len(k.combinations))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return k.combinations[order[i]].weight[0] > k.combinations[order[j]].weight[0] })
	covered := make([]bool, len(k.combinations))
	var found []pattern
	left := k.total[0]
	for len(found) < maxSegments && left >= leastSegment*k.total[0] {
		var best *pattern
		bestScore := 0.0
		tried := int64(0)
		for _, s := range order {
			if covered[s] {
				continue
			}
			if tried++; tried > min(max(seeds, 1), 1000) {
				break
			}
			p, score, err := k.climb(s, covered, size)
			if err != nil {
				return nil, err
			}
			if p != nil && score > bestScore {
				best, bestScore = p, score
			}
		}
		if best == nil || best.weight[0] < leastSegment*k.total[0] {
			break
		}
		for i, x := range k.combinations {
			if !covered[i] && best.includes(&pattern{columns: 1<<len(k.columns) - 1, cells: x.cells}) {
				covered[i] = true
				left -= x.weight[0]
			}
		}
		found = append(found, *best)
	}
	return k.segments(found, 3)
}

// climb starts from a combination and drops columns while that raises the score over the rows that are not covered.
func (k *cube) climb(seed int, covered []bool, size float64) (*pattern, float64, error) {
	if err := k.spend(0); err != nil {
		return nil, 0, err
	}
	cells := k.combinations[seed].cells
	type group struct{ all, open float64 }
	groups := map[uint64]*group{} // by the columns in which rows agree with the seed
	var few []*group              // the same, by number, where there are few columns
	if len(cells) <= 12 {
		few = make([]*group, 1<<len(cells))
	}
	for i, x := range k.combinations {
		if i%65536 == 0 && k.c.ctx.Err() != nil {
			return nil, 0, k.c.ctx.Err()
		}
		var mask uint64
		for col := range cells {
			if x.cells[col] == cells[col] {
				mask |= 1 << col
			}
		}
		var g *group
		if few != nil {
			g = few[mask]
		} else {
			g = groups[mask]
		}
		if g == nil {
			g = &group{}
			if groups[mask] = g; few != nil {
				few[mask] = g
			}
		}
		g.all += x.weight[0]
		if !covered[i] {
			g.open += x.weight[0]
		}
	}
	weigh := func(columns uint64) (all, open float64) {
		for mask, g := range groups {
			if mask&columns == columns {
				all += g.all
				open += g.open
			}
		}
		return all, open
	}
	score := func(columns uint64, open float64) float64 {
		return math.Pow(open/k.total[0], size) * math.Pow(float64(bits.OnesCount64(columns))/float64(len(k.columns)), 1-size)
	}
	columns := uint64(1)<<len(k.columns) - 1
	all, open := weigh(columns)
	best := &pattern{columns: columns, cells: cells, weight: [2]float64{all}}
	bestScore := score(columns, open)
	for bits.OnesCount64(columns) > 1 { // down to one column: the score may fall before it rises
		next, nextScore, nextAll := uint64(0), -1.0, 0.0
		for col := range cells {
			if columns>>col&1 == 0 {
				continue
			}
			a, o := weigh(columns &^ (1 << col))
			if s := score(columns&^(1<<col), o); s > nextScore {
				next, nextScore, nextAll = columns&^(1<<col), s, a
			}
		}
		columns = next
		if nextScore > bestScore {
			best, bestScore = &pattern{columns: next, cells: cells, weight: [2]float64{nextAll}}, nextScore
		}
	}
	return best, bestScore, nil
}

// diffpatterns(split column, value A, value B, weight column, threshold, most dimensions, wildcards…) finds what is more common on one side.
func (c *pluginCall) diffpatterns() ([][]any, error) {
	threshold, err := c.fraction(4, 0.05)
	if err != nil {
		return nil, err
	}
	dimensions := int64(maxPatternColumns)
	if v, ok, err := c.optional(5); err != nil {
		return nil, err
	} else if ok {
		dimensions, _ = fn.Convert(v, plan.Long).V.(int64)
	}
	var names [2]string
	for i := range names {
		v, err := c.constant(1 + i)
		if err != nil {
			return nil, err
		}
		names[i] = fn.Text(v)
	}
	k, err := c.cube(c.weightArg(3), func(row []any) (int, error) {
		v, err := c.value(0, row)
		if err != nil {
			return 0, err
		}
		switch fn.Text(v) {
		case names[0]:
			return 0, nil
		case names[1]:
			return 1, nil
		}
		return -1, nil
	})
	if err != nil {
		return nil, err
	}
	share := func(w [2]float64, side int) float64 {
		if k.total[side] == 0 {
			return 0
		}
		return w[side] / k.total[side]
	}
	found, err := k.frequent(int(max(dimensions, 1)), func(w [2]float64) bool { return share(w, 0) >= threshold || share(w, 1) >= threshold })
	if err != nil {
		return nil, err
	}
	gap := func(p *pattern) float64 { return math.Abs(share(p.weight, 0) - share(p.weight, 1)) }
	sort.SliceStable(found, func(i, j int) bool {
		a, b := &found[i], &found[j]
		if gap(a) != gap(b) {
			return gap(a) > gap(b)
		}
		if a.size() != b.size() {
			return a.size() < b.size()
		}
		return k.text(a) < k.text(b)
	})
	wild, err := k.wildcards(6)
	if err != nil {
		return nil, err
	}
	// Of patterns that contain each other only the one with the greatest difference tells something.
	var kept []*pattern
	var out [][]any
next:
	for i := range found {
		p := &found[i]
		if gap(p) < threshold {
			break
		}
		for _, q := range kept {
			if q.includes(p) || p.includes(q) {
				continue next
			}
		}
		if len(kept) >= maxSegments {
			break
		}
		kept = append(kept, p)
		a, b := 100*share(p.weight, 0), 100*share(p.weight, 1)
		head := []any{int64(len(out)), int64(math.Round(p.weight[0])), int64(math.Round(p.weight[1])), a, b, math.Abs(a - b)}
		out = append(out, k.row(head, p, wild))
	}
	return out, nil
}
