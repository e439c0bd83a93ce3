package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Lineage is the process tree around a record of a hunt: ancestors, the process, what it touched, its children.
type Lineage struct {
	Nodes []StoryNode `json:"nodes" nullable:"false"`
	Cut   bool        `json:"cut" doc:"there are more processes than are shown"`
	Note  string      `json:"note,omitempty" doc:"why part of the tree is missing"`
}

type lineageInput struct {
	Body struct {
		Table string         `json:"table,omitempty" maxLength:"200" doc:"the table of the record, when it is known"`
		Row   map[string]any `json:"row" doc:"the record's columns"`
	}
}

const (
	mostLineageColumns = 1000
	lineageRows        = 100             // rows that one look into the lake gives
	sameStart          = 2 * time.Second // creation times of one process as two sources saw it
)

// registerLineage adds the call for the process tree of a record.
func (s *server) registerLineage() {
	op := operation{
		method: http.MethodPost, path: "/api/hunting/lineage", id: "huntLineage", summary: "The process tree around a record", tag: "hunting",
		door: byPermission, permission: access.DataRead, scope: access.ScopeHunt, quiet: true,
	}
	handle(s, op, func(ctx context.Context, c *call, in *lineageInput) (*output[Lineage], error) {
		l, err := s.recordLineage(ctx, c, in.Body.Table, in.Body.Row)
		return answer(l), err
	})
}

// recordLineage builds the tree of a record out of its own columns and of what the lake has of its processes. A record without processes has no nodes.
func (s *server) recordLineage(ctx context.Context, c *call, table string, row map[string]any) (Lineage, error) {
	if len(row) > mostLineageColumns {
		return Lineage{}, fault.Newf(fault.Invalid, "a record has at most %d columns", mostLineageColumns).On("row")
	}
	r := record(row)
	a, parents := r.alert(table)
	out := Lineage{Nodes: []StoryNode{}}
	if a == nil {
		return out, nil
	}
	b := newStory(a)
	for _, p := range b.processes {
		rows, err := s.lineage(ctx, c, a, p)
		if err != nil {
			if ctx.Err() != nil {
				return out, ctx.Err()
			}
			s.Log.Debug("the process tree of a record lacks what the lake knows", "error", err)
			out.Note = "The lake did not answer; only what the record itself says is shown."
			break
		}
		out.Cut = out.Cut || len(rows) >= lineageRows
		b.add(ofProcesses(rows, b.processes))
	}
	out.Cut = out.Cut || len(b.nodes) >= maxStory
	for _, n := range b.finish().Nodes {
		n.AlertIDs = []string{}
		n.Focus = n.Focus && !parents[n.ID]
		out.Nodes = append(out.Nodes, n)
	}
	return out, nil
}

// ofProcesses drops the rows about other processes that had the same number before or after. A process without a known start is known to have started
// before the one that it started.
func ofProcesses(rows []processRow, known []incident.Evidence) []processRow {
	started := map[int64]time.Time{}
	before := map[int64]time.Time{}
	for _, p := range known {
		if p.ProcessCreated != nil {
			started[p.ProcessID] = *p.ProcessCreated
			before[p.ParentProcessID] = p.ProcessCreated.Add(sameStart)
		}
	}
	other := func(id int64, t time.Time) bool {
		if t.IsZero() {
			return false
		}
		if s, ok := started[id]; ok {
			return t.Sub(s).Abs() > sameStart
		}
		b, ok := before[id]
		return ok && t.After(b)
	}
	kept := rows[:0:0]
	for _, r := range rows {
		if !other(r.id, first2(r.created, r.time)) && !other(r.parentID, r.parentCreated) {
			kept = append(kept, r)
		}
	}
	return kept
}

