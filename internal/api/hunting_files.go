package api

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// HuntFiles keeps the files that a tenant's queries read with externaldata.
type HuntFiles interface {
	ListFiles(ctx context.Context, id tenant.ID) ([]HuntFile, error)
	// PutFile replaces a file of that name. fault.TooLarge when it is larger than the setting allows.
	PutFile(ctx context.Context, id tenant.ID, name string, body io.Reader) (int64, error)
	OpenFile(ctx context.Context, id tenant.ID, name string) (io.ReadCloser, error)
	DeleteFile(ctx context.Context, id tenant.ID, name string) error
}

// HuntFile is a file that queries read by its address.
type HuntFile struct {
	Name     string    `json:"name"`
	Address  string    `json:"address" doc:"for externaldata: tenant://NAME"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modifiedTime"`
}

// registerFiles adds the files that externaldata reads. Names may have slashes.
func (s *server) registerFiles(op func(method, path, id, summary string) operation) {
	files := func() (HuntFiles, error) {
		f, ok := s.Hunting.(HuntFiles)
		if !ok {
			return nil, fault.Newf(fault.Unavailable, "there is no store for files")
		}
		return f, nil
	}
	handle(s, op(http.MethodGet, "/files", "getHuntingFiles", "The files that externaldata reads as tenant://NAME"), func(ctx context.Context, c *call, _ *struct{}) (*output[struct {
		Value []HuntFile `json:"value" nullable:"false"`
	}], error,
	) {
		f, err := files()
		if err != nil {
			return nil, err
		}
		list, err := f.ListFiles(ctx, c.tenant)
		return answer(struct {
			Value []HuntFile `json:"value" nullable:"false"`
		}{append([]HuntFile{}, list...)}), err
	})
	name := func(o *huma.Operation) {
		o.Parameters = append(o.Parameters, &huma.Param{Name: "name", In: "path", Required: true, Schema: &huma.Schema{Type: "string"}, Description: "letters, digits, dots, dashes, underscores; %2F for a slash"})
	}
	binary := map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}

	put := op(http.MethodPut, "/files/{name}", "putHuntingFile", "Store a file for externaldata, or replace it")
	put.permission, put.scope, put.status = access.DetectionManage, access.ScopeWrite, http.StatusNoContent
	s.handleRaw(put, func(o *huma.Operation) {
		name(o)
		o.RequestBody = &huma.RequestBody{Required: true, Content: binary}
	}, func(w http.ResponseWriter, r *http.Request, c *call) error {
		f, err := files()
		if err != nil {
			return err
		}
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(5 * time.Minute)) // not every connection has one
		n, err := f.PutFile(r.Context(), c.tenant, r.PathValue("name"), r.Body)
		if err != nil {
			return err
		}
		if err := s.Access.Audit(r.Context(), c.tenant, c.who, access.Entry{Action: put.id, Target: r.PathValue("name"), Details: map[string]any{"size": n}}); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
	get := op(http.MethodGet, "/files/{name}", "getHuntingFile", "A file for externaldata")
	s.handleRaw(get, func(o *huma.Operation) {
		name(o)
		o.Responses["200"] = &huma.Response{Description: "the file", Content: binary}
	}, func(w http.ResponseWriter, r *http.Request, c *call) error {
		f, err := files()
		if err != nil {
			return err
		}
		body, err := f.OpenFile(r.Context(), c.tenant, r.PathValue("name"))
		if err != nil {
			return err
		}
		defer body.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Disposition", `attachment; filename="`+r.PathValue("name")[strings.LastIndex(r.PathValue("name"), "/")+1:]+`"`)
		if _, err := io.Copy(w, body); err != nil {
			panic(http.ErrAbortHandler)
		}
		return nil
	})
	remove := op(http.MethodDelete, "/files/{name}", "deleteHuntingFile", "Delete a file for externaldata")
	remove.permission, remove.scope, remove.status = access.DetectionManage, access.ScopeWrite, http.StatusNoContent
	type path struct {
		Name string `path:"name" maxLength:"200"`
	}
	handle(s, remove, func(ctx context.Context, c *call, in *path) (*nothing, error) {
		f, err := files()
		if err != nil {
			return nil, err
		}
		if err := f.DeleteFile(ctx, c.tenant, in.Name); err != nil {
			return nil, err
		}
		return &nothing{}, s.Access.Audit(ctx, c.tenant, c.who, access.Entry{Action: remove.id, Target: in.Name})
	})
}
