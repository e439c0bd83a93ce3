package agree

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// source is a file with raw records and expected documents: an archive of files beside their expectation (NAME and NAME+suffix), or JSON lines of cases of
// a product.
type source struct {
	family, file   string
	folder, suffix string
	product        string
	within         string // takes the cases of all products whose record holds the text
	// skip are fields whose expectation here is another fact than the one of our columns.
	skip []string
}

const (
	elastic = "-expected.json"
	golden  = ".golden.json"
)

var sources = []source{
	{family: "windows", file: "endpoint/evtx-with-ecs-goldens.tar.gz", folder: "", suffix: golden},
	{family: "windows", file: "endpoint/sekoia-parser-tests.jsonl.gz", product: "Windows/windows", skip: writer},
	{family: "windows", file: "endpoint/sekoia-parser-tests.jsonl.gz", product: "Beats/winlogbeat"},
	{family: "windows", file: "endpoint/sekoia-parser-tests.jsonl.gz", product: "Azure/azure-windows"},
	{family: "entra", file: "identity/elastic-parser-tests.tar.gz", folder: "azure/", suffix: elastic},
	{family: "entra", file: "identity/sekoia-parser-tests.jsonl.gz", product: "Azure/azure-ad"},
	{family: "entra", file: "identity/sekoia-parser-tests.jsonl.gz", product: "Microsoft/microsoft-entraid-graphapi"},
	{family: "m365", file: "cloud/elastic-parser-tests.tar.gz", folder: "o365/", suffix: elastic},
	{family: "m365", file: "cloud/sekoia-parser-tests.jsonl.gz", product: "Office 365/o365"},
	{family: "cloudtrail", file: "cloud/elastic-parser-tests.tar.gz", folder: "aws/cloudtrail", suffix: elastic},
	{family: "cloudtrail", file: "cloud/sekoia-parser-tests.jsonl.gz", product: "AWS/aws-cloudtrail"},
	{family: "okta", file: "identity/elastic-parser-tests.tar.gz", folder: "okta/", suffix: elastic},
	{family: "okta", file: "identity/sekoia-parser-tests.jsonl.gz", product: "Okta/okta-system-logs"},
	{family: "zeek", file: "network/elastic-parser-tests.tar.gz", folder: "zeek/", suffix: elastic},
	{family: "suricata", file: "network/elastic-parser-tests.tar.gz", folder: "suricata/", suffix: elastic},
	{family: "suricata", file: "network/sekoia-parser-tests.jsonl.gz", product: "Suricata/suricata"},
	{family: "auditd", file: "linux/beats-parser-tests.tar.gz", folder: "auditd/", suffix: elastic},
	{family: "auditd", file: "linux/auditd-with-goldens.tar.gz", folder: "aucoalesce/", suffix: ".json.golden"},
	{family: "sshd", file: "linux/beats-parser-tests.tar.gz", folder: "system/auth", suffix: elastic},
	{family: "sshd", file: "linux/sekoia-parser-tests.jsonl.gz", product: "OpenSSH/openssh"},
	{family: "google", file: "cloud/elastic-parser-tests.tar.gz", folder: "google_workspace/", suffix: elastic},
	{family: "google", file: "cloud/sekoia-parser-tests.jsonl.gz", product: "Google Cloud/google-report"},
	{family: "google", file: "cloud/elastic-parser-tests.tar.gz", folder: "gcp/audit", suffix: elastic},
	{family: "google", file: "cloud/sekoia-parser-tests.jsonl.gz", product: "Google Cloud/Google Cloud Audit"},
	{family: "entra", file: "cloud/elastic-parser-tests.tar.gz", folder: "azure/activitylogs", suffix: elastic},
	{family: "entra", file: "cloud/sekoia-parser-tests.jsonl.gz", product: "Azure/azure-activity-logs"},
	{family: "auditd", file: "linux/beats-auditbeat-parser-tests.tar.gz", suffix: elastic},
	{family: "auditd", file: "linux/sekoia-parser-tests.jsonl.gz", product: "Beats/auditbeat"},
	{family: "osquery", file: "linux/beats-parser-tests.tar.gz", folder: "osquery/", suffix: elastic},
	{family: "squid", file: "network/elastic-parser-tests.tar.gz", folder: "squid/", suffix: elastic},
	{family: "squid", file: "network/sekoia-parser-tests.jsonl.gz", product: "Squid/squid"},
	{family: "iptables", file: "network/elastic-parser-tests.tar.gz", folder: "iptables/", suffix: elastic},
	{family: "iptables", file: "network/sekoia-parser-tests.jsonl.gz", product: "Netfilter/netfilter"},
	{family: "cef", file: "network/sekoia-parser-tests.jsonl.gz", within: "CEF:"},
	{family: "cef", file: "endpoint/sekoia-parser-tests.jsonl.gz", within: "CEF:"},
	{family: "cef", file: "identity/sekoia-parser-tests.jsonl.gz", within: "CEF:"},
	{family: "leef", file: "network/sekoia-parser-tests.jsonl.gz", within: "LEEF:"},
	{family: "leef", file: "identity/sekoia-parser-tests.jsonl.gz", within: "LEEF:"},
	{family: "github", file: "cloud/sekoia-parser-tests.jsonl.gz", product: "Github/github-audit-logs"},
}

