package export_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/hunting/export"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

func write(t *testing.T, f export.Format, cols []export.Column, rows ...[]any) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := export.New(&b, f, cols)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := w.Row(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestText(t *testing.T) {
	cols := []export.Column{{"a", "long"}, {"=b", "string"}, {"a", "dynamic"}, {"a1", "bool"}, {"f", "real"}}
	rows := [][]any{{int64(9007199254740993), `=cmd|' /C calc'!A1`, json.RawMessage(`{"k":"<v>"}`), true, 0.5}, {nil, "say \"hi\",\n", nil, false, "NaN"}, {int64(-1), "-1", json.RawMessage(`[]`), nil}}
	for f, want := range map[export.Format]string{
		export.CSV: "a,'=b,a,a1,f\n9007199254740993,'=cmd|' /C calc'!A1,\"{\"\"k\"\":\"\"<v>\"\"}\",true,0.5\n,\"say \"\"hi\"\",\n\",,false,NaN\n-1,'-1,[],,\n",
		export.NDJSON: `{"a":9007199254740993,"=b":"=cmd|' /C calc'!A1","a2":{"k":"<v>"},"a1":true,"f":0.5}` + "\n" +
			`{"a":null,"=b":"say \"hi\",\n","a2":null,"a1":false,"f":"NaN"}` + "\n" + `{"a":-1,"=b":"-1","a2":[],"a1":null,"f":null}` + "\n",
	} {
		if diff := cmp.Diff(want, string(write(t, f, cols, rows...))); diff != "" {
			t.Errorf("%s: %s", f, diff)
		}
	}
	if _, err := export.New(io.Discard, "xlsx", cols); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("an unknown format: %v", err)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ in, want []string }{
		{[]string{"a", "b"}, []string{"a", "b"}},
		{[]string{"a", "a", "a"}, []string{"a", "a1", "a2"}},
		{[]string{"a", "a", "a1"}, []string{"a", "a2", "a1"}},
		{[]string{"a1", "a", "a", "a"}, []string{"a1", "a", "a2", "a3"}},
		{[]string{"", ""}, []string{"", "1"}},
	} {
		var cols []export.Column
		for _, n := range c.in {
			cols = append(cols, export.Column{Name: n})
		}
		if diff := cmp.Diff(c.want, export.Names(cols)); diff != "" {
			t.Errorf("%v: %s", c.in, diff)
		}
	}
}

func TestParquet(t *testing.T) {
	cols := []export.Column{{"b", "bool"}, {"i", "int"}, {"l", "long"}, {"r", "real"}, {"s", "string"}, {"t", "datetime"}, {"d", "dynamic"}, {"s", "decimal"}, {"w", "timespan"}}
	const n = 120_001 // more than two groups
	rows := make([][]any, n)
	for i := range rows {
		rows[i] = []any{i%2 == 0, int64(i), int64(i) << 33, float64(i) / 2, fmt.Sprint("s", i), "2024-05-06T07:08:01.5000000Z", json.RawMessage(`{"k":1}`), "1.50", "00:00:01"}
	}
	rows[1] = []any{nil, nil, nil, nil, nil, nil, nil, nil, nil}
	rows[2] = []any{"text", int64(1) << 40, "x", "NaN", json.RawMessage("12"), "never", json.RawMessage("7"), nil}
	raw := write(t, export.Parquet, cols, rows...)
	r, err := file.NewParquetReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.NumRows() != n || r.NumRowGroups() != 3 {
		t.Fatalf("%d rows in %d groups", r.NumRows(), r.NumRowGroups())
	}
	var types []string
	for i := range cols {
		c := r.MetaData().Schema.Column(i)
		types = append(types, c.Name()+" "+c.PhysicalType().String()+" "+c.LogicalType().String())
	}
	if diff := cmp.Diff([]string{
		"b BOOLEAN None", "i INT32 Int(bitWidth=32, isSigned=true)", "l INT64 Int(bitWidth=64, isSigned=true)", "r DOUBLE None", "s BYTE_ARRAY String",
		"t INT64 Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false, force_set_converted_type=false)", "d BYTE_ARRAY String", "s1 BYTE_ARRAY String", "w BYTE_ARRAY String",
	}, types); diff != "" {
		t.Error(diff)
	}
	levels := make([]int16, 4)
	longs := make([]int64, 4)
	texts := make([]parquet.ByteArray, 4)
	column := func(i int) file.ColumnChunkReader {
		c, err := r.RowGroup(0).Column(i)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if _, _, err := column(2).(*file.Int64ColumnChunkReader).ReadBatch(4, longs, levels, nil); err != nil || fmt.Sprint(levels, longs[:2]) != fmt.Sprint([]int16{1, 0, 0, 1}, []int64{0, 3 << 33}) {
		t.Errorf("longs %v %v %v", levels, longs, err)
	}
	if _, _, err := column(5).(*file.Int64ColumnChunkReader).ReadBatch(4, longs, levels, nil); err != nil || fmt.Sprint(levels, longs[:2]) != fmt.Sprint([]int16{1, 0, 0, 1}, []int64{1714979281500000, 1714979281500000}) {
		t.Errorf("times %v %v %v", levels, longs, err)
	}
	if _, _, err := column(4).(*file.ByteArrayColumnChunkReader).ReadBatch(4, texts, levels, nil); err != nil || fmt.Sprintf("%v %s", levels, texts[:3]) != "[1 0 1 1] [s0 12 s3]" {
		t.Errorf("texts %v %s %v", levels, texts, err)
	}
	if empty := write(t, export.Parquet, cols); len(empty) == 0 {
		t.Error("no rows give no file")
	}
}
