package api

import (
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// registerOTLP serves the logs signal of OpenTelemetry's protocol over HTTP.
func (s *server) registerOTLP() {
	s.handleRaw(operation{
		method: http.MethodPost, path: "/v1/logs", id: "otlpLogs", summary: "Deliver records as OpenTelemetry logs", tag: "ingest", door: byToken, scope: access.ScopeIngest,
	}, func(o *huma.Operation) {
		o.Description = "Body: an ExportLogsServiceRequest in protobuf or JSON. Records that are not taken are told as partial success."
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{typeProtobuf: {}, typeJSON: {}}}
	}, func(w http.ResponseWriter, r *http.Request, c *call) error {
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if kind != typeProtobuf && kind != typeJSON {
			return fault.Newf(fault.Invalid, "the content type must be %s or %s", typeProtobuf, typeJSON).On("Content-Type")
		}
		if err := s.otlp(w, r, c, kind); err != nil {
			s.otlpFail(w, r, kind, err)
		}
		return nil
	})
}

func (s *server) otlp(w http.ResponseWriter, r *http.Request, c *call, kind string) error {
	body, err := s.ingestBody(w, r, c)
	if err != nil {
		return err
	}
	defer body.Close()
	raw, err := io.ReadAll(body)
	if err != nil {
		return s.tooLarge(body, c, err)
	}
	var records []ingest.WireRecord
	err = ingest.ReadOTLP(raw, kind == typeJSON, func(rec ingest.WireRecord) error {
		if err := s.room(c, len(records)); err != nil {
			return err
		}
		records = append(records, rec)
		return nil
	})
	if err != nil {
		return err
	}
	taken, err := s.Receiver.Take(r.Context(), ingest.Delivery{Tenant: c.tenant, Sender: c.sender()}, records)
	if err != nil {
		return err
	}
	rejected, reason := 0, ""
	for _, refused := range taken.Refused {
		if refused != nil {
			rejected++
			reason = refused.Error()
		}
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(ingest.OTLPAnswer(rejected, reason, kind == typeJSON)) // a client that has gone needs no answer
	return nil
}

// otlpFail answers with a google.rpc.Status in the encoding of the request; only 429 and 503 make clients send again, after Retry-After and the
// google.rpc.RetryInfo in the details.
func (s *server) otlpFail(w http.ResponseWriter, r *http.Request, kind string, err error) {
	s.failAs(w, r, operation{refuse: func(w http.ResponseWriter, p *problemError) {
		after, _ := strconv.ParseInt(w.Header().Get("Retry-After"), 10, 64)
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(p.status)
		_, _ = w.Write(ingest.OTLPStatus(rpcCode(p.status), p.Problem.Error.Message, time.Duration(after)*time.Second, kind == typeJSON))
	}}, err)
}

// rpcCode is the google.rpc.Code of a status.
func rpcCode(status int) int {
	switch status {
	case http.StatusUnauthorized:
		return 16
	case http.StatusForbidden:
		return 7
	case http.StatusTooManyRequests:
		return 8 // RESOURCE_EXHAUSTED
	case http.StatusServiceUnavailable:
		return 14
	case http.StatusInternalServerError:
		return 13
	}
	return 3 // INVALID_ARGUMENT
}
