package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// batchColumn says which batch wrote a row. It is not part of the hunting schema.
const batchColumn = "_batch"

// Tables of the store's own bookkeeping, on the first host. Each statement that writes to one writes one block, which ClickHouse keeps whole or not at all.
const (
	positionsTable = "_positions"
	// committed is the source name under which positionsTable has the number of the last committed batch.
	committed = ""
)

// A table is stored in order of hour, device and time: a range of time is a range of the table, and neighbouring rows are alike, so they compress.
const hour = 36_000_000_000

// groups are the columns that rows are put together by within an hour, and spread over shards by; the first that a table has counts.
var groups = []string{"DeviceId", "AccountObjectId", "AccountUpn", "NetworkMessageId", "AlertId", "BehaviorId", "TeamsMessageId", "ServicePrincipalId", "AccountName"}

// group is the position of the column that keeps a table's rows together, -1 when it has none.
func group(t *schema.Table) int {
	for _, name := range groups {
		if i := t.Column(name); i >= 0 {
			return i
		}
	}
	return -1
}

// long are columns with long text, where a search for a word skips what does not have it: by the words of the ASCII texts, and by where other texts are.
var long = []string{
	"FolderPath", "ProcessCommandLine", "InitiatingProcessCommandLine", "RegistryKey", "RegistryValueData", "RemoteUrl", "Url", "RequestUri", "Subject",
}

// few are endings of names of columns with few distinct values.
var few = []string{
	"ActionType", "Type", "DeviceName", "FileName", "Domain", "Country", "City", "ISP", "Platform", "OSVersion", "Protocol", "Application", "IntegrityLevel", "TokenElevation",
	"CompanyName", "ProductName", "ProductVersion", "InternalFileName", "OriginalFileName", "FileDescription", "Status", "State", "Category", "Severity", "Source", "Action",
	"Location", "Direction", "Level", "Workload", "RecordOrigin", "LabScenario", "AccountName", "DeviceId",
}

func endsIn(name string, endings []string) bool {
	for _, e := range endings {
		if strings.HasSuffix(name, e) {
			return true
		}
	}
	return false
}

// sqlType is how a KQL type is stored: datetime as 100 ns ticks since year 1, dynamic as JSON text, guid as lower-case text. Strings are never null.
func sqlType(c schema.Column) string {
	switch c.Type {
	case schema.Bool:
		return "Nullable(Bool)"
	case schema.Int:
		return "Nullable(Int32)"
	case schema.Long, schema.DateTime:
		return "Nullable(Int64)"
	case schema.Real:
		return "Nullable(Float64)"
	case schema.String:
		if endsIn(c.Name, few) {
			return "LowCardinality(String)"
		}
		return "String"
	}
	return "Nullable(String)"
}

func columnDef(c schema.Column) string {
	codec := "ZSTD(1)"
	if c.Type == schema.DateTime || c.Name == "RecordNumber" {
		codec = "Delta, ZSTD(1)"
	}
	note := ""
	if !c.Seen.IsZero() {
		note = " COMMENT " + text(schema.ColumnNote(c))
	}
	return ident(c.Physical) + " " + sqlType(c) + note + " CODEC(" + codec + ")"
}

// createTable makes the table that holds rows.
func createTable(database string, t *schema.Table) string {
	var defs, order []string
	for _, c := range t.Stored() {
		defs = append(defs, columnDef(c))
	}
	defs = append(defs, ident(batchColumn)+" Int64 CODEC(ZSTD(1))")
	for _, c := range t.Stored() {
		name := ident(c.Physical)
		if c.Type == schema.String && slices.Contains(long, c.Name) {
			defs = append(defs, fmt.Sprintf("INDEX %s lower(%s) TYPE tokenbf_v1(16384, 2, 0) GRANULARITY 1", ident("words_of_"+c.Physical), name),
				fmt.Sprintf("INDEX %s lengthUTF8(%s) - length(%s) TYPE minmax GRANULARITY 1", ident("ascii_of_"+c.Physical), name, name))
		}
		if c.Name == t.TimeColumn {
			defs = append(defs, fmt.Sprintf("INDEX %s %s TYPE minmax GRANULARITY 1", ident("time"), name))
		}
	}
	defs = append(defs, fmt.Sprintf("INDEX %s %s TYPE minmax GRANULARITY 1024", ident("batch"), ident(batchColumn)))
	when := t.Column(t.TimeColumn)
	if t.TimeColumn != "" && when >= 0 {
		order = append(order, fmt.Sprintf("intDiv(%s, %d)", ident(t.Columns[when].Physical), hour))
	}
	if i := group(t); i >= 0 {
		order = append(order, ident(t.Columns[i].Physical))
	}
	if len(order) > 0 && t.TimeColumn != "" && when >= 0 {
		order = append(order, ident(t.Columns[when].Physical))
	}
	note := ""
	if t.Custom {
		note = " COMMENT " + text(t.Note())
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.%s (%s) ENGINE = MergeTree ORDER BY (%s) SETTINGS allow_nullable_key = 1, fsync_after_insert = 1, fsync_part_directory = 1",
		ident(database), ident(t.Name), strings.Join(defs, ", "), strings.Join(order, ", ")) + note
}

