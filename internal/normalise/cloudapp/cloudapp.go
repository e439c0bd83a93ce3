// Package cloudapp holds what the families of cloud audit logs share: reading a JSON record, its flat view for rules, and the row of CloudAppEvents
// that an activity becomes. Families fill an Activity; columns are named in one place only.
package cloudapp

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// maxNested bounds the JSON text of one nested member that is given to rules.
const maxNested = 32 << 10

// Object reads a record that is one JSON object. The value lives until the parser's next use.
func Object(p *fastjson.Parser, family string, data []byte) (*fastjson.Value, error) {
	if !json.Valid(data) {
		return nil, fault.Newf(fault.Invalid, "%s: the record is not valid JSON", family)
	}
	if !utf8.Valid(data) { // receivers repair text; what comes another way is repaired here
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	v, err := p.ParseBytes(data)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%s: the record cannot be read: %v", family, err)
	}
	if v.Type() != fastjson.TypeObject {
		return nil, fault.Newf(fault.Invalid, "%s: the record is JSON but no object", family)
	}
	return v, nil
}

// Text returns the text at a path, "" when there is none.
func Text(v *fastjson.Value, path ...string) string {
	if v == nil {
		return ""
	}
	return normalise.JSONText(v.Get(path...))
}

// First returns the first text that is not empty among the named members.
func First(v *fastjson.Value, names ...string) string {
	for _, n := range names {
		if s := Text(v, n); s != "" {
			return s
		}
	}
	return ""
}

// Time returns the first readable time among the named members, the zero time when there is none.
func Time(v *fastjson.Value, names ...string) time.Time {
	for _, n := range names {
		if t, ok := normalise.ParseTime(Text(v, n)); ok {
			return t
		}
	}
	return time.Time{}
}

// Unpack returns v, or what v's text holds when that is a JSON object or array: tables and exports keep nested values as strings.
func Unpack(v *fastjson.Value) *fastjson.Value {
	if v == nil || v.Type() != fastjson.TypeString {
		return v
	}
	b := bytes.TrimSpace(v.GetStringBytes())
	if len(b) < 2 || b[0] != '{' && b[0] != '[' || !json.Valid(b) {
		return v
	}
	inner, err := fastjson.ParseBytes(b)
	if err != nil {
		return v
	}
	return inner
}

// Members calls f for each member of an object that may be packed in a string.
func Members(v *fastjson.Value, f func(name string, member *fastjson.Value)) {
	v = Unpack(v)
	if v == nil {
		return
	}
	if o, err := v.Object(); err == nil {
		o.Visit(func(key []byte, m *fastjson.Value) { f(string(key), m) })
	}
}

// Elements returns the members of an array that may be packed in a string.
func Elements(v *fastjson.Value) []*fastjson.Value {
	v = Unpack(v)
	if v == nil {
		return nil
	}
	a, err := v.Array()
	if err != nil {
		return nil
	}
	return a
}

// Flat returns the flat view of a record: its members with dotted names, members that are packed in strings unpacked too, and beside a nested member's
// parts its JSON text under its own name, since rules search in it.
func Flat(v *fastjson.Value) normalise.Fields {
	var f normalise.Fields
	normalise.Flatten(&f, "", v)
	Members(v, func(name string, m *fastjson.Value) { Nested(&f, name, m) })
	return f
}

// Nested adds to f what Flatten leaves out of one member: the text of an object or list of objects, and the parts of what is packed in a string.
func Nested(f *normalise.Fields, name string, m *fastjson.Value) {
	switch m.Type() {
	case fastjson.TypeString:
		if inner := Unpack(m); inner != m && holdsObjects(inner) {
			normalise.Flatten(f, name, inner)
		}
	case fastjson.TypeObject, fastjson.TypeArray:
		if holdsObjects(m) {
			Add(f, name, cut(normalise.JSON(m)))
		}
	}
}

func holdsObjects(v *fastjson.Value) bool {
	if v.Type() == fastjson.TypeObject {
		return true
	}
	for _, m := range v.GetArray() {
		if m.Type() == fastjson.TypeObject {
			return true
		}
	}
	return false
}

func cut(s string) string {
	if len(s) <= maxNested {
		return s
	}
	return strings.ToValidUTF8(s[:maxNested], "")
}

// Add adds a text unless it is empty or the name is taken.
func Add(f *normalise.Fields, name, text string) {
	if text == "" {
		return
	}
	if _, taken := f.Get(name); !taken {
		f.Add(name, text)
	}
}

// AddList adds a list of distinct texts unless it is empty or the name is taken.
func AddList(f *normalise.Fields, name string, texts ...string) {
	var list []normalise.Value
	for i, t := range texts {
		if t != "" && !slices.Contains(texts[:i], t) {
			list = append(list, normalise.Value{Kind: normalise.String, Text: t})
		}
	}
	if _, taken := f.Get(name); taken || list == nil {
		return
	}
	*f = append(*f, normalise.Field{Name: name, Value: normalise.Value{Kind: normalise.List, List: list}})
}

