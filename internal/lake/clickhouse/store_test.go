package clickhouse_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/clickhouse"
	"github.com/bartizan-sec/bartizan/internal/lake/laketest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql/clickhouse/clickhousetest"
)

// serial tells the lakes of the tests apart that share a server.
var serial = new(atomic.Int64)

func newName() string { return fmt.Sprintf("lake%d", serial.Add(1)) }

// address is a lake on hosts.
func address(name string, hosts ...string) string {
	a := "clickhouse://default@" + strings.Join(hosts, ",") + "/" + name
	if len(hosts) > 1 {
		a += "?cluster=" + clickhousetest.Cluster
	}
	return a
}

func engineAt(t testing.TB, address string) lake.Engine {
	t.Helper()
	e, err := clickhouse.New(address, clickhouse.Options{Threads: 2, Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func placeOn(server *clickhousetest.Server) func(testing.TB) laketest.Place {
	return func(t testing.TB) laketest.Place {
		name := newName()
		t.Cleanup(func() {
			for _, shard := range server.Shards {
				for _, db := range strings.Fields(ask(t, shard, "SELECT name FROM system.databases WHERE startsWith(name, '"+name+"_')")) {
					ask(t, shard, "DROP DATABASE `"+db+"` SYNC")
				}
			}
		})
		return func(t testing.TB) lake.Engine { return engineAt(t, address(name, server.Addresses()...)) }
	}
}

// ask gives the answer of a server as text.
func ask(t testing.TB, s *clickhousetest.Shard, statement string) string {
	t.Helper()
	res, err := http.Post(s.HTTP, "text/plain", strings.NewReader(statement))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v %s", statement, err, body)
	}
	return strings.TrimSpace(string(body))
}

func TestStore(t *testing.T) {
	laketest.Run(t, placeOn(clickhousetest.Shared(t)))
}

func TestStoreOfTwoShards(t *testing.T) {
	laketest.Run(t, placeOn(clickhousetest.Start(t, 2)))
}

// processes are n rows of so many devices, numbered from first.
func processes(first, n int) []*schema.Row {
	rows := make([]*schema.Row, n)
	for i := range rows {
		rows[i] = laketest.Process(laketest.At().Add(time.Duration(first+i)*time.Second), fmt.Sprint("p", first+i))
		rows[i].Set("DeviceId", fmt.Sprint("d", (first+i)%17))
		rows[i].Set("RecordNumber", int64(first+i))
	}
	return rows
}

func TestRowsAreSpread(t *testing.T) {
	server := clickhousetest.Start(t, 2)
	s := laketest.Open(t, engineAt(t, address("spread", server.Addresses()...)), "default")
	if err := s.Append(context.Background(), processes(0, 1000), nil); err != nil {
		t.Fatal(err)
	}
	var devices []string
	for _, shard := range server.Shards {
		if n := ask(t, shard, "SELECT count() FROM spread_default_shard.DeviceProcessEvents"); n == "0" || n == "1000" {
			t.Errorf("a shard has %s of 1000 rows", n)
		}
		devices = append(devices, strings.Fields(ask(t, shard, "SELECT DISTINCT DeviceId FROM spread_default_shard.DeviceProcessEvents"))...)
		if n := ask(t, shard, "SELECT count() FROM spread_default.DeviceProcessEvents"); n != "1000" {
			t.Errorf("a shard sees %s of 1000 rows", n)
		}
	}
	if len(devices) != 17 {
		t.Errorf("17 devices are on these shards: %v", devices)
	}
}

// TestOneHostBecomesTwo gives a lake with rows a second host.
func TestOneHostBecomesTwo(t *testing.T) {
	ctx := context.Background()
	server := clickhousetest.Start(t, 2)
	e := engineAt(t, address("grows", server.Shards[0].TCP))
	s := laketest.Open(t, e, "default")
	if err := s.Append(ctx, processes(0, 100), map[string]int64{"s": 100}); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	s = laketest.Open(t, engineAt(t, address("grows", server.Addresses()...)), "default")
	if err := s.Append(ctx, processes(100, 100), map[string]int64{"s": 200}); err != nil {
		t.Fatal(err)
	}
	if counts, err := s.Counts(ctx); err != nil || counts["DeviceProcessEvents"] != 200 {
		t.Errorf("Counts = %v, %v", counts, err)
	}
	if p, err := s.Position(ctx, "s"); err != nil || p != 200 {
		t.Errorf("Position = %d, %v", p, err)
	}
}

func TestAddresses(t *testing.T) {
	for name, bad := range map[string]string{
		"another program":   "postgres://u:p@h/x",
		"no host":           "clickhouse:///x",
		"no cluster":        "clickhouse://a:9000,b:9000/",
		"a host twice":      "clickhouse://a:9000,a:9000/?cluster=c",
		"a name with quote": "clickhouse://a:9000/x%60y",
		"a name with dash":  "clickhouse://a:9000/x-y",
		"a bad parameter":   "clickhouse://a:9000/?dial_timeout=soon",
		"a bad URL":         "clickhouse://u:sec ret%zz@a:9000/",
	} {
		_, err := clickhouse.New(bad, clickhouse.Options{})
		if fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "sec ret") {
			t.Errorf("%s: the message has the password: %v", name, err)
		}
	}
	e, err := clickhouse.New("clickhouse://u:secret@127.0.0.1:1/", clickhouse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Open(context.Background(), "default"); fault.CodeOf(err) != fault.Unavailable || strings.Contains(err.Error(), "secret") {
		t.Errorf("a server that is not there: %v", err)
	}
}

// TestWrongCluster gives an address that names fewer hosts than the servers know.
func TestWrongCluster(t *testing.T) {
	server := clickhousetest.Start(t, 3)
	e := engineAt(t, address("wrong", server.Addresses()[:2]...))
	defer e.Close()
	if _, err := e.Open(context.Background(), "default"); fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), "3 shards") {
		t.Errorf("a cluster of three with two hosts: %v", err)
	}
}
