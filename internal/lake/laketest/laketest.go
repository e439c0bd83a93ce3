// Package laketest says what a lake engine has to do, as tests that every engine runs.
package laketest

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Place is where the lakes of one test are kept: every call opens an engine over the same lakes.
type Place func(t testing.TB) lake.Engine

// Run runs all tests, each in a place of its own.
func Run(t *testing.T, place func(t testing.TB) Place) {
	for name, test := range map[string]func(*testing.T, Place){
		"RowsAndPositionsStay":      rowsAndPositionsStay,
		"FailingBatchLeavesNothing": failingBatchLeavesNothing,
		"Retention":                 retention,
		"LabRemoval":                labRemoval,
		"Values":                    values,
		"AllTablesExist":            allTablesExist,
		"TenantsAreApart":           tenantsAreApart,
		"TenantNames":               tenantNames,
		"ClosedStore":               closedStore,
		"ReadersAndWriter":          readersAndWriter,
		"Inventory":                 inventory,
		"MembersDecide":             membersDecide,
		"RetentionBySize":           retentionBySize,
		"Compaction":                compaction,
		"Exports":                   exports,
		"Dumps":                     dumps,
		"CustomTables":              customTables,
		"HostileCustomTables":       hostileCustomTables,
	} {
		t.Run(name, func(t *testing.T) { test(t, place(t)) })
	}
}

// At is when the rows of these tests happened.
func At() time.Time { return time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC) }

// Process is a row of a process that was started.
func Process(at time.Time, name string) *schema.Row {
	r := schema.NewRow("DeviceProcessEvents")
	r.Set("Timestamp", at)
	r.Set("DeviceId", "device of "+name)
	r.Set("FileName", name)
	r.Set("ProcessId", 42)
	r.Set("LogonId", int64(999))
	return r
}

// Open opens a tenant's store and closes the engine after the test.
func Open(t testing.TB, e lake.Engine, id tenant.ID) lake.Store {
	t.Helper()
	t.Cleanup(func() { _ = e.Close() })
	s, err := e.Open(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Hunt gives the rows of a query, each as one line.
func Hunt(t testing.TB, s lake.Store, query string) []string {
	t.Helper()
	res, err := lake.Run(context.Background(), s, lake.Query{Text: query, Now: At()})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	out := []string{}
	for _, row := range res.Rows {
		var b strings.Builder
		for i, v := range row {
			if i > 0 {
				b.WriteString(" | ")
			}
			if raw, ok := v.(fmt.Stringer); ok {
				v = raw.String()
			}
			if raw, ok := v.([]byte); ok {
				v = string(raw)
			}
			fmt.Fprint(&b, v)
		}
		out = append(out, b.String())
	}
	return out
}

func expect(t testing.TB, s lake.Store, query string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), Hunt(t, s, query)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", query, diff)
	}
}

