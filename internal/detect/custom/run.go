package custom

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/detect/evidence"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Question is what a run asks of the lake. From and To bound the time column of event tables that the query does not bound itself; Now is what now() and
// ago() mean.
type Question struct {
	Query         string
	Now, From, To time.Time
	// Limit is how many rows are wanted at most.
	Limit int
	// Rule and Title say who asks.
	Rule, Title string
}

// Answer is a query's result. Cells are bool, int32, int64, float64, string, time.Time, decoded JSON for dynamic, or nil.
type Answer struct {
	Columns   []string
	Rows      [][]any
	Truncated bool
}

// Hunter answers KQL queries over one tenant's lake.
type Hunter interface {
	Hunt(ctx context.Context, id tenant.ID, q Question) (*Answer, error)
}

// MaxDetections is how many alerts one run may raise; more mark the outcome as truncated.
const MaxDetections = 100

// Outcome is what a run found.
type Outcome struct {
	Detections []incident.Detection
	Rows       int
	// Truncated says that rows were left out because of a limit.
	Truncated bool
}

// Run evaluates the rule over from..to. Detections have stable ids, so a row seen again by an overlapping run counts once.
func Run(ctx context.Context, hunter Hunter, id tenant.ID, r *Rule, now, from, to time.Time) (*Outcome, error) {
	const wanted = 10_000
	answer, err := hunter.Hunt(ctx, id, Question{Query: r.Query, Now: now, From: from, To: to, Limit: wanted, Rule: r.ID, Title: r.Title})
	if err != nil {
		return nil, err
	}
	columns := make(map[string]int, len(answer.Columns))
	for i, name := range answer.Columns {
		if _, have := columns[name]; !have {
			columns[name] = i
		}
	}
	for _, name := range []string{r.Impacted.Device, r.Impacted.User, r.Impacted.Mailbox} {
		if _, ok := columns[name]; name != "" && !ok {
			return nil, fmt.Errorf("impactedEntities: the query returns no column %q", name)
		}
	}
	out := &Outcome{Rows: len(answer.Rows), Truncated: answer.Truncated}
	seen := map[string]bool{}
	for _, values := range ordered(answer.Rows, columns) {
		d := r.detection(evidence.Result{Columns: columns, Values: values}, answer.Columns, id, to)
		key := d.Hit.ExternalID
		if seen[key] {
			continue
		}
		if len(out.Detections) == MaxDetections {
			out.Truncated = true
			break
		}
		seen[key] = true
		out.Detections = append(out.Detections, d)
	}
	return out, nil
}

// ordered gives rows in an order of their own, by time and then by all they say: an engine returns them in any order, but which finding opens an alert, and
// which are left out when there are too many, must not depend on that. The oldest come first, since the next run does not reach as far back.
func ordered(rows [][]any, columns map[string]int) [][]any {
	type keyed struct {
		row  []any
		time time.Time
		text string
	}
	list := make([]keyed, len(rows))
	for i, values := range rows {
		var text strings.Builder
		for _, v := range values {
			text.WriteString(evidence.TextOf(v))
			text.WriteByte(0)
		}
		list[i] = keyed{values, evidence.Result{Columns: columns, Values: values}.Time("Timestamp"), text.String()}
	}
	slices.SortStableFunc(list, func(a, b keyed) int {
		return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.text, b.text))
	})
	out := make([][]any, len(list))
	for i := range list {
		out[i] = list[i].row
	}
	return out
}

// detection makes one row an alert.
func (r *Rule) detection(row evidence.Result, columns []string, id tenant.ID, to time.Time) incident.Detection {
	when := row.Time("Timestamp")
	if when.IsZero() {
		when = to
	}
	var b evidence.Builder
	b.Impacted(row.Text(r.Impacted.Device), row.Text(r.Impacted.User), row.Text(r.Impacted.Mailbox))
	b.Add(row)
	title := r.Alert.Title
	if title == "" {
		title = r.Title
	}
	description := r.Alert.Description
	if description == "" {
		description = r.Description
	}
	entity := strings.ToLower(strings.Join([]string{row.Text(r.Impacted.Device), row.Text(r.Impacted.User), row.Text(r.Impacted.Mailbox)}, "\x00"))
	return incident.Detection{
		Tenant: id, RuleID: r.ID, RuleTitle: r.Title, Title: cut(fill(title, row, 120), 300), Description: cut(fill(description, row, 500), 8000), Recommended: r.Recommended,
		Severity: r.Level(), Category: r.Category, Techniques: r.Techniques, ServiceSource: r.Workload, DetectionSource: "customDetection", Time: when,
		Evidence: b.Evidence(), Matched: matched(row, columns), FoldKey: entity, Lab: row.Text("LabScenario"),
		Hit: incident.Hit{ExternalID: r.rowID(row, entity, to), File: row.Text("RecordOrigin"), Record: row.Int("RecordNumber"), Time: when},
	}
}

// rowID is the same for the same finding in overlapping runs: the record's own id where the query kept it, else time and entities, else the entities
// within one stretch of the lookback, the end of which does not belong to it.
func (r *Rule) rowID(row evidence.Result, entity string, to time.Time) string {
	parts := []string{r.ID, entity}
	report, when := row.Text("ReportId"), row.Text("Timestamp")
	switch {
	case report != "":
		parts = append(parts, report, when, row.Text("DeviceName"), row.Text("NetworkMessageId"))
	case when != "":
		parts = append(parts, when)
	default:
		parts = append(parts, to.UTC().Add(-time.Nanosecond).Truncate(time.Duration(r.Lookback)).Format(time.RFC3339))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "kql:" + hex.EncodeToString(sum[:12])
}

// matched shows the row itself as the reason for the alert. Columns that only say where a record came from are left out.
func matched(row evidence.Result, columns []string) []incident.FieldMatch {
	const most = 30
	var out []incident.FieldMatch
	for i, name := range columns {
		if i >= len(row.Values) || len(out) == most {
			break
		}
		if name == "RecordOrigin" || name == "RecordNumber" || name == "LabScenario" {
			continue
		}
		if text := evidence.TextOf(row.Values[i]); text != "" {
			out = append(out, incident.FieldMatch{Field: name, Value: cut(text, 1000), Match: "returned by the query"})
		}
	}
	return out
}

var placeholder = regexp.MustCompile(`\{[A-Za-z_][A-Za-z0-9_]*\}`)

// fill replaces {Column} by the row's value, cut to most characters; names of no column stay as they are.
func fill(text string, row evidence.Result, most int) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		name := p[1 : len(p)-1]
		if _, ok := row.Columns[name]; !ok {
			return p
		}
		return cut(strings.Join(strings.Fields(row.Text(name)), " "), most)
	})
}

func cut(s string, most int) string {
	n := 0
	for i := range s {
		if n == most {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
