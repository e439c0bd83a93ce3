package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// elasticVersion is the version of the bulk protocol that clients are told; they refuse servers older than themselves.
const elasticVersion = "9.99.0"

// bulkOperation is what all bulk addresses share.
func bulkOperation(method, path, id string) operation {
	return operation{
		method: method, path: path, id: id, summary: "Deliver records as an Elasticsearch bulk request", tag: "ingest", door: byToken, scope: access.ScopeIngest,
		refuse: refuseElastic, held: true,
	}
}

// registerBulk serves the part of Elasticsearch's interface that log shippers use to deliver: bulk requests, and the questions they ask at their start.
func (s *server) registerBulk() {
	doc := func(o *huma.Operation) {
		o.Description = "Body: NDJSON of an action line (create or index) and a document line in turn. Answers when everything that it says is kept is kept. " +
			"The token comes as Bearer, as ApiKey, or as the password of basic authentication."
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/x-ndjson": {}}}
	}
	withIndex := func(o *huma.Operation) {
		doc(o)
		o.Parameters = []*huma.Param{{Name: "index", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}, Description: "comes back in the answer"}}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		id := "bulk" + method[:1] + strings.ToLower(method[1:])
		s.handleRaw(bulkOperation(method, "/_bulk", id), doc, s.bulkDelivery)
		s.handleRaw(bulkOperation(method, "/{index}/_bulk", id+"Index"), withIndex, s.bulkDelivery)
	}
}

// bulkAnswer is the body of a bulk response.
type bulkAnswer struct {
	Took   int64                      `json:"took"`
	Errors bool                       `json:"errors"`
	Items  []map[string]bulkAnswerRow `json:"items"`
}

type bulkAnswerRow struct {
	Index  string        `json:"_index"`
	ID     string        `json:"_id,omitempty"`
	Status int           `json:"status"`
	Result string        `json:"result,omitempty"`
	Error  *elasticError `json:"error,omitempty"`
}

type elasticError struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

func (s *server) bulkDelivery(w http.ResponseWriter, r *http.Request, c *call) error {
	start := time.Now()
	body, err := s.ingestBody(w, r, c)
	if err != nil {
		return err
	}
	defer body.Close()
	answer := bulkAnswer{Items: []map[string]bulkAnswerRow{}}
	var records []ingest.WireRecord
	var rows []int // position in the answer of each record
	err = ingest.ReadBulk(body, r.PathValue("index"), func(i ingest.BulkItem) error {
		if err := s.room(c, len(answer.Items)); err != nil {
			return err
		}
		row := bulkAnswerRow{Index: i.Index, ID: i.ID, Status: http.StatusCreated, Result: "created"}
		if i.Err != nil {
			row.refuse(i.Err)
			answer.Errors = true
		} else if most := body.grant.Records; most >= 0 && int64(len(records)) >= most {
			// The rest is to be sent again, and nothing but the rest: shippers look at each item's status.
			row.refuse(body.grant.RefuseRecords())
			answer.Errors = true
		} else {
			records, rows = append(records, ingest.WireRecord{Data: i.Doc}), append(rows, len(answer.Items))
		}
		answer.Items = append(answer.Items, map[string]bulkAnswerRow{i.Op: row})
		return nil
	})
	if err != nil {
		return s.tooLarge(body, c, err)
	}
	var taken ingest.Taken
	ctx := bulkContext(r, c, answer.Items)
	err = patiently(ctx, c.until, func() (err error) {
		taken, err = s.Receiver.Take(ctx, ingest.Delivery{Tenant: c.tenant, Sender: c.sender()}, records)
		return err
	})
	if err != nil {
		return err
	}
	for i, refused := range taken.Refused {
		if refused == nil {
			continue
		}
		answer.Errors = true
		for op, row := range answer.Items[rows[i]] {
			row.refuse(refused)
			answer.Items[rows[i]][op] = row
		}
	}
	answer.Took = time.Since(start).Milliseconds()
	elasticJSON(w, http.StatusOK, answer)
	return nil
}

// bulkContext names a delivery by the ids of its documents when each of them has one: a shipper that gives ids and sends the same request again does not mean new
// documents. A delivery without a name gets one of its own, so that nothing is kept twice when it is tried again while its request is held.
func bulkContext(r *http.Request, c *call, items []map[string]bulkAnswerRow) context.Context {
	if r.Header.Get(repeatHeader) != "" || len(items) == 0 {
		return r.Context()
	}
	ids := sha256.New()
	for _, item := range items {
		for _, row := range item {
			if row.ID == "" {
				return ingest.NameDelivery(r.Context(), c.who.TokenID+"\nheld "+rand.Text())
			}
			fmt.Fprintf(ids, "%q %q\n", row.Index, row.ID)
		}
	}
	return ingest.NameDelivery(r.Context(), fmt.Sprintf("%s\nbulk %x", c.who.TokenID, ids.Sum(nil)))
}

func (row *bulkAnswerRow) refuse(err error) {
	if fault.CodeOf(err) == fault.Busy {
		row.Status, row.Result, row.Error = http.StatusTooManyRequests, "", &elasticError{"es_rejected_execution_exception", err.Error()}
		return
	}
	row.Status, row.Result, row.Error = http.StatusBadRequest, "", &elasticError{"document_parsing_exception", err.Error()}
}

