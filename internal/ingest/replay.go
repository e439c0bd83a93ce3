package ingest

import (
	"context"
	"encoding/base64"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/ingest/dialect"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// MaxReplay bounds the records of one replay.
const MaxReplay = 1000

// Replayed says what became of refused records that were sent again: Sent are on the bus and no longer kept as refused (those that are refused again come
// back under a new id); Left stay, with the reasons.
type Replayed struct {
	Sent int
	Left []Refusal
}

// Replay sends refused records through the receiver again, after a family learned to read them.
func (r *Receiver) Replay(ctx context.Context, id tenant.ID, ids []string) (Replayed, error) {
	if len(ids) > MaxReplay {
		return Replayed{}, fault.Newf(fault.TooLarge, "at most %d records are sent again at once", MaxReplay).On("ids")
	}
	letters, err := r.records.letters(ctx, id, ids)
	if err != nil {
		return Replayed{}, err
	}
	var out Replayed
	type origin struct{ file, lab string }
	byOrigin := map[origin][]*DeadLetter{}
	for _, l := range letters {
		data, err := base64.StdEncoding.DecodeString(l.Data)
		why := ""
		switch {
		case err != nil || len(data) == 0:
			why = "nothing of the record is kept"
		case len(data) >= maxKept:
			why = "only the first part of the record is kept"
		}
		if why != "" {
			out.Left = append(out.Left, Refusal{Source: l.Source, File: l.File, Number: l.Number, Code: string(fault.Invalid), Message: why})
			continue
		}
		// What was refused under a family's name may belong to another: let the content decide again.
		from := origin{l.File, l.Lab}
		byOrigin[from] = append(byOrigin[from], l)
	}
	for from, group := range byOrigin {
		records := make([]dialect.Record, len(group))
		done := make([]string, len(group))
		for i, l := range group {
			records[i].Data, _ = base64.StdEncoding.DecodeString(l.Data) // was decoded above
			records[i].Host = l.Host
			done[i] = l.ID
		}
		if _, err := r.Take(ctx, Delivery{Tenant: id, File: from.file, Lab: from.lab}, records); err != nil {
			return out, err
		}
		if err := r.records.drop(ctx, id, done); err != nil {
			return out, err
		}
		out.Sent += len(group)
	}
	return out, nil
}

// letters reads kept refusals by id; unknown ids are left out.
func (r *Records) letters(ctx context.Context, id tenant.ID, ids []string) ([]*DeadLetter, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var out []*DeadLetter
	err := r.db.NewSelect().Model(&out).Where("tenant_id = ? AND id IN (?)", id, bun.List(ids)).Order("received", "id").Scan(ctx)
	return out, err
}

// Drop deletes kept refusals and returns how many there were.
func (r *Records) Drop(ctx context.Context, id tenant.ID, ids []string) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	res, err := r.db.NewDelete().Model((*DeadLetter)(nil)).Where("tenant_id = ? AND id IN (?)", id, bun.List(ids)).Exec(ctx)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (r *Records) drop(ctx context.Context, id tenant.ID, ids []string) error {
	_, err := r.Drop(ctx, id, ids)
	return err
}
