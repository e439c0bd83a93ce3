package evidence

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/incident"
)

// Chosen adds the entity that a person says a column holds. What else the row knows about the same entity is taken along when its columns have the names of
// the hunting tables.
func (b *Builder) Chosen(c Cells, kind, column string, impacted bool) {
	value := strings.TrimSpace(c.Text(column))
	if value == "" {
		return
	}
	var known Builder
	known.Add(c)
	switch kind { // a result does not say which of both it shows
	case "process":
		known.process(known.created(c), incident.SuspiciousRole)
	case "file":
		known.file(c, "", incident.SuspiciousRole)
	}
	for _, e := range known.list {
		if e.Type == kind && names(&e, value) {
			roles := e.Roles
			if impacted {
				roles = []incident.Role{impactedRole(kind)}
			}
			b.put(e, roles...)
			return
		}
	}
	e := bare(kind, column, value)
	switch {
	case impacted:
		b.put(e, impactedRole(kind))
	default:
		b.put(e, incident.Contextual)
	}
}

func impactedRole(kind string) incident.Role {
	if kind == "user" {
		return incident.Compromised
	}
	return incident.Attacked
}

// names reports whether a value is one that identifies the entity.
func names(e *incident.Evidence, value string) bool {
	ids := []string{
		e.DeviceID, e.HostName, e.AccountName, e.AccountSID, e.AccountUPN, e.AccountID, e.DisplayName, e.Address, e.URL, e.Domain, e.FolderPath, e.SHA1, e.SHA256, e.MD5,
		e.ProcessGUID, e.CommandLine, e.Mailbox, e.NetworkMessageID, e.InternetMessageID, e.Application, e.ApplicationID,
	}
	if e.Type == "file" || e.Type == "process" {
		ids = append(ids, e.FileName)
	}
	if e.ProcessID != 0 {
		ids = append(ids, itoa(e.ProcessID))
	}
	return slices.ContainsFunc(ids, func(id string) bool { return id != "" && strings.EqualFold(id, value) })
}

// bare is an entity of which only the one value is known.
func bare(kind, column, value string) incident.Evidence {
	e := incident.Evidence{Type: kind}
	switch kind {
	case "device":
		if strings.HasSuffix(column, "DeviceId") {
			e.DeviceID = value
		} else {
			e.HostName = value
		}
	case "user":
		e = account(value)
	case "mailbox":
		e.Mailbox = value
	case "ip":
		e.Address = value
	case "url":
		if strings.Contains(value, "/") {
			e.URL = value
		} else {
			e.Domain = value
		}
	case "file":
		hash(&e, value)
	case "process":
		return actor(column, value)
	case "mailMessage":
		e.NetworkMessageID = value
	case "cloudApp":
		e.Application = value
	default:
		e.Name = value
	}
	return e
}

// actor reads a process id, a command line, or what a file has; one that is known by a hash alone is a file.
func actor(column, value string) incident.Evidence {
	e := incident.Evidence{Type: "process"}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 {
		e.ProcessID = n
		return e
	}
	if strings.HasSuffix(column, "CommandLine") {
		image, _, _ := strings.Cut(value, " ")
		if rest, ok := strings.CutPrefix(value, `"`); ok {
			image, _, _ = strings.Cut(rest, `"`)
		}
		hash(&e, image)
		e.CommandLine = value
		return e
	}
	if hash(&e, value); e.FileName == "" {
		e.Type = "file"
	}
	return e
}

// hash puts a value where files have it: a hash by its length, a path, or a name.
func hash(e *incident.Evidence, value string) {
	hex := strings.Trim(strings.ToLower(value), "0123456789abcdef") == ""
	switch {
	case hex && len(value) == 64:
		e.SHA256 = value
	case hex && len(value) == 40:
		e.SHA1 = value
	case hex && len(value) == 32:
		e.MD5 = value
	case strings.ContainsAny(value, `\/`):
		e.FolderPath = value
		e.FileName = value[strings.LastIndexAny(value, `\/`)+1:]
	default:
		e.FileName = value
	}
}
