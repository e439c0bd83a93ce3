package main

import (
	"context"
	"sort"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql"
)

// shapes are queries of the kinds that hunters write most.
var shapes = []string{
	`DeviceProcessEvents | where Timestamp > ago(7d) and FileName =~ "powershell.exe" and ProcessCommandLine has_any ("-enc", "FromBase64String") | project Timestamp, DeviceName, ProcessCommandLine`,
	`DeviceNetworkEvents | where RemoteIPType == "Public" | summarize Hosts = dcount(DeviceId), First = min(Timestamp) by RemoteIP | where Hosts < 3 | top 50 by Hosts asc`,
	`let bad = dynamic(["a.example", "b.example"]); DeviceEvents | where ActionType == "DnsQueryResponse" | extend Name = tostring(parse_json(AdditionalFields).DnsQueryString) | where Name in~ (bad) | summarize make_set(DeviceName) by Name`,
	`EmailEvents | where DeliveryAction == "Delivered" | join kind=inner EmailUrlInfo on NetworkMessageId | join kind=leftouter (UrlClickEvents | project Url, ClickTime = Timestamp) on Url | summarize count() by SenderFromDomain`,
	`IdentityLogonEvents | where ActionType == "LogonFailed" | summarize Failures = count(), Accounts = dcount(AccountUpn) by IPAddress, bin(Timestamp, 1h) | where Accounts > 10 | order by Failures desc`,
	`DeviceRegistryEvents | where RegistryKey has @"CurrentVersion\Run" | extend Program = extract(@"([^\\]+\.exe)", 1, RegistryValueData) | summarize arg_max(Timestamp, *) by DeviceId, RegistryValueName`,
	`CloudAppEvents | extend Raw = parse_json(RawEventData) | mv-expand Parameter = Raw.Parameters | where tostring(Parameter.Name) == "ForwardingSmtpAddress" | project Timestamp, AccountDisplayName, Value = tostring(Parameter.Value)`,
}

// kql measures compiling; run time against hand-written SQL is measured by the language's own benchmark (go test ./internal/lake -bench Hunt).
func (b *bench) kql(context.Context) error {
	catalog := lake.Catalog(schema.Load(), nil)
	var took []time.Duration
	for range 40 {
		for _, q := range shapes {
			start := time.Now()
			if _, err := kql.Compile(q, catalog, kql.Options{Now: start}); err != nil {
				return err
			}
			took = append(took, time.Since(start))
		}
	}
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	print("kql_compile_median_ms", percentile(took, 0.5), "ms")
	print("kql_compile_p99_ms", percentile(took, 0.99), "ms")
	return nil
}
