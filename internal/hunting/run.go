package hunting

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Interface is the way by which a query came.
type Interface string

// The interfaces of the query resources report.
const (
	Portal  Interface = "portal"
	API     Interface = "api"
	Rule    Interface = "rule"
	Command Interface = "command"
)

// RunState is how a run ended.
type RunState string

// The states of runs.
const (
	Completed RunState = "completed"
	Failed    RunState = "failed"
	Throttled RunState = "throttled" // refused because others, or the principal itself, used up what there is
	Cancelled RunState = "cancelled"
)

// StateOf is the state of a run that ended with err.
func StateOf(err error) RunState {
	switch {
	case err == nil:
		return Completed
	case fault.CodeOf(err) == fault.Busy:
		return Throttled
	case errors.Is(err, context.Canceled) || fault.CodeOf(err) == "cancelled":
		return Cancelled
	}
	return Failed
}

// Run is one execution of a query.
type Run struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"time"`
	Interface Interface `json:"interface" enum:"portal,api,rule,command"`
	User      string    `json:"user"` // sign-in name, the title of the rule, or the account on the machine
	Query     string    `json:"query"`
	Timespan  string    `json:"timespan"`
	MS        int64     `json:"ms"`
	CPUMS     int64     `json:"cpuMs"`
	Rows      int64     `json:"rows"`
	Bytes     int64     `json:"bytes"`
	Grade     string    `json:"grade"` // Low, Medium, High
	State     RunState  `json:"state" enum:"completed,failed,throttled,cancelled"`
	Error     string    `json:"error,omitempty"`
}

// Record is a run and whose it was.
type Record struct {
	Owner Owner
	Run   Run
}

// Bounds of the runs kept.
const (
	maxError    = 2000
	maxTimespan = 200
	maxRuns     = 500_000 // per tenant
)

type runRow struct {
	bun.BaseModel `bun:"table:query_runs,alias:r"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	ID            string     `bun:"id,pk"`
	OwnerID       string     `bun:"owner_id"`
	Owner         string     `bun:"owner"`
	Interface     Interface  `bun:"interface"`
	Time          state.Time `bun:"time"`
	TextID        string     `bun:"text_id"`
	Timespan      string     `bun:"timespan"`
	State         RunState   `bun:"state"`
	Error         string     `bun:"error"`
	Grade         string     `bun:"grade"`
	MS            int64      `bun:"ms"`
	CPUMS         int64      `bun:"cpu_ms"`
	Rows          int64      `bun:"row_count"`
	Bytes         int64      `bun:"bytes"`
	Query         string     `bun:"query,scanonly"`
}

type textRow struct {
	bun.BaseModel `bun:"table:query_texts"`
	Tenant        tenant.ID `bun:"tenant_id,pk"`
	ID            string    `bun:"id,pk"`
	Query         string    `bun:"query"`
}

// textID identifies the text of a query, whatever blanks stand around it.
func textID(query string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(query)))
	return hex.EncodeToString(sum[:16])
}

// Remember keeps a run of the owner's for its history and for the query resources report.
func (s *Service) Remember(ctx context.Context, id tenant.ID, by Owner, r Run) error {
	return s.RememberAll(ctx, id, []Record{{by, r}})
}

