// Package reader turns files, folders, archives and standard input into source records. Formats are recognised by their content, never by their
// name: JSON Lines, JSON arrays and envelopes, EVTX, mbox, mail messages, Windows event XML, CSV, Zeek and W3C tables, auditd logs, plain lines.
// Compressed files and archives are opened in place; nothing from inside an archive is ever written under its own name.
//
// Start with Walk. Two walks over the same bytes with the same Options give the same records and refusals in the same order, so a caller may keep
// "how many of File.Identity were taken" as its position. Memory is bounded by Options.MaxRecord and Options.MaxMemory, whatever the input.
package reader

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Codes of refusals. The texts are part of `import --json`.
const (
	Invalid     = "invalid"     // malformed bytes
	TooLarge    = "too_large"   // a record over Options.MaxRecord or Options.MaxMessage
	Truncated   = "truncated"   // the file ends in the middle; what came before is kept
	Unsupported = "unsupported" // a format that is not known
	Limit       = "limit"       // an archive over the bounds on depth, members or expansion
	Unreadable  = "unavailable" // the file cannot be opened or read
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Options bound and label a walk. The zero value works: every bound then has its default.
type Options struct {
	Tenant tenant.ID
	// Source is the family of all records, or "auto" (or empty) to recognise it by Probes.
	Source string
	Probes []Probe
	// Lab is copied to every record.
	Lab string
	// MaxRecord bounds one line or JSON value in bytes (16 MiB).
	MaxRecord int
	// MaxMessage bounds one mail message in bytes (64 MiB).
	MaxMessage int
	// MaxDepth bounds how deep archives may be nested (5).
	MaxDepth int
	// MaxMembers bounds the members of one outermost file over all its archives (1,000,000).
	MaxMembers int
	// MaxExpansion bounds the bytes that come out of one outermost file (256 GiB).
	MaxExpansion int64
	// MaxRatio bounds expansion against the size of the outermost file (300); it holds above 256 MiB only.
	MaxRatio int64
	// MaxMemory is how much of a member that needs random access (EVTX, nested zip) is held in memory (32 MiB); more goes to a temporary file.
	MaxMemory int64
	// HashBelow is the size up to which File.Identity is a content hash (1 GiB); above it is made of path, size and modification time.
	HashBelow int64
	// Name says that files are only found and named: the sink gets Begin and End of each regular one, and no record.
	Name bool
	// TempDir holds temporary files; empty means the system's.
	TempDir string
	// Stdin is read for the path "-"; nil means os.Stdin.
	Stdin io.Reader
	// Now stamps Record.Received; nil means time.Now.
	Now func() time.Time

	ratioFloor int64 // what may always come out of a file, whatever the ratio
}

const (
	mib = 1 << 20
)

func (o Options) withDefaults() Options {
	def := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	def64 := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	def(&o.MaxRecord, 16*mib)
	def(&o.MaxMessage, 64*mib)
	def(&o.MaxDepth, 5)
	def(&o.MaxMembers, 1_000_000)
	def64(&o.MaxExpansion, 256<<30)
	def64(&o.MaxRatio, 300)
	def64(&o.MaxMemory, 32*mib)
	def64(&o.ratioFloor, 256*mib)
	def64(&o.HashBelow, 1<<30)
	if o.Stdin == nil {
		o.Stdin = os.Stdin
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Source == "" {
		o.Source = Auto
	}
	return o
}

// File is one outermost file of a walk.
type File struct {
	// Path is the file as the walk reached it; "-" is standard input.
	Path string
	// Size is in bytes, -1 when it is not known beforehand.
	Size int64
	// Identity names the content ("sha256:…"), or path, size and time when the file is huge; empty when the bytes can be read only once.
	Identity string

	consumed atomic.Int64
}

// Consumed returns how many of the file's bytes were read; it may be called from any goroutine.
func (f *File) Consumed() int64 { return f.consumed.Load() }

// Sink takes what a walk finds. An error from Begin, Record or End stops the walk and is returned by Walk.
type Sink interface {
	// Begin announces an outermost file before its first record.
	Begin(f *File) error
	// Record takes one record; rec and its Data belong to the callee.
	Record(rec *normalise.Record) error
	// Refuse reports input that gives no record: a whole file or member (number 0) or the line or record of that number.
	Refuse(file string, number int64, code, message string)
	// End closes the file that Begin announced.
	End(f *File) error
}

// stop carries a sink's error or a cancellation through the layers; everything else becomes a refusal.
type stop struct{ err error }

func (s *stop) Error() string { return s.err.Error() }
func (s *stop) Unwrap() error { return s.err }

// Walk reads paths in order, folders recursively in name order. Input that cannot be read is refused by name and the walk goes on; the error is that
// of ctx or sink, or of a named path that does not exist, which is found before anything is read.
func Walk(ctx context.Context, paths []string, opt Options, sink Sink) error {
	w := &walk{ctx: ctx, opt: opt.withDefaults(), sink: sink}
	for _, p := range paths {
		if p == Stdin {
			continue
		}
		if _, err := os.Stat(p); err != nil {
			return unreachable(p, err)
		}
	}
	for _, p := range paths {
		if err := w.path(p); err != nil {
			var s *stop
			if errors.As(err, &s) {
				return s.err
			}
			return err
		}
	}
	return nil
}

type walk struct {
	ctx  context.Context
	opt  Options
	sink Sink

	file     *File
	expanded int64 // bytes that came out of the outermost file
	members  int
}

func (w *walk) path(p string) error {
	if p == Stdin {
		f := &File{Path: Stdin, Size: -1}
		return w.outermost(f, func() error { return w.stream(f.Path, w.count(w.opt.Stdin), nil, -1, 0) })
	}
	info, err := os.Stat(p)
	if err != nil {
		return unreachable(p, err)
	}
	if !info.IsDir() {
		return w.regular(p, info)
	}
	return filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
		if cerr := w.ctx.Err(); cerr != nil {
			return &stop{cerr}
		}
		if err != nil {
			w.sink.Refuse(name, 0, Unreadable, err.Error())
			return nil
		}
		switch {
		case d.IsDir():
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			return w.link(p, name)
		case !d.Type().IsRegular():
			w.sink.Refuse(name, 0, Unsupported, "not a regular file")
			return nil
		}
		info, err := d.Info()
		if err != nil {
			w.sink.Refuse(name, 0, Unreadable, err.Error())
			return nil
		}
		return w.regular(name, info)
	})
}

