package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/snapshot"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// newestEntities ask for the last row of each entity; a deriver forgets more than that anyway. The filter goes where %s is.
var newestEntities = [...]struct{ table, query string }{
	{"DeviceInfo", "DeviceInfo%s | where isnotempty(DeviceId) | summarize arg_max(Timestamp, *) by DeviceId | top 20000 by Timestamp desc"},
	{"DeviceNetworkInfo", "DeviceNetworkInfo%s | where isnotempty(DeviceId) | summarize arg_max(Timestamp, *) by DeviceId, MacAddress | top 40000 by Timestamp desc"},
	{"IdentityInfo", "IdentityInfo%s | summarize arg_max(Timestamp, *) by AccountObjectId, OnPremSid, AccountUpn, AccountDomain, AccountName | top 50000 by Timestamp desc"},
}

// entities returns what makes a pipeline's deriver of entity tables: it begins with what the lake knows, less what records of the given files told. These are
// files of which the pipeline is shown the stored records once more: a deriver that knew already what they will say would derive something else from them
// than it did the first time.
func entities(store lake.Store, again map[string]bool) func(context.Context) (ingest.Deriver, error) {
	return func(ctx context.Context) (ingest.Deriver, error) {
		d := snapshot.New(store.Tenant())
		without, err := notFrom(ctx, store, again)
		if err != nil {
			return nil, err
		}
		for _, e := range newestEntities {
			query := fmt.Sprintf(e.query, without) + " | sort by Timestamp asc"
			result, err := lake.Run(ctx, store, lake.Query{Text: query, Limit: -1, Bytes: math.MaxInt64})
			if err != nil {
				return nil, err
			}
			for _, cells := range result.Rows {
				row := schema.NewRow(e.table)
				for i, c := range result.Schema {
					at := row.Table.Column(c.Name)
					if at < 0 {
						continue
					}
					if v, ok := cell(cells[i], row.Table.Columns[at].Type); ok {
						row.Set(c.Name, v)
					}
				}
				d.Warm(row)
			}
		}
		return d, nil
	}
}

// notFrom is a filter against rows of entities that records of the files told, "" where there is none.
func notFrom(ctx context.Context, store lake.Store, files map[string]bool) (string, error) {
	if len(files) == 0 {
		return "", nil
	}
	origins, err := column(ctx, store, "union DeviceInfo, DeviceNetworkInfo, IdentityInfo | distinct RecordOrigin")
	if err != nil {
		return "", err
	}
	var list []string
	for _, origin := range slices.Sorted(maps.Keys(origins)) {
		if fromFile(origin, files) {
			list = append(list, syntax.Quote(origin))
		}
	}
	if len(list) == 0 {
		return "", nil
	}
	return " | where RecordOrigin !in (" + strings.Join(list, ", ") + ")", nil
}

// fromFile reports whether an origin is one of the files or a member of one.
func fromFile(origin string, files map[string]bool) bool {
	for {
		if files[origin] {
			return true
		}
		at := strings.LastIndexByte(origin, '#')
		if at < 0 {
			return false
		}
		origin = origin[:at]
	}
}

// cell turns a value of a result into one of a row; what is null there, or no value of the type, is left out.
func cell(v any, kind schema.Type) (any, bool) {
	switch x := v.(type) {
	case string:
		if kind == schema.DateTime {
			t, ok := normalise.ParseTime(x)
			return t, ok
		}
		return x, kind != schema.Bool && kind != schema.Int && kind != schema.Long && kind != schema.Real
	case time.Time:
		return x, kind == schema.DateTime
	case bool:
		return x, kind == schema.Bool
	case int64:
		return x, kind == schema.Int || kind == schema.Long
	case float64:
		if kind == schema.Int || kind == schema.Long {
			return int64(x), x == float64(int64(x))
		}
		return x, kind == schema.Real
	case json.Number:
		n, err := x.Int64()
		return n, err == nil && (kind == schema.Int || kind == schema.Long)
	case map[string]any, []any:
		text, err := json.Marshal(x)
		return string(text), err == nil && kind == schema.Dynamic
	}
	return nil, false
}
