package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// events generates Sysmon records in the mix of a busy Windows network: image loads, registry and file writes, connections, DNS, process starts. Every
// device has a set of long-running processes in a tree as Windows makes it, whose starts come first, so that later events find their process; about one
// record in a thousand meets a public rule, as in recorded logs of ordinary work.
type events struct {
	r       *rand.Rand
	start   time.Time
	devices []device
	pending []start // processes whose start is not told yet
	nextPID int
}

const (
	eventDevices = 200
	startEvery   = 25 // one record in so many is a process start
)

// device is a computer with its running processes.
type device struct {
	name, user string
	running    []process
}

// process is one running program.
type process struct {
	*program
	pid    int
	guid   string
	user   string
	parent *process
}

// program is what a process runs, and what is usual for it.
type program struct {
	path, command, company, integrity string
	parent                            int  // place in programs, -1 for none
	system                            bool // runs as SYSTEM
	network                           bool // talks to other machines
	short                             bool // started again and again
}

type start struct{ device, place int }

var programs = []program{
	{path: `C:\Windows\System32\services.exe`, command: `C:\Windows\system32\services.exe`, company: "Microsoft Corporation", integrity: "System", parent: -1, system: true},
	{path: `C:\Windows\System32\svchost.exe`, command: `C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule`, company: "Microsoft Corporation", integrity: "System", parent: 0, system: true, network: true},
	{path: `C:\Windows\System32\svchost.exe`, command: `C:\Windows\system32\svchost.exe -k NetworkService -p -s Dnscache`, company: "Microsoft Corporation", integrity: "System", parent: 0, system: true, network: true},
	{path: `C:\Windows\System32\svchost.exe`, command: `C:\Windows\system32\svchost.exe -k LocalServiceNetworkRestricted -p -s EventLog`, company: "Microsoft Corporation", integrity: "System", parent: 0, system: true},
	{path: `C:\Windows\System32\svchost.exe`, command: `C:\Windows\system32\svchost.exe -k DcomLaunch -p`, company: "Microsoft Corporation", integrity: "System", parent: 0, system: true},
	{path: `C:\Windows\System32\lsass.exe`, command: `C:\Windows\system32\lsass.exe`, company: "Microsoft Corporation", integrity: "System", parent: -1, system: true},
	{path: `C:\Windows\System32\SearchIndexer.exe`, command: `C:\Windows\system32\SearchIndexer.exe /Embedding`, company: "Microsoft Corporation", integrity: "System", parent: 0, system: true},
	{path: `C:\Windows\explorer.exe`, command: `C:\Windows\Explorer.EXE`, company: "Microsoft Corporation", integrity: "Medium", parent: -1},
	{path: `C:\Program Files\Google\Chrome\Application\chrome.exe`, command: `"C:\Program Files\Google\Chrome\Application\chrome.exe" --profile-directory=Default`, company: "Google LLC", integrity: "Medium", parent: 7, network: true},
	{path: `C:\Program Files\Google\Chrome\Application\chrome.exe`, command: `"C:\Program Files\Google\Chrome\Application\chrome.exe" --type=renderer --lang=en-US --device-scale-factor=1 --num-raster-threads=4 --renderer-client-id=%d --mojo-platform-channel-handle=%d /prefetch:1`, company: "Google LLC", integrity: "Low", parent: 8, short: true},
	{path: `C:\Program Files\Google\Chrome\Application\chrome.exe`, command: `"C:\Program Files\Google\Chrome\Application\chrome.exe" --type=utility --utility-sub-type=network.mojom.NetworkService --lang=en-US --service-sandbox-type=none --mojo-platform-channel-handle=%d`, company: "Google LLC", integrity: "Medium", parent: 8, network: true, short: true},
	{path: `C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE`, command: `"C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE"`, company: "Microsoft Corporation", integrity: "Medium", parent: 7},
	{path: `C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE`, command: `"C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE" "C:\Users\%s\Documents\Report %d.xlsx"`, company: "Microsoft Corporation", integrity: "Medium", parent: 7, short: true},
	{path: `C:\Windows\System32\taskhostw.exe`, command: `taskhostw.exe Install $(Arg0)`, company: "Microsoft Corporation", integrity: "Medium", parent: 1, short: true},
	{path: `C:\Windows\System32\backgroundTaskHost.exe`, command: `"C:\Windows\system32\backgroundTaskHost.exe" -ServerName:App.AppX%dk0.mca`, company: "Microsoft Corporation", integrity: "Low", parent: 4, short: true},
	{path: `C:\Program Files\Vendor\Agent\agent.exe`, command: `"C:\Program Files\Vendor\Agent\agent.exe" --service`, company: "Vendor Inc.", integrity: "System", parent: 0, system: true, network: true},
	{path: `C:\Program Files\Vendor\Agent\collect.exe`, command: `"C:\Program Files\Vendor\Agent\collect.exe" --run %d --output C:\ProgramData\Vendor\spool`, company: "Vendor Inc.", integrity: "System", parent: 15, system: true, short: true},
}

