package sqlgen

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// hold implements holder: text that is read as JSON stays text, and the groups of a pattern are a row of the engine.
func (d *duck) hold(g *Emitter, e plan.Expr) *held {
	c, ok := e.(*plan.Call)
	if !ok || len(c.Args) == 0 || c.Args[0].Type() != plan.String || volatile(e) || hasSubquery(e) {
		return nil
	}
	switch c.Func {
	case "parse_json":
		return &held{sql: g.Expr(c.Args[0])}
	case "__parse":
		re, ok := g.pattern(c.Args[1])
		if !ok || re.NumSubexp() == 0 || !needsText(re) {
			return nil
		}
		h := &held{fields: make([]string, re.NumSubexp()+1)}
		names := make([]string, len(h.fields))
		for i := range h.fields {
			h.fields[i] = "g" + itoa(i)
			names[i] = quote(h.fields[i])
		}
		h.sql = once("regexp_extract(" + g.Expr(c.Args[0]) + ", " + quote("("+re.String()+")") + ", [" + strings.Join(names, ", ") + "])")
		return h
	}
	return nil
}

// once keeps the engine from moving an expression to where its value is used, which computes it for each use: what may change stays where it is.
func once(s string) string { return "CASE WHEN random() < 2 THEN " + s + " END" }

// needsText says that a pattern never matches the empty text, and is written in what the engine's expressions know too.
func needsText(re *regexp.Regexp) bool {
	p, err := syntax.Parse(re.String(), syntax.Perl)
	return err == nil && leastLength(p) > 0 && !strings.Contains(re.String(), "(?<")
}

// leastLength is a bound below the number of characters that a pattern takes.
func leastLength(p *syntax.Regexp) int {
	switch p.Op {
	case syntax.OpLiteral:
		return len(p.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpCapture, syntax.OpPlus:
		return leastLength(p.Sub[0])
	case syntax.OpRepeat:
		if p.Min > 0 {
			return leastLength(p.Sub[0])
		}
	case syntax.OpConcat:
		for _, s := range p.Sub {
			if n := leastLength(s); n > 0 {
				return n
			}
		}
	case syntax.OpAlternate:
		for _, s := range p.Sub {
			if leastLength(s) == 0 {
				return 0
			}
		}
		return 1
	}
	return 0
}

// value implements holder.
func (d *duck) value(column string, h *held) string {
	if len(h.fields) == 0 {
		return "CASE WHEN json_valid(" + column + ") THEN nullif(" + column + ", 'null') ELSE " + d.udfSQL("parse_json", plan.Dynamic, []plan.Type{plan.String}, []string{column}) + " END"
	}
	parts := make([]string, len(h.fields)-1)
	for i, f := range h.fields[1:] {
		parts[i] = "struct_extract(" + column + ", " + quote(f) + ")"
	}
	return "CASE WHEN " + matched(column, h) + " THEN CAST(to_json([" + strings.Join(parts, ", ") + "]) AS VARCHAR) END"
}

func matched(column string, h *held) string {
	return "(coalesce(struct_extract(" + column + ", " + quote(h.fields[0]) + "), '') <> '')"
}

// heldText says that an expression is a column that holds text to be read as JSON.
func (g *Emitter) heldText(e plan.Expr) bool {
	ref, ok := e.(*plan.ColRef)
	return ok && g.held[ref.ID] != nil && len(g.held[ref.ID].fields) == 0
}

// heldGroups is the column of an expression and the groups that it holds, nil where it holds none.
func (g *Emitter) heldGroups(e plan.Expr) (string, *held) {
	ref, ok := e.(*plan.ColRef)
	if !ok || g.held[ref.ID] == nil || len(g.held[ref.ID].fields) == 0 {
		return "", nil
	}
	return col(ref.ID), g.held[ref.ID]
}

// group is the text of one of the groups that a column holds, "" where the call is something else. Without a match it is empty.
func (d *duck) group(g *Emitter, c *plan.Call) string {
	column, h := g.heldGroups(c.Args[0])
	if h == nil {
		return ""
	}
	n, ok := constLong(c.Args[1])
	if !ok || n < 0 {
		return ""
	}
	if int(n) >= len(h.fields)-1 {
		return "''"
	}
	return "coalesce(struct_extract(" + column + ", " + quote(h.fields[n+1]) + "), '')"
}

// elementsAt implements lister.
func (d *duck) elementsAt(g *Emitter, e plan.Expr) *elements {
	c, ok := e.(*plan.Call)
	if !ok || c.Func != "index" || d.group(g, c) != "" {
		return nil
	}
	base, path, ok := jsonPath(c)
	if !ok || hasSubquery(base) || volatile(base) {
		return nil
	}
	s, guard := d.document(g, base)
	return &elements{
		all: guard("json_extract(" + s + ", " + quote(path+"[*]") + ")"), document: s,
		list: func(all, document string, bagAsArray bool) string {
			x := "nullif(CAST(" + guard("json_extract("+document+", "+quote(path)+")") + " AS VARCHAR), 'null')"
			return "CASE WHEN len(" + all + ") > 0 THEN CAST(" + all + " AS VARCHAR[]) ELSE " + d.Elements(g, x, bagAsArray) + " END"
		},
	}
}
