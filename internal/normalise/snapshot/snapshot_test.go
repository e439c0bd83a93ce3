package snapshot

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

var begin = time.Date(2031, 3, 4, 10, 0, 0, 0, time.UTC)

// feed gives rows of one source to a deriver, as the pipeline does.
type feed struct {
	d      *Deriver
	source string
	data   string
}

func (f *feed) row(table, device string, after time.Duration, cells ...any) []*schema.Row {
	r := schema.NewRow(table)
	r.Set("Timestamp", begin.Add(after))
	if device != "" {
		r.Set("DeviceName", device)
		r.Set("DeviceId", normalise.DeviceID(tenant.Default, device))
	}
	for i := 0; i+1 < len(cells); i += 2 {
		r.Set(cells[i].(string), cells[i+1])
	}
	return f.d.Derive(&normalise.Record{Tenant: tenant.Default, Source: f.source, Number: 1, Data: []byte(f.data)}, []*schema.Row{r}, nil)
}

func newFeed() *feed { return &feed{d: New(tenant.Default), source: "winlog"} }

func pick(rows []*schema.Row, table string) *schema.Row {
	for _, r := range rows {
		if r.Table.Name == table {
			return r
		}
	}
	return nil
}

func TestDevice(t *testing.T) {
	f := newFeed()
	rows := f.row("DeviceFileEvents", "ws7.example.net", 0)
	info := pick(rows, "DeviceInfo")
	if len(rows) != 2 || info == nil || info.Text("OSPlatform") != "Windows" || info.Text("JoinType") != "Domain Joined" || info.Text("OnboardingStatus") != "Onboarded" {
		t.Fatalf("first record gives %v", rows)
	}
	if rows := f.row("DeviceFileEvents", "ws7.example.net", time.Minute); len(rows) != 1 {
		t.Errorf("a second record of the hour gives %d rows", len(rows))
	}
	if rows := f.row("DeviceFileEvents", "ws7.example.net", 61*time.Minute); pick(rows, "DeviceInfo") == nil {
		t.Error("no row after an hour")
	}
	if rows := f.row("DeviceFileEvents", "ws7.example.net", 5*time.Minute); len(rows) != 1 {
		t.Errorf("a late record gives %d rows", len(rows))
	}
	if rows := f.row("DeviceFileEvents", "ws7.example.net", -time.Hour*24*300); pick(rows, "DeviceInfo") == nil {
		t.Error("no row for another year")
	}
}

func TestPartialRowsAreCompleted(t *testing.T) {
	f := newFeed()
	f.row("DeviceFileEvents", "ws7.example.net", 0)
	rows := f.row("DeviceInfo", "ws7.example.net", time.Minute, "ClientVersion", "15.1")
	if len(rows) != 1 || rows[0].Text("ClientVersion") != "15.1" || rows[0].Text("OSPlatform") != "Windows" {
		t.Errorf("%v", rows)
	}
	f.source = "hunting"
	if rows := f.row("DeviceInfo", "other", 0, "ClientVersion", "1"); len(rows) != 1 || rows[0].Text("OSPlatform") != "" {
		t.Errorf("a streamed row was changed: %v", rows)
	}
}

func TestUsers(t *testing.T) {
	f := newFeed()
	f.row("DeviceFileEvents", "ws7", 0)
	logon := func(after time.Duration, kind, name string, id int64) []*schema.Row {
		return f.row("DeviceLogonEvents", "ws7", after, "ActionType", "LogonSuccess", "LogonType", kind, "AccountName", name, "AccountDomain", "WS7", "LogonId", id)
	}
	if rows := logon(time.Minute, "Interactive", "ann", 5); len(rows) != 1 {
		t.Errorf("a small change is written at once: %v", rows)
	}
	logon(2*time.Minute, "Network", "bob", 6)
	logon(3*time.Minute, "Interactive", "DWM-1", 7)
	info := pick(f.row("DeviceFileEvents", "ws7", 12*time.Minute), "DeviceInfo")
	if info == nil || info.Text("LoggedOnUsers") != `[{"UserName":"ann","DomainName":"WS7"}]` {
		t.Fatalf("users: %v", info)
	}
	f.row("DeviceEvents", "ws7", 13*time.Minute, "ActionType", "Logoff", "AccountName", "ann", "LogonId", int64(5))
	if info = pick(f.row("DeviceFileEvents", "ws7", 30*time.Minute), "DeviceInfo"); info == nil || info.Text("LoggedOnUsers") != "" {
		t.Errorf("after logging off: %v", info)
	}
}

