package connect

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// row is a connector in the state database.
type row struct {
	bun.BaseModel `bun:"table:connectors"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	ID            string     `bun:"id,pk"`
	Kind          string     `bun:"kind"`
	Name          string     `bun:"name"`
	Config        string     `bun:"config"` // JSON of the values that are no secrets
	Enabled       int        `bun:"enabled"`
	Paused        int        `bun:"paused"`
	IntervalS     int64      `bun:"interval_s"`
	Version       int64      `bun:"version"` // rises with every change of the settings
	Cursors       string     `bun:"cursors"` // JSON of progress
	Batch         int64      `bun:"batch"`   // number of the last batch
	Outbox        string     `bun:"outbox"`  // the batch that is being delivered, "" for none
	OutboxAfter   int64      `bun:"outbox_after"`
	NextRun       state.Time `bun:"next_run"`
	LastRun       state.Time `bun:"last_run"`
	CaughtUp      state.Time `bun:"caught_up"`
	Attempt       int64      `bun:"attempt"` // failed runs in a row
	ErrorCode     string     `bun:"error_code"`
	ErrorMessage  string     `bun:"error_message"`
	ErrorTime     state.Time `bun:"error_time"`
	Records       int64      `bun:"records"`
	Refused       int64      `bun:"refused"`
	Bytes         int64      `bun:"bytes"`
	Lease         string     `bun:"lease"`
	LeaseUntil    state.Time `bun:"lease_until"`
	Created       state.Time `bun:"created"`
	CreatedBy     string     `bun:"created_by"`
	Changed       state.Time `bun:"changed"`
	ChangedBy     string     `bun:"changed_by"`
}

// runRow is one run.
type runRow struct {
	bun.BaseModel `bun:"table:connector_runs"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	Connector     string     `bun:"connector,pk"`
	ID            string     `bun:"id,pk"`
	Started       state.Time `bun:"started"`
	Ended         state.Time `bun:"ended"`
	Records       int64      `bun:"records"`
	Refused       int64      `bun:"refused"`
	Bytes         int64      `bun:"bytes"`
	State         string     `bun:"state"`
	ErrorCode     string     `bun:"error_code"`
	ErrorMessage  string     `bun:"error_message"`
}

// seenRow is the id of a record that was delivered, as a hash.
type seenRow struct {
	bun.BaseModel `bun:"table:connector_seen"`
	Tenant        tenant.ID `bun:"tenant_id,pk"`
	Connector     string    `bun:"connector,pk"`
	Stream        string    `bun:"stream,pk"`
	Hash          int64     `bun:"hash,pk"`
	Time          int64     `bun:"time"` // of the record, microseconds
}

// progress is how far each stream came.
type progress struct {
	Since   time.Time               `json:"since"` // where streams without a cursor begin
	Streams map[string]streamCursor `json:"streams"`
	Dropped int64                   `json:"dropped,omitempty"` // ids that were forgotten since there were too many
}

type streamCursor struct {
	Cursor json.RawMessage `json:"cursor"`
	Mark   time.Time       `json:"mark"`
}

func (r *row) progress() (progress, error) {
	var p progress
	if err := json.Unmarshal([]byte(r.Cursors), &p); err != nil {
		return p, fault.Newf(fault.Internal, "the cursor of connector %s is damaged; reset it", r.Name)
	}
	if p.Streams == nil {
		p.Streams = map[string]streamCursor{}
	}
	return p, nil
}

func (r *row) values() (Values, error) {
	v := Values{}
	err := json.Unmarshal([]byte(r.Config), &v)
	return v, err
}

func encode(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return "{}" // not possible for our types
	}
	return string(raw)
}

// store holds the queries.
type store struct{ db *bun.DB }

func notFound(id string) error {
	return fault.Newf(fault.NotFound, "there is no connector %q", id)
}

func (s store) get(ctx context.Context, id tenant.ID, connector string) (*row, error) {
	r := new(row)
	err := s.db.NewSelect().Model(r).Where("tenant_id = ? AND id = ?", id, connector).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound(connector)
	}
	return r, err
}

// find finds by id or name.
func (s store) find(ctx context.Context, id tenant.ID, name string) (*row, error) {
	r := new(row)
	err := s.db.NewSelect().Model(r).Where("tenant_id = ? AND (id = ? OR name = ?)", id, name, name).Order("id").Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound(name)
	}
	return r, err
}

func (s store) list(ctx context.Context, id tenant.ID) ([]row, error) {
	var rows []row
	err := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Order("name").Scan(ctx)
	return rows, err
}

// due lists connectors whose time has come and that nobody works on, the longest waiting first. One that is switched off still settles a batch that is on its way.
func (s store) due(ctx context.Context, now time.Time, limit int) ([]row, error) {
	var rows []row
	err := s.db.NewSelect().Model(&rows).
		Where("(lease = '' OR lease_until < ?)", now.UnixMicro()).
		Where("(lease <> '' OR ((outbox <> '' OR (enabled = 1 AND paused = 0)) AND (next_run IS NULL OR next_run <= ?)))", now.UnixMicro()).
		Order("next_run").Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// acquire takes the lease. false: somebody else was faster.
func (s store) acquire(ctx context.Context, r *row, lease string, now, until time.Time) (bool, error) {
	res, err := s.db.NewUpdate().Model((*row)(nil)).Set("lease = ?", lease).Set("lease_until = ?", until.UnixMicro()).
		Where("tenant_id = ? AND id = ? AND (lease = '' OR lease_until < ?)", r.Tenant, r.ID, now.UnixMicro()).Exec(ctx)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// errLease says that the lease is somebody else's by now, or that the connector was reset or removed.
var errLease = errors.New("connect: the lease is lost")

// held changes the connector under the lease.
func held(ctx context.Context, db bun.IDB, r *row, lease string, set func(*bun.UpdateQuery) *bun.UpdateQuery) error {
	res, err := set(db.NewUpdate().Model((*row)(nil))).Where("tenant_id = ? AND id = ? AND lease = ?", r.Tenant, r.ID, lease).Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errLease, err)
	}
	return nil
}

