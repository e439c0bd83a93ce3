package api

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"google.golang.org/protobuf/encoding/protowire"

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
	body, err := s.ingestBody(w, r)
	if err != nil {
		return err
	}
	defer body.Close()
	raw, err := io.ReadAll(body)
	if err != nil {
		return s.tooLarge(body, c, err)
	}
	records, err := ingest.ReadOTLP(raw, kind == typeJSON)
	if err == nil {
		err = s.room(c, len(records)-1)
	}
	if err != nil {
		return err
	}
	taken, err := s.Receiver.Take(r.Context(), ingest.Delivery{Tenant: c.tenant}, records)
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

// otlpFail answers with a google.rpc.Status in the encoding of the request; only 429 and 503 make clients send again.
func (s *server) otlpFail(w http.ResponseWriter, r *http.Request, kind string, err error) {
	s.failAs(w, r, operation{refuse: func(w http.ResponseWriter, p *problemError) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(p.status)
		const invalidArgument = 3
		if kind == typeJSON {
			_ = json.NewEncoder(w).Encode(map[string]any{"code": invalidArgument, "message": p.Problem.Error.Message})
			return
		}
		b := protowire.AppendTag(nil, 1, protowire.VarintType)
		b = protowire.AppendVarint(b, invalidArgument)
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		_, _ = w.Write(protowire.AppendString(b, p.Problem.Error.Message))
	}}, err)
}
