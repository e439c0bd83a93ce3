package snapshot

import (
	"bytes"
	"encoding/json"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// device is what records have told of a device.
type device struct {
	id, name              string
	info                  *schema.Row
	infoPace              pace
	infoDirty, infoUrgent bool
	introduced            bool
	users                 []loggedOn
	adapters              []*adapter
	lastIP                string // the address that was seen last, to spare looking it up for each record
	lastIPAt              int64
	latest                int64
}

// loggedOn is a session of a user.
type loggedOn struct {
	logon             int64 // LogonId; 0 where the system has none
	domain, name, sid string
	at                int64
}

// adapter is a network adapter; the one without a MAC address stands for addresses seen in traffic.
type adapter struct {
	mac       string
	info      *schema.Row
	addresses []assigned
	pace      pace
	dirty     bool
}

type assigned struct {
	ip     string
	prefix int64
	at     int64
}

// claim says which device held an address.
type claim struct {
	device, name string
	at           int64
	disputed     int64 // when another device had it within the hour
}

func (d *Deriver) device(id, name string) *device {
	if id == "" || name == "" {
		return nil
	}
	dev, ok := d.devices.get(id)
	if !ok {
		dev = &device{id: strings.Clone(id), name: strings.Clone(name), info: schema.NewRow("DeviceInfo")}
		dev.info.Set("DeviceId", dev.id)
		dev.info.Set("DeviceName", dev.name)
		dev.infoDirty, dev.infoUrgent = true, true
		d.devices.put(dev.id, dev)
	}
	return dev
}

func (dev *device) seen(at int64) { dev.latest = max(dev.latest, at) }

// old reports whether what a record of the time says may be out of date.
func (dev *device) old(at int64) bool { return at < dev.latest-deviceEvery }

func (dev *device) takeInfo(row *schema.Row, at int64) {
	if merge(dev.info, row, dev.old(at)) {
		dev.infoDirty, dev.infoUrgent = true, true
	}
}

func (dev *device) fact(column, value string, at int64) {
	if dev.old(at) && dev.info.Text(column) != "" {
		return
	}
	if set(dev.info, column, value) {
		dev.infoDirty, dev.infoUrgent = true, true
	}
}

// observe learns from an event of a device.
func (d *Deriver) observe(dev *device, rec *normalise.Record, row *schema.Row, table string, at int64) {
	dev.seen(at)
	if !dev.introduced {
		dev.introduce(rec, at)
	}
	switch table {
	case "DeviceNetworkEvents":
		if rec.Source == "winlog" || rec.Source == "linux" {
			d.hold(dev, row.Text("LocalIP"), at)
		}
	case "DeviceLogonEvents":
		if row.Text("ActionType") == "LogonSuccess" {
			dev.logOn(row, at)
			d.domainAccount(dev, rec, row, at)
		}
	case "DeviceEvents":
		if row.Text("ActionType") == "Logoff" {
			dev.logOff(row)
		}
	}
}

// introduce notes what the kind of source says of a device.
func (dev *device) introduce(rec *normalise.Record, at int64) {
	dev.introduced = true
	switch {
	case rec.Source == "winlog" && !bytes.Contains(rec.Data, []byte("Linux-Sysmon")) && !bytes.Contains(rec.Data, []byte("Sysmon-Linux")):
		dev.fact("OSPlatform", "Windows", at)
		dev.joined(at)
	case rec.Source == "winlog" || rec.Source == "linux":
		if dev.info.Text("OSPlatform") == "" {
			dev.fact("OSPlatform", "Linux", at)
		}
	default: // named by something else on the network
		if dev.info.Text("OnboardingStatus") == "" {
			dev.fact("OnboardingStatus", "Insufficient info", at)
		}
		dev.introduced = false
		return
	}
	dev.info.Set("OnboardingStatus", "Onboarded")
	dev.fact("DeviceCategory", "Endpoint", at)
	if dev.info.Text("SensorHealthState") == "" {
		dev.fact("SensorHealthState", "Active", at)
	}
}

// joined tells from the name that a Windows device belongs to a domain.
func (dev *device) joined(at int64) {
	_, suffix, ok := strings.Cut(dev.name, ".")
	if ok && suffix != "" && suffix != "localdomain" && suffix != "lan" && suffix != "home" && suffix != "internal.cloudapp.net" {
		dev.fact("JoinType", "Domain Joined", at)
	}
}

// hold notes that the device has an address.
func (d *Deriver) hold(dev *device, ip string, at int64) {
	if ip == "" || ip == dev.lastIP && at-dev.lastIPAt < settle && dev.lastIPAt-at < settle {
		return
	}
	kind := normalise.IPType(ip)
	if kind != "Private" && kind != "Public" {
		return
	}
	ip = strings.Clone(ip)
	dev.lastIP, dev.lastIPAt = ip, at
	a := dev.adapterOf(ip)
	if a == nil {
		a = dev.adapter("")
	}
	a.assign(ip, 0, at)
	if kind == "Public" {
		if set(dev.info, "PublicIP", ip) {
			dev.infoDirty = true
		}
		return
	}
	d.claim(dev, ip, at)
}

func (d *Deriver) claim(dev *device, ip string, at int64) {
	c, ok := d.addresses.get(ip)
	if !ok {
		d.addresses.put(ip, &claim{device: dev.id, name: dev.name, at: at})
		return
	}
	if c.device != dev.id {
		if at-c.at < deviceEvery && c.at-at < deviceEvery {
			c.disputed = at
		}
		c.device, c.name = dev.id, dev.name
	}
	c.at = max(c.at, at)
}

// resolve names the device behind a row that has only its private address: the one that had it that day, unless two claimed it.
func (d *Deriver) resolve(row *schema.Row) {
	if row.Text("DeviceName") != "" || row.Text("LocalIPType") != "Private" {
		return
	}
	c, ok := d.addresses.get(row.Text("LocalIP"))
	const day = 24 * deviceEvery
	if at := ticks(row); !ok || at-c.at > day || c.at-at > day || c.disputed != 0 && at-c.disputed < day {
		return
	}
	row.Set("DeviceId", c.device)
	row.Set("DeviceName", c.name)
}

func (dev *device) adapterOf(ip string) *adapter {
	for _, a := range dev.adapters {
		for i := range a.addresses {
			if a.addresses[i].ip == ip {
				return a
			}
		}
	}
	return nil
}

func (dev *device) adapter(mac string) *adapter {
	for _, a := range dev.adapters {
		if a.mac == mac {
			return a
		}
	}
	a := &adapter{mac: strings.Clone(mac), info: schema.NewRow("DeviceNetworkInfo"), dirty: true}
	a.info.Set("DeviceId", dev.id)
	a.info.Set("DeviceName", dev.name)
	a.info.Set("MacAddress", a.mac)
	a.info.Set("NetworkAdapterStatus", "Up")
	a.info.Set("OnboardingStatus", dev.info.Text("OnboardingStatus"))
	if len(dev.adapters) >= maxAdapters {
		dev.adapters = slices.Delete(dev.adapters, 0, 1)
	}
	dev.adapters = append(dev.adapters, a)
	return a
}

func (a *adapter) assign(ip string, prefix, at int64) {
	for i := range a.addresses {
		if x := &a.addresses[i]; x.ip == ip {
			x.at = max(x.at, at)
			if prefix != 0 && x.prefix != prefix {
				x.prefix = prefix
				a.dirty = true
			}
			return
		}
	}
	a.dirty = true
	a.addresses = slices.DeleteFunc(a.addresses, func(x assigned) bool { return at-x.at > stale })
	if len(a.addresses) >= maxPerAdapter {
		a.addresses = slices.Delete(a.addresses, 0, 1)
	}
	a.addresses = append(a.addresses, assigned{strings.Clone(ip), prefix, at})
}

// takeAdapter takes in a row that describes an adapter.
func (d *Deriver) takeAdapter(dev *device, row *schema.Row, at int64) *adapter {
	a := dev.adapter(MAC(row.Text("MacAddress")))
	row.Set("MacAddress", a.mac)
	if merge(a.info, row, dev.old(at)) {
		a.dirty = true
	}
	list, err := fastjson.Parse(row.Text("IPAddresses"))
	if err != nil {
		return a
	}
	for _, x := range list.GetArray() {
		ip := normalise.CleanIP(string(x.GetStringBytes("IPAddress")))
		if ip == "" || normalise.IPType(ip) == "Loopback" {
			continue
		}
		a.assign(ip, x.GetInt64("SubnetPrefix"), at)
		if a.mac != "" { // what was seen in traffic belongs to this adapter
			for _, other := range dev.adapters {
				if other.mac == "" {
					other.addresses = slices.DeleteFunc(other.addresses, func(x assigned) bool { return x.ip == ip })
				}
			}
		}
		if normalise.IPType(ip) == "Private" {
			d.claim(dev, strings.Clone(ip), at)
		}
	}
	return a
}

// MAC returns a hardware address as the tables write it: twelve upper-case digits, "" for anything else and for the address of nobody.
func MAC(s string) string {
	if len(s) > 24 {
		return ""
	}
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'F':
			return r
		case r >= 'a' && r <= 'f':
			return r - 'a' + 'A'
		case r == ':' || r == '-' || r == '.':
			return -1
		}
		return 'X'
	}, s)
	if len(out) != 12 || strings.Contains(out, "X") || out == "000000000000" || out == "FFFFFFFFFFFF" {
		return ""
	}
	return out
}

