package bind

import (
	"sort"
	"strings"
)

// Function describes a function of the language to an editor.
type Function struct {
	Name       string   `json:"name"`
	Kind       string   `json:"kind"`
	Signatures []string `json:"signatures"`
	Instead    string   `json:"instead,omitempty"`
	// Summary says in a few words what it gives; empty for what does not run here.
	Summary string `json:"summary,omitempty"`
}

// Functions lists the functions by name. Kind is "scalar", "aggregate", "plugin" or "table".
func Functions() []Function {
	t := functions()
	var out []Function
	add := func(kind string, m map[string]*function) {
		for name, f := range m {
			if strings.HasPrefix(name, "__") {
				continue
			}
			d := Function{Name: name, Kind: kind, Summary: summaries()[name]}
			if f.obsolete {
				d.Instead = f.instead
			}
			for i := range f.sigs {
				d.Signatures = append(d.Signatures, describe(name, &f.sigs[i]))
			}
			out = append(out, d)
		}
	}
	add("scalar", t.scalar)
	add("aggregate", t.aggregate)
	add("plugin", t.plugin)
	for _, name := range tableFunctionNames() {
		out = append(out, Function{Name: name, Kind: "table", Signatures: []string{name + "(…)"}, Summary: summaries()[name]})
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Name != out[j].Name {
			return out[i].Name < out[j].Name
		}
		return out[i].Kind < out[j].Kind
	})
	return out
}

// describe writes a signature for people: name(a: string, [b: long], c…: any) → type.
func describe(name string, s *signature) string {
	var b strings.Builder
	b.WriteString(name + "(")
	for i, p := range s.params {
		if i > 0 {
			b.WriteString(", ")
		}
		if p.min == 0 {
			b.WriteByte('[')
		}
		b.WriteString(p.name)
		if p.max > 1 {
			b.WriteString("…")
		}
		b.WriteString(": " + kindName(p.kind))
		if p.min == 0 {
			b.WriteByte(']')
		}
	}
	b.WriteString(")")
	switch s.returns {
	case "custom", "common", "literal":
	case "p0", "promoted":
		if len(s.params) > 0 {
			b.WriteString(" → type of " + s.params[0].name)
		}
	case "p1":
		if len(s.params) > 1 {
			b.WriteString(" → type of " + s.params[1].name)
		}
	case "widest":
		b.WriteString(" → number")
	default:
		b.WriteString(" → " + s.returns)
	}
	return b.String()
}

func kindName(kind string) string {
	switch kind {
	case "common", "orderable", "notdyn", "notreal":
		return "any"
	case "summable":
		return "number or time"
	case "numbool":
		return "number or bool"
	case "stringdyn":
		return "string or dynamic"
	case "stringarr":
		return "string or array"
	case "intarr":
		return "integer or array"
	}
	return kind
}
