package sqlgen

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func itoa(n int) string { return strconv.Itoa(n) }

func (d *duck) dynamics() {
	d.call["index"] = func(g *Emitter, c *plan.Call) string {
		if s := d.group(g, c); s != "" {
			column, h := g.heldGroups(c.Args[0])
			return "CASE WHEN " + matched(column, h) + " THEN CAST(to_json(" + s + ") AS VARCHAR) END"
		}
		if base, path, ok := jsonPath(c); ok {
			return "nullif(CAST(" + d.extracted(g, "json_extract", base, path) + " AS VARCHAR), 'null')"
		}
		if s := d.splitPart(g, c); s != "" {
			return "CAST(to_json(" + s + ") AS VARCHAR)"
		}
		return ""
	}
	d.call["parse_json"] = func(g *Emitter, c *plan.Call) string {
		a := c.Args[0]
		if a.Type() == plan.Dynamic && isColumn(a) {
			// Only a text inside a dynamic is read once more.
			s := g.Expr(a)
			return "CASE WHEN starts_with(" + s + ", '\"') THEN " + d.udf(g, c.Func, c.T, c.Args) + " ELSE " + s + " END"
		}
		if a.Type() != plan.String {
			return ""
		}
		// Text that is JSON is its own value; the rest is looked at in Go.
		s := g.Expr(a)
		if !isColumn(a) {
			return ""
		}
		return "CASE WHEN json_valid(" + s + ") THEN nullif(" + s + ", 'null') ELSE " + d.udf(g, c.Func, c.T, c.Args) + " END"
	}
	d.call["array_length"] = func(g *Emitter, c *plan.Call) string {
		a := c.Args[0]
		if a.Type() != plan.Dynamic {
			return ""
		}
		if k, ok := a.(*plan.Call); ok && k.Func == "split" && len(k.Args) == 2 {
			if p, ok := constText(k.Args[1]); ok && p != "" {
				return "len(string_split(" + g.Text(k.Args[0]) + ", " + g.Text(k.Args[1]) + "))"
			}
		}
		s := g.Expr(a)
		return "CASE WHEN starts_with(" + s + ", '[') THEN CAST(json_array_length(" + s + ") AS BIGINT) END"
	}
	d.call["set_has_element"] = func(g *Emitter, c *plan.Call) string {
		k, ok := c.Args[0].(*plan.Const)
		if !ok || c.Args[1].Type() != plan.String {
			return ""
		}
		items, ok := constStrings(k)
		if !ok {
			return ""
		}
		if len(items) == 0 {
			return "false"
		}
		for i, s := range items {
			items[i] = quote(s)
		}
		return "(" + g.Expr(c.Args[1]) + " IN (" + strings.Join(items, ", ") + "))"
	}
	d.call["extract_json"] = func(g *Emitter, c *plan.Call) string {
		path, ok := constText(c.Args[0])
		if !ok || !strings.HasPrefix(path, "$.") || strings.ContainsAny(path, `'"*\[]?@ -`) || strings.Contains(path, "..") || c.T != plan.String {
			return ""
		}
		var quoted strings.Builder
		quoted.WriteString("$")
		for _, p := range strings.Split(path[2:], ".") {
			if p == "" {
				return ""
			}
			quoted.WriteString(`."` + p + `"`)
		}
		return "coalesce(" + d.extracted(g, "json_extract_string", c.Args[1], quoted.String()) + ", '')"
	}
}

