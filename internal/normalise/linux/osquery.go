package linux

import (
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// osquery renders one result of a scheduled query. Which table a query asks is told by its name, as packs name their queries after the table.
func (f *Family) osquery(rec *normalise.Record, out *normalise.Batch) error {
	v, err := cloudapp.Object(&f.parser, Name, rec.Data)
	if err != nil {
		return err
	}
	v, _ = cloudapp.Unwrap(v, "", cloudapp.Has("hostIdentifier"))
	columns := v.Get("columns")
	name := cloudapp.Text(v, "name")
	if cloudapp.Text(v, "hostIdentifier") == "" {
		return fault.Newf(fault.Invalid, "linux: the osquery result has no hostIdentifier")
	}
	if cloudapp.Text(v, "action") == "snapshot" || columns == nil || columns.Type() != fastjson.TypeObject {
		return f.snapshot(rec, v, name, out)
	}
	at := timeSource{time: cloudapp.Time(columns, "time")}
	if at.time.IsZero() {
		at.time = cloudapp.Time(v, "unixTime")
	}
	host := cloudapp.Text(v, "hostIdentifier")
	var r *schema.Row
	category := ""
	if action := cloudapp.Text(v, "action"); action != "removed" {
		r, category = osqueryRow(rec, name, host, columns, at)
	}
	fields := cloudapp.Flat(v)
	sources := []normalise.Logsource{logsource("", "osquery")}
	var rows []*schema.Row
	if r == nil {
		out.Unmapped = Name + "/osquery"
	} else {
		f.lineage(r, "osquery")
		var d normalise.Dynamic
		d.Text("Source", "osquery")
		d.Text("Query", name)
		d.Raw("Columns", normalise.JSON(columns))
		r.Set("AdditionalFields", d.String())
		rows = []*schema.Row{r}
		out.Rows = append(out.Rows, r)
		if category != "" {
			sources = append(sources, logsource(category, ""))
			cloudapp.Add(&fields, "Image", cloudapp.Text(columns, "path"))
			cloudapp.Add(&fields, "CommandLine", cloudapp.Text(columns, "cmdline"))
			cloudapp.Add(&fields, "User", cloudapp.Text(columns, "username"))
			cloudapp.Add(&fields, "DestinationIp", cloudapp.Text(columns, "remote_address"))
			cloudapp.Add(&fields, "DestinationPort", cloudapp.Text(columns, "remote_port"))
			cloudapp.Add(&fields, "TargetFilename", cloudapp.Text(columns, "target_path"))
		}
	}
	out.Events = append(out.Events, event(rec, at, fields, rows, sources...))
	return nil
}

// snapshot renders what a query found at one time: what it says of the device itself goes into the entity tables.
func (f *Family) snapshot(rec *normalise.Record, v *fastjson.Value, name string, out *normalise.Batch) error {
	at := timeSource{time: cloudapp.Time(v, "unixTime")}
	host := cloudapp.Text(v, "hostIdentifier")
	list := v.GetArray("snapshot")
	rows := entityRows(rec, name, host, list, at)
	out.Rows = append(out.Rows, rows...)
	if len(rows) == 0 {
		out.Unmapped = Name + "/osquery"
	}
	out.Events = append(out.Events, event(rec, at, cloudapp.Flat(v), rows, logsource("", "osquery")))
	return nil
}

// shape tells the table of an event query whose name does not say it by the columns that only it has.
func shape(query string, c *fastjson.Value) string {
	switch {
	case strings.Contains(query, "_events"):
	case c.Exists("target_path") && c.Exists("action"):
		return "file_events"
	case c.Exists("remote_address") && c.Exists("action") && c.Exists("success"):
		return "socket_events"
	}
	return query
}

func osqueryRow(rec *normalise.Record, query, host string, c *fastjson.Value, at timeSource) (*schema.Row, string) {
	text := func(name string) string { return cloudapp.Text(c, name) }
	if rows := entityRows(rec, query, host, []*fastjson.Value{c}, at); len(rows) == 1 && !strings.Contains(query, "logged_in_users") {
		return rows[0], ""
	}
	switch query = shape(query, c); {
	case strings.Contains(query, "hardware_events"):
		action := map[string]string{"add": "PnpDeviceConnected", "remove": "PnpDeviceDisconnected"}[text("action")]
		if action == "" {
			return nil, ""
		}
		return row(rec, "DeviceEvents", action, host, at), ""
	case strings.Contains(query, "process_events"):
		r := row(rec, "DeviceProcessEvents", "ProcessCreated", host, at)
		r.Set("FolderPath", text("path"))
		r.Set("FileName", normalise.Leaf(text("path")))
		r.Set("ProcessCommandLine", text("cmdline"))
		setID(r, "ProcessId", text("pid"))
		setID(r, "InitiatingProcessId", text("parent"))
		r.Set("ProcessCreationTime", at.time)
		r.Set("AccountName", osqueryUser(c))
		return r, "process_creation"
	case strings.Contains(query, "socket_events"):
		action := map[string]string{"connect": "ConnectionSuccess", "accept": "InboundConnectionAccepted"}[text("action")]
		if action == "" {
			return nil, ""
		}
		if action == "ConnectionSuccess" && text("success") == "0" {
			action = "ConnectionFailed"
		}
		r := row(rec, "DeviceNetworkEvents", action, host, at)
		remote := normalise.CleanIP(text("remote_address"))
		r.Set("RemoteIP", remote)
		r.Set("RemoteIPType", normalise.IPType(remote))
		r.Set("LocalIP", normalise.CleanIP(text("local_address")))
		setPort(r, "RemotePort", text("remote_port"))
		setPort(r, "LocalPort", text("local_port"))
		r.Set("Protocol", map[string]string{"6": "Tcp", "17": "Udp"}[text("protocol")])
		r.Set("InitiatingProcessFolderPath", text("path"))
		r.Set("InitiatingProcessFileName", normalise.Leaf(text("path")))
		setID(r, "InitiatingProcessId", text("pid"))
		return r, "network_connection"
	case strings.Contains(query, "file_events"):
		action := map[string]string{"CREATED": "FileCreated", "UPDATED": "FileModified", "DELETED": "FileDeleted", "MOVED_FROM": "FileRenamed", "MOVED_TO": "FileRenamed"}[text("action")]
		if action == "" {
			return nil, ""
		}
		r := row(rec, "DeviceFileEvents", action, host, at)
		r.Set("FolderPath", text("target_path"))
		r.Set("FileName", normalise.Leaf(text("target_path")))
		r.Set("MD5", text("md5"))
		r.Set("SHA1", text("sha1"))
		r.Set("SHA256", text("sha256"))
		return r, "file_event"
	case strings.Contains(query, "user_events"):
		action := "LogonSuccess"
		if strings.Contains(text("message"), "res=failed") {
			action = "LogonFailed"
		}
		r := row(rec, "DeviceLogonEvents", action, host, at)
		r.Set("AccountName", osqueryUser(c))
		r.Set("RemoteIP", normalise.CleanIP(text("address")))
		return r, ""
	}
	return nil, ""
}

func osqueryUser(c *fastjson.Value) string {
	if name := cloudapp.Text(c, "username"); name != "" {
		return name
	}
	if uid := cloudapp.Text(c, "uid"); uid != "0" {
		return uid
	}
	return "root"
}

func setPort(r *schema.Row, column, s string) {
	if n, err := strconv.ParseUint(s, 10, 16); err == nil && n > 0 {
		r.Set(column, int(n))
	}
}
