package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/clickhouse"
	"github.com/bartizan-sec/bartizan/kql/clickhouse/clickhousetest"
	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

var now = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

type catalog map[string]*kql.Table

func (c catalog) Table(name string) *kql.Table { return c[name] }

func (c catalog) Names() []string {
	var out []string
	for n := range c {
		out = append(out, n)
	}
	return out
}

// events is a table with a number, a name that repeats, a text and a bag, made by the server.
var events = catalog{"Events": {Name: "Events", Columns: []kql.TableColumn{
	{Name: "N", Type: plan.Long, Physical: "n"},
	{Name: "Host", Type: plan.String, Physical: "host"},
	{Name: "Line", Type: plan.String, Physical: "line"},
	{Name: "Fields", Type: plan.Dynamic, Physical: "fields"},
}}}

type world struct {
	t      testing.TB
	conn   driver.Conn
	engine *clickhouse.Engine
}

// alive starts the shard again when an earlier test ended it: the library's server does not survive every connection that is cut off in the middle of an
// answer, as reading less than all leaves it.
func alive(ctx context.Context, conn driver.Conn, shard *clickhousetest.Shard) error {
	var err error
	for range 3 {
		if err = conn.Ping(ctx); err == nil {
			return nil
		}
		select {
		case <-shard.Ended():
			if err := shard.Restart(); err != nil {
				return err
			}
		case <-time.After(5 * time.Second):
		}
	}
	return err
}

