package incident

import (
	"context"
	"path"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// HuntingRows turns an alert in full into its rows for hunting: one of AlertInfo and one of AlertEvidence per piece of evidence. Timestamp is the time the
// alert was first active, so that rows stand beside the events they came from.
func HuntingRows(a *Alert) []*schema.Row {
	info := schema.NewRow("AlertInfo")
	info.Set("Timestamp", a.FirstActivity)
	info.Set("AlertId", a.ID)
	info.Set("Title", a.Title)
	info.Set("Category", a.Category)
	info.Set("Severity", string(a.Severity))
	info.Set("ServiceSource", serviceName(a.ServiceSource))
	info.Set("DetectionSource", detectionName(a.DetectionSource))
	info.Set("AttackTechniques", techniquesText(a.Techniques))
	rows := []*schema.Row{info}
	for i := range a.Evidence {
		rows = append(rows, evidenceRow(a, &a.Evidence[i]))
	}
	return rows
}

// Written says how much of an alert the lake has: whether its AlertInfo row is there, and how many of AlertEvidence.
type Written struct {
	Info     bool
	Evidence int
}

// MissingRows gives the hunting rows of alerts that the lake does not have yet. Evidence of an alert only grows, in a fixed order, so what is written is
// always its beginning, however the hits were divided into batches.
func (s *Service) MissingRows(ctx context.Context, id tenant.ID, alerts []string, written map[string]Written) ([]*schema.Row, error) {
	found, err := store.AlertsByID(ctx, s.db, id, alerts)
	if err != nil {
		return nil, err
	}
	evidence, err := store.EvidenceOf(ctx, s.db, id, alerts)
	if err != nil {
		return nil, err
	}
	of := map[string][]Evidence{}
	for _, e := range evidence {
		of[e.AlertID] = append(of[e.AlertID], evidenceOf(e))
	}
	var out []*schema.Row
	for _, r := range found {
		a := alertOf(r)
		a.Evidence = of[a.ID]
		have, rows := written[a.ID], HuntingRows(&a)
		missing := rows[1+min(have.Evidence, len(rows)-1):]
		if !have.Info {
			missing = append([]*schema.Row{rows[0]}, missing...)
		}
		for _, row := range missing {
			row.Set("IngestTime", a.CreatedTime)
			row.Set("LabScenario", r.Lab)
		}
		out = append(out, missing...)
	}
	return out, nil
}

func techniquesText(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return encode(list)
}

func evidenceRow(a *Alert, e *Evidence) *schema.Row {
	r := schema.NewRow("AlertEvidence")
	r.Set("Timestamp", a.FirstActivity)
	r.Set("AlertId", a.ID)
	r.Set("Title", a.Title)
	r.Set("Categories", encode([]string{a.Category}))
	r.Set("AttackTechniques", techniquesText(a.Techniques))
	r.Set("ServiceSource", serviceName(a.ServiceSource))
	r.Set("DetectionSource", detectionName(a.DetectionSource))
	r.Set("Severity", string(a.Severity))
	r.Set("EntityType", entityType(e.Type))
	r.Set("EvidenceRole", evidenceRole(e.Roles))
	for _, role := range e.Roles {
		switch role {
		case Source, Attacker:
			r.Set("EvidenceDirection", "Source")
		case Destination, Attacked:
			r.Set("EvidenceDirection", "Destination")
		}
	}
	r.Set("FileName", e.FileName)
	r.Set("FolderPath", folder(e.FolderPath))
	r.Set("SHA1", strings.ToLower(e.SHA1))
	r.Set("SHA256", strings.ToLower(e.SHA256))
	r.Set("RemoteIP", e.Address)
	r.Set("RemoteUrl", e.URL)
	if e.URL == "" {
		r.Set("RemoteUrl", e.Domain)
	}
	r.Set("AccountName", e.AccountName)
	r.Set("AccountDomain", e.AccountDomain)
	r.Set("AccountSid", e.AccountSID)
	r.Set("AccountObjectId", e.AccountID)
	r.Set("AccountUpn", e.AccountUPN)
	if e.AccountUPN == "" {
		r.Set("AccountUpn", e.Mailbox)
	}
	r.Set("DeviceId", e.DeviceID)
	r.Set("DeviceName", e.HostName)
	r.Set("NetworkMessageId", e.NetworkMessageID)
	r.Set("EmailSubject", e.Subject)
	r.Set("Application", e.Application)
	r.Set("ProcessCommandLine", e.CommandLine)
	r.Set("RegistryKey", e.RegistryKey)
	r.Set("RegistryValueName", e.RegistryValueName)
	r.Set("RegistryValueData", e.RegistryValueData)
	r.Set("AdditionalFields", encode(e))
	return r
}

// folder is the path without the file's name: the one table where FolderPath is the folder only.
func folder(full string) string {
	if full == "" {
		return ""
	}
	if i := strings.LastIndexByte(full, '\\'); i >= 0 {
		return full[:i]
	}
	if strings.Contains(full, "/") {
		return path.Dir(full)
	}
	return full
}

// evidenceRole: entities the alert is about have been Impacted, the others are Related.
func evidenceRole(roles []Role) string {
	for _, r := range roles {
		switch r {
		case Compromised, Attacked, Destination, Edited:
			return "Impacted"
		}
	}
	return "Related"
}

func entityType(t string) string {
	switch strings.ToLower(t) {
	case "device":
		return "Machine"
	case "user":
		return "User"
	case "ip":
		return "Ip"
	case "file":
		return "File"
	case "process":
		return "Process"
	case "url", "domain":
		return "Url"
	case "mailbox":
		return "Mailbox"
	case "mailmessage", "message":
		return "MailMessage"
	case "registry":
		return "RegistryValue"
	case "cloudapp", "app":
		return "CloudApplication"
	case "oauthapp":
		return "OAuthApplication"
	}
	return "Other"
}

// serviceName and detectionName give the names that public queries filter on.
// ServiceNames lists what hunting tables call the service sources of the workloads.
func ServiceNames(w access.Workloads) []string {
	var out []string
	for _, source := range []string{"endpoint", "email", "identity", "cloudapps"} {
		if w&WorkloadsOf(source) != 0 {
			out = append(out, serviceName(source))
		}
	}
	return out
}

func serviceName(s string) string {
	switch s {
	case "endpoint":
		return "Microsoft Defender for Endpoint"
	case "email":
		return "Microsoft Defender for Office 365"
	case "identity":
		return "Microsoft Defender for Identity"
	case "cloudapps":
		return "Microsoft Cloud App Security"
	case "xdr":
		return "Microsoft 365 Defender"
	}
	return s
}

func detectionName(s string) string {
	switch s {
	case "edr":
		return "EDR"
	case "antivirus":
		return "Antivirus"
	case "customDetection":
		return "Custom detection"
	case "customTi":
		return "Custom TI"
	case "automatedInvestigation":
		return "Automated investigation"
	case "email":
		return "Office 365"
	case "identity":
		return "Identity"
	case "cloudAppSecurity":
		return "Cloud App Security"
	case "manual":
		return "Manual"
	}
	return s
}
