package bind

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

//go:embed functions.txt
var functionList string

// class says what a function is.
type class uint8

const (
	scalarFunction class = iota
	aggregateFunction
	pluginFunction
)

// function is an entry of functions.txt.
type function struct {
	name      string
	canonical string // the name it stands for, itself when it is no synonym
	obsolete  bool
	instead   string // the name to use instead of an obsolete one
	class     class
	rule      string // result name rule
	sigs      []signature
	text      []string // the signatures as written
}

type signature struct {
	params  []param
	repeats bool
	returns string
}

type param struct {
	name     string
	kind     string
	min, max int
}

type functionTable struct {
	scalar, aggregate, plugin map[string]*function
	names                     []string
}

var functions = sync.OnceValue(parseFunctions)

func parseFunctions() *functionTable {
	t := &functionTable{scalar: map[string]*function{}, aggregate: map[string]*function{}, plugin: map[string]*function{}}
	into, cl := t.scalar, scalarFunction
	for line := range strings.Lines(functionList) {
		line = strings.TrimSpace(line)
		switch {
		case line == "## aggregates":
			into, cl = t.aggregate, aggregateFunction
		case line == "## plugins":
			into, cl = t.plugin, pluginFunction
		case line == "" || line[0] == '#':
		default:
			f := parseFunction(line)
			f.class = cl
			into[f.name] = f
			if !strings.HasPrefix(f.name, "__") {
				t.names = append(t.names, f.name)
			}
		}
	}
	return t
}

func parseFunction(line string) *function {
	head, rest, _ := strings.Cut(line, " (")
	words := strings.Fields(head)
	f := &function{name: words[0], canonical: words[0], rule: words[1]}
	if len(words) > 2 {
		f.canonical = strings.TrimPrefix(words[2], "=>")
		f.obsolete, f.instead = true, strings.ReplaceAll(f.canonical, "/", " or ")
	}
	if same := synonym(f.name); same != "" {
		f.canonical = same
	}
	for _, text := range strings.Split("("+rest, "; ") {
		s := parseSignature(text)
		f.sigs = append(f.sigs, s)
		f.text = append(f.text, describe(f.name, &s))
	}
	return f
}

// synonym folds names that functions.txt does not mark as obsolete but that mean the same.
func synonym(name string) string {
	switch name {
	case "todynamic", "toobject", "parsejson":
		return "parse_json"
	case "todouble":
		return "toreal"
	case "toboolean":
		return "tobool"
	case "totime":
		return "totimespan"
	case "iif":
		return "iff"
	case "array_iif":
		return "array_iff"
	case "array_strcat":
		return "strcat_array"
	case "extractjson":
		return "extract_json"
	case "columnifexists":
		return "column_ifexists"
	case "replace":
		return "replace_regex"
	case "pack", "pack_dictionary":
		return "bag_pack"
	case "make_dictionary":
		return "make_bag"
	}
	return ""
}

func parseSignature(text string) signature {
	end := strings.LastIndexByte(text, ')')
	s := signature{returns: strings.TrimSpace(text[end+1:])}
	list := text[1:end]
	if cut, ok := strings.CutSuffix(list, "..."); ok {
		s.repeats, list = true, cut
	}
	if list == "" {
		return s
	}
	for _, p := range strings.Split(list, ", ") {
		name, kind, _ := strings.Cut(p, ":")
		a := param{name: name, min: 1, max: 1}
		switch {
		case strings.HasSuffix(kind, "?"):
			kind, a.min = kind[:len(kind)-1], 0
		case strings.HasSuffix(kind, "*"):
			kind, a.min, a.max = kind[:len(kind)-1], 0, 1<<15
		case strings.HasSuffix(kind, "}"):
			k, bounds, _ := strings.Cut(strings.TrimSuffix(kind, "}"), "{")
			lo, hi, _ := strings.Cut(bounds, "..")
			kind = k
			a.min, _ = strconv.Atoi(lo)
			a.max, _ = strconv.Atoi(hi)
		}
		a.kind = kind
		s.params = append(s.params, a)
	}
	return s
}

// arity gives the least and greatest number of arguments.
func (s *signature) arity() (least, most int) {
	for _, p := range s.params {
		least += p.min
		if s.repeats && p.max > 1 {
			most = 1 << 15
		}
		most += p.max
	}
	return least, most
}

// param returns the parameter that argument i of n, of type t, stands for: parameters that repeat do so as a block, those after the block take the last
// arguments.
func (s *signature) param(i, n int, t plan.Type) *param {
	first, last := -1, -1
	for k, p := range s.params {
		if p.max > 1 {
			if first < 0 {
				first = k
			}
			last = k
		}
	}
	if first < 0 {
		return &s.params[min(i, len(s.params)-1)]
	}
	if i < first {
		return &s.params[i]
	}
	tail := 0
	for _, p := range s.params[last+1:] {
		tail += p.min
	}
	if i == n-1 && i > first && tail == 0 && last+1 < len(s.params) && fits(t, s.params[last+1].kind) && !fits(t, s.params[last].kind) {
		return &s.params[last+1]
	}
	if i >= n-tail {
		return &s.params[last+1+i-(n-tail)]
	}
	return &s.params[first+(i-first)%(last-first+1)]
}
