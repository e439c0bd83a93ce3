// Package queue holds the columns of a tenant's incidents that lists filter, sort and count by, in memory: a hundred thousand of them are looked through in
// milliseconds whatever the filter, on any state database. It is a copy; package incident keeps it in step with the rows.
package queue

import (
	"cmp"
	"container/heap"
	"slices"
	"sort"
	"strings"
)

// Field is a multi-valued or single-valued filter field that also has a facet.
type Field int

// The fields.
const (
	Status Field = iota
	Severity
	AssignedTo
	Classification
	ServiceSource
	DetectionSource
	Category
	Tag
	fields
)

// Fields lists all fields in order.
func Fields() []Field {
	out := make([]Field, fields)
	for i := range out {
		out[i] = Field(i)
	}
	return out
}

// Order is a column to sort by.
type Order int

// The columns.
const (
	ByUpdated Order = iota
	ByID
	ByName
	BySeverity
	ByStatus
	ByCreated
	ByFirst
	ByLast
	ByAlerts
	ByActive
	ByAssigned
	ByClassification
)

// Entry is one incident as lists see it. Values holds the texts of each field; Search is lower case.
type Entry struct {
	ID                         int64
	Status, Severity           int16
	Lab                        bool
	Created, Updated           int64
	First, Last                int64
	Alerts, Active             int64
	Name, Search               string
	AssignedTo, Classification string
	Services, Detections       []string
	Categories, Tags           []string
}

// row is an entry with its texts replaced by numbers of the dictionary.
type row struct {
	id                       int64
	created, updated         int64
	first, last              int64
	alerts, active           int32
	status, severity         int16
	lab                      bool
	assigned, classification uint32
	values                   []value
	name, search             string
}

type value struct {
	field Field
	text  uint32
}

// Queue is the copy. Reading is safe concurrently, Put and Drop are not.
type Queue struct {
	rows  []row
	at    map[int64]int
	dict  map[string]uint32
	texts []string
}

// New returns an empty queue.
func New() *Queue { return &Queue{at: map[int64]int{}, dict: map[string]uint32{}} }

// Len returns the number of entries.
func (q *Queue) Len() int { return len(q.rows) }

func (q *Queue) word(text string) uint32 {
	n, ok := q.dict[text]
	if !ok {
		n = uint32(len(q.texts))
		q.dict[text] = n
		q.texts = append(q.texts, text)
	}
	return n
}

// Put adds an entry or replaces the one with its id.
func (q *Queue) Put(e Entry) {
	r := row{
		id: e.ID, created: e.Created, updated: e.Updated, first: e.First, last: e.Last, alerts: int32(e.Alerts), active: int32(e.Active), status: e.Status, severity: e.Severity, lab: e.Lab,
		assigned: q.word(e.AssignedTo), classification: q.word(e.Classification), name: e.Name, search: e.Search,
	}
	r.values = make([]value, 0, len(e.Services)+len(e.Detections)+len(e.Categories)+len(e.Tags))
	for _, l := range []struct {
		field Field
		list  []string
	}{{ServiceSource, e.Services}, {DetectionSource, e.Detections}, {Category, e.Categories}, {Tag, e.Tags}} {
		for _, t := range l.list {
			r.values = append(r.values, value{l.field, q.word(t)})
		}
	}
	if i, ok := q.at[e.ID]; ok {
		q.rows[i] = r
		return
	}
	q.at[e.ID] = len(q.rows)
	q.rows = append(q.rows, r)
}

// Drop removes an entry.
func (q *Queue) Drop(id int64) {
	i, ok := q.at[id]
	if !ok {
		return
	}
	last := len(q.rows) - 1
	q.rows[i] = q.rows[last]
	q.at[q.rows[i].id] = i
	q.rows = q.rows[:last]
	delete(q.at, id)
}

// Filter selects entries: values of a field are alternatives, fields must all hold.
type Filter struct {
	Status, Severity []int16
	Texts            map[Field][]string // AssignedTo and below
	From, To         int64              // bounds of the last activity, 0 for none
	Lab              *bool
	Search           string // lower case
	SearchID         int64  // an id that the search text may also mean, 0 for none
	IDs              map[int64]bool
	Hidden           int16 // status left out unless Status names it
}

// plan is a filter in terms of the dictionary.
type plan struct {
	*Filter
	words [fields][]uint32
	none  [fields]bool // the field asks for texts nobody has
}

func (q *Queue) plan(f *Filter) *plan {
	p := &plan{Filter: f}
	for field, list := range f.Texts {
		for _, t := range list {
			if n, ok := q.dict[t]; ok {
				p.words[field] = append(p.words[field], n)
			}
		}
		p.none[field] = len(list) > 0 && len(p.words[field]) == 0
	}
	return p
}

// base tests everything but the fields.
func (p *plan) base(r *row) bool {
	if p.From != 0 && r.last < p.From || p.To != 0 && r.last > p.To || p.Lab != nil && r.lab != *p.Lab || p.IDs != nil && !p.IDs[r.id] {
		return false
	}
	if r.status == p.Hidden && !slices.Contains(p.Status, p.Hidden) {
		return false
	}
	return p.Search == "" || p.SearchID == r.id && p.SearchID != 0 || strings.Contains(r.search, p.Search)
}

// fails returns the field that does not hold, -1 when all do, and whether more than one does not.
func (p *plan) fails(r *row) (first Field, more bool) {
	first = -1
	for f := Status; f < fields; f++ {
		if p.holds(f, r) {
			continue
		}
		if first >= 0 {
			return first, true
		}
		first = f
	}
	return first, false
}

