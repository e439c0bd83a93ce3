package simulate_test

import (
	"bytes"
	"encoding/json"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/simulate"
)

var end = time.Date(2025, 3, 4, 15, 0, 0, 0, time.UTC)

func TestShippedScenarios(t *testing.T) {
	scenarios, err := simulate.Load(os.DirFS("../../content/scenarios"))
	if err != nil {
		t.Fatal(err)
	}
	if len(scenarios) < 4 {
		t.Fatalf("%d scenarios", len(scenarios))
	}
	for _, s := range scenarios {
		t.Run(s.ID, func(t *testing.T) {
			records, err := s.Generate("run-1", end)
			if err != nil {
				t.Fatal(err)
			}
			again, err := s.Generate("run-1", end)
			if err != nil || len(again) != len(records) {
				t.Fatalf("a second generation gives %d records, %v", len(again), err)
			}
			for i, r := range records {
				if !bytes.Equal(r.Data, again[i].Data) {
					t.Fatalf("record %d differs between two generations of one run", i)
				}
				if r.Time.Before(end.Add(-s.Lasts)) || i > 0 && r.Time.Before(records[i-1].Time) {
					t.Errorf("record %d is at %v: out of order or range", i, r.Time)
				}
				switch r.Source {
				case "mail":
					m, err := mail.ReadMessage(bytes.NewReader(r.Data))
					if err != nil {
						t.Errorf("record %d is not a mail message: %v", i, err)
					} else if _, err := m.Header.AddressList("From"); err != nil {
						t.Errorf("record %d: From: %v", i, err)
					}
				default:
					if !json.Valid(r.Data) {
						t.Errorf("record %d is not JSON", i)
					}
				}
				if strings.Contains(string(r.Data), "{{") {
					t.Errorf("record %d has an unfilled template: %.200s", i, r.Data)
				}
			}
		})
	}
}

func TestParseNamesTheMistake(t *testing.T) {
	const head = "id: x\nname: X\nlasts: 1h\ncast: {domain: d.example, netbios: D, devices: {pc: {ip: 10.0.0.1}}, users: {u: {rid: 1}}}\nsteps:\n"
	for name, c := range map[string]struct{ steps, want string }{
		"unknown key":       {"- {at: 1m, procces: {}}", "procces"},
		"two kinds":         {"- {at: 1m, exit: {process: a}, dns: {process: a}}", "2 kinds"},
		"unknown device":    {"- {at: 1m, process: {on: nowhere, by: u, image: a}}", `"nowhere"`},
		"unknown user":      {"- {at: 1m, signin: {user: nobody}}", `"nobody"`},
		"after the end":     {"- {at: 2h, signin: {user: u}}", "outside"},
		"far too many":      {"- {at: 1m, repeat: {times: 9000000}, signin: {user: u}}", "limit"},
		"repeat of nothing": {"- {at: 1m, repeat: {every: 1s}, signin: {user: u}}", "repeat"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := simulate.Parse("x.yml", []byte(head+c.steps), simulate.Cast{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v does not say %q", err, c.want)
			}
		})
	}
}

func TestGenerateNamesAMissingProcess(t *testing.T) {
	s, err := simulate.Parse("x.yml", []byte("id: x\nname: X\nlasts: 1h\ncast: {domain: d.example, netbios: D, devices: {pc: {ip: 10.0.0.1}}, users: {u: {rid: 1}}}\nsteps:\n- {at: 1m, exit: {process: ghost}}"), simulate.Cast{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Generate("r", end); err == nil || !strings.Contains(err.Error(), "ghost") {
		t.Errorf("error %v does not name the process", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("id: x\nname: X\nlasts: 1h\nsteps:\n- {at: 1m, exit: {process: a}}"))
	f.Add([]byte("id: x\nname: X\nlasts: 1h\ncast: {users: {u: {}}}\nsteps:\n- {at: 1m, repeat: {times: 3, every: 1s}, signin: {user: u, ip: '{{hex 9}}'}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := simulate.Parse("x.yml", text, simulate.Cast{})
		if err != nil {
			return
		}
		total := 0
		for i := range s.Steps {
			if r := s.Steps[i].Repeat; r != nil {
				total += r.Times
			}
		}
		if total < 2000 {
			_, _ = s.Generate("r", end)
		}
	})
}
