package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// generated writes records of every family that the hunting shapes read, for machines without recorded ones.
func (b *bench) generated() ([]string, error) {
	dir := b.path("records")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	e := newEvents()
	if err := writeLines(b.path("records", "sysmon.jsonl"), 200_000, e.record); err != nil {
		return nil, err
	}
	if err := writeLines(b.path("records", "logons.jsonl"), 10_000, logon(e.r, e.start)); err != nil {
		return nil, err
	}
	if err := writeLines(b.path("records", "cloud.jsonl"), 8_000, cloudRecord(e.r, e.start)); err != nil {
		return nil, err
	}
	mail := b.path("records", "mail")
	if err := os.MkdirAll(mail, 0o700); err != nil {
		return nil, err
	}
	for i := range 600 {
		if err := os.WriteFile(b.path("records", "mail", fmt.Sprintf("%04d.eml", i)), message(e.r, e.start, i), 0o600); err != nil {
			return nil, err
		}
	}
	return []string{dir}, nil
}

// logon makes Windows Security records of logons, some of them at a domain controller and some failed.
func logon(r *rand.Rand, start time.Time) func(i int) []byte {
	return func(i int) []byte {
		at := start.Add(time.Duration(i) * 9 * time.Second)
		id, data := 4624, map[string]any{
			"TargetUserName": fmt.Sprintf("user%03d", r.IntN(300)), "TargetDomainName": "CORP", "TargetUserSid": fmt.Sprintf("S-1-5-21-1-2-3-%d", 1100+r.IntN(300)),
			"LogonType": fmt.Sprint([]int{2, 3, 3, 3, 5, 10}[r.IntN(6)]), "IpAddress": fmt.Sprintf("10.1.%d.%d", r.IntN(8), r.IntN(250)), "IpPort": fmt.Sprint(50000 + r.IntN(10000)),
			"WorkstationName": fmt.Sprintf("PC-%03d", r.IntN(200)), "AuthenticationPackageName": "NTLM", "ProcessName": `C:\Windows\System32\svchost.exe`, "TargetLogonId": fmt.Sprintf("0x%x", 1<<16+i),
		}
		switch r.IntN(5) {
		case 0:
			id = 4625
			data["Status"], data["SubStatus"] = "0xc000006d", "0xc000006a"
		case 1, 2:
			id = 4776
			data = map[string]any{"PackageName": "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0", "TargetUserName": data["TargetUserName"], "Workstation": data["WorkstationName"], "Status": "0x0"}
		}
		return line(map[string]any{"@timestamp": at.Format(time.RFC3339Nano), "winlog": map[string]any{
			"channel": "Security", "provider_name": "Microsoft-Windows-Security-Auditing", "event_id": fmt.Sprint(id), "computer_name": fmt.Sprintf("pc-%03d.corp.example", r.IntN(200)),
			"record_id": i, "event_data": data,
		}})
	}
}

// cloudRecord makes records of a unified audit log.
func cloudRecord(r *rand.Rand, start time.Time) func(i int) []byte {
	operations := []struct{ name, workload string }{
		{"FileDownloaded", "SharePoint"}, {"FileAccessed", "SharePoint"}, {"Set-Mailbox", "Exchange"}, {"New-InboxRule", "Exchange"}, {"UserLoggedIn", "AzureActiveDirectory"},
	}
	return func(i int) []byte {
		op := operations[r.IntN(len(operations))]
		user := fmt.Sprintf("user%03d@corp.example", r.IntN(300))
		rec := map[string]any{
			"CreationTime": start.Add(time.Duration(i) * 11 * time.Second).Format("2006-01-02T15:04:05"), "Id": fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i), "Operation": op.name,
			"OrganizationId": "6e1d0000-0000-4000-8000-000000000001", "RecordType": 1, "ResultStatus": "Succeeded", "UserKey": user, "UserType": 0, "Version": 1, "Workload": op.workload,
			"ClientIP": fmt.Sprintf("198.51.100.%d", r.IntN(250)), "UserId": user, "ObjectId": fmt.Sprintf("https://corp.example/sites/s%d/f%d.docx", r.IntN(40), r.IntN(4000)),
		}
		if op.workload == "Exchange" {
			rec["Parameters"] = []map[string]string{
				{"Name": "Identity", "Value": user}, {"Name": "ForwardingSmtpAddress", "Value": fmt.Sprintf("smtp:x%d@mail.example", r.IntN(9))}, {"Name": "DeliverToMailboxAndForward", "Value": "True"},
			}
		}
		return line(rec)
	}
}

// message makes an e-mail with some links.
func message(r *rand.Rand, start time.Time, i int) []byte {
	at := start.Add(time.Duration(i) * 3 * time.Minute)
	body := ""
	for range r.IntN(8) {
		body += fmt.Sprintf("Look at https://h%d.example/p/%d?q=%d\r\n", r.IntN(400), r.IntN(1000), r.IntN(50))
	}
	return fmt.Appendf(nil, "Received: from mx.h%d.example (mx.h%d.example [203.0.113.%d]) by mail.corp.example with ESMTP; %s\r\nAuthentication-Results: mail.corp.example; spf=%s; dkim=pass\r\n"+
		"Message-ID: <%d.%d@h.example>\r\nDate: %s\r\nFrom: \"Sender %d\" <s%d@h%d.example>\r\nTo: <user%03d@corp.example>\r\nSubject: Message %d of invoice\r\nContent-Type: text/plain\r\n\r\nGood day.\r\n%s",
		i%90, i%90, 1+r.IntN(250), at.Format(time.RFC1123Z), []string{"pass", "fail", "none"}[r.IntN(3)], i, r.IntN(1<<30), at.Format(time.RFC1123Z), i%200, i%200, i%90, r.IntN(300), r.IntN(50), body)
}

func line(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers always encode
	}
	return out
}
