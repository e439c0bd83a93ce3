package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/ingest/reader"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

type importFlags struct {
	target   targetFlags
	source   string
	rules    []string
	noDetect bool
	json     bool
}

// importReport is the document of `import --json`.
type importReport struct {
	Files        int64            `json:"files"`
	Records      int64            `json:"records"`
	Skipped      int64            `json:"skipped"` // records that an earlier import of the same file already stored
	Refused      []refusedRecord  `json:"refused"`
	RefusedCount int64            `json:"refusedCount"`
	Rows         map[string]int64 `json:"rows"`
	Unmapped     map[string]int64 `json:"unmapped"`
	Hits         int64            `json:"hits"`
	Alerts       int64            `json:"alerts"`
	Incidents    int64            `json:"incidents"`
	Seconds      float64          `json:"seconds"`
	Bytes        int64            `json:"bytes"`
}

type refusedRecord struct {
	Path    string `json:"path"`
	Record  int64  `json:"record,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// String names the record as file:record, or the file when all of it was refused.
func (r refusedRecord) String() string {
	place := r.Path
	if r.Record > 0 {
		place += fmt.Sprintf(":%d", r.Record)
	}
	return fmt.Sprintf("%s: %s (%s)", place, r.Message, r.Code)
}

func newImport() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import [flags] PATH...",
		Short: "Import files, folders and archives through the whole pipeline",
		Long: `Import reads files, folders (recursively) and archives (.gz .zst .zip .tar), recognises each record by its content, and runs it through normalising,
detection and correlation before it returns. A PATH of - is standard input. Importing a file again stores nothing twice; an import that was
interrupted goes on where its last commit ended.

Exit code 3 means that some records were refused; they are named below and kept, and everything else was imported.`,
		Example: "  bartizan import --data ./data --rules ./sigma/rules ./logs\n  zcat events.jsonl.gz | bartizan import -",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.target.server != "" {
				return importToServer(cmd.Context(), f, args, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			return importHere(cmd.Context(), f, args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.target.add(cmd)
	cmd.Flags().StringVar(&f.source, "source", reader.Auto, "family of the records: auto recognises them by content")
	cmd.Flags().StringArrayVar(&f.rules, "rules", nil, "folder of Sigma or KQL rules to import first (repeatable)")
	cmd.Flags().BoolVar(&f.noDetect, "no-detect", false, "store the records without running rules")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON document on standard output")
	return cmd
}

func importHere(ctx context.Context, f importFlags, paths []string, stdout, stderr io.Writer) error {
	if f.source != reader.Auto && !knownFamily(f.source) {
		return usageError{fmt.Errorf("--source %s is not a known family; known: %s", f.source, familyNames())}
	}
	n, err := openNode(ctx, f.target, "import")
	if err != nil {
		return err
	}
	defer n.Close()
	id, err := n.tenant(ctx, f.target.tenant)
	if err != nil {
		return err
	}
	for _, dir := range f.rules {
		report, err := n.rules.Import(ctx, id, dir)
		if err != nil {
			return err
		}
		describeRules(stderr, dir, report)
	}
	start := time.Now()
	store, err := n.lakes.Open(ctx, id)
	if err != nil {
		return err
	}
	position := func(source string) (int64, error) { return store.Position(ctx, source) }
	again, err := resumed(ctx, paths, position)
	if err != nil {
		return err
	}
	cfg := ingest.Config{Store: store, Derive: entities(store, again), Records: n.records, Devices: n.devices.Keeper(id), MaxDelay: 5 * time.Second}
	if cfg.Families, err = families(ctx, store); err != nil {
		return err
	}
	if cfg.Mapper, err = n.mappings.Mapper(ctx, id); err != nil {
		return err
	}
	if !f.noDetect {
		if cfg.Detector, err = n.detector(ctx, id); err != nil {
			return err
		}
		cfg.Alerts = n.alerts(store)
		if err := n.repairAlertRows(ctx, store); err != nil {
			return err
		}
	}
	pipeline := ingest.NewPipeline(ctx, cfg)
	sink := &importSink{ctx: ctx, pipeline: pipeline, seen: map[string]int{}, position: position}
	progress := startProgress(stderr, !f.json, sink)
	walkErr := reader.Walk(ctx, paths, reader.Options{Tenant: id, Source: f.source, Probes: ingest.Probes(cfg.Families)}, sink)
	totals, err := pipeline.Close(ctx)
	progress.stop()
	if err := errors.Join(walkErr, err); err != nil {
		return err
	}
	if err := countImport(ctx, n, id, totals); err != nil {
		return err
	}
	report := newReport(totals, sink)
	if !f.noDetect && !totals.First.IsZero() {
		late, err := n.runScheduled(ctx, id, "", totals.First, totals.Last)
		if err != nil {
			return err
		}
		report.Hits += late.hits
		report.Alerts += late.alerts
		report.Incidents += late.incidents
	}
	report.Seconds = time.Since(start).Seconds()
	if f.json {
		err = json.NewEncoder(stdout).Encode(report)
	} else {
		report.print(stdout)
	}
	if err == nil && report.RefusedCount > 0 {
		return exitError(exitRefused)
	}
	return err
}

// countImport notes that the records came by an import.
func countImport(ctx context.Context, n *node, id tenant.ID, totals ingest.Totals) error {
	t := ingest.NewTraffic(n.db, n.log)
	t.Delivered(id, ingest.Sender{Kind: ingest.SenderImport, Name: "bartizan import"}, totals.Families, totals.Refused, totals.Bytes)
	return t.Flush(ctx)
}

// importSink feeds the pipeline from a walk and leaves out what an earlier import of the same content stored.
type importSink struct {
	ctx      context.Context
	pipeline *ingest.Pipeline
	position func(source string) (int64, error)

	seen    map[string]int // identities met in this run
	source  string         // position name of the file being read
	done    int64          // records of it that were stored before
	taken   int64          // records of it seen now
	files   atomic.Int64
	skipped atomic.Int64
	records atomic.Int64
	path    atomic.Value // string
	file    atomic.Pointer[reader.File]
}

// resumed names the files of which an earlier import stored records.
func resumed(ctx context.Context, paths []string, position func(string) (int64, error)) (map[string]bool, error) {
	sink := &nameSink{importSink: importSink{seen: map[string]int{}, position: position}, stored: map[string]bool{}}
	named := slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return path == "-" })
	if len(named) == 0 {
		return nil, nil
	}
	return sink.stored, reader.Walk(ctx, named, reader.Options{Name: true}, sink)
}

// nameSink notes which files an import will find partly or wholly stored.
type nameSink struct {
	importSink
	stored map[string]bool
}

func (s *nameSink) Begin(f *reader.File) error {
	err := s.importSink.Begin(f)
	if s.done > 0 {
		s.stored[f.Path] = true
	}
	return err
}

// Refuse leaves it to the import itself to say what cannot be read.
func (s *nameSink) Refuse(string, int64, string, string) {}

func (s *importSink) Begin(f *reader.File) (err error) {
	s.files.Add(1)
	s.path.Store(f.Path)
	s.file.Store(f)
	s.taken, s.done, s.source = 0, 0, ""
	if f.Identity != "" {
		// Equal files of one run are each imported; importing the same set again finds each of them.
		s.seen[f.Identity]++
		s.source = fmt.Sprintf("import:%s#%d", f.Identity, s.seen[f.Identity])
		s.done, err = s.position(s.source)
	}
	return err
}

func (s *importSink) Record(rec *normalise.Record) error {
	s.taken++
	s.records.Add(1)
	if s.taken <= s.done {
		s.skipped.Add(1)
		return s.pipeline.Replay(s.ctx, rec)
	}
	return s.pipeline.Add(s.ctx, ingest.Position{Source: s.source, Value: s.taken}, rec)
}

func (s *importSink) Refuse(file string, number int64, code, message string) {
	s.pipeline.Refuse(ingest.Refusal{Source: "import", File: file, Number: number, Code: code, Message: message, Time: time.Now().UTC()})
}

func (s *importSink) End(*reader.File) error { return nil }

func newReport(t ingest.Totals, s *importSink) *importReport {
	r := &importReport{
		Files: s.files.Load(), Records: t.Records, Skipped: s.skipped.Load(), RefusedCount: t.Refused, Rows: t.Rows, Unmapped: t.Unmapped,
		Hits: t.Hits, Alerts: t.Alerts, Incidents: t.Incidents, Bytes: t.Bytes, Refused: []refusedRecord{},
	}
	for _, x := range t.Refusals {
		r.Refused = append(r.Refused, refusedRecord{Path: x.File, Record: x.Number, Code: x.Code, Message: x.Message})
	}
	// What the reader refuses is known before what a family refuses: put them in order of place.
	sort.SliceStable(r.Refused, func(i, j int) bool {
		a, b := &r.Refused[i], &r.Refused[j]
		return a.Path < b.Path || a.Path == b.Path && a.Record < b.Record
	})
	return r
}

func (r *importReport) print(w io.Writer) {
	fmt.Fprintf(w, "%d records of %d files in %.1f s", r.Records, r.Files, r.Seconds)
	if r.Skipped > 0 {
		fmt.Fprintf(w, " (%d more were imported before)", r.Skipped)
	}
	fmt.Fprintf(w, "\n%d hits -> %d alerts -> %d incidents\n", r.Hits, r.Alerts, r.Incidents)
	list := func(title string, m map[string]int64) {
		if len(m) == 0 {
			return
		}
		fmt.Fprintln(w, title)
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		sort.Slice(keys, func(i, j int) bool { return m[keys[i]] > m[keys[j]] || m[keys[i]] == m[keys[j]] && keys[i] < keys[j] })
		for i, k := range keys {
			if i == 20 {
				fmt.Fprintf(w, "  … and %d more kinds (--json lists all)\n", len(keys)-i)
				break
			}
			fmt.Fprintf(w, "  %10d  %s\n", m[k], k)
		}
	}
	list("Rows", r.Rows)
	list("Kinds without a hunting table", r.Unmapped)
	if r.RefusedCount > 0 {
		fmt.Fprintf(w, "%d records were refused; they are kept and listed under Data sources\n", r.RefusedCount)
		for i, x := range r.Refused {
			if i == 10 {
				fmt.Fprintln(w, "  …")
				break
			}
			fmt.Fprintf(w, "  %s\n", x)
		}
	}
}

// describeRules says what became of a folder of rules, and names the first of those that cannot run.
func describeRules(w io.Writer, dir string, r detect.Report) {
	fmt.Fprintf(w, "rules of %s: %s\n", dir, r)
	for i, issue := range r.Issues {
		if i == 10 {
			fmt.Fprintln(w, "  …")
			break
		}
		fmt.Fprintf(w, "  %s\n", issue.Error())
	}
}

// importToServer sends the records to a running server's receiver.
func importToServer(ctx context.Context, f importFlags, paths []string, stdout, stderr io.Writer) error {
	if len(f.rules) > 0 {
		return fault.Newf(fault.Invalid, "--rules works on a data folder; on a server import rules with: bartizan rule import --server")
	}
	c, err := f.target.client()
	if err != nil {
		return err
	}
	return c.importPaths(ctx, f, paths, stdout, stderr)
}
