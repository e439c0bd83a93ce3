package sqlgen

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func (d *clickhouse) dynamics() {
	d.call["index"] = func(g *Emitter, c *plan.Call) string {
		if s := d.element(g, c, "OrNull"); s != "" {
			return "toJSONString(" + s + ")"
		}
		p, ok := d.path(g, c)
		if !ok {
			return ""
		}
		return d.let(g, p.base, func(base string) string {
			p := p
			p.base = base
			raw := "nullIf(nullIf(JSONExtractRaw(" + p.args() + "), ''), 'null')"
			// A whole real keeps its point.
			out := "if(position(" + base + ", '.0') > 0 AND JSONType(" + p.args() + ") = 'Double', " + d.realText(g, "JSONExtractFloat("+p.args()+")") + ", " + raw + ")"
			return p.guard(out, "NULL")
		})
	}
	d.call["parse_json"] = func(g *Emitter, c *plan.Call) string {
		a := c.Args[0]
		switch a.Type() {
		case plan.String:
			return d.let(g, g.Expr(a), func(s string) string {
				return "multiIf(isValidJSON(" + s + "), nullIf(" + d.trimmed(s) + ", 'null'), " + d.trimmed(s) + " = '', NULL, toJSONString(" + s + "))"
			})
		case plan.Dynamic:
			return d.let(g, g.Expr(a), func(x string) string {
				s := "JSONExtractString(ifNull(" + x + ", ''))"
				return "if(startsWith(ifNull(" + x + ", ''), '\"'), multiIf(isValidJSON(" + s + "), nullIf(" + d.trimmed(s) + ", 'null'), " + d.trimmed(s) + " = '', NULL, " + x + "), " + x + ")"
			})
		}
		return ""
	}
	d.call["array_length"] = func(g *Emitter, c *plan.Call) string {
		a := c.Args[0]
		if k, ok := a.(*plan.Call); ok && k.Func == "split" && len(k.Args) == 2 {
			if list := d.splitList(g, k); list != "" {
				return "toInt64(length(" + list + "))"
			}
		}
		if a.Type() != plan.Dynamic {
			return ""
		}
		return d.let(g, g.Expr(a), func(s string) string {
			return "if(startsWith(ifNull(" + s + ", ''), '['), toInt64(JSONLength(ifNull(" + s + ", ''))), NULL)"
		})
	}
	d.call["set_has_element"] = func(g *Emitter, c *plan.Call) string {
		if c.Args[1].Type() != plan.String || c.Args[0].Type() != plan.Dynamic {
			return ""
		}
		k, ok := c.Args[0].(*plan.Const)
		if !ok {
			item := g.Expr(c.Args[1])
			return d.let(g, g.Expr(c.Args[0]), func(s string) string {
				return "if(startsWith(ifNull(" + s + ", ''), '['), arrayExists(e -> startsWith(e, '\"') AND JSONExtractString(e) = " + item + ", JSONExtractArrayRaw(ifNull(" + s + ", ''))), NULL)"
			})
		}
		items, ok := constStrings(k)
		if !ok {
			return ""
		}
		if len(items) == 0 {
			return "false"
		}
		return "(" + g.Expr(c.Args[1]) + " IN (" + quotedList(items) + "))"
	}
	d.call["extract_json"] = func(g *Emitter, c *plan.Call) string {
		path, ok := constText(c.Args[0])
		if !ok || !strings.HasPrefix(path, "$.") || strings.ContainsAny(path, `'"*\[]?@ -`) || strings.Contains(path, "..") {
			return ""
		}
		if t := c.Args[1].Type(); t != plan.String && t != plan.Dynamic {
			return ""
		}
		p := chPath{base: d.document(g, c.Args[1])}
		for _, k := range strings.Split(path[2:], ".") {
			if k == "" {
				return ""
			}
			p.steps = append(p.steps, chStep{sql: chQuote(k)})
		}
		switch c.T {
		case plan.String:
			return d.textAt(g, p)
		case plan.Int, plan.Long, plan.Real, plan.Bool:
			return d.Convert(g, "nullIf(nullIf(JSONExtractRaw("+p.args()+"), ''), 'null')", plan.Dynamic, c.T)
		}
		return ""
	}
	d.call["bag_pack"] = func(g *Emitter, c *plan.Call) string {
		seen := map[string]bool{}
		parts := []string{"'{'"}
		for i := 0; i+1 < len(c.Args); i += 2 {
			k, ok := constText(c.Args[i])
			if !ok && len(c.Args) == 2 {
				parts = append(parts, "toJSONString("+g.Text(c.Args[0])+")", "':'", "ifNull("+g.As(c.Args[1], plan.Dynamic)+", 'null')")
				break
			}
			if !ok || seen[k] {
				return ""
			}
			seen[k] = true
			comma := ""
			if i > 0 {
				comma = ","
			}
			parts = append(parts, "concat("+chQuote(comma)+", toJSONString("+chQuote(k)+"), ':')", "ifNull("+g.As(c.Args[i+1], plan.Dynamic)+", 'null')")
		}
		return "concat(" + strings.Join(append(parts, "'}'"), ", ") + ")"
	}
	d.call["pack_array"] = func(g *Emitter, c *plan.Call) string {
		parts := []string{"'['"}
		for i, a := range c.Args {
			if i > 0 {
				parts = append(parts, "','")
			}
			parts = append(parts, "ifNull("+g.As(a, plan.Dynamic)+", 'null')")
		}
		return "concat(" + strings.Join(append(parts, "']'"), ", ") + ")"
	}
	d.call["bag_keys"] = func(g *Emitter, c *plan.Call) string {
		if c.Args[0].Type() != plan.Dynamic {
			return ""
		}
		return d.let(g, g.Expr(c.Args[0]), func(s string) string {
			return "if(startsWith(ifNull(" + s + ", ''), '{'), toJSONString(JSONExtractKeys(ifNull(" + s + ", ''))), NULL)"
		})
	}
	d.call["strcat_array"] = func(g *Emitter, c *plan.Call) string {
		between, ok := constText(c.Args[1])
		if !ok || c.Args[0].Type() != plan.Dynamic {
			return ""
		}
		return d.let(g, g.Expr(c.Args[0]), func(s string) string {
			return "if(startsWith(ifNull(" + s + ", ''), '['), arrayStringConcat(arrayMap(e -> if(startsWith(e, '\"'), JSONExtractString(e), if(e = 'null', '', e)), JSONExtractArrayRaw(ifNull(" + s +
				", ''))), " + chQuote(between) + "), '')"
		})
	}
}

