package clickhousetest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/kql/clickhouse/clickhousetest"
)

func query(t *testing.T, s *clickhousetest.Shard, statement string) string {
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

func TestTwoShards(t *testing.T) {
	server := clickhousetest.Start(t, 2)
	for _, shard := range server.Shards {
		query(t, shard, "CREATE DATABASE d")
		query(t, shard, "CREATE TABLE d.x_local (n Int64) ENGINE = MergeTree ORDER BY n")
		query(t, shard, "CREATE TABLE d.x AS d.x_local ENGINE = Distributed('bartizan', 'd', 'x_local', n)")
	}
	query(t, server.Shards[0], "INSERT INTO d.x SELECT number FROM numbers(100) SETTINGS distributed_foreground_insert = 1")
	if got := query(t, server.Shards[1], "SELECT count() FROM d.x"); got != "100" {
		t.Errorf("both shards together have %s rows, want 100", got)
	}
	if got := query(t, server.Shards[1], "SELECT count() FROM d.x_local"); got != "50" {
		t.Errorf("the second shard has %s rows, want 50", got)
	}
}

func TestRestart(t *testing.T) {
	server := clickhousetest.Start(t, 1)
	shard := server.Shards[0]
	query(t, shard, "CREATE DATABASE d")
	query(t, shard, "CREATE TABLE d.x (n Int64) ENGINE = MergeTree ORDER BY n")
	query(t, shard, "INSERT INTO d.x SELECT number FROM numbers(100)")
	if err := shard.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := shard.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := query(t, shard, "SELECT count() FROM d.x"); got != "100" {
		t.Errorf("after a crash there are %s rows, want 100", got)
	}
}
