package api

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
)

// Story is an alert's processes, files, addresses and messages as a tree, in order of time.
type Story struct {
	Nodes []StoryNode `json:"nodes" nullable:"false"`
}

// StoryNode is one thing of a story.
type StoryNode struct {
	ID          string            `json:"id"`
	ParentID    string            `json:"parentId,omitempty"`
	Kind        string            `json:"kind" doc:"device, process, file, ip, url, registry, mailMessage, …"`
	Label       string            `json:"label"`
	Detail      string            `json:"detail,omitempty"`
	Time        *time.Time        `json:"time,omitempty"`
	CommandLine string            `json:"commandLine,omitempty"`
	Account     string            `json:"account,omitempty"`
	Path        string            `json:"path,omitempty"`
	SHA256      string            `json:"sha256,omitempty"`
	Focus       bool              `json:"focus" doc:"the thing the alert is about"`
	AlertIDs    []string          `json:"alertIds" nullable:"false"`
	Facts       map[string]string `json:"facts,omitempty"`
}

// story builds the tree of an alert: its evidence, and around each process of it the ancestors and children that the lake knows.
func (s *server) story(ctx context.Context, c *call, a *incident.Alert) Story {
	b := newStory(a)
	for _, p := range b.processes {
		if len(b.nodes) >= maxStory {
			break
		}
		rows, err := s.lineage(ctx, c, a, p)
		if err != nil {
			// The evidence alone is a story too; the lake's part is left out while the lake does not answer.
			s.Log.Debug("the story of an alert lacks what the lake knows", "alert", a.ID, "error", err)
			break
		}
		b.add(rows)
	}
	return b.finish()
}

const (
	maxStory   = 200             // nodes of one story
	storySpan  = 24 * time.Hour  // how far before and after the alert relatives are looked for
	storySteps = 6               // process evidence that is looked up
	lakeWait   = 5 * time.Second // for each
)

// processRow is a process start as the lake has it.
type processRow struct {
	time                                  time.Time
	id, parentID                          int64
	name, path, command, account, sha256  string
	parentName, parentPath, parentCommand string
	parentCreated, created                time.Time
	grandparentID                         int64
	grandparentName                       string
	accountDomain                         string
}

// lineage reads the process itself, its parent and its children from DeviceProcessEvents.
func (s *server) lineage(ctx context.Context, c *call, a *incident.Alert, p incident.Evidence) ([]processRow, error) {
	host := p.HostName
	if host == "" {
		host = hostOf(a)
	}
	if host == "" || p.ProcessID == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lakeWait)
	defer cancel()
	from, to := a.FirstActivity.Add(-storySpan), a.LastActivity.Add(storySpan)
	ids := []string{strconv.FormatInt(p.ProcessID, 10)}
	if p.ParentProcessID != 0 {
		ids = append(ids, strconv.FormatInt(p.ParentProcessID, 10))
	}
	query := fmt.Sprintf(`DeviceProcessEvents
| where Timestamp between (datetime(%s) .. datetime(%s))
| where DeviceName =~ %s or DeviceName startswith %s
| where ProcessId in (%s) or InitiatingProcessId == %d
| project Timestamp, ProcessId, ProcessCreationTime, FileName, FolderPath, ProcessCommandLine, AccountDomain, AccountName, SHA256,
  InitiatingProcessId, InitiatingProcessCreationTime, InitiatingProcessFileName, InitiatingProcessFolderPath, InitiatingProcessCommandLine,
  InitiatingProcessParentId, InitiatingProcessParentFileName
| order by Timestamp asc
| take 100`, from.UTC().Format(time.RFC3339Nano), to.UTC().Format(time.RFC3339Nano), quoteKQL(host), quoteKQL(strings.SplitN(host, ".", 2)[0]+"."),
		strings.Join(ids, ", "), p.ProcessID)
	answer, err := s.Hunting.Hunt(ctx, Hunt{Tenant: c.tenant, By: c.actorName(), Principal: c.owner().ID, Query: query, Limit: 100, Visible: c.visible(), Rows: c.rows()})
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, col := range answer.Schema {
		at[col.Name] = i
	}
	var out []processRow
	for _, row := range answer.Rows {
		text := func(name string) string { return cellText(row, at, name) }
		number := func(name string) int64 { return cellNumber(row, at, name) }
		when := func(name string) time.Time { return cellTime(row, at, name) }
		out = append(out, processRow{
			time: when("Timestamp"), id: number("ProcessId"), created: when("ProcessCreationTime"), name: text("FileName"), path: text("FolderPath"),
			command: text("ProcessCommandLine"), account: text("AccountName"), accountDomain: text("AccountDomain"), sha256: text("SHA256"),
			parentID: number("InitiatingProcessId"), parentCreated: when("InitiatingProcessCreationTime"), parentName: text("InitiatingProcessFileName"),
			parentPath: text("InitiatingProcessFolderPath"), parentCommand: text("InitiatingProcessCommandLine"),
			grandparentID: number("InitiatingProcessParentId"), grandparentName: text("InitiatingProcessParentFileName"),
		})
	}
	return out, nil
}

