package store

import (
	"context"
	"sort"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Filter is a list's filter in terms of columns. Values of one field are alternatives; fields must all hold.
type Filter struct {
	Status, Severity                                                          []int16
	AssignedTo, Classification, ServiceSource, DetectionSource, Category, Tag []string

	Entity     string
	From, To   int64 // bounds of last_activity, 0 for none
	Lab        *bool
	Search     string
	IncidentID int64
	RuleID     string
	Sight      *Sight
}

// Order is a sort column with its direction.
type Order struct {
	Column string
	Desc   bool
}

// like makes a LIKE pattern (escape character !) that finds text anywhere, in lower case.
func like(text string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.ToLower(text)) + "%"
}

func in[T any](q *bun.SelectQuery, column string, values []T) *bun.SelectQuery {
	switch len(values) {
	case 0:
		return q
	case 1:
		return q.Where("? = ?", bun.Ident(column), values[0])
	}
	return q.Where("? IN (?)", bun.Ident(column), bun.List(values))
}

func ranges(q *bun.SelectQuery, f *Filter) *bun.SelectQuery {
	if f.From != 0 {
		q = q.Where("last_activity >= ?", f.From)
	}
	if f.To != 0 {
		q = q.Where("last_activity <= ?", f.To)
	}
	return q
}

// alerts applies f to a query on alerts, leaving out the filter named skip.
func (f *Filter) alerts(q *bun.SelectQuery, id tenant.ID, skip string) *bun.SelectQuery {
	q = q.Where("a.tenant_id = ?", id)
	for name, apply := range map[string]func(){
		"status":          func() { q = in(q, "status", f.Status) },
		"severity":        func() { q = in(q, "severity", f.Severity) },
		"assignedTo":      func() { q = in(q, "assigned_to", f.AssignedTo) },
		"classification":  func() { q = in(q, "classification", f.Classification) },
		"serviceSource":   func() { q = in(q, "service_source", f.ServiceSource) },
		"detectionSource": func() { q = in(q, "detection_source", f.DetectionSource) },
		"category":        func() { q = in(q, "category", f.Category) },
	} {
		if name != skip {
			apply()
		}
	}
	if skip != "tag" && len(f.Tag) > 0 {
		q = q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			for _, t := range f.Tag {
				q = q.WhereOr("lower(tags) LIKE ? ESCAPE '!'", like(encodeString(t)))
			}
			return q
		})
	}
	if f.Entity != "" {
		q = q.Where("a.id IN (SELECT ae.alert_id FROM alert_entities AS ae WHERE ae.tenant_id = ? AND ae.entity = ?)", id, f.Entity)
	}
	q = ranges(q, f)
	if f.Lab != nil {
		if *f.Lab {
			q = q.Where("lab <> ''")
		} else {
			q = q.Where("lab = ''")
		}
	}
	if f.IncidentID != 0 {
		q = q.Where("a.incident_id = ?", f.IncidentID)
	}
	q = f.Sight.where(q)
	if f.RuleID != "" {
		q = q.Where("a.rule_id = ?", f.RuleID)
	}
	if f.Search != "" {
		q = q.Where("(a.id = ? OR search LIKE ? ESCAPE '!')", strings.ToLower(f.Search), like(f.Search))
	}
	return q
}

func page(q *bun.SelectQuery, o Order, tie string, top, skip int) *bun.SelectQuery {
	dir := " ASC"
	if o.Desc {
		dir = " DESC"
	}
	q = q.OrderExpr("?"+dir, bun.Ident(o.Column))
	if o.Column != tie {
		q = q.OrderExpr("?"+dir, bun.Ident(tie))
	}
	if top > 0 {
		q = q.Limit(int64(top))
	}
	if skip > 0 {
		q = q.Offset(int64(skip))
	}
	return q
}

// ListAlerts returns a page of alerts.
func ListAlerts(ctx context.Context, db bun.IDB, id tenant.ID, f *Filter, o Order, top, skip int) ([]*Alert, error) {
	var rows []*Alert
	err := page(f.alerts(db.NewSelect().Model(&rows), id, ""), o, "id", top, skip).Scan(ctx)
	return rows, err
}

// CountAlerts returns how many alerts f selects.
func CountAlerts(ctx context.Context, db bun.IDB, id tenant.ID, f *Filter) (int64, error) {
	n, err := f.alerts(db.NewSelect().Model((*Alert)(nil)), id, "").Count(ctx)
	return int64(n), err
}

// Count is how many items have a value.
type Count struct {
	Value string
	N     int64
}

const facetLimit = 100

// Cell counts the alerts that are alike in all columns with facets.
type Cell struct {
	Status, Severity                                                     int16
	AssignedTo, Classification, ServiceSource, DetectionSource, Category string
	N                                                                    int64
}

// AlertCube counts alerts by all columns with facets at once. The filters on those columns are left to the caller; the others of f hold.
func AlertCube(ctx context.Context, db bun.IDB, id tenant.ID, f *Filter) ([]Cell, error) {
	rest := *f
	rest.Status, rest.Severity = nil, nil
	rest.AssignedTo, rest.Classification, rest.ServiceSource, rest.DetectionSource, rest.Category = nil, nil, nil, nil, nil
	const columns = "status, severity, assigned_to, classification, service_source, detection_source, category"
	var out []Cell
	err := rest.alerts(db.NewSelect().TableExpr("alerts AS a"), id, "").ColumnExpr(columns+", count(*) AS n").GroupExpr(columns).Scan(ctx, &out)
	return out, err
}

// AlertTags counts the tags of the alerts that f selects without its tags, most frequent first.
func AlertTags(ctx context.Context, db bun.IDB, id tenant.ID, f *Filter) ([]Count, error) {
	return tagFacet(ctx, db, id, f)
}

// tagFacet counts the tags that stand as JSON in alerts; few alerts have any.
func tagFacet(ctx context.Context, db bun.IDB, id tenant.ID, f *Filter) ([]Count, error) {
	var rows []Count
	q := f.alerts(db.NewSelect().TableExpr("alerts AS a"), id, "tag").Where("tags <> '[]'")
	if err := q.ColumnExpr("tags AS value, count(*) AS n").GroupExpr("tags").Scan(ctx, &rows); err != nil {
		return nil, err
	}
	sums := map[string]int64{}
	for _, r := range rows {
		for _, t := range decodeStrings(r.Value) {
			sums[t] += r.N
		}
	}
	out := make([]Count, 0, len(sums))
	for v, n := range sums {
		out = append(out, Count{v, n})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].N > out[j].N || out[i].N == out[j].N && out[i].Value < out[j].Value })
	return out[:min(len(out), facetLimit)], nil
}
