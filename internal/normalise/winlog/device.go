package winlog

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Bounds of what is remembered per tenant and per device. Past them the least recent half is forgotten.
const (
	maxDevices        = 50_000
	maxRegistryValues = 50_000
	maxSessions       = 512
	maxAddresses      = 16
	maxServices       = 128
)

// device is what earlier records told about a device.
type device struct {
	id, name   string
	lastReport int64
	seen       bool
	// offset is what to add to the local times of this device; it is learned from events that carry both local and universal time.
	offset time.Duration
	// directory says that the device is a domain controller: it logged what only those log.
	directory bool
	addresses []string
	sessions  *recent[int64, session]
	services  *recent[string, install]
	changes   *recent[string, string] // attribute values of directory objects; see otherValue
	wmi       *recent[string, string] // queries of filters and commands of consumers by name
}

// session is what a logon told, for later events that name only its LogonId.
type session struct {
	domain, name, sid string
	ip                string
	port              int
	workstation       string
	admin             bool
}

// deviceName is the lower-case host name of an event, without the trailing dot of a rooted name.
func deviceName(computer string) string {
	name := strings.ToLower(strings.TrimSuffix(strings.TrimSpace(computer), "."))
	if name == "-" {
		return ""
	}
	return clip(name, 255)
}

// DeviceID is the stable id of a device: forty hexadecimal digits over tenant and host name.
func DeviceID(t tenant.ID, name string) string {
	if name == "" {
		return ""
	}
	sum := sha1.Sum([]byte(string(t) + "\x00" + name))
	return hex.EncodeToString(sum[:])
}

// deviceNamed returns what is known of a device of the tenant.
func (w *worker) deviceNamed(name string) *device {
	dev, ok := w.devices.get(name)
	if !ok {
		name = strings.Clone(name)
		dev = &device{id: DeviceID(w.tenant, name), name: name}
		dev.directory = w.family.controller != nil && w.family.controller(w.tenant, name)
	}
	w.devices.put(dev.name, dev)
	return dev
}

// nextReport returns a number that grows with every event of the device and that a restart does not repeat: event time in microseconds with
// room for 64 events in each, or one more than the last where time stood still or went back.
func (d *device) nextReport(at time.Time, number int64) int64 {
	n := max(at.UnixMicro(), 0)<<6 | number&63
	if n <= d.lastReport {
		n = d.lastReport + 1
	}
	d.lastReport = n
	return n
}

// learnClock takes the zone offset from a record that carries local and universal time.
func (d *device) learnClock(r *record) {
	if !r.localTime || r.time.IsZero() {
		return
	}
	if utc, ok := normalise.ParseTime(r.peek("UtcTime")); ok {
		diff := utc.Sub(r.time)
		if q := wholeOffset(diff); q != 0 || diff.Abs() < 2*time.Minute {
			d.offset = q
		}
	}
}

// eventTime is the universal time of the event: the sensor's own where there is one.
func (r *record) eventTime(d *device) time.Time {
	if utc, ok := normalise.ParseTime(r.peek("UtcTime")); ok {
		return utc
	}
	if r.localTime && !r.time.IsZero() {
		return r.time.Add(d.offset)
	}
	return r.time
}

// sight notes what kind of device it is, and reports whether this is its first event.
func (d *device) sight(r *record) bool {
	if !d.directory && directoryOnly(r) {
		d.directory = true
	}
	if d.seen || d.name == "" {
		return false
	}
	d.seen = true
	return true
}

// directoryOnly reports whether only domain controllers log such an event.
func directoryOnly(r *record) bool {
	switch r.eventID {
	case 4768, 4769, 4770, 4771, 5136, 5137, 5138, 5139, 5141:
		return strings.EqualFold(r.channel, "Security")
	case 4661, 4662:
		return r.peek("ObjectServer") == "DS"
	}
	return strings.EqualFold(r.channel, "Directory Service")
}

// owns reports whether an address belongs to the device, as far as known.
func (d *device) owns(ip string) bool {
	for _, a := range d.addresses {
		if a == ip {
			return true
		}
	}
	return false
}

func (d *device) learnAddress(ip string) {
	if ip == "" || d.owns(ip) {
		return
	}
	switch normalise.IPType(ip) {
	case "Private", "Public":
	default:
		return
	}
	if len(d.addresses) >= maxAddresses {
		d.addresses = append(d.addresses[:0], d.addresses[1:]...)
	}
	d.addresses = append(d.addresses, strings.Clone(ip))
}

func (d *device) rememberSession(logon int64, s session) {
	if logon == 0 {
		return
	}
	if d.sessions == nil {
		d.sessions = newRecent[int64, session](maxSessions)
	}
	d.sessions.put(logon, s)
}

func (d *device) session(logon int64) (session, bool) {
	if d.sessions == nil || logon == 0 {
		return session{}, false
	}
	return d.sessions.get(logon)
}

// deviceInfo is the row that introduces a device.
func (w *worker) deviceInfo() *schema.Row {
	row := schema.NewRow("DeviceInfo")
	row.Set("Timestamp", w.ticks)
	row.Set("DeviceId", w.dev.id)
	row.Set("DeviceName", w.dev.name)
	row.Set("OSPlatform", "Windows")
	if w.rec.provider == sysmonLinux {
		row.Set("OSPlatform", "Linux")
	}
	row.Set("OnboardingStatus", "Onboarded")
	row.Set("ReportId", w.report)
	return row
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
	return v, ok
}

func (m *recent[K, V]) put(key K, v V) {
	if _, ok := m.young[key]; !ok && len(m.young) >= m.max/2 {
		m.old, m.young = m.young, make(map[K]V, 16)
	}
	m.young[key] = v
}

// install is one notice of a service installation.
type install struct {
	eventID int
	ticks   int64
}

// toldAlready reports whether the other log (Security 4697, System 7045) told of the installation of this service within two seconds.
func (d *device) toldAlready(service string, eventID int, ticks int64) bool {
	if d.services == nil {
		d.services = newRecent[string, install](maxServices)
	}
	key := strings.ToLower(service)
	last, ok := d.services.get(key)
	if ok && last.eventID != eventID && abs(last.ticks-ticks) <= 2*schema.TicksPerSecond {
		return true
	}
	d.services.put(strings.Clone(key), install{eventID, ticks})
	return false
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