func TestAddresses(t *testing.T) {
	f := newFeed()
	rows := f.row("DeviceNetworkEvents", "ws7", 0, "LocalIP", "10.1.2.3", "LocalIPType", "Private")
	if n := pick(rows, "DeviceNetworkInfo"); n == nil || n.Text("IPAddresses") != `[{"IPAddress":"10.1.2.3","AddressType":"Private"}]` {
		t.Errorf("%v", rows)
	}
	rows = f.row("DeviceNetworkInfo", "ws7", time.Hour, "MacAddress", "00:11:22:aa:bb:cc", "IPAddresses", `[{"IPAddress":"10.1.2.3","SubnetPrefix":24}]`)
	var texts []string
	for _, r := range rows {
		texts = append(texts, r.Text("MacAddress")+r.Text("IPAddresses"))
	}
	if len(rows) != 2 || rows[1].Text("MacAddress") != "001122AABBCC" || rows[1].Text("IPAddresses") != `[{"IPAddress":"10.1.2.3","SubnetPrefix":24,"AddressType":"Private"}]` {
		t.Errorf("%q", texts)
	}
	f.source = "network"
	seen := func(after time.Duration) string {
		return f.row("DeviceNetworkEvents", "", after, "LocalIP", "10.1.2.3", "LocalIPType", "Private")[0].Text("DeviceName")
	}
	if got := seen(2 * time.Hour); got != "ws7" {
		t.Errorf("traffic of a known address belongs to %q", got)
	}
	if got := seen(72 * time.Hour); got != "" {
		t.Errorf("three days later it still belongs to %q", got)
	}
	f.source = "winlog"
	f.row("DeviceNetworkEvents", "ws8", 70*time.Minute, "LocalIP", "10.1.2.3", "LocalIPType", "Private")
	f.source = "network"
	if got := seen(2 * time.Hour); got != "" {
		t.Errorf("two devices with one address: %q", got)
	}
}

func TestIdentity(t *testing.T) {
	f := newFeed()
	const sid = "S-1-5-21-1-2-3-1104"
	sign := func(after time.Duration, action, upn, sid string) []*schema.Row {
		return f.row("IdentityLogonEvents", "", after, "ActionType", action, "Application", "Active Directory", "AccountName", "ann", "AccountDomain", "EXAMPLE", "AccountUpn", upn, "AccountSid", sid)
	}
	if rows := sign(0, "LogonFailed", "", sid); len(rows) != 1 {
		t.Error("a failed sign-in makes an identity")
	}
	rows := sign(time.Minute, "LogonSuccess", "", sid)
	if len(rows) != 3 || rows[1].Text("OnPremSid") != sid || rows[2].Table.Name != "IdentityAccountInfo" || rows[2].Text("SourceProvider") != "ActiveDirectory" {
		t.Fatalf("%v", rows)
	}
	if rows := sign(2*time.Minute, "LogonSuccess", "ann@example.net", sid); len(rows) != 3 || rows[1].Text("AccountUpn") != "ann@example.net" {
		t.Errorf("a new name gives %v", rows)
	}
	f.source = "entra"
	rows = f.row("EntraIdSignInEvents", "", time.Hour, "ErrorCode", 0, "AccountObjectId", "6a1c", "AccountUpn", "Ann@Example.net", "AccountDisplayName", "Ann Archer")
	if len(rows) != 4 || rows[1].Text("OnPremSid") != sid || rows[1].Text("AccountDisplayName") != "Ann Archer" || rows[1].Text("AccountUpn") != "ann@example.net" {
		t.Errorf("the cloud account gives %v", rows)
	}
	f.source = "winlog"
	if rows := sign(2*time.Hour, "LogonSuccess", "ann@example.net", sid); len(rows) != 1 {
		t.Errorf("nothing new gives %d rows", len(rows))
	}
	if rows := sign(3*time.Hour, "LogonSuccess", "", "S-1-5-21-9-9-9-1104"); len(rows) != 3 || rows[1].Text("AccountUpn") != "" {
		t.Errorf("an account of the same name elsewhere gives %v", rows)
	}
	if rows := sign(27*time.Hour, "LogonSuccess", "ann@example.net", sid); len(rows) != 4 {
		t.Errorf("after a day %d rows", len(rows))
	}
}

func TestWarm(t *testing.T) {
	first := newFeed()
	var kept []*schema.Row
	for _, rows := range [][]*schema.Row{
		first.row("DeviceNetworkEvents", "ws7.example.net", 0, "LocalIP", "10.1.2.3", "LocalIPType", "Private"),
		first.row("IdentityLogonEvents", "", 0, "ActionType", "LogonSuccess", "Application", "Active Directory", "AccountName", "ann", "AccountDomain", "EXAMPLE", "AccountSid", "S-1-5-21-1-2-3-4"),
	} {
		kept = append(kept, rows[1:]...)
	}
	if len(kept) != 4 {
		t.Fatalf("%d rows", len(kept))
	}
	again := newFeed()
	for _, r := range kept {
		again.d.Warm(r)
	}
	if rows := again.row("DeviceNetworkEvents", "ws7.example.net", time.Minute, "LocalIP", "10.1.2.3", "LocalIPType", "Private"); len(rows) != 1 {
		t.Errorf("after a restart the device is introduced again: %v", rows[1:])
	}
	if rows := again.row("IdentityLogonEvents", "", time.Minute, "ActionType", "LogonSuccess", "Application", "Active Directory", "AccountName", "ann", "AccountDomain", "EXAMPLE", "AccountSid", "S-1-5-21-1-2-3-4"); len(rows) != 1 {
		t.Errorf("after a restart the identity is introduced again: %v", rows[1:])
	}
}

