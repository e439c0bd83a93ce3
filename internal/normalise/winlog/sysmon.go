package winlog

import (
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// sysmon maps the events of the Sysmon sensor. Their own UtcTime is the event's time already.
func (w *worker) sysmon() {
	r := &w.rec
	r.use("UtcTime")
	switch r.eventID {
	case 1:
		w.sysmonProcess()
	case 2:
		row := w.sysmonRow("DeviceEvents", "FileTimestampModificationEvent")
		file(row, r.get("TargetFilename"))
		w.finish(row)
	case 3:
		w.sysmonNetwork()
	case 4, 16, 255:
		w.sensorHealth()
	case 5:
		w.sysmonProcessEnd()
	case 6:
		w.sysmonDriver()
	case 7:
		w.sysmonImage()
	case 8:
		w.sysmonAccess("CreateRemoteThreadApiCall")
	case 9:
		row := w.sysmonRow("DeviceEvents", "RawAccessRead")
		w.finish(row)
	case 10:
		w.sysmonAccess("OpenProcessApiCall")
	case 11:
		w.sysmonFile("FileCreated")
	case 12, 13, 14:
		w.sysmonRegistry()
	case 15:
		w.sysmonStream()
	case 17:
		w.sysmonPipe("File created")
	case 18:
		w.sysmonPipe("File opened")
	case 19:
		w.sysmonWMI("WmiFilterEvent")
	case 20:
		w.sysmonWMI("WmiConsumerEvent")
	case 21:
		w.sysmonWMI("WmiBindEventFilterToConsumer")
	case 22:
		w.sysmonDNS()
	case 23, 26:
		w.sysmonFile("FileDeleted")
	case 24:
		row := w.sysmonRow("DeviceEvents", "GetClipboardData")
		w.hashColumns(row, "Hashes")
		w.finish(row)
	case 25:
		row := w.sysmonRow("DeviceEvents", "ProcessTampering")
		w.finish(row)
	case 27, 28:
		w.sysmonFile("FileBlocked")
	case 29:
		w.sysmonFile("FileCreated")
	}
}

// sysmonRow starts a row whose initiating process is the event's Image.
func (w *worker) sysmonRow(table, action string) *schema.Row {
	row := w.newRow(table, action)
	w.sysmonActor(row)
	return row
}

func (w *worker) sysmonActor(row *schema.Row) {
	r := &w.rec
	id, has := r.integer("ProcessId")
	w.initiator(row, actorRef{guid: processGUID(r.peek("ProcessGuid")), id: id, has: has, path: r.get("Image"), user: r.get("User")})
}

func (w *worker) hashColumns(row *schema.Row, field string) normalise.Hashes {
	h := normalise.ParseHashes(w.rec.get(field))
	hashes(row, h)
	w.extra.Text("ImpHash", h.ImpHash)
	return h
}

func (w *worker) sysmonProcess() {
	r := &w.rec
	row := w.newRow("DeviceProcessEvents", "ProcessCreated")
	id, _ := r.integer("ProcessId")
	parentID, hasParent := r.integer("ParentProcessId")
	p := normalise.Process{
		Tenant: w.tenant, Device: w.dev.id, ID: id, GUID: processGUID(r.peek("ProcessGuid")), Path: r.get("Image"), Created: w.ticks,
		CommandLine: r.get("CommandLine"), Integrity: r.get("IntegrityLevel"),
		Company: r.get("Company"), Product: r.get("Product"), Version: r.get("FileVersion"), OriginalFileName: r.get("OriginalFileName"), Description: r.get("Description"),
		ParentID: parentID, ParentGUID: processGUID(r.peek("ParentProcessGuid")), ParentPath: r.get("ParentImage"), Source: "sysmon",
	}
	p.AccountDomain, p.AccountName, _ = normalise.SplitAccount(r.get("User"))
	p.LogonID = w.logonID(row, "LogonId", "LogonId")
	p.Hashes = w.hashColumns(row, "Hashes")

	file(row, p.Path)
	putInt(row, "ProcessId", id)
	putTicks(row, "ProcessCreationTime", w.ticks)
	put(row, "ProcessCommandLine", p.CommandLine)
	put(row, "ProcessUniqueId", p.GUID)
	put(row, "ProcessIntegrityLevel", p.Integrity)
	versionInfo(row, &p)
	put(row, "AccountDomain", p.AccountDomain)
	put(row, "AccountName", p.AccountName)
	if sid, ok := wellKnownSID(p.AccountDomain, p.AccountName); ok {
		put(row, "AccountSid", sid)
		p.AccountSID = sid
	}
	if twin, ok := w.family.cache.Near(w.tenant, w.dev.id, id, w.ticks); ok && twin.Source == "security" && sameLeaf(twin.Path, p.Path) {
		put(row, "ProcessTokenElevation", twin.TokenElevation)
		put(row, "AccountSid", twin.AccountSID)
		p.TokenElevation, p.AccountSID = twin.TokenElevation, twin.AccountSID
	}
	w.initiator(row, actorRef{guid: p.ParentGUID, id: parentID, has: hasParent, path: p.ParentPath, user: r.get("ParentUser")})
	put(row, "InitiatingProcessCommandLine", r.get("ParentCommandLine"))
	if w.actor != nil {
		p.ParentCreated = w.actor.Created
	}
	w.finish(row)
	w.family.cache.Add(p)
}

func versionInfo(row *schema.Row, p *normalise.Process) {
	put(row, "ProcessVersionInfoCompanyName", p.Company)
	put(row, "ProcessVersionInfoProductName", p.Product)
	put(row, "ProcessVersionInfoProductVersion", p.Version)
	put(row, "ProcessVersionInfoOriginalFileName", p.OriginalFileName)
	put(row, "ProcessVersionInfoFileDescription", p.Description)
}

// wellKnownSID names the accounts whose SID is the same on every device.
func wellKnownSID(domain, name string) (string, bool) {
	if !strings.EqualFold(domain, "NT AUTHORITY") {
		return "", false
	}
	switch strings.ToUpper(name) {
	case "SYSTEM":
		return "S-1-5-18", true
	case "LOCAL SERVICE":
		return "S-1-5-19", true
	case "NETWORK SERVICE":
		return "S-1-5-20", true
	}
	return "", false
}

func sameLeaf(a, b string) bool { return strings.EqualFold(normalise.Leaf(a), normalise.Leaf(b)) }

func (w *worker) sysmonProcessEnd() {
	r := &w.rec
	row := w.sysmonRow("DeviceEvents", "ProcessTerminated")
	id, _ := parseInt(r.peek("ProcessId"))
	w.family.cache.End(w.tenant, w.dev.id, processGUID(r.peek("ProcessGuid")), id, w.ticks)
	w.finish(row)
}

func (w *worker) sysmonNetwork() {
	r := &w.rec
	initiated := !strings.EqualFold(r.get("Initiated"), "false")
	action := "ConnectionSuccess"
	if !initiated {
		action = "InboundConnectionAccepted"
	}
	row := w.sysmonRow("DeviceNetworkEvents", action)
	protocol := r.get("Protocol")
	switch strings.ToLower(protocol) {
	case "tcp":
		protocol = "Tcp"
	case "udp":
		protocol = "Udp"
	}
	put(row, "Protocol", protocol)
	source, destination := normalise.CleanIP(r.get("SourceIp")), normalise.CleanIP(r.get("DestinationIp"))
	// Older versions name the local side as the source of accepted connections, too; the host names tell.
	localIsSource := initiated
	fromHere, toHere := w.isHere(r.peek("SourceHostname")), w.isHere(r.peek("DestinationHostname"))
	if fromHere != toHere {
		localIsSource = fromHere
	}
	if localIsSource {
		w.dev.learnAddress(source)
	} else {
		w.dev.learnAddress(destination)
	}
	if w.dev.owns(source) != w.dev.owns(destination) {
		localIsSource = w.dev.owns(source)
	}
	sourcePort, destinationPort := r.get("SourcePort"), r.get("DestinationPort")
	host := normalise.CleanText(r.get("DestinationHostname"))
	if localIsSource {
		w.endpoints(row, source, sourcePort, destination, destinationPort)
		put(row, "RemoteUrl", host)
	} else {
		w.endpoints(row, destination, destinationPort, source, sourcePort)
		put(row, "RemoteUrl", normalise.CleanText(r.get("SourceHostname")))
		w.extra.Text("DestinationHostname", host)
	}
	w.finish(row)
}

// isHere reports whether a host name, with or without its domain, is that of the device.
func (w *worker) isHere(host string) bool {
	name, _, _ := strings.Cut(host, ".")
	own, _, _ := strings.Cut(w.rec.computer, ".")
	return name != "" && strings.EqualFold(name, own)
}

func (w *worker) endpoints(row *schema.Row, local, localPort, remote, remotePort string) {
	put(row, "LocalIP", local)
	put(row, "LocalIPType", normalise.IPType(local))
	putPort(row, "LocalPort", localPort)
	put(row, "RemoteIP", remote)
	put(row, "RemoteIPType", normalise.IPType(remote))
	putPort(row, "RemotePort", remotePort)
}

func (w *worker) sysmonDriver() {
	r := &w.rec
	row := w.newRow("DeviceEvents", "DriverLoad")
	file(row, r.get("ImageLoaded"))
	h := w.hashColumns(row, "Hashes")
	putInt(row, "InitiatingProcessId", 4)
	put(row, "InitiatingProcessFileName", "System")
	w.finish(row)
	w.certificate(h)
}

func (w *worker) sysmonImage() {
	r := &w.rec
	row := w.sysmonRow("DeviceImageLoadEvents", "ImageLoaded")
	file(row, r.get("ImageLoaded"))
	h := w.hashColumns(row, "Hashes")
	w.finish(row)
	w.certificate(h)
}

// certificateEvery is how often a device's file is told of again in DeviceFileCertificateInfo while its signature stays as it is, in event time.
const certificateEvery = 24 * 3600 * schema.TicksPerSecond

// maxCertificates bounds the files whose signatures are remembered.
const maxCertificates = 200_000

// signature is what was last told of the signature of a device's file.
type signature struct {
	content uint64
	ticks   int64
}

// certificate adds what the event says of the signature of a loaded file, if that is news.
func (w *worker) certificate(h normalise.Hashes) {
	r := &w.rec
	signed := r.peek("Signed")
	if h.SHA1 == "" || signed == "" {
		return
	}
	// What an import tells does not depend on the files before it, so that one that goes on where it was broken off tells the same.
	key := xxhash.Sum64String(w.dev.id + "\x00" + h.SHA1 + "\x00" + w.source.File)
	content := xxhash.Sum64String(signed + "\x00" + r.peek("Signature") + "\x00" + r.peek("SignatureStatus"))
	if last, ok := w.certificates.get(key); ok && last.content == content && abs(w.ticks-last.ticks) < certificateEvery {
		return
	}
	w.certificates.put(key, signature{content, w.ticks})
	row := schema.NewRow("DeviceFileCertificateInfo")
	row.Set("Timestamp", w.ticks)
	row.Set("DeviceId", w.dev.id)
	row.Set("DeviceName", w.dev.name)
	row.Set("ReportId", w.report)
	row.Set("SHA1", h.SHA1)
	row.Set("IsSigned", strings.EqualFold(signed, "true"))
	row.Set("Signer", r.peek("Signature"))
	row.Set("IsTrusted", strings.EqualFold(r.peek("SignatureStatus"), "Valid"))
	w.rows = append(w.rows, row)
}

// sysmonAccess maps events in which one process reaches into another.
func (w *worker) sysmonAccess(action string) {
	r := &w.rec
	row := w.newRow("DeviceEvents", action)
	id, has := r.integer("SourceProcessId")
	guid := r.peek("SourceProcessGuid")
	if guid == "" {
		guid = r.peek("SourceProcessGUID")
	}
	w.initiator(row, actorRef{guid: processGUID(guid), id: id, has: has, path: r.get("SourceImage"), user: r.get("SourceUser")})
	if target, ok := r.integer("TargetProcessId"); ok {
		putInt(row, "ProcessId", target)
	}
	file(row, r.get("TargetImage"))
	account(row, "Account", r.get("TargetUser"))
	if mask, ok := parseInt(r.peek("GrantedAccess")); ok {
		r.use("GrantedAccess")
		w.extra.Int("DesiredAccess", mask)
	}
	w.finish(row)
}

func (w *worker) sysmonFile(action string) {
	row := w.sysmonRow("DeviceFileEvents", action)
	file(row, w.rec.get("TargetFilename"))
	w.hashColumns(row, "Hashes")
	w.finish(row)
}

// sysmonStream maps a named stream: its file, the file's hashes, and where a download came from.
func (w *worker) sysmonStream() {
	r := &w.rec
	row := w.sysmonRow("DeviceFileEvents", "FileCreated")
	target := r.get("TargetFilename")
	path := target
	if i := strings.LastIndexByte(target, ':'); i > 2 {
		path = target[:i]
		w.extra.Text("StreamName", target[i+1:])
	}
	file(row, path)
	w.hashColumns(row, "Hash")
	if strings.HasSuffix(strings.ToLower(target), ":zone.identifier") {
		for line := range strings.Lines(r.peek("Contents")) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch name {
			case "HostUrl":
				put(row, "FileOriginUrl", value)
			case "ReferrerUrl":
				put(row, "FileOriginReferrerUrl", value)
			}
		}
	}
	w.finish(row)
}

