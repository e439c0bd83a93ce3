package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of custom tables. What does not fit is kept all the same: a value in AdditionalFields, a row in GenericTable.
const (
	MaxCustomTables  = 200 // of a tenant
	MaxCustomColumns = 500 // of a table, those of the house included
	MaxCustomName    = 100 // bytes of a name of a table or column
)

// CustomSuffix ends the name of every custom table, GenericTable is where rows go that have no table of their own, CustomWorkload is the group of all of them.
const (
	CustomSuffix   = "_CL"
	GenericTable   = "Generic" + CustomSuffix
	CustomWorkload = "Custom"
)

// customBase are the columns that every custom table begins with.
var customBase = []Column{
	{Name: "Timestamp", Type: DateTime},
	{Name: "Computer", Type: String},   // the machine that the carrier says the record comes from
	{Name: "SourceKind", Type: String}, // the kind of record, such as network/squid, or mapping/NAME
	{Name: "RawData", Type: String},    // the text of records that are text
	{Name: "AdditionalFields", Type: Dynamic},
}

// suffixes tell the type of a column that was made for a field, as users of custom logs know them; _j is JSON.
var suffixes = map[Type]string{String: "_s", Real: "_d", Long: "_l", Int: "_l", Bool: "_b", DateTime: "_t", GUID: "_g", Dynamic: "_j"}

// Suffix ends the name of a column that is made for a field with values of type t.
func Suffix(t Type) string { return suffixes[t] }

// NewCustom returns the description of a custom table with the columns of the house and the given ones. Columns whose name is taken are left out.
func NewCustom(name string, columns []Column) *Table {
	t := house(name)
	for _, c := range columns {
		t.add(Column{Name: c.Name, Type: c.Type, Seen: c.Seen})
	}
	return t
}

// house is a custom table with the columns that all have. They come first, so that their stored names are never taken by others.
func house(name string) *Table {
	t := &Table{Name: name, Workload: CustomWorkload, Custom: true, Columns: append([]Column(nil), customBase...)}
	t.finish()
	return t
}

// add appends a column that the table does not have yet.
func (t *Table) add(c Column) {
	if _, taken := t.index[c.Name]; taken {
		return
	}
	n := 1
	for i := range t.Columns {
		if t.Columns[i].AliasOf == "" && strings.EqualFold(t.Columns[i].Name, c.Name) {
			n++
		}
	}
	if c.Physical = c.Name; n > 1 {
		c.Physical = fmt.Sprintf("%s$%d", c.Name, n)
	}
	t.index[c.Name] = len(t.Columns)
	t.Columns = append(t.Columns, c)
}

// clone is a copy that columns can be added to.
func (t *Table) clone() *Table {
	out := *t
	out.Columns = append([]Column(nil), t.Columns...)
	out.index = make(map[string]int, len(t.index)+8)
	for name, i := range t.index {
		out.index[name] = i
	}
	return &out
}

// CustomName reports whether a text can be the name of a custom table.
func CustomName(name string) bool {
	return len(name) > len(CustomSuffix) && len(name) <= MaxCustomName && strings.HasSuffix(name, CustomSuffix) && plainName(name)
}

// ColumnName reports whether a text can be the name of a column of a custom table.
func ColumnName(name string) bool { return name != "" && len(name) <= MaxCustomName && plainName(name) }

func plainName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && (c >= '0' && c <= '9' || c == '_')) {
			return false
		}
	}
	return true
}

// made reports whether the column belongs to the table itself rather than to the house.
func made(c *Column) bool {
	if c.AliasOf != "" || c.Hidden {
		return false
	}
	for i := range customBase {
		if customBase[i].Name == c.Name {
			return false
		}
	}
	return true
}

// Made returns the columns of a custom table that records or mappings made, in order.
func (t *Table) Made() []Column {
	var out []Column
	for i := range t.Columns {
		if made(&t.Columns[i]) {
			out = append(out, t.Columns[i])
		}
	}
	return out
}

// Conflicts tells of each column that was made how many others hold values of the same field in another type.
func (t *Table) Conflicts() map[string]int {
	fields, out := map[string]int{}, map[string]int{}
	base := func(c Column) string { return strings.TrimSuffix(c.Name, Suffix(c.Type)) }
	for _, c := range t.Made() {
		fields[base(c)]++
	}
	for _, c := range t.Made() {
		out[c.Name] = fields[base(c)] - 1
	}
	return out
}

// The definition of a custom table lives with its rows: as comments of the stored table and its columns. The name of the type is there because engines store
// several types alike.

type tableNote struct {
	Custom  bool      `json:"bartizanCustom"`
	Source  string    `json:"source,omitempty"`
	Created time.Time `json:"created"`
}

type columnNote struct {
	Type Type      `json:"type"`
	Seen time.Time `json:"seen"`
}

// Note is the text that the lake keeps beside a custom table, ColumnNote the one beside a column.
func (t *Table) Note() string {
	b, err := json.Marshal(tableNote{true, t.Source, t.Created.UTC()})
	if err != nil {
		return "{}"
	}
	return string(b)
}

// ColumnNote is the text that the lake keeps beside a column of a custom table.
func ColumnNote(c Column) string {
	b, err := json.Marshal(columnNote{c.Type, c.Seen.UTC()})
	if err != nil {
		return "{}"
	}
	return string(b)
}

// StoredColumn is a column of a stored table with the note beside it.
type StoredColumn struct{ Physical, Note string }

// ReadCustom is the inverse of Note and ColumnNote: the table with the columns in the order in which they are stored. It returns nil when the note is not one
// of a custom table.
func ReadCustom(name, note string, stored []StoredColumn) (*Table, error) {
	var n tableNote
	if json.Unmarshal([]byte(note), &n) != nil || !n.Custom {
		return nil, nil
	}
	t := house(name)
	t.Source, t.Created = n.Source, n.Created
	own := len(t.Columns)
	for _, s := range stored {
		if slices.ContainsFunc(t.Columns[:own], func(c Column) bool { return c.AliasOf == "" && c.Physical == s.Physical }) {
			continue
		}
		var c columnNote
		if err := json.Unmarshal([]byte(s.Note), &c); err != nil || suffixes[c.Type] == "" {
			return nil, fmt.Errorf("schema: custom table %s: column %s has no type beside it", name, s.Physical)
		}
		logical, _, _ := strings.Cut(s.Physical, "$")
		t.add(Column{Name: logical, Type: c.Type, Seen: c.Seen})
		t.Columns[len(t.Columns)-1].Physical = s.Physical
	}
	return t, nil
}
