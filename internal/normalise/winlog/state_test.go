package winlog_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// feed sends records through one family, as of one file.
type feed struct {
	t      testing.TB
	family *winlog.Family
	tenant tenant.ID
	number int64
}

func newFeed(t testing.TB, options ...winlog.Option) *feed {
	return &feed{t: t, family: winlog.New(normalise.NewProcessCache(1000), options...), tenant: tenant.Default}
}

func (f *feed) send(record string) *normalise.Batch {
	f.t.Helper()
	f.number++
	var out normalise.Batch
	err := f.family.Normalise(&normalise.Record{Tenant: f.tenant, File: "feed", Number: f.number, Data: []byte(record)}, &out)
	if err != nil {
		f.t.Fatalf("record %d: %v", f.number, err)
	}
	return &out
}

// row returns the row of a table, nil if the batch has none.
func row(b *normalise.Batch, table string) *schema.Row {
	for _, r := range b.Rows {
		if r.Table.Name == table {
			return r
		}
	}
	return nil
}

func sysmonRecord(host string, id int, utc string, fields string) string {
	return fmt.Sprintf(`{"Channel":"Microsoft-Windows-Sysmon/Operational","SourceName":"Microsoft-Windows-Sysmon","Hostname":%q,"EventID":%d,"TimeCreated":"2031-01-01T00:00:00Z","UtcTime":%q,%s}`, host, id, utc, fields)
}

func TestReportIDsGrowPerDevice(t *testing.T) {
	f := newFeed(t)
	last := map[string]int64{}
	for i, utc := range []string{"2031-01-01 10:00:00.000", "2031-01-01 10:00:00.000", "2031-01-01 09:00:00.000", "9998-12-31 00:00:00.000", "2031-01-01 10:00:01.000", "1601-01-01 00:00:00.000"} {
		for _, host := range []string{"a.example", "b.example"} {
			r := row(f.send(sysmonRecord(host, 11, utc, `"Image":"x","TargetFilename":"y"`)), "DeviceFileEvents")
			id, _ := r.Get("ReportId").(int64)
			if id <= last[host] {
				t.Errorf("record %d of %s: report id %d after %d", i, host, id, last[host])
			}
			last[host] = id
		}
	}
}

func TestReportIDsDoNotRepeatAfterRestart(t *testing.T) {
	seen := map[int64]bool{}
	for restart := range 3 {
		f := newFeed(t)
		f.number = int64(10 * restart)
		for i := range 10 {
			b := f.send(sysmonRecord("a.example", 11, fmt.Sprintf("2031-01-01 10:00:%02d.000", 10*restart+i), `"Image":"x","TargetFilename":"y"`))
			id, _ := row(b, "DeviceFileEvents").Get("ReportId").(int64)
			if seen[id] {
				t.Errorf("report id %d again after restart %d", id, restart)
			}
			seen[id] = true
		}
	}
}

func TestDevices(t *testing.T) {
	f := newFeed(t)
	first := f.send(sysmonRecord("WS1.Corp.Example.", 11, "2031-01-01 10:00:00.000", `"TargetFilename":"y"`))
	info := row(first, "DeviceInfo")
	if info == nil || info.Text("DeviceName") != "ws1.corp.example" {
		t.Fatalf("no DeviceInfo at first sight: %v", first.Rows)
	}
	if id := info.Text("DeviceId"); len(id) != 40 || id != winlog.DeviceID(tenant.Default, "ws1.corp.example") || id == winlog.DeviceID("other", "ws1.corp.example") {
		t.Errorf("device id %q", id)
	}
	if again := row(f.send(sysmonRecord("ws1.corp.example", 11, "2031-01-01 10:00:01.000", `"TargetFilename":"y"`)), "DeviceInfo"); again != nil {
		t.Error("DeviceInfo twice")
	}
	known := newFeed(t, winlog.KnownDevice(func(_ tenant.ID, id string) bool {
		return id == winlog.DeviceID(tenant.Default, "ws1.corp.example")
	}))
	if row(known.send(sysmonRecord("ws1.corp.example", 11, "2031-01-01 10:00:01.000", `"TargetFilename":"y"`)), "DeviceInfo") != nil {
		t.Error("DeviceInfo for a known device")
	}
	if row(known.send(sysmonRecord("ws2.corp.example", 11, "2031-01-01 10:00:01.000", `"TargetFilename":"y"`)), "DeviceInfo") == nil {
		t.Error("no DeviceInfo for an unknown device")
	}
}

