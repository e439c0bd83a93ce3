package ingest

import (
	"runtime/debug"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Mapper applies mappings that a tenant declared to records. It does no I/O; what it works with may change between records.
type Mapper interface {
	// Map is shown a record after its family: the family's rows and events are those of out from rows and events on. It reports whether a mapping made rows of
	// the record; they stand in out then. An error refuses the record.
	Map(rec *normalise.Record, out *normalise.Batch, rows, events int) (bool, error)
}

// complete makes rows of what the family has no table for: those of a declared mapping, else one of the custom table of its kind.
func (p *Pipeline) complete(b *batch, rec *normalise.Record, rows, events int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.Newf(fault.Internal, "%s: defect while mapping the record: %v (%s)", rec.Source, r, firstFrame(debug.Stack()))
		}
	}()
	if _, ok := p.families[rec.Source].Family.(AlertFamily); ok {
		return nil
	}
	if p.cfg.Mapper != nil {
		mapped, err := p.cfg.Mapper.Map(rec, &b.out, rows, events)
		if err != nil || mapped {
			return err
		}
	}
	if len(b.out.Rows) > rows || b.out.Unmapped == "" {
		return nil
	}
	row := p.customs.Row(rec, b.out.Unmapped, b.out.Events[events:])
	b.out.Rows = append(b.out.Rows, row)
	for _, ev := range b.out.Events[events:] {
		if len(ev.Rows) == 0 {
			ev.Rows = []*schema.Row{row}
		}
	}
	return nil
}

// Try brings one record through the families and mappings, and keeps nothing of it.
func Try(families []Family, mapper Mapper, rec *normalise.Record) (*normalise.Batch, error) {
	p := &Pipeline{cfg: Config{Families: families, Mapper: mapper}, families: map[string]Family{}, probes: Probes(families), customs: normalise.NewCustoms()}
	for _, f := range families {
		p.families[f.Name()] = f
	}
	var b batch
	p.choose(rec)
	err := p.call(&b, rec)
	if err == nil {
		err = p.complete(&b, rec, 0, 0)
	}
	return &b.out, err
}
