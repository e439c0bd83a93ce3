package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Records keeps what ingest must not forget: refused records (dead letters) and the health of each source.
type Records struct{ db *bun.DB }

// NewRecords returns the store on the state database.
func NewRecords(db *bun.DB) *Records { return &Records{db: db} }

// DeadLetter is one kept refusal. Data is base64 of the record, empty when it could not be read.
type DeadLetter struct {
	bun.BaseModel `bun:"table:dead_letters"`

	Tenant   tenant.ID  `bun:"tenant_id,pk" json:"-"`
	ID       string     `bun:"id,pk" json:"id"`
	Source   string     `bun:"source" json:"source"`
	File     string     `bun:"file" json:"file,omitempty"`
	Host     string     `bun:"host" json:"host,omitempty"`
	Lab      string     `bun:"lab" json:"-"`
	Number   int64      `bun:"number" json:"number"`
	Code     string     `bun:"code" json:"code"`
	Message  string     `bun:"message" json:"message"`
	Data     string     `bun:"data" json:"data,omitempty"`
	Received state.Time `bun:"received" json:"received"`
}

// Source is the health of one family of sources.
type Source struct {
	bun.BaseModel `bun:"table:sources"`

	Tenant    tenant.ID  `bun:"tenant_id,pk" json:"-"`
	Family    string     `bun:"family,pk" json:"family"`
	FirstSeen state.Time `bun:"first_seen" json:"firstSeen"`
	LastSeen  state.Time `bun:"last_seen" json:"lastSeen"`
	Records   int64      `bun:"records" json:"records"`
	Refused   int64      `bun:"refused" json:"refused"`
	Bytes     int64      `bun:"bytes" json:"bytes"`
	Late      int64      `bun:"late" json:"late"`
	Ahead     int64      `bun:"ahead" json:"ahead"`
	Steady    int64      `bun:"steady" json:"-"` // minutes with records in the hour before LastSeen
}

type health struct {
	records, refused, bytes int64
	last                    time.Time
}

func (h *health) add(o *health) {
	h.records += o.records
	h.refused += o.refused
	h.bytes += o.bytes
	if o.last.After(h.last) {
		h.last = o.last
	}
}

// maxKept bounds the record bytes kept with a refusal; the message says so when the record was longer.
const maxKept = 1 << 20

// Keep stores refusals and adds to the sources' counts, in one transaction. A refusal that is kept already is left as it is.
func (r *Records) Keep(ctx context.Context, id tenant.ID, refusals []Refusal, sources map[string]*health) error {
	return r.keep(ctx, id, refusals, sources, nil)
}

// keep is Keep that also adds what live records told.
func (r *Records) keep(ctx context.Context, id tenant.ID, refusals []Refusal, sources map[string]*health, live *observed) error {
	letters := make([]*DeadLetter, 0, len(refusals))
	seen := map[string]bool{}
	for _, f := range refusals {
		d := letter(id, f)
		if !seen[d.ID] {
			seen[d.ID] = true
			letters = append(letters, d)
		}
	}
	return r.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for start := 0; start < len(letters); start += 500 {
			part := letters[start:min(start+500, len(letters))]
			if _, err := tx.NewInsert().Model(&part).On("CONFLICT (tenant_id, id) DO NOTHING").Exec(ctx); err != nil {
				return err
			}
		}
		for _, family := range sortedKeys(sources, strings.Compare) {
			h := sources[family]
			s := &Source{Tenant: id, Family: family, FirstSeen: state.At(h.last), LastSeen: state.At(h.last), Records: h.records, Refused: h.refused, Bytes: h.bytes}
			if live != nil && live.families[family] != nil {
				s.Late, s.Ahead = live.families[family].late, live.families[family].ahead
			}
			_, err := tx.NewInsert().Model(s).On("CONFLICT (tenant_id, family) DO UPDATE").
				Set("last_seen = CASE WHEN EXCLUDED.last_seen > source.last_seen THEN EXCLUDED.last_seen ELSE source.last_seen END").
				Set("records = source.records + EXCLUDED.records").Set("refused = source.refused + EXCLUDED.refused").
				Set("bytes = source.bytes + EXCLUDED.bytes").Set("late = source.late + EXCLUDED.late").Set("ahead = source.ahead + EXCLUDED.ahead").Exec(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func letter(id tenant.ID, f Refusal) *DeadLetter {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\x00%s\x00%d\x00%s\x00", f.Source, f.File, f.Number, f.Code)
	sum.Write(f.Data)
	data, message := f.Data, f.Message
	if len(data) > maxKept {
		message = fmt.Sprintf("%s (the first %d of %d bytes are kept)", message, maxKept, len(data))
		data = data[:maxKept]
	}
	if len(message) > 2000 {
		message = message[:2000]
	}
	return &DeadLetter{
		Tenant: id, ID: hex.EncodeToString(sum.Sum(nil)[:16]), Source: f.Source, File: clean(f.File), Host: clean(f.Host), Lab: clean(f.Lab), Number: f.Number, Code: f.Code, Message: clean(message),
		Data: base64.StdEncoding.EncodeToString(data), Received: state.At(f.Time),
	}
}

// clean keeps text that databases refuse (NUL, broken UTF-8) out of the state database.
func clean(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if r != 0 {
			out = append(out, r)
		}
	}
	return string(out)
}

// Sources lists the health of the tenant's sources by name.
func (r *Records) Sources(ctx context.Context, id tenant.ID) ([]Source, error) {
	var out []Source
	err := r.db.NewSelect().Model(&out).Where("tenant_id = ?", id).Order("family").Scan(ctx)
	return out, err
}

// Forget deletes kept refusals that were received before the time, and returns how many.
func (r *Records) Forget(ctx context.Context, id tenant.ID, before time.Time) (int64, error) {
	res, err := r.db.NewDelete().Model((*DeadLetter)(nil)).Where("tenant_id = ? AND received < ?", id, state.At(before)).Exec(ctx)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// DeadLetters lists kept refusals, newest first, and their total count.
func (r *Records) DeadLetters(ctx context.Context, id tenant.ID, skip, top int64) ([]DeadLetter, int64, error) {
	var out []DeadLetter
	n, err := r.db.NewSelect().Model(&out).Where("tenant_id = ?", id).Order("received DESC", "id").Offset(skip).Limit(top).ScanAndCount(ctx)
	return out, n, err
}