func rowsAndPositionsStay(t *testing.T, open Place) {
	ctx := context.Background()
	e := open(t)
	s := Open(t, e, "default")
	if p, err := s.Position(ctx, "file:x"); err != nil || p != 0 {
		t.Errorf("Position of a new lake = %d, %v", p, err)
	}
	if err := s.Append(ctx, []*schema.Row{Process(At(), "a.exe"), Process(At().Add(time.Hour), "b.exe")}, map[string]int64{"file:x": 17, "file:y": 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(ctx, nil, map[string]int64{"file:y": 2}); err != nil {
		t.Fatal(err)
	}
	if again, err := e.Open(ctx, "default"); err != nil || again != s {
		t.Errorf("opening twice gives %v, %v", again, err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	s = Open(t, open(t), "default")
	for source, want := range map[string]int64{"file:x": 17, "file:y": 2, "file:' OR 1=1 --": 0} {
		if p, err := s.Position(ctx, source); err != nil || p != want {
			t.Errorf("Position(%s) = %d, %v; want %d", source, p, err, want)
		}
	}
	if counts, err := s.Counts(ctx); err != nil || !cmp.Equal(counts, map[string]int64{"DeviceProcessEvents": 2}) {
		t.Errorf("Counts = %v, %v", counts, err)
	}
	expect(t, s, "DeviceProcessEvents | sort by Timestamp asc | project Timestamp, FileName, SHA1, isnull(ProcessIntegrityLevel), ProcessId, LogonId",
		"2024-05-01T10:00:00.0000000Z | a.exe |  | false | 42 | 999", "2024-05-01T11:00:00.0000000Z | b.exe |  | false | 42 | 999")
}

func failingBatchLeavesNothing(t *testing.T, open Place) {
	ctx := context.Background()
	s := Open(t, open(t), "default")
	bad := Process(At(), "c.exe")
	bad.Values[bad.Table.Column("ProcessId")] = "not a number"
	if err := s.Append(ctx, []*schema.Row{Process(At(), "ok.exe"), bad}, map[string]int64{"s": 5}); err == nil {
		t.Error("a wrong value was accepted")
	}
	if p, _ := s.Position(ctx, "s"); p != 0 {
		t.Errorf("Position = %d after a failed batch", p)
	}
	if counts, err := s.Counts(ctx); err != nil || len(counts) != 0 {
		t.Errorf("Counts = %v, %v after a failed batch", counts, err)
	}
	if err := s.Append(ctx, []*schema.Row{Process(At(), "ok.exe")}, map[string]int64{"s": 6}); err != nil {
		t.Errorf("the store is unusable after a failed batch: %v", err)
	}
	if counts, _ := s.Counts(ctx); counts["DeviceProcessEvents"] != 1 {
		t.Errorf("Counts = %v", counts)
	}
}

func retention(t *testing.T, open Place) {
	ctx := context.Background()
	s := Open(t, open(t), "default")
	imported := Process(At(), "old but imported today.exe")
	imported.Set("IngestTime", At().Add(48*time.Hour))
	timeless := schema.NewRow("DeviceProcessEvents")
	timeless.Set("IngestTime", At())
	ahead, little, late := Process(At().AddDate(80, 0, 0), "from the future.exe"), Process(At().Add(20*time.Hour), "a little ahead.exe"), Process(At().AddDate(80, 0, 0), "from the future today.exe")
	ahead.Set("IngestTime", At())
	little.Set("IngestTime", At())
	late.Set("IngestTime", At().Add(time.Hour))
	if err := s.Append(ctx, []*schema.Row{Process(At(), "old.exe"), Process(At().Add(3*time.Hour), "new.exe"), imported, timeless, ahead, little, late}, nil); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Retain(ctx, "DeviceProcessEvents", At().Add(time.Minute)); n != 3 || err != nil {
		t.Errorf("Retain = %d, %v", n, err)
	}
	if n, err := s.Retain(ctx, "DeviceProcessEvents", At().Add(time.Minute)); n != 0 || err != nil {
		t.Errorf("a second Retain = %d, %v", n, err)
	}
	expect(t, s, "DeviceProcessEvents | sort by FileName asc | project FileName", "a little ahead.exe", "from the future today.exe", "new.exe", "old but imported today.exe")
	if _, err := s.Retain(ctx, "NoSuchTable", At()); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("Retain of an unknown table: %v", err)
	}
	if _, err := s.Retain(ctx, "DeviceTvmSecureConfigurationAssessmentKB", At()); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("Retain of a table without time: %v", err)
	}
}

func labRemoval(t *testing.T, open Place) {
	ctx := context.Background()
	s := Open(t, open(t), "default")
	rows := []*schema.Row{Process(At(), "real.exe")}
	for i, run := range []string{"run-1", "run-1", "run-2", "it's \\ odd"} {
		r := Process(At().Add(time.Duration(i)*time.Hour), "lab.exe")
		r.Set("LabScenario", run)
		info := schema.NewRow("DeviceInfo")
		info.Set("Timestamp", At())
		info.Set("DeviceId", fmt.Sprint("d", i))
		info.Set("LabScenario", run)
		rows = append(rows, r, info)
	}
	if err := s.Append(ctx, rows, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		run  string
		want int64
	}{{"run-1", 4}, {"run-1", 0}, {"it's \\ odd", 2}, {"", 2}} {
		if n, err := s.DeleteLab(ctx, c.run); n != c.want || err != nil {
			t.Errorf("DeleteLab(%s) = %d, %v; want %d", c.run, n, err, c.want)
		}
	}
	expect(t, s, "union DeviceProcessEvents, DeviceInfo | count", "1")
}

func values(t *testing.T, open Place) {
	s := Open(t, open(t), "default")
	r := Process(time.Date(1, 1, 1, 0, 0, 0, 100, time.UTC), "smile \u263a \\ ' \" ` \x00 \n \u00e9\U0001f600")
	r.Set("LogonId", int64(math.MaxInt64))
	r.Set("LogonID", int64(math.MinInt64))
	r.Set("ProcessId", -1)
	r.Set("IsInitiatingProcessRemoteSession", false)
	r.Set("AdditionalFields", `{"a":[1,2.5,null,"x"],"\u00e9":{"b":true}}`)
	r.Set("ProcessCommandLine", strings.Repeat("long ", 20_000))
	r.Set("InitiatingProcessCreationTime", time.Date(9999, 12, 31, 23, 59, 59, 999_999_900, time.UTC))
	other := Process(At().Add(100*time.Nanosecond), "plain")
	other.Set("IsInitiatingProcessRemoteSession", true)
	score := schema.NewRow("DeviceTvmSoftwareVulnerabilitiesKB")
	score.Set("CveId", "CVE-1")
	score.Set("CvssScore", 9.5)
	guid := schema.NewRow("AIAgentsInfo")
	guid.Set("Timestamp", At())
	guid.Set("AIAgentId", "0f8fad5b-d9cb-469f-a165-70867728950e")
	if err := s.Append(context.Background(), []*schema.Row{r, other, score, guid}, nil); err != nil {
		t.Fatal(err)
	}
	expect(t, s, `DeviceProcessEvents | where LogonId != 999
		| project Timestamp, FileName, LogonId, LogonID, ProcessId, IsInitiatingProcessRemoteSession, InitiatingProcessCreationTime, strlen(ProcessCommandLine)`,
		"0001-01-01T00:00:00.0000001Z | smile \u263a \\ ' \" ` \x00 \n \u00e9\U0001f600 | 9223372036854775807 | -9223372036854775808 | -1 | false | 9999-12-31T23:59:59.9999999Z | 100000")
	expect(t, s, `DeviceProcessEvents | where LogonId != 999 | extend F = todynamic(AdditionalFields) | project tostring(F.a[3]), tolong(F.a[0]), toreal(F.a[1]), isnull(F.a[2]), tobool(F["é"].b)`,
		"x | 1 | 2.5 | true | true")
	expect(t, s, "DeviceProcessEvents | where IsInitiatingProcessRemoteSession | project Timestamp, isnull(LogonID), isempty(ProcessCommandLine), isnull(InitiatingProcessCreationTime)",
		"2024-05-01T10:00:00.0000001Z | true | true | true")
	expect(t, s, "DeviceTvmSoftwareVulnerabilitiesKB | project CveId, CvssScore, isnull(PublishedDate)", "CVE-1 | 9.5 | true")
	expect(t, s, `AIAgentsInfo | where AIAgentId == guid(0F8FAD5B-D9CB-469F-A165-70867728950E) | project AIAgentId, gettype(AIAgentId)`, "0f8fad5b-d9cb-469f-a165-70867728950e | guid")
}

func allTablesExist(t *testing.T, open Place) {
	s := Open(t, open(t), "default")
	for _, table := range schema.Load().Tables() {
		names := make([]string, 0, len(table.Columns))
		for _, c := range table.Columns {
			names = append(names, "['"+c.Name+"']")
		}
		res, err := lake.Run(context.Background(), s, lake.Query{Text: table.Name + " | project " + strings.Join(names, ", ")})
		if err != nil {
			t.Errorf("%s: %v", table.Name, err)
			continue
		}
		if len(res.Schema) != len(table.Columns) {
			t.Errorf("%s has %d columns, the schema %d", table.Name, len(res.Schema), len(table.Columns))
		}
	}
}

// tenantsAreApart tries to reach another tenant's rows.
func tenantsAreApart(t *testing.T, open Place) {
	ctx := context.Background()
	e := open(t)
	mine, theirs := Open(t, e, "a"), Open(t, e, "a-b")
	if err := theirs.Append(ctx, []*schema.Row{Process(At(), "secret.exe")}, map[string]int64{"s": 3}); err != nil {
		t.Fatal(err)
	}
	if mine.Tenant() != "a" || theirs.Tenant() != "a-b" {
		t.Errorf("tenants %s and %s", mine.Tenant(), theirs.Tenant())
	}
	if counts, err := mine.Counts(ctx); err != nil || len(counts) != 0 {
		t.Errorf("Counts of another tenant = %v, %v", counts, err)
	}
	if p, err := mine.Position(ctx, "s"); err != nil || p != 0 {
		t.Errorf("Position of another tenant = %d, %v", p, err)
	}
	expect(t, mine, "DeviceProcessEvents")
	expect(t, mine, "union * | count", "0")
	for _, query := range []string{
		"['bartizan_a-b.DeviceProcessEvents']", "['bartizan_a-b']['DeviceProcessEvents']", "table('bartizan_a-b.DeviceProcessEvents')", "table('`bartizan_a-b`.`DeviceProcessEvents`')",
		"database('bartizan_a-b').DeviceProcessEvents", "database('a-b').DeviceProcessEvents", "cluster('x').database('a-b').DeviceProcessEvents",
		"['DeviceProcessEvents` UNION ALL SELECT * FROM `bartizan_a-b`.`DeviceProcessEvents']", "union ['bartizan_a-b*']", "union withsource=T ['*.DeviceProcessEvents']",
		"['system.tables']", "['_positions']", "positions", "_positions", "DeviceProcessEvents | project _batch",
	} {
		res, err := lake.Run(ctx, mine, lake.Query{Text: query})
		if err == nil && len(res.Rows) > 0 {
			t.Errorf("%s gives %v", query, res.Rows)
		}
	}
	// What looks like an escape from a literal is a literal.
	expect(t, mine, "print x = \"' UNION ALL SELECT FileName FROM `bartizan_a-b`.DeviceProcessEvents --\"", "' UNION ALL SELECT FileName FROM `bartizan_a-b`.DeviceProcessEvents --")
	expect(t, theirs, "DeviceProcessEvents | project FileName", "secret.exe")
}

func tenantNames(t *testing.T, open Place) {
	e := open(t)
	defer e.Close()
	for _, id := range []tenant.ID{"", "../other", "a_b", "A", "a`b", "a' OR '1", "a.b", tenant.ID(strings.Repeat("a", 64))} {
		if _, err := e.Open(context.Background(), id); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("Open(%q): %v", id, err)
		}
	}
}

func closedStore(t *testing.T, open Place) {
	ctx := context.Background()
	s := Open(t, open(t), "default")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Append(ctx, []*schema.Row{Process(At(), "x")}, nil); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("Append to a closed store: %v", err)
	}
	if _, err := s.Session(ctx); err == nil {
		t.Error("a closed store gives sessions")
	}
}

// readersAndWriter queries while rows arrive: counts only grow, and never beyond what was written.
func readersAndWriter(t *testing.T, open Place) {
	ctx := context.Background()
	s := Open(t, open(t), "default")
	const batches, each = 10, 50
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			last := int64(0)
			for {
				select {
				case <-stop:
					return
				default:
				}
				res, err := lake.Run(ctx, s, lake.Query{Text: "DeviceProcessEvents | summarize count(), dcount(FileName)"})
				if err != nil {
					t.Error(err)
					return
				}
				n, _ := res.Rows[0][0].(int64)
				if n < last || n > batches*each {
					t.Errorf("%d rows after %d", n, last)
				}
				last = n
			}
		})
	}
	for i := range batches {
		rows := make([]*schema.Row, each)
		for j := range rows {
			rows[j] = Process(At().Add(time.Duration(i*each+j)*time.Second), fmt.Sprintf("p-%d-%d", i, j))
		}
		if err := s.Append(ctx, rows, map[string]int64{"s": int64(i + 1)}); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	expect(t, s, "DeviceProcessEvents | summarize count(), count_distinct(FileName)", fmt.Sprintf("%d | %d", batches*each, batches*each))
}