func (p *plan) holds(f Field, r *row) bool {
	switch f {
	case Status:
		return len(p.Status) == 0 || slices.Contains(p.Status, r.status)
	case Severity:
		return len(p.Severity) == 0 || slices.Contains(p.Severity, r.severity)
	}
	if p.none[f] {
		return false
	}
	if len(p.words[f]) == 0 {
		return true
	}
	switch f {
	case AssignedTo:
		return slices.Contains(p.words[f], r.assigned)
	case Classification:
		return slices.Contains(p.words[f], r.classification)
	}
	for _, v := range r.values {
		if v.field == f && slices.Contains(p.words[f], v.text) {
			return true
		}
	}
	return false
}

// Select returns the ids of a page in order and how many entries the filter selects. top 0 means all.
func (q *Queue) Select(f *Filter, by Order, desc bool, top, skip int) (ids []int64, count int) {
	p := q.plan(f)
	var hits []int32
	for i := range q.rows {
		r := &q.rows[i]
		if !p.base(r) {
			continue
		}
		if failed, _ := p.fails(r); failed < 0 {
			hits = append(hits, int32(i))
		}
	}
	count = len(hits)
	if skip >= count {
		return nil, count
	}
	end := count
	if top > 0 {
		end = min(count, skip+top)
	}
	less := q.compare(by, desc)
	if end*8 < count {
		hits = smallest(hits, end, less)
	} else {
		slices.SortFunc(hits, less)
	}
	ids = make([]int64, 0, end-skip)
	for _, i := range hits[skip:end] {
		ids = append(ids, q.rows[i].id)
	}
	return ids, count
}

// compare orders rows by a column; equal ones by id, in the same direction.
func (q *Queue) compare(by Order, desc bool) func(a, b int32) int {
	key := func(r *row) int64 {
		switch by {
		case ByUpdated:
			return r.updated
		case BySeverity:
			return int64(r.severity)
		case ByStatus:
			return int64(r.status)
		case ByCreated:
			return r.created
		case ByFirst:
			return r.first
		case ByLast:
			return r.last
		case ByAlerts:
			return int64(r.alerts)
		case ByActive:
			return int64(r.active)
		}
		return 0
	}
	text := func(r *row) string {
		switch by {
		case ByName:
			return r.name
		case ByAssigned:
			return q.texts[r.assigned]
		case ByClassification:
			return q.texts[r.classification]
		}
		return ""
	}
	return func(a, b int32) int {
		x, y := &q.rows[a], &q.rows[b]
		c := 0
		if by == ByName || by == ByAssigned || by == ByClassification {
			c = cmp.Compare(text(x), text(y))
		} else {
			c = cmp.Compare(key(x), key(y))
		}
		if c == 0 {
			c = cmp.Compare(x.id, y.id)
		}
		if desc {
			return -c
		}
		return c
	}
}

// smallest returns the first n of list in order without sorting the rest.
func smallest(list []int32, n int, less func(a, b int32) int) []int32 {
	h := &top{less: less, list: slices.Clone(list[:n])}
	heap.Init(h)
	for _, x := range list[n:] {
		if less(x, h.list[0]) < 0 {
			h.list[0] = x
			heap.Fix(h, 0)
		}
	}
	slices.SortFunc(h.list, less)
	return h.list
}

// top is a heap with the last of the kept items first.
type top struct {
	list []int32
	less func(a, b int32) int
}

func (h *top) Len() int           { return len(h.list) }
func (h *top) Less(i, j int) bool { return h.less(h.list[i], h.list[j]) > 0 }
func (h *top) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *top) Push(x any)         { h.list = append(h.list, x.(int32)) }
func (h *top) Pop() any {
	last := len(h.list) - 1
	x := h.list[last]
	h.list = h.list[:last]
	return x
}

// Count is how many entries have a value.
type Count struct {
	Text   string
	Number int16 // of Status and Severity
	N      int64
}

// Facets counts, per field, the entries that the rest of the filter selects by their value, most frequent first, at most limit each.
func (q *Queue) Facets(f *Filter, limit int) [][]Count {
	p := q.plan(f)
	var numbers [2]map[int16]int64
	numbers[0], numbers[1] = map[int16]int64{}, map[int16]int64{}
	var texts [fields]map[uint32]int64
	for i := range texts {
		texts[i] = map[uint32]int64{}
	}
	for i := range q.rows {
		r := &q.rows[i]
		if !p.base(r) {
			continue
		}
		failed, more := p.fails(r)
		if more {
			continue
		}
		for field := Status; field < fields; field++ {
			if failed >= 0 && failed != field {
				continue
			}
			switch field {
			case Status:
				numbers[0][r.status]++
			case Severity:
				numbers[1][r.severity]++
			case AssignedTo:
				texts[field][r.assigned]++
			case Classification:
				texts[field][r.classification]++
			}
		}
		for _, v := range r.values {
			if failed < 0 || failed == v.field {
				texts[v.field][v.text]++
			}
		}
	}
	out := make([][]Count, fields)
	for field := range out {
		list := []Count{}
		if field < 2 {
			for n, k := range numbers[field] {
				list = append(list, Count{Number: n, N: k})
			}
		} else {
			for n, k := range texts[field] {
				list = append(list, Count{Text: q.texts[n], N: k})
			}
		}
		sort.Slice(list, func(i, j int) bool {
			a, b := list[i], list[j]
			if a.N != b.N {
				return a.N > b.N
			}
			if a.Text != b.Text {
				return a.Text < b.Text
			}
			return a.Number < b.Number
		})
		out[field] = list[:min(len(list), limit)]
	}
	return out
}
