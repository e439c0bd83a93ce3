package main

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/snapshot"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// newestEntities ask for the last row of each entity; a deriver forgets more than that anyway.
var newestEntities = [...]struct{ table, query string }{
	{"DeviceInfo", "DeviceInfo | where isnotempty(DeviceId) | summarize arg_max(Timestamp, *) by DeviceId | top 20000 by Timestamp desc"},
	{"DeviceNetworkInfo", "DeviceNetworkInfo | where isnotempty(DeviceId) | summarize arg_max(Timestamp, *) by DeviceId, MacAddress | top 40000 by Timestamp desc"},
	{"IdentityInfo", "IdentityInfo | summarize arg_max(Timestamp, *) by AccountObjectId, OnPremSid, AccountUpn, AccountDomain, AccountName | top 50000 by Timestamp desc"},
}

// entities returns what makes a pipeline's deriver of entity tables: it begins with what the lake knows.
func entities(store lake.Store) func(context.Context) (ingest.Deriver, error) {
	return func(ctx context.Context) (ingest.Deriver, error) {
		d := snapshot.New(store.Tenant())
		for _, e := range newestEntities {
			result, err := lake.Run(ctx, store, lake.Query{Text: e.query + " | sort by Timestamp asc", Limit: -1, Bytes: math.MaxInt64})
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
