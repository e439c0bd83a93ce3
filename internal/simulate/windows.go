package simulate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// process is a running process of the story.
type process struct {
	device, user   string
	image, command string
	pid            int
	guid           string
	started        time.Time
	logon          string
}

const (
	sysmonChannel  = "Microsoft-Windows-Sysmon/Operational"
	sysmonProvider = "Microsoft-Windows-Sysmon"
)

// windows emits one event in the shape that Winlogbeat sends.
func (g *generator) windows(device, channel, provider string, id int, data map[string]string) {
	g.recordID++
	for k, v := range data {
		if v == "" {
			delete(data, k)
		}
	}
	g.emit("winlog", map[string]any{
		"@timestamp": g.now.UTC().Format("2006-01-02T15:04:05.000Z"),
		"winlog": map[string]any{
			"channel": channel, "provider_name": provider, "event_id": strconv.Itoa(id), "computer_name": g.host(device), "record_id": g.recordID, "event_data": data,
		},
	})
}

func (g *generator) sysmon(p *process, id int, data map[string]string) {
	data["UtcTime"] = g.now.UTC().Format("2006-01-02 15:04:05.000")
	if _, ok := data["SourceImage"]; !ok {
		data["ProcessGuid"], data["ProcessId"], data["Image"], data["User"] = p.guid, strconv.Itoa(p.pid), p.image, g.account(p.user)
	}
	g.windows(p.device, sysmonChannel, sysmonProvider, id, data)
}

// process returns the process a step names; a step without one runs as the device's services.exe.
func (g *generator) process(name string) *process {
	name = g.text(name)
	if p, ok := g.processes[name]; ok {
		return p
	}
	if device, ok := strings.CutPrefix(name, "services@"); ok {
		return g.services(device)
	}
	g.fail("no earlier step started a process called %q", name)
	return &process{}
}

func (g *generator) services(device string) *process {
	p := g.system[device]
	if p == nil {
		p = &process{device: device, user: "SYSTEM", image: `C:\Windows\System32\services.exe`, command: `C:\Windows\system32\services.exe`, pid: 644, started: g.start.Add(-72 * time.Hour)}
		p.guid = "{" + strings.ToUpper(g.guid("services", device)) + "}"
		g.system[device] = p
	}
	return p
}

