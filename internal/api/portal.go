package api

import (
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// registerPortal serves the built portal: files by name, and index.html for every path that is a page of it. Files below /assets carry a hash of their content
// in their names, so browsers keep them for good.
func (s *server) registerPortal() {
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if err := s.servePortal(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

func (s *server) servePortal(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	top, _, _ := strings.Cut(name, "/")
	switch {
	case strings.HasPrefix(top, "_"), name == "" && asksElastic(r):
		return s.elastic(w, r)
	case top == "api", top == "ingest":
		return fault.Newf(fault.NotFound, "there is no %s %s", r.Method, r.URL.Path)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return fault.Newf(fault.NotFound, "there is no %s %s", r.Method, r.URL.Path)
	case s.Portal == nil:
		return fault.Newf(fault.NotFound, "this server has no portal; its API is described at /api/openapi.json")
	}
	if name != "" && fs.ValidPath(name) {
		err := s.serveFile(w, r, name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if top == "assets" || path.Ext(name) != "" {
			return fault.Newf(fault.NotFound, "there is no file %s", r.URL.Path)
		}
	}
	err := s.serveFile(w, r, "index.html")
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Newf(fault.NotFound, "the portal was not built into this program (make build does)")
	}
	return err
}

func (s *server) serveFile(w http.ResponseWriter, r *http.Request, name string) error {
	variant, encoding := name, ""
	for _, v := range []struct{ suffix, encoding string }{{".br", "br"}, {".gz", "gzip"}} {
		if accepts(r, v.encoding) {
			if info, err := fs.Stat(s.Portal, name+v.suffix); err == nil && info.Mode().IsRegular() {
				variant, encoding = name+v.suffix, v.encoding
				break
			}
		}
	}
	info, err := fs.Stat(s.Portal, variant)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fs.ErrNotExist
	}
	f, err := s.Portal.Open(variant)
	if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	h.Set("Content-Type", kind)
	h.Add("Vary", "Accept-Encoding")
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	if strings.HasPrefix(name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = io.Copy(w, f) // a client that has gone needs no file
	}
	return nil
}

func accepts(r *http.Request, encoding string) bool {
	for _, v := range r.Header.Values("Accept-Encoding") {
		for _, part := range strings.Split(v, ",") {
			name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
			if strings.EqualFold(strings.TrimSpace(name), encoding) {
				return strings.ReplaceAll(params, " ", "") != "q=0"
			}
		}
	}
	return false
}