// writer are the fields that a parser fills with the process and account that wrote the log entry, where the event names no actor.
var writer = []string{"process.pid", "user.id", "user.name", "user.domain"}

// notOurs are fields that stand for something else in a family's tables, with the reason.
var notOurs = map[string]string{
	"m365 host.name":   "the tenant's domain",
	"entra host.name":  "the tenant's domain",
	"zeek user.name":   "a name inside the protocol, not the account of a local process",
	"auditd user.id":   "numbers of accounts have no column; names do",
	"sshd user.id":     "numbers of accounts have no column; names do",
	"m365 event.code":  "the record type's name, which is not in the record",
	"iptables rule.id": "parts of one vendor's rule names", "iptables rule.name": "parts of one vendor's rule names",
	"okta observer.vendor": "a constant", "okta observer.product": "a constant", "squid observer.vendor": "a constant", "squid observer.product": "a constant",
	"suricata observer.product": "a constant", "suricata observer.vendor": "a constant", "iptables observer.product": "a constant", "iptables observer.vendor": "a constant",
	"cef observer.product": "parsers put the product's marketing name or its part", "cef observer.vendor": "parsers put today's name of the vendor",
}

// lookedUp are names that the machine of the expectation resolved from numbers; they count where the record holds them.
var lookedUp = map[string]bool{"auditd user.name": true, "auditd user.target.name": true, "auditd group.name": true}

type kind uint8

const (
	words     kind = iota
	moment         // within a second
	host           // without the domain
	person         // without the domain
	address        // as an address
	transport      // also as a protocol's number
	inside         // a value somewhere in the document that keeps the rest of the record
	outcome        // success or failure
	registry       // hives have two spellings, and the path may end in the value's name
)

type mapping struct {
	kind    kind
	columns []string
}

func to(k kind, columns ...string) mapping { return mapping{k, columns} }