// jsonPath turns a chain of constant indexes into the value it starts from and a path.
func jsonPath(c *plan.Call) (plan.Expr, string, bool) {
	var steps []string
	var e plan.Expr = c
	for {
		k, ok := e.(*plan.Call)
		if !ok || k.Func != "index" {
			break
		}
		key, ok := k.Args[1].(*plan.Const)
		if !ok {
			return nil, "", false
		}
		switch x := constant(key).(type) {
		case string:
			if key.T == plan.Dynamic || x == "" || strings.ContainsAny(x, "\"\\*\x00") {
				return nil, "", false
			}
			steps = append(steps, `."`+x+`"`)
		case int64:
			if x < 0 {
				steps = append(steps, "[#"+strconv.FormatInt(x, 10)+"]")
			} else {
				steps = append(steps, "["+strconv.FormatInt(x, 10)+"]")
			}
		default:
			return nil, "", false
		}
		e = k.Args[0]
	}
	if k, ok := e.(*plan.Call); ok && k.Func == "split" {
		return nil, "", false
	}
	path := "$"
	for i := len(steps) - 1; i >= 0; i-- {
		path += steps[i]
	}
	return e, path, true
}

// extracted applies a JSON function to a value and a path. What is stored may turn out not to be JSON; that gives null, not an error.
func (d *duck) extracted(g *Emitter, f string, base plan.Expr, path string) string {
	s, guard := d.document(g, base)
	return guard(f + "(" + s + ", " + quote(path) + ")")
}

// document is a value as the JSON that a path leads into, and what keeps a call over it from failing where it is no JSON.
func (d *duck) document(g *Emitter, base plan.Expr) (string, func(call string) string) {
	bare := func(call string) string { return call }
	try := func(call string) string { return "TRY(" + call + ")" }
	if g.heldText(base) {
		return "nullif(" + col(base.(*plan.ColRef).ID) + ", '')", try
	}
	if k, ok := base.(*plan.Call); ok && k.Func == "parse_json" && (k.Args[0].Type() == plan.String || k.Args[0].Type() == plan.Dynamic) {
		base = k.Args[0]
		if base.Type() == plan.Dynamic {
			// A dynamic that holds text is read once more.
			if isColumn(base) {
				return g.Expr(k), try
			}
			return g.Expr(k), bare
		}
	}
	s := g.Expr(base)
	if base.Type() == plan.String {
		s = "nullif(" + s + ", '')"
	} else if base.Type() != plan.Dynamic {
		s = g.d.Convert(g, s, base.Type(), plan.Dynamic)
	}
	if hasSubquery(base) || volatile(base) || !isColumn(base) && base.Type() == plan.Dynamic {
		if base.Type() == plan.String {
			return s, func(call string) string { return "CASE WHEN json_valid(" + s + ") THEN " + call + " END" }
		}
		return s, bare
	}
	return s, try
}

// splitPart is split(text, delimiter)[n] as one list access.
func (d *duck) splitPart(g *Emitter, c *plan.Call) string {
	k, ok := c.Args[0].(*plan.Call)
	if !ok || k.Func != "split" || len(k.Args) != 2 {
		return ""
	}
	p, ok := constText(k.Args[1])
	n, okn := constLong(c.Args[1])
	if !ok || !okn || p == "" {
		return ""
	}
	if n >= 0 {
		n++
	}
	return "(string_split(" + g.Text(k.Args[0]) + ", " + quote(p) + "))[" + strconv.FormatInt(n, 10) + "]"
}

// textOfDynamic is tostring() of what a path gives, without building the JSON in between.
func (d *duck) textOfDynamic(g *Emitter, e plan.Expr) string {
	c, ok := e.(*plan.Call)
	if !ok {
		return ""
	}
	switch c.Func {
	case "index":
		if s := d.group(g, c); s != "" {
			return s
		}
		if base, path, ok := jsonPath(c); ok {
			return "coalesce(" + d.extracted(g, "json_extract_string", base, path) + ", '')"
		}
		if s := d.splitPart(g, c); s != "" {
			return "coalesce(" + s + ", '')"
		}
	case "__dynamic":
		if c.Args[0].Type() == plan.String {
			return g.Expr(c.Args[0])
		}
	}
	return ""
}

// constStrings are the elements of a constant array of strings.
func constStrings(k *plan.Const) ([]string, bool) {
	s, ok := k.Value.(string)
	if !ok || k.T != plan.Dynamic {
		return nil, false
	}
	return jsonStrings(s)
}
