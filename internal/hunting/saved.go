package hunting

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// maxSaved is how many saved queries one owner may have.
const maxSaved = 2000

// SavedQuery is a query somebody kept under a name.
type SavedQuery struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Folder      string     `json:"folder"`
	Description string     `json:"description"`
	Query       string     `json:"query"`
	Shared      bool       `json:"shared"`
	Owner       string     `json:"owner"` // sign-in name
	Mine        bool       `json:"mine"`  // only the owner changes or deletes it
	Created     time.Time  `json:"createdTime"`
	Modified    time.Time  `json:"modifiedTime"`
	RunCount    int64      `json:"runCount"` // by anybody who sees it
	LastRun     *time.Time `json:"lastRun,omitempty"`
}

// Draft is what a saved query is made or replaced with.
type Draft struct {
	Name, Folder, Description, Query string
	Shared                           bool
}

type savedRow struct {
	bun.BaseModel `bun:"table:saved_queries"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	ID            string     `bun:"id,pk"`
	OwnerID       string     `bun:"owner_id"`
	Owner         string     `bun:"owner"`
	Name          string     `bun:"name"`
	Folder        string     `bun:"folder"`
	Description   string     `bun:"description"`
	Query         string     `bun:"query"`
	TextID        string     `bun:"text_id"`
	RunCount      int64      `bun:"run_count"`
	LastRun       state.Time `bun:"last_run"`
	Shared        int        `bun:"shared"`
	Created       state.Time `bun:"created"`
	Changed       state.Time `bun:"changed"`
}

func (r *savedRow) saved(by Owner) SavedQuery {
	q := SavedQuery{
		ID: r.ID, Name: r.Name, Folder: r.Folder, Description: r.Description, Query: r.Query, Shared: r.Shared != 0, Owner: r.Owner, Mine: r.OwnerID == by.ID,
		Created: r.Created.Time, Modified: r.Changed.Time, RunCount: r.RunCount,
	}
	if !r.LastRun.IsZero() {
		q.LastRun = &r.LastRun.Time
	}
	return q
}

func (d *Draft) check() error {
	d.Name, d.Folder, d.Description = strings.TrimSpace(d.Name), folderPath(d.Folder), strings.TrimSpace(d.Description)
	if err := texts(field{"name", d.Name, maxName}, field{"folder", d.Folder, maxName}, field{"description", d.Description, maxDescription}, field{"query", d.Query, 0}); err != nil {
		return err
	}
	switch {
	case d.Name == "":
		return fault.Newf(fault.Invalid, "a saved query needs a name").On("name")
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
		Tenant: id, ID: ulid.Make().String(), OwnerID: by.ID, Owner: by.Name, Name: d.Name, Folder: d.Folder, Description: d.Description, Query: d.Query, TextID: textID(d.Query),
		Shared: flag(d.Shared), Created: now, Changed: now,
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
		if row.Query != d.Query {
			row.RunCount, row.LastRun = 0, state.Time{} // another query: what the old one did says nothing about it
		}
		row.Name, row.Folder, row.Description, row.Query, row.TextID = d.Name, d.Folder, d.Description, d.Query, textID(d.Query)
		row.Shared, row.Changed = flag(d.Shared), state.At(time.Now())
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