// sittingTypes are the logon types of people who work at the device.
var sittingTypes = map[string]bool{"Interactive": true, "RemoteInteractive": true, "CachedInteractive": true, "Unlock": true, "CachedRemoteInteractive": true}

func (dev *device) logOn(row *schema.Row, at int64) {
	name, domain := row.Text("AccountName"), row.Text("AccountDomain")
	if !sittingTypes[row.Text("LogonType")] || name == "" || len(name)+len(domain) > maxText || normalise.IsMachineAccount(name) || strings.HasPrefix(name, "DWM-") || strings.HasPrefix(name, "UMFD-") || domain == "NT AUTHORITY" {
		return
	}
	logon, _ := row.Get("LogonId").(int64)
	for i := range dev.users {
		if u := &dev.users[i]; u.logon == logon && strings.EqualFold(u.name, name) {
			u.at = max(u.at, at)
			return
		}
	}
	before := dev.userText()
	if len(dev.users) >= maxSessions {
		dev.users = slices.Delete(dev.users, 0, 1)
	}
	dev.users = append(dev.users, loggedOn{logon, strings.Clone(domain), strings.Clone(name), strings.Clone(row.Text("AccountSid")), at})
	dev.infoDirty = dev.infoDirty || dev.userText() != before
}

func (dev *device) logOff(row *schema.Row) {
	logon, _ := row.Get("LogonId").(int64)
	name := row.Text("AccountName")
	before := len(dev.users)
	dev.users = slices.DeleteFunc(dev.users, func(u loggedOn) bool { return u.logon == logon && strings.EqualFold(u.name, name) })
	dev.infoDirty = dev.infoDirty || len(dev.users) != before
}