// chPath is an access into a JSON document.
type chPath struct {
	base  string
	steps []chStep
}

// chStep is a key, or a position from 1 (from the end when negative).
type chStep struct {
	sql   string
	array bool
}

func (p chPath) args() string {
	s := p.base
	for _, st := range p.steps {
		s += ", " + st.sql
	}
	return s
}

// guard gives otherwise where a position is used on something that is no array: the engine counts the members of a bag too.
func (p chPath) guard(sql, otherwise string) string {
	for i, st := range p.steps {
		if !st.array {
			continue
		}
		sql = "if(JSONType(" + chPath{p.base, p.steps[:i]}.args() + ") = 'Array', " + sql + ", " + otherwise + ")"
	}
	return sql
}

// document is an expression as the text of a JSON document, never null.
func (d *clickhouse) document(g *Emitter, e plan.Expr) string {
	e = g.defined(e)
	if k, ok := e.(*plan.Call); ok && k.Func == "parse_json" {
		// What is no JSON has no members, so there is no need to make a value of it first.
		switch k.Args[0].Type() {
		case plan.String:
			e = k.Args[0]
		case plan.Dynamic:
			s := d.document(g, k.Args[0])
			return "if(startsWith(" + s + ", '\"'), JSONExtractString(" + s + "), " + s + ")"
		}
	}
	switch e.Type() {
	case plan.String:
		return g.Expr(e)
	case plan.Dynamic:
		return "ifNull(" + g.Expr(e) + ", '')"
	}
	return "ifNull(" + g.As(e, plan.Dynamic) + ", '')"
}

