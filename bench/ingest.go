package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/duckdb"
)

const (
	ingestRecords = 300_000 // of the import measure and of the yardsticks
	ingestSeconds = 60      // BARTIZAN_BENCH_SECONDS says another number
	ingestRate    = 32_000  // events per second that the paced run offers; BARTIZAN_BENCH_RATE says another number
)

// ingest measures the way of a Sysmon event from the wire to a query and to an alert, in one run:
//
//   - paced: a fresh server with the shipped rules (and public ones when BARTIZAN_TEST_RULES names a folder) gets ingestRate events per second for
//     ingestSeconds over several connections, half of them as NDJSON, half as bulk requests. The rate that counts is what the lake has at the end over the
//     time from the first request until it has it. Beside the load, single probes tell when an event that was sent is seen by a query and by the list of
//     alerts; see prober.
//   - flat: the same server gets as much as it takes, for a third of the time.
//   - import: the records as a file.
//   - yardsticks: what ClickHouse makes of the same records as rows of JSON, and what DuckDB's appender makes of the same rows.
//
// Everything sent must be stored, once: anything else is an error, not a figure.
func (b *bench) ingest(ctx context.Context) error {
	seconds, rate := ingestSeconds, ingestRate
	for name, to := range map[string]*int{"SECONDS": &seconds, "RATE": &rate} {
		if text := b.settings[name]; text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				return fmt.Errorf("BARTIZAN_BENCH_%s: %q is no number of at least 1", name, text)
			}
			*to = n
		}
	}
	if b.settings["PHASE"] != "yardsticks" {
		if err := b.wire(ctx, time.Duration(seconds)*time.Second, rate); err != nil {
			return err
		}
	}
	switch b.settings["PHASE"] {
	case "wire":
		return nil
	case "yardsticks":
		return b.yardsticks(ctx)
	}
	if err := b.importing(ctx); err != nil {
		return err
	}
	return b.yardsticks(ctx)
}

// wire runs the server under load.
func (b *bench) wire(ctx context.Context, length time.Duration, rate int) error {
	data := b.path("wire")
	folders, err := b.benchRules()
	if err != nil {
		return err
	}
	token, err := makeToken(ctx, data, "", "ingest", "read", "hunt")
	if err != nil {
		return err
	}
	s, err := startServer(ctx, data, "", "--rules-folders", folders)
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			s.stop()
		}
	}()
	l := newLoad(s.base, token)
	before := s.cpu()

	p := newProber(s, token)
	probing, endProbing := context.WithCancel(ctx)
	defer endProbing()
	p.start(probing)
	start := time.Now()
	if err := l.run(ctx, length, rate); err != nil {
		return err
	}
	offered := time.Since(start)
	endProbing()
	if err := p.wait(ctx); err != nil {
		return err
	}
	sent := l.sent.Load() + p.sent.Load()
	took, err := s.stored(ctx, token, sent, start)
	if err != nil {
		return err
	}
	cpu := s.cpu() - before
	print("ingest_events_per_second", float64(sent)/took.Seconds(), "records/s")
	print("ingest_offered_per_second", float64(sent)/offered.Seconds(), "records/s")
	print("ingest_event_to_queryable_p50_ms", percentile(p.queryable, 0.5), "ms")
	print("ingest_event_to_queryable_p99_ms", percentile(p.queryable, 0.99), "ms")
	print("ingest_event_to_alert_p50_ms", percentile(p.alerted, 0.5), "ms")
	print("ingest_event_to_alert_p99_ms", percentile(p.alerted, 0.99), "ms")
	print("ingest_ack_p99_ms", percentile(l.acks, 0.99), "ms")
	if cpu > 0 {
		print("ingest_cpu_us_per_event", cpu.Seconds()*1e6/float64(sent), "us")
		print("ingest_sender_cpu_us_per_event", l.cpu.Seconds()*1e6/float64(sent), "us")
	}
	if b.settings["PHASE"] != "wire" || b.settings["FLAT"] != "" {
		before, start = s.cpu(), time.Now()
		flat := newLoad(s.base, token)
		if err := flat.run(ctx, length/3, 0); err != nil {
			return err
		}
		if took, err = s.stored(ctx, token, sent+flat.sent.Load(), start); err != nil {
			return err
		}
		sent += flat.sent.Load()
		print("ingest_flat_out_events_per_second", float64(flat.sent.Load())/took.Seconds(), "records/s")
		if cpu = s.cpu() - before; cpu > 0 {
			print("ingest_flat_out_cpu_us_per_event", cpu.Seconds()*1e6/float64(flat.sent.Load()), "us")
		}
	}
	s.stop()
	stopped = true
	print("ingest_peak_memory_mb", maxRSS(s.cmd.ProcessState)/1e6, "MB")
	size, err := compacted(ctx, b.path("wire", "lake"))
	if err != nil {
		return err
	}
	print("lake_bytes_per_event", size/float64(sent), "bytes")
	return nil
}

// benchRules makes a folder with the one rule that the probes meet, and names it and the public rules.
func (b *bench) benchRules() (string, error) {
	dir := b.path("rules")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := os.WriteFile(b.path("rules", "probe.yml"), []byte(probeRule), 0o600); err != nil {
		return "", err
	}
	if rules := os.Getenv("BARTIZAN_TEST_RULES"); rules != "" {
		dir += "," + rules
	}
	return dir, nil
}

// compacted is the size in bytes of the lake's files after compaction.
func compacted(ctx context.Context, dir string) (float64, error) {
	engine, err := duckdb.New(dir, duckdb.Options{})
	if err != nil {
		return 0, err
	}
	defer engine.Close()
	store, err := engine.Open(ctx, "default")
	if err != nil {
		return 0, err
	}
	if _, err := store.Compact(ctx, func(lake.Progress) {}); err != nil {
		return 0, err
	}
	if err := engine.Close(); err != nil {
		return 0, err
	}
	info, err := os.Stat(dir + "/default.duckdb")
	if err != nil {
		return 0, err
	}
	return float64(info.Size()), nil
}

// importing imports generated records from a file.
func (b *bench) importing(ctx context.Context) error {
	e := newEvents()
	file := b.path("events.jsonl")
	if err := writeLines(file, ingestRecords, e.record); err != nil {
		return err
	}
	args := []string{"import", "--data", b.path("ingest"), "--json"}
	if rules := os.Getenv("BARTIZAN_TEST_RULES"); rules != "" {
		args = append(args, "--rules", rules)
	}
	out, memory, err := peak(ctx, append(args, file)...)
	if err != nil {
		return err
	}
	var report struct {
		Records int64
		Seconds float64
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return err
	}
	if report.Records != ingestRecords {
		return errors.New("import: not every record was stored")
	}
	print("import_events_per_second", float64(report.Records)/report.Seconds, "records/s")
	print("import_peak_memory_mb", memory, "MB")
	return nil
}
