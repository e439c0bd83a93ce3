// Package ingest takes source records from files and receivers and brings them through the house: normalise, detect, correlate, lake.
//
// A Pipeline serves one tenant. Records go in by Add, in order, each with the position of its source; a batch's rows and positions are committed to the
// lake in one transaction after its detections were accepted. A crash between the two replays the batch, and replays are harmless: hits and refusals
// have stable ids. Files are their own durable log (import resumes at the committed position); network sources are published to the bus first.
package ingest

import (
	"context"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Family is a registered kind of source.
type Family struct {
	normalise.Family
	// Probe rates from 0 to 100 how sure it is that data is one record of this family.
	Probe func(data []byte) int
}

// AlertFamily is a family whose records are finished alerts of other products rather than events.
type AlertFamily interface {
	Detections(rec *normalise.Record) ([]incident.Detection, error)
}

// Detector evaluates rules on events as they stream by. It is called from several goroutines.
type Detector interface {
	Evaluate(events []*normalise.Event) []incident.Detection
}

// Alerts accepts detections: folds, stores and correlates them. It returns the hunting rows of alerts that are new.
type Alerts interface {
	Accept(ctx context.Context, detections []incident.Detection) (Accepted, error)
}

// Devices keeps the inventory of devices and the groups that they belong to.
type Devices interface {
	// Take sees the rows of a commit and returns rows that have to be committed with them.
	Take(ctx context.Context, rows []*schema.Row) ([]*schema.Row, error)
	// Lost is called when a commit failed after Take.
	Lost()
	// Due reports whether Take has something to do though there may be no rows. It may be called while Take runs.
	Due(ctx context.Context) bool
}

// Accepted says what became of detections.
type Accepted struct {
	NewHits      int
	NewAlerts    int
	NewIncidents int // less those that were absorbed by a merge
	Rows         []*schema.Row
}

// Refusal names a record that could not be used.
type Refusal struct {
	Source  string
	File    string
	Host    string // as the carrier told it
	Lab     string // evaluation lab run that made the record
	Number  int64  // line or record number
	Code    string
	Message string
	Data    []byte // the record itself; nil when it could not even be read
	Time    time.Time
}

// Position is how far a source has come: a name and a number that only grows.
type Position struct {
	Source string
	Value  int64
}

// Totals counts what a pipeline did since it was made.
type Totals struct {
	Records   int64
	Refused   int64
	Bytes     int64
	Rows      map[string]int64
	Unmapped  map[string]int64
	Families  map[string]int64 // records of each, without the refused ones
	Hits      int64
	Alerts    int64
	Incidents int64
	// First and Last bound the event times seen, those of replayed records included.
	First, Last time.Time
	// Refusals are the first 100.
	Refusals []Refusal
}
