// Package simulate is the evaluation lab: scenarios as content files that generate source records (Windows events, mail, sign-ins, audit records) and
// send them through the same receivers as real data. Everything a run made is labelled with the run and can be removed again.
//
// A scenario is a cast (devices, users) and steps with times relative to its start. Load reads and checks one, Generate turns it into records,
// and Service runs it.
package simulate

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Scenario is one story of the lab.
type Scenario struct {
	ID          string   `yaml:"id"`
	Name        string   `yaml:"name"`
	Description string   `yaml:"description"`
	Techniques  []string `yaml:"techniques"`
	Workloads   []string `yaml:"workloads"`
	// Lasts is how long the story takes; a run starts it that long before now, so that its end is the present.
	Lasts time.Duration `yaml:"lasts"`
	Cast  Cast          `yaml:"cast"`
	Steps []Step        `yaml:"steps"`
}

// Cast are the devices and users that steps name.
type Cast struct {
	Domain  string            `yaml:"domain"` // DNS domain, also of mail addresses
	NetBIOS string            `yaml:"netbios"`
	Devices map[string]Device `yaml:"devices"`
	Users   map[string]User   `yaml:"users"`
}

// Device is a computer of the cast.
type Device struct {
	IP string `yaml:"ip"`
	DC bool   `yaml:"dc"`
}

// User is a person of the cast. The key is the account name.
type User struct {
	Display string `yaml:"display"`
	RID     int    `yaml:"rid"`
	Country string `yaml:"country"`
	City    string `yaml:"city"`
	IP      string `yaml:"ip"` // where the person usually signs in from
}

// Step is one thing that happens: exactly one of its kinds is set.
type Step struct {
	At     time.Duration `yaml:"at"`
	Repeat *Repeat       `yaml:"repeat"`

	Process  *Process   `yaml:"process"`
	Exit     *Exit      `yaml:"exit"`
	Network  *Network   `yaml:"network"`
	DNS      *DNS       `yaml:"dns"`
	File     *File      `yaml:"file"`
	Delete   *File      `yaml:"delete"`
	Registry *Registry  `yaml:"registry"`
	Access   *Access    `yaml:"access"`
	Load     *ImageLoad `yaml:"load"`
	Logon    *Logon     `yaml:"logon"`
	Event    *Event     `yaml:"event"`
	Mail     *Mail      `yaml:"mail"`
	SignIn   *SignIn    `yaml:"signin"`
	Audit    *Audit     `yaml:"audit"`
}

// Repeat makes a step happen several times. Texts of the step may use {{.N}} (0, 1, …) and {{.Each}} (the members of Each in turn).
type Repeat struct {
	Times  int           `yaml:"times"`
	Every  time.Duration `yaml:"every"`
	Jitter time.Duration `yaml:"jitter"`
	Each   []string      `yaml:"each"`
}

// Process starts a process (Sysmon 1). As names it for later steps; Parent names an earlier one.
type Process struct {
	On, By, As, Parent string
	Image, Command     string
	Integrity          string
	Original, Company  string
	Directory          string
}

// Exit ends a process (Sysmon 5).
type Exit struct{ Process string }

// Network connects (Sysmon 3).
type Network struct {
	Process  string
	To, Host string
	Port     int
	Inbound  bool
}

// DNS asks for a name (Sysmon 22).
type DNS struct{ Process, Name, Answer string }

// File is a file written (Sysmon 11) or deleted (Sysmon 23).
type File struct{ Process, Path string }

// Registry sets a value (Sysmon 13).
type Registry struct{ Process, Key, Value string }

// Access opens another process (Sysmon 10).
type Access struct{ Process, Target, Rights, Trace string }

// ImageLoad loads a library (Sysmon 7).
type ImageLoad struct {
	Process, Image string
	Signed         bool
}

// Logon is Security 4624 or, with Fails, 4625.
type Logon struct {
	On, User string
	Type     int
	From     string // source address
	Host     string // source computer name
	Package  string // NTLM or Kerberos
	Fails    string // status such as 0xC000006A
}

// Event is any other Windows event.
type Event struct {
	On       string
	Channel  string
	Provider string
	ID       int
	Data     map[string]string
}

// Mail is a message received from outside or sent by one of the cast.
type Mail struct {
	From, To, Cc string
	ReplyTo      string `yaml:"replyTo"`
	Subject      string
	Text, HTML   string
	Sender       string // connecting address
	SPF          string
	DKIM         string
	DMARC        string
	Attachments  []Attachment
	EnvelopeFrom string            `yaml:"envelopeFrom"`
	ExtraHeaders map[string]string `yaml:"headers"`
}

// Attachment is a file of a message. Content is its text; lab files are harmless by construction.
type Attachment struct{ Name, Type, Content string }

