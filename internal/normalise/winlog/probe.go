package winlog

import "bytes"

// Probe says how sure it is, from 0 to 100, that data is one Windows event this family takes. It looks only at the beginning and allocates
// nothing.
func Probe(data []byte) int {
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(data) == 0 {
		return 0
	}
	head := data[:min(len(data), 64<<10)]
	if head[0] == '<' {
		if bytes.HasPrefix(head, []byte("<?xml")) {
			if end := bytes.Index(head, []byte("?>")); end > 0 {
				head = bytes.TrimLeft(head[end+2:], " \t\r\n")
			}
		}
		switch {
		case !bytes.HasPrefix(head, []byte("<Event")):
			return 0
		case bytes.Contains(head, []byte("schemas.microsoft.com/win/2004/08/events")):
			return 100
		case bytes.Contains(head, []byte("<System>")) && bytes.Contains(head, []byte("<EventID")):
			return 90
		}
		return 0
	}
	if head[0] != '{' {
		return 0
	}
	any := func(keys ...string) bool {
		for _, k := range keys {
			if hasKey(head, k) {
				return true
			}
		}
		return false
	}
	switch {
	case hasKey(head, "winlog") && any("event_data", "event_id", "channel", "provider_name", "user_data"):
		return 95
	case hasKey(head, "System") && hasKey(head, "EventID") && any("Provider", "Channel", "EventRecordID"):
		return 95
	case hasKey(head, "event_id") && any("log_name", "source_name") && any("computer_name", "event_data", "record_number", "host"):
		return 90
	case !hasKey(head, "EventID"):
		return 0
	case any("Channel", "SourceName") && any("Hostname", "HOSTNAME", "EventTime", "TimeCreated", "Computer"):
		return 95
	case hasKey(head, "TimeGenerated") && hasKey(head, "Computer") && any("EventSourceName", "EventLog", "Channel", "Activity", "EventData"):
		return 90
	case hasKey(head, "TimeGenerated") && hasKey(head, "Computer"):
		return 75
	case any("Hostname", "Computer") && any("EventTime", "TimeCreated", "@timestamp"):
		return 70
	}
	return 0
}

// hasKey reports whether "key" followed by a colon occurs.
func hasKey(data []byte, key string) bool {
	for {
		i := bytes.Index(data, []byte(key))
		if i < 0 {
			return false
		}
		rest := data[i+len(key):]
		if i > 0 && data[i-1] == '"' && len(rest) > 0 && rest[0] == '"' {
			rest = bytes.TrimLeft(rest[1:], " \t\r\n")
			if len(rest) > 0 && rest[0] == ':' {
				return true
			}
		}
		data = data[i+len(key):]
	}
}
