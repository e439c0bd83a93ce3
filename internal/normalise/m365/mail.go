package m365

import (
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// maxRecipients bounds the rows of one threat record.
const maxRecipients = 2000

// mail renders a threat intelligence record: a row per recipient, per attachment and recipient, and a removal after delivery when there was one.
func (r *record) mail(rows []*schema.Row) []*schema.Row {
	v := r.v
	when := cloudapp.Time(v, "MessageTime")
	if when.IsZero() {
		when = r.time
	}
	id := strings.ToLower(cloudapp.Text(v, "NetworkMessageId"))
	var recipients []string
	for _, e := range cloudapp.Elements(v.Get("Recipients")) {
		if s := normalise.JSONText(e); s != "" && len(recipients) < maxRecipients {
			recipients = append(recipients, s)
		}
	}
	if len(recipients) == 0 {
		recipients = []string{""}
	}
	attachments := cloudapp.Elements(v.Get("AttachmentData"))
	removed := cloudapp.Text(v, "DetectionType")
	for i, box := range recipients {
		report := r.id + "-" + strconv.Itoa(i)
		row := schema.NewRow("EmailEvents")
		row.Set("Timestamp", when)
		row.Set("NetworkMessageId", id)
		row.Set("InternetMessageId", cloudapp.Text(v, "InternetMessageId"))
		row.Set("SenderMailFromAddress", cloudapp.Text(v, "P1Sender"))
		row.Set("SenderMailFromDomain", domainOf(cloudapp.Text(v, "P1Sender")))
		row.Set("SenderFromAddress", cloudapp.Text(v, "P2Sender"))
		row.Set("SenderFromDomain", domainOf(cloudapp.Text(v, "P2Sender")))
		if ip := normalise.CleanIP(cloudapp.Text(v, "SenderIp")); strings.Contains(ip, ":") {
			row.Set("SenderIPv6", ip)
		} else {
			row.Set("SenderIPv4", ip)
		}
		row.Set("RecipientEmailAddress", box)
		row.Set("RecipientDomain", domainOf(box))
		row.Set("Subject", cloudapp.Text(v, "Subject"))
		row.Set("EmailDirection", cloudapp.Text(v, "Directionality"))
		row.Set("DeliveryAction", cloudapp.Text(v, "DeliveryAction"))
		row.Set("DeliveryLocation", cloudapp.Text(v, "OriginalDeliveryLocation"))
		row.Set("LatestDeliveryLocation", cloudapp.Text(v, "LatestDeliveryLocation"))
		verdict := cloudapp.Text(v, "Verdict")
		row.Set("ThreatTypes", verdict)
		row.Set("DetectionMethods", detection(v, verdict))
		row.Set("AuthenticationDetails", authDetails(v))
		row.Set("EmailAction", cloudapp.Text(v, "PolicyAction"))
		row.Set("EmailActionPolicy", cloudapp.Text(v, "Policy"))
		row.Set("Connectors", cloudapp.Text(v, "Connectors"))
		row.Set("ConfidenceLevel", cloudapp.Text(v, "PhishConfidenceLevel"))
		row.Set("AttachmentCount", len(attachments))
		row.Set("ReportId", report)
		for _, o := range cloudapp.Elements(v.Get("SystemOverrides")) {
			switch level := cloudapp.First(o, "Source", "Details"); {
			case strings.Contains(strings.ToLower(level), "user"):
				row.Set("UserLevelAction", cloudapp.First(o, "Result", "FinalOverride"))
				row.Set("UserLevelPolicy", cloudapp.Text(o, "Details"))
			default:
				row.Set("OrgLevelAction", cloudapp.First(o, "Result", "FinalOverride"))
				row.Set("OrgLevelPolicy", cloudapp.Text(o, "Details"))
			}
		}
		var d normalise.Dynamic
		d.Text("DetectionType", removed)
		d.Text("EventDeepLink", cloudapp.Text(v, "EventDeepLink"))
		row.Set("AdditionalFields", d.String())
		rows = append(rows, row)
		rows = r.attachments(rows, attachments, when, id, box, report)
		if removed != "" && !strings.EqualFold(removed, "Inline") {
			rows = append(rows, r.removal(when, id, box, report, removed))
		}
	}
	return rows
}

func (r *record) attachments(rows []*schema.Row, list []*fastjson.Value, when any, id, box, report string) []*schema.Row {
	for i, a := range list {
		if i == 200 {
			break
		}
		row := schema.NewRow("EmailAttachmentInfo")
		row.Set("Timestamp", when)
		row.Set("NetworkMessageId", id)
		row.Set("SenderFromAddress", cloudapp.Text(r.v, "P2Sender"))
		row.Set("RecipientEmailAddress", box)
		name := cloudapp.Text(a, "FileName")
		row.Set("FileName", name)
		row.Set("FileType", cloudapp.Text(a, "FileType"))
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			row.Set("FileExtension", strings.ToLower(name[i+1:]))
		}
		row.Set("SHA256", strings.ToLower(cloudapp.Text(a, "SHA256")))
		if family := cloudapp.Text(a, "MalwareFamily"); family != "" {
			row.Set("ThreatTypes", "Malware")
			row.Set("ThreatNames", family)
		}
		row.Set("ReportId", report+"-a"+strconv.Itoa(i))
		rows = append(rows, row)
	}
	return rows
}

