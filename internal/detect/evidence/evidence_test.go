package evidence_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/detect/evidence"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

func row(table string, cells map[string]any) *schema.Row {
	r := schema.NewRow(table)
	for k, v := range cells {
		r.Set(k, v)
	}
	return r
}

// short writes an entity as "type name [roles]".
func short(e incident.Evidence) string {
	name := e.Name
	for _, s := range []string{e.HostName, e.AccountUPN, e.AccountName, e.Address, e.URL, e.Domain, e.RegistryKey, e.Mailbox, e.NetworkMessageID, e.Application, e.FileName} {
		if name == "" || e.Type == "process" && s != "" {
			name = s
		}
	}
	return fmt.Sprintf("%s %s %v", e.Type, name, e.Roles)
}

func TestOfRows(t *testing.T) {
	for _, c := range []struct {
		name string
		rows []*schema.Row
		want []string
	}{
		{"process", []*schema.Row{row("DeviceProcessEvents", map[string]any{
			"DeviceName": "pc-7.corp.example", "FileName": "cmd.exe", "FolderPath": `C:\Windows\cmd.exe`, "ProcessId": 5, "ProcessCommandLine": "cmd /c x", "SHA256": "ab",
			"AccountName": "mia", "InitiatingProcessFileName": "winword.exe", "InitiatingProcessId": 4, "InitiatingProcessAccountName": "mia",
		})}, []string{"device pc-7.corp.example [attacked]", "process cmd.exe [suspicious]", "process winword.exe [source]", "file cmd.exe [suspicious]", "user mia [contextual]"}},
		{"network", []*schema.Row{row("DeviceNetworkEvents", map[string]any{
			"DeviceName": "pc-7", "ActionType": "ConnectionSuccess", "RemoteIP": "203.0.113.6", "RemoteUrl": "bad.example", "InitiatingProcessFileName": "u.exe", "InitiatingProcessId": 4,
		})}, []string{"device pc-7 [attacked]", "process u.exe [suspicious]", "ip 203.0.113.6 [destination]", "url bad.example [destination]"}},
		{"inbound", []*schema.Row{row("DeviceNetworkEvents", map[string]any{
			"DeviceName": "pc-7", "ActionType": "InboundConnectionAccepted", "RemoteIP": "203.0.113.6",
		})}, []string{"device pc-7 [attacked]", "ip 203.0.113.6 [source]"}},
		{
			"logon",
			[]*schema.Row{row("DeviceLogonEvents", map[string]any{"DeviceName": "srv-4", "ActionType": "LogonSuccess", "AccountName": "mia", "RemoteIP": "10.1.2.7", "RemoteDeviceName": "PC-7"})},
			[]string{"device srv-4 [attacked]", "user mia [attacked]", "ip 10.1.2.7 [source]", "device PC-7 [source]"},
		},
		{
			"registry",
			[]*schema.Row{row("DeviceRegistryEvents", map[string]any{"DeviceName": "pc-7", "RegistryKey": `HKEY_LOCAL_MACHINE\Software\Run`, "RegistryValueName": "u", "RegistryValueData": "u.exe"})},
			[]string{"device pc-7 [attacked]", `registry HKEY_LOCAL_MACHINE\Software\Run [edited]`},
		},
		{"thread in another process", []*schema.Row{row("DeviceEvents", map[string]any{
			"DeviceName": "pc-7", "ActionType": "CreateRemoteThreadApiCall", "FileName": "lsass.exe", "ProcessId": 700, "InitiatingProcessFileName": "l.exe", "InitiatingProcessId": 9,
		})}, []string{"device pc-7 [attacked]", "process l.exe [suspicious]", "process lsass.exe [attacked]"}},
		{
			"service",
			[]*schema.Row{row("DeviceEvents", map[string]any{"DeviceName": "pc-7", "ActionType": "ServiceInstalled", "FileName": "u.exe", "FolderPath": `C:\u.exe`, "AdditionalFields": `{"ServiceName":"upd"}`})},
			[]string{"device pc-7 [attacked]", "service upd [created]", "file u.exe [suspicious]"},
		},
		{"mail", []*schema.Row{
			row("EmailEvents", map[string]any{"NetworkMessageId": "m1", "RecipientEmailAddress": "mia@corp.example", "SenderFromAddress": "x@bad.example", "SenderIPv4": "203.0.113.6", "Subject": "s"}),
			row("EmailUrlInfo", map[string]any{"NetworkMessageId": "m1", "Url": "https://u@bad.example:8443/x", "UrlDomain": "bad.example"}),
			row("EmailAttachmentInfo", map[string]any{"NetworkMessageId": "m1", "RecipientEmailAddress": "mia@corp.example", "FileName": "a.docm", "SHA256": "cd"}),
		}, []string{"mailMessage m1 [suspicious]", "mailbox mia@corp.example [attacked]", "user mia@corp.example [destination]", "ip 203.0.113.6 [source]", "url https://u@bad.example:8443/x [suspicious]", "file a.docm [suspicious]"}},
		{
			"audit",
			[]*schema.Row{row("CloudAppEvents", map[string]any{"Application": "Microsoft Exchange Online", "AccountDisplayName": "mia@corp.example", "IPAddress": "198.51.100.9"})},
			[]string{"user mia@corp.example [compromised]", "ip 198.51.100.9 [source]", "cloudApp Microsoft Exchange Online [contextual]", "mailbox mia@corp.example [edited]"},
		},
		{
			"sign-in",
			[]*schema.Row{row("AADSignInEventsBeta", map[string]any{"AccountUpn": "mia@corp.example", "IPAddress": "198.51.100.9", "Application": "Portal"})},
			[]string{"user mia@corp.example [attacked]", "ip 198.51.100.9 [source]", "cloudApp Portal [destination]"},
		},
		{"one entity in two rows", []*schema.Row{
			row("DeviceLogonEvents", map[string]any{"DeviceName": "dc-1.corp.example", "AccountName": "mia", "RemoteIP": "10.1.2.7"}),
			row("IdentityLogonEvents", map[string]any{"DestinationDeviceName": "dc-1", "AccountName": "mia", "AccountUpn": "mia@corp.example", "IPAddress": "10.1.2.7"}),
		}, []string{"device dc-1.corp.example [attacked destination]", "user mia@corp.example [attacked]", "ip 10.1.2.7 [source]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, e := range evidence.OfRows(c.rows) {
				got = append(got, short(e))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestManyLinksAreBounded(t *testing.T) {
	var rows []*schema.Row
	for i := range 500 {
		rows = append(rows, row("EmailUrlInfo", map[string]any{"NetworkMessageId": "m1", "Url": fmt.Sprintf("https://bad.example/%d", i)}))
	}
	if n := len(evidence.OfRows(rows)); n == 0 || n > 50 {
		t.Errorf("%d entities", n)
	}
}

func TestOfFields(t *testing.T) {
	var f normalise.Fields
	f.Add("Computer", "sql-1.corp.example")
	f.Add("SubjectUserName", `CORP\mia`)
	f.Add("IpAddress", "-")
	got := evidence.OfFields(f)
	if len(got) != 2 || got[0].HostName != "sql-1.corp.example" || got[1].AccountName != "mia" || got[1].AccountDomain != "CORP" {
		t.Errorf("%+v", got)
	}
}

func TestResultCells(t *testing.T) {
	r := evidence.Result{Columns: map[string]int{"a": 0, "b": 1, "c": 2}, Values: []any{float64(7), "2024-05-01T10:00:00.5Z", nil}}
	if r.Int("a") != 7 || r.Text("a") != "7" || !r.Time("b").Equal(time.Date(2024, 5, 1, 10, 0, 0, 5e8, time.UTC)) || r.Text("c") != "" || r.Text("missing") != "" {
		t.Error("cells are not read as written")
	}
}
