package simulate

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sort"
	"strings"
	"text/template"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Record is a generated source record and the family that reads it.
type Record struct {
	Time   time.Time
	Source string
	Data   []byte
}

// Generate returns the scenario's records in order of time, its end being at end. The same run id gives the same records.
func (s *Scenario) Generate(run string, end time.Time) ([]Record, error) {
	h := fnv.New64a()
	h.Write([]byte(s.ID + "\x00" + run))
	g := &generator{
		s: s, run: run, start: end.Add(-s.Lasts), rng: rand.New(rand.NewPCG(h.Sum64(), 1)), //nolint:gosec // a story, not a secret
		processes: map[string]*process{}, system: map[string]*process{},
	}
	// Steps are written in order of story, repeats interleave: sort the occurrences, then play them.
	type occurrence struct {
		at   time.Time
		step *Step
		n    int
	}
	var all []occurrence
	for i := range s.Steps {
		st := &s.Steps[i]
		for n := range st.times() {
			at := g.start.Add(st.At)
			if st.Repeat != nil {
				at = at.Add(time.Duration(n) * st.Repeat.Every)
				if st.Repeat.Jitter > 0 {
					at = at.Add(time.Duration(g.rng.Int64N(int64(st.Repeat.Jitter))))
				}
			}
			all = append(all, occurrence{at, st, n})
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].at.Before(all[j].at) })
	for _, o := range all {
		g.now, g.n, g.each = o.at, o.n, ""
		if o.step.Repeat != nil && len(o.step.Repeat.Each) > 0 {
			g.each = o.step.Repeat.Each[o.n%len(o.step.Repeat.Each)]
		}
		if err := g.play(o.step); err != nil {
			return nil, fault.Newf(fault.Invalid, "scenario %s, step at %s: %w", s.ID, o.step.At, err)
		}
	}
	return g.out, nil
}

// generator plays one run. It keeps the processes that steps refer to by name.
type generator struct {
	s     *Scenario
	run   string
	start time.Time
	rng   *rand.Rand
	now   time.Time
	n     int
	each  string

	processes map[string]*process
	system    map[string]*process // per device, the parent of what has none
	recordID  int
	out       []Record
	err       error
}

func (g *generator) play(st *Step) error {
	g.err = nil
	switch {
	case st.Process != nil:
		g.startProcess(st.Process)
	case st.Exit != nil:
		g.exit(st.Exit)
	case st.Network != nil:
		g.network(st.Network)
	case st.DNS != nil:
		g.dns(st.DNS)
	case st.File != nil:
		g.file(st.File, 11)
	case st.Delete != nil:
		g.file(st.Delete, 23)
	case st.Registry != nil:
		g.registry(st.Registry)
	case st.Access != nil:
		g.access(st.Access)
	case st.Load != nil:
		g.load(st.Load)
	case st.Logon != nil:
		g.logon(st.Logon)
	case st.Event != nil:
		g.event(st.Event)
	case st.Mail != nil:
		g.mail(st.Mail)
	case st.SignIn != nil:
		g.signIn(st.SignIn)
	case st.Audit != nil:
		g.audit(st.Audit)
	}
	return g.err
}

// text fills a step's text: {{.N}}, {{.Each}}, {{.Run}}, {{pick "a" "b"}}, {{hex 8}}.
func (g *generator) text(s string) string {
	if !strings.Contains(s, "{{") {
		return s
	}
	t, err := template.New("step").Option("missingkey=error").Funcs(template.FuncMap{
		"pick": func(choices ...string) string { return choices[g.rng.IntN(len(choices))] },
		"hex": func(n int) string {
			b := make([]byte, (min(n, 64)+1)/2)
			for i := range b {
				b[i] = byte(g.rng.IntN(256))
			}
			return hex.EncodeToString(b)[:min(n, 64)]
		},
		"sid":     g.sid,
		"between": func(low, high int) int { return low + g.rng.IntN(high-low+1) },
	}).Parse(s)
	if err != nil {
		g.fail("template %q: %w", s, err)
		return ""
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{"N": g.n, "Each": g.each, "Run": g.run}); err != nil {
		g.fail("template %q: %w", s, err)
	}
	return b.String()
}

func (g *generator) fail(format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf(format, args...)
	}
}

func (g *generator) emit(source string, v any) {
	data, ok := v.([]byte)
	if !ok {
		var err error
		if data, err = json.Marshal(v); err != nil {
			g.fail("encoding: %w", err)
			return
		}
	}
	g.out = append(g.out, Record{Time: g.now, Source: source, Data: data})
}

// guid derives a GUID that is the same whenever this run of the scenario is generated.
func (g *generator) guid(parts ...any) string {
	return stableGUID(g.s.ID + "\x00" + g.run + "\x00" + fmt.Sprint(parts...))
}

// stableGUID derives a GUID from a name: the same in every run, as those of users and applications are.
func stableGUID(name string) string {
	sum := sha256.Sum256([]byte(name))
	b := sum[:16]
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// hashes invents the hashes of a file from its content's name: the same program has the same hashes on every device.
func hashes(name string) string {
	sum := sha256.Sum256([]byte("lab:" + strings.ToLower(name)))
	second := sha256.Sum256(sum[:])
	return fmt.Sprintf("SHA1=%X,MD5=%X,SHA256=%X,IMPHASH=%X", second[:20], second[12:28], sum, second[16:32])
}

// sid of a cast user; the domain part is derived from the domain's name so that it is the same in all scenarios of one cast.
func (g *generator) sid(user string) string {
	if user == "SYSTEM" {
		return "S-1-5-18"
	}
	sum := sha256.Sum256([]byte(g.s.Cast.Domain))
	return fmt.Sprintf("S-1-5-21-%d-%d-%d-%d", binary.BigEndian.Uint32(sum[0:4]), binary.BigEndian.Uint32(sum[4:8]), binary.BigEndian.Uint32(sum[8:12]), g.s.Cast.Users[user].RID)
}

func (g *generator) account(user string) string {
	if user == "SYSTEM" {
		return `NT AUTHORITY\SYSTEM`
	}
	return g.s.Cast.NetBIOS + `\` + user
}

func (g *generator) upn(user string) string { return user + "@" + g.s.Cast.Domain }

func (g *generator) host(device string) string { return device + "." + g.s.Cast.Domain }
