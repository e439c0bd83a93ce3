// Package snapshot derives the entity tables from the stream: DeviceInfo, DeviceNetworkInfo, IdentityInfo and IdentityAccountInfo. Records say little by
// little what a device or an account is (its system, addresses, who is logged on; names and ids of an account). A Deriver gathers that and writes a whole
// row when something has changed, and while records keep coming at least once an hour for a device and once a day for an identity, so that
// `arg_max(Timestamp, *) by DeviceId` finds all that is known.
//
// Families may say something of an entity by a row of these tables that has only some columns; such rows are taken in and replaced by whole ones. Rows that
// another product streams (family hunting) are whole already and stay as they are.
//
// Everything goes by event time and by the order of records, never by a clock, so that an import and a server derive the same rows. What is remembered is
// bounded; an entity that was forgotten is introduced again when it comes back.
package snapshot

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Bounds of what is remembered of one tenant.
const (
	maxDevices    = 20_000
	maxIdentities = 100_000 // keys of them
	maxAddresses  = 100_000
	maxSessions   = 32 // logged-on users of a device
	maxAdapters   = 16 // of a device
	maxPerAdapter = 16 // addresses of an adapter
	maxText       = 2048
)

// How often rows are written, in event time.
const (
	minute       = 60 * schema.TicksPerSecond
	deviceEvery  = 60 * minute
	accountEvery = 24 * 60 * minute
	settle       = 10 * minute // small changes within this time make one row
	stale        = 7 * 24 * 60 * minute
)

// Deriver gathers what records say about the entities of one tenant. It is used by one goroutine.
type Deriver struct {
	tenant     tenant.ID
	devices    *recent[string, *device]   // by DeviceId
	addresses  *recent[string, *claim]    // by private address
	identities *recent[string, *identity] // by each of its keys
	out        []*schema.Row
	number     int64
}

// New returns a deriver that knows nothing yet.
func New(t tenant.ID) *Deriver {
	return &Deriver{
		tenant: t, devices: newRecent[string, *device](maxDevices), addresses: newRecent[string, *claim](maxAddresses), identities: newRecent[string, *identity](maxIdentities),
	}
}

// Warm takes in a row that was derived by an earlier run; give it the newest of each entity.
func (d *Deriver) Warm(row *schema.Row) {
	at := ticks(row)
	switch row.Table.Name {
	case "DeviceInfo":
		if dev := d.device(row.Text("DeviceId"), row.Text("DeviceName")); dev != nil {
			dev.takeInfo(row, at)
			dev.readUsers(row.Text("LoggedOnUsers"), at)
			dev.infoPace.mark(at)
			dev.infoDirty, dev.infoUrgent = false, false
			dev.seen(at)
		}
	case "DeviceNetworkInfo":
		if dev := d.device(row.Text("DeviceId"), row.Text("DeviceName")); dev != nil {
			a := d.takeAdapter(dev, row, at)
			a.pace.mark(at)
			a.dirty = false
			dev.seen(at)
		}
	case "IdentityInfo":
		if id := d.takeIdentity(row, at); id != nil {
			id.pace.mark(at)
			id.dirty, id.urgent = false, false
		}
	}
}

// Derive sees the rows and events of one record. It returns the rows to keep: those of the record, without partial rows of entity tables, and the snapshots
// that are due. Rows of network sensors that name no device get the one that held their private address.
func (d *Deriver) Derive(rec *normalise.Record, rows []*schema.Row, events []*normalise.Event) []*schema.Row {
	if rec.Source == "hunting" || len(rows) == 0 && len(events) == 0 {
		return rows
	}
	d.out, d.number = d.out[:0], rec.Number
	var last *device
	var at int64
	partial := false
	for _, row := range rows {
		table := row.Table.Name
		switch {
		case table == "DeviceInfo" || table == "DeviceNetworkInfo":
			partial = true
			dev := d.device(row.Text("DeviceId"), row.Text("DeviceName"))
			if dev == nil {
				continue
			}
			last, at = dev, ticks(row)
			dev.seen(at)
			if table == "DeviceInfo" {
				dev.takeInfo(row, at)
				dev.readUsers(row.Text("LoggedOnUsers"), at)
			} else {
				d.takeAdapter(dev, row, at)
			}
		case table == "IdentityInfo":
			partial = true
			if id := d.takeIdentity(row, ticks(row)); id != nil {
				d.writeIdentity(id, ticks(row))
			}
		case strings.HasPrefix(table, "Device"):
			if table == "DeviceNetworkEvents" && row.Text("DeviceId") == "" {
				d.resolve(row)
				continue
			}
			dev := d.device(row.Text("DeviceId"), row.Text("DeviceName"))
			if dev == nil {
				continue
			}
			last, at = dev, ticks(row)
			d.observe(dev, rec, row, table, at)
		case table == "IdentityLogonEvents" || table == "EntraIdSignInEvents":
			d.signIn(row, ticks(row))
		}
	}
	if rec.Source == "winlog" && last == nil && len(events) > 0 {
		last, at = d.system(events[0])
	}
	if last != nil {
		if last.infoPace.due(at, deviceEvery) && len(rec.Data) > 0 && rec.Data[0] == '{' {
			d.host(last, rec.Data, at)
		}
		d.writeDevice(last, at)
	}
	if !partial && len(d.out) == 0 {
		return rows
	}
	kept := rows[:0:0]
	for _, row := range rows {
		switch row.Table.Name {
		case "DeviceInfo", "DeviceNetworkInfo", "IdentityInfo":
		default:
			kept = append(kept, row)
		}
	}
	return append(kept, d.out...)
}

