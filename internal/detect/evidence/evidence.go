// Package evidence turns hunting rows, or rows of a query result with the same column names, into the evidence of an alert: entities with the part they
// play. It is the only place that knows which columns of which table name which entity.
package evidence

import (
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Cells gives typed access to one row by column name; missing columns and nulls read as zero values.
type Cells interface {
	Text(column string) string
	Int(column string) int64
	Time(column string) time.Time
	// Table is the hunting table the row is of, "" for rows of a query.
	Table() string
}

// max is how many entities one detection carries. A mail can hold hundreds of links.
const maxEntities = 40

// OfRows returns the entities of the rows that one record became, in order of importance within each row, each once.
func OfRows(rows []*schema.Row) []incident.Evidence {
	var b Builder
	for _, r := range rows {
		b.Add(rowCells{r})
	}
	return b.Evidence()
}

// Builder collects evidence of several rows without doubling entities.
type Builder struct {
	list []incident.Evidence
	seen map[string]int
}

// Evidence returns what was collected.
func (b *Builder) Evidence() []incident.Evidence { return b.list }

// Add takes the entities of one row.
func (b *Builder) Add(c Cells) {
	switch table := c.Table(); {
	case table == "":
		b.query(c)
	case strings.HasPrefix(table, "Device"):
		b.device(c, table)
	case table == "UrlClickEvents":
		b.click(c)
	case strings.HasPrefix(table, "Email"):
		b.mail(c, table)
	case table == "CloudAppEvents":
		b.cloud(c)
	case strings.HasPrefix(table, "AAD") || strings.HasPrefix(table, "EntraId"):
		b.signIn(c)
	case strings.HasPrefix(table, "Identity"):
		b.identity(c, table)
	}
}

// put adds an entity, or its roles and missing facts to the one already there.
func (b *Builder) put(e incident.Evidence, roles ...incident.Role) {
	key := identityOf(&e)
	if key == "" {
		return
	}
	if b.seen == nil {
		b.seen = map[string]int{}
	}
	at, have := b.seen[key]
	if !have {
		if len(b.list) == maxEntities {
			return
		}
		e.Roles = roles
		b.seen[key] = len(b.list)
		b.list = append(b.list, e)
		return
	}
	old := &b.list[at]
	for _, r := range roles {
		if !hasRole(old.Roles, r) {
			old.Roles = append(old.Roles, r)
		}
	}
	complete(old, &e)
}

func hasRole(roles []incident.Role, r incident.Role) bool {
	for _, x := range roles {
		if x == r {
			return true
		}
	}
	return false
}

// identityOf is equal for entities of one record that are the same thing; "" when the entity has nothing to identify it.
func identityOf(e *incident.Evidence) string {
	var id string
	switch e.Type {
	case "device":
		id = first(short(e.HostName), e.DeviceID)
	case "user":
		id = first(e.AccountName, local(e.AccountUPN), e.AccountSID, e.AccountID, e.DisplayName)
	case "ip":
		id = e.Address
	case "url":
		id = first(e.URL, e.Domain)
	case "file":
		id = first(e.FolderPath, e.FileName, e.SHA256, e.SHA1, e.MD5)
	case "process":
		if id = e.ProcessGUID; id == "" && e.ProcessID != 0 {
			id = itoa(e.ProcessID) + "/" + e.FileName
		}
		if id == "" {
			id = first(e.FolderPath, e.FileName)
		}
	case "registry":
		if e.RegistryKey != "" {
			id = e.RegistryKey + `\` + e.RegistryValueName
		}
	case "mailbox":
		id = e.Mailbox
	case "mailMessage":
		if id = first(e.NetworkMessageID, e.InternetMessageID); id != "" && e.Recipient != "" {
			id += "/" + e.Recipient
		}
	case "cloudApp":
		id = first(e.Application, e.ApplicationID)
	default:
		id = e.Name
	}
	if id == "" {
		return ""
	}
	return e.Type + ":" + strings.ToLower(id)
}

// complete fills what to lacks from the same entity seen elsewhere in the record.
func complete(to, from *incident.Evidence) {
	for _, p := range [...]struct{ to, from *string }{
		{&to.DeviceID, &from.DeviceID},
		{&to.HostName, &from.HostName},
		{&to.OSPlatform, &from.OSPlatform},
		{&to.AccountName, &from.AccountName},
		{&to.AccountDomain, &from.AccountDomain},
		{&to.AccountSID, &from.AccountSID},
		{&to.AccountUPN, &from.AccountUPN},
		{&to.AccountID, &from.AccountID},
		{&to.DisplayName, &from.DisplayName},
		{&to.SHA1, &from.SHA1},
		{&to.SHA256, &from.SHA256},
		{&to.MD5, &from.MD5},
		{&to.FolderPath, &from.FolderPath},
		{&to.FileName, &from.FileName},
		{&to.CommandLine, &from.CommandLine},
		{&to.ProcessGUID, &from.ProcessGUID},
		{&to.ParentFileName, &from.ParentFileName},
		{&to.ParentCommandLine, &from.ParentCommandLine},
		{&to.ParentProcessGUID, &from.ParentProcessGUID},
		{&to.Domain, &from.Domain},
		{&to.InternetMessageID, &from.InternetMessageID},
		{&to.Sender, &from.Sender},
		{&to.Subject, &from.Subject},
		{&to.Verdict, &from.Verdict},
	} {
		if *p.to == "" {
			*p.to = *p.from
		}
	}
	if to.ProcessCreated == nil {
		to.ProcessCreated = from.ProcessCreated
	}
	if to.ParentProcessID == 0 {
		to.ParentProcessID = from.ParentProcessID
	}
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func short(host string) string {
	h, _, _ := strings.Cut(host, ".")
	return h
}

func local(upn string) string {
	name, _, _ := strings.Cut(upn, "@")
	return name
}

// Impacted adds the entities that a rule says it is about, before any others. Empty texts are left out.
func (b *Builder) Impacted(device, user, mailbox string) {
	if device != "" {
		b.put(incident.Evidence{Type: "device", HostName: device}, incident.Attacked)
	}
	if user != "" {
		b.put(account(user), incident.Compromised)
	}
	if mailbox != "" {
		b.mailbox(mailbox, incident.Attacked)
	}
}

// account reads a user's name as people and columns write it: DOMAIN\name, a principal name, a SID, or a plain name.
func account(user string) incident.Evidence {
	u := incident.Evidence{Type: "user"}
	switch domain, name, ok := strings.Cut(user, `\`); {
	case ok:
		u.AccountDomain, u.AccountName = domain, name
	case strings.Contains(user, "@"):
		u.AccountUPN = user
	case strings.HasPrefix(user, "S-1-"):
		u.AccountSID = user
	default:
		u.AccountName = user
	}
	return u
}
