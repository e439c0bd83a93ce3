package detect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/bartizan-sec/bartizan/internal/detect/evidence"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// LinkEntity says which column of a result holds an entity of the alerts made of it. Impacted ones tell alerts apart.
type LinkEntity struct {
	Role   string `json:"role" enum:"impacted,related"`
	Type   string `json:"type" enum:"device,user,mailbox,ip,file,process,url,mailMessage,cloudApp"`
	Column string `json:"column" maxLength:"200"`
}

// LinkColumn is a column of the result.
type LinkColumn struct {
	Name string `json:"name" maxLength:"200"`
	Type string `json:"type" maxLength:"40"`
}

// LinkAlert is what a person says about the alerts.
type LinkAlert struct {
	Title       string            `json:"title" minLength:"1" maxLength:"300"`
	Severity    incident.Severity `json:"severity" enum:"Informational,Low,Medium,High"`
	Category    string            `json:"category" maxLength:"100"`
	Description string            `json:"description,omitempty" maxLength:"8000"`
	Recommended string            `json:"recommendedActions,omitempty" maxLength:"8000"`
	Techniques  []string          `json:"mitreTechniques,omitempty" maxItems:"40"`
}

// Link is what alerts are made of by hand: rows that a person picked out of a query's result.
type Link struct {
	Alert    LinkAlert
	Tables   []string // that the query reads; they tell the workload
	Columns  []LinkColumn
	Rows     [][]json.RawMessage
	Entities []LinkEntity
}

var techniqueID = regexp.MustCompile(`^T\d{4}(\.\d{3})?$`)

// Alerts makes an alert of each distinct combination of impacted entities, in order of their first rows, with a hit for each row. now stands for the time of
// rows that have none.
func (l *Link) Alerts(id tenant.ID, now time.Time) ([]incident.Linked, error) {
	columns, err := l.check()
	if err != nil {
		return nil, err
	}
	header, err := json.Marshal(l.Columns)
	if err != nil {
		return nil, err
	}
	link := "manual/" + ulid.Make().String()
	place := map[string]int{}
	var out []incident.Linked
	for n, raw := range l.Rows {
		row, err := cellsOf(columns, raw)
		if err != nil {
			return nil, fault.Newf(fault.Invalid, "row %d: %w", n+1, err).On("rows")
		}
		key := l.key(row)
		i, there := place[key]
		if !there {
			if i = len(out); i == incident.MaxLinked {
				return nil, fault.Newf(fault.Limit, "the rows are about more than %d combinations of impacted assets, and each becomes an alert; choose fewer rows or assets", incident.MaxLinked).On("rows")
			}
			place[key] = i
			out = append(out, incident.Linked{Columns: header})
		}
		d := l.detection(row, n, link)
		if len(d.Evidence) == 0 {
			return nil, fault.Newf(fault.Invalid, "row %d has no value in any of the columns chosen for entities", n+1).On("entities")
		}
		d.Tenant, d.FoldKey = id, fmt.Sprintf("%d", i)
		if d.Time.IsZero() {
			d.Time = now
		}
		d.Hit.Time = d.Time
		whole, err := json.Marshal(raw)
		if err != nil {
			return nil, err
		}
		out[i].Detections = append(out[i].Detections, d)
		out[i].Rows = append(out[i].Rows, whole)
	}
	return out, nil
}

