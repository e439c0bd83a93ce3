package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Entry says what was done.
type Entry struct {
	Action  string // "incident.update", "user.signIn"
	Target  string // id or name of the thing
	Failed  bool
	Details map[string]any
}

// AuditRecord is one line of the audit log.
type AuditRecord struct {
	No        int64           `json:"id"`
	Time      time.Time       `json:"creationTime"`
	Actor     string          `json:"userId"`
	ActorKind Kind            `json:"userType"`
	Address   string          `json:"clientIP,omitempty"`
	Action    string          `json:"operation"`
	Target    string          `json:"objectId"`
	Result    string          `json:"resultStatus"` // succeeded or failed
	Details   json.RawMessage `json:"details,omitempty"`
	Hash      string          `json:"hash"`
	Tenant    tenant.ID       `json:"tenantId"`
}

type auditRow struct {
	bun.BaseModel `bun:"table:audit"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	No            int64      `bun:"no,pk"`
	Time          state.Time `bun:"time"`
	Actor         string     `bun:"actor"`
	ActorKind     Kind       `bun:"actor_kind"`
	Address       string     `bun:"address"`
	Action        string     `bun:"action"`
	Target        string     `bun:"target"`
	Result        string     `bun:"result"`
	Details       string     `bun:"details"`
	Hash          string     `bun:"hash"`
}

// link returns the row's hash: SHA-256 over the previous row's hash and the row's fields, each with its length in front.
func (r *auditRow) link(previous string) string {
	h := sha256.New()
	for _, part := range []string{
		previous, string(r.Tenant), fmt.Sprint(r.No), fmt.Sprint(r.Time.UnixMicro()), r.Actor, string(r.ActorKind), r.Address, r.Action, r.Target, r.Result, r.Details,
	} {
		fmt.Fprintf(h, "%d:", len(part))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Audit appends one line to the tenant's audit log. Lines are chained by hash, so that a changed or removed one shows.
func (s *Service) Audit(ctx context.Context, id tenant.ID, by *Principal, e Entry) error {
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return s.AuditTx(ctx, tx, id, by, e) })
}

// AuditTx appends one line within the transaction of the change that it records.
func (s *Service) AuditTx(ctx context.Context, tx bun.IDB, id tenant.ID, by *Principal, e Entry) error {
	row := &auditRow{
		Tenant: id, Time: state.At(s.now()), Actor: "nobody", ActorKind: KindNobody, Action: e.Action, Target: cut(e.Target, 500), Result: "succeeded", Details: "{}",
	}
	if by != nil {
		row.Actor, row.ActorKind, row.Address = by.Name, by.Kind, by.Address
	}
	if e.Failed {
		row.Result = "failed"
	}
	if len(e.Details) > 0 {
		raw, err := json.Marshal(e.Details)
		if err != nil {
			return fmt.Errorf("audit %s: %w", e.Action, err)
		}
		if len(raw) > 64<<10 {
			raw = []byte(`{"omitted":"the details were over 64 KiB"}`)
		}
		row.Details = string(raw)
	}
	// Taking the next number locks the head until the transaction ends, so lines of one tenant are chained one after the other.
	var previous string
	err := tx.NewRaw(`INSERT INTO audit_heads (tenant_id, no, hash) VALUES (?, 1, '')
		ON CONFLICT (tenant_id) DO UPDATE SET no = audit_heads.no + 1 RETURNING no, hash`, id).Scan(ctx, &row.No, &previous)
	if err != nil {
		return fmt.Errorf("audit %s: %w", e.Action, err)
	}
	row.Hash = row.link(previous)
	if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return fmt.Errorf("audit %s: %w", e.Action, err)
	}
	_, err = tx.NewRaw("UPDATE audit_heads SET hash = ? WHERE tenant_id = ?", row.Hash, id).Exec(ctx)
	return err
}

func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "") // what PostgreSQL takes as text
}

// AuditQuery filters the log.
type AuditQuery struct {
	From, To  time.Time
	Action    string
	Actor     string
	Target    string
	Top, Skip int
}

// AuditLog lists the tenant's log, newest first, and the number of lines that match.
func (s *Service) AuditLog(ctx context.Context, by *Principal, id tenant.ID, q AuditQuery) ([]AuditRecord, int64, error) {
	if err := by.Require(id, AuditRead); err != nil {
		return nil, 0, err
	}
	var rows []auditRow
	sel := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Order("no DESC").Limit(max(int64(q.Top), 1)).Offset(int64(q.Skip))
	for column, value := range map[string]string{"action": q.Action, "actor": q.Actor, "target": q.Target} {
		if value != "" {
			sel = sel.Where("? = ?", bun.Ident(column), value)
		}
	}
	if !q.From.IsZero() {
		sel = sel.Where("time >= ?", q.From.UnixMicro())
	}
	if !q.To.IsZero() {
		sel = sel.Where("time < ?", q.To.UnixMicro())
	}
	n, err := sel.ScanAndCount(ctx)
	if err != nil {
		return nil, 0, err
	}
	out := make([]AuditRecord, 0, len(rows))
	for i := range rows {
		r := &rows[i]
		out = append(out, AuditRecord{
			No: r.No, Time: r.Time.Time, Actor: r.Actor, ActorKind: r.ActorKind, Address: r.Address, Action: r.Action, Target: r.Target, Result: r.Result,
			Details: json.RawMessage(r.Details), Hash: r.Hash, Tenant: r.Tenant,
		})
	}
	return out, n, nil
}

// VerifyAudit recomputes the tenant's chain and returns how many lines it has. A line that was changed, added or removed is an error that names it.
func (s *Service) VerifyAudit(ctx context.Context, id tenant.ID) (int64, error) {
	const page = 1000
	var previous string
	var no int64
	for {
		var rows []auditRow
		if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ? AND no > ?", id, no).Order("no").Limit(page).Scan(ctx); err != nil {
			return no, err
		}
		for i := range rows {
			if r := &rows[i]; r.No != no+1 || r.link(previous) != r.Hash {
				return no, fault.Newf(fault.Conflict, "the audit log of tenant %s was changed at line %d", id, no+1)
			}
			previous, no = rows[i].Hash, rows[i].No
		}
		if len(rows) < page {
			break
		}
	}
	var head struct {
		No   int64
		Hash string
	}
	err := s.db.NewRaw("SELECT COALESCE(MAX(no), 0) AS no, COALESCE(MAX(hash), '') AS hash FROM audit_heads WHERE tenant_id = ?", id).Scan(ctx, &head.No, &head.Hash)
	if err != nil {
		return no, err
	}
	if head.No != no || head.Hash != previous {
		return no, fault.Newf(fault.Conflict, "the audit log of tenant %s ends at line %d instead of %d", id, no, head.No)
	}
	return no, nil
}
