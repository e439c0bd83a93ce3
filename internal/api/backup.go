package api

import (
	"archive/tar"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// registerBackup serves a consistent copy of everything as a tar stream, for `bartizan backup --server`.
func (s *server) registerBackup() {
	s.handleRaw(operation{
		method: http.MethodPost, path: "/api/backups", id: "createBackup", summary: "Download a consistent copy of everything", tag: "backup", door: bySystem, scope: access.ScopeAdmin,
	}, func(o *huma.Operation) {
		o.Responses["200"] = &huma.Response{Description: "tar archive of a backup folder", Content: map[string]*huma.MediaType{"application/x-tar": {}}}
	}, s.streamBackup)
}

func (s *server) streamBackup(w http.ResponseWriter, r *http.Request, c *call) error {
	folder, err := os.MkdirTemp(s.System.Backups(), "download-")
	if err != nil {
		return fault.Newf(fault.Unavailable, "there is no place to write the backup: %w", err)
	}
	defer os.RemoveAll(folder)
	if err := s.System.Backup(r.Context(), folder); err != nil {
		return err
	}
	if err := s.Access.Audit(r.Context(), c.tenant, c.who, access.Entry{Action: "createBackup"}); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-tar")
	w.Header().Set("Content-Disposition", `attachment; filename="bartizan-backup.tar"`)
	out := tar.NewWriter(w)
	if err := archive(out, folder); err != nil {
		s.Log.Warn("a backup broke off on its way to the client", "request", requestID(r.Context()), "error", err)
		panic(http.ErrAbortHandler) // a broken-off connection tells the client that the archive is not whole
	}
	return nil
}

func archive(out *tar.Writer, folder string) error {
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		head := &tar.Header{Name: filepath.ToSlash(name), Mode: 0o600, Size: info.Size(), ModTime: info.ModTime(), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if err := out.WriteHeader(head); err != nil {
			return err
		}
		_, err = io.Copy(out, f)
		return err
	})
	if err != nil {
		return err
	}
	return out.Close()
}
