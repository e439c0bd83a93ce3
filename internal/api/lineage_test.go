package api

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/access"
)

func lineageOf(t *testing.T, h *house, table, row string) Lineage {
	t.Helper()
	var cells map[string]any
	if err := json.Unmarshal([]byte(row), &cells); err != nil {
		t.Fatal(err)
	}
	l, err := h.server.recordLineage(t.Context(), &call{who: access.Console(), tenant: "default"}, table, cells)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLineageOfAProcessRecord(t *testing.T) {
	h := open2(t)
	a := &HuntAnswer{}
	for _, name := range []string{
		"Timestamp", "ProcessId", "ProcessCreationTime", "FileName", "ProcessCommandLine", "InitiatingProcessId", "InitiatingProcessCreationTime", "InitiatingProcessFileName",
		"InitiatingProcessParentId", "InitiatingProcessParentFileName",
	} {
		a.Schema = append(a.Schema, HuntColumn{Name: name})
	}
	a.Rows = [][]any{
		{"2024-05-06T08:59:00Z", int64(20), "2024-05-06T08:59:00Z", "word.exe", "word /n", int64(10), nil, "explorer.exe", int64(4), "userinit.exe"},
		{"2024-05-06T09:01:00Z", int64(40), "2024-05-06T09:01:00Z", "cmd.exe", "cmd /c whoami", int64(30), "2024-05-06T09:00:00.5Z", "evil.exe", int64(20), "word.exe"},
		// The number 30 was used again by another process, which had a child of its own.
		{"2024-05-06T15:00:00Z", int64(30), "2024-05-06T15:00:00Z", "calc.exe", "calc", int64(10), nil, "explorer.exe", int64(4), ""},
		{"2024-05-06T15:01:00Z", int64(50), "2024-05-06T15:01:00Z", "later.exe", "later", int64(30), "2024-05-06T15:00:00Z", "calc.exe", int64(10), ""},
	}
	h.hunter.answer = a
	l := lineageOf(t, h, "DeviceProcessEvents", `{"Timestamp":"2024-05-06T09:00:00Z","DeviceName":"pc-1.example","DeviceId":"d1","ProcessId":30,
		"ProcessCreationTime":"2024-05-06T09:00:00Z","FileName":"evil.exe","ProcessCommandLine":"evil -x","InitiatingProcessId":20,"InitiatingProcessFileName":"word.exe",
		"InitiatingProcessParentId":10,"InitiatingProcessParentFileName":"explorer.exe"}`)
	who := &call{who: access.Console()}
	if asked := h.hunter.asked; len(asked) == 0 || asked[0].Principal != who.owner().ID {
		t.Errorf("the lake is asked on somebody else's account: %+v", asked)
	}
	story := Story{Nodes: l.Nodes}
	for id, parent := range map[string]string{"process:40": "process:30", "process:30": "process:20", "process:20": "process:10"} {
		if n := at(t, story, id); n.ParentID != parent {
			t.Errorf("%s hangs below %q, not %q", id, n.ParentID, parent)
		}
	}
	if n := at(t, story, "process:30"); !n.Focus || n.Label != "evil.exe" || n.CommandLine != "evil -x" || n.AlertIDs == nil || len(n.AlertIDs) != 0 {
		t.Errorf("the record's process is %+v", n)
	}
	if at(t, story, "process:20").Focus {
		t.Error("the parent is not what the record is about")
	}
	if slices.ContainsFunc(l.Nodes, func(n StoryNode) bool { return n.ID == "process:50" }) {
		t.Error("the child of a later process with the same number belongs to another tree")
	}
	if l.Cut || l.Note != "" {
		t.Errorf("nothing is missing: %+v", l)
	}
}

func TestLineageOfOtherRecords(t *testing.T) {
	h := open2(t)
	h.hunter.answer = &HuntAnswer{}
	l := lineageOf(t, h, "DeviceNetworkEvents", `{"Timestamp":"2024-05-06T09:00:00Z","DeviceName":"pc-1","RemoteIP":"203.0.113.9","InitiatingProcessId":30,
		"InitiatingProcessFileName":"evil.exe","InitiatingProcessParentId":20,"InitiatingProcessParentFileName":"word.exe"}`)
	story := Story{Nodes: l.Nodes}
	if n := at(t, story, "ip:2"); n.ParentID != "process:30" || n.Label != "203.0.113.9" {
		t.Errorf("the address is %+v", n)
	}
	if !at(t, story, "process:30").Focus || at(t, story, "process:30").ParentID != "process:20" {
		t.Errorf("the tree is %+v", l.Nodes)
	}
	for name, row := range map[string]string{
		"no columns":      `{}`,
		"no process":      `{"Timestamp":"2024-05-06T09:00:00Z","DeviceName":"pc-1","AccountUpn":"ann@example.com"}`,
		"odd values":      `{"ProcessId":"thirty","InitiatingProcessId":{"a":1},"Timestamp":7}`,
		"a deep value":    `{"Timestamp":[[[]]],"ProcessId":null}`,
		"a zero process":  `{"ProcessId":0,"FileName":"x.exe"}`,
		"a negative hour": `{"Timestamp":"0000-00-00T00:00:00Z"}`,
	} {
		if l := lineageOf(t, h, "", row); len(l.Nodes) != 0 || l.Nodes == nil {
			t.Errorf("%s: %+v", name, l.Nodes)
		}
	}
}

func TestLineageWithoutTheLake(t *testing.T) {
	h := open2(t)
	h.hunter.err = errors.New("down")
	l := lineageOf(t, h, "DeviceProcessEvents", `{"Timestamp":"2024-05-06T09:00:00Z","DeviceName":"pc-1","ProcessId":30,"FileName":"evil.exe","InitiatingProcessId":20,"InitiatingProcessFileName":"word.exe"}`)
	if len(l.Nodes) < 3 || !strings.Contains(l.Note, "lake") {
		t.Errorf("what the record says is a tree too: %+v", l)
	}
}

func TestLineageAsksOnlyForTheDeviceOfTheRecord(t *testing.T) {
	h := open2(t)
	h.hunter.answer = &HuntAnswer{}
	lineageOf(t, h, "", `{"Timestamp":"2024-05-06T09:00:00Z","DeviceName":"pc\" or true //","ProcessId":30}`)
	if q := h.hunter.asked[len(h.hunter.asked)-1].Query; !strings.Contains(q, `DeviceName =~ "pc\" or true //"`) {
		t.Errorf("the name is not a literal: %s", q)
	}
}
