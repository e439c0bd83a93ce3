package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/bartizan-sec/bartizan/internal/schema"
	kqlduckdb "github.com/bartizan-sec/bartizan/kql/duckdb"
)

// huntNow is the time that the hunting shapes see; the rows lie in the 30 days before it.
var huntNow = time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)

const huntDays = 30

// part is a table of the hunting lake: its share of all rows in thousandths, or the table whose number of copies it takes.
type part struct {
	table string
	share int
	like  string
}

var parts = []part{
	{table: "DeviceNetworkEvents", share: 238},
	{table: "DeviceProcessEvents", share: 187},
	{table: "DeviceFileEvents", share: 150},
	{table: "DeviceRegistryEvents", share: 142},
	{table: "DeviceLogonEvents", share: 72},
	{table: "DeviceEvents", share: 62},
	{table: "EmailEvents", share: 22},
	{table: "EmailUrlInfo", like: "EmailEvents"},
	{table: "CloudAppEvents", share: 11},
	{table: "IdentityLogonEvents", share: 23},
}

// huntLake is the opened file of a lake with the rows of the bench.
type huntLake struct {
	db     *sql.DB
	rows   int64
	tables map[string]int64 // rows of each
}

// openLake opens the lake's file as the product does, for statements of our own too.
func openLake(ctx context.Context, dir string) (*huntLake, error) {
	connector, err := duckdb.NewConnector(filepath.Join(dir, "lake", "default.duckdb")+"?preserve_insertion_order=false&checkpoint_threshold=256MB", kqlduckdb.Profile)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return &huntLake{db: db}, kqlduckdb.Register(conn)
}

