package winlog

import (
	"bytes"
	"strconv"
	"time"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// decodeNXLog reads the one-level form of the NXLog agent. The agent's own fields share the level with the provider's, so some names
// need care: EventType, AccountName, Domain, UserID and ProcessID can be either.
func decodeNXLog(root *fastjson.Object, r *record) error {
	r.dialect = dialectNXLog
	account := has(root, "AccountType") // then AccountName, Domain and UserID describe System/Security
	execution := has(root, "ExecutionProcessID")
	var eventTime, received, stamped string
	root.Visit(func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "EventTime":
			eventTime = r.str(v)
		case "EventReceivedTime":
			received = r.str(v)
		case "@timestamp":
			stamped = r.str(v)
		case "Hostname", "HOSTNAME":
			r.computer = r.str(v)
		case "EventID":
			r.eventID = r.number(v)
		case "Channel":
			r.channel = r.str(v)
		case "SourceName":
			r.provider = r.str(v)
		case "Message":
			r.message = r.str(v)
		case "RecordNumber":
			r.recordID = r.str(v)
		case "Keywords":
			r.keywords = hexKeywords(r.str(v))
		case "Task":
			r.task = r.str(v)
		case "OpcodeValue":
			r.opcode = r.str(v)
		case "SeverityValue":
			r.level = levelOfSeverity(r.str(v))
		case "ActivityID":
			r.activity = r.str(v)
		case "ExecutionProcessID":
			r.processID = r.str(v)
		case "ThreadID":
			r.threadID = r.str(v)
		case "ProcessID":
			if execution {
				r.add("ProcessID", r.value(v))
			} else {
				r.processID = r.str(v)
			}
		case "Version":
			if v.Type() == fastjson.TypeNumber {
				r.version = r.str(v)
			} else {
				r.add("Version", r.value(v))
			}
		case "UserID":
			if account {
				r.userID = r.str(v)
			} else {
				r.add("UserID", r.value(v))
			}
		case "AccountName", "Domain":
			if !account {
				r.add(r.names.name(key), r.value(v))
			}
		case "EventType":
			if text := r.str(v); !agentEventType(text) {
				r.addText("EventType", text)
			}
		case "ProviderGuid", "Opcode", "Severity", "Category", "AccountType", "SourceModuleName", "SourceModuleType", "host", "port", "tags", "@version",
			"type", "ERROR_EVT_UNRESOLVED", "EventTypeOrignal", "RelatedActivityID":
			// of the agent or the pipeline, or repeated in what is kept
		default:
			r.add(r.names.name(key), r.value(v))
		}
	})
	r.time, _ = normalise.ParseTime(eventTime)
	r.localTime = !hasZone(eventTime)
	if at, ok := normalise.ParseTime(stamped); ok && r.localTime && hasZone(stamped) {
		if local, ok := normalise.ParseTime(received); ok {
			r.time = r.time.Add(wholeOffset(at.Sub(local)))
			r.localTime = false
		}
	}
	return nil
}

// decodeExport reads the one-level form of event export scripts: TimeCreated, Hostname or Computer, EventID, Channel, SourceName, Message,
// and the provider's fields beside them. TimeCreated may be local time although it says "Z".
func decodeExport(root *fastjson.Object, r *record) error {
	r.dialect = dialectExport
	var created, stamped string
	root.Visit(func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "TimeCreated", "EventTime":
			created = r.str(v)
		case "@timestamp":
			stamped = r.str(v)
		case "Hostname", "Computer", "HOSTNAME", "MachineName":
			r.computer = r.str(v)
		case "EventID":
			r.eventID = r.number(v)
		case "Channel", "LogName":
			r.channel = r.str(v)
		case "SourceName", "Provider_Name":
			r.provider = r.str(v)
		case "Message":
			r.message = r.str(v)
		case "RecordNumber", "EventRecordID", "RecordId":
			r.recordID = r.str(v)
		case "Keywords":
			r.keywords = r.str(v)
		case "Task":
			r.task = r.str(v)
		case "Level":
			r.level = r.str(v)
		case "UserData":
			if v.Type() != fastjson.TypeNull {
				r.userData(v, 0)
			}
		case "EventData":
			r.eventData(v)
		case "ProviderGuid", "@version", "@metadata", "host", "port", "tags", "type":
		default:
			r.add(r.names.name(key), r.value(v))
		}
	})
	if created == "" {
		created = stamped
	}
	r.time, _ = normalise.ParseTime(created)
	r.localTime = true
	return nil
}

// agentEventType reports whether an EventType is the agent's severity and not the provider's field.
func agentEventType(s string) bool {
	switch s {
	case "INFO", "WARNING", "ERROR", "CRITICAL", "VERBOSE", "DEBUG", "AUDIT_SUCCESS", "AUDIT_FAILURE":
		return true
	}
	return false
}

// levelOfSeverity turns the agent's severity (1 debug … 5 critical) into Windows' level (1 critical … 5 verbose).
func levelOfSeverity(s string) string {
	switch s {
	case "5":
		return "1"
	case "4":
		return "2"
	case "3":
		return "3"
	case "2":
		return "4"
	case "1":
		return "5"
	}
	return ""
}

// hexKeywords writes a keyword mask as Windows does, whatever number the agent made of it.
func hexKeywords(s string) string {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return "0x" + strconv.FormatUint(uint64(n), 16)
	}
	return s
}

// hasZone reports whether a time text says which zone it is in.
func hasZone(s string) bool {
	if len(s) < 20 {
		return false
	}
	return bytes.ContainsAny([]byte(s[19:]), "Z+-")
}

// wholeOffset rounds a difference between two clocks to a zone offset: whole quarters of an hour, at most 14 hours, else none.
func wholeOffset(d time.Duration) time.Duration {
	q := d.Round(15 * time.Minute)
	if rest := (d - q).Abs(); rest > 2*time.Minute || q.Abs() > 14*time.Hour {
		return 0
	}
	return q
}
