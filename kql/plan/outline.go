package plan

import "strings"

// Outline names the operators of a plan from the stored tables up, the way a pipeline reads: "scan DeviceEvents | filter | aggregate". The parts of a
// join or union stand in parentheses.
func Outline(n Node) string {
	var b strings.Builder
	outline(&b, n, 0)
	return b.String()
}

// maxOutline is how deep Outline looks.
const maxOutline = 40

func outline(b *strings.Builder, n Node, depth int) {
	if depth > maxOutline {
		b.WriteString("…")
		return
	}
	inputs := Inputs(n)
	if l, ok := n.(*Local); ok {
		inputs = l.Inputs
	}
	if len(inputs) == 1 {
		outline(b, inputs[0], depth+1)
		if name := opName(n); name != "" {
			b.WriteString(" | " + name)
		}
		return
	}
	b.WriteString(opName(n))
	for i, in := range inputs {
		b.WriteString([...]string{" (", ", ("}[min(i, 1)])
		outline(b, in, depth+1)
		b.WriteString(")")
	}
}

func opName(n Node) string {
	switch n := n.(type) {
	case *Scan:
		return "scan " + n.Table
	case *Values:
		return "values"
	case *Range:
		return "range"
	case *External:
		return "externaldata"
	case *Project:
		return "project"
	case *Filter:
		return "filter"
	case *Aggregate:
		return "aggregate"
	case *Sort:
		return "sort"
	case *Limit:
		return "limit"
	case *Sample:
		return "sample"
	case *Join:
		return "join"
	case *Union:
		return "union"
	case *Expand:
		return "expand"
	case *Outer:
		return "rows"
	case *Serialize:
		return "serialize"
	case *Local:
		return n.Op
	}
	return ""
}
