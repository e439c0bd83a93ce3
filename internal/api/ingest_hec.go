package api

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// hecAnswer is the body of every answer of Splunk's HTTP event collector.
type hecAnswer struct {
	Text  string `json:"text"`
	Code  int    `json:"code"`
	Event *int   `json:"invalid-event-number,omitempty"`
}

// The codes of hecAnswer beside those of ingest.HECError.
const (
	hecSuccess   = 0
	hecNoToken   = 2
	hecForbidden = 4
	hecBusy      = 9
	hecInternal  = 8
	hecHealthy   = 17
)

func hecOperation(method, path, id, summary string) operation {
	return operation{method: method, path: path, id: id, summary: summary, tag: "ingest", door: byToken, scope: access.ScopeIngest, refuse: refuseHEC}
}

// registerHEC serves Splunk's HTTP event collector.
func (s *server) registerHEC() {
	event := func(o *huma.Operation) {
		o.Description = "Body: {\"event\":…,\"host\":…,\"source\":…} objects one after the other. The token comes as \"Splunk TOKEN\"."
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {}}}
	}
	raw := func(o *huma.Operation) {
		o.Description = "Body: text, a record on each line; host and source may stand in the query."
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"text/plain": {}}}
	}
	const deliver = "Deliver records as Splunk HEC events"
	for path, id := range map[string]string{"": "hec", "/event": "hecEvent", "/event/1.0": "hecEventVersion"} {
		s.handleRaw(hecOperation(http.MethodPost, "/services/collector"+path, id, deliver), event, s.hecEvents)
	}
	for path, id := range map[string]string{"/raw": "hecRaw", "/raw/1.0": "hecRawVersion"} {
		s.handleRaw(hecOperation(http.MethodPost, "/services/collector"+path, id, "Deliver lines to the Splunk HEC receiver"), raw, s.hecLines)
	}
	health := hecOperation(http.MethodGet, "/services/collector/health", "hecHealth", "Whether the Splunk HEC receiver takes records")
	health.door, health.scope = open, ""
	s.handleRaw(health, nil, func(w http.ResponseWriter, r *http.Request, _ *call) error {
		if err := s.System.Ready(r.Context()); err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, hecAnswer{Text: "HEC is healthy", Code: hecHealthy})
		return nil
	})
}

func (s *server) hecEvents(w http.ResponseWriter, r *http.Request, c *call) error {
	body, err := s.ingestBody(w, r, c)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := fitName(r.URL.Query().Get("source")); err != nil {
		return err
	}
	var records []ingest.WireRecord
	reading := ingest.ReadHEC(body, func(rec ingest.WireRecord) error {
		if err := s.room(c, len(records)); err != nil {
			return err
		}
		records = append(records, rec)
		return nil
	})
	var wrong *ingest.HECError
	if reading != nil && (!errors.As(reading, &wrong) || body.exceeded || body.failed != nil) {
		return s.tooLarge(body, c, reading)
	}
	return s.hecTake(w, r, c, records, wrong)
}

// hecTake keeps the events; one that could not be read is named, those before it are kept.
func (s *server) hecTake(w http.ResponseWriter, r *http.Request, c *call, records []ingest.WireRecord, wrong *ingest.HECError) error {
	if len(records) > 0 {
		taken, err := s.Receiver.Take(r.Context(), ingest.Delivery{Tenant: c.tenant, Sender: c.sender(), File: r.URL.Query().Get("source")}, records)
		if err != nil {
			return err
		}
		for i, refused := range taken.Refused {
			if refused != nil && wrong == nil {
				wrong = &ingest.HECError{Code: 6, Text: refused.Error(), Event: i}
			}
		}
	}
	if wrong != nil {
		writeJSON(w, http.StatusBadRequest, hecAnswer{Text: wrong.Text, Code: wrong.Code, Event: &wrong.Event})
		return nil
	}
	writeJSON(w, http.StatusOK, hecAnswer{Text: "Success", Code: hecSuccess})
	return nil
}

func (s *server) hecLines(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := fitName(r.URL.Query().Get("source")); err != nil {
		return err
	}
	body, err := s.ingestBody(w, r, c)
	if err != nil {
		return err
	}
	defer body.Close()
	var records []ingest.WireRecord
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), ingest.MaxWireRecord)
	for lines.Scan() {
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			if err := s.room(c, len(records)); err != nil {
				return err
			}
			records = append(records, ingest.WireRecord{Data: bytes.Clone(line), Host: r.URL.Query().Get("host")})
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fault.Newf(fault.TooLarge, "a line is longer than %d bytes", ingest.MaxWireRecord)
	case err != nil:
		return s.tooLarge(body, c, err)
	case len(records) == 0:
		return s.hecTake(w, r, c, nil, &ingest.HECError{Code: 5, Text: "No data"})
	}
	return s.hecTake(w, r, c, records, nil)
}

func refuseHEC(w http.ResponseWriter, p *problemError) {
	a := hecAnswer{Text: p.Problem.Error.Message, Code: hecInternal}
	switch p.status {
	case http.StatusUnauthorized:
		a.Code = hecNoToken
	case http.StatusForbidden:
		a.Code = hecForbidden
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		a.Code, a.Text = hecBusy, "Server is busy: "+a.Text
	case http.StatusBadRequest:
		a.Code = 6
	}
	writeJSON(w, p.status, a)
}
