// Package store keeps alerts, incidents, evidence, hits, edges, activities and entity aliases in the state database. It knows rows and queries only;
// what they mean is decided in package incident. Every function takes a bun.IDB, so that callers choose the transaction. Times are microseconds since 1970.
package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Incident is a row of incidents. Summary is JSON owned by package incident.
type Incident struct {
	bun.BaseModel `bun:"table:incidents,alias:i"`

	TenantID           tenant.ID `bun:",pk"`
	ID                 int64     `bun:",pk"`
	RedirectID         int64
	Name               string
	NameCustom         int16
	Severity           int16
	SeverityCustom     int16
	Status             int16
	Classification     string
	Determination      string
	AssignedTo         string
	ResolvingComment   string
	InvestigationState string
	Created            int64
	Updated            int64
	FirstActivity      int64
	LastActivity       int64
	AlertCount         int64
	ActiveAlertCount   int64
	DeviceCount        int64
	UserCount          int64
	MailboxCount       int64
	Lab                int16
	AtBound            int16
	Summary            string
	Search             string
}

// Alert is a row of alerts. Techniques, Tags, Pulses, Matched and Summary are JSON owned by package incident.
type Alert struct {
	bun.BaseModel `bun:"table:alerts,alias:a"`

	TenantID           tenant.ID `bun:",pk"`
	ID                 string    `bun:",pk"`
	No                 int64
	IncidentID         int64
	ProviderAlertID    string
	RuleID             string
	RuleTitle          string
	Title              string
	Description        string
	Recommended        string
	Severity           int16
	Status             int16
	Category           string
	Techniques         string
	ServiceSource      string
	DetectionSource    string
	Product            string
	Classification     string
	Determination      string
	AssignedTo         string
	InvestigationState string
	Tags               string
	Created            int64
	Updated            int64
	Resolved           int64 `bun:",nullzero"`
	FirstActivity      int64
	LastActivity       int64
	HitCount           int64
	Fold               int64
	Pulses             string
	Matched            string
	Summary            string
	Lab                string
	Search             string
}

// Evidence is one piece of an alert's evidence; Body is its JSON.
type Evidence struct {
	bun.BaseModel `bun:"table:alert_evidence,alias:e"`

	TenantID tenant.ID `bun:",pk"`
	AlertID  string    `bun:",pk"`
	N        int64     `bun:",pk"`
	Type     string
	Entity   string
	Body     string
	Seen     int64
}

// AlertEntity is one entry of the inverted index from entities to alerts.
type AlertEntity struct {
	bun.BaseModel `bun:"table:alert_entities,alias:ae"`

	TenantID tenant.ID `bun:",pk"`
	Entity   string    `bun:",pk"`
	AlertID  string    `bun:",pk"`
	Role     string
	Derived  int16
}

// Entity is a known thing with its name and when alerts saw it.
type Entity struct {
	bun.BaseModel `bun:"table:entities,alias:en"`

	TenantID  tenant.ID `bun:",pk"`
	Entity    string    `bun:",pk"`
	Kind      string
	Name      string
	Search    string
	FirstSeen int64
	LastSeen  int64
}

// Alias maps one spelling to a canonical key.
type Alias struct {
	bun.BaseModel `bun:"table:entity_aliases,alias:al"`

	TenantID tenant.ID `bun:",pk"`
	Alias    string    `bun:",pk"`
	Entity   string
}

// Edge is a join between two alerts.
type Edge struct {
	bun.BaseModel `bun:"table:incident_edges,alias:ed"`

	TenantID   tenant.ID `bun:",pk"`
	AlertID    string    `bun:",pk"`
	ToAlertID  string    `bun:",pk"`
	Kind       string    `bun:",pk"`
	Entity     string    `bun:",pk"`
	IncidentID int64
	Weight     float64
	GapSeconds int64
	Rarity     float64
	Text       string
	Created    int64
}

// Activity is one entry of the append-only log.
type Activity struct {
	bun.BaseModel `bun:"table:activities,alias:ac"`

	TenantID   tenant.ID `bun:",pk"`
	No         int64     `bun:",pk"`
	TargetType string
	TargetID   string
	Time       int64
	Actor      string
	ActorKind  string
	Type       string
	Old        string
	New        string
	Text       string
	MergedFrom int64
}

// Unlink remembers that a person took two alerts apart.
type Unlink struct {
	bun.BaseModel `bun:"table:alert_unlinks,alias:un"`

	TenantID  tenant.ID `bun:",pk"`
	AlertID   string    `bun:",pk"`
	OtherID   string    `bun:",pk"`
	Created   int64
	CreatedBy string
}

// chunk is how many rows one INSERT or IN list carries, well under the statement limits of both databases.
const chunk = 500

// insert writes rows in chunks.
func insert[T any](ctx context.Context, db bun.IDB, rows []T, suffix string) error {
	for len(rows) > 0 {
		n := min(chunk, len(rows))
		part := rows[:n]
		rows = rows[n:]
		q := db.NewInsert().Model(&part)
		if suffix != "" {
			q = q.On(suffix)
		}
		if _, err := q.Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// inChunks calls fn with at most chunk values at a time.
func inChunks[T any](values []T, fn func([]T) error) error {
	for len(values) > 0 {
		n := min(chunk, len(values))
		if err := fn(values[:n]); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// Lock serialises writers of one tenant across processes until the transaction ends. SQLite's write transactions already exclude each other.
func Lock(ctx context.Context, tx bun.Tx, id tenant.ID) error {
	if tx.Dialect().Name() != dialect.PG {
		return nil
	}
	_, err := tx.NewRaw("SELECT pg_advisory_xact_lock(hashtext(?))", "incident/"+string(id)).Exec(ctx)
	return err
}

// Analyse renews the statistics that SQLite chooses indexes by; it takes milliseconds, as it looks at a sample only.
func Analyse(ctx context.Context, db *bun.DB) error {
	if db.Dialect().Name() != dialect.SQLite {
		return nil
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, q := range []string{"PRAGMA analysis_limit = 1000", "ANALYZE alerts", "ANALYZE alert_entities", "ANALYZE alert_hits", "ANALYZE incidents"} {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// none turns "no rows" into a nil row.
func none[T any](row *T, err error) (*T, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return row, nil
}