func (g *generator) startProcess(st *Process) {
	device, user := g.text(st.On), g.text(st.By)
	p := &process{device: device, user: user, image: g.text(st.Image), command: g.text(st.Command), started: g.now, pid: 1000 + 4*g.rng.IntN(4000)}
	if p.command == "" {
		p.command = `"` + p.image + `"`
	}
	p.guid = "{" + strings.ToUpper(g.guid("process", device, len(g.out), g.now.UnixNano())) + "}"
	p.logon = "0x3e7"
	if user != "SYSTEM" {
		p.logon = fmt.Sprintf("0x%x", 0x50000+g.s.Cast.Users[user].RID*16)
	}
	parent := g.services(device)
	if st.Parent != "" {
		parent = g.process(st.Parent)
	}
	if st.As != "" {
		g.processes[g.text(st.As)] = p
	}
	integrity := st.Integrity
	if integrity == "" {
		integrity = map[bool]string{true: "System", false: "Medium"}[user == "SYSTEM"]
	}
	leaf := p.image[strings.LastIndexByte(p.image, '\\')+1:]
	original, company := st.Original, st.Company
	if original == "" {
		original = leaf
	}
	if company == "" && strings.HasPrefix(strings.ToLower(p.image), `c:\windows\`) {
		company = "Microsoft Corporation"
	}
	directory := g.text(st.Directory)
	if directory == "" {
		directory = `C:\Windows\system32\`
	}
	g.sysmon(p, 1, map[string]string{
		"CommandLine": p.command, "CurrentDirectory": directory, "LogonId": p.logon, "TerminalSessionId": "1", "IntegrityLevel": integrity,
		"Hashes": hashes(original), "OriginalFileName": original, "Company": company, "Description": strings.TrimSuffix(leaf, ".exe"), "FileVersion": "10.0.19041.1",
		"ParentProcessGuid": parent.guid, "ParentProcessId": strconv.Itoa(parent.pid), "ParentImage": parent.image, "ParentCommandLine": parent.command, "ParentUser": g.account(parent.user),
	})
}

func (g *generator) exit(st *Exit) { g.sysmon(g.process(st.Process), 5, map[string]string{}) }

func (g *generator) network(st *Network) {
	p := g.process(st.Process)
	local := g.s.Cast.Devices[p.device].IP
	data := map[string]string{
		"Protocol": "tcp", "Initiated": strconv.FormatBool(!st.Inbound), "SourceIsIpv6": "false", "SourceIp": local, "SourceHostname": g.host(p.device),
		"SourcePort": strconv.Itoa(49152 + g.rng.IntN(16000)), "DestinationIsIpv6": "false", "DestinationIp": g.text(st.To), "DestinationHostname": g.text(st.Host), "DestinationPort": strconv.Itoa(st.Port),
	}
	if st.Inbound {
		data["SourceIp"], data["DestinationIp"] = data["DestinationIp"], data["SourceIp"]
	}
	g.sysmon(p, 3, data)
}

func (g *generator) dns(st *DNS) {
	g.sysmon(g.process(st.Process), 22, map[string]string{"QueryName": g.text(st.Name), "QueryStatus": "0", "QueryResults": "::ffff:" + g.text(st.Answer) + ";"})
}

func (g *generator) file(st *File, id int) {
	data := map[string]string{"TargetFilename": g.text(st.Path)}
	if id == 11 {
		data["CreationUtcTime"] = g.now.UTC().Format("2006-01-02 15:04:05.000")
	} else {
		data["Hashes"], data["IsExecutable"], data["Archived"] = hashes(st.Path), "false", "true"
	}
	g.sysmon(g.process(st.Process), id, data)
}

func (g *generator) registry(st *Registry) {
	g.sysmon(g.process(st.Process), 13, map[string]string{"EventType": "SetValue", "TargetObject": g.text(st.Key), "Details": g.text(st.Value)})
}

func (g *generator) access(st *Access) {
	p := g.process(st.Process)
	target := st.Target
	g.sysmon(p, 10, map[string]string{
		"SourceProcessGUID": p.guid, "SourceProcessId": strconv.Itoa(p.pid), "SourceThreadId": strconv.Itoa(p.pid + 8), "SourceImage": p.image, "SourceUser": g.account(p.user),
		"TargetProcessGUID": "{" + strings.ToUpper(g.guid("target", p.device, target)) + "}", "TargetProcessId": "716", "TargetImage": target, "TargetUser": g.account("SYSTEM"),
		"GrantedAccess": st.Rights, "CallTrace": st.Trace,
	})
}

func (g *generator) load(st *ImageLoad) {
	data := map[string]string{"ImageLoaded": g.text(st.Image), "Hashes": hashes(st.Image), "Signed": strconv.FormatBool(st.Signed), "SignatureStatus": "Unavailable"}
	if st.Signed {
		data["Signature"], data["SignatureStatus"] = "Microsoft Windows", "Valid"
	}
	g.sysmon(g.process(st.Process), 7, data)
}

const securityProvider = "Microsoft-Windows-Security-Auditing"

func (g *generator) logon(st *Logon) {
	device, user := g.text(st.On), g.text(st.User)
	data := map[string]string{
		"SubjectUserSid": "S-1-0-0", "SubjectUserName": "-", "SubjectDomainName": "-", "SubjectLogonId": "0x0",
		"TargetUserName": user, "TargetDomainName": g.s.Cast.NetBIOS, "LogonType": strconv.Itoa(st.Type), "LogonProcessName": "NtLmSsp",
		"AuthenticationPackageName": st.Package, "WorkstationName": g.text(st.Host), "IpAddress": g.text(st.From), "IpPort": strconv.Itoa(49152 + g.rng.IntN(16000)), "ProcessId": "0x0", "ProcessName": "-",
	}
	if st.Package == "" {
		data["AuthenticationPackageName"] = "Kerberos"
	}
	if data["AuthenticationPackageName"] == "Kerberos" {
		data["LogonProcessName"] = "Kerberos"
	}
	if st.Fails != "" {
		data["TargetUserSid"], data["Status"], data["SubStatus"], data["FailureReason"] = "S-1-0-0", "0xC000006D", st.Fails, "%%2313"
		g.windows(device, "Security", securityProvider, 4625, data)
		return
	}
	data["TargetUserSid"], data["TargetLogonId"], data["ElevatedToken"] = g.sid(user), fmt.Sprintf("0x%x", 0x90000+g.rng.IntN(1<<20)), "%%1843"
	g.windows(device, "Security", securityProvider, 4624, data)
}

func (g *generator) event(st *Event) {
	data := make(map[string]string, len(st.Data))
	for k, v := range st.Data {
		data[k] = g.text(v)
	}
	g.windows(g.text(st.On), st.Channel, st.Provider, st.ID, data)
}
