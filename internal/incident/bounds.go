package incident

import "strings"

// Bounds of what one detection may bring. Longer texts are cut, more evidence is left out; the hit itself is always kept.
const (
	maxTitle      = 300
	maxText       = 8_000
	maxField      = 2_000
	maxCommand    = 16_000
	maxEvidence   = 60 // per alert
	maxTechniques = 40 // per alert
	maxMatched    = 60 // per alert
	maxFoldKey    = 1_000
	maxComment    = 30_000
	maxTags       = 100
	maxTag        = 100
)

// cut shortens text to at most n bytes of valid UTF-8 without NUL, which PostgreSQL refuses.
func cut(text string, n int) string {
	if len(text) > n {
		text = text[:n]
	}
	if strings.IndexByte(text, 0) >= 0 {
		text = strings.ReplaceAll(text, "\x00", "")
	}
	return strings.ToValidUTF8(text, "�")
}

// bound cuts every text of a piece of evidence.
func (e *Evidence) bound() {
	for _, f := range []*string{
		&e.Type, &e.Verdict, &e.RemediationStatus, &e.EntityKey, &e.DeviceID, &e.HostName, &e.OSPlatform, &e.AccountName, &e.AccountDomain, &e.AccountSID,
		&e.AccountUPN, &e.AccountID, &e.DisplayName, &e.Address, &e.URL, &e.Domain, &e.FileName, &e.FolderPath, &e.SHA1, &e.SHA256, &e.MD5, &e.ProcessGUID, &e.ParentProcessGUID,
		&e.ParentFileName, &e.Mailbox, &e.NetworkMessageID, &e.InternetMessageID, &e.Sender, &e.Recipient, &e.Subject, &e.RegistryKey, &e.RegistryValueName,
		&e.RegistryValueData, &e.Application, &e.ApplicationID, &e.Name,
	} {
		*f = cut(*f, maxField)
	}
	e.CommandLine, e.ParentCommandLine = cut(e.CommandLine, maxCommand), cut(e.ParentCommandLine, maxCommand)
	if len(e.Roles) > 8 {
		e.Roles = e.Roles[:8]
	}
}

// bound cuts every text of a detection.
func (d *Detection) bound() {
	if d.Title == "" {
		d.Title = d.RuleTitle
	}
	if d.Title == "" {
		d.Title = d.RuleID
	}
	d.RuleID, d.RuleTitle, d.Title = cut(d.RuleID, maxField), cut(d.RuleTitle, maxTitle), cut(d.Title, maxTitle)
	d.Description, d.Recommended = cut(d.Description, maxText), cut(d.Recommended, maxText)
	d.Category, d.ServiceSource, d.DetectionSource, d.Product = cut(d.Category, 100), cut(d.ServiceSource, 100), cut(d.DetectionSource, 100), cut(d.Product, 200)
	d.FoldKey, d.Lab = cut(d.FoldKey, maxFoldKey), cut(d.Lab, 100)
	d.Hit.File, d.Hit.ExternalID = cut(d.Hit.File, maxField), cut(d.Hit.ExternalID, maxField)
	if d.Severity == "" {
		d.Severity = Medium
	}
	if d.ServiceSource == "" {
		d.ServiceSource = "xdr"
	}
	if d.DetectionSource == "" {
		d.DetectionSource = "unknown"
	}
	if d.Category == "" {
		d.Category = "SuspiciousActivity"
	}
	if len(d.Techniques) > maxTechniques {
		d.Techniques = d.Techniques[:maxTechniques]
	}
	for i, t := range d.Techniques {
		d.Techniques[i] = cut(t, 40)
	}
	if len(d.Matched) > maxMatched {
		d.Matched = d.Matched[:maxMatched]
	}
	for i := range d.Matched {
		m := &d.Matched[i]
		m.Field, m.Value, m.Match = cut(m.Field, 200), cut(m.Value, 1000), cut(m.Match, 1000)
	}
	if len(d.Evidence) > maxEvidence {
		d.Evidence = d.Evidence[:maxEvidence]
	}
	for i := range d.Evidence {
		d.Evidence[i].bound()
	}
}