func (l *Link) check() (map[string]int, error) {
	switch {
	case strings.TrimSpace(l.Alert.Title) == "":
		return nil, fault.Newf(fault.Invalid, "the alert needs a title").On("alert.title")
	case len(l.Rows) == 0:
		return nil, fault.Newf(fault.Invalid, "choose at least one row").On("rows")
	case len(l.Rows) > incident.MaxLinkedRows:
		return nil, fault.Newf(fault.Limit, "%d rows are more than can be linked at once (%d); choose fewer", len(l.Rows), incident.MaxLinkedRows).On("rows")
	}
	for _, t := range l.Alert.Techniques {
		if !techniqueID.MatchString(t) {
			return nil, fault.Newf(fault.Invalid, "technique %q is not an ATT&CK id such as T1003 or T1003.001", t).On("alert.mitreTechniques")
		}
	}
	columns := map[string]int{}
	for i, c := range l.Columns {
		if _, have := columns[c.Name]; !have {
			columns[c.Name] = i
		}
	}
	impacted := false
	for i, e := range l.Entities {
		if _, ok := columns[e.Column]; !ok {
			return nil, fault.Newf(fault.Invalid, "the result has no column %q", e.Column).On(fmt.Sprintf("entities[%d].column", i))
		}
		if e.Role != "impacted" {
			continue
		}
		if impacted = true; e.Type != "device" && e.Type != "user" && e.Type != "mailbox" {
			return nil, fault.Newf(fault.Invalid, "an impacted asset is a device, user or mailbox; link the %s as related evidence", e.Type).On(fmt.Sprintf("entities[%d].type", i))
		}
	}
	if !impacted {
		return nil, fault.Newf(fault.Invalid, "choose at least one column with an impacted asset").On("entities")
	}
	return columns, nil
}

// cellsOf reads a row. Numbers stay as they are written.
func cellsOf(columns map[string]int, raw []json.RawMessage) (evidence.Result, error) {
	values := make([]any, len(raw))
	for i, cell := range raw {
		if len(cell) == 0 {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(cell))
		d.UseNumber()
		if err := d.Decode(&values[i]); err != nil {
			return evidence.Result{}, fmt.Errorf("cell %d is not JSON", i+1)
		}
		if n, ok := values[i].(json.Number); ok {
			if whole, err := n.Int64(); err == nil {
				values[i] = whole
			} else if f, err := n.Float64(); err == nil {
				values[i] = f
			}
		}
	}
	return evidence.Result{Columns: columns, Values: values}, nil
}

// key is equal for rows about the same impacted entities.
func (l *Link) key(row evidence.Result) string {
	var parts []string
	for _, e := range l.Entities {
		if e.Role == "impacted" {
			parts = append(parts, e.Type+"="+strings.ToLower(strings.TrimSpace(row.Text(e.Column))))
		}
	}
	return strings.Join(parts, "\x00")
}

func (l *Link) detection(row evidence.Result, n int, link string) incident.Detection {
	when := row.Time("Timestamp")
	if when.IsZero() {
		when = row.Time("TimeGenerated")
	}
	var b evidence.Builder
	for _, role := range []string{"impacted", "related"} {
		for _, e := range l.Entities {
			if e.Role == role {
				b.Chosen(row, e.Type, e.Column, role == "impacted")
			}
		}
	}
	d := incident.Detection{
		RuleID: link, RuleTitle: l.Alert.Title, Title: l.Alert.Title, Description: l.Alert.Description, Recommended: l.Alert.Recommended, Severity: l.Alert.Severity,
		Category: l.Alert.Category, Techniques: slices.Clone(l.Alert.Techniques), ServiceSource: l.workload(), DetectionSource: "manual", Time: when, Evidence: b.Evidence(),
		Hit: incident.Hit{ExternalID: fmt.Sprintf("%s/%d", link, n), File: row.Text("RecordOrigin"), Record: row.Int("RecordNumber")},
	}
	for i, c := range l.Columns {
		if i >= len(row.Values) || len(d.Matched) == 30 {
			break
		}
		if text := evidence.TextOf(row.Values[i]); text != "" {
			d.Matched = append(d.Matched, incident.FieldMatch{Field: c.Name, Value: text, Match: "in the row that was picked"})
		}
	}
	return d
}

// workload is the one that all tables of the query belong to, xdr for several or none.
func (l *Link) workload() string {
	found := ""
	for _, t := range l.Tables {
		w := workloadOf(t)
		if w == "" || found != "" && w != found {
			return "xdr"
		}
		found = w
	}
	if found == "" {
		return "xdr"
	}
	return found
}
