// Package agree measures whether normalised rows mean what other parsers say the same records mean: it reads raw records that stand beside expected
// documents in the Elastic Common Schema, normalises them as the product does, and compares the fields that both sides have.
//
// A field is comparable when the record became a row whose table has a column for it. It agrees when one of these columns holds the expected value;
// an empty column disagrees. Times agree within a second, names of hosts without their domain, accounts without theirs, all else without letter case.
package agree

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/ingest/reader"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Score is the result of one family.
type Score struct {
	Family     string
	Documents  int // expected documents
	Rows       int // … whose records became rows
	Comparable int // fields of these that could be compared
	Agree      int
	// Wrong counts disagreements by field, Examples has one of each.
	Wrong    map[string]int
	Examples map[string]string
}

// Share is Agree out of Comparable, 1 when nothing could be compared.
func (s *Score) Share() float64 {
	if s.Comparable == 0 {
		return 1
	}
	return float64(s.Agree) / float64(s.Comparable)
}

// document is an expected document, flattened: "source.ip" → values.
type document map[string][]string

// pair is a raw record and what is expected of it.
type pair struct {
	rows []*schema.Row
	want document
	raw  []byte
}

// Run scores the files below folder (see sources). families makes a new set of families for each file.
func Run(ctx context.Context, folder string, families func() []ingest.Family) ([]*Score, error) {
	byFamily := map[string]*Score{}
	var names []string
	for _, src := range sources {
		s := byFamily[src.family]
		if s == nil {
			s = &Score{Family: src.family, Wrong: map[string]int{}, Examples: map[string]string{}}
			byFamily[src.family] = s
			names = append(names, src.family)
		}
		pairs, err := src.pairs(ctx, folder, families)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", src.file, err)
		}
		for _, p := range pairs {
			s.add(src, p)
		}
	}
	out := make([]*Score, 0, len(names))
	for _, n := range names {
		out = append(out, byFamily[n])
	}
	return out, nil
}

func (s *Score) add(src source, p pair) {
	s.Documents++
	if len(p.rows) == 0 {
		return
	}
	s.Rows++
	fields := make([]string, 0, len(p.want))
	for f := range p.want {
		fields = append(fields, f)
	}
	sort.Strings(fields)
	for _, f := range fields {
		m, ok := fieldColumns[f]
		if !ok || notOurs[src.family+" "+f] != "" || slices.Contains(src.skip, f) {
			continue
		}
		var have []string
		possible := false
		for _, row := range p.rows {
			for _, c := range m.columns {
				if _, member, ok := strings.Cut(c, "."); ok { // of AdditionalFields; it may hold the value, but does not have to
					if v := fastjson.GetString([]byte(row.Text("AdditionalFields")), member); v != "" {
						have = append(have, v)
					}
					continue
				}
				if row.Table.Column(c) < 0 || c == "Protocol" && row.Table.Name != "DeviceNetworkEvents" {
					continue // elsewhere Protocol is that of the sign-in
				}
				if m.kind == outcome && row.Table.Name != "DeviceLogonEvents" && row.Table.Name != "IdentityLogonEvents" {
					continue // other action types are no verdict
				}
				possible = true
				if v := row.Get(c); v != nil && v != "" {
					have = append(have, cell(row, c, v))
				}
			}
		}
		if !possible {
			continue
		}
		for _, want := range p.want[f] {
			if m.blank(want) || lookedUp[src.family+" "+f] && !bytes.Contains(p.raw, []byte(want)) {
				continue
			}
			s.Comparable++
			if m.agrees(want, have) {
				s.Agree++
				continue
			}
			s.Wrong[f]++
			if s.Examples[f] == "" {
				s.Examples[f] = fmt.Sprintf("want %q, have %q in %s", want, have, p.rows[0].Table.Name)
			}
		}
	}
}