// prepare creates what is missing on every shard (databases, tables, columns that an older version did not have).
func (s *Store) prepare(ctx context.Context, catalog *schema.Catalog) error {
	if err := s.checkCluster(ctx); err != nil {
		return err
	}
	g, each := errgroup.WithContext(ctx)
	for i, shard := range s.shards {
		g.Go(func() error {
			if err := s.prepareShard(each, shard, catalog); err != nil {
				return fmt.Errorf("host %s: %w", s.engine.at.hosts[i], err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return exec(ctx, s.home(), fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.%s (source String, position Int64, %s Int64) ENGINE = ReplacingMergeTree(%s) ORDER BY source "+
		"SETTINGS fsync_after_insert = 1, fsync_part_directory = 1", ident(s.database), ident(positionsTable), ident(batchColumn), ident(batchColumn)))
}

func (s *Store) prepareShard(ctx context.Context, shard driver.Conn, catalog *schema.Catalog) error {
	if err := exec(ctx, shard, "CREATE DATABASE IF NOT EXISTS "+ident(s.database), "CREATE DATABASE IF NOT EXISTS "+ident(s.local)); err != nil {
		return err
	}
	if err := exec(ctx, shard, s.createFence()); err != nil {
		return err
	}
	if err := s.grow(ctx, shard); err != nil {
		return err
	}
	stored, err := columns(ctx, shard, s.local)
	if err != nil {
		return err
	}
	shown := stored
	if s.spread() {
		if shown, err = columns(ctx, shard, s.database); err != nil {
			return err
		}
	}
	for _, t := range append(catalog.Tables(), schema.House()...) {
		if err := s.prepareTable(ctx, shard, t, stored[t.Name], shown[t.Name]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) prepareTable(ctx context.Context, shard driver.Conn, t *schema.Table, stored, shown map[string]string) error {
	if stored == nil {
		if err := exec(ctx, shard, createTable(s.local, t)); err != nil {
			return err
		}
	}
	local := ident(s.local) + "." + ident(t.Name)
	all := ident(s.database) + "." + ident(t.Name)
	if s.spread() && shown == nil {
		create := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s AS %s ENGINE = Distributed(%s, %s, %s)", all, local, text(s.engine.at.cluster), text(s.local), text(t.Name))
		if err := exec(ctx, shard, create); err != nil {
			return err
		}
	}
	known := map[string]bool{batchColumn: true}
	for _, c := range t.Stored() {
		known[c.Physical] = true
		kind, ok := stored[c.Physical]
		switch {
		case stored == nil:
		case !ok:
			if err := exec(ctx, shard, fmt.Sprintf("ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s", local, columnDef(c))); err != nil {
				return err
			}
		case kind != sqlType(c) && !t.Custom:
			return fault.Newf(fault.Unavailable, "table %s: column %s is stored as %s, this version wants %s: restore a backup of the matching version", t.Name, c.Name, kind, sqlType(c))
		}
		if _, ok := shown[c.Physical]; s.spread() && shown != nil && !ok {
			if err := exec(ctx, shard, fmt.Sprintf("ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s %s", all, ident(c.Physical), sqlType(c))); err != nil {
				return err
			}
		}
	}
	for name := range stored {
		if !known[name] && !t.Custom {
			return fault.Newf(fault.Unavailable, "table %s has a column %s that this version does not know: it was written by a newer version", t.Name, name)
		}
	}
	return nil
}

// checkCluster makes sure that the servers know the shards as this program does: queries would miss rows otherwise.
func (s *Store) checkCluster(ctx context.Context) error {
	if !s.spread() {
		return nil
	}
	for i, shard := range s.shards {
		var n uint64
		if err := shard.QueryRow(ctx, "SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = "+text(s.engine.at.cluster)).Scan(&n); err != nil {
			return err
		}
		if int(n) != len(s.shards) { //nolint:gosec // a handful
			return fault.Newf(fault.Invalid, "the cluster %q has %d shards on host %s, but the lake's address names %d: correct <remote_servers> there, or the address",
				s.engine.at.cluster, n, s.engine.at.hosts[i], len(s.shards)).On("lake.url")
		}
	}
	return nil
}

// grow makes the tables of a lake that had one host so far into the first shard's.
func (s *Store) grow(ctx context.Context, shard driver.Conn) error {
	if !s.spread() {
		return nil
	}
	rows, err := shard.Query(ctx, "SELECT name FROM system.tables WHERE database = "+text(s.database)+" AND engine = 'MergeTree'")
	if err != nil {
		return err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, name := range names {
		if err := exec(ctx, shard, fmt.Sprintf("RENAME TABLE %s.%s TO %s.%s", ident(s.database), ident(name), ident(s.local), ident(name))); err != nil {
			return err
		}
	}
	return nil
}

// columns lists a database's tables with column name -> type.
func columns(ctx context.Context, conn driver.Conn, database string) (map[string]map[string]string, error) {
	rows, err := conn.Query(ctx, "SELECT table, name, type FROM system.columns WHERE database = "+text(database))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]map[string]string{}
	for rows.Next() {
		var table, column, kind string
		if err := rows.Scan(&table, &column, &kind); err != nil {
			return nil, err
		}
		if out[table] == nil {
			out[table] = map[string]string{}
		}
		out[table][column] = kind
	}
	return out, rows.Err()
}
