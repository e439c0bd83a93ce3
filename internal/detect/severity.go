package detect

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/incident"
)

// severityOf maps Sigma's levels. A rule without a level is taken for medium, Sigma's middle.
func severityOf(level string) incident.Severity {
	switch level {
	case "critical", "high":
		return incident.High
	case "low":
		return incident.Low
	case "informational":
		return incident.Informational
	}
	return incident.Medium
}

// defaults decides what an imported rule is worth before a person has looked at it.
//
//   - deprecated and unsupported rules, by status or folder, are off;
//   - threat-hunting rules ("starting points for a hunt", not alerts) and placeholder rules (which need an organisation's own values) are on, at Low at most;
//   - the level decides otherwise.
func defaults(level, status string, tags []string, file string) (incident.Severity, bool) {
	severity := severityOf(level)
	folders := strings.Split(path.Dir(file), "/")
	within := func(name string) bool { return slices.Contains(folders, name) }
	if within("rules-threat-hunting") || within("rules-placeholder") || slices.Contains(tags, "detection.threat-hunting") {
		severity = weaker(severity, incident.Low)
	}
	off := status == "deprecated" || status == "unsupported" || within("deprecated") || within("unsupported")
	return severity, !off
}

var severityOrder = []incident.Severity{incident.Informational, incident.Low, incident.Medium, incident.High}

func weaker(a, b incident.Severity) incident.Severity {
	if slices.Index(severityOrder, a) < slices.Index(severityOrder, b) {
		return a
	}
	return b
}

// tactics are ATT&CK's, in the order in which one is chosen as the category of an alert that has several: what it means for the organisation first, how it
// was done last. Names on the left are those of tags; the two tactics that replaced Defense Evasion keep its name, which portals and reports use.
var tactics = []struct{ tag, category string }{
	{"impact", "Impact"},
	{"exfiltration", "Exfiltration"},
	{"credential-access", "CredentialAccess"},
	{"lateral-movement", "LateralMovement"},
	{"command-and-control", "CommandAndControl"},
	{"collection", "Collection"},
	{"initial-access", "InitialAccess"},
	{"persistence", "Persistence"},
	{"privilege-escalation", "PrivilegeEscalation"},
	{"execution", "Execution"},
	{"defense-evasion", "DefenseEvasion"},
	{"stealth", "DefenseEvasion"},
	{"defense-impairment", "DefenseEvasion"},
	{"discovery", "Discovery"},
	{"resource-development", "ResourceDevelopment"},
	{"reconnaissance", "Reconnaissance"},
}

var techniqueTag = regexp.MustCompile(`^attack\.(t\d{4}(?:\.\d{3})?)$`)

// renumbered gives the ids that techniques had before ATT&CK divided Defense Evasion. Alerts carry both, so that they meet what was written with the
// older ids: other rules, reports, and the organisation's own documents.
var renumbered = map[string]string{
	"T1685": "T1562.001", "T1685.001": "T1562.002", "T1685.002": "T1562.008", "T1685.004": "T1562.012", "T1685.005": "T1070.001", "T1685.006": "T1070.002",
	"T1686": "T1562.004", "T1686.001": "T1562.007", "T1686.002": "T1562.013", "T1686.003": "T1562.004", "T1689": "T1562.010",
}

// attack reads category and techniques out of a Sigma rule's tags.
func attack(tags []string) (string, []string) {
	best := len(tactics)
	var techniques []string
	for _, tag := range tags {
		tag = strings.ToLower(tag)
		if m := techniqueTag.FindStringSubmatch(tag); m != nil {
			for _, t := range []string{strings.ToUpper(m[1]), renumbered[strings.ToUpper(m[1])]} {
				if t != "" && !slices.Contains(techniques, t) {
					techniques = append(techniques, t)
				}
			}
			continue
		}
		name, ok := strings.CutPrefix(tag, "attack.")
		if !ok {
			continue
		}
		name = strings.ReplaceAll(name, "_", "-")
		if i := slices.IndexFunc(tactics, func(t struct{ tag, category string }) bool { return t.tag == name }); i >= 0 && i < best {
			best = i
		}
	}
	if best == len(tactics) {
		return "SuspiciousActivity", techniques
	}
	return tactics[best].category, techniques
}

// category accepts a tactic in either spelling, "CredentialAccess" or "credential-access", and the four categories that are none.
func category(text string) string {
	for _, t := range tactics {
		if strings.EqualFold(text, t.tag) || strings.EqualFold(text, t.category) {
			return t.category
		}
	}
	for _, c := range []string{"Malware", "Ransomware", "SuspiciousActivity", "UnwantedSoftware"} {
		if strings.EqualFold(text, c) {
			return c
		}
	}
	return "SuspiciousActivity"
}
