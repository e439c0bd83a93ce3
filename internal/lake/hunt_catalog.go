package lake

import (
	"encoding/json"
	"math"
	"slices"
	"sync"

	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// Catalog shows the hunting schema and a tenant's custom tables to the query language: the tables that visible lets through, all when it is nil.
func Catalog(c *schema.Catalog, visible func(t *schema.Table) bool, custom ...*schema.Table) kql.Catalog {
	return newCatalog(c, visible, custom...)
}

func newCatalog(c *schema.Catalog, visible func(t *schema.Table) bool, custom ...*schema.Table) *catalog {
	if visible == nil {
		visible = func(*schema.Table) bool { return true }
	}
	return &catalog{tables: c, custom: custom, visible: visible, made: map[string]*kql.Table{}}
}

type catalog struct {
	tables  *schema.Catalog
	custom  []*schema.Table
	visible func(t *schema.Table) bool
	rows    func(t *schema.Table) string
	mu      sync.Mutex
	made    map[string]*kql.Table
}

// Names implements kql.Catalog.
func (c *catalog) Names() []string {
	tables := c.tables.Tables()
	out := make([]string, 0, len(tables)+len(c.custom))
	for _, t := range append(tables[:len(tables):len(tables)], c.custom...) {
		if c.visible(t) {
			out = append(out, t.Name)
		}
	}
	slices.Sort(out)
	return out
}

// find returns a table by its exact name; built-in ones come first.
func (c *catalog) find(name string) *schema.Table {
	if t := c.tables.Table(name); t != nil {
		return t
	}
	for _, t := range c.custom {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Table implements kql.Catalog.
func (c *catalog) Table(name string) *kql.Table {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.made[name]; ok {
		return t
	}
	from := c.find(name)
	if from == nil || !c.visible(from) {
		return nil
	}
	t := tableOf(from)
	if c.rows != nil {
		if where := c.rows(from); where != "" {
			t.Rows = &kql.Rows{Where: where, Tables: c.behind}
		}
	}
	c.made[name] = t
	return t
}

// behind resolves the tables that conditions on rows read: whole ones, of all times.
func (c *catalog) behind(name string) *kql.Table {
	from := c.tables.Table(name)
	for _, t := range schema.House() {
		if t.Name == name {
			from = t
		}
	}
	if from == nil {
		return nil
	}
	t := tableOf(from)
	t.TimeColumn = ""
	return t
}

// tableOf describes a table to the query language.
func tableOf(from *schema.Table) *kql.Table {
	t := &kql.Table{Name: from.Name, TimeColumn: from.TimeColumn}
	for _, col := range from.Columns {
		physical := col.Physical
		if col.AliasOf != "" {
			if i := from.Column(col.AliasOf); i >= 0 {
				physical = from.Columns[i].Physical
			}
		}
		t.Columns = append(t.Columns, kql.TableColumn{Name: col.Name, Type: kqlType(col.Type), Physical: physical, Hidden: col.Hidden})
	}
	return t
}

func kqlType(t schema.Type) plan.Type {
	switch t {
	case schema.Bool:
		return plan.Bool
	case schema.Int:
		return plan.Int
	case schema.Long:
		return plan.Long
	case schema.Real:
		return plan.Real
	case schema.DateTime:
		return plan.DateTime
	case schema.Dynamic:
		return plan.Dynamic
	case schema.GUID:
		return plan.GUID
	}
	return plan.String
}

// cell brings a value to the form that results show.
func cell(t plan.Type, v any) any {
	if v == nil {
		return nil
	}
	switch t {
	case plan.DateTime:
		if n, ok := v.(int64); ok {
			return fn.FormatDateTime(n)
		}
	case plan.TimeSpan:
		if n, ok := v.(int64); ok {
			return fn.FormatTimeSpan(n)
		}
	case plan.Real:
		if f, ok := v.(float64); ok {
			switch {
			case math.IsNaN(f):
				return "NaN"
			case math.IsInf(f, 1):
				return "Infinity"
			case math.IsInf(f, -1):
				return "-Infinity"
			}
		}
	case plan.Dynamic, plan.Unknown:
		if s, ok := v.(string); ok {
			if json.Valid([]byte(s)) {
				return json.RawMessage(s)
			}
			return s
		}
	}
	return v
}

func sizeOf(v any) int64 {
	switch x := v.(type) {
	case string:
		return int64(len(x)) + 2
	case json.RawMessage:
		return int64(len(x))
	}
	return 8
}
