// Package hunting keeps what people do with queries beside running them: saved queries, private or shared within the tenant, and each person's history.
package hunting

import (
	"context"
	"database/sql"
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

// Bounds of what is kept.
const (
	MaxQuery   = 64 << 10 // bytes of one query's text
	maxName    = 200      // characters of a name or folder
	maxSaved   = 2000     // saved queries of one owner
	maxHistory = 200      // runs remembered per owner
)

// Owner is whose queries they are.
type Owner struct {
	ID   string // user id, or "token:ID" for service tokens
	Name string
}

// SavedQuery is a query somebody kept under a name.
type SavedQuery struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Folder   string    `json:"folder"`
	Query    string    `json:"query"`
	Shared   bool      `json:"shared"`
	Owner    string    `json:"owner"` // sign-in name
	Mine     bool      `json:"mine"`  // only the owner changes or deletes it
	Created  time.Time `json:"createdTime"`
	Modified time.Time `json:"modifiedTime"`
}

// Draft is what a saved query is made or replaced with.
type Draft struct {
	Name, Folder, Query string
	Shared              bool
}

// Run is one line of the history.
type Run struct {
	ID    string    `json:"id"`
	Time  time.Time `json:"time"`
	Query string    `json:"query"`
	MS    int64     `json:"ms"`
	Rows  int64     `json:"rows"`
	State string    `json:"state"` // done or failed
	Error string    `json:"error,omitempty"`
}

type savedRow struct {
	bun.BaseModel `bun:"table:saved_queries"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	ID            string     `bun:"id,pk"`
	OwnerID       string     `bun:"owner_id"`
	Owner         string     `bun:"owner"`
	Name          string     `bun:"name"`
	Folder        string     `bun:"folder"`
	Query         string     `bun:"query"`
	Shared        int        `bun:"shared"`
	Created       state.Time `bun:"created"`
	Changed       state.Time `bun:"changed"`
}

func (r *savedRow) saved(by Owner) SavedQuery {
	return SavedQuery{
		ID: r.ID, Name: r.Name, Folder: r.Folder, Query: r.Query, Shared: r.Shared != 0, Owner: r.Owner, Mine: r.OwnerID == by.ID,
		Created: r.Created.Time, Modified: r.Changed.Time,
	}
}

type runRow struct {
	bun.BaseModel `bun:"table:query_history"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	OwnerID       string     `bun:"owner_id,pk"`
	ID            string     `bun:"id,pk"`
	Time          state.Time `bun:"time"`
	Query         string     `bun:"query"`
	MS            int64      `bun:"ms"`
	Rows          int64      `bun:"row_count"`
	State         string     `bun:"state"`
	Error         string     `bun:"error"`
}

// Service keeps saved queries and history in the state database.
type Service struct{ db *bun.DB }

// New returns the service on an open state database.
func New(db *bun.DB) *Service { return &Service{db: db} }

func (d *Draft) check() error {
	d.Name, d.Folder = strings.TrimSpace(d.Name), strings.TrimSpace(d.Folder)
	for field, text := range map[string]string{"name": d.Name, "folder": d.Folder, "query": d.Query} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return fault.Newf(fault.Invalid, "the %s is not text", field).On(field)
		}
	}
	switch {
	case d.Name == "" || utf8.RuneCountInString(d.Name) > maxName:
		return fault.Newf(fault.Invalid, "a saved query needs a name of at most %d characters", maxName).On("name")
	case utf8.RuneCountInString(d.Folder) > maxName:
		return fault.Newf(fault.Invalid, "a folder has at most %d characters", maxName).On("folder")
	case strings.TrimSpace(d.Query) == "":
		return fault.Newf(fault.Invalid, "there is no query to save").On("query")
	case len(d.Query) > MaxQuery:
		return fault.Newf(fault.TooLarge, "a query has at most %d bytes", MaxQuery).On("query")
	}
	return nil
}

// Saved lists the owner's queries and those that others share, by folder and name, and their number.
func (s *Service) Saved(ctx context.Context, id tenant.ID, by Owner, top, skip int) ([]SavedQuery, int64, error) {
	var rows []savedRow
	n, err := s.db.NewSelect().Model(&rows).Where("tenant_id = ? AND (owner_id = ? OR shared = 1)", id, by.ID).
		Order("folder", "name", "id").Limit(int64(top)).Offset(int64(skip)).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, err
	}
	out := make([]SavedQuery, 0, len(rows))
	for i := range rows {
		out = append(out, rows[i].saved(by))
	}
	return out, n, nil
}

