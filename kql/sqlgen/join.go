package sqlgen

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func (g *Emitter) join(x *plan.Join, want need) *rel {
	leftCols, rightCols := allOf(x.Left.Columns()), allOf(x.Right.Columns())
	left, right := need{}, need{}
	split := func(e plan.Expr) {
		used := need{}
		columnsIn(e, used)
		for id := range used {
			if leftCols[id] {
				left[id] = true
			} else if rightCols[id] {
				right[id] = true
			}
		}
	}
	var out []plan.Named
	for _, it := range x.Out {
		if want[it.Column.ID] {
			out = append(out, it)
			split(it.Expr)
		}
	}
	leftKeys, rightKeys := make([]plan.Expr, len(x.LeftKeys)), make([]plan.Expr, len(x.RightKeys))
	for i := range x.LeftKeys {
		leftKeys[i], rightKeys[i] = g.fold(x.LeftKeys[i]), g.fold(x.RightKeys[i])
		columnsIn(leftKeys[i], left)
		columnsIn(rightKeys[i], right)
	}
	var extra plan.Expr
	if x.On != nil {
		extra = g.fold(x.On)
		split(extra)
	}
	l := g.flush(g.node(x.Left, left), x.Left.Columns(), left)
	r := g.flush(g.node(x.Right, right), x.Right.Columns(), right)

	if x.Kind == plan.InnerUnique {
		l = g.firstPer(l, x.Left.Columns(), left, leftKeys)
	}
	on := make([]string, 0, len(leftKeys)+1)
	for i := range leftKeys {
		on = append(on, g.joinKey(leftKeys[i], rightKeys[i]))
	}
	part := l.part
	if len(part) == 0 {
		part = r.part
	} else if len(r.part) > 0 {
		for i := range l.part {
			on = append(on, l.alias+"."+l.part[i]+" IS NOT DISTINCT FROM "+r.alias+"."+r.part[i])
		}
	}
	if extra != nil {
		on = append(on, g.Pred(extra))
	}
	cond := strings.Join(on, " AND ")
	if cond == "" {
		cond = "true"
	}

	var from string
	outerLeft, outerRight := false, false // which side may be all null
	lookups := g.d.Traits().Lookups
	member := lookups && len(part) == 0 && extra == nil && g.sameText(leftKeys, rightKeys)
	switch x.Kind {
	case plan.LeftSemi, plan.LeftAnti:
		if member {
			from = l.source() + "\nWHERE " + g.membership(leftKeys[0], rightKeys[0], r, x.Kind == plan.LeftAnti)
			break
		}
		from = g.d.Semi(l.source(), r.source(), cond, x.Kind == plan.LeftAnti)
	case plan.RightSemi, plan.RightAnti:
		part = r.part
		if member {
			from = r.source() + "\nWHERE " + g.membership(rightKeys[0], leftKeys[0], l, x.Kind == plan.RightAnti)
			break
		}
		from = g.d.Semi(r.source(), l.source(), cond, x.Kind == plan.RightAnti)
	case plan.LeftOuter:
		from, outerRight = l.source()+" LEFT JOIN "+r.source()+" ON "+cond, true
	case plan.RightOuter:
		from, outerLeft = l.source()+" RIGHT JOIN "+r.source()+" ON "+cond, true
	case plan.FullOuter:
		from, outerLeft, outerRight = l.source()+" FULL JOIN "+r.source()+" ON "+cond, true, true
	default:
		from = l.source() + " JOIN " + r.source() + " ON " + cond
		if x.Kind == plan.InnerUnique && lookups { // the side with each key once is the smaller one
			from = r.source() + " JOIN " + l.source() + " ON " + cond
		}
	}
	items := make([]string, len(out))
	for i, it := range out {
		s := g.Expr(it.Expr)
		used := need{}
		columnsIn(it.Expr, used)
		maybeNull := false
		for id := range used {
			maybeNull = maybeNull || outerLeft && leftCols[id] || outerRight && rightCols[id]
		}
		if maybeNull && it.Column.Type == plan.String {
			s = "coalesce(" + s + ", '')"
		}
		if !maybeNull && g.NotNull(it.Expr) {
			g.notNull[it.Column.ID] = true
		} else if maybeNull {
			delete(g.notNull, it.Column.ID)
		}
		if s == col(it.Column.ID) {
			items[i] = s
		} else {
			items[i] = s + " AS " + col(it.Column.ID)
		}
	}
	side := l
	if len(l.part) == 0 {
		side = r
	}
	for _, p := range part {
		items = append(items, side.alias+"."+p)
	}
	if len(items) == 0 {
		items = []string{"1 AS h0"}
	}
	res := g.plain("SELECT " + strings.Join(items, ", ") + "\nFROM " + from)
	res.part = part
	res.hide(part...)
	return res
}

// sameText says that the join is by one text on both sides, which is never null.
func (g *Emitter) sameText(left, right []plan.Expr) bool {
	return len(left) == 1 && left[0].Type() == plan.String && right[0].Type() == plan.String
}

// membership is the test whether a key is among those of another relation.
func (g *Emitter) membership(key, other plan.Expr, in *rel, anti bool) string {
	op := " IN ("
	if anti {
		op = " NOT IN ("
	}
	return g.Expr(key) + op + "SELECT " + g.Expr(other) + " FROM " + in.source() + ")"
}

// joinKey is the equality of two keys; null joins nothing.
func (g *Emitter) joinKey(a, b plan.Expr) string {
	x, y := g.Expr(a), g.Expr(b)
	if ta, tb := a.Type(), b.Type(); ta != tb {
		switch {
		case ta == plan.Dynamic:
			x = g.d.Convert(g, x, ta, tb)
		case tb == plan.Dynamic:
			y = g.d.Convert(g, y, tb, ta)
		case ta == plan.Decimal || tb == plan.Decimal:
			x, y = g.d.Convert(g, x, ta, plan.Real), g.d.Convert(g, y, tb, plan.Real)
		case (ta == plan.Real || tb == plan.Real) && !g.d.Traits().Mixed:
			x, y = g.As(a, plan.Real), g.As(b, plan.Real)
		}
	}
	return x + " = " + y
}

// firstPer keeps one row of r for each value of the keys.
func (g *Emitter) firstPer(r *rel, cols []plan.Column, want need, keys []plan.Expr) *rel {
	by := make([]string, 0, len(keys))
	for _, k := range keys {
		by = append(by, g.Expr(k))
	}
	by = append(by, r.part...)
	items, names := kept(cols, want)
	for _, p := range r.part {
		if !names[p] {
			items = append(items, p)
		}
	}
	// With nothing but keys in the row, distinct rows are the same thing and cheaper.
	onlyKeys := len(items) > 0
	for _, it := range items {
		found := false
		for _, k := range by {
			found = found || k == it
		}
		onlyKeys = onlyKeys && found
	}
	var sql string
	if onlyKeys {
		sql = "SELECT DISTINCT " + strings.Join(items, ", ") + " FROM " + r.source()
	} else {
		sql = g.d.FirstPer(by, items, r.source(), "")
	}
	out := g.plain(sql)
	out.part = r.part
	out.hide(r.part...)
	return out
}