// TestLocalTimes has a device whose exporter writes local time as if it were universal.
func TestLocalTimes(t *testing.T) {
	const audit = `{"Channel":"Security","SourceName":"Microsoft-Windows-Security-Auditing","Hostname":"ws1","EventID":4634,"TimeCreated":"2031-01-01T06:00:05.250Z","TargetUserName":"mira"}`
	f := newFeed(t)
	at := func(b *normalise.Batch) string { return b.Events[0].Time.Format(time.RFC3339Nano) }
	if got := at(f.send(audit)); got != "2031-01-01T06:00:05.25Z" {
		t.Errorf("before anything is known: %s", got)
	}
	f.send(strings.Replace(sysmonRecord("ws1", 11, "2031-01-01 10:00:04.990", `"TargetFilename":"y"`), "2031-01-01T00:00:00Z", "2031-01-01T06:00:05.000Z", 1))
	if got := at(f.send(audit)); got != "2031-01-01T10:00:05.25Z" {
		t.Errorf("after an event with both times: %s", got)
	}
	if got := at(f.send(strings.Replace(audit, "ws1", "ws2", 1))); got != "2031-01-01T06:00:05.25Z" {
		t.Errorf("another device: %s", got)
	}
	nx := `{"EventTime":"2031-01-01 06:00:05","EventReceivedTime":"2031-01-01 06:00:07","@timestamp":"2031-01-01T10:00:07.300Z","Hostname":"ws3","EventID":4634,"Channel":"Security","SourceName":"x","TargetUserName":"mira"}`
	if got := at(f.send(nx)); got != "2031-01-01T10:00:05Z" {
		t.Errorf("offset from the record's own receive times: %s", got)
	}
}

func TestTenantsDoNotShareProcesses(t *testing.T) {
	f := newFeed(t)
	f.send(sysmonRecord("ws1", 1, "2031-01-01 10:00:00.000", `"ProcessGuid":"{00000000-0000-0000-0000-000000000001}","ProcessId":"5","Image":"C:\\a.exe","CommandLine":"secret"`))
	const later = `"ProcessGuid":"{00000000-0000-0000-0000-000000000001}","ProcessId":"5","Image":"C:\\a.exe","TargetFilename":"y"`
	if got := row(f.send(sysmonRecord("ws1", 11, "2031-01-01 10:00:01.000", later)), "DeviceFileEvents").Text("InitiatingProcessCommandLine"); got != "secret" {
		t.Errorf("same tenant: %q", got)
	}
	if got := row(f.send(sysmonRecord("ws2", 11, "2031-01-01 10:00:01.000", later)), "DeviceFileEvents").Text("InitiatingProcessCommandLine"); got != "" {
		t.Errorf("another device: %q", got)
	}
	f.tenant = "other"
	if got := row(f.send(sysmonRecord("ws1", 11, "2031-01-01 10:00:01.000", later)), "DeviceFileEvents").Text("InitiatingProcessCommandLine"); got != "" {
		t.Errorf("another tenant: %q", got)
	}
}

// TestRecycledProcessID has an id that two programs used one after the other.
func TestRecycledProcessID(t *testing.T) {
	f := newFeed(t)
	start := func(at, image string) {
		f.send(fmt.Sprintf(`{"Event":{"System":{"Provider":{"Name":"Microsoft-Windows-Security-Auditing"},"EventID":4688,"Channel":"Security","Computer":"ws1","TimeCreated":{"SystemTime":%q}},"EventData":{"NewProcessId":"0x64","NewProcessName":%q,"CommandLine":"run %s"}}}`, at, image, image))
	}
	start("2031-01-01T10:00:00Z", "one.exe")
	start("2031-01-01T11:00:00Z", "two.exe")
	access := func(at, image string) string {
		b := f.send(fmt.Sprintf(`{"Event":{"System":{"Provider":{"Name":"Microsoft-Windows-Security-Auditing"},"EventID":4663,"Channel":"Security","Computer":"ws1","TimeCreated":{"SystemTime":%q}},"EventData":{"ProcessId":"0x64","ProcessName":%q,"ObjectType":"File","ObjectName":"C:\\x","AccessMask":"0x2"}}}`, at, image))
		return row(b, "DeviceFileEvents").Text("InitiatingProcessCommandLine")
	}
	for _, c := range [][3]string{
		{"2031-01-01T10:30:00Z", "one.exe", "run one.exe"},
		{"2031-01-01T11:30:00Z", "two.exe", "run two.exe"},
		{"2031-01-01T09:00:00Z", "one.exe", ""},
		{"2031-01-01T11:30:00Z", "three.exe", ""},
	} {
		if got := access(c[0], c[1]); got != c[2] {
			t.Errorf("%s at %s: %q, want %q", c[1], c[0], got, c[2])
		}
	}
}