// fieldColumns maps fields of the common schema to the columns that hold the same fact; any of them may.
var fieldColumns = map[string]mapping{
	"@timestamp":                to(moment, "Timestamp"),
	"host.name":                 to(host, "DeviceName", "TargetDeviceName", "DestinationDeviceName", "AdditionalFields.dvchost", "AdditionalFields.DeviceName"),
	"host.hostname":             to(host, "DeviceName", "TargetDeviceName", "DestinationDeviceName", "AdditionalFields.dvchost", "AdditionalFields.DeviceName"),
	"source.ip":                 to(address, "RemoteIP", "LocalIP", "IPAddress", "RequestSourceIP", "FileOriginIP", "DestinationIPAddress"),
	"client.ip":                 to(address, "RemoteIP", "LocalIP", "IPAddress", "RequestSourceIP"),
	"destination.ip":            to(address, "RemoteIP", "LocalIP", "DestinationIPAddress", "IPAddress"),
	"source.port":               to(words, "RemotePort", "LocalPort", "Port", "RequestSourcePort"),
	"destination.port":          to(words, "RemotePort", "LocalPort", "Port", "DestinationPort"),
	"network.transport":         to(transport, "Protocol"),
	"process.pid":               to(words, "ProcessId", "InitiatingProcessId"),
	"process.executable":        to(words, "FolderPath", "InitiatingProcessFolderPath"),
	"process.exe":               to(words, "FolderPath", "InitiatingProcessFolderPath"),
	"process.name":              to(words, "FileName", "InitiatingProcessFileName"),
	"process.command_line":      to(words, "ProcessCommandLine", "InitiatingProcessCommandLine"),
	"process.entity_id":         to(words, "ProcessUniqueId", "InitiatingProcessUniqueId"),
	"process.ppid":              to(words, "InitiatingProcessId", "InitiatingProcessParentId"),
	"process.parent.pid":        to(words, "InitiatingProcessId", "InitiatingProcessParentId"),
	"process.parent.executable": to(words, "InitiatingProcessFolderPath", "InitiatingProcessParentFolderPath"),
	"process.parent.name":       to(words, "InitiatingProcessFileName", "InitiatingProcessParentFileName"),
	"process.parent.entity_id":  to(words, "InitiatingProcessUniqueId", "InitiatingProcessParentUniqueId"),
	"process.hash.md5":          to(words, "MD5", "InitiatingProcessMD5"),
	"process.hash.sha1":         to(words, "SHA1", "InitiatingProcessSHA1"),
	"process.hash.sha256":       to(words, "SHA256", "InitiatingProcessSHA256"),
	"file.hash.md5":             to(words, "MD5"),
	"file.hash.sha1":            to(words, "SHA1"),
	"file.hash.sha256":          to(words, "SHA256"),
	"file.path":                 to(words, "FolderPath", "ObjectName", "PreviousFolderPath"),
	"file.name":                 to(words, "FileName", "ObjectName"),
	"registry.path":             to(registry, "RegistryKey"),
	"user.name": to(person, "AccountName", "InitiatingProcessAccountName", "RequestAccountName", "AccountUpn", "AccountDisplayName", "AccountId",
		"InitiatingProcessAccountUpn", "TargetAccountDisplayName", "ActorDisplayName", "AdditionalFields.LoginUser"),
	"user.domain": to(words, "AccountDomain", "InitiatingProcessAccountDomain", "RequestAccountDomain"),
	"user.id": to(words, "AccountSid", "InitiatingProcessAccountSid", "RequestAccountSid", "AccountObjectId", "AccountId", "AccountUpn", "InitiatingProcessAccountObjectId",
		"InitiatingProcessAccountName", "AccountName"),
	"user.email":          to(words, "AccountUpn", "AccountId", "AccountDisplayName", "ObjectName"), // the target's, where a program acted
	"user.full_name":      to(words, "AccountDisplayName", "AccountName"),
	"user_agent.original": to(words, "UserAgent"),
	"dns.question.name":   to(words, "RemoteUrl", "QueryTarget", "AdditionalFields"),
	"url.full":            to(words, "RemoteUrl", "FileOriginUrl"),
	"url.domain":          to(words, "RemoteUrl", "RemoteDeviceName"),
	"url.original":        to(words, "RemoteUrl", "FileOriginUrl"),
	"event.outcome":       to(outcome, "ActionType"),

	"event.code":                      to(inside, "AdditionalFields"),
	"http.request.method":             to(inside, "AdditionalFields"),
	"http.response.status_code":       to(inside, "AdditionalFields"),
	"http.request.referrer":           to(inside, "AdditionalFields"),
	"source.bytes":                    to(inside, "AdditionalFields"),
	"destination.bytes":               to(inside, "AdditionalFields"),
	"source.mac":                      to(inside, "AdditionalFields"),
	"observer.vendor":                 to(inside, "AdditionalFields"),
	"observer.product":                to(inside, "AdditionalFields"),
	"observer.version":                to(inside, "AdditionalFields"),
	"cloud.region":                    to(inside, "AdditionalFields", "RawEventData"),
	"group.name":                      to(inside, "AdditionalFields", "RawEventData"),
	"user.target.name":                to(inside, "AdditionalFields", "RawEventData", "TargetAccountDisplayName", "AccountName"),
	"suricata.eve.alert.signature_id": to(inside, "AdditionalFields"),
	"rule.name":                       to(inside, "AdditionalFields"),
	"rule.id":                         to(inside, "AdditionalFields"),
	"dns.question.type":               to(inside, "AdditionalFields"),
	"auditd.log.sequence":             to(inside, "AdditionalFields"),
	"zeek.session_id":                 to(inside, "AdditionalFields", "ReportId"),
}

