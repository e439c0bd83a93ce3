// Package winlog normalises Windows events: Sysmon, Security, System, PowerShell, WMI, task scheduler, Defender and the rest, in every form in
// which collectors write them (see decode.go for the dialects).
//
// Start at Family.Normalise: a record is decoded (decode*.go), becomes rows (sysmon*.go, security*.go, identity.go, channels.go) and always one
// Event with the fields and log sources that rules address (fields.go, logsource.go). What must be remembered between the records of a device
// (its processes, its report numbers, its sessions) is in normalise.ProcessCache and device.go; everything remembered is bounded.
package winlog

import (
	"strconv"
	"strings"
	"sync"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Name is the family's id.
const Name = "winlog"

// Family normalises Windows events. It is safe for concurrent use; records of one tenant are taken one at a time.
type Family struct {
	cache      *normalise.ProcessCache
	known      func(t tenant.ID, deviceID string) bool
	controller func(t tenant.ID, name string) bool

	mu      sync.Mutex
	tenants map[tenant.ID]*worker
}

// Option changes how a Family works.
type Option func(*Family)

// KnownDevice tells the family which devices have a DeviceInfo row already, so that a restart does not write a second one. Without it, every
// device gets one when it is first seen.
func KnownDevice(known func(t tenant.ID, deviceID string) bool) Option {
	return func(f *Family) { f.known = known }
}

// KnownController tells the family which devices, by lower-case name, have shown themselves as domain controllers before a restart.
func KnownController(controller func(t tenant.ID, name string) bool) Option {
	return func(f *Family) { f.controller = controller }
}

// New returns the family. The cache may be shared with other families.
func New(cache *normalise.ProcessCache, options ...Option) *Family {
	f := &Family{cache: cache, tenants: map[tenant.ID]*worker{}}
	for _, o := range options {
		o(f)
	}
	return f
}

// Name returns "winlog".
func (f *Family) Name() string { return Name }

// Normalise appends what the event in rec becomes. It refuses what is not a Windows event or has no time.
func (f *Family) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	f.mu.Lock()
	w := f.tenants[rec.Tenant]
	if w == nil {
		w = &worker{family: f, tenant: rec.Tenant, devices: newRecent[string, *device](maxDevices), registry: newRecent[string, string](maxRegistryValues), certificates: newRecent[uint64, signature](maxCertificates)}
		w.rec.names = newInterner()
		f.tenants[rec.Tenant] = w
	}
	f.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.normalise(rec, out)
}

// worker holds what one tenant needs, and the record in hand.
type worker struct {
	mu       sync.Mutex
	family   *Family
	tenant   tenant.ID
	parser   fastjson.Parser
	devices  *recent[string, *device]
	scripts  scripts
	registry *recent[string, string] // registry value -> last data, for PreviousRegistryValueData
	// certificates are the signatures that were told of, by hash of device and file.
	certificates *recent[uint64, signature]

	rec    record
	source *normalise.Record
	out    *normalise.Batch
	dev    *device
	ticks  int64 // event time
	report int64
	rows   []*schema.Row
	extra  normalise.Dynamic
	// fields are names and values that the mapping worked out and rules may ask for.
	fields []normalise.Field
	actor  *normalise.Process // the cached process behind the event, if it was found
	kind   logKind
	// told says that another record told of the same thing and has the rows; those of this one only serve as evidence.
	told bool
}

func (w *worker) normalise(source *normalise.Record, out *normalise.Batch) error {
	r := &w.rec
	if err := decode(&w.parser, source.Data, r); err != nil {
		return err
	}
	w.source, w.out, w.rows, w.fields, w.actor, w.told = source, out, nil, w.fields[:0], nil, false
	w.extra.Reset()
	r.sigma = serviceOf(r.channel, r.provider)
	r.readMessage()
	w.kind = kindOf(r)
	name := deviceName(r.computer)
	w.dev = w.deviceNamed(name)
	w.dev.learnClock(r)
	at := r.eventTime(w.dev)
	if at.IsZero() {
		return fault.Newf(fault.Invalid, "event %d of %q has no readable time", r.eventID, clip(r.channel, 80))
	}
	w.ticks = schema.Ticks(at)
	w.report = w.dev.nextReport(at, source.Number)
	firstSight := w.dev.sight(r)
	unmapped := w.mapRows()
	event := &normalise.Event{
		Tenant: source.Tenant, Time: at, File: source.File, Number: source.Number, Lab: source.Lab,
		Logsources: w.logsources(), Fields: w.eventFields(), Rows: w.rows, Raw: source.Data,
	}
	if firstSight && (w.family.known == nil || !w.family.known(w.tenant, w.dev.id)) {
		out.Rows = append(out.Rows, w.deviceInfo())
	}
	if !w.told {
		out.Rows = append(out.Rows, w.rows...)
	}
	out.Events = append(out.Events, event)
	if unmapped != "" {
		out.Unmapped = unmapped
	}
	return nil
}

// mapRows makes the rows of the record in hand and returns the name of its kind when no table takes it or another record gave the row.
func (w *worker) mapRows() (unmapped string) {
	note := ""
	switch w.kind {
	case kindSysmon:
		w.sysmon()
	case kindSecurity:
		note = w.security()
	case kindPowerShell:
		w.powerShell()
	case kindDefender:
		w.defender()
	default:
		note = w.channels()
	}
	if len(w.rows) > 0 && !w.told {
		return ""
	}
	return unmappedName(&w.rec, note)
}

func unmappedName(r *record, note string) string {
	channel := r.channel
	switch s := r.service(); {
	case s == "security" || s == "system" || s == "application":
		channel = strings.ToUpper(s[:1]) + s[1:] // collectors spell these in any case
	case channel == "" && r.provider != "":
		channel = r.provider
	case channel == "":
		channel = "unknown"
	}
	name := Name + "/" + clip(strings.ToValidUTF8(channel, "?"), 100) + "/" + strconv.Itoa(r.eventID)
	if note != "" {
		name += "/" + note
	}
	return name
}
