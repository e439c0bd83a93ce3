package duckdb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Beside a lake's file there are, for a while: what a compaction writes, and during the exchange what it was made from. Whenever the process ends, one whole
// file is in place after settle and putBack: the exchange only renames, and the old file goes when the new one has been opened.
const (
	nextSuffix = ".next"
	oldSuffix  = ".old"
)

// putInPlace makes the compacted file the lake's, and keeps the old one beside it.
func putInPlace(path string) error {
	if err := removeFiles(path + oldSuffix); err != nil {
		return err
	}
	// A second name keeps the old file while its place is taken in one step. Where there are no second names, settle finds the old file.
	if err := os.Link(path, path+oldSuffix); err != nil {
		if err := os.Rename(path, path+oldSuffix); err != nil {
			return err
		}
	}
	if err := os.Rename(path+nextSuffix, path); err != nil {
		return errors.Join(err, putBack(path))
	}
	return syncFolder(path)
}

// putBack makes the old file the lake's again.
func putBack(path string) error {
	if !exists(path + oldSuffix) {
		return nil
	}
	if err := removeFiles(path + ".wal"); err != nil {
		return err
	}
	if err := os.Rename(path+oldSuffix, path); err != nil {
		return err
	}
	return syncFolder(path)
}

// settle puts things right that a process left when it ended within a compaction.
func settle(path string) error {
	if !exists(path) && exists(path+oldSuffix) {
		if err := os.Rename(path+oldSuffix, path); err != nil {
			return err
		}
	}
	return removeFiles(path + nextSuffix)
}

// removeFiles removes a database file with its logs, as far as they exist.
func removeFiles(path string) error {
	var all error
	for _, suffix := range []string{"", ".wal", ".wal.checkpoint", ".wal.recovery"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncFolder makes the names in the path's folder lasting.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // folders cannot be synced there
		return nil
	}
	f, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