func newWorld(t testing.TB, rows int) *world {
	t.Helper()
	server := clickhousetest.Shared(t)
	ctx := context.Background()
	name := "clickhouse_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	admin, err := ch.Open(&ch.Options{Addr: []string{server.Shards[0].TCP}})
	if err != nil {
		t.Fatal(err)
	}
	if err := alive(ctx, admin, server.Shards[0]); err != nil {
		t.Fatal(err)
	}
	if err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = admin.Exec(ctx, "DROP DATABASE "+name)
		_ = admin.Close()
	})
	conn, err := ch.Open(&ch.Options{Addr: []string{server.Shards[0].TCP}, Auth: ch.Auth{Database: name}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	for _, statement := range []string{
		"CREATE TABLE Events (n Nullable(Int64), host LowCardinality(String), line String, fields String) ENGINE = MergeTree ORDER BY tuple()",
		fmt.Sprintf(`INSERT INTO Events SETTINGS async_insert = 0 SELECT number, concat('host', toString(number %% 10)), concat('run ', toString(number), '.exe'), concat('{"a":', toString(number %% 7), '}') FROM numbers(%d)`, rows),
	} {
		if err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	scratch, err := clickhouse.OpenScratch(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = scratch.Close() })
	return &world{t: t, conn: conn, engine: clickhouse.New(conn, scratch)}
}

func compile(t testing.TB, query string) plan.Node {
	t.Helper()
	p, err := kql.Compile(query, events, kql.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return p.Root
}

func (w *world) run(ctx context.Context, query string, limits clickhouse.Limits, opt engine.Options) ([][]any, engine.Stats, error) {
	w.t.Helper()
	opt.Now = fn.Ticks(now)
	var rows [][]any
	stats, err := w.engine.Session(limits).Run(ctx, compile(w.t, query), opt, func(row []any) error {
		rows = append(rows, append([]any(nil), row...))
		return nil
	})
	return rows, stats, err
}

// Text of any kind comes back as it went, as a literal and as a value in JSON.
func TestLiteralsComeBack(t *testing.T) {
	w := newWorld(t, 1)
	d := sqlgen.ClickHouse(true)
	ctx := context.Background()
	special := []string{"'", `\`, `"`, "`", "\x00", "\n", "\r", "\t", "\b", "{p:String}", "?", "$1", "--", "/*", ";", "\u2028", "é", "😀", "\ufeff", "\x7f", "%", "_", "\\x41", `\'`}
	rapid.Check(t, func(r *rapid.T) {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(special), rapid.String()), 0, 8).Draw(r, "text")
		text := strings.Join(parts, "")
		var got, inJSON string
		literal := d.Literal(plan.String, text)
		if err := w.conn.QueryRow(ctx, "SELECT "+literal+", JSONExtractString(toJSONString("+literal+"))").Scan(&got, &inJSON); err != nil {
			r.Fatalf("%q: %v", text, err)
		}
		if got != text || inJSON != text {
			r.Fatalf("%q came back as %q and %q", text, got, inJSON)
		}
		name := d.Ident(strings.ReplaceAll(text, "\x00", "") + "x")
		var one uint8
		if err := w.conn.QueryRow(ctx, "SELECT "+name+" FROM (SELECT 1 AS "+name+")").Scan(&one); err != nil || one != 1 {
			r.Fatalf("the name %q: %v", text, err)
		}
	})
}

func TestNumbersComeBack(t *testing.T) {
	w := newWorld(t, 1)
	d := sqlgen.ClickHouse(true)
	rapid.Check(t, func(r *rapid.T) {
		n, f := rapid.Int64().Draw(r, "long"), rapid.Float64().Draw(r, "real")
		var m int64
		var g float64
		if err := w.conn.QueryRow(context.Background(), "SELECT "+d.Literal(plan.Long, n)+", "+d.Literal(plan.Real, f)).Scan(&m, &g); err != nil {
			r.Fatal(err)
		}
		if m != n || g != f {
			r.Fatalf("%d and %v came back as %d and %v", n, f, m, g)
		}
	})
}

// What the server can say runs there as one statement; of the rest only what is needed travels.
func TestSplit(t *testing.T) {
	w := newWorld(t, 1000)
	for _, c := range []struct {
		query string
		want  []string // parts of the steps' SQL, "" for a step on the host
		not   string   // what no statement for the server has
		rows  int
	}{
		{"Events | where Host == 'host3' and N > 500 | summarize count() by Host", []string{"GROUP BY"}, "", 1},
		// the condition that can be said is pushed down, the other is not
		{"Events | where Host == 'host3' and parse_path(Line).Filename has 'run 13.exe'", []string{"'host3'", ""}, "run 13", 1},
		// only the column that is needed travels
		{"Events | where N < 5 | project P = parse_path(Line)", []string{`"line"`, ""}, `"host"`, 5},
		// what can be said of an expression is said
		{"Events | where N < 5 | summarize make_bag(bag_pack(Host, N)) by tolower(Host)", []string{"toJSONString", ""}, `"line"`, 5},
		// no more rows than are shown
		{"Events | extend P = parse_path(Line) | take 3", []string{"LIMIT", ""}, "", 3},
		{"Events | extend P = parse_path(Line) | top 3 by N desc", []string{"DESC", ""}, "", 3},
		{"Events | take 1000 | make-series count() on N from 0 to 1000 step 100", []string{`"n"`, ""}, `"line"`, 1},
	} {
		root := compile(t, c.query)
		x, err := w.engine.Session(clickhouse.Limits{}).Explain(context.Background(), root, engine.Options{Now: fn.Ticks(now)})
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		var server []string
		host := false
		for _, s := range x.Steps {
			if s.Where == "clickhouse" {
				server = append(server, s.SQL)
			} else {
				host = true
			}
			if c.not != "" && s.Where == "clickhouse" && strings.Contains(s.SQL, c.not) {
				t.Errorf("%s: the server is told %q:\n%s", c.query, c.not, s.SQL)
			}
		}
		if len(server) == 0 || !strings.Contains(server[0], c.want[0]) || host != (len(c.want) > 1) {
			t.Errorf("%s: steps are %+v", c.query, x.Steps)
		}
		rows, _, err := w.run(context.Background(), c.query, clickhouse.Limits{}, engine.Options{})
		if err != nil || len(rows) != c.rows {
			t.Errorf("%s: %d rows, %v", c.query, len(rows), err)
		}
	}
}

// Few rows computed on the host go to the server, where the many are.
func TestSmallSideGoesToTheServer(t *testing.T) {
	w := newWorld(t, 100_000)
	outside := func(context.Context, *plan.External) ([][]any, error) {
		return [][]any{{"host3"}, {"host5"}, {""}}, nil
	}
	for _, query := range []string{
		`Events | where Host in ((externaldata(h:string) ["https://example.org/list"])) | summarize count()`,
		`Events | join kind=inner (externaldata(h:string) ["https://example.org/list"]) on $left.Host == $right.h | summarize count()`,
		`let list = externaldata(h:string) ["https://example.org/list"]; Events | where Host has_any (list) | where Host != "" | where isnotempty(Host) and Host in ("host3", "host5") | summarize count()`,
		`let list = toscalar(externaldata(h:string) ["https://example.org/list"] | summarize make_set(h)); Events | where Host in (list) | summarize count()`,
	} {
		rows, stats, err := w.run(context.Background(), query, clickhouse.Limits{}, engine.Options{External: outside, Intermediate: 1000})
		if err != nil || len(rows) != 1 || rows[0][0] != int64(20_000) {
			t.Errorf("%s: %v, %v", query, rows, err)
		}
		if stats.Scanned < 100_000 {
			t.Errorf("%s: %d rows read in the server", query, stats.Scanned)
		}
	}
	_, _, err := w.run(context.Background(), `externaldata(h:string) ["https://example.org/list"]`, clickhouse.Limits{}, engine.Options{})
	var refused *engine.OutboundError
	if !errors.As(err, &refused) {
		t.Errorf("externaldata that is not allowed: %v", err)
	}
}

func TestRowsThatTravelAreBounded(t *testing.T) {
	w := newWorld(t, 5000)
	_, _, err := w.run(context.Background(), "Events | project P = parse_path(Line)", clickhouse.Limits{}, engine.Options{Intermediate: 1000})
	var limit *fn.LimitError
	if !errors.As(err, &limit) || !strings.Contains(err.Error(), "scan Events") {
		t.Errorf("5000 rows where 1000 may travel: %v", err)
	}
}

func TestLimitCutsTheResult(t *testing.T) {
	w := newWorld(t, 100)
	for _, query := range []string{"Events", "Events | extend P = parse_path(Line)"} {
		rows, stats, err := w.run(context.Background(), query, clickhouse.Limits{}, engine.Options{Limit: 10})
		if err != nil || len(rows) != 10 || !stats.Truncated || stats.Rows != 10 {
			t.Errorf("%s: %d rows, %+v, %v", query, len(rows), stats, err)
		}
	}
	rows, stats, err := w.run(context.Background(), "Events | where N < 10", clickhouse.Limits{}, engine.Options{Limit: 10})
	if err != nil || len(rows) != 10 || stats.Truncated {
		t.Errorf("exactly as many rows as may be: %d rows, %+v, %v", len(rows), stats, err)
	}
}

func TestMemoryAndTimeAreBounded(t *testing.T) {
	w := newWorld(t, 200_000)
	_, _, err := w.run(context.Background(), "Events | summarize make_list(strcat(Line, Line, Line, Line)) by N | sort by N", clickhouse.Limits{Memory: 20 << 20}, engine.Options{})
	var failed *engine.Error
	if !errors.As(err, &failed) || !failed.Memory {
		t.Errorf("a query beyond its memory: %v", err)
	}
	_, _, err = w.run(context.Background(), slow, clickhouse.Limits{Time: time.Second}, engine.Options{})
	var limit *fn.LimitError
	if !errors.As(err, &limit) {
		t.Errorf("a query beyond its time: %v", err)
	}
}

// slow is a query that runs for long and holds little.
const slow = "Events | extend k = 1 | join kind=inner (Events | extend k = 1) on k | where strcat(Line, Line1) has 'nothing' | summarize count()"

// A query that nobody waits for any more ends in the server.
func TestCancelReachesTheServer(t *testing.T) {
	w := newWorld(t, 200_000)
	ctx, cancel := context.WithCancel(context.Background())
	var done atomic.Bool
	ended := make(chan error, 1)
	go func() {
		_, err := w.engine.Session(clickhouse.Limits{}).Run(ctx, compile(t, slow), engine.Options{Now: fn.Ticks(now)}, func([]any) error { return nil })
		done.Store(true)
		ended <- err
	}()
	running := func() uint64 {
		var n uint64
		if err := w.conn.QueryRow(context.Background(), "SELECT count() FROM system.processes WHERE current_database = currentDatabase() AND query LIKE '%nothing%' AND query NOT LIKE '%system.processes%'").Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	wait := func(what string, ok func() bool) {
		for range 600 {
			if ok() {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%s: not within 30 seconds", what)
	}
	wait("the query begins", func() bool { return running() == 1 })
	if done.Load() {
		t.Fatal("the query is too quick to be cancelled")
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled query gives %v", err)
	}
	wait("the query ends", func() bool { return running() == 0 })
}

// The scratch database keeps nothing of a query that is over.
func TestScratchIsEmptied(t *testing.T) {
	w := newWorld(t, 100)
	for range 3 {
		if _, _, err := w.run(context.Background(), "Events | project P = parse_path(Line)", clickhouse.Limits{}, engine.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := clickhouse.TablesOf(w.engine); err != nil || n != 0 {
		t.Errorf("%d tables are left, %v", n, err)
	}
}
