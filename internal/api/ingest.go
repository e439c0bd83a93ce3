package api

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Receipt tells a sender what became of its records.
type Receipt struct {
	Accepted     int            `json:"accepted" doc:"records that are kept"`
	RefusedCount int            `json:"refusedCount"`
	Refused      []ReceiptError `json:"refused" nullable:"false" doc:"the first 100 records that could not be read"`
}

// ReceiptError names a record that could not be read.
type ReceiptError struct {
	File    string `json:"file,omitempty"`
	Number  int64  `json:"number" doc:"line or record, from 1"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// registerIngest serves the receivers. They answer 2xx only when every accepted record is synced to the bus; 413, 429 and 503 mean "send again".
func (s *server) registerIngest() {
	s.handleRaw(operation{
		method: http.MethodPost, path: "/ingest/v1/{source}", id: "ingestRecords", summary: "Deliver source records", tag: "ingest", door: byToken, scope: access.ScopeIngest,
	}, func(o *huma.Operation) {
		o.Description = "Body: NDJSON, a JSON array, or anything else that import reads, plain or with Content-Encoding gzip or zstd. source is the name of a family, or auto."
		o.Parameters = []*huma.Param{
			{Name: "source", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}},
			{Name: "file", In: "query", Schema: &huma.Schema{Type: huma.TypeString}, Description: "name the sender gives the data"},
		}
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/x-ndjson": {}, "application/json": {}, "application/octet-stream": {}}}
		registry := s.api.OpenAPI().Components.Schemas
		o.Responses["200"] = &huma.Response{Description: "kept", Content: map[string]*huma.MediaType{"application/json": {Schema: schemaOf[Receipt](registry)}}}
	}, s.receive)
}

func (s *server) receive(w http.ResponseWriter, r *http.Request, c *call) error {
	file := r.URL.Query().Get("file")
	if err := fitName(file); err != nil {
		return err
	}
	body, err := s.ingestBody(w, r, c)
	if err != nil {
		return err
	}
	defer body.Close()
	body.hold = nil // records go on to the bus as they are read
	receipt, err := s.Receiver.Accept(r.Context(), ingest.Delivery{Tenant: c.tenant, Sender: c.sender(), Source: r.PathValue("source"), File: file}, body)
	if err != nil {
		return s.tooLarge(body, c, err)
	}
	if body.exceeded || body.failed != nil && (errors.Is(body.failed, errSlow) || fault.CodeOf(body.failed) == fault.Unavailable) {
		// A reader may take the cut for the end of the data. What was read is kept; the sender has to send the rest.
		return s.tooLarge(body, c, body.failed)
	}
	out := Receipt{Accepted: receipt.Accepted, RefusedCount: receipt.RefusedCount, Refused: []ReceiptError{}}
	for _, f := range receipt.Refused {
		out.Refused = append(out.Refused, ReceiptError{File: f.File, Number: f.Number, Code: f.Code, Message: f.Message})
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// maxWireRecords bounds the records of one delivery in a wire dialect, which are held until all are read. Shippers send a few thousand at once.
const maxWireRecords = 250_000

// room refuses a delivery that has more records than it may.
func (s *server) room(c *call, have int) error {
	if have < maxWireRecords {
		return nil
	}
	s.limitHit("ingest.records", "a delivery to "+string(c.tenant))
	return fault.Newf(fault.TooLarge, "the delivery has more than %d records; send it in parts", maxWireRecords)
}

// fitName refuses names of files that could not be kept or shown.
func fitName(file string) error {
	if len(file) > 1024 || strings.ContainsAny(file, "\r\n\x00") {
		return fault.Newf(fault.Invalid, "the name of the file cannot be used").On("file")
	}
	return nil
}

// bounded is a body that stops after a number of bytes and remembers how it ended.
type bounded struct {
	io.Reader
	left     int64
	exceeded bool
	failed   error // what ended the reading, beside the end of the data and being exceeded
	close    func()
	grant    *ingest.Grant
	byQuota  bool // left is what the sender's quota has room for
	hold     func(n int64) error
	held     int64
}

var errExceeded = fmt.Errorf("the body is larger than is allowed")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		if n, err := b.Reader.Read(one[:]); n == 0 {
			return 0, err
		}
		b.exceeded = true
		return 0, errExceeded
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.Reader.Read(p)
	b.left -= int64(n)
	if b.hold != nil && n > 0 {
		if over := b.hold(int64(n)); over != nil {
			b.failed = over
			return 0, over
		}
		b.held += int64(n)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.failed = err
	}
	return n, err
}

// Close frees what the delivery holds.
func (b *bounded) Close() error {
	b.close()
	b.grant.Release()
	return nil
}

// decoded returns the body after its Content-Encoding was taken off, bounded before and after.
func (s *server) decoded(w http.ResponseWriter, r *http.Request) (*bounded, error) {
	raw := http.MaxBytesReader(w, newPaced(w, r, s.pace), s.MaxIngest)
	out := &bounded{Reader: raw, left: s.MaxIngest, close: func() {}}
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	switch encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(bufio.NewReaderSize(raw, 64<<10))
		if err != nil {
			return nil, fault.Newf(fault.Invalid, "the body is not gzip, though Content-Encoding says so: %w", err).On("Content-Encoding")
		}
		out.Reader, out.close = z, func() { _ = z.Close() }
	case "zstd":
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return nil, fault.Newf(fault.Invalid, "the body is not zstd, though Content-Encoding says so: %w", err).On("Content-Encoding")
		}
		out.Reader, out.close = z, z.Close
	default:
		return nil, fault.Newf(fault.Invalid, "the content encoding %q is not known: send gzip, zstd or none", encoding).On("Content-Encoding")
	}
	return out, nil
}
