package winlog

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// decodeAzure reads a row of the Azure Monitor tables SecurityEvent, Event and WindowsEvent. Event data stands in columns, and in
// EventData as JSON or XML text; columns that repeat others under a friendlier name are left out.
func decodeAzure(p *fastjson.Parser, root *fastjson.Object, r *record) error {
	r.dialect = dialectAzure
	var inner string
	root.Visit(func(key []byte, v *fastjson.Value) {
		switch k := string(key); k {
		case "TimeGenerated":
			r.time, _ = normalise.ParseTime(r.str(v))
		case "Computer":
			r.computer = r.str(v)
		case "EventID":
			r.eventID = r.number(v)
		case "EventSourceName", "Source", "Provider":
			r.provider = r.str(v)
		case "Channel", "EventLog":
			r.channel = r.str(v)
		case "Task":
			r.task = r.str(v)
		case "Level", "EventLevel":
			r.level = r.str(v)
		case "EventRecordId", "SystemEventRecordId":
			r.recordID = r.str(v)
		case "SystemProcessId":
			r.processID = r.str(v)
		case "SystemUserId":
			r.userID = r.str(v)
		case "RenderedDescription", "Message":
			r.message = r.str(v)
		case "EventData", "ParameterXml", "EventData_dynamic", "EventData_string", "EventData_xml":
			switch v.Type() {
			case fastjson.TypeString:
				inner = r.str(v)
			case fastjson.TypeNull:
			default:
				r.eventData(v)
			}
		case "TenantId", "SourceSystem", "MG", "ManagementGroupName", "Type", "_ResourceId", "SourceComputerId", "EventOriginId", "TimeCollected", "InstanceId",
			"Account", "AccountType", "Activity", "LogonTypeName", "Process", "SubjectAccount", "TargetAccount", "EventLevelName", "AzureDeploymentID", "Role",
			"SubscriptionId", "_SubscriptionId", "UserName_":
			// of the collector, or another column's value again
		default:
			if v.Type() == fastjson.TypeNull {
				return
			}
			for _, suffix := range [...]string{"_string", "_guid", "_dynamic"} {
				k = strings.TrimSuffix(k, suffix)
			}
			name := r.names.name([]byte(k))
			r.add(name, r.fieldValue(name, v))
		}
	})
	if r.channel == "" && (r.provider == "Microsoft-Windows-Security-Auditing" || r.provider == "" && r.eventID >= firstAudit && r.eventID <= lastAudit) {
		r.channel = "Security" // queries often leave out the columns that say so
	}
	if inner != "" {
		r.innerData(p, inner)
	}
	return nil
}

// firstAudit and lastAudit enclose the event ids of the security audit.
const firstAudit, lastAudit = 4608, 6424

// innerData reads event data that came as text: XML (<EventData>…, <DataItem>…), a JSON object or array.
func (r *record) innerData(p *fastjson.Parser, text string) {
	trimmed := strings.TrimSpace(text)
	if strings.HasPrefix(trimmed, "<") {
		if dataXML([]byte(trimmed), r) {
			return
		}
	} else if v, err := p.Parse(trimmed); err == nil { // the outer value is not needed any more
		switch v.Type() {
		case fastjson.TypeObject, fastjson.TypeArray:
			r.eventData(v)
			return
		}
	}
	r.addText("EventData", text)
}
