package evidence

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// OfFields takes entities from the source's own field names, for records that no hunting table holds (application logs, audit policies …).
func OfFields(fields normalise.Fields) []incident.Evidence {
	text := func(names ...string) string {
		for _, n := range names {
			if t := strings.TrimSpace(fields.Text(n)); t != "" && t != "-" {
				return t
			}
		}
		return ""
	}
	var b Builder
	b.otherHost(text("Computer", "Hostname", "ComputerName", "host"), incident.Attacked)
	if name := text("TargetUserName", "SubjectUserName", "User", "user", "AccountName"); name != "" {
		u := incident.Evidence{AccountName: name, AccountDomain: text("TargetDomainName", "SubjectDomainName")}
		if domain, short, ok := strings.Cut(name, `\`); ok {
			u.AccountDomain, u.AccountName = domain, short
		} else if strings.Contains(name, "@") {
			u.AccountUPN, u.AccountName, u.AccountDomain = name, "", ""
		}
		b.user(u, incident.Contextual)
	}
	b.address(text("IpAddress", "SourceIp", "src_ip", "client_ip", "ipAddress", "sourceIPAddress"), incident.Source)
	if image := text("Image", "ProcessName", "NewProcessName"); image != "" {
		leaf := image[strings.LastIndexAny(image, `\/`)+1:]
		b.process(process{Evidence: incident.Evidence{Type: "process", FolderPath: image, FileName: leaf, CommandLine: text("CommandLine")}}, incident.SuspiciousRole)
	}
	return b.Evidence()
}
