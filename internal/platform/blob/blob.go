// Package blob keeps large objects (mail bodies, packages, samples) that do not belong in a database. Each tenant sees only its own; names are paths with
// slashes. The store is a folder, or a bucket by URL where a driver for it is linked.
package blob

import (
	"context"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Store is the installation's blob store; Tenant gives a tenant's part of it.
type Store struct{ bucket *blob.Bucket }

// Open opens the store in the folder, which is made when it is missing.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Newf(fault.Unavailable, "blob store: %w", err)
	}
	// Objects carry no attributes, so no sidecar files; temporary files lie beside the objects so that a rename stays on one disk.
	b, err := fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite, DirFileMode: 0o700})
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "blob store in %s: %w", dir, err)
	}
	return &Store{bucket: b}, nil
}

// Close ends the use of the store.
func (s *Store) Close() error { return s.bucket.Close() }

// Tenant returns the tenant's objects.
func (s *Store) Tenant(id tenant.ID) (*Objects, error) {
	if _, err := tenant.Parse(string(id)); err != nil {
		return nil, err
	}
	return &Objects{bucket: s.bucket, prefix: string(id) + "/"}, nil
}

// Objects is one tenant's part of the store.
type Objects struct {
	bucket *blob.Bucket
	prefix string
}

// Info describes an object.
type Info struct {
	Name     string
	Size     int64
	Modified time.Time
}

func (o *Objects) key(name string) (string, error) {
	if name == "" || len(name) > 900 || path.Clean("/"+name) != "/"+name || strings.ContainsAny(name, "\\\x00") {
		return "", fault.Newf(fault.Invalid, "%q is not a name for an object", name)
	}
	return o.prefix + name, nil
}

// Put stores everything that r yields under name; an object of that name is replaced. When r fails nothing is stored.
func (o *Objects) Put(ctx context.Context, name string, r io.Reader) (int64, error) {
	key, err := o.key(name)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := o.bucket.NewWriter(ctx, key, &blob.WriterOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return 0, mapError(name, err)
	}
	n, err := io.Copy(w, r)
	if err != nil {
		cancel() // makes Close drop what was written
		_ = w.Close()
		return 0, err
	}
	return n, mapError(name, w.Close())
}

// Open reads the object; the caller closes it. An object that is not there is fault.NotFound.
func (o *Objects) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	key, err := o.key(name)
	if err != nil {
		return nil, err
	}
	r, err := o.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, mapError(name, err)
	}
	return r, nil
}

// Delete removes the object.
func (o *Objects) Delete(ctx context.Context, name string) error {
	key, err := o.key(name)
	if err != nil {
		return err
	}
	return mapError(name, o.bucket.Delete(ctx, key))
}

// List calls fn with the objects whose names start with prefix, in order of name, until fn returns an error.
func (o *Objects) List(ctx context.Context, prefix string, fn func(Info) error) error {
	it := o.bucket.List(&blob.ListOptions{Prefix: o.prefix + prefix})
	for {
		obj, err := it.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return mapError(prefix, err)
		}
		if err := fn(Info{Name: strings.TrimPrefix(obj.Key, o.prefix), Size: obj.Size, Modified: obj.ModTime.UTC()}); err != nil {
			return err
		}
	}
}

func mapError(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case gcerrors.Code(err) == gcerrors.NotFound:
		return fault.Newf(fault.NotFound, "there is no object %q: %w", name, err)
	}
	return fault.Newf(fault.Unavailable, "blob store, object %q: %w", name, err)
}
