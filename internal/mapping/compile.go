package mapping

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/row"
)

// Compile reads and compiles a mapping. Errors are faults with line and column of the file in their details.
func Compile(text string) (*Mapping, error) {
	f, err := parseFile(text)
	if err != nil {
		return nil, err
	}
	m := &Mapping{
		Name: f.name, Description: strings.TrimSpace(f.text["description"]), References: f.references, Families: f.families, Override: f.override, Table: f.text["table"], Tests: f.tests,
		Logsource: normalise.Logsource{Product: f.logsource["product"], Category: f.logsource["category"], Service: f.logsource["service"]},
	}
	m.table = schema.Load().Table(m.Table)
	if m.table == nil && !schema.CustomName(m.Table) {
		return nil, atNode(f.nodes["table"], "there is no hunting table %s; a table of your own has letters, digits and underscores, and ends in %s", m.Table, schema.CustomSuffix)
	}
	q := newQuery(f)
	q.expression("source\n| where (", f.nodes["match"], ")")
	if p := f.nodes["prepare"]; p != nil && strings.TrimSpace(p.Value) != "" {
		head := ""
		if !strings.HasPrefix(strings.TrimSpace(p.Value), "|") {
			head = "|"
		}
		q.expression(head, p, "")
	}
	q.add("| project")
	var wanted []wantedColumn
	if n := f.nodes["time"]; n != nil {
		wanted = append(wanted, wantedColumn{kind: toTime, name: "time", node: n, value: n})
	}
	if n := f.nodes["actionType"]; n != nil {
		wanted = append(wanted, wantedColumn{kind: toColumn, name: "ActionType", node: n, value: n})
	}
	for _, c := range f.columns {
		wanted = append(wanted, wantedColumn{kind: toColumn, name: c.key.Value, node: c.key, value: c.value})
	}
	for _, c := range f.fields {
		if len(c.key.Value) > schema.MaxCustomName {
			return nil, atNode(c.key, "the name of a field has at most %d bytes", schema.MaxCustomName)
		}
		wanted = append(wanted, wantedColumn{kind: toField, name: c.key.Value, node: c.key, value: c.value})
	}
	for i, w := range wanted {
		end := "),"
		if i == len(wanted)-1 {
			end = ")"
		}
		q.expression(fmt.Sprintf("['out%d'] = (", i), w.value, end)
	}
	if m.program, err = row.Compile(q.String(), fields, row.Options{Work: maxWork, Open: true}); err != nil {
		return nil, q.error(err)
	}
	cols := m.program.Columns()
	if len(cols) != len(wanted) {
		return nil, atNode(f.nodes["match"], "an expression of the mapping is more than one expression")
	}
	return m, m.bind(wanted, cols)
}

type wantedColumn struct {
	kind        outputKind
	name        string
	node, value *yaml.Node
}

// bind finds the columns of the table and checks the types of their values.
func (m *Mapping) bind(wanted []wantedColumn, cols []plan.Column) error {
	if m.table == nil {
		var own []schema.Column
		for i, w := range wanted {
			if w.kind != toColumn {
				continue
			}
			if !schema.ColumnName(w.name) || w.name == "TimeGenerated" {
				return atNode(w.node, "%s cannot be the name of a column: use letters, digits and underscores, at most %d", w.name, schema.MaxCustomName)
			}
			own = append(own, schema.Column{Name: w.name, Type: customType(cols[i].Type)})
		}
		m.table = schema.NewCustom(m.Table, own)
		m.table.Source = "mapping/" + m.Name
	}
	seen := map[int]bool{}
	for i, w := range wanted {
		from := cols[i].Type
		o := output{kind: w.kind, field: w.name, from: from}
		switch w.kind {
		case toTime:
			if !fits(from, schema.DateTime) {
				return at(kql.CodeType, w.value.Line, w.value.Column, "the time is a datetime, not a %s; convert it: todatetime(…)", from)
			}
		case toColumn:
			o.column = m.table.Column(w.name)
			if o.column < 0 {
				return at(kql.CodeName, w.node.Line, w.node.Column, "the table %s has no column %s", m.Table, w.name)
			}
			c := m.table.Columns[o.column]
			if c.AliasOf != "" || c.Name == m.table.TimeColumn || house[c.Name] {
				return atNode(w.node, "the column %s is filled by Bartizan; the time of the event is given by time: …", c.Name)
			}
			if seen[o.column] {
				return atNode(w.node, "the column %s is there twice", c.Name)
			}
			seen[o.column] = true
			if !fits(from, c.Type) {
				return at(kql.CodeType, w.value.Line, w.value.Column, "the column %s is a %s, and the expression gives a %s; convert it: to%s(…)", c.Name, c.Type, from, c.Type)
			}
		}
		m.out = append(m.out, o)
	}
	return nil
}

