package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bartizan-sec/bartizan/internal/ingest/reader"
)

// eachFile opens every file below paths in order; "-" is standard input with size -1.
func eachFile(paths []string, fn func(path string, body io.Reader, size int64) error) error {
	for _, p := range paths {
		if p == reader.Stdin {
			if err := fn(p, os.Stdin, -1); err != nil {
				return err
			}
			continue
		}
		err := filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path != p && !d.Type().IsRegular() {
				return err // a named path is opened whatever it is: it may be a link or a pipe
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				return err
			}
			return fn(path, f, info.Size())
		})
		if err != nil {
			return err
		}
	}
	return nil
}
