package hunting

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// maxFavorites is how many favourites one owner may have.
const maxFavorites = 500

// Favorite is a table (by name), function, saved query or community query (by id) that its owner wants at the top.
type Favorite struct {
	Kind string `json:"kind" enum:"table,function,query,community"`
	Name string `json:"name"`
}

type favoriteRow struct {
	bun.BaseModel `bun:"table:query_favorites"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	OwnerID       string     `bun:"owner_id,pk"`
	Kind          string     `bun:"kind,pk"`
	Name          string     `bun:"name,pk"`
	Created       state.Time `bun:"created"`
}

// Favorites lists the owner's favourites by kind and name.
func (s *Service) Favorites(ctx context.Context, id tenant.ID, by Owner) ([]Favorite, error) {
	var rows []favoriteRow
	if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ? AND owner_id = ?", id, by.ID).Order("kind", "name").Scan(ctx); err != nil {
		return nil, err
	}
	out := make([]Favorite, 0, len(rows))
	for _, r := range rows {
		out = append(out, Favorite{r.Kind, r.Name})
	}
	return out, nil
}

// AddFavorite keeps a favourite; adding it again changes nothing.
func (s *Service) AddFavorite(ctx context.Context, id tenant.ID, by Owner, f Favorite) error {
	switch f.Kind {
	case "table", "function", "query", "community":
	default:
		return fault.Newf(fault.Invalid, "a favourite is a table, function, query or community query, not %q", f.Kind).On("kind")
	}
	if err := texts(field{"name", f.Name, maxName}); err != nil {
		return err
	}
	if f.Name == "" {
		return fault.Newf(fault.Invalid, "a favourite needs a name").On("name")
	}
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		n, err := tx.NewSelect().Model((*favoriteRow)(nil)).Where("tenant_id = ? AND owner_id = ?", id, by.ID).Count(ctx)
		if err != nil {
			return err
		}
		if n >= maxFavorites {
			return fault.Newf(fault.Limit, "you have %d favourites, which is the most there can be; remove some", maxFavorites)
		}
		row := &favoriteRow{Tenant: id, OwnerID: by.ID, Kind: f.Kind, Name: f.Name, Created: state.At(time.Now())}
		_, err = tx.NewInsert().Model(row).On("CONFLICT (tenant_id, owner_id, kind, name) DO NOTHING").Exec(ctx)
		return err
	})
}

// RemoveFavorite forgets a favourite; one that is not there is no error.
func (s *Service) RemoveFavorite(ctx context.Context, id tenant.ID, by Owner, f Favorite) error {
	_, err := s.db.NewDelete().Model((*favoriteRow)(nil)).Where("tenant_id = ? AND owner_id = ? AND kind = ? AND name = ?", id, by.ID, f.Kind, f.Name).Exec(ctx)
	return err
}