// readUsers takes over the users that a row names.
func (dev *device) readUsers(text string, at int64) {
	if text == "" {
		return
	}
	var list []struct{ UserName, DomainName, Sid string }
	if json.Unmarshal([]byte(text), &list) != nil {
		return
	}
	before := dev.userText()
	dev.users = dev.users[:0]
	for _, u := range list[:min(len(list), maxSessions)] {
		if u.UserName != "" && len(u.UserName)+len(u.DomainName)+len(u.Sid) <= maxText {
			dev.users = append(dev.users, loggedOn{0, u.DomainName, u.UserName, u.Sid, at})
		}
	}
	dev.infoDirty = dev.infoDirty || dev.userText() != before
}

// userText lists who is logged on, each once.
func (dev *device) userText() string {
	var buf []byte
	seen := map[string]bool{}
	for _, u := range dev.users {
		key := strings.ToLower(u.domain + `\` + u.name)
		if seen[key] {
			continue
		}
		seen[key] = true
		var one normalise.Dynamic
		one.Text("UserName", u.name)
		one.Text("DomainName", u.domain)
		one.Text("Sid", u.sid)
		if buf == nil {
			buf = append(buf, '[')
		} else {
			buf = append(buf, ',')
		}
		buf = append(buf, one.String()...)
	}
	if buf == nil {
		return ""
	}
	return string(append(buf, ']'))
}

// writeDevice writes the rows of a device that are due.
func (d *Deriver) writeDevice(dev *device, at int64) {
	if at == 0 {
		return
	}
	gap := int64(deviceEvery)
	switch {
	case dev.infoUrgent:
		gap = 0
	case dev.infoDirty:
		gap = settle
	}
	if gap == 0 || dev.infoPace.due(at, gap) {
		dev.users = slices.DeleteFunc(dev.users, func(u loggedOn) bool { return at-u.at > stale })
		row := copyOf(dev.info)
		row.Set("Timestamp", at)
		row.Set("ReportId", d.reportID(at))
		row.Set("LoggedOnUsers", dev.userText())
		d.out = append(d.out, row)
		dev.infoPace.mark(at)
		dev.infoDirty, dev.infoUrgent = false, false
	}
	for _, a := range dev.adapters {
		gap := int64(deviceEvery)
		if a.dirty {
			gap = settle
		}
		if len(a.addresses) == 0 && a.mac == "" || !a.pace.due(at, gap) {
			continue
		}
		row := copyOf(a.info)
		row.Set("Timestamp", at)
		row.Set("ReportId", d.reportID(at))
		row.Set("IPAddresses", a.text())
		row.Set("OnboardingStatus", dev.info.Text("OnboardingStatus"))
		d.out = append(d.out, row)
		a.pace.mark(at)
		a.dirty = false
	}
}

func (a *adapter) text() string {
	list := slices.Clone(a.addresses)
	sort.Slice(list, func(i, j int) bool { return list[i].ip < list[j].ip })
	buf := []byte{'['}
	for i, x := range list {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = append(buf, `{"IPAddress":`...)
		buf = normalise.AppendJSONString(buf, x.ip)
		if x.prefix > 0 {
			buf = append(buf, `,"SubnetPrefix":`...)
			buf = strconv.AppendInt(buf, x.prefix, 10)
		}
		buf = append(buf, `,"AddressType":`...)
		buf = normalise.AppendJSONString(buf, normalise.IPType(x.ip))
		buf = append(buf, '}')
	}
	return string(append(buf, ']'))
}
