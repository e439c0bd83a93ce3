package mail

import (
	"strconv"
	"strings"
)

// verdict is what the receiving mail system decided about a message, as far as its headers say so.
type verdict struct {
	action, location   string // DeliveryAction, DeliveryLocation
	emailAction        string
	threat, confidence string
	technology         string
	orgAction          string
	userAction         string
	scl, bcl           string
	category           string
}

// categories are the CAT values of Exchange's anti-spam report with the threat they mean and the technology behind it.
var categories = map[string][3]string{
	"MALW": {"Malware", "", "Antimalware protection"}, "AMP": {"Malware", "", "Antimalware protection"}, "FTBP": {"Malware", "", "File type block"},
	"SAP": {"Malware", "", "File detonation"}, "HPHSH": {"Phish", "High", "Advanced filter"}, "HPHISH": {"Phish", "High", "Advanced filter"},
	"PHSH": {"Phish", "Normal", "General filter"}, "HSPM": {"Spam", "High", "Advanced filter"}, "SPM": {"Spam", "Normal", "General filter"},
	"OSPM": {"Spam", "Normal", "General filter"}, "BULK": {"Spam", "", "Bulk"}, "SPOOF": {"Phish", "Normal", "Spoof external domain"},
	"UIMP": {"Phish", "Normal", "Impersonation user"}, "DIMP": {"Phish", "Normal", "Impersonation domain"}, "BIMP": {"Phish", "Normal", "Impersonation brand"},
	"GIMP": {"Phish", "Normal", "Mailbox intelligence impersonation"}, "INTOS": {"Phish", "Normal", "Spoof intra-org"},
}

// judge reads the verdict headers of Exchange, then those of common open filters.
func judge(h headers, forefront map[string]string) verdict {
	var v verdict
	v.scl = first(h.first("x-ms-exchange-organization-scl"), forefront["scl"])
	v.bcl = report(h.first("x-microsoft-antispam"))["bcl"]
	if c, ok := categories[strings.ToUpper(forefront["cat"])]; ok {
		v.category = strings.ToUpper(forefront["cat"])
		v.threat, v.confidence, v.technology = c[0], c[1], c[2]
	}
	switch strings.ToUpper(forefront["sfv"]) {
	case "SKA", "SKN":
		v.orgAction = "Allow"
	case "SKB", "SKS":
		v.orgAction = "Block"
	case "SFE":
		v.userAction = "Allow"
	case "BLK":
		v.userAction = "Block"
	}
	mailboxDelivery := report(h.first("x-microsoft-antispam-mailbox-delivery"))
	switch strings.ToUpper(mailboxDelivery["dest"]) {
	case "J":
		v.junked()
	case "D":
		v.action, v.location = "Delivered", "Deleted items"
	case "I", "C":
		v.action, v.location = "Delivered", "Inbox/folder"
	default:
		v.bySpamHeaders(h)
	}
	return v
}

func (v *verdict) junked() {
	v.action, v.location, v.emailAction = "Junked", "Junk folder", "Move message to junk mail folder"
}

func (v *verdict) bySpamHeaders(h headers) {
	level, err := strconv.Atoi(v.scl)
	spam := err == nil && level >= 5
	for _, name := range []string{"x-spam-flag", "x-spam", "x-spam-status"} {
		if word := strings.ToLower(h.first(name)); strings.HasPrefix(word, "yes") || word == "true" {
			spam = true
			if v.threat == "" {
				v.threat, v.technology = "Spam", "General filter"
			}
		}
	}
	if strings.HasPrefix(strings.ToLower(h.first("x-virus-scanned")), "infected") || strings.HasPrefix(strings.ToLower(h.first("x-virus-status")), "infected") {
		v.threat, v.technology = "Malware", "Antimalware protection"
	}
	if spam {
		v.junked()
		return
	}
	v.action, v.location = "Delivered", "Inbox/folder"
}
