package laketest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// bulk are n rows, a second apart, whose texts do not compress well.
func bulk(first, n int) []*schema.Row {
	rows := make([]*schema.Row, n)
	x := uint64(first)*2_654_435_761 + 1
	for i := range rows {
		r := Process(At().Add(time.Duration(first+i)*time.Second), fmt.Sprint("p", (first+i)%7, ".exe"))
		r.Set("DeviceId", fmt.Sprint("d", (first+i)%5))
		x = x*6_364_136_223_846_793_005 + 1_442_695_040_888_963_407
		r.Set("SHA256", fmt.Sprintf("%016x%016x%016x%016x", x, x*3, x*5, x*7))
		r.Set("AdditionalFields", fmt.Sprintf(`{"number":%d,"guid":"{%016x}"}`, first+i, x*11))
		r.Set("IngestTime", At().Add(time.Duration(first+i)*time.Second+time.Minute))
		rows[i] = r
	}
	return rows
}

func tableOf(t testing.TB, s lake.Store, name string) (lake.TableStats, *lake.Inventory) {
	t.Helper()
	inventory, err := s.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range inventory.Tables {
		if x.Table == name {
			return x, inventory
		}
	}
	t.Fatalf("there are no figures of %s", name)
	return lake.TableStats{}, nil
}