func first2(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

// record reads the columns of a record that came as JSON.
type record map[string]any

func (r record) text(name string) string {
	s, _ := r[name].(string)
	return s
}

func (r record) number(name string) int64 {
	return cellNumber([]any{r[name]}, map[string]int{name: 0}, name)
}

func (r record) time(name string) time.Time {
	return cellTime([]any{r[name]}, map[string]int{name: 0}, name)
}

func (r record) moment(name string) *time.Time {
	if t := r.time(name); !t.IsZero() {
		return &t
	}
	return nil
}

// alert puts the record's entities into the form of an alert's evidence, for the tree builder; nil when it has no process. The nodes of parents are
// those that are not what the record is about.
func (r record) alert(table string) (a *incident.Alert, parents map[string]bool) {
	a = &incident.Alert{}
	at := first2(r.time("Timestamp"), r.time("TimeGenerated"))
	for _, name := range []string{"ProcessCreationTime", "InitiatingProcessCreationTime"} {
		at = first2(at, r.time(name))
	}
	a.FirstActivity, a.LastActivity = at, at
	if host, id := r.text("DeviceName"), r.text("DeviceId"); host != "" || id != "" {
		a.Evidence = append(a.Evidence, incident.Evidence{Type: "device", HostName: host, DeviceID: id})
	}
	parents = map[string]bool{}
	created := r.created(table)
	if created != nil {
		a.Evidence = append(a.Evidence, *created)
	}
	if id := r.number("InitiatingProcessId"); id != 0 && (created == nil || created.ProcessID != id) {
		e := incident.Evidence{
			Type: "process", FileName: r.text("InitiatingProcessFileName"), FolderPath: r.text("InitiatingProcessFolderPath"), CommandLine: r.text("InitiatingProcessCommandLine"),
			ProcessID: id, ProcessCreated: r.moment("InitiatingProcessCreationTime"), AccountDomain: r.text("InitiatingProcessAccountDomain"),
			AccountName: r.text("InitiatingProcessAccountName"), SHA1: r.text("InitiatingProcessSHA1"), SHA256: r.text("InitiatingProcessSHA256"), MD5: r.text("InitiatingProcessMD5"),
		}
		if parent := r.number("InitiatingProcessParentId"); parent != id {
			e.ParentProcessID, e.ParentFileName = parent, r.text("InitiatingProcessParentFileName")
		}
		a.Evidence = append(a.Evidence, e)
		parents[processKey(id)] = created != nil
	}
	if created == nil && r.number("InitiatingProcessId") == 0 {
		return nil, nil
	}
	if at.IsZero() {
		// Without a time the lake cannot be asked for the process, whose number is used again and again.
		a.FirstActivity, a.LastActivity = time.Unix(0, 0), time.Unix(0, 0)
	}
	if created == nil {
		a.Evidence = append(a.Evidence, r.touched(table)...)
	}
	return a, parents
}

// created is the process that the record says was started or used, beside the one that did it.
func (r record) created(table string) *incident.Evidence {
	id := r.number("ProcessId")
	if id == 0 || (table != "" && table != "DeviceProcessEvents" && r.text("ProcessCommandLine") == "" && r.time("ProcessCreationTime").IsZero() && r.number("InitiatingProcessId") != 0) {
		return nil
	}
	e := &incident.Evidence{
		Type: "process", FileName: r.text("FileName"), FolderPath: r.text("FolderPath"), CommandLine: r.text("ProcessCommandLine"), ProcessID: id,
		ProcessCreated: r.moment("ProcessCreationTime"), AccountDomain: r.text("AccountDomain"), AccountName: r.text("AccountName"), SHA1: r.text("SHA1"),
		SHA256: r.text("SHA256"), MD5: r.text("MD5"),
	}
	if parent := r.number("InitiatingProcessId"); parent != id {
		e.ParentProcessID, e.ParentFileName, e.ParentCommandLine = parent, r.text("InitiatingProcessFileName"), r.text("InitiatingProcessCommandLine")
	}
	return e
}

// touched is what the process of the record did something to.
func (r record) touched(table string) []incident.Evidence {
	var out []incident.Evidence
	if r.text("RegistryKey") != "" {
		out = append(out, incident.Evidence{
			Type: "registry", RegistryKey: r.text("RegistryKey"), RegistryValueName: r.text("RegistryValueName"), RegistryValueData: r.text("RegistryValueData"),
		})
	}
	if r.text("RemoteIP") != "" && table != "DeviceLogonEvents" {
		out = append(out, incident.Evidence{Type: "ip", Address: r.text("RemoteIP")})
	}
	if r.text("RemoteUrl") != "" {
		out = append(out, incident.Evidence{Type: "url", URL: r.text("RemoteUrl")})
	}
	if name := r.text("FileName"); name != "" && !strings.EqualFold(name, r.text("InitiatingProcessFileName")) {
		out = append(out, incident.Evidence{Type: "file", FileName: name, FolderPath: r.text("FolderPath"), SHA1: r.text("SHA1"), SHA256: r.text("SHA256")})
	}
	return out
}