// removal is what the service did after delivery (zero-hour purge, or a late detection).
func (r *record) removal(when any, id, box, report, kind string) *schema.Row {
	row := schema.NewRow("EmailPostDeliveryEvents")
	row.Set("Timestamp", r.time)
	row.Set("NetworkMessageId", id)
	row.Set("InternetMessageId", cloudapp.Text(r.v, "InternetMessageId"))
	row.Set("Action", cloudapp.First(r.v, "PolicyAction"))
	row.Set("ActionType", kind)
	row.Set("ActionTrigger", "System")
	results := cloudapp.Elements(r.v.Get("AdditionalActionsAndResults"))
	if len(results) > 0 {
		row.Set("ActionResult", normalise.JSONText(results[0]))
	}
	row.Set("RecipientEmailAddress", box)
	row.Set("DeliveryLocation", cloudapp.First(r.v, "LatestDeliveryLocation", "OriginalDeliveryLocation"))
	row.Set("ThreatTypes", cloudapp.Text(r.v, "Verdict"))
	row.Set("SenderFromAddress", cloudapp.Text(r.v, "P2Sender"))
	row.Set("EmailDirection", cloudapp.Text(r.v, "Directionality"))
	row.Set("ReportId", report)
	return row
}

func detection(v *fastjson.Value, verdict string) string {
	if list := v.Get("ThreatsAndDetectionTech"); list != nil {
		return normalise.JSON(list)
	}
	method := cloudapp.Text(v, "DetectionMethod")
	if verdict == "" || method == "" {
		return ""
	}
	var d normalise.Dynamic
	d.Raw(verdict, string(append(normalise.AppendJSONString([]byte{'['}, method), ']')))
	return d.String()
}

// authDetails reads the list of name and value pairs into the form of the column.
func authDetails(v *fastjson.Value) string {
	var d normalise.Dynamic
	for _, p := range cloudapp.Elements(v.Get("AuthDetails")) {
		switch name := cloudapp.Text(p, "Name"); strings.ToLower(name) {
		case "spf", "dkim", "dmarc":
			d.Text(strings.ToUpper(name), strings.ToLower(cloudapp.Text(p, "Value")))
		case "comp auth", "compauth":
			d.Text("CompAuth", strings.ToLower(cloudapp.Text(p, "Value")))
		}
	}
	return d.String()
}

func domainOf(box string) string {
	if i := strings.LastIndexByte(box, '@'); i >= 0 {
		return strings.ToLower(box[i+1:])
	}
	return ""
}

// clickActions are the numbers of URLClickAction.
var clickActions = map[string]string{"0": "ClickAllowed", "1": "ClickAllowed", "2": "ClickBlocked", "3": "PendingDetonationPage", "4": "ClickBlockedOverride", "5": "PendingDetonationPageOverride"}

func (r *record) click() *schema.Row {
	v := r.v
	row := schema.NewRow("UrlClickEvents")
	when := cloudapp.Time(v, "TimeOfClick")
	if when.IsZero() {
		when = r.time
	}
	row.Set("Timestamp", when)
	row.Set("TimeGenerated", when)
	row.Set("Url", cloudapp.First(v, "Url", "URL"))
	code := cloudapp.First(v, "UrlClickAction", "URLClickAction")
	action, known := clickActions[code]
	if !known {
		action = code
	}
	row.Set("ActionType", action)
	row.Set("IsClickedThrough", code == "0" || code == "1" || code == "4" || code == "5")
	row.Set("AccountUpn", r.user)
	row.Set("Workload", cloudapp.First(v, "AppName", "Workload"))
	row.Set("AppName", cloudapp.Text(v, "AppName"))
	row.Set("AppVersion", cloudapp.Text(v, "AppVersion"))
	row.Set("IPAddress", normalise.CleanIP(cloudapp.Text(v, "UserIp")))
	source := cloudapp.Text(v, "SourceId")
	row.Set("SourceId", source)
	if cloudapp.GUID(source) {
		row.Set("NetworkMessageId", strings.ToLower(source))
	}
	row.Set("ThreatTypes", cloudapp.Text(v, "Verdict"))
	row.Set("ReportId", r.id)
	row.Set("TenantId", strings.ToLower(cloudapp.Text(v, "OrganizationId")))
	row.Set("Type", "UrlClickEvents")
	row.Set("SourceSystem", "Office 365")
	return row
}
