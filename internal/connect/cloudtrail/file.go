package cloudtrail

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"gocloud.dev/blob"

	"github.com/bartizan-sec/bartizan/internal/connect"
)

// file reads records of a file after the first skip, up to a number of records and bytes. whole says that the file is at its end. What is no CloudTrail file, or
// breaks off, gives the records before that and one that says so, which the family refuses: it shows among the refused records with the file's name.
func (p *puller) file(ctx context.Context, key string, skip, records, size int) (out []connect.Record, whole bool, err error) {
	if p.root != "" && !inside(p.root, key) {
		return nil, true, nil
	}
	r, err := p.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, false, p.trouble(err, "s3:GetObject (and kms:Decrypt, when files are encrypted by a key of yours)")
	}
	defer r.Close()
	source := &watched{r: r}
	n := 0
	whole, err = walk(source, func(raw json.RawMessage) bool {
		n++
		if n <= skip {
			return true
		}
		out = append(out, record(raw))
		size -= len(raw)
		return len(out) < records && size > 0
	})
	if err == nil {
		return out, whole, nil
	}
	if source.err != nil { // the way to the file, not the file
		return nil, false, p.trouble(source.err, "s3:GetObject")
	}
	if n < skip { // what it held before is gone: a file that changed
		return nil, true, nil
	}
	raw, _ := json.Marshal(map[string]any{"file": key, "unreadable": err.Error(), "recordsBefore": n})
	return append(out, connect.Record{ID: fmt.Sprintf("unreadable %s %d", key, n), Data: raw}), true, nil
}

// inside says whether a file is in its folder and no link that leads out of it.
func inside(root, key string) bool {
	real, err := filepath.EvalSymlinks(filepath.Join(root, filepath.FromSlash(key)))
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(root, real)
	return err == nil && filepath.IsLocal(rel)
}

// watched remembers errors of the way, which are no faults of the file.
type watched struct {
	r   *blob.Reader
	err error
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		w.err = err
	}
	var timeout net.Error
	if errors.As(err, &timeout) {
		w.err = err
	}
	return n, err
}

var (
	errTooLarge = errors.New("it is larger than a file may be")
	errRecord   = errors.New("a record of it is larger than a record may be")
)

// walk gives the records of a file to fn until that returns false: the list "Records" of an object, or objects one after another. Compression is taken off.
func walk(r io.Reader, fn func(json.RawMessage) bool) (whole bool, err error) {
	b := bufio.NewReaderSize(r, 64<<10)
	var plain io.Reader = b
	if head, err := b.Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return false, err
		}
		plain = z
	}
	limited := &limit{r: plain, left: maxFile, value: maxValue}
	d := json.NewDecoder(limited)
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if t != json.Delim('{') && t != json.Delim('[') {
			return false, errors.New("it holds no records")
		}
		stop, err := list(d, t == json.Delim('['), func(raw json.RawMessage) bool {
			limited.value = maxValue
			return fn(raw)
		})
		if stop || err != nil {
			return false, err
		}
	}
}

// list reads what follows an opening bracket.
func list(d *json.Decoder, array bool, fn func(json.RawMessage) bool) (stop bool, err error) {
	if !array {
		// Members before the records are small; a file without records is one record.
		first := map[string]json.RawMessage{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return false, err
			}
			if name == "Records" {
				if t, err := d.Token(); err != nil || t != json.Delim('[') {
					return false, errors.Join(errors.New("its records are no list"), err)
				}
				if stop, err := list(d, true, fn); stop || err != nil {
					return stop, err
				}
				first = nil
				continue
			}
			var v json.RawMessage
			if err := d.Decode(&v); err != nil {
				return false, err
			}
			if text, ok := name.(string); ok && first != nil {
				first[text] = v
			}
		}
		if _, err := d.Token(); err != nil {
			return false, err
		}
		if len(first) > 0 {
			raw, err := json.Marshal(first)
			if err != nil {
				return false, err
			}
			return !fn(raw), nil
		}
		return false, nil
	}
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return false, err
		}
		if !fn(raw) {
			return true, nil
		}
	}
	_, err = d.Token()
	return false, err
}

// limit ends an expansion that has no end, and records that do not fit into memory.
type limit struct {
	r     io.Reader
	left  int64
	value int64 // of the record that is being read
}

func (l *limit) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLarge
	}
	if l.value <= 0 {
		return 0, errRecord
	}
	n, err := l.r.Read(b[:min(int64(len(b)), l.left, l.value)])
	l.left -= int64(n)
	l.value -= int64(n)
	return n, err
}

func record(raw json.RawMessage) connect.Record {
	var head struct {
		ID   string    `json:"eventID"`
		Time time.Time `json:"eventTime"`
	}
	if json.Unmarshal(raw, &head) != nil || head.ID == "" {
		head.ID = connect.ContentID(raw)
	}
	return connect.Record{ID: head.ID, Time: head.Time, Data: connect.Compact(raw)}
}
