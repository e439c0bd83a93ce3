package sigma_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/detect/sigma"
	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// corpus loads the public rule set of a folder, if it is at hand.
func corpus(t testing.TB) []*sigma.Rule {
	t.Helper()
	dir := os.Getenv("BARTIZAN_SIGMA_RULES")
	if dir == "" {
		t.Skip("BARTIZAN_SIGMA_RULES does not name a folder of Sigma rules")
	}
	var rules []*sigma.Rule
	counts := map[string]int{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yml") {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		top, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		if top == "deprecated" || top == "unsupported" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, issues := sigma.Parse(rel, data, sigma.Options{})
		for _, i := range issues {
			counts[i.Code]++
			if testing.Verbose() {
				t.Log(i)
			}
		}
		rules = append(rules, got...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rules, issues %v", len(rules), counts)
	return rules
}

func TestCorpusCompiles(t *testing.T) {
	rules := corpus(t)
	set, issues := sigma.Compile(rules)
	for _, i := range issues {
		t.Log(i)
	}
	t.Logf("%d rules compiled", set.Len())
	if set.Len() < len(rules)*9/10 {
		t.Errorf("only %d of %d rules compiled", set.Len(), len(rules))
	}
}

var sysmonCategory = map[string]string{
	"1": "process_creation", "2": "file_change", "3": "network_connection", "5": "process_termination", "6": "driver_load", "7": "image_load", "8": "create_remote_thread",
	"9": "raw_access_thread", "10": "process_access", "11": "file_event", "12": "registry_event", "13": "registry_set", "14": "registry_event", "15": "create_stream_hash",
	"17": "pipe_created", "18": "pipe_created", "22": "dns_query", "23": "file_delete", "26": "file_delete", "29": "file_executable_detected",
}

// flatten makes an Event of one record in the nested JSON form of a Windows event.
func flatten(data []byte) (*normalise.Event, error) {
	var doc struct {
		Event struct {
			System    map[string]any
			EventData map[string]any
			UserData  map[string]map[string]any
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	ev := &normalise.Event{Raw: data}
	put := func(k string, v any) {
		switch x := v.(type) {
		case nil:
			ev.Fields = append(ev.Fields, normalise.Field{Name: k})
		case string:
			ev.Fields.Add(k, x)
		default:
			b, _ := json.Marshal(x)
			ev.Fields.Add(k, strings.Trim(string(b), `"`))
		}
	}
	for k, v := range doc.Event.EventData {
		put(k, v)
	}
	for _, m := range doc.Event.UserData {
		for k, v := range m {
			put(k, v)
		}
	}
	channel, _ := doc.Event.System["Channel"].(string)
	put("EventID", doc.Event.System["EventID"])
	put("Channel", channel)
	if p, ok := doc.Event.System["Provider"].(map[string]any); ok {
		if a, ok := p["#attributes"].(map[string]any); ok {
			put("Provider_Name", a["Name"])
		}
	}
	id := ev.Fields.Text("EventID")
	add := func(category, service string) {
		ev.Logsources = append(ev.Logsources, normalise.Logsource{Product: "windows", Category: category, Service: service})
	}
	switch channel {
	case "Microsoft-Windows-Sysmon/Operational":
		add(sysmonCategory[id], "sysmon")
		switch id {
		case "12":
			add("registry_add", "sysmon")
			add("registry_delete", "sysmon")
		case "13":
			add("registry_event", "sysmon")
		}
	case "Security":
		add("", "security")
		if id == "4688" {
			add("process_creation", "security")
		}
	case "Microsoft-Windows-PowerShell/Operational":
		add(map[string]string{"4103": "ps_module", "4104": "ps_script"}[id], "powershell")
	case "Windows PowerShell":
		add(map[string]string{"400": "ps_classic_start"}[id], "powershell-classic")
	case "Microsoft-Windows-Windows Defender/Operational":
		add("", "windefend")
	default:
		add("", strings.ToLower(channel))
	}
	return ev, nil
}

// TestRegression fires each rule on its own recorded event, read from the JSON twin of the recording. It measures this package alone.
func TestRegression(t *testing.T) {
	rules := corpus(t)
	dir := os.Getenv("BARTIZAN_SIGMA_REGRESSION")
	if dir == "" {
		t.Skip("BARTIZAN_SIGMA_REGRESSION does not name the folder of regression events")
	}
	set, _ := sigma.Compile(rules)
	total, fired := 0, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".json") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		id := strings.TrimSuffix(filepath.Base(path), ".json")
		total++
		found := false
		dec := json.NewDecoder(strings.NewReader(string(data)))
		for dec.More() {
			var one json.RawMessage
			if err := dec.Decode(&one); err != nil {
				break
			}
			records := []json.RawMessage{one}
			if strings.HasPrefix(string(one), "[") {
				_ = json.Unmarshal(one, &records)
			}
			for _, rec := range records {
				ev, err := flatten(rec)
				if err != nil {
					t.Log(path, err)
					continue
				}
				for _, m := range set.Match(ev, nil) {
					found = found || m.Rule.ID == id
				}
			}
		}
		if found {
			fired++
		} else {
			t.Log("missed", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d cases fired", fired, total)
	if total > 0 && fired*100 < total*95 {
		t.Errorf("%d of %d cases fired, want 95 %%", fired, total)
	}
}