// Save keeps a new query. fault.Conflict when the owner has one of that name in that folder.
func (s *Service) Save(ctx context.Context, id tenant.ID, by Owner, d Draft) (*SavedQuery, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	now := state.At(time.Now())
	row := &savedRow{
		Tenant: id, ID: ulid.Make().String(), OwnerID: by.ID, Owner: by.Name, Name: d.Name, Folder: d.Folder, Query: d.Query, Shared: flag(d.Shared), Created: now, Changed: now,
	}
	err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		n, err := tx.NewSelect().Model((*savedRow)(nil)).Where("tenant_id = ? AND owner_id = ?", id, by.ID).Count(ctx)
		if err != nil {
			return err
		}
		if n >= maxSaved {
			return fault.Newf(fault.Limit, "you have %d saved queries, which is the most there can be; delete some", maxSaved)
		}
		if err := s.unique(ctx, tx, id, by, "", d); err != nil {
			return err
		}
		_, err = tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	q := row.saved(by)
	return &q, nil
}

func (s *Service) unique(ctx context.Context, tx bun.Tx, id tenant.ID, by Owner, except string, d Draft) error {
	taken, err := tx.NewSelect().Model((*savedRow)(nil)).
		Where("tenant_id = ? AND owner_id = ? AND folder = ? AND name = ? AND id <> ?", id, by.ID, d.Folder, d.Name, except).Exists(ctx)
	if err != nil {
		return err
	}
	if taken {
		return fault.Newf(fault.Conflict, "you already have a query %q in that folder", d.Name).On("name")
	}
	return nil
}

// Replace changes a query of the owner's own.
func (s *Service) Replace(ctx context.Context, id tenant.ID, by Owner, query string, d Draft) (*SavedQuery, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	row := new(savedRow)
	err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := s.own(ctx, tx, id, by, query, row); err != nil {
			return err
		}
		if err := s.unique(ctx, tx, id, by, query, d); err != nil {
			return err
		}
		row.Name, row.Folder, row.Query, row.Shared, row.Changed = d.Name, d.Folder, d.Query, flag(d.Shared), state.At(time.Now())
		_, err := tx.NewUpdate().Model(row).WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	q := row.saved(by)
	return &q, nil
}

// Delete removes a query of the owner's own.
func (s *Service) Delete(ctx context.Context, id tenant.ID, by Owner, query string) error {
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row := new(savedRow)
		if err := s.own(ctx, tx, id, by, query, row); err != nil {
			return err
		}
		_, err := tx.NewDelete().Model(row).WherePK().Exec(ctx)
		return err
	})
}

// own reads a query to change it. What others keep for themselves does not exist; what they share may be read only.
func (s *Service) own(ctx context.Context, tx bun.Tx, id tenant.ID, by Owner, query string, row *savedRow) error {
	err := tx.NewSelect().Model(row).Where("tenant_id = ? AND id = ?", id, query).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && row.OwnerID != by.ID && row.Shared == 0:
		return fault.Newf(fault.NotFound, "there is no saved query %s", query)
	case err == nil && row.OwnerID != by.ID:
		return fault.Newf(fault.Permission, "the query belongs to %s; save a copy of your own", row.Owner)
	}
	return err
}

// Remember adds a run to the owner's history and forgets the oldest ones.
func (s *Service) Remember(ctx context.Context, id tenant.ID, by Owner, r Run) error {
	if len(r.Query) > MaxQuery || !utf8.ValidString(r.Query) || strings.ContainsRune(r.Query, 0) {
		return nil // such a text never ran
	}
	if len(r.Error) > 2000 {
		r.Error = strings.ToValidUTF8(r.Error[:2000], "")
	}
	row := &runRow{Tenant: id, OwnerID: by.ID, ID: ulid.Make().String(), Time: state.At(r.Time), Query: r.Query, MS: r.MS, Rows: r.Rows, State: r.State, Error: r.Error}
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewRaw(`DELETE FROM query_history WHERE tenant_id = ? AND owner_id = ? AND id <
			(SELECT MIN(id) FROM (SELECT id FROM query_history WHERE tenant_id = ? AND owner_id = ? ORDER BY id DESC LIMIT ?) AS kept)`,
			id, by.ID, id, by.ID, maxHistory).Exec(ctx)
		return err
	})
}

// History lists the owner's runs, newest first, and their number.
func (s *Service) History(ctx context.Context, id tenant.ID, by Owner, top, skip int) ([]Run, int64, error) {
	var rows []runRow
	n, err := s.db.NewSelect().Model(&rows).Where("tenant_id = ? AND owner_id = ?", id, by.ID).Order("id DESC").Limit(int64(top)).Offset(int64(skip)).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Run, 0, len(rows))
	for _, r := range rows {
		out = append(out, Run{ID: r.ID, Time: r.Time.Time, Query: r.Query, MS: r.MS, Rows: r.Rows, State: r.State, Error: r.Error})
	}
	return out, n, nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