// RememberAll keeps runs in one transaction. Saved queries with the same text count them.
func (s *Service) RememberAll(ctx context.Context, id tenant.ID, records []Record) error {
	var rows []*runRow
	texts := map[string]*textRow{}
	for _, x := range records {
		r := x.Run
		if len(r.Query) > MaxQuery || !utf8.ValidString(r.Query) || strings.ContainsRune(r.Query, 0) || strings.TrimSpace(r.Query) == "" {
			continue // such a text never ran
		}
		if r.State == "" {
			r.State = Completed
		}
		if r.Interface == "" {
			r.Interface = Portal
		}
		if r.Time.IsZero() {
			r.Time = time.Now()
		}
		row := &runRow{
			Tenant: id, ID: ulid.Make().String(), OwnerID: x.Owner.ID, Owner: short(x.Owner.Name, maxName), Interface: r.Interface, Time: state.At(r.Time), TextID: textID(r.Query),
			Timespan: short(r.Timespan, maxTimespan), State: r.State, Error: short(r.Error, maxError), Grade: short(r.Grade, 20), MS: r.MS, CPUMS: r.CPUMS, Rows: r.Rows, Bytes: r.Bytes,
		}
		rows = append(rows, row)
		texts[row.TextID] = &textRow{Tenant: id, ID: row.TextID, Query: r.Query}
	}
	if len(rows) == 0 {
		return nil
	}
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for _, t := range texts {
			if _, err := tx.NewInsert().Model(t).On("CONFLICT (tenant_id, id) DO NOTHING").Exec(ctx); err != nil {
				return err
			}
		}
		if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
			return err
		}
		for _, r := range rows {
			if r.Interface == Rule {
				continue
			}
			// Queries saved before texts had ids are found by the text itself.
			_, err := tx.NewRaw(`UPDATE saved_queries SET run_count = run_count + 1, last_run = ?, text_id = ?
				WHERE tenant_id = ? AND (owner_id = ? OR shared = 1) AND text_id IN (?, '') AND (text_id <> '' OR query = ?)`,
				r.Time, r.TextID, id, r.OwnerID, r.TextID, texts[r.TextID].Query).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// short cuts a text to at most n bytes that a database takes.
func short(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
}

func (r *runRow) run() Run {
	return Run{
		ID: r.ID, Time: r.Time.Time, Interface: r.Interface, User: r.Owner, Query: r.Query, Timespan: r.Timespan, MS: r.MS, CPUMS: r.CPUMS, Rows: r.Rows, Bytes: r.Bytes,
		Grade: r.Grade, State: r.State, Error: r.Error,
	}
}

const withText = `JOIN query_texts AS t ON t.tenant_id = r.tenant_id AND t.id = r.text_id`

func runsOf(rows []runRow) []Run {
	out := make([]Run, 0, len(rows))
	for i := range rows {
		out = append(out, rows[i].run())
	}
	return out
}

// History lists the owner's last runs, newest first, and their number: Options.History of them, none older than Options.HistoryAge.
func (s *Service) History(ctx context.Context, id tenant.ID, by Owner, top, skip int) ([]Run, int64, error) {
	var rows []runRow
	err := s.db.NewSelect().Model(&rows).ColumnExpr("r.*, t.query").Join(withText).
		Where("r.tenant_id = ? AND r.owner_id = ? AND r.time >= ?", id, by.ID, state.At(time.Now().Add(-s.opt.HistoryAge))).
		OrderExpr("r.time DESC, r.id DESC").Limit(int64(s.opt.History)).Scan(ctx)
	if err != nil {
		return nil, 0, err
	}
	from := min(max(skip, 0), len(rows))
	return runsOf(rows[from:min(from+max(top, 0), len(rows))]), int64(len(rows)), nil
}

// UsageQuery says which runs of the query resources report are wanted. Zero fields are no condition.
type UsageQuery struct {
	From, To   time.Time
	Interfaces []string
	States     []string
	User       string // part of the name
	Only       string // id of the one owner whose runs may be seen; "" for everybody's
	OrderBy    string // time, cpuMs, ms, rows or bytes, with :asc or :desc; default time:desc
	Top, Skip  int
}

func (q *UsageQuery) where(id tenant.ID, b *bun.SelectQuery) *bun.SelectQuery {
	b = b.Where("r.tenant_id = ?", id)
	if q.Only != "" {
		b = b.Where("r.owner_id = ?", q.Only)
	}
	if !q.From.IsZero() {
		b = b.Where("r.time >= ?", state.At(q.From))
	}
	if !q.To.IsZero() {
		b = b.Where("r.time < ?", state.At(q.To))
	}
	if len(q.Interfaces) > 0 {
		b = b.Where("r.interface IN (?)", bun.List(q.Interfaces))
	}
	if len(q.States) > 0 {
		b = b.Where("r.state IN (?)", bun.List(q.States))
	}
	if q.User != "" {
		b = b.Where("LOWER(r.owner) LIKE ? ESCAPE '!'", "%"+pattern(strings.ToLower(q.User))+"%")
	}
	return b
}

// pattern makes a text match itself in LIKE … ESCAPE '!'.
func pattern(s string) string { return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s) }