func (w *worker) sysmonPipe(operation string) {
	r := &w.rec
	row := w.sysmonRow("DeviceEvents", "NamedPipeEvent")
	r.use("EventType")
	w.extra.Text("PipeName", strings.TrimPrefix(r.get("PipeName"), `\Device\NamedPipe`))
	w.extra.Text("FileOperation", operation)
	w.finish(row)
}

func (w *worker) sysmonWMI(action string) {
	r := &w.rec
	row := w.newRow("DeviceEvents", action)
	user := r.get("User")
	account(row, "Account", user)
	account(row, "InitiatingProcessAccount", user)
	r.use("EventType")
	switch r.eventID {
	case 19:
		w.dev.rememberWMI(r.peek("Name"), strings.Trim(r.peek("Query"), `" `))
	case 20:
		w.dev.rememberWMI(r.peek("Name"), strings.Trim(r.peek("Destination"), `" `))
	case 21:
		w.extra.Text("FilterQuery", w.dev.wmiPart(r.peek("Filter")))
		w.extra.Text("ConsumerDestination", w.dev.wmiPart(r.peek("Consumer")))
	}
	w.finish(row)
}

func (w *worker) sysmonDNS() {
	r := &w.rec
	row := w.sysmonRow("DeviceEvents", "DnsQueryResponse")
	name := r.get("QueryName")
	put(row, "RemoteUrl", name)
	w.extra.Text("DnsQueryString", name)
	if status, ok := r.integer("QueryStatus"); ok {
		w.extra.Int("DnsQueryStatus", status)
	}
	if results := r.get("QueryResults"); results != "" {
		w.extra.Raw("DnsQueryResult", dnsResults(results))
	}
	w.finish(row)
}

