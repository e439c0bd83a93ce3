package dialect

import (
	"encoding/base64"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Field numbers of opentelemetry.proto.{collector.,}logs.v1 and common.v1.
const (
	requestResourceLogs = 1
	resourceLogsOwner   = 1
	resourceLogsScopes  = 2
	ownerAttributes     = 1
	scopeLogsRecords    = 2

	recordTime         = 1
	recordSeverityText = 3
	recordBody         = 5
	recordAttributes   = 6
	recordObserved     = 11

	keyValueKey   = 1
	keyValueValue = 2

	valueString = 1
	valueBool   = 2
	valueInt    = 3
	valueDouble = 4
	valueArray  = 5
	valueList   = 6
	valueBytes  = 7
)

// maxValues bounds the values of one record or resource: a value of two bytes takes a hundred when it is decoded.
const maxValues = 100_000

// otlpWire reads a request in protobuf without building it as a whole.
func otlpWire(body []byte, f func(Record) error) error {
	return each(body, func(number protowire.Number, rl []byte) error {
		if number != requestResourceLogs {
			return nil
		}
		// The resource may come after what it owns.
		values := maxValues
		resource := map[string]any{}
		err := each(rl, func(number protowire.Number, owner []byte) error {
			if number != resourceLogsOwner {
				return nil
			}
			return each(owner, func(number protowire.Number, kv []byte) error {
				if number != ownerAttributes {
					return nil
				}
				return keyValue(kv, resource, 0, &values)
			})
		})
		if err != nil {
			return err
		}
		return each(rl, func(number protowire.Number, scope []byte) error {
			if number != resourceLogsScopes {
				return nil
			}
			return each(scope, func(number protowire.Number, raw []byte) error {
				if number != scopeLogsRecords {
					return nil
				}
				r, err := decodeRecord(raw)
				if err != nil {
					return err
				}
				return f(r.record(resource))
			})
		})
	})
}

func decodeRecord(raw []byte) (*logRecord, error) {
	r := &logRecord{attributes: map[string]any{}}
	values := maxValues
	var observed uint64
	err := fields(raw, func(number protowire.Number, kind protowire.Type, data []byte, n uint64) (err error) {
		switch {
		case number == recordTime && kind == protowire.Fixed64Type:
			r.nanos = n
		case number == recordObserved && kind == protowire.Fixed64Type:
			observed = n
		case number == recordSeverityText && kind == protowire.BytesType:
			r.severity, err = utf8Text(data)
		case number == recordBody && kind == protowire.BytesType:
			r.body, err = anyValue(data, 0, &values)
		case number == recordAttributes && kind == protowire.BytesType:
			err = keyValue(data, r.attributes, 0, &values)
		}
		return err
	})
	if r.nanos == 0 {
		r.nanos = observed
	}
	return r, err
}

func keyValue(raw []byte, into map[string]any, depth int, values *int) error {
	var key string
	var value any
	err := fields(raw, func(number protowire.Number, kind protowire.Type, data []byte, _ uint64) (err error) {
		switch {
		case number == keyValueKey && kind == protowire.BytesType:
			key, err = utf8Text(data)
		case number == keyValueValue && kind == protowire.BytesType:
			value, err = anyValue(data, depth, values)
		}
		return err
	})
	if err == nil {
		if *values--; *values < 0 {
			return errManyValues()
		}
		into[key] = value
	}
	return err
}

func errManyValues() error {
	return fault.Newf(fault.TooLarge, "a record of the OTLP request has more than %d values", maxValues)
}

// anyValue is a value as the JSON package writes it; nil below the greatest depth.
func anyValue(raw []byte, depth int, values *int) (out any, err error) {
	if depth > maxDepth {
		return nil, nil
	}
	if *values--; *values < 0 {
		return nil, errManyValues()
	}
	err = fields(raw, func(number protowire.Number, kind protowire.Type, data []byte, n uint64) (err error) {
		switch {
		case number == valueString && kind == protowire.BytesType:
			out, err = utf8Text(data)
		case number == valueBool && kind == protowire.VarintType:
			out = n != 0
		case number == valueInt && kind == protowire.VarintType:
			out = int64(n) //nolint:gosec // two's complement
		case number == valueDouble && kind == protowire.Fixed64Type:
			out = finite(math.Float64frombits(n))
		case number == valueBytes && kind == protowire.BytesType:
			out = base64.StdEncoding.EncodeToString(data)
		case number == valueArray && kind == protowire.BytesType:
			list := []any{}
			err = each(data, func(number protowire.Number, item []byte) error {
				if number != 1 {
					return nil
				}
				v, err := anyValue(item, depth+1, values)
				list = append(list, v)
				return err
			})
			out = list
		case number == valueList && kind == protowire.BytesType:
			m := map[string]any{}
			err = each(data, func(number protowire.Number, kv []byte) error {
				if number != 1 {
					return nil
				}
				return keyValue(kv, m, depth+1, values)
			})
			out = m
		}
		return err
	})
	return out, err
}

func utf8Text(data []byte) (string, error) {
	if !utf8.Valid(data) {
		return "", fault.Newf(fault.Invalid, "the body is no OTLP logs request: a text is not UTF-8")
	}
	return string(data), nil
}

// each gives the embedded messages of a message to f; other fields are left out.
func each(raw []byte, f func(number protowire.Number, data []byte) error) error {
	return fields(raw, func(number protowire.Number, kind protowire.Type, data []byte, _ uint64) error {
		if kind != protowire.BytesType {
			return nil
		}
		return f(number, data)
	})
}

// fields gives the fields of a message to f: bytes as data, numbers as n.
func fields(raw []byte, f func(number protowire.Number, kind protowire.Type, data []byte, n uint64) error) error {
	for len(raw) > 0 {
		number, kind, size := protowire.ConsumeTag(raw)
		if size < 0 {
			return errWire(size)
		}
		raw = raw[size:]
		var data []byte
		var n uint64
		switch kind {
		case protowire.BytesType:
			data, size = protowire.ConsumeBytes(raw)
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(raw)
		case protowire.Fixed64Type:
			n, size = protowire.ConsumeFixed64(raw)
		default:
			size = protowire.ConsumeFieldValue(number, kind, raw)
		}
		if size < 0 {
			return errWire(size)
		}
		raw = raw[size:]
		if err := f(number, kind, data, n); err != nil {
			return err
		}
	}
	return nil
}

func errWire(size int) error {
	return fault.Newf(fault.Invalid, "the body is no OTLP logs request: %w", protowire.ParseError(size))
}
