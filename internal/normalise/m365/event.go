package m365

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// event is the record under its own names, with the names public rules use beside them: eventSource, eventName and status, Parameter.NAME for each
// parameter, Modified.NAME for each changed property, and RequestType out of the extended properties.
func (r *record) event(rec *normalise.Record, rows []*schema.Row) *normalise.Event {
	f := cloudapp.Flat(r.v)
	cloudapp.Add(&f, "Workload", r.workload)
	cloudapp.Add(&f, "Operation", r.operation)
	cloudapp.Add(&f, "ClientIP", r.ip)
	cloudapp.Add(&f, "eventSource", r.workload)
	cloudapp.AddList(&f, "eventName", r.operation, r.alertName())
	cloudapp.Add(&f, "status", r.status())
	cloudapp.Add(&f, "RequestType", r.named("ExtendedProperties", "RequestType"))
	cloudapp.Add(&f, "UserAgent", r.userAgent())
	r.pairs(&f, "Parameters", "Parameter.")
	r.pairs(&f, "OperationProperties", "OperationProperty.")
	r.pairs(&f, "ExtendedProperties", "Extended.")
	r.pairs(&f, "ModifiedProperties", "Modified.")
	return &normalise.Event{Tenant: rec.Tenant, Time: r.time, File: rec.File, Number: rec.Number, Lab: rec.Lab, Logsources: r.logsources(), Fields: f, Rows: rows, Raw: rec.Data}
}

func (r *record) pairs(f *normalise.Fields, list, prefix string) {
	for i, p := range cloudapp.Elements(r.v.Get(list)) {
		if i == 200 {
			return
		}
		if name := cloudapp.Text(p, "Name"); name != "" {
			cloudapp.Add(f, prefix+name, cloudapp.First(p, "Value", "NewValue"))
		}
	}
}

// alertName is the title of the alert that a record of the security center tells of.
func (r *record) alertName() string {
	if r.workload == "SecurityComplianceCenter" || r.kind == recordAlert {
		return cloudapp.Text(r.v, "Name")
	}
	return ""
}

func (r *record) status() string {
	switch s := strings.ToLower(cloudapp.Text(r.v, "ResultStatus")); s {
	case "succeeded", "success", "true", "partiallysucceeded", "":
		return "success"
	case "failed", "false", "failure":
		return "failure"
	default:
		return s
	}
}

func (r *record) logsources() []normalise.Logsource {
	list := []normalise.Logsource{{Product: "m365", Service: "audit"}}
	switch r.workload {
	case "Exchange":
		list = append(list, normalise.Logsource{Product: "m365", Service: "exchange"})
	case "SecurityComplianceCenter":
		list = append(list, normalise.Logsource{Product: "m365", Service: "threat_management"}, normalise.Logsource{Product: "m365", Service: "threat_detection"})
	}
	return list
}

var _ normalise.Family = (*Family)(nil)
