// Package schema holds the hunting tables and their action types as data. It is read by the lake (to create tables), by the KQL binder
// (to resolve names), by the normalisers (to build rows) and by the portal's schema pane.
package schema

import (
	"embed"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"
)

// Type is the KQL scalar type of a column.
type Type string

// The column types that hunting tables use.
const (
	Bool     Type = "bool"
	Int      Type = "int"
	Long     Type = "long"
	Real     Type = "real"
	String   Type = "string"
	DateTime Type = "datetime"
	Dynamic  Type = "dynamic"
	GUID     Type = "guid"
)

// Column is one column of a hunting table.
type Column struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
	// Hidden columns resolve by name but are not part of the table's public shape: `Table | take 1` does not show them.
	Hidden bool `json:"hidden,omitempty"`
	// Physical is the column's name in the lake. Engines compare identifiers without case, KQL with case.
	Physical string `json:"-"`
	// AliasOf names the column whose value this one shows (TimeGenerated); such a column is not stored.
	AliasOf string `json:"aliasOf,omitempty"`
	// Seen is when a column of a custom table was made; zero for built-in tables.
	Seen time.Time `json:"-"`
}

// Table is one hunting table.
type Table struct {
	Name     string   `json:"name"`
	Workload string   `json:"workload"`
	Summary  string   `json:"summary"`
	Columns  []Column `json:"columns"`
	// TimeColumn is the column that a time range bounds; empty for tables that hold a state rather than events.
	TimeColumn string `json:"timeColumn,omitempty"`
	// Custom tables are made at run time, per tenant, out of records that no built-in table takes; see NewCustom.
	Custom bool `json:"-"`
	// Source is the kind of record, or the mapping, that made a custom table, and Created when.
	Source  string    `json:"-"`
	Created time.Time `json:"-"`

	index map[string]int
}

// Catalog is a set of tables by name. It is immutable after Load and safe for concurrent use.
type Catalog struct {
	tables []*Table
	byName map[string]*Table
}

//go:embed tables.json actiontypes.json
var files embed.FS

// Load returns the built-in catalog.
var Load = sync.OnceValue(load)

func load() *Catalog {
	raw, err := files.ReadFile("tables.json")
	if err != nil {
		panic(err)
	}
	var doc struct{ Tables []*Table }
	if err := json.Unmarshal(raw, &doc); err != nil {
		panic(fmt.Errorf("schema: tables.json: %w", err))
	}
	c := &Catalog{byName: map[string]*Table{}}
	for _, t := range doc.Tables {
		t.finish()
		c.tables = append(c.tables, t)
		c.byName[t.Name] = t
	}
	sort.Slice(c.tables, func(i, j int) bool { return c.tables[i].Name < c.tables[j].Name })
	return c
}

// Columns that every table carries beside its public ones; they resolve by name and stay out of `*`.
var extension = []Column{
	{Name: "AdditionalFields", Type: Dynamic, Hidden: true},
	{Name: "IngestTime", Type: DateTime, Hidden: true},
	{Name: "RecordOrigin", Type: String, Hidden: true}, // where the record came from: the imported file (archive.tar.gz#member) or the network source
	{Name: "RecordNumber", Type: Long, Hidden: true},   // the record's line or number there, or its bus sequence
	{Name: "LabScenario", Type: String, Hidden: true},  // the evaluation lab run that generated the record, else empty
}

var deviceExtension = []Column{{Name: "InitiatingProcessParentFolderPath", Type: String, Hidden: true}}

func (t *Table) finish() {
	has := map[string]bool{}
	for _, c := range t.Columns {
		has[c.Name] = true
	}
	add := func(cols []Column) {
		for _, c := range cols {
			if !has[c.Name] {
				has[c.Name] = true
				t.Columns = append(t.Columns, c)
			}
		}
	}
	if has["InitiatingProcessFileName"] {
		add(deviceExtension)
	}
	add(extension)
	if has["Timestamp"] {
		t.TimeColumn = "Timestamp"
		add([]Column{{Name: "TimeGenerated", Type: DateTime, Hidden: true, AliasOf: "Timestamp"}})
	}
	t.index = make(map[string]int, len(t.Columns))
	seen := map[string]int{}
	for i := range t.Columns {
		c := &t.Columns[i]
		key := strings.ToLower(c.Name)
		seen[key]++
		c.Physical = c.Name
		if n := seen[key]; n > 1 {
			c.Physical = fmt.Sprintf("%s$%d", c.Name, n)
		}
		t.index[c.Name] = i
	}
}

// Tables returns all tables by name order.
func (c *Catalog) Tables() []*Table { return c.tables[:len(c.tables):len(c.tables)] }

// Table returns the table of that exact name, or nil.
func (c *Catalog) Table(name string) *Table { return c.byName[name] }

// Column returns the position of the column of that exact name, or -1.
func (t *Table) Column(name string) int {
	if i, ok := t.index[name]; ok {
		return i
	}
	return -1
}

// Stored returns the columns that the lake keeps, in order (aliases are left out).
func (t *Table) Stored() []Column {
	out := make([]Column, 0, len(t.Columns))
	for _, c := range t.Columns {
		if c.AliasOf == "" {
			out = append(out, c)
		}
	}
	return out
}
