package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/hunting/external"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/blob"
	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// externals read what externaldata names: listed hosts, and the tenants' own files.
type externals struct {
	reader *external.Reader
	blobs  *blob.Store
	bytes  int64
}

// filesPrefix is where a tenant's files for externaldata lie in its part of the blob store.
const filesPrefix = "hunting/files/"

// maxFiles bounds the files of a tenant.
const maxFiles = 1000

// openExternals reads the settings; the folder is that of the blob store.
func openExternals(c config.Hunt, folder string) (*externals, error) {
	reader, err := external.New(external.Options{Hosts: c.ExternalHosts, Bytes: int64(c.ExternalBytes), Rows: c.ExternalRows, Timeout: c.ExternalTimeout}) //nolint:gosec // a size
	if err != nil {
		return nil, err
	}
	blobs, err := blob.Open(folder)
	if err != nil {
		return nil, err
	}
	return &externals{reader: reader, blobs: blobs, bytes: int64(c.FileBytes)}, nil //nolint:gosec // a size
}

// Close ends the use of the blob store.
func (e *externals) Close() error { return e.blobs.Close() }

// forTenant returns what the tenant's queries may read.
func (e *externals) forTenant(id tenant.ID) lake.External { return tenantExternal{e, id} }

type tenantExternal struct {
	*externals
	id tenant.ID
}

// Allow implements lake.External.
func (t tenantExternal) Allow(uri string) error { return t.reader.Allow(uri) }

// Fetch implements lake.External.
func (t tenantExternal) Fetch(ctx context.Context, x *plan.External) ([][]any, error) {
	return t.reader.Fetch(ctx, x, func(ctx context.Context, name string) (io.ReadCloser, error) { return t.OpenFile(ctx, t.id, name) })
}

// OpenFile implements api.HuntFiles.
func (e *externals) OpenFile(ctx context.Context, id tenant.ID, name string) (io.ReadCloser, error) {
	objects, err := e.objects(id, name)
	if err != nil {
		return nil, err
	}
	return objects.Open(ctx, filesPrefix+name)
}

// PutFile implements api.HuntFiles.
func (e *externals) PutFile(ctx context.Context, id tenant.ID, name string, body io.Reader) (int64, error) {
	objects, err := e.objects(id, name)
	if err != nil {
		return 0, err
	}
	have, err := e.ListFiles(ctx, id)
	if err != nil {
		return 0, err
	}
	replaces := slices.ContainsFunc(have, func(f api.HuntFile) bool { return f.Name == name })
	if len(have) >= maxFiles && !replaces {
		return 0, fault.Newf(fault.Limit, "there are %d files, which is the most there can be; delete some", maxFiles)
	}
	return objects.Put(ctx, filesPrefix+name, &capped{r: body, left: e.bytes, max: e.bytes})
}

// DeleteFile implements api.HuntFiles.
func (e *externals) DeleteFile(ctx context.Context, id tenant.ID, name string) error {
	objects, err := e.objects(id, name)
	if err != nil {
		return err
	}
	return objects.Delete(ctx, filesPrefix+name)
}

// ListFiles implements api.HuntFiles.
func (e *externals) ListFiles(ctx context.Context, id tenant.ID) ([]api.HuntFile, error) {
	objects, err := e.blobs.Tenant(id)
	if err != nil {
		return nil, err
	}
	out := []api.HuntFile{}
	err = objects.List(ctx, filesPrefix, func(i blob.Info) error {
		name := strings.TrimPrefix(i.Name, filesPrefix)
		out = append(out, api.HuntFile{Name: name, Address: external.Scheme + "://" + name, Size: i.Size, Modified: i.Modified})
		return nil
	})
	return out, err
}

func (e *externals) objects(id tenant.ID, name string) (*blob.Objects, error) {
	if err := external.CheckName(name); err != nil {
		return nil, err
	}
	return e.blobs.Tenant(id)
}

// capped fails when more comes than may come.
type capped struct {
	r         io.Reader
	left, max int64
}

// Read implements io.Reader.
func (c *capped) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, fault.Newf(fault.TooLarge, "the file is larger than %d bytes", c.max).On("hunt.file-bytes")
	}
	return n, err
}
