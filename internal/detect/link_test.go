package detect_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// resultLink is a link of rows of Timestamp, DeviceName, FileName, ProcessId, Recipient.
func resultLink(rows ...string) *detect.Link {
	l := &detect.Link{
		Alert:  detect.LinkAlert{Title: "By hand", Severity: incident.High, Category: "Execution", Techniques: []string{"T1059"}},
		Tables: []string{"DeviceProcessEvents"},
		Entities: []detect.LinkEntity{
			{Role: "impacted", Type: "device", Column: "DeviceName"}, {Role: "impacted", Type: "mailbox", Column: "Recipient"}, {Role: "related", Type: "process", Column: "FileName"},
		},
	}
	for _, c := range []string{"Timestamp", "DeviceName", "FileName", "ProcessId", "Recipient"} {
		l.Columns = append(l.Columns, detect.LinkColumn{Name: c, Type: "string"})
	}
	for _, r := range rows {
		var row []json.RawMessage
		if err := json.Unmarshal([]byte(r), &row); err != nil {
			panic(err)
		}
		l.Rows = append(l.Rows, row)
	}
	return l
}

func TestLinkAlerts(t *testing.T) {
	now := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	l := resultLink(
		`["2024-04-01T10:00:00.0000000Z","pc-7","cmd.exe",9007199254740993,"mia@corp.example"]`,
		`["2024-04-03T10:00:00.0000000Z","PC-7 ","cmd.exe",12,"mia@corp.example"]`,
		`["","pc-7","cmd.exe",null,"tom@corp.example"]`,
	)
	list, err := l.Alerts("t1", now)
	if err != nil || len(list) != 2 || len(list[0].Detections) != 2 || len(list[1].Detections) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	d := list[0].Detections[0]
	var got []string
	for _, e := range d.Evidence {
		got = append(got, fmt.Sprint(e.Type, " ", e.HostName, e.FileName, e.Mailbox, " ", e.ProcessID, " ", e.Roles))
	}
	want := []string{"device pc-7 0 [attacked]", "mailbox mia@corp.example 0 [attacked]", "process pc-7cmd.exe 9007199254740993 [suspicious]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if d.DetectionSource != "manual" || d.ServiceSource != "endpoint" || d.Time.Day() != 1 || d.Tenant != "t1" || d.FoldKey == list[1].Detections[0].FoldKey ||
		!strings.HasPrefix(d.RuleID, "manual/") || d.Hit.ExternalID == list[0].Detections[1].Hit.ExternalID || !list[1].Detections[0].Time.Equal(now) {
		t.Errorf("%+v", d)
	}
	if !strings.Contains(string(list[0].Rows[0]), "9007199254740993") {
		t.Errorf("the row is kept as %s", list[0].Rows[0])
	}
	if again, err := l.Alerts("t1", now); err != nil || again[0].Detections[0].RuleID == d.RuleID {
		t.Errorf("two links are one: %v", err)
	}
	if l.Tables = append(l.Tables, "EmailEvents"); true {
		if list, err = l.Alerts("t1", now); err != nil || list[0].Detections[0].ServiceSource != "xdr" {
			t.Errorf("of several workloads: %+v, %v", list[0].Detections[0].ServiceSource, err)
		}
	}
}

func TestLinkAlertsRefusals(t *testing.T) {
	row := `["","pc-7","cmd.exe",1,""]`
	many := make([]string, 1001)
	assets := make([]string, 101)
	for i := range many {
		many[i] = row
	}
	for i := range assets {
		assets[i] = fmt.Sprintf(`["","pc-%d","",1,""]`, i)
	}
	for name, c := range map[string]struct {
		link   *detect.Link
		change func(l *detect.Link)
		code   fault.Code
		says   string
	}{
		"no title":         {resultLink(row), func(l *detect.Link) { l.Alert.Title = " " }, fault.Invalid, "title"},
		"no rows":          {resultLink(), nil, fault.Invalid, "at least one row"},
		"too many rows":    {resultLink(many...), nil, fault.Limit, "1001 rows"},
		"too many alerts":  {resultLink(assets...), nil, fault.Limit, "100 combinations"},
		"a technique":      {resultLink(row), func(l *detect.Link) { l.Alert.Techniques = []string{"x"} }, fault.Invalid, "technique"},
		"no such column":   {resultLink(row), func(l *detect.Link) { l.Entities[0].Column = "Nope" }, fault.Invalid, "Nope"},
		"nothing impacted": {resultLink(row), func(l *detect.Link) { l.Entities = l.Entities[2:] }, fault.Invalid, "impacted"},
		"an impacted file": {resultLink(row), func(l *detect.Link) { l.Entities[2].Role = "impacted" }, fault.Invalid, "related evidence"},
		"an empty row":     {resultLink(row, `["","","",1,""]`), nil, fault.Invalid, "row 2 has no value"},
		"a short row":      {resultLink(`[]`), nil, fault.Invalid, "row 1 has no value"},
	} {
		if c.change != nil {
			c.change(c.link)
		}
		if _, err := c.link.Alerts("t1", time.Now()); fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