// path turns a chain of indexes into the document it starts from and its steps.
func (d *clickhouse) path(g *Emitter, c *plan.Call) (chPath, bool) {
	var p chPath
	var e plan.Expr = c
	for {
		k, ok := g.defined(e).(*plan.Call)
		if !ok || k.Func != "index" {
			break
		}
		step := chStep{}
		switch key := k.Args[1].(type) {
		case *plan.Const:
			switch x := constant(key).(type) {
			case string:
				if key.T == plan.Dynamic || x == "" {
					return p, false
				}
				step.sql = chQuote(x)
			case int64:
				if x >= 0 {
					x++
				}
				step = chStep{sql: ticksText(x), array: true}
			default:
				return p, false
			}
		default:
			switch key.Type() {
			case plan.String:
				step.sql = g.Expr(key)
			case plan.Long, plan.Int:
				s := g.Expr(key)
				step = chStep{sql: "toInt64(ifNull(if(" + s + " >= 0, " + s + " + 1, " + s + "), 2147483647))", array: true}
			default:
				return p, false
			}
		}
		p.steps = append([]chStep{step}, p.steps...)
		e = k.Args[0]
	}
	p.base = d.document(g, e)
	return p, len(p.steps) > 0
}

// textAt is tostring() of what a path leads to.
func (d *clickhouse) textAt(g *Emitter, p chPath) string {
	return d.let(g, p.base, func(base string) string {
		p.base = base
		s := p.text()
		// A whole real keeps its point.
		s = "if(position(" + base + ", '.0') > 0 AND match(" + s + ", '^-?[0-9]+') AND JSONType(" + p.args() + ") = 'Double', " + d.realText(g, "JSONExtractFloat("+p.args()+")") + ", " + s + ")"
		return "ifNull(" + p.guard(s, "''") + ", '')"
	})
}

// text is what a path leads to as the engine writes it, without the quotes of a text; nothing where there is nothing.
func (p chPath) text() string { return "ifNull(JSONExtract(" + p.args() + ", 'Nullable(String)'), '')" }

// numberAt is what a path leads to as a whole number, "" where it is another type that is asked for: by the text of it, unless that is a bool.
func (d *clickhouse) numberAt(g *Emitter, e plan.Expr, to plan.Type) string {
	c, ok := g.defined(e).(*plan.Call)
	if !ok || c.Func != "index" || to != plan.Long && to != plan.Int || d.element(g, c, "") != "" {
		return ""
	}
	p, ok := d.path(g, c)
	if !ok {
		return ""
	}
	return d.let(g, p.base, func(base string) string {
		p.base = base
		t := p.text()
		s := d.fromText(g, t, to)
		return p.guard("if("+t+" IN ('true', 'false') AND JSONType("+p.args()+") = 'Bool', "+d.toInteger(t+" = 'true'", to)+", "+s+")", "NULL")
	})
}

func (d *clickhouse) toInteger(s string, t plan.Type) string {
	if t == plan.Int {
		return "toInt32(" + s + ")"
	}
	return "toInt64(" + s + ")"
}

// element is an index into something that is an array of texts to the engine already; otherwise is "OrNull" where one that is not there is null, ""
// where it is the empty text.
func (d *clickhouse) element(g *Emitter, c *plan.Call, otherwise string) string {
	k, ok := g.defined(c.Args[0]).(*plan.Call)
	n, okn := constLong(c.Args[1])
	if !ok || !okn {
		return ""
	}
	var list string
	switch {
	case k.Func == "split" && len(k.Args) == 2:
		list = d.splitList(g, k)
	case k.Func == "__parse":
		list = d.groups(g, k)
	}
	if list == "" {
		return ""
	}
	if n >= 0 {
		n++
	}
	return "arrayElement" + otherwise + "(" + list + ", " + ticksText(n) + ")"
}

// textOfDynamic is tostring() of a dynamic value, without building the JSON in between where a path leads to it.
func (d *clickhouse) textOfDynamic(g *Emitter, e plan.Expr) string {
	if c, ok := g.defined(e).(*plan.Call); ok {
		switch c.Func {
		case "index":
			if s := d.element(g, c, ""); s != "" {
				return s
			}
			if p, ok := d.path(g, c); ok {
				return d.textAt(g, p)
			}
		case "__dynamic":
			if c.Args[0].Type() == plan.String {
				return g.Expr(c.Args[0])
			}
		}
	}
	return d.plainText(g, g.Expr(e))
}

const ipShape = `'^\\s*([0-9]{1,3})\\.([0-9]{1,3})\\.([0-9]{1,3})\\.([0-9]{1,3})(?:/([0-9]{1,2}))?\\s*$'`