// ingestBody is the decoded, bounded body of a delivery, with the time that a sender has to send it. A sender over its quota is refused before anything is
// read. The body is to be closed when the delivery is over.
func (s *server) ingestBody(w http.ResponseWriter, r *http.Request, c *call) (*bounded, error) {
	grant, err := s.Traffic.Admit(r.Context(), c.tenant, c.sender(), ingest.Quota(c.who.Quota), r.ContentLength)
	if err != nil {
		return nil, err
	}
	token := c.who.TokenID
	if err := s.deliveries.enter(token); err != nil {
		grant.Release()
		s.limitHit("ingest.deliveries", "a delivery to "+string(c.tenant))
		return nil, err
	}
	body, err := s.decoded(w, r)
	if err != nil {
		grant.Release()
		s.deliveries.leave(token, 0)
		return nil, err
	}
	body.grant, body.hold = grant, s.deliveries.hold
	free := body.close
	body.close = func() {
		free()
		s.deliveries.leave(token, body.held)
	}
	if grant.Bytes >= 0 && grant.Bytes < body.left {
		body.left, body.byQuota = grant.Bytes, true
	}
	return body, nil
}

// tooLarge tells a body that was cut from one that is wrong.
func (s *server) tooLarge(body *bounded, c *call, err error) error {
	var cut *http.MaxBytesError
	if body.failed != nil && (errors.Is(body.failed, errSlow) || fault.CodeOf(body.failed) == fault.Unavailable) {
		return body.failed // a decoder calls it the end of the data
	}
	if !body.exceeded && !errors.As(err, &cut) {
		return err
	}
	if body.exceeded && body.byQuota {
		return body.grant.Refuse()
	}
	s.limitHit("http.max-ingest", "a delivery to "+string(c.tenant))
	return fault.Newf(fault.TooLarge, "the delivery is larger than %d bytes (http.max-ingest); send it in parts", s.MaxIngest)
}

// asksElastic reports whether a request for the root comes from a shipper rather than from a browser.
func asksElastic(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || strings.HasPrefix(strings.ToLower(r.UserAgent()), "elastic")
}

// setUp are the beginnings of what shippers put in place before they deliver.
var setUp = [...]string{"/_template/", "/_index_template/", "/_component_template/", "/_ilm/policy/", "/_data_stream/", "/_ingest/pipeline/"}

// setsUp reports whether a request puts something in place that a shipper wants to see in place before it delivers.
func setsUp(path, method string) bool {
	if method != http.MethodPut && method != http.MethodPost {
		return false
	}
	for _, start := range setUp {
		if name, ok := strings.CutPrefix(path, start); ok && name != "" && !strings.Contains(name, "/") {
			return true
		}
	}
	return false
}

// elastic answers what shippers ask before they deliver: who is there, is there a licence, a template, a policy. Nothing of it changes anything.
func (s *server) elastic(w http.ResponseWriter, r *http.Request) error {
	op := bulkOperation(r.Method, r.URL.Path, "elastic")
	if _, err := s.admit(r, op); err != nil {
		s.failAs(w, r, op, err)
		return nil
	}
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, s.MaxBody))
	reading := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch path := strings.TrimSuffix(r.URL.Path, "/"); {
	case path == "" && reading:
		elasticJSON(w, http.StatusOK, map[string]any{
			"name": "bartizan", "cluster_name": "bartizan", "cluster_uuid": "bartizan", "tagline": "You Know, for Search",
			"version": map[string]any{
				"number": elasticVersion, "build_flavor": "default", "build_type": "tar", "build_snapshot": false, "lucene_version": "10.0.0",
				"minimum_wire_compatibility_version": "8.0.0", "minimum_index_compatibility_version": "8.0.0",
			},
		})
	case path == "/_license" && reading:
		elasticJSON(w, http.StatusOK, map[string]any{"license": map[string]any{"status": "active", "type": "basic", "uid": "bartizan"}})
	case path == "/_xpack" && reading:
		elasticJSON(w, http.StatusOK, map[string]any{"features": map[string]any{}, "license": map[string]any{"status": "active", "type": "basic", "mode": "basic"}})
	case path == "/_cluster/health" && reading:
		elasticJSON(w, http.StatusOK, map[string]any{"cluster_name": "bartizan", "status": "green", "timed_out": false, "number_of_nodes": 1})
	case path == "/_cat/health" && reading:
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		_, _ = io.WriteString(w, "bartizan green 1 1\n")
	case strings.HasPrefix(path, "/_nodes") && reading:
		elasticJSON(w, http.StatusOK, map[string]any{"cluster_name": "bartizan", "nodes": map[string]any{}})
	case reading:
		elasticJSON(w, http.StatusNotFound, map[string]any{"error": elasticError{"resource_not_found_exception", r.URL.Path + " does not exist"}, "status": http.StatusNotFound})
	case setsUp(path, r.Method): // templates, policies, pipelines: the hunting tables have their own
		elasticJSON(w, http.StatusOK, map[string]any{"acknowledged": true})
	default:
		w.Header().Set("Allow", "GET, HEAD")
		elasticJSON(w, http.StatusMethodNotAllowed, map[string]any{
			"error": elasticError{"illegal_argument_exception", r.Method + " " + r.URL.Path + " is not answered here: of Elasticsearch's interface there is what shippers need to deliver"}, "status": http.StatusMethodNotAllowed,
		})
	}
	return nil
}

func elasticJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that has gone needs no answer
}

func refuseElastic(w http.ResponseWriter, p *problemError) {
	kind := "illegal_argument_exception"
	switch p.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		kind = "security_exception"
		w.Header().Set("WWW-Authenticate", `Basic realm="bartizan"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		kind = "es_rejected_execution_exception"
	}
	e := elasticError{kind, p.Problem.Error.Message}
	elasticJSON(w, p.status, map[string]any{"error": map[string]any{"type": e.Type, "reason": e.Reason, "root_cause": []elasticError{e}}, "status": p.status})
}
