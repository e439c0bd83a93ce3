package winlog

import "strings"

// Some exports keep event data only in the rendered message. readMessage takes it from there for the events where it matters and the English text is
// known; nothing is read when the record has data of its own.
func (r *record) readMessage() {
	if len(r.data) > 0 || r.message == "" {
		return
	}
	switch {
	case r.eventID == 1102 && r.sigma == "security":
		r.readLabels(map[string]string{
			"Security ID": "SubjectUserSid", "Account Name": "SubjectUserName", "Domain Name": "SubjectDomainName", "Logon ID": "SubjectLogonId",
		})
	case r.eventID == 5861 && r.sigma == "wmi":
		r.readAssignments(map[string]string{"Namespace": "Namespace", "Eventfilter": "ESS", "Consumer": "CONSUMER", "PossibleCause": "PossibleCause"})
	}
}

// readLabels reads lines "Label:\tvalue".
func (r *record) readLabels(fields map[string]string) {
	for line := range strings.Lines(r.message) {
		label, value, ok := strings.Cut(line, ":")
		if field := fields[strings.TrimSpace(label)]; ok && field != "" && r.find(field) == nil {
			r.addText(field, strings.TrimSpace(value))
		}
	}
}

// readAssignments reads "Name = value; Name = value"; the last name takes the rest of the message.
func (r *record) readAssignments(fields map[string]string) {
	rest := r.message
	for len(r.data) < len(fields) {
		name, value, ok := strings.Cut(rest, " = ")
		field := fields[strings.TrimSpace(name)]
		if !ok || field == "" {
			return
		}
		end := len(value)
		if i := strings.Index(value, "; "); i >= 0 && len(r.data) < len(fields)-1 {
			end = i
		}
		r.addText(field, strings.TrimSpace(value[:end]))
		rest = strings.TrimPrefix(value[end:], "; ")
	}
}
