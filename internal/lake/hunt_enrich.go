package lake

import (
	"fmt"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Enrichments are the sources of the functions of the security schema: queries over the tables that visible lets through. They tell what the tenant's own
// records know; prevalence, for one, is the number of its devices.
func Enrichments(visible func(t *schema.Table) bool) map[string]string {
	if visible == nil {
		visible = func(*schema.Table) bool { return true }
	}
	seen := func(name string) bool {
		t := schema.Load().Table(name)
		return t != nil && visible(t)
	}
	out := map[string]string{}
	for name, make := range map[string]func(func(string) bool) string{
		"FileProfile": fileProfile, "DeviceFromIP": deviceFromIP, "AssignedIPAddresses": assignedAddresses, "SeenBy": seenBy,
	} {
		if text := make(seen); text != "" {
			out[name] = text
		}
	}
	return out
}

// unite is a union of the tables that exist, "" when there is none.
func unite(seen func(string) bool, arms ...[2]string) string {
	var parts []string
	for _, a := range arms {
		if seen(a[0]) {
			parts = append(parts, "("+a[0]+" | "+a[1]+")")
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "union " + strings.Join(parts, ", ")
}

// fileProfile gathers what the records say about files by one of their hashes.
func fileProfile(seen func(string) bool) string {
	const hash = `extend Key = case(By == "SHA256", SHA256, By == "MD5", MD5, SHA1) | where Key in (Keys) | `
	const own = hash + `project Key, SHA1, SHA256, MD5, FileSize = tolong(FileSize), DeviceId, Timestamp, `
	const none = `Publisher = "", SoftwareName = ""`
	files := unite(seen,
		[2]string{"DeviceProcessEvents", own + `Runs = true, Publisher = ProcessVersionInfoCompanyName, SoftwareName = ProcessVersionInfoProductName`},
		[2]string{"DeviceImageLoadEvents", own + `Runs = true, ` + none},
		[2]string{"DeviceFileEvents", own + `Runs = false, ` + none},
		[2]string{"DeviceNetworkEvents", `extend Key = case(By == "SHA256", InitiatingProcessSHA256, By == "MD5", InitiatingProcessMD5, InitiatingProcessSHA1) | where Key in (Keys)
			| project Key, SHA1 = InitiatingProcessSHA1, SHA256 = InitiatingProcessSHA256, MD5 = InitiatingProcessMD5, FileSize = tolong(InitiatingProcessFileSize),
				DeviceId, Timestamp, Runs = true, Publisher = InitiatingProcessVersionInfoCompanyName, SoftwareName = InitiatingProcessVersionInfoProductName`},
	)
	if files == "" {
		return ""
	}
	body := `let Found = ` + files + ` | summarize SHA1 = max(SHA1), SHA256 = max(SHA256), MD5 = max(MD5), FileSize = toint(max(FileSize)), GlobalPrevalence = toint(dcount(DeviceId, 4)),
			GlobalFirstSeen = min(Timestamp), GlobalLastSeen = max(Timestamp), IsExecutable = iff(countif(Runs) > 0, true, bool(null)), Publisher = max(Publisher), SoftwareName = max(SoftwareName) by Key;
		Found`
	if seen("DeviceFileCertificateInfo") {
		body += ` | join kind=leftouter (DeviceFileCertificateInfo | where isnotempty(SHA1) | summarize arg_max(Timestamp, Signer, Issuer, SignerHash, IsSigned, IsTrusted, IsRootSignerMicrosoft) by SHA1) on SHA1
			| extend IsCertificateValid = IsTrusted, SignatureState = case(isempty(SHA11), "Unknown", IsSigned and IsTrusted, "SignedValid", IsSigned, "SignedInvalid", "Unsigned")`
	}
	if seen("AlertEvidence") {
		body += ` | join kind=leftouter (AlertEvidence | where isnotempty(SHA1) and isnotempty(ThreatFamily) | summarize ThreatName = max(ThreatFamily) by HashOfThreat = SHA1) on $left.SHA1 == $right.HashOfThreat`
	}
	return "(Keys:(Key:string), By:string) { " + body + " }"
}

// addresses are rows of device, address and time, from what the devices report about themselves.
func addresses(seen func(string) bool) string {
	return unite(seen,
		[2]string{"DeviceNetworkInfo", `mv-expand A = parse_json(IPAddresses) | project DeviceId, DeviceName, IPAddress = tostring(A.IPAddress), Timestamp, NetworkAdapterType, ConnectedNetworks`},
		[2]string{"DeviceNetworkEvents", `where isnotempty(LocalIP) and ActionType !in ("InboundConnectionAttempt", "ListeningConnectionCreated")
			| summarize Timestamp = max(Timestamp) by DeviceId, DeviceName, IPAddress = LocalIP, bin(Timestamp, 1h) | project DeviceId, DeviceName, IPAddress, Timestamp, NetworkAdapterType = "", ConnectedNetworks = ""`},
	)
}

// unspecific are addresses that belong to no device in particular.
const unspecific = `IPAddress !in ("", "127.0.0.1", "::1", "0.0.0.0", "::") and IPAddress !startswith "127."`

// deviceFromIP is, for each address, the devices that had it last: of those that had it at or before the time, the one with the newest record.
func deviceFromIP(seen func(string) bool) string {
	from := addresses(seen)
	if from == "" {
		return ""
	}
	return fmt.Sprintf(`(Keys:(Key:string), At:datetime) { %s | where IPAddress in (Keys) and Timestamp <= At and %s | summarize arg_max(Timestamp, DeviceId) by Key = IPAddress | project Key, IP = Key, DeviceId }`, from, unspecific)
}

// assignedAddresses are the newest addresses of a device at a time.
func assignedAddresses(seen func(string) bool) string {
	from := addresses(seen)
	if from == "" {
		return ""
	}
	return fmt.Sprintf(`(Device:string, At:datetime) { %s | where (DeviceId =~ Device or DeviceName =~ Device) and Timestamp <= At and %s
		| summarize arg_max(Timestamp, NetworkAdapterType, ConnectedNetworks) by IPAddress
		| project Timestamp, IPAddress, IPType = case(ipv4_is_private(IPAddress), "Private", IPAddress startswith "fe80:" or IPAddress startswith "169.254.", "LinkLocal", "Public"),
			NetworkAdapterType = int(null), ConnectedNetworks = parse_json(ConnectedNetworks) | sort by Timestamp desc }`, from, unspecific)
}

// seenBy are the devices that talked to one of the addresses of the given devices.
func seenBy(seen func(string) bool) string {
	from := addresses(seen)
	if from == "" || !seen("DeviceNetworkEvents") {
		return ""
	}
	return fmt.Sprintf(`(Keys:(Key:string)) { let Own = %s | where DeviceId in (Keys) and %s | distinct DeviceId, IPAddress;
		DeviceNetworkEvents | where RemoteIP in (Own | project IPAddress) | distinct Observer = DeviceId, RemoteIP
		| join kind=inner Own on $left.RemoteIP == $right.IPAddress | where Observer != DeviceId | distinct Observer | project DeviceId = Observer }`, from, unspecific)
}
