package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// TestAnImportThatIsKilledEndsTheSame kills imports at moments that differ, right after a commit of the state database and some time later, lets the last one
// end, and compares everything that is kept with an import that was left alone.
func TestAnImportThatIsKilledEndsTheSame(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	logs := filepath.Join(work, "logs")
	total := writeEstate(t, logs)

	alone, killed := filepath.Join(work, "alone"), filepath.Join(work, "killed")
	if out, err := exec.CommandContext(t.Context(), "bartizan", "import", "--data", alone, "--json", logs).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := contents(t, alone)
	if want.Alerts < 20 || want.Hits < 40 || len(want.Tables) < 9 {
		t.Fatalf("the records are too dull to compare: %d alerts, %d hits, tables %v", want.Alerts, want.Hits, slices.Sorted(maps.Keys(want.Tables)))
	}

	middle := 0 // kills that left some of the rows in the lake, but not all
	for _, k := range []struct {
		commits int // of the state database, each of which follows the last one of the lake
		delay   time.Duration
	}{{1, 0}, {2, 0}, {1, 100 * time.Millisecond}, {2, 5 * time.Millisecond}} {
		p := startImport(t, killed, logs)
		if !p.commits(t, k.commits) {
			p.end(t)
			break
		}
		p.killAfter(t, k.delay)
		n := events(t, killed)
		if n > 0 && n < total {
			middle++
		}
		t.Logf("killed with %d of %d rows in the lake", n, total)
	}
	if middle == 0 {
		t.Error("no kill came in the middle")
	}
	startImport(t, killed, logs).end(t)
	if diff := cmp.Diff(want, contents(t, killed)); diff != "" {
		t.Errorf("the import that was killed left something else (-alone +killed):\n%s", diff)
	}
}

// writeEstate writes three files and returns how many records they have.
func writeEstate(t *testing.T, dir string) int64 {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	e := newEstate(10)
	const each = 12_000
	for _, name := range []string{"a.jsonl", "b.jsonl.gz", "c.jsonl"} {
		data := e.records(each)
		if strings.HasSuffix(name, ".gz") {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			if _, err := z.Write(data); err != nil {
				t.Fatal(err)
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			data = b.Bytes()
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return 3 * each
}

// importing is an import in a process of its own, and the state database it writes, as somebody else sees it.
type importing struct {
	cmd    *exec.Cmd
	ended  chan error
	stderr *bytes.Buffer
	state  string
	before int64
}

func startImport(t *testing.T, data, logs string) *importing {
	t.Helper()
	p := &importing{stderr: &bytes.Buffer{}, ended: make(chan error, 1), state: filepath.Join(data, "state.db")}
	p.before = p.progress()
	p.cmd = exec.CommandContext(t.Context(), "bartizan", "import", "--data", data, "--json", logs)
	p.cmd.Stderr = p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	return p
}

// progress is how many records the state database has accepted.
func (p *importing) progress() int64 {
	db, err := sql.Open("sqlite", "file:"+p.state+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return 0
	}
	defer db.Close()
	var n int64
	if db.QueryRow("SELECT coalesce(sum(records), 0) FROM sources").Scan(&n) != nil {
		return 0 // there is no database yet
	}
	return n
}

// commits waits for n commits and reports whether they came before the import ended.
func (p *importing) commits(t *testing.T, n int) bool {
	t.Helper()
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-p.ended:
			p.ended <- err
			return false
		case <-t.Context().Done():
			t.Fatal("the import neither went on nor ended")
		case <-tick.C:
			now := p.progress()
			if now > p.before {
				p.before = now
				n--
			}
			if n == 0 {
				return true
			}
		}
	}
}

func (p *importing) killAfter(t *testing.T, delay time.Duration) {
	t.Helper()
	select {
	case <-time.After(delay):
	case err := <-p.ended:
		p.ended <- err
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
}

func (p *importing) end(t *testing.T) {
	t.Helper()
	if err := <-p.ended; err != nil {
		t.Fatalf("%v\n%s", err, p.stderr)
	}
}

// kept is everything an import leaves, in a form that can be compared.
type kept struct {
	Tables    map[string]string // rows, and a hash of them that does not depend on their order
	Alerts    int
	Hits      int
	Shown     []string // alerts as JSON, without when they were made
	Together  []string // the alerts of each incident
	Raw       []string // hits
	Positions map[string]int64
}

func open(t *testing.T, data string) *node {
	t.Helper()
	n, err := openNode(t.Context(), targetFlags{data: data}, "test")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// events counts the rows that came from records, each record having one in one of these tables.
func events(t *testing.T, data string) int64 {
	t.Helper()
	n := open(t, data)
	defer n.Close()
	store, err := n.lakes.Open(t.Context(), tenant.Default)
	if err != nil {
		t.Fatal(err)
	}
	counts, err := store.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for table, n := range counts {
		if strings.HasSuffix(table, "Events") {
			sum += n
		}
	}
	return sum
}

func contents(t *testing.T, data string) kept {
	t.Helper()
	ctx := context.Background()
	k := kept{Tables: map[string]string{}, Positions: map[string]int64{}}
	n := open(t, data)
	defer n.Close()
	store, err := n.lakes.Open(ctx, tenant.Default)
	if err != nil {
		t.Fatal(err)
	}
	counts, err := store.Counts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", n.dir.Lake(tenant.Default)+"?access_mode=read_only")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for table, rows := range counts {
		var hash string
		query := fmt.Sprintf(`SELECT coalesce(sum(hash(r)::HUGEINT), 0)::VARCHAR FROM (SELECT * EXCLUDE (IngestTime) FROM %q) r`, table)
		if err := db.QueryRowContext(ctx, query).Scan(&hash); err != nil {
			t.Fatal(err)
		}
		k.Tables[table] = fmt.Sprintf("%d rows, %s", rows, hash)
	}
	rows, err := db.QueryContext(ctx, "SELECT source, position FROM positions")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var source string
		var position int64
		if err := rows.Scan(&source, &position); err != nil {
			t.Fatal(err)
		}
		k.Positions[source] = position
	}
	alerts, err := n.incidents.Alerts(ctx, tenant.Default, incident.Query{Full: true})
	if err != nil {
		t.Fatal(err)
	}
	k.Alerts = len(alerts.Value)
	together := map[int64][]string{}
	for _, a := range alerts.Value {
		together[a.IncidentID] = append(together[a.IncidentID], a.ID)
		shown, _ := json.Marshal(map[string]any{
			"id": a.ID, "title": a.Title, "severity": a.Severity, "rule": a.RuleID, "first": a.FirstActivity, "last": a.LastActivity, "hits": a.HitCount, "evidence": a.Evidence,
		})
		k.Shown = append(k.Shown, string(shown))
	}
	for _, ids := range together {
		slices.Sort(ids)
		k.Together = append(k.Together, strings.Join(ids, " "))
	}
	err = n.incidents.Hits(ctx, tenant.Default, "", func(h incident.HitRecord) error {
		h.IncidentID = 0 // numbers are given in the order in which incidents are opened
		raw, err := json.Marshal(h)
		k.Raw = append(k.Raw, string(raw))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	k.Hits = len(k.Raw)
	slices.Sort(k.Shown)
	slices.Sort(k.Together)
	slices.Sort(k.Raw)
	for i, line := range k.Raw { // file names begin with the test's own folder
		k.Raw[i] = strings.ReplaceAll(line, filepath.Dir(data), "")
	}
	return k
}