func TestShippersHost(t *testing.T) {
	f := newFeed()
	f.data = `{"host":{"hostname":"WS7","name":"ws7","architecture":"x86_64","os":{"name":"Windows 10 Pro","version":"10.0","build":"22631.3","platform":"windows"},"ip":["fe80::1","10.1.2.3"],"mac":["00-11-22-AA-BB-CC"]},"agent":{"version":"8.1"}}`
	rows := f.row("DeviceFileEvents", "ws7.example.net", 0)
	info, net := pick(rows, "DeviceInfo"), pick(rows, "DeviceNetworkInfo")
	if info == nil || info.Text("OSPlatform") != "Windows11" || info.Get("OSBuild") != int64(22631) || info.Text("OSArchitecture") != "64-bit" || info.Text("ClientVersion") != "8.1" {
		t.Errorf("%v", info)
	}
	if net == nil || net.Text("MacAddress") != "001122AABBCC" {
		t.Errorf("%v", net)
	}
	if info := pick(f.row("DeviceFileEvents", "another.example.net", 0), "DeviceInfo"); info.Text("OSPlatform") != "Windows" {
		t.Errorf("the collector's host was taken for the device: %v", info)
	}
}

func TestBounded(t *testing.T) {
	f := newFeed()
	for i := range maxDevices + maxDevices/4 {
		f.row("DeviceNetworkEvents", fmt.Sprintf("h%d", i), 0, "LocalIP", fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	if n := len(f.d.devices.young) + len(f.d.devices.old); n > maxDevices {
		t.Errorf("%d devices are remembered", n)
	}
	for i := range 1000 {
		f.row("DeviceNetworkEvents", "one", time.Duration(i)*time.Second, "LocalIP", fmt.Sprintf("10.0.%d.%d", i>>8, i&255))
		f.row("DeviceLogonEvents", "one", time.Duration(i)*time.Second, "ActionType", "LogonSuccess", "LogonType", "Interactive", "AccountName", fmt.Sprint("u", i), "LogonId", int64(i))
	}
	dev := f.d.device(normalise.DeviceID(tenant.Default, "one"), "one")
	if len(dev.users) > maxSessions || len(dev.adapters) > maxAdapters || len(dev.adapters[0].addresses) > maxPerAdapter {
		t.Errorf("%d users, %d adapters, %d addresses", len(dev.users), len(dev.adapters), len(dev.adapters[0].addresses))
	}
}

func BenchmarkDerive(b *testing.B) {
	f := newFeed()
	r := schema.NewRow("DeviceNetworkEvents")
	r.Set("Timestamp", begin)
	r.Set("DeviceName", "ws7")
	r.Set("DeviceId", normalise.DeviceID(tenant.Default, "ws7"))
	r.Set("LocalIP", "10.1.2.3")
	rec, rows := &normalise.Record{Source: "winlog"}, []*schema.Row{r}
	for b.Loop() {
		f.d.Derive(rec, rows, nil)
	}
}

// FuzzDerive gives arbitrary texts to everything that is read out of rows and records.
func FuzzDerive(f *testing.F) {
	f.Add(`{"host":{"hostname":"ws7","os":{"name":"Ubuntu","version":"22.04"},"ip":["10.0.0.1"],"mac":["00-11-22-AA-BB-CC"]}}`, `[{"UserName":"ann"}]`, `[{"IPAddress":"10.0.0.1","SubnetPrefix":24}]`, "00:11:22:aa:bb:cc", "ann@example.net")
	f.Add(`{"host":1}`, "[", "{}", "-", `\`)
	f.Fuzz(func(t *testing.T, data, users, addresses, mac, name string) {
		feed := newFeed()
		feed.data = data
		at := time.Duration(0)
		for range 2 {
			all := [][]*schema.Row{
				feed.row("DeviceInfo", "ws7", at, "LoggedOnUsers", users, "OSVersion", name),
				feed.row("DeviceNetworkInfo", "ws7", at, "IPAddresses", addresses, "MacAddress", mac),
				feed.row("DeviceNetworkEvents", "ws7", at, "LocalIP", addresses),
				feed.row("DeviceLogonEvents", "ws7", at, "ActionType", "LogonSuccess", "LogonType", "Interactive", "AccountName", name, "AccountDomain", users, "AccountSid", "S-1-5-21-"+mac),
				feed.row("IdentityInfo", "", at, "AccountUpn", name, "SourceProviders", users),
			}
			for _, rows := range all {
				for _, r := range rows {
					for _, c := range []string{"LoggedOnUsers", "IPAddresses", "SourceProviders"} {
						if s := r.Text(c); s != "" && r.Table.Name != "IdentityInfo" && !json.Valid([]byte(s)) {
							t.Errorf("%s.%s is not JSON: %q", r.Table.Name, c, s)
						}
					}
				}
			}
			at += 2 * time.Hour
		}
	})
}