// house are columns that say where a row comes from.
var house = map[string]bool{"IngestTime": true, "RecordOrigin": true, "RecordNumber": true, "LabScenario": true, "SourceKind": true}

// customType is how a custom table keeps values of a type.
func customType(t plan.Type) schema.Type {
	switch t {
	case plan.Bool:
		return schema.Bool
	case plan.Int, plan.Long:
		return schema.Long
	case plan.Real, plan.Decimal:
		return schema.Real
	case plan.DateTime:
		return schema.DateTime
	case plan.GUID:
		return schema.GUID
	case plan.Dynamic, plan.Unknown:
		return schema.Dynamic
	}
	return schema.String
}

// fits says whether values of a type can fill a column: what is not known until the record is there is converted then.
func fits(from plan.Type, to schema.Type) bool {
	switch from {
	case plan.Unknown, plan.Dynamic, plan.String:
		return true
	case plan.Bool:
		return to == schema.Bool || to == schema.String || to == schema.Dynamic
	case plan.Int, plan.Long, plan.Real, plan.Decimal:
		return to == schema.Int || to == schema.Long || to == schema.Real || to == schema.String || to == schema.Dynamic
	case plan.DateTime:
		return to == schema.DateTime || to == schema.String || to == schema.Dynamic
	case plan.GUID:
		return to == schema.GUID || to == schema.String || to == schema.Dynamic
	}
	return to == schema.String || to == schema.Dynamic
}

// query is the text that a mapping is compiled as, with the way back to the file.
type query struct {
	f     *file
	b     strings.Builder
	line  int // that is written next, from 1
	parts []part
}

type part struct {
	from, to int // lines
	node     *yaml.Node
}

func newQuery(f *file) *query { return &query{f: f, line: 1} }

func (q *query) String() string { return q.b.String() }

func (q *query) add(s string) {
	if s == "" {
		return
	}
	q.b.WriteString(s + "\n")
	q.line += strings.Count(s, "\n") + 1
}

// expression puts an expression onto lines of its own.
func (q *query) expression(before string, n *yaml.Node, after string) {
	q.add(before)
	from := q.line
	q.add(n.Value)
	q.parts = append(q.parts, part{from, q.line - 1, n})
	q.add(after)
}

// error says where in the file an error of the query stands.
func (q *query) error(err error) error {
	var e *kql.Error
	if !errors.As(err, &e) {
		return fault.Newf(fault.Internal, "%w", err)
	}
	line, column := 1, 1
	for _, p := range q.parts {
		if e.Line < p.from {
			break
		}
		line, column = q.f.place(p.node, min(e.Line, p.to)-p.from+1, e.Column)
		if e.Line > p.to {
			line, column = q.f.place(p.node, 1, 1)
		}
	}
	out := fault.Newf(fault.Code(e.Code), "%s", e.Message)
	out.Details = map[string]any{"line": line, "column": column}
	if e.Hint != "" {
		out.Details["hint"] = e.Hint
	}
	return out
}