// seen tells which of the hashes were delivered.
func (s store) seen(ctx context.Context, r *row, stream string, hashes []int64) (map[int64]bool, error) {
	out := map[int64]bool{}
	for start := 0; start < len(hashes); start += 500 {
		var found []int64
		err := s.db.NewSelect().Model((*seenRow)(nil)).Column("hash").Where("tenant_id = ? AND connector = ? AND stream = ?", r.Tenant, r.ID, stream).
			Where("hash IN (?)", bun.List(hashes[start:min(start+500, len(hashes))])).Scan(ctx, &found)
		if err != nil {
			return nil, err
		}
		for _, h := range found {
			out[h] = true
		}
	}
	return out, nil
}

// remember notes ids as delivered.
func remember(ctx context.Context, db bun.IDB, rows []seenRow) error {
	for start := 0; start < len(rows); start += 500 {
		part := rows[start:min(start+500, len(rows))]
		if _, err := db.NewInsert().Model(&part).On("CONFLICT (tenant_id, connector, stream, hash) DO NOTHING").Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// marks is under which name the ids of a stream's files and blobs stand, apart from those of records.
func marks(stream string) string { return stream + marksEnd }

const marksEnd = " read"

// forget drops ids of records from before the time.
func forget(ctx context.Context, db bun.IDB, r *row, before time.Time, streams ...string) error {
	_, err := db.NewDelete().Model((*seenRow)(nil)).Where("tenant_id = ? AND connector = ? AND stream IN (?) AND time < ?", r.Tenant, r.ID, bun.List(streams), before.UnixMicro()).Exec(ctx)
	return err
}

// trim drops ids of the oldest records of a connector until at most a number of them is left, and says how many are left and how many it dropped. Without its
// marks a stream would begin its files anew: they stay, and when they are too many, the connector fails and says so.
func trim(ctx context.Context, db bun.IDB, r *row, most int64) (left, dropped int64, err error) {
	count := func(which string) (int64, error) {
		n, err := db.NewSelect().Model((*seenRow)(nil)).Where("tenant_id = ? AND connector = ? AND stream "+which, r.Tenant, r.ID, "%"+marksEnd).Count(ctx)
		return int64(n), err
	}
	marked, err := count("LIKE ?")
	if err != nil {
		return 0, 0, err
	}
	if marked > most {
		return 0, 0, failure(fault.Limit, "%d files are remembered, and a connector remembers at most %d: narrow what it reads, move old files away, or lay them out by day", marked, most)
	}
	if left, err = count("NOT LIKE ?"); err != nil || left <= most {
		return left, 0, err
	}
	_, err = db.NewRaw(`DELETE FROM connector_seen WHERE tenant_id = ? AND connector = ? AND (stream, hash) IN
		(SELECT stream, hash FROM connector_seen WHERE tenant_id = ? AND connector = ? AND stream NOT LIKE ? ORDER BY time, hash LIMIT ?)`,
		r.Tenant, r.ID, r.Tenant, r.ID, "%"+marksEnd, left-most).Exec(ctx)
	return most, left - most, err
}

// keptRuns is how many runs of a connector are remembered.
const keptRuns = 200

// saveRun writes a run down and drops the oldest.
func (s store) saveRun(ctx context.Context, r *runRow) error {
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(r).On("CONFLICT (tenant_id, connector, id) DO UPDATE").Set("ended = EXCLUDED.ended").Set("records = EXCLUDED.records").
			Set("refused = EXCLUDED.refused").Set("bytes = EXCLUDED.bytes").Set("state = EXCLUDED.state").Set("error_code = EXCLUDED.error_code").
			Set("error_message = EXCLUDED.error_message").Exec(ctx)
		if err != nil {
			return err
		}
		_, err = tx.NewRaw(`DELETE FROM connector_runs WHERE tenant_id = ? AND connector = ? AND id NOT IN
			(SELECT id FROM connector_runs WHERE tenant_id = ? AND connector = ? ORDER BY id DESC LIMIT ?)`, r.Tenant, r.Connector, r.Tenant, r.Connector, keptRuns).Exec(ctx)
		return err
	})
}

// orphans marks runs of the connector that are still said to run, apart from one, as broken off: their process is gone.
func (s store) orphans(ctx context.Context, r *row, except string, now time.Time) error {
	_, err := s.db.NewUpdate().Model((*runRow)(nil)).Set("state = ?", RunBroken).Set("ended = ?", now.UnixMicro()).
		Set("error_code = ?", fault.Unavailable).Set("error_message = ?", "the process that ran it ended; the next run goes on from there").
		Where("tenant_id = ? AND connector = ? AND state = ? AND id <> ?", r.Tenant, r.ID, RunRunning, except).Exec(ctx)
	return err
}

func (s store) runs(ctx context.Context, id tenant.ID, connector string, skip, top int) ([]runRow, int64, error) {
	var rows []runRow
	n, err := s.db.NewSelect().Model(&rows).Where("tenant_id = ? AND connector = ?", id, connector).Order("id DESC").Offset(int64(skip)).Limit(int64(top)).ScanAndCount(ctx)
	return rows, n, err
}
