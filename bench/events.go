package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// events generates Sysmon records in the mix of a busy Windows network: image loads, registry and file writes, connections, DNS, process starts.
type events struct {
	r     *rand.Rand
	start time.Time
}

func newEvents() *events {
	return &events{rand.New(rand.NewPCG(3, 5)), time.Date(2025, 2, 3, 8, 0, 0, 0, time.UTC)} //nolint:gosec // a load, not a secret
}

var programs = []string{
	`C:\Windows\System32\svchost.exe`, `C:\Windows\explorer.exe`, `C:\Program Files\Google\Chrome\Application\chrome.exe`, `C:\Windows\System32\cmd.exe`,
	`C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`, `C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE`, `C:\Windows\System32\taskhostw.exe`,
}

// record returns the i-th record.
func (e *events) record(i int) []byte {
	at := e.start.Add(time.Duration(i) * 3 * time.Millisecond)
	host := fmt.Sprintf("pc-%03d.corp.example", e.r.IntN(200))
	image := programs[e.r.IntN(len(programs))]
	pid := 1000 + e.r.IntN(400)*4
	data := map[string]any{
		"UtcTime": at.Format("2006-01-02 15:04:05.000"), "ProcessGuid": fmt.Sprintf("{6e1d0000-%04x-0000-0000-%012x}", pid, pid), "ProcessId": fmt.Sprint(pid),
		"Image": image, "User": fmt.Sprintf(`CORP\user%03d`, e.r.IntN(300)), "RuleName": "-",
	}
	id := 0
	switch n := e.r.IntN(100); {
	case n < 35:
		id = 7
		data["ImageLoaded"] = fmt.Sprintf(`C:\Windows\System32\lib%03d.dll`, e.r.IntN(400))
		data["Hashes"] = hashes(e.r)
		data["Signed"], data["Signature"], data["SignatureStatus"] = "true", "Microsoft Windows", "Valid"
	case n < 60:
		id = 13
		data["EventType"], data["TargetObject"], data["Details"] = "SetValue", fmt.Sprintf(`HKLM\SOFTWARE\Vendor\Product\Key%d\Value`, e.r.IntN(2000)), "DWORD (0x00000001)"
	case n < 75:
		id = 11
		data["TargetFilename"], data["CreationUtcTime"] = fmt.Sprintf(`C:\Users\user%03d\AppData\Local\Temp\f%d.tmp`, e.r.IntN(300), e.r.IntN(100000)), data["UtcTime"]
	case n < 88:
		id = 3
		data["Protocol"], data["Initiated"], data["SourceIp"], data["SourcePort"] = "tcp", "true", fmt.Sprintf("10.1.%d.%d", e.r.IntN(8), e.r.IntN(250)), fmt.Sprint(50000+e.r.IntN(10000))
		data["DestinationIp"], data["DestinationPort"], data["DestinationHostname"] = fmt.Sprintf("192.0.2.%d", e.r.IntN(250)), "443", fmt.Sprintf("h%d.example", e.r.IntN(500))
	case n < 95:
		id = 22
		data["QueryName"], data["QueryStatus"], data["QueryResults"] = fmt.Sprintf("h%d.example", e.r.IntN(500)), "0", "::ffff:192.0.2.7;"
	default:
		id = 1
		data["CommandLine"], data["CurrentDirectory"], data["IntegrityLevel"], data["LogonId"] = fmt.Sprintf(`"%s" --flag %d`, image, e.r.IntN(1000)), `C:\Windows\system32\`, "Medium", "0x3e7"
		data["Hashes"], data["OriginalFileName"], data["Company"] = hashes(e.r), "PROGRAM.EXE", "Microsoft Corporation"
		data["ParentImage"], data["ParentProcessId"], data["ParentProcessGuid"], data["ParentCommandLine"] = programs[e.r.IntN(len(programs))], "812", "{6e1d0000-0000-0000-0000-000000000812}", "parent"
	}
	line, err := json.Marshal(map[string]any{
		"@timestamp": at.Format(time.RFC3339Nano),
		"winlog": map[string]any{
			"channel": "Microsoft-Windows-Sysmon/Operational", "provider_name": "Microsoft-Windows-Sysmon", "event_id": fmt.Sprint(id), "computer_name": host, "record_id": i, "event_data": data,
		},
	})
	if err != nil {
		panic(err) // a map of strings always encodes
	}
	return line
}

func hashes(r *rand.Rand) string {
	n := r.Uint64N(5000)
	return fmt.Sprintf("SHA1=%040X,MD5=%032X,SHA256=%064X,IMPHASH=%032X", n*7, n*11, n*13, n*17)
}
