package schema

import (
	"encoding/json"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Customs is the set of custom tables of one lake. It does not change: what grows is a new set.
type Customs struct {
	tables map[string]*Table // by name in lower case: engines compare names without case
}

// NewCustoms returns the set of the tables.
func NewCustoms(tables ...*Table) *Customs {
	c := &Customs{tables: make(map[string]*Table, len(tables))}
	for _, t := range tables {
		c.tables[strings.ToLower(t.Name)] = t
	}
	return c
}

// Tables returns the tables in order of name.
func (c *Customs) Tables() []*Table {
	if c == nil {
		return nil
	}
	out := make([]*Table, 0, len(c.tables))
	for _, t := range c.tables {
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Table returns the table of that exact name, or nil.
func (c *Customs) Table(name string) *Table {
	if c == nil {
		return nil
	}
	if t := c.tables[strings.ToLower(name)]; t != nil && t.Name == name {
		return t
	}
	return nil
}

// Without returns the set less one table.
func (c *Customs) Without(name string) *Customs {
	out := &Customs{tables: make(map[string]*Table, len(c.tables))}
	for k, t := range c.tables {
		if t.Name != name {
			out.tables[k] = t
		}
	}
	return out
}

// Change is what has to be made in the lake before rows can be written: a table (Columns is nil then), or columns of one.
type Change struct {
	Table   *Table
	Columns []Column
}

// Fit prepares rows for a lake that has these custom tables. Rows of built-in tables stay as they are. For the others it returns rows over the tables of the
// next set, which has what is new, and what has to be changed. A value that finds a column of its name with another type is converted where nothing is lost,
// else it goes to a second column (its name with the suffix of its type), and where there is no room for that, into AdditionalFields. No row is refused.
func (c *Customs) Fit(rows []*Row, now time.Time) ([]*Row, *Customs, []Change) {
	f := fitter{from: c, grown: map[string]*Table{}, plans: map[*Table]*fitPlan{}, now: now}
	any := false
	for _, r := range rows {
		if r.Table.Custom {
			any = true
			f.see(r)
		}
	}
	if !any {
		return rows, c, nil
	}
	out := make([]*Row, len(rows))
	for i, r := range rows {
		if out[i] = r; r.Table.Custom {
			out[i] = f.row(r)
		}
	}
	if len(f.changes) == 0 {
		return out, c, nil
	}
	next := &Customs{tables: make(map[string]*Table, len(c.tables)+len(f.grown))}
	for k, t := range c.tables {
		next.tables[k] = t
	}
	changes := make([]Change, 0, len(f.changes))
	for k, t := range f.grown {
		next.tables[k] = t
	}
	sort.Strings(f.changes)
	for _, k := range f.changes {
		t := f.grown[k]
		if old := c.tables[k]; old != nil {
			changes = append(changes, Change{t, t.Columns[len(old.Columns):]})
		} else {
			changes = append(changes, Change{Table: t})
		}
	}
	return out, next, changes
}

type fitter struct {
	from    *Customs
	grown   map[string]*Table // copies that have grown, by name in lower case
	changes []string
	plans   map[*Table]*fitPlan // by the table that a row came with
	now     time.Time
}

// fitPlan says where the cells of a row go.
type fitPlan struct {
	key   string
	to    []int // column of the target, -1 into AdditionalFields, -2 decided by value
	other int   // cell of AdditionalFields in the row, -1 when there is none
}

func (f *fitter) table(key string) *Table {
	if t := f.grown[key]; t != nil {
		return t
	}
	return f.from.tables[key]
}

// see makes the table and columns that a row needs.
func (f *fitter) see(r *Row) {
	if f.plans[r.Table] != nil {
		return
	}
	key := strings.ToLower(r.Table.Name)
	t := f.table(key)
	if t == nil {
		if len(f.from.tables)+f.created() >= MaxCustomTables && key != strings.ToLower(GenericTable) {
			key = strings.ToLower(GenericTable)
			t = f.table(key)
		}
		if t == nil {
			name := r.Table.Name
			if key == strings.ToLower(GenericTable) {
				name = GenericTable
			}
			t = house(name)
			t.Source, t.Created = r.Table.Source, f.now
			if name == GenericTable {
				t.Source = "generic"
			}
			f.grown[key] = t
			f.changes = append(f.changes, key)
		}
	}
	p := &fitPlan{key: key, to: make([]int, len(r.Table.Columns)), other: -1}
	for i := range r.Table.Columns {
		p.to[i] = f.place(key, &r.Table.Columns[i])
		if r.Table.Columns[i].Name == "AdditionalFields" {
			p.other = i
		}
	}
	f.plans[r.Table] = p
}

// created counts the tables that are new in this batch.
func (f *fitter) created() int {
	n := 0
	for k := range f.grown {
		if f.from.tables[k] == nil {
			n++
		}
	}
	return n
}

// place finds or makes the column for values of the given one.
func (f *fitter) place(key string, c *Column) int {
	if c.AliasOf != "" {
		return -1
	}
	t := f.table(key)
	for _, name := range [2]string{c.Name, c.Name + Suffix(c.Type)} {
		i := t.Column(name)
		if i >= 0 && t.Columns[i].AliasOf == "" && (t.Columns[i].Type == c.Type || lossless(c.Type, t.Columns[i].Type)) {
			return i
		}
		if i < 0 && ColumnName(name) {
			if len(t.Columns) >= MaxCustomColumns {
				return -1
			}
			return f.grow(key, Column{Name: name, Type: c.Type, Seen: f.now})
		}
	}
	return -1
}

func (f *fitter) grow(key string, c Column) int {
	t := f.grown[key]
	if t == nil {
		t = f.from.tables[key].clone()
		f.grown[key] = t
		f.changes = append(f.changes, key)
	}
	t.add(c)
	return len(t.Columns) - 1
}

// lossless says that every value of one type has its like in another.
func lossless(from, to Type) bool {
	switch to {
	case Long:
		return from == Int
	case Real:
		return from == Int
	case String:
		return from != Dynamic
	case Dynamic:
		return from != DateTime
	}
	return false
}

func (f *fitter) row(r *Row) *Row {
	p := f.plans[r.Table]
	t := f.table(p.key)
	out := &Row{Table: t, Values: make([]any, len(t.Columns))}
	var rest []byte
	for i, v := range r.Values {
		if v == nil || i == p.other {
			continue
		}
		from := &r.Table.Columns[i]
		if to := p.to[i]; to >= 0 {
			out.Values[to] = convert(v, from.Type, t.Columns[to].Type)
		} else if from.AliasOf == "" {
			rest = appendMember(rest, from.Name, cellJSON(v, from.Type))
		}
	}
	if p.other >= 0 || rest != nil {
		own := ""
		if p.other >= 0 {
			own, _ = r.Values[p.other].(string)
		}
		if i := t.Column("AdditionalFields"); rest == nil {
			if own != "" {
				out.Values[i] = own
			}
		} else {
			out.Values[i] = mergeObjects(own, rest)
		}
	}
	return out
}

func convert(v any, from, to Type) any {
	if from == to {
		return v
	}
	switch to {
	case Long:
		if n, ok := v.(int32); ok {
			return int64(n)
		}
	case Real:
		if n, ok := v.(int32); ok {
			return float64(n)
		}
	case String:
		s := cellJSON(v, from)
		if plain, err := strconv.Unquote(s); err == nil && strings.HasPrefix(s, `"`) {
			return plain
		}
		return s
	case Dynamic:
		return cellJSON(v, from)
	}
	return v
}

// cellJSON is a cell as JSON.
func cellJSON(v any, t Type) string {
	switch x := v.(type) {
	case string:
		if t == Dynamic {
			return x
		}
	case int64:
		if t == DateTime {
			return `"` + TimeOf(x).Format("2006-01-02T15:04:05.0000000Z") + `"`
		}
		return strconv.FormatInt(x, 10)
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return `"` + strconv.FormatFloat(x, 'g', -1, 64) + `"`
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

func appendMember(dst []byte, name, value string) []byte {
	if dst != nil {
		dst = append(dst, ',')
	}
	dst = append(dst, cellJSON(name, String)...)
	dst = append(dst, ':')
	return append(dst, value...)
}

// mergeObjects adds members to the text of a JSON object.
func mergeObjects(own string, members []byte) string {
	own = strings.TrimSpace(own)
	switch {
	case len(own) > 2 && own[0] == '{' && own[len(own)-1] == '}':
		return own[:len(own)-1] + "," + string(members) + "}"
	case own == "" || own == "{}":
		return "{" + string(members) + "}"
	}
	return `{"AdditionalFields":` + own + "," + string(members) + "}"
}
