package ingest

import (
	"io"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest/dialect"
)

// The wire dialects, for whoever serves their addresses.
type (
	// WireRecord is one record and what its carrier says about it.
	WireRecord = dialect.Record
	// BulkItem is one action of an Elasticsearch bulk body.
	BulkItem = dialect.BulkItem
	// HECError is a refusal in the terms of Splunk's HTTP event collector.
	HECError = dialect.HECError
)

// MaxWireRecord bounds one record of a wire dialect in bytes.
const MaxWireRecord = dialect.MaxRecord

// ReadBulk gives the items of an Elasticsearch bulk body to f; see dialect.Bulk.
func ReadBulk(r io.Reader, index string, f func(BulkItem) error) error {
	return dialect.Bulk(r, index, f)
}

// ReadHEC gives the events of a Splunk HEC body to f; see dialect.HEC.
func ReadHEC(r io.Reader, f func(WireRecord) error) error { return dialect.HEC(r, f) }

// ReadOTLP gives the records of an OpenTelemetry logs request to f; see dialect.OTLP.
func ReadOTLP(body []byte, asJSON bool, f func(WireRecord) error) error {
	return dialect.OTLP(body, asJSON, f)
}

// OTLPAnswer is the answer to an OpenTelemetry logs request; see dialect.OTLPAnswer.
func OTLPAnswer(rejected int, message string, asJSON bool) []byte {
	return dialect.OTLPAnswer(rejected, message, asJSON)
}

// OTLPStatus is the body of a refused OpenTelemetry request; see dialect.OTLPStatus.
func OTLPStatus(code int, message string, retry time.Duration, asJSON bool) []byte {
	return dialect.OTLPStatus(code, message, retry, asJSON)
}
