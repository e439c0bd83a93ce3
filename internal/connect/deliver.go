package connect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Receiver keeps records; ingest.Receiver does.
type Receiver interface {
	Accept(ctx context.Context, d ingest.Delivery, body io.Reader) (ingest.Receipt, error)
}

// Bus tells how far it has come; bus.Bus does.
type Bus interface {
	Status(ctx context.Context, id tenant.ID) (bus.Status, error)
}

// batch is what the outbox holds: records on their way, and what becomes valid when they have arrived.
type batch struct {
	Stream string          `json:"stream"`
	Source string          `json:"source"`
	Cursor json.RawMessage `json:"cursor"`
	Mark   time.Time       `json:"mark"`
	Forget time.Time       `json:"forget"`
	Hashes []int64         `json:"hashes"`
	Times  []int64         `json:"times"`
	Marks  []int64         `json:"marks,omitempty"` // ids without a record: files and blobs that were read
	Read   []int64         `json:"read,omitempty"`  // their times
	Body   []byte          `json:"body"`            // records, a line each, compressed
	Count  int64           `json:"count"`
	Bytes  int64           `json:"bytes"`
}

// take delivers the records of a page that were not delivered before, and moves the cursor behind them.
func (j *job) take(ctx context.Context, k *Kind, stream string, page Page) error {
	b := &batch{Stream: stream, Source: page.Source, Cursor: page.Cursor, Mark: page.Mark, Forget: page.Forget}
	if b.Source == "" {
		b.Source = k.Family
	}
	hashes := make([]int64, 0, len(page.Records))
	for i := range page.Records {
		if r := &page.Records[i]; r.Data == nil {
			b.Marks, b.Read = append(b.Marks, hash(r.ID)), append(b.Read, r.Time.UnixMicro())
		} else {
			hashes = append(hashes, hash(r.ID))
		}
	}
	known, err := j.s.store.seen(ctx, j.row, stream, hashes)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	for i := range page.Records {
		r := &page.Records[i]
		id := hash(r.ID)
		if r.Data == nil || known[id] {
			continue
		}
		known[id] = true // a page may hold a record twice
		b.Hashes = append(b.Hashes, id)
		b.Times = append(b.Times, r.Time.UnixMicro())
		body.Write(r.Data)
		body.WriteByte('\n')
		b.Count++
		b.Bytes += int64(len(r.Data))
	}
	if b.Count == 0 {
		return j.commit(ctx, b, 0)
	}
	if b.Body, err = squeeze(body.Bytes()); err != nil {
		return err
	}
	status, err := j.opt.Bus.Status(ctx, j.row.Tenant)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	err = held(ctx, j.s.store.db, j.row, j.lease, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Set("outbox = ?", string(raw)).Set("outbox_after = ?", int64(status.Last)) //nolint:gosec // sequences stay far below 2^63
	})
	if err != nil {
		return err
	}
	return j.deliver(ctx, b, body.Bytes(), status.Last, false)
}

// settle brings a batch to its end that a former run may or may not have delivered.
func (j *job) settle(ctx context.Context) error {
	b := new(batch)
	if err := json.Unmarshal([]byte(j.row.Outbox), b); err != nil {
		return fault.Newf(fault.Internal, "the batch that connector %s was delivering is damaged; reset its cursor", j.row.Name)
	}
	body, err := unsqueeze(b.Body)
	if err != nil {
		return fault.Newf(fault.Internal, "the batch that connector %s was delivering is damaged; reset its cursor", j.row.Name)
	}
	return j.deliver(ctx, b, body, uint64(max(j.row.OutboxAfter, 0)), true) //nolint:gosec // as above
}

