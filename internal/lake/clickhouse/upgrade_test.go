package clickhouse_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake/laketest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql/clickhouse/clickhousetest"
)

// older makes a lake as an early version left it: few tables, few columns, rows in them.
func older(t *testing.T, shard *clickhousetest.Shard, database string) {
	t.Helper()
	at := schema.Ticks(laketest.At())
	for _, q := range []string{
		"CREATE DATABASE " + database,
		"CREATE TABLE " + database + "._positions (source String, position Int64, `_batch` Int64) ENGINE = ReplacingMergeTree(`_batch`) ORDER BY source",
		"INSERT INTO " + database + "._positions VALUES ('bus', 41, 1), ('', 0, 1)",
		"CREATE TABLE " + database + ".DeviceProcessEvents (Timestamp Nullable(Int64), DeviceId LowCardinality(String), FileName LowCardinality(String), ProcessId Nullable(Int64), `_batch` Int64) ENGINE = MergeTree ORDER BY (intDiv(Timestamp, 36000000000), DeviceId, Timestamp) SETTINGS allow_nullable_key = 1",
		fmt.Sprintf("INSERT INTO %s.DeviceProcessEvents SELECT %d + number * 10000000, concat('d', toString(number %% 3)), 'p', number, 1 FROM numbers(1000)", database, at),
		fmt.Sprintf("INSERT INTO %s.DeviceProcessEvents SELECT %d, 'd', 'of a batch that broke off', 0, 2 FROM numbers(5)", database, at),
	} {
		ask(t, shard, q)
	}
}

func TestOlderLake(t *testing.T) {
	ctx := context.Background()
	server := clickhousetest.Shared(t)
	name := newName()
	database := name + "_default"
	t.Cleanup(func() { ask(t, server.Shards[0], "DROP DATABASE `"+database+"` SYNC") })
	older(t, server.Shards[0], database)
	s := laketest.Open(t, engineAt(t, address(name, server.Addresses()...)), "default")
	const query = "DeviceProcessEvents | summarize count(), countif(SHA256 == ''), countif(isnull(LogonId)), max(Timestamp)"
	if got := laketest.Hunt(t, s, query); got[0] != "1000 | 1000 | 1000 | 2024-05-01T10:16:39.0000000Z" {
		t.Errorf("the old rows are %v", got)
	}
	if p, err := s.Position(ctx, "bus"); p != 41 || err != nil {
		t.Errorf("Position = %d, %v", p, err)
	}
	full := laketest.Process(laketest.At().Add(time.Hour), "new.exe")
	full.Set("SHA256", "ab")
	if err := s.Append(ctx, []*schema.Row{full}, map[string]int64{"bus": 42}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compact(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if got := laketest.Hunt(t, s, query); got[0] != "1001 | 1000 | 1000 | 2024-05-01T11:00:00.0000000Z" {
		t.Errorf("the rows are %v", got)
	}
	ask(t, server.Shards[0], "ALTER TABLE `"+database+"`.DeviceEvents ADD COLUMN Futuristic String")
	_, err := engineAt(t, address(name, server.Addresses()...)).Open(ctx, "default")
	if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("a lake of a newer version: %v", err)
	}
}
