package api

import (
	"context"
	"net/http"

	"github.com/bartizan-sec/bartizan/internal/hunting"
)

type SavedInput struct {
	Body struct {
		Name        string `json:"name" maxLength:"400"`
		Folder      string `json:"folder,omitempty" maxLength:"400"`
		Description string `json:"description,omitempty" maxLength:"16000"`
		Query       string `json:"query" maxLength:"65536"`
		Shared      bool   `json:"shared,omitempty"`
	}
}

type SavedPath struct {
	ID string `path:"id" maxLength:"64"`
}

func (i *SavedPath) audited() (string, map[string]any) { return i.ID, nil }

type savedReplace struct {
	SavedPath
	SavedInput
}

func (i *SavedInput) draft() hunting.Draft {
	return hunting.Draft{Name: i.Body.Name, Folder: i.Body.Folder, Description: i.Body.Description, Query: i.Body.Query, Shared: i.Body.Shared}
}

func (c *call) owner() hunting.Owner {
	if c.who.UserID == "" {
		return hunting.Owner{ID: "token:" + c.who.TokenID, Name: c.actorName()}
	}
	return hunting.Owner{ID: c.who.UserID, Name: c.who.Name}
}

// registerQueries adds what people keep around queries: saved ones and their history.
func (s *server) registerQueries(op func(method, path, id, summary string) operation) {
	handle(s, op(http.MethodGet, "/queries", "listQueries", "Saved queries, one's own and shared ones"), func(ctx context.Context, c *call, in *Paging) (*pageOutput[hunting.SavedQuery], error) {
		q, n, err := s.Queries.Saved(ctx, c.tenant, c.owner(), in.Top, in.Skip)
		return pageOf(q, n, *in, requestURL(ctx)), err
	})
	save := op(http.MethodPost, "/queries", "saveQuery", "Save a query")
	save.status = http.StatusCreated
	handle(s, save, func(ctx context.Context, c *call, in *SavedInput) (*output[*hunting.SavedQuery], error) {
		q, err := s.Queries.Save(ctx, c.tenant, c.owner(), in.draft())
		return answer(q), err
	})
	handle(s, op(http.MethodPut, "/queries/{id}", "replaceQuery", "Change a saved query of one's own"), func(ctx context.Context, c *call, in *savedReplace) (*output[*hunting.SavedQuery], error) {
		q, err := s.Queries.Replace(ctx, c.tenant, c.owner(), in.ID, in.draft())
		return answer(q), err
	})
	remove := op(http.MethodDelete, "/queries/{id}", "deleteQuery", "Delete a saved query of one's own")
	remove.status, remove.quiet = http.StatusNoContent, false
	handle(s, remove, func(ctx context.Context, c *call, in *SavedPath) (*nothing, error) {
		return &nothing{}, s.Queries.Delete(ctx, c.tenant, c.owner(), in.ID)
	})
	handle(s, op(http.MethodGet, "/history", "listHistory", "One's own last queries"), func(ctx context.Context, c *call, in *Paging) (*pageOutput[hunting.Run], error) {
		r, n, err := s.Queries.History(ctx, c.tenant, c.owner(), in.Top, in.Skip)
		return pageOf(r, n, *in, requestURL(ctx)), err
	})
	s.registerFavorites(op)
	s.registerFunctions(op)
	s.registerCommunity(op)
	s.registerUsage(op)
	s.registerLink(op)
}

// FavoritePath names a favourite.
type FavoritePath struct {
	Kind string `path:"kind" enum:"table,function,query,community"`
	Name string `path:"name" maxLength:"400" doc:"name of a table or function, id of a query"`
}

func (s *server) registerFavorites(op func(method, path, id, summary string) operation) {
	handle(s, op(http.MethodGet, "/favorites", "getFavorites", "One's own favourite tables, functions and queries"), func(ctx context.Context, c *call, _ *struct{}) (*output[struct {
		Value []hunting.Favorite `json:"value" nullable:"false"`
	}], error,
	) {
		list, err := s.Queries.Favorites(ctx, c.tenant, c.owner())
		return answer(struct {
			Value []hunting.Favorite `json:"value" nullable:"false"`
		}{list}), err
	})
	add := op(http.MethodPut, "/favorites/{kind}/{name}", "addFavorite", "Add a favourite")
	add.status = http.StatusNoContent
	handle(s, add, func(ctx context.Context, c *call, in *FavoritePath) (*nothing, error) {
		return &nothing{}, s.Queries.AddFavorite(ctx, c.tenant, c.owner(), hunting.Favorite{Kind: in.Kind, Name: in.Name})
	})
	remove := op(http.MethodDelete, "/favorites/{kind}/{name}", "removeFavorite", "Remove a favourite")
	remove.status = http.StatusNoContent
	handle(s, remove, func(ctx context.Context, c *call, in *FavoritePath) (*nothing, error) {
		return &nothing{}, s.Queries.RemoveFavorite(ctx, c.tenant, c.owner(), hunting.Favorite{Kind: in.Kind, Name: in.Name})
	})
}
