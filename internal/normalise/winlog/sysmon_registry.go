package winlog

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// registryEventType is what Sysmon 12, 13 and 14 say was done. Collectors may overwrite the field with a severity of their own; then the message
// or the event id tells. An event 12 with neither stays unknown.
func (w *worker) registryEventType() string {
	r := &w.rec
	if t := r.peek("EventType"); t != "" {
		return t
	}
	switch r.eventID {
	case 13:
		return "SetValue"
	case 14:
		return "RenameKey"
	}
	const label = "EventType: "
	if i := strings.Index(r.message, label); i >= 0 {
		t, _, _ := strings.Cut(r.message[i+len(label):], "\n")
		return strings.TrimSpace(t)
	}
	return ""
}

func (w *worker) sysmonRegistry() {
	r := &w.rec
	eventType := w.registryEventType()
	r.use("EventType")
	action := "RegistryObjectChanged" // an event 12 that does not say what it did
	switch eventType {
	case "CreateKey":
		action = "RegistryKeyCreated"
	case "DeleteKey":
		action = "RegistryKeyDeleted"
	case "DeleteValue":
		action = "RegistryValueDeleted"
	case "SetValue":
		action = "RegistryValueSet"
	case "RenameKey", "RenameValue":
		action = "RegistryKeyRenamed"
	}
	row := w.sysmonRow("DeviceRegistryEvents", action)
	path, _ := registryPath(r.get("TargetObject"))
	switch action {
	case "RegistryValueSet":
		key, name := splitValue(path)
		put(row, "RegistryKey", key)
		put(row, "RegistryValueName", name)
		kind, data := registryDetails(r.get("Details"))
		put(row, "RegistryValueType", kind)
		put(row, "RegistryValueData", data)
		put(row, "PreviousRegistryValueData", w.previousValue(path, data))
	case "RegistryValueDeleted":
		key, name := splitValue(path)
		put(row, "RegistryKey", key)
		put(row, "RegistryValueName", name)
		put(row, "PreviousRegistryValueData", w.previousValue(path, ""))
	case "RegistryKeyRenamed":
		renamed, _ := registryPath(r.get("NewName"))
		put(row, "PreviousRegistryKey", path)
		put(row, "RegistryKey", renamed)
	default:
		put(row, "RegistryKey", path)
	}
	w.finish(row)
}

// maxRemembered bounds one remembered registry value; longer ones are not kept.
const maxRemembered = 512

// previousValue returns the last data seen for a registry value of the device and remembers the new.
func (w *worker) previousValue(path, data string) string {
	if len(path)+len(data) > maxRemembered {
		return ""
	}
	key := w.dev.id + strings.ToLower(path)
	before, _ := w.registry.get(key)
	if data != before {
		w.registry.put(key, strings.Clone(data))
	}
	return before
}

// registryDetails reads Sysmon's rendering of registry data: type and value.
func registryDetails(s string) (kind, data string) {
	switch {
	case s == "Binary Data":
		return "Binary", ""
	case strings.HasPrefix(s, "DWORD (0x") && strings.HasSuffix(s, ")"):
		if n, err := strconv.ParseUint(s[len("DWORD (0x"):len(s)-1], 16, 32); err == nil {
			return "Dword", strconv.FormatUint(n, 10)
		}
	case strings.HasPrefix(s, "QWORD (0x") && strings.HasSuffix(s, ")"):
		high, low, ok := strings.Cut(s[len("QWORD ("):len(s)-1], "-")
		h, err1 := strconv.ParseUint(strings.TrimPrefix(high, "0x"), 16, 32)
		l, err2 := strconv.ParseUint(strings.TrimPrefix(low, "0x"), 16, 32)
		if ok && err1 == nil && err2 == nil {
			return "Qword", strconv.FormatUint(h<<32|l, 10)
		}
	case normalise.CleanText(s) == "":
		return "", ""
	}
	return "String", s
}
