// Package alerts reads finished alerts of other products: {"id","time","title","severity"?,"category"?,"product","techniques"?,"evidence":[…],"raw"?}.
// What is left out is inferred: severity from words and levels, the category from techniques. Evidence of a kind that is not known is kept under its name.
package alerts

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Name is the family's id.
const Name = "alerts"

// Bounds of one alert. A longer list is cut; incident bounds the texts.
const (
	maxEvidence = 100
	maxRecord   = 4 << 20
)

// Family is the source family "alerts". It is used by one goroutine at a time.
type Family struct{ parser fastjson.Parser }

// New returns the family.
func New() *Family { return &Family{} }

// Name returns the family's id.
func (f *Family) Name() string { return Name }

// Normalise refuses: a finished alert is no event. Pipelines call Detections instead.
func (f *Family) Normalise(rec *normalise.Record, _ *normalise.Batch) error {
	return fault.Newf(fault.Invalid, "alerts: a finished alert has no event rows")
}

// Detections returns the alert of a record as a detection.
func (f *Family) Detections(rec *normalise.Record) ([]incident.Detection, error) {
	d, err := f.parse(rec)
	if err != nil {
		return nil, err
	}
	return []incident.Detection{d}, nil
}

// Parse reads one finished alert.
func Parse(rec *normalise.Record) (incident.Detection, error) { return New().parse(rec) }

// Probe says how sure it is, from 0 to 100, that data is a finished alert of the contract's form. It looks only at the beginning.
func Probe(data []byte) int {
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n")
	head := data[:min(len(data), 64<<10)]
	if len(head) == 0 || head[0] != '{' {
		return 0
	}
	for _, key := range []string{`"id"`, `"time"`, `"title"`, `"product"`} {
		if !bytes.Contains(head, []byte(key)) {
			return 0
		}
	}
	if bytes.Contains(head, []byte(`"evidence"`)) {
		return 95
	}
	return 60
}

func (f *Family) parse(rec *normalise.Record) (incident.Detection, error) {
	var none incident.Detection
	if len(rec.Data) > maxRecord {
		return none, fault.Newf(fault.TooLarge, "alerts: the record is larger than %d MiB", maxRecord>>20)
	}
	if !json.Valid(rec.Data) {
		return none, fault.Newf(fault.Invalid, "alerts: the record is not valid JSON")
	}
	v, err := f.parser.ParseBytes(rec.Data)
	if err != nil {
		return none, fault.Newf(fault.Invalid, "alerts: the record cannot be read: %v", err)
	}
	if v.Type() != fastjson.TypeObject {
		return none, fault.Newf(fault.Invalid, "alerts: the record is JSON but no object")
	}
	text := func(name string) string { return strings.TrimSpace(normalise.JSONText(v.Get(name))) }
	title, product := text("title"), text("product")
	if title == "" {
		return none, fault.Newf(fault.Invalid, "alerts: the alert has no title").On("title")
	}
	at, ok := normalise.ParseTime(text("time"))
	if !ok {
		return none, fault.Newf(fault.Invalid, "alerts: the alert has no readable time").On("time")
	}
	d := incident.Detection{
		Tenant: rec.Tenant, Lab: rec.Lab, Title: title, RuleTitle: title, RuleID: product + "/" + title, Description: text("description"), Product: product,
		DetectionSource: "thirdPartySensor", Time: at, Hit: incident.Hit{File: rec.File, Record: rec.Number, ExternalID: text("id"), Time: at},
	}
	for i, e := range v.GetArray("evidence") {
		if i == maxEvidence {
			break
		}
		if piece, ok := evidence(e); ok {
			d.Evidence = append(d.Evidence, piece)
		}
	}
	for _, t := range v.GetArray("techniques") {
		if id := technique(normalise.JSONText(t)); id != "" && len(d.Techniques) < maxEvidence {
			d.Techniques = append(d.Techniques, id)
		}
	}
	d.Severity = severity(text("severity"))
	d.Category = category(text("category"), d.Techniques)
	d.ServiceSource = service(text("serviceSource"), d.Evidence)
	return d, nil
}