func TestDuplicatesKeepEvidence(t *testing.T) {
	f := newFeed(t)
	f.send(sysmonRecord("ws1", 1, "2031-01-01 10:00:00.000", `"ProcessGuid":"{00000000-0000-0000-0000-000000000001}","ProcessId":"100","Image":"C:\\a.exe"`))
	b := f.send(`{"Event":{"System":{"Provider":{"Name":"Microsoft-Windows-Security-Auditing"},"EventID":4688,"Channel":"Security","Computer":"ws1","TimeCreated":{"SystemTime":"2031-01-01T10:00:01.5Z"}},"EventData":{"NewProcessId":"0x64","NewProcessName":"C:\\A.EXE","TokenElevationType":"%%1937"}}}`)
	if len(b.Rows) != 0 || b.Unmapped != "winlog/Security/4688/duplicate of sysmon 1" {
		t.Errorf("%d rows, unmapped %q", len(b.Rows), b.Unmapped)
	}
	if e := b.Events[0]; len(e.Rows) != 1 || e.Rows[0].Text("FileName") != "A.EXE" {
		t.Errorf("the event has no row to take entities from: %v", e.Rows)
	}
	late := f.send(`{"Event":{"System":{"Provider":{"Name":"Microsoft-Windows-Security-Auditing"},"EventID":4688,"Channel":"Security","Computer":"ws1","TimeCreated":{"SystemTime":"2031-01-01T10:00:09Z"}},"EventData":{"NewProcessId":"0x64","NewProcessName":"C:\\A.EXE"}}}`)
	if row(late, "DeviceProcessEvents") == nil {
		t.Error("a later process with the same id was taken for the same")
	}
}

func TestMessageOnlyRecords(t *testing.T) {
	f := newFeed(t)
	b := f.send(`{"Channel":"Security","SourceName":"Microsoft-Windows-Eventlog","Hostname":"ws1","EventID":1102,"TimeCreated":"2031-01-01T10:00:00Z","Message":"The audit log was cleared.\r\nSubject:\r\n\tSecurity ID:\tS-1-5-21-1-2-3-500\r\n\tAccount Name:\tadmin\r\n\tDomain Name:\tCORP\r\n\tLogon ID:\t0xC61D9"}`)
	r := row(b, "DeviceEvents")
	if r.Text("InitiatingProcessAccountName") != "admin" || r.Text("InitiatingProcessAccountSid") != "S-1-5-21-1-2-3-500" || r.Get("InitiatingProcessLogonId") != int64(0xc61d9) {
		t.Errorf("cleared log: %v", r.Values)
	}
	b = f.send(`{"Channel":"Microsoft-Windows-WMI-Activity/Operational","SourceName":"x","Hostname":"ws1","EventID":5861,"TimeCreated":"2031-01-01T10:00:00Z","Message":"Namespace = //./root; Eventfilter = f1; Consumer = C=\"x\"; PossibleCause = Binding; more; a = b"}`)
	var extra map[string]any
	if err := json.Unmarshal([]byte(row(b, "DeviceEvents").Text("AdditionalFields")), &extra); err != nil || extra["Filter"] != "f1" || extra["Consumer"] != `C="x"` || extra["PossibleCause"] != "Binding; more; a = b" {
		t.Errorf("binding: %v %v", extra, err)
	}
}

