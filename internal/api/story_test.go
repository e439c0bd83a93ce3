package api

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

func storyAlert() *incident.Alert {
	created := monday
	return &incident.Alert{
		ID: "a1", FirstActivity: monday, LastActivity: monday.Add(time.Minute),
		Evidence: []incident.Evidence{
			{Type: "device", HostName: "pc-1.example", OSPlatform: "Windows"},
			{
				Type: "process", FileName: "evil.exe", FolderPath: `C:\Temp\evil.exe`, CommandLine: "evil.exe -x", ProcessID: 30, ProcessCreated: &created, AccountDomain: "CORP", AccountName: "ann",
				ParentProcessID: 20, ParentFileName: "word.exe",
			},
			{Type: "ip", Address: "203.0.113.5"},
			{Type: "registry"}, // nothing to show
		},
	}
}

func at(t *testing.T, s Story, id string) StoryNode {
	t.Helper()
	for _, n := range s.Nodes {
		if n.ID == id {
			return n
		}
	}
	t.Fatalf("no node %s in %+v", id, s.Nodes)
	return StoryNode{}
}

func TestStoryJoinsEvidenceAndLake(t *testing.T) {
	h := open2(t)
	columns := []string{
		"Timestamp", "ProcessId", "FileName", "ProcessCommandLine", "AccountName", "InitiatingProcessId", "InitiatingProcessFileName", "InitiatingProcessCommandLine",
		"InitiatingProcessParentId", "InitiatingProcessParentFileName",
	}
	a := &HuntAnswer{}
	for _, c := range columns {
		a.Schema = append(a.Schema, HuntColumn{Name: c})
	}
	a.Rows = [][]any{
		{"2024-05-06T08:59:00Z", int64(20), "word.exe", "word.exe /n", "ann", int64(10), "explorer.exe", "explorer", int64(4), "userinit.exe"},
		{"2024-05-06T09:00:00Z", int64(30), "evil.exe", "evil.exe -x", "ann", int64(20), "word.exe", "word.exe /n", int64(10), "explorer.exe"},
		{"2024-05-06T09:01:00Z", int64(40), "cmd.exe", "cmd /c whoami", "ann", int64(30), "evil.exe", "evil.exe -x", int64(20), "word.exe"},
		{"2024-05-06T09:02:00Z", int64(10), "again.exe", "reuses a number", "ann", int64(40), "cmd.exe", "", int64(30), "evil.exe"}, // would close a ring
	}
	h.hunter.answer = a
	c := &call{who: access.Console(), tenant: "default"}
	s := h.server.story(t.Context(), c, storyAlert())
	for id, parent := range map[string]string{"process:40": "process:30", "process:30": "process:20", "process:20": "process:10", "process:10": "process:4", "ip:2": "process:30"} {
		if got := at(t, s, id).ParentID; got != parent {
			t.Errorf("%s hangs on %s; want %s", id, got, parent)
		}
	}
	focus := at(t, s, "process:30")
	if !focus.Focus || focus.AlertIDs[0] != "a1" || focus.Account != `CORP\ann` || at(t, s, "process:20").CommandLine != "word.exe /n" || at(t, s, "process:40").Focus {
		t.Errorf("focus %+v", focus)
	}
	for _, n := range s.Nodes { // no ring: each node reaches a root
		steps := 0
		for id := n.ID; id != ""; id = at(t, s, id).ParentID {
			if steps++; steps > len(s.Nodes) {
				t.Fatalf("%s hangs in a ring", n.ID)
			}
		}
	}
	if asked := h.hunter.asked[0]; asked.Tenant != "default" || !strings.Contains(asked.Query, `"pc-1.example"`) || !strings.Contains(asked.Query, "ProcessId in (30, 20)") {
		t.Errorf("asked %+v", asked)
	}

	h.hunter.answer, h.hunter.err = nil, errDown
	s = h.server.story(t.Context(), c, storyAlert())
	if len(s.Nodes) != 4 || at(t, s, "process:30").ParentID != "process:20" || at(t, s, "ip:2").ParentID != "process:30" {
		t.Errorf("without the lake: %+v", s.Nodes)
	}
	mail := &incident.Alert{ID: "m", Evidence: []incident.Evidence{{Type: "mailMessage", Subject: "Hi", Sender: "a@b", Recipient: "c@d"}, {Type: "mailbox", Mailbox: "c@d"}}}
	if s := h.server.story(t.Context(), c, mail); len(s.Nodes) != 2 || !at(t, s, "mailMessage:0").Focus {
		t.Errorf("a mail's story: %+v", s.Nodes)
	}
}

var errDown = errors.New("down")

// Text of evidence is an attacker's. Whatever it is, it stays one string literal of the query.
func FuzzQuoteKQL(f *testing.F) {
	for _, seed := range []string{"pc-1", `a"b`, `a\`, "a\nb", "\x00", "é\u2028", `"); evil`, "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, problems := syntax.Parse("print x = " + quoteKQL(text))
		if len(problems) > 0 {
			t.Fatalf("%q does not parse: %v", quoteKQL(text), problems)
		}
		if n := len(q.Statements); n != 1 {
			t.Fatalf("%q makes %d statements", quoteKQL(text), n)
		}
	})
}

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"1", `"2"`, "null", `"`, "1e3", "99999999999999999999", `""`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var n Number
		if err := n.UnmarshalJSON([]byte(text)); err != nil {
			return
		}
		raw, err := n.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var again Number
		if err := again.UnmarshalJSON(raw); err != nil || again != n {
			t.Errorf("%q is %d and comes back as %d, %v", text, n, again, err)
		}
	})
}