func cell(row *schema.Row, column string, v any) string {
	if ticks, ok := v.(int64); ok && column == row.Table.TimeColumn {
		return schema.TimeOf(ticks).Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// pairs reads the source's records and expected documents.
func (src source) pairs(ctx context.Context, folder string, families func() []ingest.Family) ([]pair, error) {
	f, err := os.Open(filepath.Join(folder, src.file))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	if src.product != "" || src.within != "" {
		return src.lines(ctx, z, families)
	}
	members := map[string][]byte{}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if name := strings.TrimPrefix(h.Name, "./"); strings.Contains(name, src.folder) {
			if members[name], err = io.ReadAll(t); err != nil {
				return nil, err
			}
		}
	}
	names := make([]string, 0, len(members))
	for n := range members {
		names = append(names, n)
	}
	sort.Strings(names)
	var out []pair
	for _, n := range names {
		if strings.HasSuffix(n, src.suffix) {
			continue
		}
		expected, ok := members[n+src.suffix]
		if !ok {
			if expected, ok = members[strings.TrimSuffix(n, filepath.Ext(n))+src.suffix]; !ok {
				continue
			}
		}
		docs, err := documents(expected)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		records := normalised(ctx, n, members[n], families())
		if len(records) != len(docs) {
			records, docs = match(records, docs)
		}
		for i := range docs {
			out = append(out, pair{records[i].rows, docs[i], records[i].data})
		}
	}
	return out, nil
}

// record is one raw record and its rows.
type record struct {
	data []byte
	rows []*schema.Row
}

// match pairs records with the documents that quote them, where some records have no document.
func match(records []record, docs []document) ([]record, []document) {
	byText := map[string]record{}
	for _, r := range records {
		byText[string(bytes.TrimSpace(r.data))] = r
		if bytes.Contains(r.data, []byte("msg=audit(")) { // the lines of one event are one record, and have a document each
			for line := range bytes.Lines(r.data) {
				byText[string(bytes.TrimSpace(line))] = r
			}
		}
	}
	var rs []record
	var ds []document
	for _, d := range docs {
		if len(d["event.original"]) == 1 {
			if r, ok := byText[strings.TrimSpace(d["event.original"][0])]; ok {
				rs, ds = append(rs, r), append(ds, d)
			}
		}
	}
	return rs, ds
}

// lines reads cases {product, raw, expected}.
func (src source) lines(ctx context.Context, r io.Reader, families func() []ingest.Family) ([]pair, error) {
	var out []pair
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 1<<20), 16<<20)
	for scan.Scan() {
		var c struct {
			Product, Raw string
			Expected     json.RawMessage
		}
		if err := json.Unmarshal(scan.Bytes(), &c); err != nil {
			return nil, err
		}
		if src.product != "" && c.Product != src.product || !strings.Contains(c.Raw, src.within) || src.within == "CEF:" && strings.Contains(c.Raw, "LEEF:") {
			continue
		}
		var doc map[string]any
		if err := json.Unmarshal(c.Expected, &doc); err != nil {
			return nil, err
		}
		p := pair{want: document{}, raw: []byte(c.Raw)}
		flatten("", doc, p.want)
		for _, r := range normalised(ctx, "case", []byte(c.Raw), families()) {
			p.rows = append(p.rows, r.rows...)
		}
		out = append(out, p)
	}
	return out, scan.Err()
}

// collect is a sink that normalises what it gets.
type collect struct {
	families map[string]ingest.Family
	probes   []reader.Probe
	out      []record
}

func (c *collect) Begin(*reader.File) error             { return nil }
func (c *collect) End(*reader.File) error               { return nil }
func (c *collect) Refuse(string, int64, string, string) { c.out = append(c.out, record{}) }

func (c *collect) Record(rec *normalise.Record) error {
	f, ok := c.families[rec.Source]
	if !ok {
		f = c.families[reader.Detect(c.probes, rec.Data)]
	}
	r := record{data: rec.Data}
	if f.Family != nil {
		var b normalise.Batch
		if f.Normalise(rec, &b) == nil {
			for _, ev := range b.Events {
				r.rows = append(r.rows, ev.Rows...)
			}
			if len(r.rows) == 0 {
				r.rows = b.Rows
			}
			r.rows = slices.DeleteFunc(slices.Clone(r.rows), func(row *schema.Row) bool { return row.Table.Name == "DeviceInfo" }) // tells of the device, not of the event
		}
	}
	c.out = append(c.out, r)
	return nil
}

func normalised(ctx context.Context, name string, data []byte, families []ingest.Family) []record {
	c := &collect{families: map[string]ingest.Family{}, probes: ingest.Probes(families)}
	for _, f := range families {
		c.families[f.Name()] = f
	}
	opt := reader.Options{Tenant: "default", Source: reader.Auto, Probes: c.probes, Stdin: bytes.NewReader(data)}
	if err := reader.Walk(ctx, []string{reader.Stdin}, opt, c); err != nil {
		c.out = append(c.out, record{data: []byte(name + ": " + err.Error())})
	}
	return c.out
}

// documents reads an array of documents, nested or flattened.
func documents(data []byte) ([]document, error) {
	var list []map[string]any
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	out := make([]document, len(list))
	for i, d := range list {
		out[i] = document{}
		if inner, ok := d["event"].(map[string]any); ok && inner["record_type"] != nil { // go-libaudit wraps its own form
			d = inner
		}
		flatten("", d, out[i])
	}
	return out, nil
}

func flatten(prefix string, v any, into document) {
	switch x := v.(type) {
	case map[string]any:
		for k, inner := range x {
			name := k
			if prefix != "" {
				name = prefix + "." + k
			}
			flatten(name, inner, into)
		}
	case []any:
		for _, inner := range x {
			if _, nested := inner.(map[string]any); !nested {
				flatten(prefix, inner, into)
			}
		}
	case nil:
	case float64:
		into[prefix] = append(into[prefix], strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.6f", x), "0"), "."))
	default:
		into[prefix] = append(into[prefix], fmt.Sprint(x))
	}
}