func hostOf(a *incident.Alert) string {
	for _, e := range a.Evidence {
		if e.Type == "device" && e.HostName != "" {
			return e.HostName
		}
	}
	return ""
}

// quoteKQL writes text as a KQL string literal.
func quoteKQL(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func cell(row []any, at map[string]int, name string) any {
	if i, ok := at[name]; ok && i < len(row) {
		return row[i]
	}
	return nil
}

func cellText(row []any, at map[string]int, name string) string {
	s, _ := cell(row, at, name).(string)
	return s
}

func cellNumber(row []any, at map[string]int, name string) int64 {
	switch v := cell(row, at, name).(type) {
	case int64:
		return v
	case int32:
		return int64(v)
	case int:
		return int64(v)
	case float64:
		return int64(v)
	}
	return 0
}

func cellTime(row []any, at map[string]int, name string) time.Time {
	switch v := cell(row, at, name).(type) {
	case time.Time:
		return v
	case string:
		t, err := time.Parse(time.RFC3339Nano, v)
		if err == nil {
			return t
		}
	}
	return time.Time{}
}

// storyBuilder collects nodes without doubles.
type storyBuilder struct {
	alert     *incident.Alert
	nodes     map[string]*StoryNode
	processes []incident.Evidence
}

func newStory(a *incident.Alert) *storyBuilder {
	b := &storyBuilder{alert: a, nodes: map[string]*StoryNode{}}
	root := ""
	for _, e := range a.Evidence {
		if e.Type == "device" && root == "" {
			root = "device:" + strings.ToLower(e.HostName+e.DeviceID)
			b.put(&StoryNode{ID: root, Kind: "device", Label: first(e.HostName, e.DeviceID), Detail: e.OSPlatform})
		}
	}
	for _, e := range a.Evidence {
		if e.Type == "process" {
			b.process(e, root)
		}
	}
	center := root
	if len(b.processes) > 0 {
		center = processKey(b.processes[0].ProcessID)
	}
	for i, e := range a.Evidence {
		switch e.Type {
		case "process", "device":
		default:
			if n := other(i, e); n != nil {
				n.ParentID = center
				n.Focus = len(b.processes) == 0 && (e.Type == "mailMessage" || e.Type == "file" || e.Type == "cloudApp" || e.Type == "user")
				b.put(n)
			}
		}
	}
	return b
}

func processKey(id int64) string { return "process:" + strconv.FormatInt(id, 10) }

func (b *storyBuilder) process(e incident.Evidence, root string) {
	n := &StoryNode{
		ID: processKey(e.ProcessID), ParentID: root, Kind: "process", Label: first(e.FileName, lastPart(e.FolderPath), "process"), CommandLine: e.CommandLine,
		Detail: fmt.Sprintf("process %d", e.ProcessID), Account: account(e.AccountDomain, e.AccountName), Path: e.FolderPath, SHA256: e.SHA256, Focus: true,
	}
	if e.ProcessCreated != nil {
		n.Time = moment(*e.ProcessCreated)
	} else {
		n.Time = moment(b.alert.FirstActivity)
	}
	if e.ParentProcessID != 0 || e.ParentFileName != "" {
		parent := &StoryNode{
			ID: processKey(e.ParentProcessID), ParentID: root, Kind: "process", Label: first(e.ParentFileName, "process"), CommandLine: e.ParentCommandLine,
			Detail: fmt.Sprintf("process %d", e.ParentProcessID),
		}
		if e.ParentProcessID == e.ProcessID {
			parent.ID += "-parent"
		}
		n.ParentID = parent.ID
		b.put(parent)
	}
	if len(b.processes) < storySteps {
		b.processes = append(b.processes, e)
	}
	b.put(n)
}

// other makes a node of evidence that is not a process; nil when it has nothing to show.
func other(i int, e incident.Evidence) *StoryNode {
	n := &StoryNode{ID: fmt.Sprintf("%s:%d", e.Type, i), Kind: e.Type, Path: e.FolderPath, SHA256: e.SHA256}
	switch e.Type {
	case "file":
		n.Label, n.Detail = first(e.FileName, lastPart(e.FolderPath), e.SHA256), e.FolderPath
	case "ip":
		n.Label = e.Address
	case "url":
		n.Label = first(e.URL, e.Domain)
	case "user":
		n.Label, n.Account = first(e.AccountUPN, account(e.AccountDomain, e.AccountName), e.DisplayName), account(e.AccountDomain, e.AccountName)
	case "mailbox":
		n.Label = e.Mailbox
	case "mailMessage":
		n.Label, n.Detail = first(e.Subject, e.InternetMessageID), e.Sender+" to "+e.Recipient
	case "cloudApp":
		n.Label = first(e.Application, e.ApplicationID)
	case "registry":
		n.Label, n.Detail = e.RegistryKey, strings.TrimSpace(e.RegistryValueName+" "+e.RegistryValueData)
	default:
		n.Label = first(e.Name, e.DisplayName)
	}
	if n.Label == "" {
		return nil
	}
	return n
}

// add lays the lake's rows over the tree. The same process number may have been used twice, so of several starts the last one before the alert counts.
func (b *storyBuilder) add(rows []processRow) {
	for _, r := range rows {
		if len(b.nodes) >= maxStory {
			return
		}
		if r.parentID != 0 && r.parentID != r.id {
			parent := b.put(&StoryNode{
				ID: processKey(r.parentID), Kind: "process", Label: first(r.parentName, "process"), CommandLine: r.parentCommand, Path: r.parentPath,
				Detail: fmt.Sprintf("process %d", r.parentID), Time: moment(r.parentCreated),
			})
			if r.grandparentID != 0 && r.grandparentID != r.parentID && len(b.nodes) < maxStory && !b.under(processKey(r.grandparentID), parent.ID) {
				g := b.put(&StoryNode{
					ID: processKey(r.grandparentID), Kind: "process", Label: first(r.grandparentName, "process"), Detail: fmt.Sprintf("process %d", r.grandparentID),
				})
				parent.ParentID = g.ID
			}
		}
		n := b.put(&StoryNode{
			ID: processKey(r.id), Kind: "process", Label: first(r.name, "process"), CommandLine: r.command, Path: r.path, SHA256: r.sha256,
			Account: account(r.accountDomain, r.account), Detail: fmt.Sprintf("process %d", r.id), Time: moment(r.time),
		})
		if r.parentID != 0 && r.parentID != r.id && !b.under(processKey(r.parentID), n.ID) {
			n.ParentID = processKey(r.parentID)
		}
	}
}

// under reports whether node hangs below root, so that a link would close a ring.
func (b *storyBuilder) under(node, root string) bool {
	for step := 0; step < maxStory && node != ""; step++ {
		if node == root {
			return true
		}
		n := b.nodes[node]
		if n == nil {
			return false
		}
		node = n.ParentID
	}
	return false
}

// put adds a node, or fills what the one of that id lacks, and returns it.
func (b *storyBuilder) put(n *StoryNode) *StoryNode {
	old := b.nodes[n.ID]
	if old == nil {
		n.AlertIDs = []string{}
		if n.Focus {
			n.AlertIDs = []string{b.alert.ID}
		}
		b.nodes[n.ID] = n
		return n
	}
	fill := func(into *string, from string) {
		if *into == "" {
			*into = from
		}
	}
	fill(&old.CommandLine, n.CommandLine)
	fill(&old.Account, n.Account)
	fill(&old.Path, n.Path)
	fill(&old.SHA256, n.SHA256)
	fill(&old.ParentID, n.ParentID)
	if old.Label == "process" {
		old.Label = n.Label
	}
	if old.Time == nil {
		old.Time = n.Time
	}
	if n.Focus && !old.Focus {
		old.Focus, old.AlertIDs = true, []string{b.alert.ID}
	}
	return old
}

func (b *storyBuilder) finish() Story {
	out := Story{Nodes: make([]StoryNode, 0, len(b.nodes))}
	device := ""
	for _, n := range b.nodes {
		if n.Kind == "device" {
			device = n.ID
		}
	}
	for _, n := range b.nodes {
		if n.ParentID == "" && n.Kind != "device" {
			n.ParentID = device
		}
		if b.nodes[n.ParentID] == nil {
			n.ParentID = ""
		}
		out.Nodes = append(out.Nodes, *n)
	}
	sort.Slice(out.Nodes, func(i, j int) bool {
		a, b := out.Nodes[i], out.Nodes[j]
		switch {
		case a.Time == nil && b.Time == nil:
			return a.ID < b.ID
		case a.Time == nil || b.Time == nil:
			return a.Time == nil
		case !a.Time.Equal(*b.Time):
			return a.Time.Before(*b.Time)
		}
		return a.ID < b.ID
	})
	return out
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func lastPart(path string) string {
	return path[strings.LastIndexAny(path, `\/`)+1:]
}

func account(domain, name string) string {
	if domain == "" || name == "" {
		return name
	}
	return domain + `\` + name
}
