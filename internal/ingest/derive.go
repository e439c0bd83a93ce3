package ingest

import (
	"runtime/debug"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Deriver makes rows of entity tables (DeviceInfo, …) out of what records tell as they pass. It is called by the goroutine that calls the families, in order of
// arrival, before rules see the record's rows.
type Deriver interface {
	// Derive sees the rows and events of one record and returns the rows to keep: these, completed, and those that it adds.
	Derive(rec *normalise.Record, rows []*schema.Row, events []*normalise.Event) []*schema.Row
}

// derive lets the deriver see what became of a record: the rows and events behind the given counts. A defect of the deriver refuses the record, as one of a
// family does.
func (p *Pipeline) derive(out *normalise.Batch, rec *normalise.Record, rows, events int) (err error) {
	if p.deriver == nil {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fault.Newf(fault.Internal, "%s: defect while deriving entities from the record: %v (%s)", rec.Source, r, firstFrame(debug.Stack()))
		}
	}()
	out.Rows = append(out.Rows[:rows], p.deriver.Derive(rec, out.Rows[rows:], out.Events[events:])...)
	return nil
}
