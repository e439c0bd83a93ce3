package dialect

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Bounds of an OTLP request.
const (
	maxDepth = 32        // of a value
	maxParts = 2_000_000 // objects, lists and members of a request in JSON, which is held as a whole
)

// OTLP reads an ExportLogsServiceRequest, as protobuf or as JSON, and gives each record it holds to f. (LogsData has the same fields, without the service.)
// Of a request in protobuf, one record is decoded at a time. An error of f comes back as it is.
func OTLP(body []byte, asJSON bool, f func(Record) error) error {
	if !asJSON {
		return otlpWire(body, f)
	}
	if s := measure(body); s.deepest > maxNesting || s.parts > maxParts {
		return fault.Newf(fault.TooLarge, "the request has more than %d values, or is nested deeper than %d: send it in parts", maxParts, maxNesting)
	}
	var req logspb.LogsData
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: 100}).Unmarshal(body, &req); err != nil {
		return fault.Newf(fault.Invalid, "the body is no OTLP logs request: %w", err)
	}
	for _, rl := range req.GetResourceLogs() {
		resource := attributes(rl.GetResource().GetAttributes())
		for _, sl := range rl.GetScopeLogs() {
			for _, lr := range sl.GetLogRecords() {
				nanos := lr.GetTimeUnixNano()
				if nanos == 0 {
					nanos = lr.GetObservedTimeUnixNano()
				}
				r := logRecord{nanos: nanos, severity: lr.GetSeverityText(), body: plain(lr.GetBody(), 0), attributes: attributes(lr.GetAttributes())}
				if err := f(r.record(resource)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func attributes(list []*commonpb.KeyValue) map[string]any {
	out := make(map[string]any, len(list))
	for _, kv := range list {
		out[kv.GetKey()] = plain(kv.GetValue(), 0)
	}
	return out
}

// logRecord is what is used of an OTLP log record.
type logRecord struct {
	nanos      uint64
	severity   string
	body       any
	attributes map[string]any
}

// record is the body where it is a document of its own, otherwise a document with the body as its message beside attributes and resource.
func (r *logRecord) record(resource map[string]any) Record {
	out := Record{Host: pick("host.name", r.attributes, resource), File: pick("log.file.path", r.attributes, resource)}
	if doc, ok := r.body.(map[string]any); ok && len(r.attributes) == 0 {
		out.Data, _ = json.Marshal(doc)
		return out
	}
	doc := map[string]any{}
	for k, v := range r.attributes {
		doc[k] = v
	}
	switch b := r.body.(type) {
	case map[string]any:
		for k, v := range b {
			doc[k] = v
		}
	case nil:
	default:
		doc["message"] = b
	}
	if _, has := doc["@timestamp"]; !has && r.nanos > 0 && r.nanos <= math.MaxInt64 {
		doc["@timestamp"] = time.Unix(0, int64(r.nanos)).UTC().Format(time.RFC3339Nano)
	}
	if _, has := doc["host"]; !has && out.Host != "" {
		doc["host"] = map[string]any{"name": out.Host}
	}
	if r.severity != "" {
		doc["severity"] = r.severity
	}
	if len(resource) > 0 {
		doc["resource"] = resource
	}
	out.Data, _ = json.Marshal(doc)
	return out
}

func pick(name string, from ...map[string]any) string {
	for _, m := range from {
		if s, ok := m[name].(string); ok && s != "" {
			return s
		}
	}
	return ""
}

// plain is an OTLP value as the JSON package writes it.
func plain(v *commonpb.AnyValue, depth int) any {
	if depth > maxDepth {
		return nil
	}
	switch x := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return x.StringValue
	case *commonpb.AnyValue_BoolValue:
		return x.BoolValue
	case *commonpb.AnyValue_IntValue:
		return x.IntValue
	case *commonpb.AnyValue_DoubleValue:
		return finite(x.DoubleValue)
	case *commonpb.AnyValue_BytesValue:
		return base64.StdEncoding.EncodeToString(x.BytesValue)
	case *commonpb.AnyValue_ArrayValue:
		list := make([]any, 0, len(x.ArrayValue.GetValues()))
		for _, item := range x.ArrayValue.GetValues() {
			list = append(list, plain(item, depth+1))
		}
		return list
	case *commonpb.AnyValue_KvlistValue:
		m := make(map[string]any, len(x.KvlistValue.GetValues()))
		for _, kv := range x.KvlistValue.GetValues() {
			m[kv.GetKey()] = plain(kv.GetValue(), depth+1)
		}
		return m
	}
	return nil
}

// finite keeps numbers that JSON does not have as text.
func finite(v float64) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return v
}

// OTLPAnswer is an ExportLogsServiceResponse: empty when all was kept, otherwise how many records were not and why.
func OTLPAnswer(rejected int, message string, asJSON bool) []byte {
	if asJSON {
		if rejected == 0 {
			return []byte(`{"partialSuccess":{}}`)
		}
		b, _ := json.Marshal(map[string]any{"partialSuccess": map[string]any{"rejectedLogRecords": strconv.Itoa(rejected), "errorMessage": message}})
		return b
	}
	if rejected == 0 {
		return nil
	}
	var part []byte
	part = protowire.AppendTag(part, 1, protowire.VarintType)
	part = protowire.AppendVarint(part, uint64(rejected)) //nolint:gosec // a count
	part = protowire.AppendTag(part, 2, protowire.BytesType)
	part = protowire.AppendString(part, message)
	out := protowire.AppendTag(nil, 1, protowire.BytesType)
	return protowire.AppendBytes(out, part)
}

// OTLPStatus is a google.rpc.Status: why a request was refused, with a google.rpc.RetryInfo where it may be sent again after retry.
func OTLPStatus(code int, message string, retry time.Duration, asJSON bool) []byte {
	const kind = "type.googleapis.com/google.rpc.RetryInfo"
	if asJSON {
		status := map[string]any{"code": code, "message": message}
		if retry > 0 {
			status["details"] = []any{map[string]any{"@type": kind, "retryDelay": strconv.FormatInt(int64(retry.Seconds()), 10) + "s"}}
		}
		b, _ := json.Marshal(status)
		return b
	}
	b := protowire.AppendTag(nil, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(code)) //nolint:gosec // a code
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendString(b, message)
	if retry > 0 {
		delay := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(retry.Seconds()))
		info := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), delay)
		detail := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), kind)
		detail = protowire.AppendBytes(protowire.AppendTag(detail, 2, protowire.BytesType), info)
		b = protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), detail)
	}
	return b
}
