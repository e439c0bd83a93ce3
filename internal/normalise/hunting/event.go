package hunting

import (
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// rule says how public rules address the rows of a table, and which column each of their field names is.
type rule struct {
	category string
	fields   map[string]string
}

// actor are the field names of the process that did something, in all tables but that of process starts.
var actor = map[string]string{
	"Image": "InitiatingProcessFolderPath", "CommandLine": "InitiatingProcessCommandLine", "ProcessId": "InitiatingProcessId", "User": "InitiatingProcessAccountName",
	"ParentImage": "InitiatingProcessParentFileName", "ParentProcessId": "InitiatingProcessParentId", "OriginalFileName": "InitiatingProcessVersionInfoOriginalFileName",
}

func with(category string, fields map[string]string) rule {
	for k, v := range actor {
		if _, own := fields[k]; !own {
			fields[k] = v
		}
	}
	return rule{category, fields}
}

// rules are the tables with a category of their own.
var rules = map[string]rule{
	"DeviceProcessEvents": {"process_creation", map[string]string{
		"Image": "FolderPath", "CommandLine": "ProcessCommandLine", "ProcessId": "ProcessId", "User": "AccountName", "IntegrityLevel": "ProcessIntegrityLevel",
		"ParentImage": "InitiatingProcessFolderPath", "ParentCommandLine": "InitiatingProcessCommandLine", "ParentProcessId": "InitiatingProcessId",
		"ParentUser": "InitiatingProcessAccountName", "OriginalFileName": "ProcessVersionInfoOriginalFileName", "Product": "ProcessVersionInfoProductName",
		"Company": "ProcessVersionInfoCompanyName", "Description": "ProcessVersionInfoFileDescription", "FileVersion": "ProcessVersionInfoProductVersion",
		"GrandParentImage": "InitiatingProcessParentFileName",
	}},
	"DeviceNetworkEvents": with("network_connection", map[string]string{
		"DestinationIp": "RemoteIP", "DestinationPort": "RemotePort", "DestinationHostname": "RemoteUrl", "SourceIp": "LocalIP", "SourcePort": "LocalPort", "Protocol": "Protocol",
	}),
	"DeviceFileEvents":      with("file_event", map[string]string{"TargetFilename": "FolderPath"}),
	"DeviceImageLoadEvents": with("image_load", map[string]string{"ImageLoaded": "FolderPath"}),
	"DeviceRegistryEvents":  with("registry_event", map[string]string{"Details": "RegistryValueData"}),
}

// event is the row for rules: its columns under their own names, and for device tables the names of public rules beside them.
func event(rec *normalise.Record, row *schema.Row, body *fastjson.Value, when time.Time) *normalise.Event {
	f := cloudapp.Flat(body)
	sources := []normalise.Logsource{{Product: "hunting", Service: strings.ToLower(row.Table.Name)}}
	if r, ok := rules[row.Table.Name]; ok {
		sources = append(sources, normalise.Logsource{Product: "windows", Category: r.category})
		if r.category == "registry_event" && row.Text("ActionType") == "RegistryValueSet" {
			sources = append(sources, normalise.Logsource{Product: "windows", Category: "registry_set"})
		}
		for name, column := range r.fields {
			cloudapp.Add(&f, name, text(row, column))
		}
		cloudapp.Add(&f, "Hashes", hashes(row))
		if key := row.Text("RegistryKey"); key != "" {
			if value := row.Text("RegistryValueName"); value != "" {
				key += `\` + value
			}
			cloudapp.Add(&f, "TargetObject", key)
		}
	}
	return &normalise.Event{Tenant: rec.Tenant, Time: when, File: rec.File, Number: rec.Number, Lab: rec.Lab, Logsources: sources, Fields: f, Rows: []*schema.Row{row}, Raw: rec.Data}
}

func text(row *schema.Row, column string) string {
	switch v := row.Get(column).(type) {
	case string:
		return v
	case int32:
		return strconv.Itoa(int(v))
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

// hashes joins a file's digests the way sensors write them.
func hashes(row *schema.Row) string {
	var parts []string
	for _, name := range []string{"MD5", "SHA1", "SHA256"} {
		if h := row.Text(name); h != "" {
			parts = append(parts, name+"="+h)
		}
	}
	return strings.Join(parts, ",")
}