// Raw returns the record as compact JSON text.
func Raw(data []byte) string {
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	if bytes.IndexByte(data, '\n') < 0 {
		return string(bytes.TrimSpace(data))
	}
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return string(data)
	}
	return b.String()
}

// ActivityObject is one thing that an activity was about, or one of its parameters.
type ActivityObject struct {
	Type, Role, Name, ID, Value string
}

// Activity is one row of CloudAppEvents before it is one.
type Activity struct {
	Time            time.Time
	Action          string
	Application     string
	ApplicationID   int
	AccountObjectID string
	AccountID       string
	AccountName     string
	AccountType     string
	Admin           bool
	External        bool
	Impersonated    bool
	IP              string
	Proxy           bool
	CountryCode     string
	City            string
	ISP             string
	UserAgent       string
	DeviceType      string
	OSPlatform      string
	Type            string // ActivityType
	ObjectName      string
	ObjectType      string
	ObjectID        string
	OAuthAppID      string
	Objects         []ActivityObject
	ReportID        string
	Raw             string
	Additional      normalise.Dynamic
}

// Row renders the activity.
func (a *Activity) Row() *schema.Row {
	r := schema.NewRow("CloudAppEvents")
	r.Set("Timestamp", a.Time)
	r.Set("ActionType", a.Action)
	r.Set("Application", a.Application)
	if a.ApplicationID != 0 {
		r.Set("ApplicationId", a.ApplicationID)
		r.Set("AppInstanceId", 0)
	}
	r.Set("AccountObjectId", a.AccountObjectID)
	r.Set("AccountId", a.AccountID)
	r.Set("AccountDisplayName", a.AccountName)
	r.Set("AccountType", a.AccountType)
	r.Set("IsAdminOperation", a.Admin)
	r.Set("IsExternalUser", a.External)
	r.Set("IsImpersonated", a.Impersonated)
	r.Set("IPAddress", a.IP)
	r.Set("IsAnonymousProxy", a.Proxy)
	r.Set("CountryCode", a.CountryCode)
	r.Set("City", a.City)
	r.Set("ISP", a.ISP)
	r.Set("UserAgent", a.UserAgent)
	r.Set("DeviceType", a.DeviceType)
	r.Set("OSPlatform", a.OSPlatform)
	r.Set("ActivityType", a.Type)
	r.Set("ActivityObjects", objects(a.Objects))
	r.Set("ObjectName", a.ObjectName)
	r.Set("ObjectType", a.ObjectType)
	r.Set("ObjectId", a.ObjectID)
	r.Set("OAuthAppId", a.OAuthAppID)
	r.Set("ReportId", a.ReportID)
	r.Set("RawEventData", a.Raw)
	r.Set("AdditionalFields", a.Additional.String())
	return r
}

func objects(list []ActivityObject) string {
	if len(list) == 0 {
		return ""
	}
	b := []byte{'['}
	var d normalise.Dynamic
	for i, o := range list {
		if i > 0 {
			b = append(b, ',')
		}
		d.Reset()
		d.Text("Type", o.Type)
		d.Text("Role", o.Role)
		d.Text("Name", o.Name)
		d.Text("Id", o.ID)
		d.Text("Value", o.Value)
		s := d.String()
		if s == "" {
			s = "{}"
		}
		b = append(b, s...)
	}
	return string(append(b, ']'))
}

// Truth reads the ways in which logs write a truth value.
func Truth(s string) bool {
	switch strings.ToLower(s) {
	case "true", "yes", "1":
		return true
	}
	return false
}

// GUID reports whether s has the form of a GUID.
func GUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// Platform reads the operating system out of a user agent or the name a log gives, in the words of the hunting tables; "" when it cannot be told.
func Platform(s string) string {
	l := strings.ToLower(s)
	for _, p := range []struct{ sign, name string }{
		{"windows phone", "Windows Phone"},
		{"windows nt 10", "Windows 10"},
		{"windows 11", "Windows 11"},
		{"windows 10", "Windows 10"},
		{"windows10", "Windows 10"},
		{"windows nt 6.1", "Windows 7"},
		{"windows", "Windows"},
		{"iphone", "iOS"},
		{"ipad", "iOS"},
		{"ios", "iOS"},
		{"android", "Android"},
		{"mac os", "macOS"},
		{"macos", "macOS"},
		{"darwin", "macOS"},
		{"cros", "ChromeOS"},
		{"linux", "Linux"},
		{"ubuntu", "Linux"},
	} {
		if strings.Contains(l, p.sign) {
			return p.name
		}
	}
	return ""
}