// huntingLake makes the lake: records are imported as a user imports them, then their rows are multiplied inside the engine with other times, devices,
// accounts, files and addresses. BARTIZAN_BENCH_DATA names a folder of records; without it, and without the folder beside the project, records are
// generated. BARTIZAN_BENCH_KEEP names a folder where the lake stays and is found again.
func (b *bench) huntingLake(ctx context.Context, total int) (*huntLake, error) {
	dir := b.path("hunt")
	keep := b.settings["KEEP"]
	if keep != "" {
		dir = keep
		if _, err := os.Stat(filepath.Join(dir, "ready")); err == nil {
			l, err := openLake(ctx, dir)
			if err != nil {
				return nil, err
			}
			return l, l.count(ctx)
		}
	}
	sources, err := b.records()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	cmd := exec.CommandContext(ctx, binary, append([]string{"import", "--no-detect", "--json", "--data", dir}, sources...)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 3 { // 3: some records were refused
		return nil, fmt.Errorf("import: %w", err)
	}
	fmt.Fprintf(os.Stderr, "bench: imported in %.0f s\n", time.Since(start).Seconds())
	l, err := openLake(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(l.multiply(ctx, total), l.count(ctx)); err != nil {
		return nil, err
	}
	if keep != "" {
		if err := os.WriteFile(filepath.Join(dir, "ready"), nil, 0o600); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(os.Stderr, "bench: %d rows after %.0f s\n", l.rows, time.Since(start).Seconds())
	return l, nil
}

// records are the files to import.
func (b *bench) records() ([]string, error) {
	dir := b.settings["DATA"]
	if dir == "" {
		dir = filepath.Join("..", "shared", "data")
	}
	var out []string
	for _, family := range []string{"endpoint", "identity", "cloud", "email", "network"} {
		if f := filepath.Join(dir, family); exists(f) {
			out = append(out, f)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	if b.settings["DATA"] != "" {
		return nil, fmt.Errorf("BARTIZAN_BENCH_DATA: %s has no folder endpoint, identity, cloud, email or network", dir)
	}
	fmt.Fprintln(os.Stderr, "bench: no recorded data; hunting is measured on generated records")
	return b.generated()
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func (l *huntLake) close() error { return l.db.Close() }

func (l *huntLake) count(ctx context.Context) error {
	l.rows, l.tables = 0, map[string]int64{}
	for _, p := range parts {
		var n int64
		if err := l.db.QueryRowContext(ctx, "SELECT count(*) FROM "+p.table).Scan(&n); err != nil {
			return err
		}
		l.tables[p.table] = n
		l.rows += n
	}
	return nil
}

// multiply replaces the rows of the tables by copies of them, and clears the other tables.
func (l *huntLake) multiply(ctx context.Context, total int) error {
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	exec := func(q string) error {
		_, err := conn.ExecContext(ctx, q)
		if err != nil {
			return fmt.Errorf("%w in %.300s", err, q)
		}
		return nil
	}
	used, copies := map[string]bool{}, map[string]int{}
	for _, p := range parts {
		used[p.table] = true
		if err := exec("CREATE OR REPLACE TEMP TABLE seed AS SELECT *, row_number() OVER (ORDER BY \"Timestamp\", \"ReportId\") - 1 AS rn FROM " + p.table + " ORDER BY rn; TRUNCATE " + p.table); err != nil {
			return err
		}
		var n int
		if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM seed").Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			fmt.Fprintln(os.Stderr, "bench: no records for", p.table)
			continue
		}
		k := (total*p.share/1000 + n - 1) / n
		if p.like != "" {
			k = copies[p.like]
		}
		copies[p.table] = k
		// Rows come in the order of time, as they do where records arrive one after another.
		// They are written in one transaction: the engine then writes whole row groups where they are to stay, and not to its log first.
		const batch = 240_000
		step := max(1, batch/n)
		if err := exec("BEGIN"); err != nil {
			return err
		}
		for from := 0; from < k; from += step {
			if err := exec(copyRows(p.table, n, k, from, min(from+step, k))); err != nil {
				return err
			}
		}
		if err := exec("COMMIT"); err != nil {
			return err
		}
	}
	for _, t := range schema.Load().Tables() {
		if !used[t.Name] {
			if err := exec("TRUNCATE " + t.Name); err != nil {
				return err
			}
		}
	}
	return exec("DROP TABLE seed; CHECKPOINT")
}

// copyRows inserts the copies from to to-1 of k copies of n rows.
func copyRows(table string, n, k, from, to int) string {
	t := schema.Load().Table(table)
	first := schema.Ticks(huntNow.Add(-huntDays * 24 * time.Hour))
	apart := max(1, int64(huntDays*86_400*1e7)/(int64(n)*int64(k)))
	var names, values []string
	for _, c := range t.Stored() {
		name := `"` + c.Physical + `"`
		v := name
		switch f := varied[c.Name]; {
		case c.Name == "Timestamp" || c.Name == "IngestTime":
			v = fmt.Sprintf("%d + (i * %d + rn) * %d + h %% %d", first, n, apart, apart)
		case c.Name == "ReportId" && c.Type == schema.Long:
			v = fmt.Sprintf("i * %d + rn", n)
		case f != "" && c.Type == schema.String:
			v = "CASE WHEN " + name + " = '' THEN '' ELSE " + strings.ReplaceAll(f, "$", name) + " END"
		case f != "":
			v = strings.ReplaceAll(f, "$", name)
		}
		names, values = append(names, name), append(values, v)
	}
	return "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") SELECT " + strings.Join(values, ", ") +
		" FROM (SELECT seed.*, i, CAST(hash(rn, i) >> 8 AS BIGINT) AS h FROM range(" + strconv.Itoa(from) + ", " + strconv.Itoa(to) + ") AS r(i), seed)"
}

// varied says how copies differ: i is the number of the copy, h a hash of row and copy, $ the value. Every copy is another set of machines, up to 40;
// most files, commands and addresses are everywhere, some are nowhere else.
var varied = map[string]string{
	"DeviceId": "sha1($ || (i % 40))", "DeviceName": "'n' || (i % 40) || '-' || $",
	"SHA1": "CASE WHEN h % 8 = 0 THEN sha1($ || h) ELSE $ END", "SHA256": "CASE WHEN h % 8 = 0 THEN sha256($ || h) ELSE $ END", "MD5": "CASE WHEN h % 8 = 0 THEN md5($ || h) ELSE $ END",
	"ProcessId": "$ + i % 97 * 4", "InitiatingProcessId": "$ + i % 97 * 4",
	"ReportId": "$ || '-' || i", "NetworkMessageId": "md5($ || i)",
	"AccountName": "CASE WHEN h % 2 = 0 THEN $ ELSE $ || (h % 60) END", "AccountUpn": "(h % 300) || $", "AccountDisplayName": "$ || ' ' || (h % 300)",
	"ProcessCommandLine": "CASE WHEN h % 3 = 0 THEN $ || ' /run:' || (h % 100000) ELSE $ END",
	"FolderPath":         "CASE WHEN h % 4 = 0 THEN $ || '.' || (h % 50000) ELSE $ END",
	"FileName":           "CASE WHEN h % 4 = 0 THEN 'v' || (h % 50) || '_' || $ ELSE $ END",
	"RegistryValueData":  "CASE WHEN h % 3 = 0 THEN $ || (h % 1000) ELSE $ END",
	"RemoteIP":           "CASE WHEN h % 3 = 0 AND contains($, '.') THEN (20 + h % 90) || '.' || (h // 7 % 200) || '.' || (h // 11 % 250) || '.' || (h // 13 % 250) ELSE $ END",
	"RemoteUrl":          "CASE WHEN h % 3 = 0 THEN 'h' || (h % 5000) || '.' || $ ELSE $ END",
	"IPAddress":          "CASE WHEN h % 3 = 0 AND contains($, '.') THEN (20 + h % 90) || '.' || (h // 7 % 200) || '.' || (h // 11 % 250) || '.' || (h // 13 % 250) ELSE $ END",
	"SenderFromAddress":  "CASE WHEN h % 4 = 0 THEN 's' || (h % 3000) || '-' || $ ELSE $ END", "RecipientEmailAddress": "'r' || (h % 400) || '-' || $",
	"Url": "CASE WHEN h % 2 = 0 THEN $ || '?id=' || (h % 100000) ELSE $ END",
}
