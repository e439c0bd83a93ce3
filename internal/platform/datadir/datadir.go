// Package datadir is the folder in which one running program keeps everything: which file lies where, and the lock that keeps a second process out.
//
//	dir, err := datadir.Open("./data", "127.0.0.1:8420")  // fault.Held names the process that has it
//	defer dir.Close()
//
// A command that only wants to know who holds the folder calls HeldBy.
package datadir

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Layout knows the paths inside a data folder. Making one touches nothing.
type Layout struct{ Root string }

// State is the SQLite file of the state database.
func (l Layout) State() string { return filepath.Join(l.Root, "state.db") }

// Jobs is the SQLite file of the job queue.
func (l Layout) Jobs() string { return filepath.Join(l.Root, "jobs.db") }

// Lakes is the folder of the tenants' lakes.
func (l Layout) Lakes() string { return filepath.Join(l.Root, "lake") }

// Lake is the DuckDB file of the tenant's lake.
func (l Layout) Lake(id tenant.ID) string { return filepath.Join(l.Lakes(), string(id)+".duckdb") }

// Bus is the folder of the embedded bus.
func (l Layout) Bus() string { return filepath.Join(l.Root, "bus") }

// Blobs is the folder of the blob store.
func (l Layout) Blobs() string { return filepath.Join(l.Root, "blobs") }

// Backups is the folder in which a running server writes the backups it is asked for by API.
func (l Layout) Backups() string { return filepath.Join(l.Root, "backups") }

// Content is the folder of the operator's own content.
func (l Layout) Content() string { return filepath.Join(l.Root, "content") }

// SecretsKey is the file of the key that seals secrets. It is no part of a backup.
func (l Layout) SecretsKey() string { return filepath.Join(l.Root, "secrets.key") }

// Identity returns the id by which this folder's process is known among the nodes of an installation, made at the first call.
func (d *Dir) Identity() (string, error) {
	path := filepath.Join(d.Root, "node")
	if raw, err := os.ReadFile(path); err == nil && len(strings.TrimSpace(string(raw))) > 0 {
		return strings.TrimSpace(string(raw)), nil
	}
	id := rand.Text()
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return "", fault.Newf(fault.Unavailable, "data folder %s: %w", d.Root, err)
	}
	return id, nil
}

func (l Layout) lock() string { return filepath.Join(l.Root, "lock") }

// Holder is the process that has a data folder open.
type Holder struct {
	PID     int       `json:"pid"`
	Address string    `json:"address,omitempty"` // where it listens, empty for a command
	Program string    `json:"program"`           // "serve", "import", …
	Since   time.Time `json:"since"`
}

func (h Holder) String() string {
	s := fmt.Sprintf("process %d (bartizan %s)", h.PID, h.Program)
	if h.Address != "" {
		s += " listening on " + h.Address
	}
	return s
}

// Server is the URL to give with --server, or "" when the holder does not listen.
func (h Holder) Server() string {
	if h.Address == "" {
		return ""
	}
	if strings.Contains(h.Address, "://") {
		return h.Address
	}
	return "http://" + h.Address
}

// Dir is an open data folder. No other process can open it until Close.
type Dir struct {
	Layout
	lock *os.File
	self Holder
}

// Open makes the folder when it is missing, takes its lock and writes down who has it. program is the command's name; address is where it listens, if it
// does (SetAddress tells it later). A folder that another process has is an error with code fault.Held.
func Open(root, program, address string) (*Dir, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "data folder %s: %w", root, err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, fault.Newf(fault.Invalid, "data folder %s cannot be made: %w", abs, err)
	}
	l := Layout{Root: abs}
	for _, sub := range []string{l.Lakes(), l.Bus(), l.Blobs(), l.Backups()} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return nil, fault.Newf(fault.Invalid, "data folder %s cannot be written: %w", abs, err)
		}
	}
	f, err := os.OpenFile(l.lock(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "data folder %s cannot be locked: %w", abs, err)
	}
	if err := take(f); err != nil {
		defer f.Close()
		if !errors.Is(err, errHeld) {
			return nil, fault.Newf(fault.Unavailable, "data folder %s cannot be locked: %w", abs, err)
		}
		return nil, heldError(abs, read(f))
	}
	d := &Dir{Layout: l, lock: f, self: Holder{PID: os.Getpid(), Program: program, Address: address, Since: time.Now().UTC().Truncate(time.Second)}}
	if err := d.write(); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("data folder %s: %w", abs, err)
	}
	return d, nil
}

func heldError(root string, h Holder) *fault.Error {
	e := &fault.Error{Code: fault.Held, Target: root, Details: map[string]any{"pid": h.PID, "address": h.Address}}
	e.Message = fmt.Sprintf("data folder %s is held by %s", root, h)
	if url := h.Server(); url != "" {
		e.Message += fmt.Sprintf("; use --server %s instead of --data", url)
	} else {
		e.Message += "; wait for it to end"
	}
	return e
}

// SetAddress writes down where the holder listens, once it is known.
func (d *Dir) SetAddress(address string) error {
	d.self.Address = address
	return d.write()
}

func (d *Dir) write() error {
	raw, err := json.Marshal(d.self)
	if err != nil {
		return err
	}
	if err := d.lock.Truncate(0); err != nil {
		return err
	}
	_, err = d.lock.WriteAt(append(raw, '\n'), 0)
	return err
}

// Close lets the folder go. The lock file stays, empty, so that two openers never lock different files.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	err := errors.Join(d.lock.Truncate(0), release(d.lock), d.lock.Close())
	d.lock = nil
	return err
}

// HeldBy returns the process that has the folder open, or nil when nobody has it or it does not exist.
func HeldBy(root string) (*Holder, error) {
	f, err := os.OpenFile(Layout{Root: root}.lock(), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "data folder %s: %w", root, err)
	}
	defer f.Close()
	switch err := take(f); {
	case err == nil:
		return nil, release(f)
	case errors.Is(err, errHeld):
		h := read(f)
		return &h, nil
	default:
		return nil, fault.Newf(fault.Unavailable, "data folder %s: %w", root, err)
	}
}

func read(f *os.File) Holder {
	var h Holder
	raw, err := io.ReadAll(io.NewSectionReader(f, 0, 4096))
	if err == nil {
		_ = json.Unmarshal(raw, &h) // a holder that has not yet written itself down is shown without its facts
	}
	if h.Program == "" {
		h.Program = "unknown command"
	}
	return h
}

var errHeld = errors.New("held by another process")
