package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/ingest/reader"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// cutSink ends an import behind a number of new records, as if it was killed after a commit.
type cutSink struct {
	*importSink
	left int
}

var errCut = fmt.Errorf("cut")

func (s *cutSink) Record(rec *normalise.Record) error {
	if s.taken >= s.done {
		if s.left == 0 {
			return errCut
		}
		s.left--
	}
	return s.importSink.Record(rec)
}

// importPart imports at most so many new records.
func importPart(t *testing.T, data, logs string, most int) {
	t.Helper()
	ctx := context.Background()
	n := open(t, data)
	defer n.Close()
	store, err := n.lakes.Open(ctx, tenant.Default)
	if err != nil {
		t.Fatal(err)
	}
	position := func(source string) (int64, error) { return store.Position(ctx, source) }
	again, err := resumed(ctx, []string{logs}, position)
	if err != nil {
		t.Fatal(err)
	}
	cfg := ingest.Config{Store: store, Derive: entities(store, again), Records: n.records, MaxDelay: time.Minute}
	if cfg.Families, err = families(ctx, store); err != nil {
		t.Fatal(err)
	}
	p := ingest.NewPipeline(ctx, cfg)
	sink := &cutSink{&importSink{ctx: ctx, pipeline: p, seen: map[string]int{}, position: position}, most}
	err = reader.Walk(ctx, []string{logs}, reader.Options{Tenant: tenant.Default, Probes: ingest.Probes(cfg.Families)}, sink)
	if err != nil && err != errCut {
		t.Fatal(err)
	}
	if _, err := p.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestEntitiesOfAnImportInParts holds imports that broke off anywhere to the entity tables of one that did not.
func TestEntitiesOfAnImportInParts(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	logs := filepath.Join(work, "logs")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	const records = 1400
	var text strings.Builder
	begin := time.Date(2031, 3, 4, 10, 0, 0, 0, time.UTC)
	for i := range records {
		at := begin.Add(time.Duration(i) * 97 * time.Second).Format("2006-01-02 15:04:05")
		if i%40 == 39 { // one that was late by a day
			at = begin.Add(time.Duration(i)*97*time.Second - 24*time.Hour).Format("2006-01-02 15:04:05")
		}
		device := fmt.Sprintf("ws%d.corp.example", i*7%5)
		switch {
		case i%6 == 0:
			fmt.Fprintf(&text, `{"EventTime":%q,"Hostname":%q,"Channel":"Microsoft-Windows-Sysmon/Operational","SourceName":"Microsoft-Windows-Sysmon","EventID":3,"UtcTime":%q,"ProcessId":7,"Image":"C:\\a.exe","Protocol":"tcp","Initiated":"true","SourceIp":"10.0.0.%d","SourcePort":50000,"DestinationIp":"198.51.100.7","DestinationPort":443}`+"\n", at, device, at+".000", i/90%9)
		case i%11 == 0:
			fmt.Fprintf(&text, `{"EventTime":%q,"Hostname":%q,"Channel":"Security","SourceName":"Microsoft-Windows-Security-Auditing","EventID":4624,"TargetUserName":"user%d","TargetDomainName":"CORP","TargetUserSid":"S-1-5-21-1-2-3-%d","TargetLogonId":"0x%x","LogonType":2}`+"\n", at, device, i%4, 1000+i%4, i)
		default:
			fmt.Fprintf(&text, `{"EventTime":%q,"Hostname":%q,"Channel":"Microsoft-Windows-Sysmon/Operational","SourceName":"Microsoft-Windows-Sysmon","EventID":11,"UtcTime":%q,"ProcessId":7,"Image":"C:\\a.exe","TargetFilename":"C:\\f%d.txt"}`+"\n", at, device, at+".000", i)
		}
	}
	if err := os.WriteFile(filepath.Join(logs, "a.jsonl"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(work, "whole")
	importPart(t, whole, logs, records)
	want := contents(t, whole)
	for _, table := range []string{"DeviceInfo", "DeviceNetworkInfo", "IdentityInfo"} {
		if strings.HasPrefix(want.Tables[table], "0 ") || want.Tables[table] == "" {
			t.Fatalf("there is nothing to compare: %v", want.Tables)
		}
	}
	for _, part := range []int{301, 478} {
		parts := filepath.Join(work, fmt.Sprint("parts", part))
		for done := 0; done < records; done += part {
			importPart(t, parts, logs, part)
		}
		if diff := cmp.Diff(want.Tables, contents(t, parts).Tables); diff != "" {
			t.Errorf("an import in parts of %d records left something else (-whole +parts):\n%s", part, diff)
		}
	}
}
