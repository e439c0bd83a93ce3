package winlog

import (
	"strings"

	"github.com/valyala/fastjson"
)

// moved lists where an agent's own processing puts fields of Sysmon events when it renames them to the common schema. Fields that the event data
// still has win.
var moved = [...]struct {
	name  string
	path  []string
	start bool // of a process start only; elsewhere it describes something else
}{
	{"ProcessGuid", []string{"process", "entity_id"}, false},
	{"ProcessId", []string{"process", "pid"}, false},
	{"Image", []string{"process", "executable"}, false},
	{"CommandLine", []string{"process", "command_line"}, true},
	{"CurrentDirectory", []string{"process", "working_directory"}, true},
	{"ParentProcessGuid", []string{"process", "parent", "entity_id"}, true},
	{"ParentProcessId", []string{"process", "parent", "pid"}, true},
	{"ParentImage", []string{"process", "parent", "executable"}, true},
	{"ParentCommandLine", []string{"process", "parent", "command_line"}, true},
	{"OriginalFileName", []string{"process", "pe", "original_file_name"}, true},
	{"Company", []string{"process", "pe", "company"}, true},
	{"Description", []string{"process", "pe", "description"}, true},
	{"Product", []string{"process", "pe", "product"}, true},
	{"FileVersion", []string{"process", "pe", "file_version"}, true},
	{"QueryName", []string{"dns", "question", "name"}, false},
	{"SourceIp", []string{"source", "ip"}, false},
	{"SourcePort", []string{"source", "port"}, false},
	{"SourceHostname", []string{"source", "domain"}, false},
	{"DestinationIp", []string{"destination", "ip"}, false},
	{"DestinationPort", []string{"destination", "port"}, false},
	{"DestinationHostname", []string{"destination", "domain"}, false},
	{"Protocol", []string{"network", "transport"}, false},
	{"TargetObject", []string{"registry", "path"}, false},
	{"RuleName", []string{"rule", "name"}, false},
}

// movedSecurity lists the same for audit events.
var movedSecurity = [...]struct {
	name string
	path []string
}{
	{"IpAddress", []string{"source", "ip"}}, {"IpPort", []string{"source", "port"}}, {"WorkstationName", []string{"source", "domain"}},
}

// readMovedSecurity brings renamed fields of an audit event back under their names.
func (r *record) readMovedSecurity(root *fastjson.Value) {
	for _, m := range movedSecurity {
		if v := root.Get(m.path...); v != nil && r.find(m.name) == nil && (v.Type() == fastjson.TypeString || v.Type() == fastjson.TypeNumber) {
			r.add(m.name, r.value(v))
		}
	}
}

// readMoved brings renamed fields of an event back under the names of its provider.
func (r *record) readMoved(root *fastjson.Value) {
	if r.provider == "Microsoft-Windows-Security-Auditing" {
		r.readMovedSecurity(root)
		return
	}
	if r.provider != "Microsoft-Windows-Sysmon" || root.Get("process") == nil && root.Get("dns") == nil {
		return
	}
	for _, m := range moved {
		if m.start && r.eventID != 1 || r.find(m.name) != nil {
			continue
		}
		if v := root.Get(m.path...); v != nil && v.Type() != fastjson.TypeNull && v.Type() != fastjson.TypeObject {
			r.add(m.name, r.value(v))
		}
	}
	file := "TargetFilename"
	switch r.eventID {
	case 6, 7:
		file = "ImageLoaded"
	case 17, 18:
		file = "" // the pipe's name is given as a file's
		r.readFile("PipeName", root.Get("file", "name"))
	}
	r.readFile(file, root.Get("file", "path"))
	if name := r.str(root.Get("user", "name")); name != "" && r.find("User") == nil {
		r.addText("User", joinAccount(r.str(root.Get("user", "domain")), name))
	}
	if d := r.str(root.Get("network", "direction")); d != "" && r.find("Initiated") == nil && r.eventID == 3 {
		initiated := "false"
		if d == "egress" || d == "outbound" {
			initiated = "true"
		}
		r.addText("Initiated", initiated)
	}
	holder := ""
	switch r.eventID {
	case 1:
		holder = "process"
	case 6, 7, 15, 23, 26, 27, 28, 29:
		holder = "file"
	}
	if holder != "" && r.find("Hashes") == nil && r.find("Hash") == nil {
		var parts []string
		for _, kind := range [...]string{"sha1", "md5", "sha256"} {
			if h := r.str(root.Get(holder, "hash", kind)); h != "" {
				parts = append(parts, strings.ToUpper(kind)+"="+h)
			}
		}
		if parts != nil {
			r.addText("Hashes", strings.Join(parts, ","))
		}
	}
}

func (r *record) readFile(name string, v *fastjson.Value) {
	if name != "" && v != nil && r.find(name) == nil {
		r.add(name, r.value(v))
	}
}