// address gives the number of an IPv4 address and the length of its prefix as a tuple to f; f's result is null where s is none.
func (d *clickhouse) address(g *Emitter, s string, f func(v, bits string) string) string {
	p := g.newHidden() + "v"
	v := "(toUInt64(" + p + "[1]) * 16777216 + toUInt64(" + p + "[2]) * 65536 + toUInt64(" + p + "[3]) * 256 + toUInt64(" + p + "[4]))"
	bits := "if(" + p + "[5] = '', toUInt8(32), toUInt8OrZero(" + p + "[5]))"
	number := "IPv4StringToNumOrNull(" + s + ")"
	return "if(" + number + " IS NOT NULL, " + f("toUInt64(assumeNotNull("+number+"))", "toUInt8(32)") + ", arrayElement(arrayMap(" + p + " -> if(length(" + p + ") < 5 OR arrayExists(e -> toUInt64OrZero(e) > 255, " + p + ") OR toUInt8OrZero(" + p + "[5]) > 32, NULL, " + f(v, bits) +
		"), [extractGroups(" + s + ", " + ipShape + ")]), 1))"
}

func (d *clickhouse) addresses() {
	d.call["ipv4_is_private"] = func(g *Emitter, c *plan.Call) string {
		return d.address(g, g.Text(c.Args[0]), func(v, _ string) string {
			return "(bitShiftRight(" + v + ", 24) = 10 OR bitShiftRight(" + v + ", 20) = 2753 OR bitShiftRight(" + v + ", 16) = 49320)"
		})
	}
	inRange := func(g *Emitter, s, r string) (string, bool) {
		n, bits, ok := rangeOf(r)
		if !ok {
			return "", false
		}
		return d.address(g, s, func(v, own string) string {
			shift := "(32 - least(" + own + ", " + itoa(bits) + "))"
			return "(bitShiftRight(" + v + ", " + shift + ") = bitShiftRight(toUInt64(" + ticksText(n) + "), " + shift + "))"
		}), true
	}
	d.call["ipv4_is_in_any_range"] = func(g *Emitter, c *plan.Call) string {
		var ranges []string
		for _, a := range c.Args[1:] {
			r, ok := constText(a)
			if k, isConst := a.(*plan.Const); isConst && a.Type() == plan.Dynamic {
				list, ok := constStrings(k)
				if !ok {
					return ""
				}
				ranges = append(ranges, list...)
				continue
			}
			if !ok {
				return ""
			}
			ranges = append(ranges, r)
		}
		if len(ranges) == 0 || len(ranges) > 500 {
			return ""
		}
		known := true
		s := d.address(g, g.Text(c.Args[0]), func(v, own string) string {
			tests := make([]string, len(ranges))
			for i, r := range ranges {
				n, bits, ok := rangeOf(r)
				known = known && ok
				shift := "(32 - least(" + own + ", " + itoa(bits) + "))"
				tests[i] = "bitShiftRight(" + v + ", " + shift + ") = bitShiftRight(toUInt64(" + ticksText(n) + "), " + shift + ")"
			}
			return "(" + strings.Join(tests, " OR ") + ")"
		})
		if !known {
			return ""
		}
		return s
	}
	d.call["ipv4_is_in_range"] = func(g *Emitter, c *plan.Call) string {
		r, ok := constText(c.Args[1])
		if !ok {
			return ""
		}
		s, ok := inRange(g, g.Text(c.Args[0]), r)
		if !ok {
			return ""
		}
		return s
	}
}

// rangeOf reads an address with or without a prefix in its plainest form.
func rangeOf(s string) (int64, int, bool) {
	addr, suffix, has := strings.Cut(strings.TrimSpace(s), "/")
	bits := int64(32)
	number := func(s string, most int64) (int64, bool) {
		n := int64(0)
		for _, r := range s {
			if r < '0' || r > '9' {
				return 0, false
			}
			n = n*10 + int64(r-'0')
		}
		return n, s != "" && len(s) <= 3 && n <= most
	}
	if has {
		var ok bool
		if bits, ok = number(suffix, 32); !ok {
			return 0, 0, false
		}
	}
	parts := strings.Split(addr, ".")
	if len(parts) != 4 {
		return 0, 0, false
	}
	v := int64(0)
	for _, p := range parts {
		n, ok := number(p, 255)
		if !ok {
			return 0, 0, false
		}
		v = v<<8 | n
	}
	return v, int(bits), true
}