func newEvents() *events {
	e := &events{r: rand.New(rand.NewPCG(3, 5)), start: time.Date(2025, 2, 3, 8, 0, 0, 0, time.UTC), nextPID: 500} //nolint:gosec // a load, not a secret
	for d := range eventDevices {
		e.devices = append(e.devices, device{name: fmt.Sprintf("pc-%03d.corp.example", d), user: fmt.Sprintf("user%03d", d), running: make([]process, len(programs))})
		for p := range programs {
			e.begin(d, p)
		}
	}
	return e
}

// begin starts a program of a device anew.
func (e *events) begin(d, place int) {
	dev := &e.devices[d]
	e.nextPID++
	p := process{program: &programs[place], pid: 1000 + e.nextPID%15000*4, guid: fmt.Sprintf("{6e1d0000-%04x-%04x-%04x-%012x}", d, e.nextPID>>16, e.nextPID&0xffff, place)}
	p.user = `CORP\` + dev.user
	if p.system {
		p.user = `NT AUTHORITY\SYSTEM`
	}
	if p.program.parent >= 0 {
		p.parent = &dev.running[p.program.parent]
	}
	dev.running[place] = p
	e.pending = append(e.pending, start{d, place})
}

// record returns the i-th record.
func (e *events) record(i int) []byte {
	line, _ := e.at(i)
	return line
}

// at returns the i-th record and its time, which all times in it say.
func (e *events) at(i int) ([]byte, time.Time) {
	at := e.start.Add(time.Duration(i) * 3 * time.Millisecond)
	if len(e.pending) == 0 && i%startEvery == 0 {
		for place := e.r.IntN(len(programs)); ; place = e.r.IntN(len(programs)) {
			if programs[place].short {
				e.begin(e.r.IntN(len(e.devices)), place)
				break
			}
		}
	}
	if len(e.pending) > 0 {
		s := e.pending[0]
		e.pending = e.pending[1:]
		dev := &e.devices[s.device]
		return sysmon(i, 1, dev.name, at, e.startOf(dev, &dev.running[s.place])), at
	}
	dev := &e.devices[e.r.IntN(len(e.devices))]
	p := &dev.running[e.r.IntN(len(dev.running))]
	data := map[string]any{}
	id := 0
	switch n := e.r.IntN(96); {
	case n < 35:
		id = 7
		data["ImageLoaded"] = fmt.Sprintf(`C:\Windows\System32\lib%03d.dll`, e.r.IntN(400))
		data["FileVersion"], data["Description"], data["Product"], data["Company"], data["OriginalFileName"] = "10.0.19041.1 (WinBuild)", "Library", "Microsoft Windows Operating System", "Microsoft Corporation", "lib.dll"
		data["Hashes"] = hashes(e.r)
		data["Signed"], data["Signature"], data["SignatureStatus"] = "true", "Microsoft Windows", "Valid"
	case n < 60:
		id = 13
		data["EventType"], data["TargetObject"], data["Details"] = "SetValue", fmt.Sprintf(`HKLM\SOFTWARE\Vendor\Product\Key%d\Value`, e.r.IntN(2000)), "DWORD (0x00000001)"
	case n < 75:
		id = 11
		data["TargetFilename"], data["CreationUtcTime"] = fmt.Sprintf(`C:\Users\%s\AppData\Local\Vendor\Cache\f%d.dat`, dev.user, e.r.IntN(100000)), stamp(at)
	case n < 88:
		id = 3
		for !p.network {
			p = &dev.running[e.r.IntN(len(dev.running))]
		}
		data["Protocol"], data["Initiated"], data["SourceIp"], data["SourcePort"] = "tcp", "true", fmt.Sprintf("10.1.%d.%d", e.r.IntN(8), e.r.IntN(250)), fmt.Sprint(50000+e.r.IntN(10000))
		data["SourceIsIpv6"], data["DestinationIsIpv6"], data["SourceHostname"] = "false", "false", dev.name
		data["DestinationIp"], data["DestinationPort"], data["DestinationHostname"], data["DestinationPortName"] = fmt.Sprintf("10.2.%d.%d", e.r.IntN(4), e.r.IntN(250)), "443", fmt.Sprintf("h%d.example", e.r.IntN(500)), "https"
	default:
		id = 22
		data["QueryName"], data["QueryStatus"], data["QueryResults"] = fmt.Sprintf("h%d.example", e.r.IntN(500)), "0", "::ffff:10.2.0.7;"
	}
	data["RuleName"], data["UtcTime"], data["ProcessGuid"], data["ProcessId"], data["Image"], data["User"] = "-", stamp(at), p.guid, fmt.Sprint(p.pid), p.path, p.user
	return sysmon(i, id, dev.name, at, data), at
}

// startOf is what Sysmon tells of the start of a process.
func (e *events) startOf(dev *device, p *process) map[string]any {
	data := map[string]any{
		"RuleName": "-", "ProcessGuid": p.guid, "ProcessId": fmt.Sprint(p.pid), "Image": p.path, "User": p.user, "CommandLine": e.commandLine(dev, p), "CurrentDirectory": `C:\Windows\system32\`,
		"IntegrityLevel": p.integrity, "LogonId": "0x3e7", "LogonGuid": "{6e1d0000-0000-0000-0000-00000000e703}", "TerminalSessionId": "1", "Hashes": hashes(e.r), "FileVersion": "10.0.19041.1 (WinBuild)",
		"Description": "Program of " + p.company, "Product": "Product of " + p.company, "Company": p.company, "OriginalFileName": leaf(p.path),
	}
	if e.r.IntN(250) == 0 && p.short { // what administrators do and rules ask about
		data["CommandLine"] = `C:\Windows\system32\whoami.exe /all`
		data["Image"], data["OriginalFileName"] = `C:\Windows\System32\whoami.exe`, "whoami.exe"
	}
	if p.parent != nil {
		data["ParentImage"], data["ParentProcessId"], data["ParentProcessGuid"], data["ParentCommandLine"], data["ParentUser"] = p.parent.path, fmt.Sprint(p.parent.pid), p.parent.guid, e.commandLine(dev, p.parent), p.parent.user
	}
	return data
}

func (e *events) commandLine(dev *device, p *process) string {
	switch p.path {
	case `C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE`:
		return fmt.Sprintf(p.command, dev.user, p.pid)
	case `C:\Program Files\Google\Chrome\Application\chrome.exe`:
		if p.integrity == "Low" {
			return fmt.Sprintf(p.command, p.pid, p.pid+8)
		}
	}
	if p.short && p.path != `C:\Windows\System32\taskhostw.exe` {
		return fmt.Sprintf(p.command, p.pid)
	}
	return p.command
}

func leaf(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '\\' {
			return path[i+1:]
		}
	}
	return path
}

func stamp(at time.Time) string { return at.Format("2006-01-02 15:04:05.000") }

// sysmon is a record as Winlogbeat delivers it, without the rendered message.
func sysmon(i, id int, host string, at time.Time, data map[string]any) []byte {
	data["UtcTime"] = stamp(at)
	line, err := json.Marshal(map[string]any{
		"@timestamp": at.Format("2006-01-02T15:04:05.000Z"), "ecs": map[string]any{"version": "8.0.0"}, "host": map[string]any{"name": host}, "log": map[string]any{"level": "information"},
		"event": map[string]any{"code": fmt.Sprint(id), "kind": "event", "provider": "Microsoft-Windows-Sysmon"},
		"winlog": map[string]any{
			"channel": "Microsoft-Windows-Sysmon/Operational", "provider_name": "Microsoft-Windows-Sysmon", "provider_guid": "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}", "event_id": fmt.Sprint(id),
			"computer_name": host, "record_id": i, "version": 5, "opcode": "Info", "task": fmt.Sprint("Event ", id), "event_data": data,
			"process": map[string]any{"pid": 3220, "thread": map[string]any{"id": 4404}}, "user": map[string]any{"identifier": "S-1-5-18", "name": "SYSTEM", "domain": "NT AUTHORITY", "type": "User"},
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
