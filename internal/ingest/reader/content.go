package reader

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/bartizan-sec/bartizan/internal/ingest/dialect"
	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// mailSource is the family whose files are messages even when their headers are broken.
const mailSource = "mail"

// source is one file or member while its records are read.
type source struct {
	w        *walk
	name     string
	r        *bufio.Reader
	detector *Detector
}

// content reads bytes that are neither compressed nor an archive, in the format that head shows.
func (w *walk) content(name string, r *bufio.Reader, head []byte, at io.ReaderAt, size int64) error {
	s := &source{w: w, name: name, r: r, detector: NewDetector(w.opt.Probes)}
	if bytes.HasPrefix(head, []byte("ElfFile\x00")) {
		return w.randomAccess(name, r, at, size, s.evtx)
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		dec := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()
		s.r = bufio.NewReaderSize(transform.NewReader(r, dec), bufBytes)
		head, _ = s.r.Peek(headBytes)
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = r.Discard(3)
		head, _ = r.Peek(headBytes)
	}
	kind := sniffText(head)
	if w.opt.Source == mailSource && (kind == textLines || kind == textCSV) {
		kind = textMessage // a message may begin with anything; the caller says it is one
	}
	switch kind {
	case textBinary:
		return refusef(Unsupported, "the content is no format that import knows (JSON, EVTX, event XML, mail, CSV, Zeek, W3C, auditd or text lines)")
	case textJSONLines:
		return s.lines(false)
	case textJSONValues:
		return s.values()
	case textEventXML:
		return s.eventXML()
	case textMbox:
		return s.mbox()
	case textMessage:
		return s.message()
	case textZeek:
		return s.zeek()
	case textW3C:
		return s.w3c()
	case textCSV:
		return s.csv(csvDelimiter(head))
	case textAudit:
		return s.lines(true)
	}
	return s.lines(false)
}

// emit hands one record to the sink. data must be the record's own copy.
func (s *source) emit(number int64, data []byte) error {
	if err := s.w.ctx.Err(); err != nil {
		return &stop{err}
	}
	family, host := s.w.opt.Source, ""
	if family == Auto {
		family = s.detector.Family(data)
		if family == Auto || len(data) > 0 && data[0] != '{' { // perhaps the record is inside
			if inner := dialect.Unwrap(data, s.known); len(inner.Data) != len(data) {
				data, host = inner.Data, inner.Host
				family = s.detector.Family(data)
			}
		}
	}
	rec := &normalise.Record{
		Tenant: s.w.opt.Tenant, Source: family, File: s.name, Host: host, Number: number,
		Received: s.w.opt.Now().UTC(), Lab: s.w.opt.Lab, Data: data,
	}
	if err := s.w.sink.Record(rec); err != nil {
		return &stop{err}
	}
	return nil
}

func (s *source) known(data []byte) bool { return Detect(s.w.opt.Probes, data) != "" }

// emitText repairs invalid UTF-8 before it emits.
func (s *source) emitText(number int64, data []byte) error {
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	return s.emit(number, data)
}

func (s *source) refuse(number int64, code, message string) {
	s.w.sink.Refuse(s.name, number, code, message)
}

// errTooLong says that a line is over the bound; it was skipped up to its end.
var errTooLong = errors.New("line too long")

// lineReader reads lines of bounded length. Number is the 1-based number of the line that next returned last.
type lineReader struct {
	r      *bufio.Reader
	max    int
	Number int64
	// quotes counts the quotation marks of a line that was over the bound.
	quotes int
}

// next returns a copy of the next line without its end. A line over the bound gives errTooLong. When the bytes break off in the middle of a line for
// another reason than the end of the file, the part that was read is dropped and the error returned.
func (l *lineReader) next() ([]byte, error) {
	l.Number++
	var long []byte
	over := false
	for {
		part, err := l.r.ReadSlice('\n')
		if over {
			l.quotes += bytes.Count(part, []byte{'"'})
		} else {
			if len(long)+len(part) > l.max+2 {
				l.quotes = bytes.Count(long, []byte{'"'}) + bytes.Count(part, []byte{'"'})
				over, long = true, nil
			} else if err == nil && long == nil {
				return trimEOL(bytes.Clone(part)), nil
			} else {
				long = append(long, part...)
			}
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == nil, errors.Is(err, io.EOF):
			if over {
				return nil, errTooLong
			}
			if err != nil && len(long) == 0 {
				return nil, io.EOF
			}
			return trimEOL(long), nil
		default:
			return nil, err
		}
	}
}

func trimEOL(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
	}
	if n := len(b); n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	return b
}

func (s *source) lineReader() *lineReader { return &lineReader{r: s.r, max: s.w.opt.MaxRecord} }

// each calls use for every line that has something in it, refuses lines over the bound, and returns what ended the file.
func (s *source) each(l *lineReader, use func(line []byte) error) error {
	for {
		line, err := l.next()
		switch {
		case errors.Is(err, errTooLong):
			s.refuse(l.Number, TooLarge, tooLong(s.w.opt.MaxRecord))
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			if isStop(err) {
				return err
			}
			s.w.refuseErr(s.name, l.Number, err)
			return nil
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := use(line); err != nil {
			return err
		}
	}
}

// lines emits each line as a record. With audit set, neighbouring lines of one Linux audit event ("msg=audit(time:serial)") make one record.
func (s *source) lines(audit bool) error {
	l := s.lineReader()
	if !audit {
		return s.each(l, func(line []byte) error { return s.emitText(l.Number, line) })
	}
	var group, key []byte
	var first int64
	flush := func() error {
		if group == nil {
			return nil
		}
		data := group
		group, key = nil, nil
		return s.emitText(first, data)
	}
	err := s.each(l, func(line []byte) error {
		k := AuditKey(line)
		if group != nil && k != nil && bytes.Equal(k, key) && len(group)+len(line) < s.w.opt.MaxRecord {
			group = append(append(group, '\n'), line...)
			return nil
		}
		if err := flush(); err != nil {
			return err
		}
		group, key, first = line, bytes.Clone(k), l.Number
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// AuditKey returns the "time:serial" of an audit line (with the node before it, if any), nil for other lines.
func AuditKey(line []byte) []byte {
	i := bytes.Index(line, []byte("msg=audit("))
	if i < 0 || i > 256 {
		return nil
	}
	end := bytes.IndexByte(line[i:], ')')
	if end < 0 {
		return nil
	}
	if n := bytes.Index(line[:i], []byte("node=")); n >= 0 {
		return append(bytes.Clone(bytes.Fields(line[n:])[0]), line[i:i+end]...)
	}
	return line[i : i+end]
}