func (m mapping) blank(want string) bool {
	switch w := strings.TrimSpace(want); w {
	case "0": // no process, no port
		return m.columns[0] == "ProcessId" || m.columns[0] == "RemotePort"
	case "S-1-0-0": // nobody
		return true
	case "", "-", "(none)", "unset", "?", "0.0.0.0", "::", "n/a", "N/A", "Unknown", "unknown":
		return true
	}
	return false
}

func (m mapping) agrees(want string, have []string) bool {
	for _, h := range have {
		if m.same(want, h) {
			return true
		}
	}
	return false
}

func (m mapping) same(want, have string) bool {
	want, have = strings.ToLower(strings.TrimSpace(want)), strings.ToLower(strings.TrimSpace(have))
	if want == have {
		return true
	}
	switch m.kind {
	case moment:
		a, ok1 := normalise.ParseTime(strings.ToUpper(want))
		b, ok2 := normalise.ParseTime(strings.ToUpper(have))
		return ok1 && ok2 && a.Sub(b).Abs() < time.Second
	case host:
		return first(want, ".") == first(have, ".")
	case person:
		return person1(want) == person1(have)
	case transport:
		return number(want) == number(have)
	case inside:
		return strings.Contains(have, `"`+want+`"`) || strings.Contains(have, ":"+want+",") || strings.Contains(have, ":"+want+"}") || strings.Contains(have, quoted(want))
	case outcome:
		return want == "success" && strings.HasSuffix(have, "success") || want == "failure" && strings.HasSuffix(have, "failed")
	case registry:
		w, h := strings.ReplaceAll(strings.ReplaceAll(want, `hku\`, `hkey_users\`), `hklm\`, `hkey_local_machine\`), have
		return w == h || strings.HasPrefix(w, h+`\`)
	case address:
		a, err1 := netip.ParseAddr(want)
		b, err2 := netip.ParseAddr(have)
		return err1 == nil && err2 == nil && a.Unmap() == b.Unmap()
	}
	// A column may hold more than the field: an address with its scheme, a document with the name in it.
	if trimmed := strings.Trim(want, "{}"); trimmed == strings.Trim(have, "{}") {
		return true
	}
	return strings.HasPrefix(have, "{") && strings.Contains(have, `"`+want+`"`) || strings.ContainsAny(have, ":/") && strings.Contains(have, want)
}

// number is the number of a transport protocol, as IANA assigns it.
func number(name string) string {
	switch name {
	case "tcp":
		return "6"
	case "udp":
		return "17"
	case "icmp", "ipv6-icmp", "icmpv6":
		return "1"
	}
	return name
}

func first(s, sep string) string {
	s, _, _ = strings.Cut(s, sep)
	return s
}

func person1(s string) string {
	if i := strings.LastIndexByte(s, '\\'); i >= 0 {
		s = s[i+1:]
	}
	return strings.TrimSuffix(first(s, "@"), "$")
}

// quoted is the text as JSON writes it.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return s
	}
	return string(b)
}
