package reader

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	headBytes  = 64 << 10  // how far formats are looked at before one is chosen
	bufBytes   = 256 << 10 // read-ahead of one layer
	zstdWindow = 128 * mib
)

// stream reads one file or member: it opens compression and archives, or hands the bytes to the reader of their format. at is set when the bytes
// allow random access.
func (w *walk) stream(name string, r io.Reader, at io.ReaderAt, size int64, depth int) error {
	br := bufio.NewReaderSize(r, bufBytes)
	head, err := br.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return err
	}
	if len(head) == 0 {
		return nil
	}
	kind := sniffLayer(head)
	if kind != layerNone && depth >= w.opt.MaxDepth {
		return refusef(Limit, "archives are nested deeper than %d", w.opt.MaxDepth)
	}
	switch kind {
	case layerGzip:
		z, err := gzip.NewReader(br)
		if err != nil {
			return err
		}
		defer z.Close()
		return w.stream(name, w.guard(z), nil, -1, depth+1)
	case layerZstd:
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return err
		}
		defer z.Close()
		return w.stream(name, w.guard(z), nil, -1, depth+1)
	case layerBzip2:
		return w.stream(name, w.guard(bzip2.NewReader(br)), nil, -1, depth+1)
	case layerTar:
		return w.tar(name, br, depth+1)
	case layerZip:
		return w.randomAccess(name, br, at, size, func(at io.ReaderAt, size int64) error { return w.zip(name, at, size, depth+1) })
	case layerUnknown:
		return refusef(Unsupported, "this archive format is not read; unpack it, or use .gz, .zst, .bz2, .zip or .tar")
	}
	return w.content(name, br, head, at, size)
}

type layer int

const (
	layerNone layer = iota
	layerGzip
	layerZstd
	layerBzip2
	layerTar
	layerZip
	layerUnknown
)

func sniffLayer(head []byte) layer {
	has := func(s string) bool { return bytes.HasPrefix(head, []byte(s)) }
	switch {
	case has("\x1f\x8b\x08"):
		return layerGzip
	case has("\x28\xb5\x2f\xfd"), len(head) > 3 && head[0]&0xf0 == 0x50 && has(string(head[0])+"\x2a\x4d\x18"):
		return layerZstd
	case has("BZh") && len(head) > 9 && head[3] >= '1' && head[3] <= '9' && bytes.Equal(head[4:10], []byte("1AY&SY")):
		return layerBzip2
	case has("PK\x03\x04"), has("PK\x05\x06"):
		return layerZip
	case has("\xfd7zXZ\x00"), has("7z\xbc\xaf\x27\x1c"), has("Rar!\x1a\x07"), has("MSCF\x00\x00\x00\x00"):
		return layerUnknown
	case isTar(head):
		return layerTar
	}
	return layerNone
}

// isTar checks the header's own checksum, which also knows archives from before the ustar magic.
func isTar(head []byte) bool {
	if len(head) < 512 || head[0] == 0 {
		return false
	}
	var stored, sum int64
	digits := strings.Trim(string(head[148:156]), " \x00")
	if digits == "" {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '7' {
			return false
		}
		stored = stored*8 + int64(c-'0')
	}
	for i, c := range head[:512] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int64(c)
	}
	return sum == stored
}

func (w *walk) tar(name string, r io.Reader, depth int) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return err
		}
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse {
			continue
		}
		member := name + "#" + memberName(h.Name)
		if err := w.member(member); err != nil {
			return err
		}
		var body io.Reader = t
		if sparse(h) { // a sparse header may claim any size without bytes behind it
			body = w.guard(t)
		}
		if err := w.inner(member, w.stream(member, body, nil, h.Size, depth)); err != nil {
			return err
		}
	}
}

