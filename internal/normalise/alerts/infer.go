package alerts

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/incident"
)

// severity reads the words products use. A number is taken as a level of 0 to 15 (as intrusion detection on hosts rates) or, above, as a percentage.
// Without anything an alert is Medium: its product thought it worth an alert.
func severity(text string) incident.Severity {
	switch strings.ToLower(text) {
	case "informational", "information", "info", "notice", "debug", "none":
		return incident.Informational
	case "low", "minor":
		return incident.Low
	case "", "medium", "moderate", "warning", "warn", "unknown":
		return incident.Medium
	case "high", "critical", "severe", "major", "fatal", "emergency", "error":
		return incident.High
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return incident.Medium
	}
	if n > 15 {
		n = n / 100 * 15
	}
	switch {
	case n < 4:
		return incident.Informational
	case n < 7:
		return incident.Low
	case n < 12:
		return incident.Medium
	}
	return incident.High
}

// technique cleans an ATT&CK id, "" for anything else.
func technique(text string) string {
	t := strings.ToUpper(strings.TrimSpace(text))
	t = strings.TrimPrefix(t, "ATTACK.")
	if len(t) < 5 || len(t) > 9 || t[0] != 'T' {
		return ""
	}
	for i := 1; i < len(t); i++ {
		if (t[i] < '0' || t[i] > '9') && (i != 5 || t[i] != '.') {
			return ""
		}
	}
	return t
}

// category takes the product's tactic in any spelling, else the tactic of a technique, else SuspiciousActivity.
func category(text string, techniques []string) string {
	var b strings.Builder
	up := true
	for _, r := range text {
		switch {
		case r == ' ' || r == '-' || r == '_':
			up = true
		case r < '0' || r > 'z':
		default:
			s := string(r)
			if up {
				s = strings.ToUpper(s)
			}
			up = false
			b.WriteString(s)
		}
	}
	if b.Len() > 0 {
		return b.String()
	}
	for _, t := range techniques {
		if c := incident.TacticOf(t); c != "" {
			return c
		}
	}
	return "SuspiciousActivity"
}

// service says which workload an alert belongs to: what it states, else what its evidence is about.
func service(stated string, list []incident.Evidence) string {
	switch strings.ToLower(stated) {
	case "endpoint", "email", "identity", "cloudapps", "xdr", "dlp", "siem":
		return strings.ToLower(stated)
	}
	has := map[string]bool{}
	for i := range list {
		has[list[i].Type] = true
	}
	switch {
	case has["mailMessage"]:
		return "email"
	case has["device"], has["process"], has["file"], has["registry"]:
		return "endpoint"
	case has["cloudApp"]:
		return "cloudapps"
	case has["mailbox"]:
		return "email"
	case has["user"]:
		return "identity"
	}
	return "siem"
}