// SignIn is a cloud sign-in.
type SignIn struct {
	User, IP, Country, City string
	App, Resource           string
	Client, Agent           string
	Error                   int
	Reason                  string
	Risk                    string
}

// Audit is a record of the unified audit log.
type Audit struct {
	User, IP, Operation, Workload, Object string
	RecordType                            int               `yaml:"recordType"`
	Parameters                            map[string]string `yaml:"parameters"`
	Extra                                 map[string]any    `yaml:"extra"`
}

// maxRecords bounds what one scenario may generate.
const maxRecords = 200_000

// castFile holds the cast of the scenarios that bring none of their own.
const castFile = "cast.yml"

// Load reads and checks all scenarios of a folder.
func Load(files fs.FS) ([]*Scenario, error) {
	names, err := fs.Glob(files, "*.yml")
	if err != nil {
		return nil, err
	}
	var shared Cast
	if text, err := fs.ReadFile(files, castFile); err == nil {
		if err := decode(text, &shared); err != nil {
			return nil, fault.Newf(fault.Invalid, "%s: %w", castFile, err)
		}
	}
	sort.Strings(names)
	var out []*Scenario
	seen := map[string]string{}
	for _, name := range names {
		if name == castFile {
			continue
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		s, err := Parse(path.Base(name), text, shared)
		if err != nil {
			return nil, err
		}
		if other, ok := seen[s.ID]; ok {
			return nil, fault.Newf(fault.Conflict, "scenarios %s and %s have the same id %s", other, name, s.ID)
		}
		seen[s.ID] = name
		out = append(out, s)
	}
	return out, nil
}

func decode(text []byte, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	return dec.Decode(into)
}

// Parse reads one scenario; shared is its cast when it brings none. Unknown keys, unknown names and steps without or with two kinds are errors that name the step.
func Parse(name string, text []byte, shared Cast) (*Scenario, error) {
	var s Scenario
	if err := decode(text, &s); err != nil {
		return nil, fault.Newf(fault.Invalid, "scenario %s: %w", name, err)
	}
	if len(s.Cast.Devices)+len(s.Cast.Users) == 0 {
		s.Cast = shared
	}
	if s.ID == "" || s.Name == "" || s.Lasts <= 0 || len(s.Steps) == 0 {
		return nil, fault.Newf(fault.Invalid, "scenario %s needs id, name, lasts and steps", name)
	}
	if s.ID != strings.TrimSuffix(name, ".yml") {
		return nil, fault.Newf(fault.Invalid, "scenario %s has the id %s; file name and id are the same word", name, s.ID)
	}
	total := 0
	for i := range s.Steps {
		if err := s.check(&s.Steps[i]); err != nil {
			return nil, fault.Newf(fault.Invalid, "scenario %s, step %d (at %s): %w", name, i+1, s.Steps[i].At, err)
		}
		total += s.Steps[i].times()
	}
	if total > maxRecords {
		return nil, fault.Newf(fault.TooLarge, "scenario %s would generate %d records; the limit is %d", name, total, maxRecords)
	}
	return &s, nil
}

func (st *Step) times() int {
	switch {
	case st.Repeat == nil:
		return 1
	case st.Repeat.Times > 0:
		return st.Repeat.Times
	}
	return len(st.Repeat.Each)
}

func (s *Scenario) check(st *Step) error {
	kinds := 0
	for _, set := range []bool{
		st.Process != nil, st.Exit != nil, st.Network != nil, st.DNS != nil, st.File != nil, st.Delete != nil, st.Registry != nil, st.Access != nil,
		st.Load != nil, st.Logon != nil, st.Event != nil, st.Mail != nil, st.SignIn != nil, st.Audit != nil,
	} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		return fmt.Errorf("%d kinds are given, exactly one is needed", kinds)
	}
	if st.At < 0 || st.At > s.Lasts {
		return fmt.Errorf("the time is outside 0 … %s", s.Lasts)
	}
	if st.times() <= 0 {
		return fmt.Errorf("repeat needs times or each")
	}
	device := func(name string) error {
		if _, ok := s.Cast.Devices[name]; !ok && !strings.Contains(name, "{{") {
			return fmt.Errorf("no device %q in the cast", name)
		}
		return nil
	}
	user := func(name string) error {
		if _, ok := s.Cast.Users[name]; !ok && name != "SYSTEM" && !strings.Contains(name, "{{") {
			return fmt.Errorf("no user %q in the cast", name)
		}
		return nil
	}
	switch {
	case st.Process != nil:
		if err := device(st.Process.On); err != nil {
			return err
		}
		return user(st.Process.By)
	case st.Logon != nil:
		return device(st.Logon.On)
	case st.Event != nil:
		return device(st.Event.On)
	case st.SignIn != nil:
		return user(st.SignIn.User)
	case st.Audit != nil:
		return user(st.Audit.User)
	}
	return nil
}
