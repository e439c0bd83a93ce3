package agree

import (
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
	{family: "github", file: "cloud/sekoia-parser-tests.jsonl.gz", product: "Github/github-audit-logs"},
}

// writer are the fields that a parser fills with the process and account that wrote the log entry, where the event names no actor.
var writer = []string{"process.pid", "user.id", "user.name", "user.domain"}

// notOurs are fields that stand for something else in a family's tables, with the reason.
var notOurs = map[string]string{
	"m365 host.name":  "the tenant's domain",
	"entra host.name": "the tenant's domain",
	"zeek user.name":  "a name inside the protocol, not the account of a local process",
	"auditd user.id":  "numbers of accounts have no column; names do",
	"sshd user.id":    "numbers of accounts have no column; names do",
}

type kind uint8

const (
	words     kind = iota
	moment         // within a second
	host           // without the domain
	person         // without the domain
	address        // as an address
	transport      // also as a protocol's number
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
	"host.name":                 to(host, "DeviceName", "TargetDeviceName", "DestinationDeviceName"),
	"host.hostname":             to(host, "DeviceName", "TargetDeviceName", "DestinationDeviceName"),
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
		"InitiatingProcessAccountUpn", "TargetAccountDisplayName", "ActorDisplayName"),
	"user.domain": to(words, "AccountDomain", "InitiatingProcessAccountDomain", "RequestAccountDomain"),
	"user.id": to(words, "AccountSid", "InitiatingProcessAccountSid", "RequestAccountSid", "AccountObjectId", "AccountId", "AccountUpn", "InitiatingProcessAccountObjectId",
		"InitiatingProcessAccountName", "AccountName"),
	"user.email":          to(words, "AccountUpn", "AccountId", "AccountDisplayName", "ObjectName"), // the target's, where a program acted
	"user.full_name":      to(words, "AccountDisplayName", "AccountName"),
	"user_agent.original": to(words, "UserAgent"),
	"dns.question.name":   to(words, "RemoteUrl", "QueryTarget", "AdditionalFields"),
	"url.full":            to(words, "RemoteUrl"),
	"url.domain":          to(words, "RemoteUrl", "RemoteDeviceName"),
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
