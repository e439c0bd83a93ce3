// Package mapping lets tenants declare in a small file what records of a product become: which records it is about, which hunting or custom table they go to,
// and for each column an expression in KQL. A mapping is compiled when it is kept and is evaluated for each record while it is normalised: it sees the record
// and nothing else, does no I/O, and its cost per record is bounded.
//
// A pipeline asks a Set (see Service.Current) after the record's family: mappings see what no family has a table for, and with override: true also records that
// have one. docs/how-to/map-a-product.md is the guide for those who write them.
package mapping

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/row"
)

// Bounds of a mapping.
const (
	MaxText    = 64 << 10 // bytes of a file
	maxColumns = 200
	maxTests   = 100
	maxRecord  = 1 << 20 // bytes of records that mappings look at; larger ones go to the custom table of their kind
	maxWork    = 16 << 20
	MaxTenant  = 200 // mappings of a tenant
)

// Mapping is a compiled mapping.
type Mapping struct {
	Name        string
	Description string
	References  []string
	Families    []string // only records of these; none: of all
	Override    bool
	Logsource   normalise.Logsource
	Table       string
	Tests       []Test

	program *row.Program
	table   *schema.Table
	out     []output
}

// Test is a record that the mapping carries with the rows that it must become. Rows have the columns that matter; none: the mapping must leave it alone.
type Test struct {
	Sample string
	Host   string
	Rows   []map[string]any
	Line   int
}

// output says where a cell of the program's result goes.
type output struct {
	kind   outputKind
	column int // of table
	field  string
	from   plan.Type
}

type outputKind uint8

const (
	toTime outputKind = iota
	toColumn
	toField
)

// Custom reports whether the mapping writes a custom table.
func (m *Mapping) Custom() bool { return m.table.Custom }

// Columns are the columns that a row of the mapping may fill, with their types.
func (m *Mapping) Columns() []schema.Column {
	var out []schema.Column
	for _, o := range m.out {
		if o.kind == toColumn {
			out = append(out, m.table.Columns[o.column])
		}
	}
	return out
}

// What an expression sees of every record, beside the record's own fields, which go by their names as dynamic values.
var fields = []row.Field{
	{Name: "RawData", Type: plan.String},     // the whole record as text
	{Name: "Message", Type: plan.String},     // what is said: without the head of a syslog line, the member message of JSON
	{Name: "Program", Type: plan.String},     // who said it
	{Name: "Host", Type: plan.String},        // where
	{Name: "Record", Type: plan.Dynamic},     // the record as an object
	{Name: "Source", Type: plan.String},      // the family that read it
	{Name: "Kind", Type: plan.String},        // what the family calls it, such as network/web-access; empty when it has a table
	{Name: "EventTime", Type: plan.DateTime}, // the time that the family found
	{Name: "Received", Type: plan.DateTime},
	{Name: "File", Type: plan.String},
}

// Fields describes what every expression sees, for people.
func Fields() map[string]string {
	out := map[string]string{}
	for _, f := range fields {
		out[f.Name] = f.Type.String()
	}
	return out
}

func (m *Mapping) takes(family string) bool {
	if len(m.Families) == 0 {
		return true
	}
	for _, f := range m.Families {
		if strings.EqualFold(f, family) {
			return true
		}
	}
	return false
}