// evidence reads one entity: the contract's type with the field names of evidence in alert JSON, some of them under the names other products use.
func evidence(v *fastjson.Value) (incident.Evidence, bool) {
	var e incident.Evidence
	if v.Type() != fastjson.TypeObject {
		return e, false
	}
	one := func(names ...string) string {
		for _, n := range names {
			if s := strings.TrimSpace(normalise.JSONText(v.Get(n))); s != "" {
				return s
			}
		}
		return ""
	}
	e.Type = one("type", "entityType")
	switch strings.ToLower(e.Type) {
	case "":
		return e, false
	case "host", "machine":
		e.Type = "device"
	case "account":
		e.Type = "user"
	case "domain", "dns":
		e.Type = "domain"
	case "mailmessage", "email":
		e.Type = "mailMessage"
	case "cloudapp", "cloudapplication", "application":
		e.Type = "cloudApp"
	case "device", "user", "ip", "file", "process", "url", "mailbox", "registry":
		e.Type = strings.ToLower(e.Type)
	}
	for _, r := range v.GetArray("roles") {
		if s := normalise.JSONText(r); s != "" && len(e.Roles) < 8 {
			e.Roles = append(e.Roles, incident.Role(s))
		}
	}
	if r := one("role"); r != "" && len(e.Roles) == 0 {
		e.Roles = []incident.Role{incident.Role(r)}
	}
	e.Verdict, e.RemediationStatus = one("verdict"), one("remediationStatus")
	e.DeviceID, e.HostName, e.OSPlatform = one("deviceId"), one("hostName", "hostname", "dnsName", "deviceName", "host"), one("osPlatform")
	e.AccountName, e.AccountDomain, e.AccountSID = one("accountName", "userName"), one("accountDomain", "domainName"), one("accountSid", "sid")
	e.AccountUPN, e.AccountID, e.DisplayName = one("accountUpn", "userPrincipalName", "upn"), one("accountObjectId", "aadUserId", "objectId"), one("displayName")
	e.Address, e.URL, e.Domain = one("address", "ipAddress", "ip"), one("url"), one("domain")
	e.FileName, e.FolderPath = one("fileName"), one("folderPath", "filePath", "path")
	e.SHA1, e.SHA256, e.MD5 = one("sha1"), one("sha256"), one("md5")
	e.ProcessGUID, e.ParentProcessGUID = one("processGuid"), one("parentProcessGuid")
	e.CommandLine, e.ParentCommandLine, e.ParentFileName = one("commandLine", "processCommandLine"), one("parentCommandLine"), one("parentFileName")
	e.ProcessID, _ = strconv.ParseInt(one("processId"), 10, 64)
	e.ParentProcessID, _ = strconv.ParseInt(one("parentProcessId"), 10, 64)
	if t, ok := normalise.ParseTime(one("processCreationTime")); ok {
		e.ProcessCreated = &t
	}
	e.Mailbox = one("mailbox", "primaryAddress")
	e.NetworkMessageID, e.InternetMessageID = one("networkMessageId"), one("internetMessageId")
	e.Sender, e.Recipient, e.Subject = one("sender"), one("recipient"), one("subject")
	e.RegistryKey, e.RegistryValueName, e.RegistryValueData = one("registryKey"), one("registryValueName"), one("registryValueData")
	e.Application, e.ApplicationID, e.Name = one("application"), one("applicationId"), one("name")
	named(&e)
	return e, true
}

// named puts a plain "name" where the type has its own field for it.
func named(e *incident.Evidence) {
	if e.Name == "" {
		return
	}
	set := func(field *string) {
		if *field == "" {
			*field, e.Name = e.Name, ""
		}
	}
	switch e.Type {
	case "device":
		set(&e.HostName)
	case "user":
		set(&e.AccountName)
	case "file", "process":
		set(&e.FileName)
	case "cloudApp":
		set(&e.Application)
	case "domain":
		set(&e.Domain)
	}
}