// dnsResults turns "type:  5 host.example;::ffff:192.0.2.1;" into a JSON array of its parts with clean addresses.
func dnsResults(s string) string {
	buf := []byte{'['}
	for part := range strings.SplitSeq(s, ";") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if ip := normalise.CleanIP(part); ip != "" {
			part = ip
		}
		if len(buf) > 1 {
			buf = append(buf, ',')
		}
		buf = normalise.AppendJSONString(buf, part)
	}
	return string(append(buf, ']'))
}

// sensorHealth maps what the sensor says of itself.
func (w *worker) sensorHealth() {
	r := &w.rec
	row := schema.NewRow("DeviceInfo")
	row.Set("Timestamp", w.ticks)
	row.Set("DeviceId", w.dev.id)
	row.Set("DeviceName", w.dev.name)
	row.Set("OSPlatform", "Windows")
	row.Set("OnboardingStatus", "Onboarded")
	row.Set("ReportId", w.report)
	switch r.eventID {
	case 4:
		row.Set("ClientVersion", r.peek("Version"))
		if strings.EqualFold(r.peek("State"), "Stopped") {
			row.Set("SensorHealthState", "Inactive")
		} else {
			row.Set("SensorHealthState", "Active")
		}
	case 255:
		row.Set("SensorHealthState", "Misconfigured")
	default:
		row.Set("SensorHealthState", "Active")
	}
	w.finish(row)
}
