package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/osquery"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// osqueryRequest is the body of all requests of osquery's TLS interface; each uses some of the members.
type osqueryRequest struct {
	NodeKey        string          `json:"node_key"`
	EnrollSecret   string          `json:"enroll_secret"`
	HostIdentifier string          `json:"host_identifier"`
	LogType        string          `json:"log_type"`
	Data           json.RawMessage `json:"data"` // read when it is known who sends it
	HostDetails    struct {
		OSVersion struct {
			Platform string `json:"platform"`
		} `json:"os_version"`
		OsqueryInfo struct {
			Version string `json:"version"`
		} `json:"osquery_info"`
	} `json:"host_details"`
}

// maxOsquery bounds a request: it is held before it is known who sends it. Agents send 1024 lines at a time.
const maxOsquery = 16 << 20

// osqueryBody reads a request.
func (s *server) osqueryBody(w http.ResponseWriter, r *http.Request) (*osqueryRequest, error) {
	place := "osquery " + s.clientAddress(r) // it is not yet known who sends
	if err := s.deliveries.enter(place); err != nil {
		s.limitHit("ingest.deliveries", "an osquery request")
		return nil, err
	}
	body, err := s.decoded(w, r)
	if err != nil {
		s.deliveries.leave(place, 0)
		return nil, err
	}
	body.hold = s.deliveries.hold
	defer func() {
		_ = body.Close()
		s.deliveries.leave(place, body.held)
	}()
	most := min(body.left, maxOsquery)
	body.left = most
	raw, err := io.ReadAll(body)
	var cut *http.MaxBytesError
	if body.exceeded || errors.As(err, &cut) {
		s.limitHit("http.max-ingest", "an osquery request")
		return nil, fault.Newf(fault.TooLarge, "the request is larger than %d bytes; let the agent send fewer lines at a time (logger_tls_max_lines)", most)
	}
	if body.failed != nil {
		return nil, body.failed
	}
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "the body is no osquery request: %w", err)
	}
	return parseOsquery(raw)
}

func parseOsquery(raw []byte) (*osqueryRequest, error) {
	in := new(osqueryRequest)
	if err := json.Unmarshal(raw, in); err != nil {
		return nil, fault.Newf(fault.Invalid, "the body is no osquery request: %w", err)
	}
	return in, nil
}

// lines are the records that a request delivers, none when it has none.
func (r *osqueryRequest) lines() (data []json.RawMessage, err error) {
	if err := json.Unmarshal(r.Data, &data); len(r.Data) > 0 && err != nil {
		return nil, fault.Newf(fault.Invalid, "the data is no list: %w", err).On("data")
	}
	return data, nil
}

// registerOsquery serves osquery's TLS interface. Agents have no header for a token: the enroll secret is one, and a node key stands for it afterwards,
// so each handler looks at the secret in the body.
func (s *server) registerOsquery() {
	add := func(path, id, summary string, fn func(ctx context.Context, r *http.Request, in *osqueryRequest) (any, error)) {
		op := operation{method: http.MethodPost, path: "/osquery/" + path, id: id, summary: summary, tag: "ingest", door: byBody}
		doc := func(o *huma.Operation) {
			o.Description = "Part of osquery's TLS interface. The enroll secret is a token of scope ingest."
			o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {}}}
		}
		s.handleRaw(op, doc, func(w http.ResponseWriter, r *http.Request, _ *call) error {
			in, err := s.osqueryBody(w, r)
			if err != nil {
				return err
			}
			out, err := fn(r.Context(), r, in)
			if errors.Is(err, osquery.ErrInvalidNode) {
				out, err = map[string]any{"node_invalid": true}, nil
			}
			if err == nil {
				writeJSON(w, http.StatusOK, out)
			}
			return err
		})
	}
	add("enroll", "osqueryEnroll", "Enroll an osquery agent", func(ctx context.Context, r *http.Request, in *osqueryRequest) (any, error) {
		who, err := s.Access.TokenPrincipal(ctx, in.EnrollSecret)
		if err != nil || !who.HasScope(access.ScopeIngest) {
			return map[string]any{"node_invalid": true}, nil //nolint:nilerr // agents know no other refusal
		}
		key, err := s.Osquery.Enroll(ctx, who.Home, who.TokenID, osquery.Enrolment{
			Host: in.HostIdentifier, Platform: in.HostDetails.OSVersion.Platform, Version: in.HostDetails.OsqueryInfo.Version, Address: s.clientAddress(r),
		})
		return map[string]any{"node_key": key, "node_invalid": false}, err
	})
	known := func(fn func(ctx context.Context, n *osquery.Node, in *osqueryRequest) (any, error)) func(context.Context, *http.Request, *osqueryRequest) (any, error) {
		return func(ctx context.Context, _ *http.Request, in *osqueryRequest) (any, error) {
			n, err := s.Osquery.Node(ctx, in.NodeKey)
			if err != nil {
				return nil, err
			}
			return fn(ctx, n, in)
		}
	}
	add("config", "osqueryConfig", "What an osquery agent watches", known(func(context.Context, *osquery.Node, *osqueryRequest) (any, error) {
		return s.Osquery.Config(), nil
	}))
	add("log", "osqueryLog", "Deliver an osquery agent's results", known(func(ctx context.Context, n *osquery.Node, in *osqueryRequest) (any, error) {
		data, err := in.lines()
		if err != nil {
			return nil, err
		}
		quota, err := s.Access.TokenQuota(ctx, n.Tenant, n.TokenID)
		if err != nil {
			return nil, err
		}
		sender := ingest.Sender{Kind: ingest.SenderOsquery, ID: n.ID, Name: n.Host, Address: n.Address, Account: n.TokenID}
		grant, err := s.Traffic.Admit(ctx, n.Tenant, sender, ingest.Quota(quota), int64(len(in.Data)))
		if err != nil {
			return nil, err
		}
		defer grant.Release()
		return map[string]any{}, s.Osquery.Log(ctx, n, sender, in.LogType, data)
	}))
	add("distributed/read", "osqueryRead", "Queries that an osquery agent is asked to run once", known(func(context.Context, *osquery.Node, *osqueryRequest) (any, error) {
		return map[string]any{"queries": map[string]string{}}, nil
	}))
	add("distributed/write", "osqueryWrite", "Answers to queries that were asked once", known(func(context.Context, *osquery.Node, *osqueryRequest) (any, error) {
		return map[string]any{}, nil
	}))
	handle(s, operation{
		method: http.MethodGet, path: "/api/sources/osquery", id: "listOsqueryAgents", summary: "Enrolled osquery agents", tag: "sources", door: byPermission, permission: access.CoreRead, scope: access.ScopeRead,
	}, func(ctx context.Context, c *call, in *Paging) (*pageOutput[osquery.Node], error) {
		if !c.who.View(c.tenant).Whole() {
			all, _, err := s.Osquery.Nodes(ctx, c.tenant, math.MaxInt32, 0)
			if err != nil {
				return nil, err
			}
			seen, err := s.devicesSeen(ctx, c)
			return slice(slices.DeleteFunc(all, func(n osquery.Node) bool { return !seen(n.Host) }), *in, requestURL(ctx)), err
		}
		nodes, n, err := s.Osquery.Nodes(ctx, c.tenant, in.Top, in.Skip)
		return pageOf(nodes, n, *in, requestURL(ctx)), err
	})
}
