// Package normalise turns one source record into rows of the hunting tables and a flat field view for rules. Families (winlog, mail, entra, …)
// live in folders below and implement Family. Normalising does no I/O: a record goes in, rows come out, so each mapping has a golden file.
//
// The order of a device's records matters only to the ProcessCache, which fills InitiatingProcess* columns from earlier process events.
package normalise

import (
	"time"

	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Record is one source record as a receiver or reader delivered it.
type Record struct {
	Tenant tenant.ID
	// Source is the family name ("winlog", "mail", "entra", …) or "auto" until Detect has chosen one.
	Source string
	// File is the path as import reached it (archive members as archive.tar.gz#member), empty for network sources.
	File string
	// Host is the machine that the carrier says the record comes from, for records that name none themselves; empty when it does not tell.
	Host string
	// Number is the record's 1-based position in File (line or record number), or the bus sequence for network sources.
	Number int64
	// Received is when the record reached us; event time comes from the record itself.
	Received time.Time
	// Lab names the evaluation lab run that generated the record, empty for real data.
	Lab string
	// Data is the record's own bytes: one JSON object, one mail message, one line of text, one XML event.
	Data []byte
}

// Batch collects what a family makes of a record.
type Batch struct {
	Rows   []*schema.Row
	Events []*Event
	// Unmapped names the kind ("winlog/Security/5158") of a record that is understood but has no table; it is counted and reported.
	Unmapped string
}

// Family turns records of one kind of source into rows. Normalise is called by one goroutine per tenant, in order of arrival.
type Family interface {
	// Name is the family's id in sources, configuration and reports.
	Name() string
	// Normalise appends what rec holds to out. An error with a fault code refuses the record: it is kept as a dead letter with file and number.
	Normalise(rec *Record, out *Batch) error
}

// Logsource is how rules address events (Sigma's logsource). Empty parts match nothing but a rule that leaves them out.
type Logsource struct {
	Product, Category, Service string
}

// Event is the flat view of a record for rules: the source's own field names (and Sigma's where they differ), and the rows it became.
type Event struct {
	Tenant     tenant.ID
	Time       time.Time
	File       string // as Record.File
	Number     int64  // as Record.Number
	Lab        string
	Logsources []Logsource
	Fields     Fields
	// Rows are the hunting rows the record became; detect takes entities for evidence from them.
	Rows []*schema.Row
	// Raw is the record's bytes, shared with Record.Data; keyword rules look at Fields and, when there are none, at Raw.
	Raw []byte
}

// Kind says what a field's value is.
type Kind uint8

// The kinds of values. Null is a field that is present without a value.
const (
	Null Kind = iota
	String
	Number
	Bool
	List
)

// Value is one field value. Text is its text for every kind but List and Null; List has the members (scalars).
type Value struct {
	Kind Kind
	Text string
	List []Value
}

// Field is one named value. Nested source objects are flattened with dots ("userIdentity.type").
type Field struct {
	Name  string
	Value Value
}

// Fields is the ordered set of an event's fields; names are unique and case-sensitive.
type Fields []Field

// Get returns the value of the named field and whether the field is present.
func (f Fields) Get(name string) (Value, bool) {
	for i := range f {
		if f[i].Name == name {
			return f[i].Value, true
		}
	}
	return Value{}, false
}

// Text returns the text of the named field, "" when it is absent.
func (f Fields) Text(name string) string {
	v, _ := f.Get(name)
	return v.Text
}

// Add appends a string field; use it only for names that are not yet present.
func (f *Fields) Add(name, text string) {
	*f = append(*f, Field{Name: name, Value: Value{Kind: String, Text: text}})
}