func ticks(row *schema.Row) int64 {
	n, _ := row.Get("Timestamp").(int64)
	return n
}

// reportID follows the other tables: event time in microseconds with room for 64 records in each.
func (d *Deriver) reportID(at int64) int64 {
	return max(schema.TimeOf(at).UnixMicro(), 0)<<6 | d.number&63
}

// pace remembers when rows of an entity were written. Records need not come in the order of their times; a row counts for all times near it.
type pace struct {
	marks [8]int64
	next  int
}

// due reports whether no row was written within the gap of the time.
func (p *pace) due(at, gap int64) bool {
	for _, m := range p.marks {
		if m != 0 && at-m < gap && m-at < gap {
			return false
		}
	}
	return true
}

func (p *pace) mark(at int64) {
	p.marks[p.next] = at
	p.next = (p.next + 1) % len(p.marks)
}

// own are the columns of a row that do not describe its entity.
var own = map[string]bool{
	"Timestamp": true, "ReportId": true, "IngestTime": true, "RecordOrigin": true, "RecordNumber": true, "LabScenario": true, "AdditionalFields": true, "LoggedOnUsers": true,
	"IPAddresses": true, "SourceProviders": true, "TimeGenerated": true,
}

// merge takes over the filled columns of from and reports whether one of to has changed. Older records fill gaps only.
func merge(to, from *schema.Row, older bool) (changed bool) {
	for i := range from.Table.Columns {
		c := &from.Table.Columns[i]
		if own[c.Name] || c.AliasOf != "" {
			continue
		}
		v := from.Get(c.Name)
		if s, ok := v.(string); v == nil || ok && (s == "" || len(s) > maxText) {
			continue
		}
		have := to.Get(c.Name)
		if have == v || have != nil && older {
			continue
		}
		// What others tell of a device does not undo what it told itself.
		if c.Name == "OnboardingStatus" && have == "Onboarded" {
			continue
		}
		// A general word does not replace a precise one: Windows, where Windows11 is known.
		if h, ok := have.(string); ok {
			if s, ok := v.(string); ok && strings.HasPrefix(h, s) {
				continue
			}
		}
		if s, ok := v.(string); ok {
			v = strings.Clone(s)
		}
		to.Set(c.Name, v)
		changed = true
	}
	return changed
}

// copyOf returns a row of its own with the same cells.
func copyOf(row *schema.Row) *schema.Row {
	out := schema.NewRow(row.Table.Name)
	for i := range row.Table.Columns {
		if c := &row.Table.Columns[i]; c.AliasOf == "" {
			if v := row.Get(c.Name); v != nil {
				out.Set(c.Name, v)
			}
		}
	}
	return out
}

// set puts a text into a column and reports whether it is new there.
func set(row *schema.Row, column, value string) bool {
	if value == "" || len(value) > maxText || row.Text(column) == value || strings.HasPrefix(row.Text(column), value) {
		return false
	}
	row.Set(column, strings.Clone(value))
	return true
}

// recent is a bounded map in two generations: when the young one is full, the old one is forgotten.
type recent[K comparable, V any] struct {
	max        int
	young, old map[K]V
}

func newRecent[K comparable, V any](max int) *recent[K, V] {
	return &recent[K, V]{max: max, young: map[K]V{}}
}

func (m *recent[K, V]) get(key K) (V, bool) {
	if v, ok := m.young[key]; ok {
		return v, true
	}
	v, ok := m.old[key]
	if ok {
		m.put(key, v)
	}
	return v, ok
}

func (m *recent[K, V]) put(key K, v V) {
	if _, ok := m.young[key]; !ok && len(m.young) >= m.max/2 {
		m.old, m.young = m.young, make(map[K]V, 16)
	}
	m.young[key] = v
}