// unreachable is the error of a named path that cannot be looked at.
func unreachable(p string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fault.Newf(fault.NotFound, "%s cannot be read: %w", p, err)
}

// link decides about a symbolic link found inside a folder: a target inside the folder is read where it stands, one outside is refused.
func (w *walk) link(root, name string) error {
	target, err := filepath.EvalSymlinks(name)
	if err == nil {
		base, berr := filepath.EvalSymlinks(root)
		if berr == nil {
			if rel, rerr := filepath.Rel(base, target); rerr == nil && filepath.IsLocal(rel) {
				return nil
			}
		}
	}
	w.sink.Refuse(name, 0, Unsupported, "a symbolic link that leads out of the folder is not followed; name its target to import it")
	return nil
}

func (w *walk) regular(name string, info fs.FileInfo) error {
	if w.opt.Name && !info.Mode().IsRegular() {
		return nil // to open a pipe would take from it
	}
	f, err := os.Open(name)
	if err != nil {
		w.sink.Refuse(name, 0, Unreadable, err.Error())
		return nil
	}
	defer f.Close()
	out := &File{Path: name, Size: info.Size()}
	var at io.ReaderAt
	if info.Mode().IsRegular() {
		if out.Identity, err = w.identity(f, name, info); err != nil {
			w.sink.Refuse(name, 0, Unreadable, err.Error())
			return nil
		}
		at = f
	} else {
		out.Size = -1
	}
	return w.outermost(out, func() error { return w.stream(name, w.count(f), at, out.Size, 0) })
}

func (w *walk) identity(f *os.File, name string, info fs.FileInfo) (string, error) {
	if info.Size() > w.opt.HashBelow {
		return fmt.Sprintf("file:%s:%d:%d", name, info.Size(), info.ModTime().UnixNano()), nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, &ctxReader{w.ctx, f}); err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

func (w *walk) outermost(f *File, read func() error) error {
	w.file, w.expanded, w.members = f, 0, 0
	if err := w.sink.Begin(f); err != nil {
		return &stop{err}
	}
	if w.opt.Name {
		read = func() error { return nil }
	}
	if err := read(); err != nil {
		var s *stop
		if errors.As(err, &s) {
			return err
		}
		w.refuseErr(f.Path, 0, err)
	}
	if err := w.sink.End(f); err != nil {
		return &stop{err}
	}
	return nil
}

// count meters the outermost file's bytes for progress and for the expansion bound, and stops at a cancellation.
func (w *walk) count(r io.Reader) io.Reader { return &counter{w: w, r: r} }

type counter struct {
	w *walk
	r io.Reader
}

func (c *counter) Read(p []byte) (int, error) {
	if err := c.w.ctx.Err(); err != nil {
		return 0, &stop{err}
	}
	n, err := c.r.Read(p)
	c.w.file.consumed.Add(int64(n))
	return n, err
}

type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// refused is an error with a refusal's code.
type refused struct{ code, message string }

func (r *refused) Error() string { return r.message }

func refusef(code, format string, args ...any) error {
	return &refused{code, fmt.Sprintf(format, args...)}
}

// refuseErr reports err on file; a read error of a compressed layer counts as truncation.
func (w *walk) refuseErr(file string, number int64, err error) {
	var r *refused
	switch {
	case errors.As(err, &r):
		w.sink.Refuse(file, number, r.code, r.message)
	case errors.Is(err, io.ErrUnexpectedEOF):
		w.sink.Refuse(file, number, Truncated, "the file ends in the middle; what came before is kept")
	default:
		w.sink.Refuse(file, number, Invalid, err.Error())
	}
}

// isStop reports whether err ends the whole walk rather than this file.
func isStop(err error) bool {
	var s *stop
	return errors.As(err, &s)
}
