package api

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// visible says which tables exist for the principal: those of the workloads it may read. Tables of mail take a permission of their own beside that, and
// those with the text of messages one more. Deny is the default: a group that is not listed is for those who read everything.
func (c *call) visible() func(*schema.Table) bool {
	v := c.who.View(c.tenant)
	return func(t *schema.Table) bool {
		switch t.Workload {
		case "Email & collaboration":
			return v.Workloads&access.Email != 0 && v.Mail && (v.MailContent || t.Name != "MessageContents")
		case "Devices", "Vulnerability management":
			return v.Workloads&access.Endpoint != 0
		case "Apps & identities":
			return v.Workloads&appsAndIdentities(t.Name) != 0
		case "Cloud infrastructure", "AI agents", "Data security":
			return v.Workloads&access.CloudApps != 0
		}
		if t.Name == alertInfo || t.Name == alertEvidence {
			return v.Workloads != 0 // their rows are narrowed
		}
		// Custom tables, behaviors and the exposure graph speak of all workloads and devices in one table.
		return v.Whole()
	}
}

const (
	alertInfo     = "AlertInfo"
	alertEvidence = "AlertEvidence"
)

// notTold is the count of rows of a table that shows only some of its rows.
const notTold = -1

// rows says which rows of a table exist for the principal: those of devices in groups that it sees, and alerts of workloads that it reads.
func (c *call) rows() func(*schema.Table) string {
	v := c.who.View(c.tenant)
	if v.Whole() {
		return func(*schema.Table) string { return "" }
	}
	members := ""
	if v.Groups != nil {
		members = "(" + schema.DeviceGroupMembers + " | summarize arg_max(Version, GroupId) by DeviceId | where GroupId in (" + listKQL(v.Groups) + ") | project DeviceId)"
	}
	return func(t *schema.Table) string {
		var conditions []string
		if t.Name == alertInfo || t.Name == alertEvidence {
			if v.Workloads != access.AllWorkloads {
				conditions = append(conditions, "ServiceSource in ("+listKQL(incident.ServiceNames(v.Workloads))+")")
			}
			if members != "" {
				// An alert of an endpoint is seen by those who see one of its devices.
				conditions = append(conditions, "(ServiceSource !in ("+listKQL(incident.ServiceNames(access.Endpoint))+") or AlertId in (("+alertEvidence+" | where DeviceId in ("+members+") | project AlertId)))")
			}
		}
		switch {
		case members == "" || t.Column("DeviceId") < 0:
		case t.Name == alertEvidence:
			conditions = append(conditions, "(isempty(DeviceId) and isempty(DeviceName) or DeviceId in ("+members+"))")
		default:
			conditions = append(conditions, "DeviceId in ("+members+")")
		}
		return strings.Join(conditions, " and ")
	}
}

// listKQL writes texts as a list of literals. An empty list holds a text that nothing is equal to but the empty one, which no column of ids has.
func listKQL(texts []string) string {
	if len(texts) == 0 {
		return quoteKQL("")
	}
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = quoteKQL(t)
	}
	return strings.Join(out, ", ")
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
