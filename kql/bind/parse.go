package bind

import (
	"regexp"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// group is the regular expression that a column of a parse pattern captures with. Text between two literals is taken as short as
// possible, except by patterns of kind regex.
func group(t plan.Type, relaxed, greedy bool) string {
	lazy := `.*?`
	if greedy {
		lazy = `.*`
	}
	number := ""
	switch t {
	case plan.String, plan.Dynamic:
		return "(" + lazy + ")"
	case plan.Int, plan.Long:
		number = `-?\d+`
	case plan.Real, plan.Decimal:
		number = `[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?`
	case plan.Bool:
		number = `(?i:true|false)|[01]`
	case plan.GUID:
		number = `[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}`
	default:
		return "(" + lazy + ")"
	}
	if relaxed {
		return "(" + number + "|" + lazy + ")"
	}
	return "(" + number + ")"
}

// parse lowers parse and parse-where to one regular expression, whose groups become the columns.
func (b *binder) parse(r *relation, op *syntax.ParseOp, env *environment) *relation {
	kind, flags := "simple", ""
	for _, p := range op.Props {
		switch p.Name {
		case "kind":
			kind = strings.ToLower(b.propText(p, env))
		case "flags":
			flags = b.propText(p, env)
		}
	}
	if kind != "simple" && kind != "relaxed" && kind != "regex" {
		b.errorf(op.Pos(), CodeName, "", "the kinds of parse are simple, relaxed and regex")
	}
	var pattern strings.Builder
	switch {
	case kind != "regex":
		pattern.WriteString(`(?s)^`)
	case strings.Trim(flags, "imsU") == "" && flags != "":
		pattern.WriteString("(?" + flags + ")")
	}
	type column struct {
		name string
		t    plan.Type
	}
	var cols []column
	groups := 1
	open := map[int]int{} // column -> group
	for i, part := range op.Pattern {
		last := i == len(op.Pattern)-1
		switch {
		case part.Star:
			if last || kind == "regex" {
				pattern.WriteString(`.*`)
			} else {
				pattern.WriteString(`.*?`)
			}
		case part.Text != nil:
			s, _ := part.Text.Value.(string)
			if kind != "regex" {
				pattern.WriteString(regexp.QuoteMeta(s))
				continue
			}
			re, err := regexp.Compile(s)
			if err != nil {
				b.errorf(part.Text.Pos(), CodeType, "", "not a regular expression: %s", err)
				return r
			}
			pattern.WriteString("(?:" + s + ")")
			groups += re.NumSubexp()
		case part.Name != nil:
			t := plan.String
			if part.Type != "" {
				t, _ = typeOf(part.Type)
			}
			pattern.WriteString(group(t, kind == "relaxed", last || kind == "regex"))
			open[len(cols)] = groups
			groups++
			cols = append(cols, column{part.Name.Text, t})
		}
	}
	if kind != "regex" {
		pattern.WriteString(`$`)
	}
	text := b.asText(b.scalar(op.X, &scope{env: env, rel: r}))
	call := &plan.Call{Func: "__parse", T: plan.Dynamic, Args: []plan.Expr{text, &plan.Const{T: plan.String, Value: pattern.String()}}}
	found := b.column("$parse", plan.Dynamic)
	stage := &plan.Project{Input: r.node, Items: append(pass(r), plan.Named{Column: found, Expr: call})}

	values := make([]plan.Expr, len(cols))
	var valid []plan.Expr
	for i, c := range cols {
		item := &plan.Call{Func: "index", T: plan.Dynamic, Args: []plan.Expr{ref(found), &plan.Const{T: plan.Long, Value: int64(open[i] - 1)}}}
		v := b.asText(item)
		if c.t == plan.Dynamic {
			values[i] = &plan.Call{Func: "parse_json", T: c.t, Args: []plan.Expr{v}}
			continue
		}
		values[i] = b.convert(v, c.t)
		if c.t != plan.String {
			valid = append(valid, &plan.Call{Func: "isnotnull", T: plan.Bool, Args: []plan.Expr{values[i]}})
		}
	}
	all := plan.Expr(&plan.Call{Func: "isnotnull", T: plan.Bool, Args: []plan.Expr{ref(found)}})
	if kind != "relaxed" && len(valid) > 0 {
		all = &plan.Call{Func: "and", T: plan.Bool, Args: append([]plan.Expr{all}, valid...)}
		for i, v := range values { // strict: one value that does not convert voids the others
			if !(len(valid) == 1 && cols[i].t != plan.String) {
				values[i] = &plan.Case{Whens: []plan.Expr{all}, Thens: []plan.Expr{v}, Else: null(cols[i].t), T: cols[i].t}
			}
		}
	}
	p := &projection{}
	for _, f := range r.fields {
		p.add(f, ref(f.Column))
	}
	for i, c := range cols {
		b.put(p, c.name, values[i], true)
	}
	in := plan.Node(stage)
	if op.Where {
		in = &plan.Filter{Input: in, Pred: all}
	}
	return r.with(&plan.Project{Input: in, Items: p.items}, p.fields)
}

// parseKV lowers parse-kv to one call that gives a bag, whose members become the columns.
func (b *binder) parseKV(r *relation, op *syntax.ParseKV, env *environment) *relation {
	text := b.asText(b.scalar(op.X, &scope{env: env, rel: r}))
	options := map[string]string{}
	var order []string
	for _, p := range op.Props {
		e := p.Value
		v := b.propText(p, env)
		if n, ok := e.(*syntax.Name); ok && (n.Text == "true" || n.Text == "false") {
			v = n.Text
		}
		switch p.Name {
		case "pair_delimiter", "kv_delimiter", "quote", "escape", "greedy", "regex":
			options[p.Name] = v
		case "quote_start", "quote_end":
			options[p.Name] = v
		case "quotes":
			if list, ok := e.(*syntax.Paren); ok {
				v = b.propText(syntax.Property{Value: list.X}, env)
			}
			options[p.Name] = v
		default:
			b.errorf(p.Pos(), CodeName, didYouMean(p.Name, []string{"pair_delimiter", "kv_delimiter", "quote", "escape", "greedy", "regex"}), "parse-kv has no option `%s`", p.Name)
			continue
		}
		order = append(order, p.Name)
	}
	var j strings.Builder
	j.WriteByte('{')
	for _, name := range order {
		syntax.WriteJSONString(&j, name)
		j.WriteByte(':')
		if name == "greedy" {
			if options[name] == "true" {
				j.WriteString("true")
			} else {
				j.WriteString("false")
			}
		} else {
			syntax.WriteJSONString(&j, options[name])
		}
		j.WriteByte(',')
	}
	j.WriteString(`"keys":[`)
	for i, c := range op.Columns {
		if i > 0 {
			j.WriteByte(',')
		}
		syntax.WriteJSONString(&j, c.Name)
	}
	j.WriteString("]}")
	call := &plan.Call{Func: "__parse_kv", T: plan.Dynamic, Args: []plan.Expr{text, &plan.Const{T: plan.Dynamic, Value: j.String()}}}
	found := b.column("$parse", plan.Dynamic)
	stage := &plan.Project{Input: r.node, Items: append(pass(r), plan.Named{Column: found, Expr: call})}
	p := &projection{}
	for _, f := range r.fields {
		p.add(f, ref(f.Column))
	}
	for _, c := range op.Columns {
		t, _ := typeOf(c.Type)
		item := &plan.Call{Func: "index", T: plan.Dynamic, Args: []plan.Expr{ref(found), &plan.Const{T: plan.String, Value: c.Name}}}
		v := b.asText(item)
		if t == plan.Dynamic {
			v = &plan.Call{Func: "parse_json", T: t, Args: []plan.Expr{v}}
		}
		b.put(p, c.Name, b.convert(v, t), true)
	}
	return r.with(&plan.Project{Input: stage, Items: p.items}, p.fields)
}