func sparse(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

func (w *walk) zip(name string, at io.ReaderAt, size int64, depth int) error {
	// The list of members is read as a whole, so what it may have is bounded by bytes before it is by members.
	list := &metered{r: at, left: min(maxDirectory, int64(w.opt.MaxMembers)*256+mib)}
	z, err := zip.NewReader(list, size)
	if list.left < 0 {
		return &bombError{fmt.Sprintf("the zip archive's list of members is longer than %d bytes", min(maxDirectory, int64(w.opt.MaxMembers)*256+mib))}
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return err
	}
	list.open = true
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") || !f.Mode().IsRegular() {
			continue
		}
		member := name + "#" + memberName(f.Name)
		if err := w.member(member); err != nil {
			return err
		}
		if f.Flags&1 != 0 {
			w.sink.Refuse(member, 0, Unsupported, "the archive member is encrypted")
			continue
		}
		if err := w.inner(member, w.zipMember(member, f, depth)); err != nil {
			return err
		}
	}
	return nil
}

// maxDirectory bounds the list of members of a zip archive; each takes 46 bytes of it at least, and ten times that in memory.
const maxDirectory = 64 * mib

// metered fails after a number of bytes, until it is open.
type metered struct {
	r    io.ReaderAt
	left int64
	open bool
}

var errDirectory = errors.New("the list of members is too long")

func (m *metered) ReadAt(p []byte, off int64) (int, error) {
	if !m.open {
		if m.left -= int64(len(p)); m.left < 0 {
			return 0, errDirectory
		}
	}
	return m.r.ReadAt(p, off)
}

func (w *walk) zipMember(member string, f *zip.File, depth int) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return w.stream(member, w.guard(r), nil, -1, depth)
}

// inner turns a member's own trouble into a refusal so that the next member is read; only what concerns the whole outermost file goes up.
func (w *walk) inner(member string, err error) error {
	var b *bombError
	if err == nil || isStop(err) || errors.As(err, &b) {
		return err
	}
	w.refuseErr(member, 0, err)
	return nil
}

func (w *walk) member(name string) error {
	if err := w.ctx.Err(); err != nil {
		return &stop{err}
	}
	w.members++
	if w.members > w.opt.MaxMembers {
		return &bombError{fmt.Sprintf("more than %d archive members; stopped before %s", w.opt.MaxMembers, name)}
	}
	return nil
}

// memberName makes an archive's own text safe to show; it is never used as a path.
func memberName(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// bombError ends the outermost file.
type bombError struct{ message string }

func (b *bombError) Error() string { return b.message }

// As lets refuseErr report it with its code.
func (b *bombError) As(target any) bool {
	if r, ok := target.(**refused); ok {
		*r = &refused{Limit, b.message}
		return true
	}
	return false
}

// guard meters what comes out of a compressed layer.
func (w *walk) guard(r io.Reader) io.Reader { return &guard{w: w, r: r} }

type guard struct {
	w *walk
	r io.Reader
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	w := g.w
	w.expanded += int64(n)
	if w.expanded > w.opt.MaxExpansion {
		return 0, &bombError{fmt.Sprintf("the archive expands to more than %d bytes; the rest is not read", w.opt.MaxExpansion)}
	}
	size := w.file.Size
	if size < 0 {
		size = w.file.Consumed()
	}
	if w.expanded > w.opt.ratioFloor && w.expanded/w.opt.MaxRatio > size {
		return 0, &bombError{fmt.Sprintf("the archive expands to more than %d times its size; the rest is not read", w.opt.MaxRatio)}
	}
	return n, err
}

// randomAccess calls use with the bytes of r in a form that can be read at any offset: the file itself, memory, or a temporary file.
func (w *walk) randomAccess(name string, r io.Reader, at io.ReaderAt, size int64, use func(io.ReaderAt, int64) error) error {
	if at != nil {
		return use(at, size)
	}
	var buf bytes.Buffer
	n, err := io.CopyN(&buf, r, w.opt.MaxMemory)
	if err != nil && !errors.Is(err, io.EOF) {
		if n == 0 || isStop(err) || !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		// A truncated layer: what was read is kept, the rest is named.
		w.refuseErr(name, 0, err)
	}
	if err != nil {
		return use(bytes.NewReader(buf.Bytes()), n)
	}
	f, err := os.CreateTemp(w.opt.TempDir, "bartizan-import-*")
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		os.Remove(f.Name())
	}()
	if _, err := f.Write(buf.Bytes()); err != nil {
		return err
	}
	buf = bytes.Buffer{}
	m, err := io.Copy(f, r)
	if err != nil {
		if isStop(err) || !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		w.refuseErr(name, 0, err)
	}
	return use(f, n+m)
}