func inventory(t *testing.T, open Place) {
	ctx := context.Background()
	s := Open(t, open(t), "default")
	if x, all := tableOf(t, s, "DeviceProcessEvents"); x.Rows != 0 || !x.Oldest.IsZero() || !x.LastIngest.IsZero() || all.Engine == "" || len(all.Tables) != len(schema.Load().Tables()) {
		t.Errorf("an empty lake says %+v of %d tables", x, len(all.Tables))
	}
	if err := s.Append(ctx, bulk(0, 5000), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compact(ctx, nil); err != nil {
		t.Fatal(err)
	}
	x, all := tableOf(t, s, "DeviceProcessEvents")
	want := lake.TableStats{
		Table: "DeviceProcessEvents", Rows: 5000, Bytes: x.Bytes,
		Oldest: At(), Newest: At().Add(4999 * time.Second), LastIngest: At().Add(4999*time.Second + time.Minute),
	}
	if diff := cmp.Diff(want, x); diff != "" || x.Bytes < 5000*32 || all.FileBytes < x.Bytes {
		t.Errorf("of %d bytes in all (-want +got):\n%s", all.FileBytes, diff)
	}
	if x, _ := tableOf(t, s, "DeviceTvmSecureConfigurationAssessmentKB"); x.Rows != 0 {
		t.Errorf("a table without time: %+v", x)
	}
}

func retentionBySize(t *testing.T, open Place) {
	ctx := context.Background()
	s := Open(t, open(t), "default")
	const n = 60_000
	for i := 0; i < n; i += 20_000 {
		if err := s.Append(ctx, bulk(i, 20_000), nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Compact(ctx, nil); err != nil {
		t.Fatal(err)
	}
	before, _ := tableOf(t, s, "DeviceProcessEvents")
	if gone, err := s.RetainBytes(ctx, "DeviceProcessEvents", before.Bytes); gone != 0 || err != nil {
		t.Errorf("RetainBytes of what there is = %d, %v", gone, err)
	}
	limit := before.Bytes / 2
	gone, err := s.RetainBytes(ctx, "DeviceProcessEvents", limit)
	if err != nil || gone < n*4/10 || gone > n*7/10 {
		t.Errorf("RetainBytes of half = %d of %d, %v", gone, n, err)
	}
	expect(t, s, "DeviceProcessEvents | summarize count(), min(Timestamp), max(Timestamp)", fmt.Sprintf("%d | %s | %s", n-gone,
		At().Add(time.Duration(gone)*time.Second).Format("2006-01-02T15:04:05.0000000Z"), At().Add((n-1)*time.Second).Format("2006-01-02T15:04:05.0000000Z")))
	if again, err := s.RetainBytes(ctx, "DeviceProcessEvents", limit); again != 0 || err != nil {
		t.Errorf("a second RetainBytes = %d, %v", again, err)
	}
	if _, err := s.Compact(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if after, _ := tableOf(t, s, "DeviceProcessEvents"); after.Bytes > limit || after.Rows != n-gone {
		t.Errorf("%d bytes of %d rows are left after compaction, the limit is %d", after.Bytes, after.Rows, limit)
	}
	// What says that it comes from the future is as old as its arrival.
	ahead := Process(At().AddDate(80, 0, 0), "ahead.exe")
	ahead.Set("IngestTime", At())
	if err := s.Append(ctx, []*schema.Row{ahead}, nil); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.RetainBytes(ctx, "DeviceProcessEvents", limit/2); gone == 0 || err != nil {
		t.Errorf("RetainBytes of a quarter = %d, %v", gone, err)
	}
	expect(t, s, "DeviceProcessEvents | where FileName == 'ahead.exe' | count", "0")
	if gone, err := s.RetainBytes(ctx, "DeviceProcessEvents", 0); gone == 0 || err != nil {
		t.Errorf("RetainBytes of nothing = %d, %v", gone, err)
	}
	expect(t, s, "DeviceProcessEvents | count", "0")
	for table, code := range map[string]fault.Code{"NoSuchTable": fault.NotFound, "DeviceTvmSecureConfigurationAssessmentKB": fault.Invalid} {
		if _, err := s.RetainBytes(ctx, table, 1); fault.CodeOf(err) != code {
			t.Errorf("RetainBytes of %s: %v", table, err)
		}
	}
}

// compaction keeps rows, positions, custom tables and nulls, while a writer and readers go on.
func compaction(t *testing.T, open Place) {
	ctx := context.Background()
	e := open(t)
	s := Open(t, e, "default")
	columns := []schema.Column{{Name: "Count", Type: schema.Long}, {Name: "Text", Type: schema.String}, {Name: "More", Type: schema.Dynamic}}
	own := Custom(At(), "Kept_CL", columns, nil, "kept", `{"a":1}`)
	odd := schema.NewRow("DeviceProcessEvents")
	odd.Set("FileName", "without a time")
	if err := s.Append(ctx, append(bulk(0, 20_000), own, odd), map[string]int64{"s": 1, "other": 9}); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	written := 20_000
	wg.Go(func() {
		for i := int64(2); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Append(ctx, bulk(written, 50), map[string]int64{"s": i}); err != nil {
				t.Error(err)
				return
			}
			written += 50
		}
	})
	wg.Go(func() {
		last := int64(0)
		for {
			select {
			case <-stop:
				return
			default:
			}
			res, err := lake.Run(ctx, s, lake.Query{Text: "DeviceProcessEvents | count"})
			if err != nil {
				t.Error(err)
				return
			}
			n, _ := res.Rows[0][0].(int64)
			if n < last {
				t.Errorf("%d rows after %d", n, last)
			}
			last = n
		}
	})
	for range 2 {
		seen := lake.Progress{}
		done, err := s.Compact(ctx, func(p lake.Progress) { seen = p })
		if err != nil || done.Before <= 0 || done.After <= 0 {
			t.Errorf("Compact = %+v, %v", done, err)
		}
		if seen.Done != seen.Rows || seen.Rows == 0 {
			t.Errorf("the last progress is %+v", seen)
		}
	}
	close(stop)
	wg.Wait()
	check := func(s lake.Store) {
		t.Helper()
		expect(t, s, "DeviceProcessEvents | where isnotnull(Timestamp) | summarize count(), count_distinct(Timestamp), count_distinct(SHA256)", fmt.Sprintf("%d | %d | %d", written, written, written))
		expect(t, s, "DeviceProcessEvents | where isnull(Timestamp) | project FileName, isnull(ProcessId)", "without a time | true")
		expect(t, s, "DeviceProcessEvents | where tolong(todynamic(AdditionalFields).number) == 17 | project Timestamp", "2024-05-01T10:00:17.0000000Z")
		expect(t, s, "Kept_CL | project Text, isnull(Count)", "kept | true")
		if p, err := s.Position(ctx, "other"); p != 9 || err != nil {
			t.Errorf("Position = %d, %v", p, err)
		}
		if p, err := s.Position(ctx, "s"); p != int64(written-20_000)/50+1 || err != nil {
			t.Errorf("Position = %d, %v after %d rows", p, err, written)
		}
	}
	check(s)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	s = Open(t, open(t), "default")
	check(s)
	if err := s.Append(ctx, []*schema.Row{Custom(At().Add(time.Hour), "Kept_CL", columns, int64(5), "later", nil)}, nil); err != nil {
		t.Errorf("a custom table after a compaction: %v", err)
	}
	expect(t, s, "Kept_CL | sort by Timestamp asc | project Text, Count, tostring(More.a)", "kept | <nil> | 1", "later | 5 | ")
}

// exports writes a table as Parquet and reads it back.
func exports(t *testing.T, open Place) {
	ctx := context.Background()
	s := Open(t, open(t), "default")
	full := Process(At().Add(1500*time.Millisecond), "smile \u263a \x00 '")
	full.Set("IsInitiatingProcessRemoteSession", false)
	full.Set("AdditionalFields", `{"a":[1,null]}`)
	old := Process(time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC), "old")
	lab := Process(At(), "of a lab run")
	lab.Set("LabScenario", "run-1")
	if err := s.Append(ctx, append(bulk(100, 22_000), full, old, lab), nil); err != nil {
		t.Fatal(err)
	}
	read := func(x lake.Export, want int64) map[string][]any {
		t.Helper()
		var out bytes.Buffer
		n, err := s.ExportParquet(ctx, &out, x)
		if err != nil || n != want {
			t.Fatalf("ExportParquet(%+v) = %d, %v; want %d", x, n, err, want)
		}
		columns := readParquet(t, out.Bytes())
		if n := int64(len(columns["FileName"])); n != want {
			t.Errorf("the file of %+v has %d rows", x, n)
		}
		return columns
	}
	read(lake.Export{Table: "DeviceProcessEvents"}, 22_002)
	read(lake.Export{Table: "DeviceProcessEvents", Lab: true}, 22_003)
	read(lake.Export{Table: "DeviceProcessEvents", From: At().Add(100 * time.Second), To: At().Add(200 * time.Second)}, 100)
	got := read(lake.Export{Table: "DeviceProcessEvents", From: At(), To: At().Add(2 * time.Second)}, 1)
	for column, want := range map[string]any{
		"Timestamp": full.Get("Timestamp").(int64)/10 - 62_135_596_800_000_000, "FileName": "smile \u263a \x00 '", "ProcessId": int64(42), "LogonId": int64(999), "SHA1": "",
		"IsInitiatingProcessRemoteSession": false, "AdditionalFields": `{"a":[1,null]}`, "InitiatingProcessCreationTime": nil, "LogonID": nil,
	} {
		if cell := got[column]; len(cell) != 1 || cell[0] != want {
			t.Errorf("%s is %#v, want %#v", column, cell, want)
		}
	}
	if got := read(lake.Export{Table: "DeviceProcessEvents", To: At()}, 1); got["Timestamp"][0] != int64(-11_644_473_600_000_000) {
		t.Errorf("1601 is %v", got["Timestamp"])
	}
	if n, err := s.ExportParquet(ctx, new(bytes.Buffer), lake.Export{Table: "EmailEvents"}); n != 0 || err != nil {
		t.Errorf("a table without rows: %d, %v", n, err)
	}
	for table, code := range map[string]fault.Code{"NoSuchTable": fault.NotFound, "positions": fault.NotFound, "DeviceTvmSecureConfigurationAssessmentKB": fault.Invalid} {
		if _, err := s.ExportParquet(ctx, new(bytes.Buffer), lake.Export{Table: table, From: At()}); fault.CodeOf(err) != code {
			t.Errorf("an export of %s: %v", table, err)
		}
	}
}

// readParquet gives the cells of a file's columns, and checks that times are told as such.
func readParquet(t testing.TB, data []byte) map[string][]any {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := map[string][]any{}
	for g := range r.NumRowGroups() {
		group := r.RowGroup(g)
		for c := range group.NumColumns() {
			column, err := group.Column(c)
			if err != nil {
				t.Fatal(err)
			}
			name := column.Descriptor().Name()
			if kind := column.Descriptor().LogicalType().String(); name == "Timestamp" && kind != "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false, force_set_converted_type=false)" {
				t.Errorf("Timestamp is a %s", kind)
			}
			n := group.NumRows()
			levels := make([]int16, n)
			switch column := column.(type) {
			case *file.Int64ColumnChunkReader:
				values := make([]int64, n)
				out[name] = append(out[name], cells(t, levels, values, column.ReadBatch)...)
			case *file.Int32ColumnChunkReader:
				values := make([]int32, n)
				for _, v := range cells(t, levels, values, column.ReadBatch) {
					if x, ok := v.(int32); ok {
						v = int64(x)
					}
					out[name] = append(out[name], v)
				}
			case *file.BooleanColumnChunkReader:
				out[name] = append(out[name], cells(t, levels, make([]bool, n), column.ReadBatch)...)
			case *file.Float64ColumnChunkReader:
				out[name] = append(out[name], cells(t, levels, make([]float64, n), column.ReadBatch)...)
			case *file.ByteArrayColumnChunkReader:
				for _, v := range cells(t, levels, make([]parquet.ByteArray, n), column.ReadBatch) {
					if x, ok := v.(parquet.ByteArray); ok {
						v = string(x)
					}
					out[name] = append(out[name], v)
				}
			default:
				t.Fatalf("column %s is a %T", name, column)
			}
		}
	}
	return out
}

// cells reads a column of a row group.
func cells[T any](t testing.TB, levels []int16, values []T, read func(int64, []T, []int16, []int16) (int64, int, error)) []any {
	t.Helper()
	n := int64(len(levels))
	if total, _, err := read(n, values, levels, nil); err != nil || total != n {
		t.Fatalf("%d of %d cells, %v", total, n, err)
	}
	out := make([]any, n)
	next := 0
	for i, l := range levels {
		if l > 0 {
			out[i] = values[next]
			next++
		}
	}
	return out
}

// dumps copies a lake and loads the copy into another one.
func dumps(t *testing.T, open Place) {
	ctx := context.Background()
	e := open(t)
	s, into := Open(t, e, "default"), Open(t, e, "copy")
	odd := Process(time.Date(1, 1, 1, 0, 0, 0, 100, time.UTC), "smile \u263a \x00 '")
	odd.Set("LogonId", int64(math.MinInt64))
	odd.Set("IsInitiatingProcessRemoteSession", false)
	score := schema.NewRow("DeviceTvmSoftwareVulnerabilitiesKB")
	score.Set("CvssScore", 9.5)
	columns := []schema.Column{{Name: "Count", Type: schema.Long}, {Name: "count", Type: schema.String}, {Name: "More", Type: schema.Dynamic}}
	if err := s.Append(ctx, append(bulk(0, 12_000), odd, score, Custom(At(), "Kept_CL", columns, nil, "kept", `{"a":1}`)), map[string]int64{"bus": 7, "file:x": 3}); err != nil {
		t.Fatal(err)
	}
	copier, ok := s.(interface {
		CopyTo(ctx context.Context, path string) (map[string]int64, error)
	})
	if !ok {
		t.Fatal("the lake cannot be copied")
	}
	folder := t.TempDir()
	positions, err := copier.CopyTo(ctx, filepath.Join(folder, "default"))
	if diff := cmp.Diff(map[string]int64{"bus": 7, "file:x": 3}, positions); err != nil || diff != "" {
		t.Fatalf("CopyTo: %v, %s", err, diff)
	}
	f, err := os.Open(filepath.Join(folder, "default.rows.zst"))
	if errors.Is(err, os.ErrNotExist) {
		return // the engine copies its file; internal/backup tests that
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := lake.Load(ctx, into, f); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		"DeviceProcessEvents | summarize count(), count_distinct(SHA256), count_distinct(IngestTime)", "DeviceProcessEvents | where LogonId < 0 | project Timestamp, FileName, LogonId, isnull(LogonID), IsInitiatingProcessRemoteSession",
		"DeviceTvmSoftwareVulnerabilitiesKB | project CvssScore", "Kept_CL | project Timestamp, Count, ['count'], tostring(More.a)",
	} {
		expect(t, into, q, Hunt(t, s, q)...)
	}
	if p, err := into.Position(ctx, "bus"); p != 7 || err != nil {
		t.Errorf("Position = %d, %v", p, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := lake.Load(ctx, into, f); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a copy into a lake with rows: %v", err)
	}
}