// deliver gives the batch to the receiver and commits. again looks first which parts of it are on the bus already.
func (j *job) deliver(ctx context.Context, b *batch, body []byte, after uint64, again bool) error {
	receipt, err := j.opt.Receiver.Accept(ctx, ingest.Delivery{
		Tenant: j.row.Tenant, Sender: ingest.Sender{Kind: ingest.SenderConnector, ID: j.row.ID, Name: j.row.Name}, Source: b.Source, File: j.row.Kind + ":" + j.row.Name,
		Batch: ingest.Batch{Name: "connector/" + j.row.ID + "/" + strconv.FormatInt(j.row.Batch+1, 10), After: after, Again: again},
	}, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("delivering: %w", err)
	}
	return j.commit(ctx, b, int64(receipt.RefusedCount))
}

// commit makes the batch's cursor and ids valid.
func (j *job) commit(ctx context.Context, b *batch, refused int64) error {
	next := j.progress
	next.Streams = map[string]streamCursor{}
	for name, at := range j.progress.Streams {
		next.Streams[name] = at
	}
	next.Streams[b.Stream] = streamCursor{Cursor: b.Cursor, Mark: b.Mark}
	number := j.row.Batch
	if b.Count > 0 {
		number++
	}
	ids := make([]seenRow, 0, len(b.Hashes)+len(b.Marks))
	for i, h := range b.Hashes {
		ids = append(ids, seenRow{Tenant: j.row.Tenant, Connector: j.row.ID, Stream: b.Stream, Hash: h, Time: b.Times[i]})
	}
	for i, h := range b.Marks {
		ids = append(ids, seenRow{Tenant: j.row.Tenant, Connector: j.row.ID, Stream: marks(b.Stream), Hash: h, Time: b.Read[i]})
	}
	err := j.s.store.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		err := held(ctx, tx, j.row, j.lease, func(q *bun.UpdateQuery) *bun.UpdateQuery {
			return q.Set("cursors = ?", encode(next)).Set("batch = ?", number).Set("outbox = ''").Set("records = records + ?", b.Count-min(refused, b.Count)).
				Set("refused = refused + ?", refused).Set("bytes = bytes + ?", b.Bytes)
		})
		if err != nil {
			return err
		}
		if err := remember(ctx, tx, ids); err != nil {
			return err
		}
		if !b.Forget.IsZero() {
			if err := forget(ctx, tx, j.row, b.Forget, b.Stream, marks(b.Stream)); err != nil {
				return err
			}
		}
		return j.bound(ctx, tx, &next, int64(len(ids)))
	})
	if err != nil {
		return err
	}
	if dropped := next.Dropped - j.progress.Dropped; dropped > 0 {
		j.opt.Log.Warn("a connector remembers as many ids as it may; the oldest were forgotten, and are delivered again if the service lists them again", "tenant", j.row.Tenant, "connector", j.row.Name, "forgotten", dropped)
	}
	j.progress, j.row.Batch, j.row.Outbox = next, number, ""
	j.run.Records += b.Count - min(refused, b.Count)
	j.run.Refused += refused
	j.run.Bytes += b.Bytes
	return nil
}

// bound keeps the connector's remembered ids within their number. They are counted once in a run and when the estimate says that they are too many.
func (j *job) bound(ctx context.Context, tx bun.Tx, next *progress, added int64) error {
	most := int64(j.s.remembered)
	if added == 0 {
		return nil
	}
	if j.counted {
		if j.remembered += added; j.remembered <= most {
			return nil
		}
	}
	keep := most
	if j.counted {
		keep -= most / 20 // not again with every batch
	}
	left, dropped, err := trim(ctx, tx, j.row, keep)
	if err != nil {
		return err
	}
	j.counted, j.remembered = true, left
	if dropped == 0 {
		return nil
	}
	next.Dropped += dropped
	return held(ctx, tx, j.row, j.lease, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Set("cursors = ?", encode(*next)) })
}

func hash(id string) int64 {
	sum := sha256.Sum256([]byte(id))
	return int64(binary.LittleEndian.Uint64(sum[:8])) //nolint:gosec // the bits count
}

func squeeze(raw []byte) ([]byte, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return z.EncodeAll(raw, nil), nil
}

func unsqueeze(raw []byte) ([]byte, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return z.DecodeAll(raw, nil)
}