func usageOrder(s string) (string, error) {
	if s == "" {
		return "r.time DESC, r.id DESC", nil
	}
	name, way, _ := strings.Cut(s, ":")
	column, ok := map[string]string{"time": "r.time", "cpuMs": "r.cpu_ms", "ms": "r.ms", "rows": "r.row_count", "bytes": "r.bytes"}[name]
	switch way {
	case "", "asc":
		way = "ASC"
	case "desc":
		way = "DESC"
	default:
		ok = false
	}
	if !ok {
		return "", fault.Newf(fault.Invalid, "runs are sorted by time, cpuMs, ms, rows or bytes, with :asc or :desc").On("orderby")
	}
	return column + " " + way + ", r.id " + way, nil
}

// Usage lists runs for the query resources report, and how many there are over all pages.
func (s *Service) Usage(ctx context.Context, id tenant.ID, q UsageQuery) ([]Run, int64, error) {
	order, err := usageOrder(q.OrderBy)
	if err != nil {
		return nil, 0, err
	}
	var rows []runRow
	n, err := q.where(id, s.db.NewSelect().Model((*runRow)(nil))).Count(ctx)
	if err != nil {
		return nil, 0, err
	}
	err = q.where(id, s.db.NewSelect().Model(&rows).ColumnExpr("r.*, t.query").Join(withText)).OrderExpr(order).Limit(int64(q.Top)).Offset(int64(q.Skip)).Scan(ctx)
	return runsOf(rows), int64(n), err
}

// UsageHour sums the runs of one hour and interface.
type UsageHour struct {
	Time      time.Time `json:"time"`
	Interface Interface `json:"interface" enum:"portal,api,rule,command"`
	Runs      int64     `json:"runs"`
	CPUMS     int64     `json:"cpuMs"`
	PeakCPUMS int64     `json:"peakCpuMs"` // of the costliest run
}

// UsageSummary sums runs per hour and interface, in order of time.
func (s *Service) UsageSummary(ctx context.Context, id tenant.ID, q UsageQuery) ([]UsageHour, error) {
	const hour = int64(time.Hour / time.Microsecond)
	var rows []struct {
		Hour      int64     `bun:"hour"`
		Interface Interface `bun:"interface"`
		Runs      int64     `bun:"runs"`
		CPUMS     int64     `bun:"cpu"`
		Peak      int64     `bun:"peak"`
	}
	err := q.where(id, s.db.NewSelect().Model((*runRow)(nil))).
		ColumnExpr("r.time / ? AS hour, r.interface, COUNT(*) AS runs, CAST(SUM(r.cpu_ms) AS BIGINT) AS cpu, MAX(r.cpu_ms) AS peak", hour).
		GroupExpr("1, 2").OrderExpr("1, 2").Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	out := make([]UsageHour, 0, len(rows))
	for _, r := range rows {
		out = append(out, UsageHour{time.UnixMicro(r.Hour * hour).UTC(), r.Interface, r.Runs, r.CPUMS, r.Peak})
	}
	return out, nil
}

// Forget deletes a tenant's runs that are older than Options.Keep, or more than a tenant may have, and the texts that no run shows any more.
func (s *Service) Forget(ctx context.Context, id tenant.ID) error {
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		before := state.At(time.Now().Add(-s.opt.Keep))
		var oldest state.Time
		err := tx.NewRaw(`SELECT time FROM query_runs WHERE tenant_id = ? ORDER BY time DESC LIMIT 1 OFFSET ?`, id, maxRuns).Scan(ctx, &oldest)
		if err == nil && oldest.After(before.Time) {
			before = oldest
		}
		if _, err := tx.NewRaw(`DELETE FROM query_runs WHERE tenant_id = ? AND time < ?`, id, before).Exec(ctx); err != nil {
			return err
		}
		_, err = tx.NewRaw(`DELETE FROM query_texts WHERE tenant_id = ? AND NOT EXISTS
			(SELECT 1 FROM query_runs r WHERE r.tenant_id = query_texts.tenant_id AND r.text_id = query_texts.id)`, id).Exec(ctx)
		return err
	})
}
