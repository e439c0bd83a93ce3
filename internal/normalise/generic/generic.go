// Package generic takes the records that no other family knows. They have no table, so they are counted under a name; but rules still see them: JSON by
// its own field names, text by its words. Formats that public rules address and that have no table yet (Kubernetes audit, web and proxy logs, …) are
// told apart here, so that those rules work.
package generic

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Name is the family's id; records without another family fall to it.
const Name = "generic"

// Family normalises what is left. It is used by one goroutine.
type Family struct{ parser fastjson.Parser }

// New returns the family.
func New() *Family { return &Family{} }

// Name implements normalise.Family.
func (*Family) Name() string { return Name }

// Probe claims nothing: the family gets what all others leave.
func Probe([]byte) int { return 0 }

// maxText bounds a text record given to rules.
const maxText = 64 << 10

// Normalise implements normalise.Family.
func (f *Family) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	data := bytes.TrimSpace(rec.Data)
	if len(data) == 0 {
		return fault.Newf(fault.Invalid, "generic: the record is empty")
	}
	ev := &normalise.Event{Tenant: rec.Tenant, File: rec.File, Number: rec.Number, Lab: rec.Lab, Raw: rec.Data}
	out.Events = append(out.Events, ev)
	if data[0] == '{' && json.Valid(data) {
		v, err := cloudapp.Object(&f.parser, Name, data)
		if err == nil {
			f.object(v, ev, out)
			return nil
		}
	}
	text := string(data)
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	ev.Fields.Add("message", text)
	out.Unmapped = Name + "/text"
	return nil
}

// timeNames are members that hold the time of an event in formats not known otherwise.
var timeNames = []string{
	"@timestamp", "timestamp", "Timestamp", "time", "Time", "ts", "eventTime", "TimeGenerated", "requestReceivedTimestamp", "createdDateTime", "date",
	"utc_time", "local_time", "created_at", "published", "unixTime", "stageTimestamp",
}

// source is a format that rules address.
type source struct {
	kind       string
	fits       func(v *fastjson.Value) bool
	logsources []normalise.Logsource
}

func members(names ...string) func(v *fastjson.Value) bool {
	return func(v *fastjson.Value) bool {
		for _, n := range names {
			if !v.Exists(strings.Split(n, "/")...) {
				return false
			}
		}
		return true
	}
}

func from(product, category, service string) []normalise.Logsource {
	return []normalise.Logsource{{Product: product, Category: category, Service: service}}
}

// sources are told apart by their members.
var sources = []source{
	{"kubernetes-audit", members("verb", "objectRef", "auditID"), from("kubernetes", "application", "audit")},
	{"opencanary", members("logtype", "node_id"), from("opencanary", "application", "")},
	{"bitbucket-audit", members("auditType/action"), from("bitbucket", "", "audit")},
	{"onelogin", members("event_type_id", "account_id"), from("onelogin", "", "onelogin.events")},
	{"duo", members("eventtype", "factor", "integration"), from("cisco", "", "duo")},
	{"duo", members("event_type", "auth_device", "access_device"), from("cisco", "", "duo")},
	{"osquery", members("hostIdentifier", "columns", "action"), from("linux", "", "osquery")},
	{"web-access", members("cs-method", "cs-uri-stem"), append(from("", "webserver", ""), from("", "proxy", "")...)},
}

func (f *Family) object(v *fastjson.Value, ev *normalise.Event, out *normalise.Batch) {
	ev.Fields = cloudapp.Flat(v)
	ev.Time = cloudapp.Time(v, timeNames...)
	kind := "json"
	for _, s := range sources {
		if s.fits(v) {
			kind, ev.Logsources = s.kind, s.logsources
			break
		}
	}
	if kind == "web-access" {
		if query := cloudapp.Text(v, "cs-uri-query"); query != "" {
			cloudapp.Add(&ev.Fields, "c-uri", cloudapp.Text(v, "cs-uri-stem")+"?"+query)
		} else {
			cloudapp.Add(&ev.Fields, "c-uri", cloudapp.Text(v, "cs-uri-stem"))
		}
		agent := strings.ReplaceAll(cloudapp.Text(v, "cs(User-Agent)"), "+", " ")
		cloudapp.Add(&ev.Fields, "cs-user-agent", agent)
		cloudapp.Add(&ev.Fields, "c-useragent", agent)
		cloudapp.Add(&ev.Fields, "cs-referer", cloudapp.Text(v, "cs(Referer)"))
		if t, ok := normalise.ParseTime(cloudapp.Text(v, "date") + "T" + cloudapp.Text(v, "time")); ok {
			ev.Time = t
		}
	}
	out.Unmapped = Name + "/" + kind
}

var _ normalise.Family = (*Family)(nil)
