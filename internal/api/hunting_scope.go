package api

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// visible says which tables exist for the principal: those of the workloads it may read. Tables of mail take a permission of their own beside that, and
// those with the text of messages one more. Deny is the default: a group that is not listed is for those who read everything.
func (c *call) visible() func(*schema.Table) bool {
	reads := c.who.Workloads(c.tenant, access.DataRead)
	mail, content := c.who.Can(c.tenant, access.MailMetaRead), c.who.Can(c.tenant, access.MailContentRead)
	return func(t *schema.Table) bool {
		switch t.Workload {
		case "Email & collaboration":
			return reads&access.Email != 0 && mail && (content || t.Name != "MessageContents")
		case "Devices", "Vulnerability management":
			return reads&access.Endpoint != 0
		case "Apps & identities":
			return reads&appsAndIdentities(t.Name) != 0
		case "Cloud infrastructure", "AI agents", "Data security":
			return reads&access.CloudApps != 0
		}
		// Alerts, behaviors and the exposure graph speak of all workloads in one table.
		return reads == access.AllWorkloads
	}
}

// appsAndIdentities tells whose a table of that group is. Sign-ins count for both.
func appsAndIdentities(table string) access.Workloads {
	switch {
	case table == "IdentityLogonEvents":
		return access.Identity | access.CloudApps
	case strings.HasPrefix(table, "Identity"), strings.HasPrefix(table, "EntraId"), strings.HasPrefix(table, "AAD"):
		return access.Identity
	}
	return access.CloudApps
}
