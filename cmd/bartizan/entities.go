package main

import (
	"context"
	"math"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/lake"
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
					if v, ok := cell(cells[i]); ok && row.Has(c.Name) {
						row.Set(c.Name, v)
					}
				}
				d.Warm(row)
			}
		}
		return d, nil
	}
}

// cell turns a value of a result into one of a row; what is null there is left out.
func cell(v any) (any, bool) {
	switch x := v.(type) {
	case nil:
		return nil, false
	case string, bool, time.Time, int64, int32, float64:
		return x, true
	}
	return nil, false
}
