package mail

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest/reader"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/goldentest"
)

// sharedMail is a folder of public sample mail beside the working copy; the test is skipped where it is absent.
const sharedMail = "../../../../shared/data/email"

type label struct {
	SPF, DKIM, DMARC *string
	Attachments      []string
	From, Subject    string
}

// TestSharedMail normalises public sample mail: nothing is lost, and the sender checks and attachments agree with what other parsers found.
func TestSharedMail(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(sharedMail, "labels.json"))
	if err != nil {
		t.Skip("no sample mail beside the working copy")
	}
	var labels map[string]label
	if err := json.Unmarshal(raw, &labels); err != nil {
		t.Fatal(err)
	}
	s := &mailSink{t: t, labels: labels, rows: map[string]int{}, same: map[string]int{}, family: New()}
	start := time.Now()
	for _, name := range []string{"ham", "phish", "spam", "auth-and-trick-fixtures", "mime-goldens"} {
		path := filepath.Join(sharedMail, name+".tar.gz")
		opt := reader.Options{Probes: []reader.Probe{{Name: Name, Score: Probe}}}
		if err := reader.Walk(t.Context(), []string{path}, opt, s); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d messages in %v: rows %v, refused %d, other formats %d", s.messages, time.Since(start).Round(time.Millisecond), s.rows, s.refused, s.other)
	t.Logf("of %d labelled messages the same: %v", s.labelled, s.same)
	if s.refused > 0 {
		t.Errorf("%d messages refused", s.refused)
	}
	for _, k := range []string{"spf", "dkim", "dmarc", "attachments", "from"} {
		if s.same[k]*100 < s.labelled*97 {
			t.Errorf("%s agrees for %d of %d only", k, s.same[k], s.labelled)
		}
	}
}

type mailSink struct {
	t                                  *testing.T
	family                             *Family
	labels                             map[string]label
	rows, same                         map[string]int
	messages, labelled, refused, other int
	shown                              int
}

func (s *mailSink) Begin(*reader.File) error { return nil }
func (s *mailSink) End(*reader.File) error   { return nil }

func (s *mailSink) Refuse(file string, number int64, code, message string) {
	s.t.Logf("refused %s:%d %s %s", file, number, code, message)
	s.refused++
}

func (s *mailSink) Record(rec *normalise.Record) error {
	if rec.Source != Name {
		s.other++
		return nil
	}
	s.messages++
	var out normalise.Batch
	if err := s.family.Normalise(rec, &out); err != nil {
		s.refused++
		s.t.Logf("refused %s:%d %v", rec.File, rec.Number, err)
		return nil
	}
	goldentest.Describe(&out, nil)
	for _, r := range out.Rows {
		s.rows[r.Table.Name]++
	}
	if l, ok := s.labels[filepath.Base(rec.File[:strings.Index(rec.File, "#")])+rec.File[strings.Index(rec.File, "#"):]]; ok {
		s.compare(rec, l, &out)
	}
	return nil
}

func (s *mailSink) compare(rec *normalise.Record, l label, out *normalise.Batch) {
	s.labelled++
	var auth struct{ SPF, DKIM, DMARC string }
	_ = json.Unmarshal([]byte(out.Rows[0].Text("AuthenticationDetails")), &auth)
	check := func(name, got string, want *string) {
		w := ""
		if want != nil {
			w = normal(*want)
		}
		if got == w {
			s.same[name]++
			return
		}
		if s.shown++; s.shown < 60 {
			s.t.Logf("%s: %s %q, labelled %q", rec.File, name, got, w)
		}
	}
	check("spf", auth.SPF, l.SPF)
	check("dkim", auth.DKIM, l.DKIM)
	check("dmarc", auth.DMARC, l.DMARC)
	f := out.Events[0].Fields
	count, _ := out.Rows[0].Get("AttachmentCount").(int32)
	if int(count) == len(l.Attachments) {
		s.same["attachments"]++
	} else if s.shown++; s.shown < 60 {
		names, _ := f.Get("AttachmentName")
		s.t.Logf("%s: %d attachments %v, labelled %v", rec.File, count, names.List, l.Attachments)
	}
	if from := out.Rows[0].Text("SenderFromAddress"); strings.Contains(strings.ToLower(l.From), strings.ToLower(from)) && (from != "" || !strings.Contains(l.From, "@")) {
		s.same["from"]++
	} else if s.shown++; s.shown < 60 {
		s.t.Logf("%s: from %q, labelled %q", rec.File, from, l.From)
	}
}
