package evtx

import (
	"errors"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// Bounds of the JSON of one record. Templates can repeat a value, so a small record can grow.
const (
	maxWork   = 100_000 // pieces looked at
	maxOutput = 4 << 20 // bytes
)

// writer renders elements as JSON.
type writer struct {
	out    []byte
	budget int
}

// placed is an element with the values that its substitutions mean.
type placed struct {
	*element
	values []value
}

// gathered is the content of one element with all substitutions made.
type gathered struct {
	elements []placed
	pieces   []value // texts are values of kind typeText
}

// typeText marks text that is UTF-8 already.
const typeText = 0x7f

var errOutput = errors.New("its text is too large")

// document writes the record: an object with one member, the outermost element.
func (w *writer) document(nodes []node) error {
	var g gathered
	if err := w.gather(&g, nodes, nil, 0); err != nil {
		return err
	}
	if len(g.elements) == 0 {
		return errors.New("it holds no event")
	}
	root := g.elements[0]
	w.out = append(w.out, '{')
	w.out = normalise.AppendJSONString(w.out, root.name)
	w.out = append(w.out, ':')
	if err := w.element(root, 0); err != nil {
		return err
	}
	w.out = append(w.out, '}')
	return nil
}

// gather makes the substitutions in nodes and sorts what results into elements and text.
func (w *writer) gather(g *gathered, nodes []node, values []value, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	for i := range nodes {
		if w.budget--; w.budget < 0 {
			return errLarge
		}
		n := &nodes[i]
		switch {
		case n.element != nil:
			g.elements = append(g.elements, placed{n.element, values})
		case n.instance != nil:
			if err := w.gather(g, n.instance.root, n.instance.values, depth+1); err != nil {
				return err
			}
		case n.literal != nil:
			g.pieces = append(g.pieces, *n.literal)
		case n.value > 0:
			if n.value > len(values) {
				continue
			}
			v := values[n.value-1]
			switch {
			case v.kind == typeXML:
				if err := w.gather(g, v.xml, nil, depth+1); err != nil {
					return err
				}
			case !v.isNull():
				g.pieces = append(g.pieces, v)
			}
		case n.text != "":
			g.pieces = append(g.pieces, value{kind: typeText, data: []byte(n.text)})
		}
	}
	return nil
}

// element writes what an element holds: null, a scalar, an array, or an object of its attributes, text and children.
func (w *writer) element(e placed, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	if len(w.out) > maxOutput {
		return errOutput
	}
	var g gathered
	if err := w.gather(&g, e.children, e.values, depth); err != nil {
		return err
	}
	if len(g.elements) == 0 && !w.hasAttributes(e) {
		w.pieces(g.pieces)
		return nil
	}
	w.out = append(w.out, '{')
	first := true
	member := func(name string) {
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		w.out = normalise.AppendJSONString(w.out, name)
		w.out = append(w.out, ':')
	}
	if w.hasAttributes(e) {
		member("#attributes")
		if err := w.attributes(e, depth); err != nil {
			return err
		}
	}
	if len(g.pieces) > 0 && !(len(g.elements) > 0 && blank(g.pieces)) {
		member("#text")
		w.pieces(g.pieces)
	}
	if err := w.children(g.elements, e.name == "EventData", depth, member); err != nil {
		return err
	}
	w.out = append(w.out, '}')
	return nil
}

// children writes child elements as members; those of one name become an array. The Data elements of EventData go by their Name.
func (w *writer) children(elements []placed, data bool, depth int, member func(string)) error {
	keys := make([]string, len(elements))
	for i, c := range elements {
		keys[i] = c.name
		if data && c.name == "Data" {
			if name := w.dataName(c); name != "" {
				keys[i] = name
			}
		}
	}
	next := sameKeys(keys)
	for i, key := range keys {
		if next[i] == taken {
			continue
		}
		member(key)
		several := next[i] > 0
		if several {
			w.out = append(w.out, '[')
		}
		for at := i; ; {
			if at > i {
				w.out = append(w.out, ',')
			}
			c, follower := elements[at], next[at]
			next[at] = taken
			if data && c.name == "Data" {
				var g gathered
				if err := w.gather(&g, c.children, c.values, depth); err != nil {
					return err
				}
				if len(g.elements) == 0 {
					w.pieces(g.pieces)
				} else if err := w.element(c, depth+1); err != nil {
					return err
				}
			} else if err := w.element(c, depth+1); err != nil {
				return err
			}
			if follower == 0 {
				break
			}
			at = follower
		}
		if several {
			w.out = append(w.out, ']')
		}
	}
	return nil
}

// taken marks an element that was written with an earlier one of its name.
const taken = -1

// sameKeys returns for each key the position of the next equal one, 0 for none.
func sameKeys(keys []string) []int {
	next := make([]int, len(keys))
	if len(keys) <= 32 {
		for i := range keys {
			for j := i + 1; j < len(keys); j++ {
				if keys[i] == keys[j] {
					next[i] = j
					break
				}
			}
		}
		return next
	}
	last := make(map[string]int, len(keys))
	for i, k := range keys {
		if at, ok := last[k]; ok {
			next[at] = i
		}
		last[k] = i
	}
	return next
}

// dataName returns the Name attribute of a Data element.
func (w *writer) dataName(e placed) string {
	for _, a := range e.attrs {
		if a.name == "Name" {
			var g gathered
			if w.gather(&g, a.value, e.values, 0) != nil {
				return ""
			}
			return string(text(g.pieces))
		}
	}
	return ""
}

// hasAttributes reports whether the element has an attribute worth showing: namespaces and absent values are not.
func (w *writer) hasAttributes(e placed) bool {
	for _, a := range e.attrs {
		if !strings.HasPrefix(a.name, "xmlns") && !absent(a.value, e.values) {
			return true
		}
	}
	return false
}

// absent reports whether an attribute's value is nothing but a substitution by null.
func absent(nodes []node, values []value) bool {
	for i := range nodes {
		n := &nodes[i]
		if n.value == 0 || n.value <= len(values) && !values[n.value-1].isNull() {
			return false
		}
	}
	return true
}

func (w *writer) attributes(e placed, depth int) error {
	w.out = append(w.out, '{')
	first := true
	for _, a := range e.attrs {
		if strings.HasPrefix(a.name, "xmlns") || absent(a.value, e.values) {
			continue
		}
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		w.out = normalise.AppendJSONString(w.out, a.name)
		w.out = append(w.out, ':')
		var g gathered
		if err := w.gather(&g, a.value, e.values, depth); err != nil {
			return err
		}
		w.pieces(g.pieces)
	}
	w.out = append(w.out, '}')
	return nil
}

// pieces writes text content: null for none, a single value in its own type, several as one text.
func (w *writer) pieces(p []value) {
	switch {
	case len(p) == 0:
		w.out = append(w.out, "null"...)
	case len(p) == 1 && p[0].kind == typeText:
		w.out = normalise.AppendJSONString(w.out, string(p[0].data))
	case len(p) == 1:
		w.out = p[0].appendJSON(w.out)
	default:
		w.out = normalise.AppendJSONString(w.out, string(text(p)))
	}
}

func text(p []value) []byte {
	var out []byte
	for i := range p {
		if p[i].kind == typeText {
			out = append(out, p[i].data...)
		} else {
			out = p[i].appendText(out)
		}
	}
	return out
}

func blank(p []value) bool { return strings.TrimSpace(string(text(p))) == "" }
