// Package web carries the built portal inside the binary. `make build` fills dist; without it Portal returns nil and the server offers the API only.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var files embed.FS

// Portal returns the built portal, or nil when it was not built.
func Portal() fs.FS {
	dist, err := fs.Sub(files, "dist")
	if err != nil {
		return nil
	}
	if _, err := fs.Stat(dist, "index.html"); err != nil {
		return nil
	}
	return dist
}
