package hunting

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// maxTree is how many bytes of files one tree may have.
const maxTree = 256 << 20

// holdsQueries says whether files of that name are looked at.
func holdsQueries(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".kql", ".kusto", ".csl", ".ahq", ".txt", ".md", ".markdown", ".yaml", ".yml":
		return true
	}
	return false
}

// ReadTree reads the files of a folder that may hold queries, or the one file that root is. Hidden folders and symbolic links are left alone. Files
// that cannot be read are refused and cost nothing but themselves.
func ReadTree(root string) ([]File, []Refusal, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, nil, fault.Newf(fault.NotFound, "the queries cannot be read: %w", err)
	}
	var files []File
	var refused []Refusal
	total := int64(0)
	read := func(path, name string, size int64) error {
		if size > MaxFile {
			refused = append(refused, Refusal{Path: name, Code: string(fault.TooLarge), Message: "the file is larger than queries may be"})
			return nil
		}
		if total += size; total > maxTree || len(files) >= MaxFiles {
			return fault.Newf(fault.TooLarge, "%s has more than %d files or %d bytes; import its folders one by one", root, MaxFiles, maxTree)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			refused = append(refused, Refusal{Path: name, Code: string(fault.Unavailable), Message: err.Error()})
			return nil //nolint:nilerr // it is in the report
		}
		files = append(files, File{Path: name, Text: string(text)})
		return nil
	}
	if !info.IsDir() {
		err := read(root, filepath.Base(root), info.Size())
		return files, refused, err
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(root, path)
		if relErr != nil {
			name = path
		}
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			refused = append(refused, Refusal{Path: name, Code: string(fault.Unavailable), Message: err.Error()})
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() && path != root && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case !d.Type().IsRegular() || !holdsQueries(d.Name()):
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // it is gone meanwhile
		}
		return read(path, name, info.Size())
	})
	return files, refused, err
}
