package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/hunting"
)

// maxImportBody is the most that one request of an import may carry; larger trees come in several.
const maxImportBody = 32 << 20

type communityInput struct {
	Paging
	Search   string `query:"search" maxLength:"200" doc:"words that all stand in name, folder, description, tables or techniques"`
	Folder   string `query:"folder" maxLength:"400" doc:"that folder and what is below it"`
	Source   string `query:"source" maxLength:"200"`
	Runnable bool   `query:"runnable" doc:"only queries that can run over the tables here"`
}

type CommunityPath struct {
	ID string `path:"id" maxLength:"64"`
}

type communityImport struct {
	Body struct {
		Source string         `json:"source,omitempty" maxLength:"200" doc:"name that the queries are kept under; left out: import"`
		Whole  []string       `json:"whole,omitempty" maxItems:"20000" doc:"paths of all files of the source, of which those given may be a part: what it had elsewhere is removed"`
		Files  []hunting.File `json:"files" maxItems:"5000" nullable:"false"`
	}
}

func (i *communityImport) audited() (string, map[string]any) {
	return i.Body.Source, map[string]any{"files": len(i.Body.Files), "whole": len(i.Body.Whole)}
}

type communityRemove struct {
	Source string `query:"source" required:"true" maxLength:"200"`
}

func (i *communityRemove) audited() (string, map[string]any) { return i.Source, nil }

func (s *server) registerCommunity(op func(method, path, id, summary string) operation) {
	handle(s, op(http.MethodGet, "/community", "listCommunityQueries", "Imported queries, by folder and name"), func(ctx context.Context, c *call, in *communityInput) (*pageOutput[hunting.CommunityQuery], error) {
		list, n, err := s.Queries.Community(ctx, c.tenant, hunting.CommunityFilter{
			Search: in.Search, Folder: in.Folder, Source: in.Source, Runnable: in.Runnable, Top: in.Top, Skip: in.Skip,
		})
		return pageOf(list, n, in.Paging, requestURL(ctx)), err
	})
	handle(s, op(http.MethodGet, "/community/folders", "getCommunityFolders", "The folders of imported queries"), func(ctx context.Context, c *call, _ *struct{}) (*output[struct {
		Value []hunting.CommunityFolder `json:"value" nullable:"false"`
	}], error,
	) {
		list, err := s.Queries.CommunityFolders(ctx, c.tenant)
		return answer(struct {
			Value []hunting.CommunityFolder `json:"value" nullable:"false"`
		}{list}), err
	})
	handle(s, op(http.MethodGet, "/community/{id}", "getCommunityQuery", "An imported query with its text"), func(ctx context.Context, c *call, in *CommunityPath) (*output[*hunting.CommunityQuery], error) {
		q, err := s.Queries.FindCommunity(ctx, c.tenant, in.ID)
		return answer(q), err
	})
	add := op(http.MethodPost, "/community", "importCommunityQueries", "Import a tree of queries: YAML with a query, Markdown with fenced queries, plain text")
	add.permission, add.scope, add.quiet, add.large = access.DetectionManage, access.ScopeWrite, false, maxImportBody
	handle(s, add, func(ctx context.Context, c *call, in *communityImport) (*output[hunting.ImportReport], error) {
		if in.Body.Source == "" {
			in.Body.Source = "import"
		}
		r, err := s.Queries.ImportCommunity(ctx, c.tenant, in.Body.Source, in.Body.Files, in.Body.Whole)
		return answer(r), err
	})
	remove := op(http.MethodDelete, "/community", "removeCommunityQueries", "Remove everything that was imported under the name of a source")
	remove.permission, remove.scope, remove.quiet = access.DetectionManage, access.ScopeWrite, false
	handle(s, remove, func(ctx context.Context, c *call, in *communityRemove) (*output[struct {
		Removed int64 `json:"removed"`
	}], error,
	) {
		n, err := s.Queries.RemoveCommunity(ctx, c.tenant, in.Source)
		if err != nil {
			return nil, fmt.Errorf("community queries: %w", err)
		}
		return answer(struct {
			Removed int64 `json:"removed"`
		}{n}), nil
	})
}
