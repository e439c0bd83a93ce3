// Package evtx reads Windows event log files (.evtx). Read is the whole interface: it gives each record as the JSON shape of the event's XML,
// and names each damaged piece while it goes on with the rest.
//
// A file is a header of 4,096 bytes and chunks of 64 kB. A chunk holds records of binary XML; templates and names are shared within the chunk.
// Checksums are not believed either way: files that were not closed properly, or were cut out of memory, have wrong ones and good records.
package evtx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

const (
	fileMagic     = "ElfFile\x00"
	chunkMagic    = "ElfChnk\x00"
	recordMagic   = 0x00002a2a
	headerSize    = 4096
	chunkSize     = 64 << 10
	chunkHeader   = 512
	recordHeader  = 24
	smallestChunk = chunkHeader + recordHeader
)

// Read reads the event log of size bytes in r. emit is called for each record with its 1-based position among the records of the file, refused
// ones included, and its JSON, which the callee may keep; an error from emit ends the reading and is returned. refuse is called for each record
// (by position) or chunk (number 0) that could not be read, with a code of package fault.
//
// Chunks are taken in the order of their record ids, because a log that wrapped around does not begin with its oldest chunk. Read returns an error
// of its own only when r fails or holds no event log at all.
func Read(r io.ReaderAt, size int64, emit func(number int64, json []byte) error, refuse func(number int64, code, message string)) error {
	f := &file{r: r, size: size, emit: emit, refuse: func(number int64, code fault.Code, format string, args ...any) {
		refuse(number, string(code), fmt.Sprintf(format, args...))
	}}
	return f.read()
}

// IsEVTX reports whether data begins like an event log file.
func IsEVTX(data []byte) bool { return bytes.HasPrefix(data, []byte(fileMagic)) }

type file struct {
	r      io.ReaderAt
	size   int64
	number int64 // position of the record in hand
	emit   func(number int64, json []byte) error
	refuse func(number int64, code fault.Code, format string, args ...any)
}

// place is where a chunk lies and which record it begins with.
type place struct {
	offset int64
	first  uint64
}

func (f *file) read() error {
	head := make([]byte, chunkHeader)
	n, err := f.r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	head = head[:n]
	start := int64(headerSize)
	switch {
	case bytes.HasPrefix(head, []byte(fileMagic)):
		if len(head) >= 42 {
			if s := int64(binary.LittleEndian.Uint16(head[40:])); s >= chunkHeader {
				start = s
			}
		}
	case bytes.HasPrefix(head, []byte(chunkMagic)):
		start = 0 // chunks without their file, as carving leaves them
	default:
		return fault.Newf(fault.Invalid, "this is not a Windows event log: it does not begin with its mark")
	}
	places, err := f.chunks(start)
	if err != nil {
		return err
	}
	c := newChunk()
	for _, p := range places {
		if err := f.chunk(c, p.offset); err != nil {
			return err
		}
	}
	return nil
}

// chunks finds the chunks of the file. Space that was reserved but never written is passed over.
func (f *file) chunks(start int64) ([]place, error) {
	var places []place
	head := make([]byte, chunkHeader)
	for offset := start; offset < f.size; offset += chunkSize {
		n, err := f.r.ReadAt(head, offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		h := head[:n]
		switch {
		case n < smallestChunk-recordHeader:
			if !allZero(h) {
				f.refuse(0, fault.Invalid, "the chunk at byte %d is cut off after %d bytes", offset, n)
			}
		case bytes.HasPrefix(h, []byte(chunkMagic)):
			places = append(places, place{offset, binary.LittleEndian.Uint64(h[24:])})
		case allZero(h):
		default:
			// The header is gone, but the records may be there.
			places = append(places, place{offset, 0})
		}
	}
	// A damaged header says nothing of its order: it stays behind its neighbour.
	for i := range places {
		if places[i].first == 0 && i > 0 {
			places[i].first = places[i-1].first
		}
	}
	sort.SliceStable(places, func(i, j int) bool { return places[i].first < places[j].first })
	return places, nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// chunk reads the records of the chunk at offset.
func (f *file) chunk(c *chunk, offset int64) error {
	n, err := f.r.ReadAt(c.buf[:chunkSize], offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	c.reset(n)
	if !bytes.HasPrefix(c.data, []byte(chunkMagic)) {
		f.refuse(0, fault.Invalid, "the chunk at byte %d has a damaged header; its records are searched for", offset)
	}
	// The header says where the records end. What lies beyond is left over from before the chunk was reused, or written by a system that stopped
	// before it could update the header: then it goes on with the next record id.
	end := len(c.data)
	if e := int(binary.LittleEndian.Uint32(c.data[48:])); e >= chunkHeader && e < end && bytes.HasPrefix(c.data, []byte(chunkMagic)) {
		end = e
	}
	last := uint64(0)
	pos := chunkHeader
	for {
		size, id, ok := c.recordAt(pos)
		switch {
		case ok && (pos < end || last != 0 && id == last+1):
			last = id
			if err := f.record(c, pos, size, offset); err != nil {
				return err
			}
			pos += size
		case pos >= end:
			return nil
		default:
			next := c.nextRecord(pos + 1)
			if next < 0 || next >= end {
				if !allZero(c.data[pos:end]) {
					f.number++
					f.refuse(f.number, fault.Invalid, "damaged record at byte %d; the rest of its chunk is lost", offset+int64(pos))
				}
				return nil
			}
			f.number++
			f.refuse(f.number, fault.Invalid, "damaged record at byte %d; reading goes on at byte %d", offset+int64(pos), offset+int64(next))
			pos = next
		}
	}
}

// recordAt reads the header of the record at pos and reports whether a whole record stands there: mark, plausible size, and the same size again
// at its end.
func (c *chunk) recordAt(pos int) (size int, id uint64, ok bool) {
	if pos < 0 || pos+recordHeader+4 > len(c.data) || binary.LittleEndian.Uint32(c.data[pos:]) != recordMagic {
		return 0, 0, false
	}
	size = int(binary.LittleEndian.Uint32(c.data[pos+4:]))
	if size < recordHeader+4 || size > len(c.data)-pos || int(binary.LittleEndian.Uint32(c.data[pos+size-4:])) != size {
		return 0, 0, false
	}
	return size, binary.LittleEndian.Uint64(c.data[pos+8:]), true
}

// nextRecord returns where the next whole record stands at or after pos, -1 if none does.
func (c *chunk) nextRecord(pos int) int {
	mark := []byte{0x2a, 0x2a, 0, 0}
	for pos < len(c.data) {
		i := bytes.Index(c.data[pos:], mark)
		if i < 0 {
			return -1
		}
		if _, _, ok := c.recordAt(pos + i); ok {
			return pos + i
		}
		pos += i + 1
	}
	return -1
}

func (f *file) record(c *chunk, pos, size int, offset int64) error {
	f.number++
	json, err := c.decode(pos+recordHeader, pos+size-4)
	if err != nil {
		f.refuse(f.number, fault.Invalid, "the record at byte %d cannot be read: %s", offset+int64(pos), err.Error())
		return nil
	}
	return f.emit(f.number, json)
}