func TestProbe(t *testing.T) {
	for text, want := range map[string]bool{
		sysmonRecord("ws1", 1, "2031-01-01 10:00:00.000", `"a":"b"`):                                                  true,
		`{"EventTime":"2031-01-01 10:00:00","Hostname":"a","EventID":1,"SourceName":"x"}`:                             true,
		`{"winlog":{"channel":"Security","event_id":4624}}`:                                                           true,
		`{"event_id":1,"log_name":"System","computer_name":"a"}`:                                                      true,
		"\xef\xbb\xbf" + ` {"Event":{"System":{"Provider":{"Name":"x"},"EventID" : 1}}}`:                              true,
		`<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System/></Event>`:                      true,
		`<?xml version="1.0"?><Event><System><EventID>1</EventID></System></Event>`:                                   true,
		`{"TimeGenerated":"x","Computer":"a","EventID":4624,"EventSourceName":"Microsoft-Windows-Security-Auditing"}`: true,
		`{"Operation":"UserLoggedIn","Workload":"AzureActiveDirectory","CreationTime":"x"}`:                           false,
		`{"event":"text about EventID","Hostname":"a"}`:                                                               false,
		`{"eventVersion":"1.08","eventName":"ConsoleLogin","eventSource":"signin.amazonaws.com"}`:                     false,
		`From: a@b.example`: false, ``: false, `[]`: false, `{`: false, `<Events`: false, `<html>`: false,
	} {
		if got := winlog.Probe([]byte(text)); got >= 50 != want {
			t.Errorf("%.80s: %d", text, got)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	f.Add(sysmonRecord("ws1", 1, "2031-01-01 10:00:00.000", `"ProcessGuid":"{00000000-0000-0000-0000-000000000001}","ProcessId":"100","Image":"C:\\a.exe","Hashes":"MD5=00"`))
	f.Add(sysmonRecord("ws1", 13, "x", `"TargetObject":"HKLM\\System\\ControlSet001\\x","Details":"QWORD (0x1-0x2)"`))
	f.Add(`{"Event":{"System":{"EventID":{"#text":4624,"#attributes":{"Qualifiers":1}},"Channel":"Security","TimeCreated":{"#attributes":{"SystemTime":"2031-01-01T00:00:00Z"}}},"EventData":{"Data":[{"Name":"LogonType","#text":3},"x",[1]]},"UserData":{"A":{"B":{"C":1}}}}}`)
	f.Add(`<Event><System><EventID>4698</EventID><Channel>Security</Channel><TimeCreated SystemTime='2031-01-01T00:00:00Z'/></System><EventData><Data Name='TaskContent'>&lt;Exec&gt;</Data></EventData></Event>`)
	f.Add(`{"TimeGenerated":"2031-01-01T00:00:00Z","Computer":"a","EventID":4103,"Channel":"Microsoft-Windows-PowerShell/Operational","EventData":"<EventData><Data Name=\"Payload\">x</Data>"}`)
	f.Add(`{"event_id":"800","log_name":"Windows PowerShell","@timestamp":"2031-01-01T00:00:00Z","event_data":{"param1":null,"param2":["a"]},"user_data":{"x":{"y":[]}}}`)
	f.Fuzz(func(t *testing.T, record string) {
		family := winlog.New(normalise.NewProcessCache(16))
		for range 2 { // the second time with what the first left behind
			var out normalise.Batch
			if err := family.Normalise(&normalise.Record{Tenant: tenant.Default, Number: 1, Data: []byte(record)}, &out); err != nil {
				if len(out.Rows)+len(out.Events) > 0 {
					t.Fatal("refused, but something was made of it")
				}
				return
			}
			if len(out.Events) != 1 || len(out.Events[0].Rows) == 0 && out.Unmapped == "" {
				t.Fatalf("%d events, unmapped %q", len(out.Events), out.Unmapped)
			}
			for _, r := range out.Rows {
				checkCells(t, r)
				if extra := r.Text("AdditionalFields"); extra != "" && !json.Valid([]byte(extra)) {
					t.Fatalf("AdditionalFields is not JSON: %q", extra)
				}
			}
			names := map[string]bool{}
			for _, x := range out.Events[0].Fields {
				if names[x.Name] {
					t.Fatalf("field %q twice", x.Name)
				}
				names[x.Name] = true
			}
		}
	})
}
