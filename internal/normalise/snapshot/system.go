package snapshot

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// host learns from what a shipper (Beats, Elastic Agent) writes about its machine beside each event. It is asked when a row is due, not for every record.
func (d *Deriver) host(dev *device, data []byte, at int64) {
	if len(data) > 1<<20 || !bytes.Contains(data, []byte(`"host"`)) {
		return
	}
	v, err := fastjson.ParseBytes(data)
	if err != nil {
		return
	}
	h := v.Get("host")
	if h == nil || h.Type() != fastjson.TypeObject {
		return
	}
	text := func(path ...string) string { return normalise.CleanText(normalise.JSONText(h.Get(path...))) }
	// A collector's own host is not the device that forwarded the event to it.
	short, _, _ := strings.Cut(dev.name, ".")
	own, _, _ := strings.Cut(strings.ToLower(text("hostname")), ".")
	if own == "" {
		own, _, _ = strings.Cut(strings.ToLower(text("name")), ".")
	}
	if own != short {
		return
	}
	dev.operatingSystem(text("os", "name"), text("os", "version"), text("os", "build"), text("os", "platform"), at)
	dev.architecture(text("architecture"), at)
	dev.fact("ClientVersion", normalise.JSONText(v.Get("agent", "version")), at)
	macs, addresses := h.GetArray("mac"), h.GetArray("ip")
	for _, x := range addresses {
		if ip := normalise.CleanIP(normalise.JSONText(x)); ip != "" && normalise.IPType(ip) != "Loopback" && normalise.IPType(ip) != "LinkLocal" {
			mac := ""
			if len(macs) == 1 { // with several adapters nobody says which has the address
				mac = MAC(normalise.JSONText(macs[0]))
			}
			dev.adapter(mac).assign(ip, 0, at)
			if normalise.IPType(ip) == "Private" {
				d.claim(dev, strings.Clone(ip), at)
			}
		}
	}
	if len(macs) > 1 {
		for _, x := range macs[:min(len(macs), maxAdapters/2)] {
			if mac := MAC(normalise.JSONText(x)); mac != "" {
				dev.adapter(mac)
			}
		}
	}
}

// operatingSystem takes what a system says of itself: "Windows Server 2019 Datacenter", "10.0", "17763.1"; "Ubuntu", "22.04".
func (dev *device) operatingSystem(name, version, build, platform string, at int64) {
	if p := Platform(name, build); p != "" {
		dev.fact("OSPlatform", p, at)
	} else if strings.EqualFold(platform, "windows") {
		dev.fact("OSPlatform", "Windows", at)
	}
	dev.fact("OSVersion", version, at)
	if dev.info.Text("OSPlatform") == "Linux" {
		dev.fact("OSDistribution", name, at)
	} else if strings.Contains(name, "Server") {
		dev.fact("DeviceType", "Server", at)
	} else if strings.Contains(name, "Windows") {
		dev.fact("DeviceType", "Workstation", at)
	}
	number, revision, _ := strings.Cut(build, ".")
	if n, err := strconv.ParseInt(number, 10, 32); err == nil && n > 0 {
		dev.build(n, revision, at)
	}
}

func (dev *device) build(n int64, revision string, at int64) {
	if have, _ := dev.info.Get("OSBuild").(int64); have != n && !(have != 0 && dev.old(at)) {
		dev.info.Set("OSBuild", n)
		dev.infoDirty, dev.infoUrgent = true, true
	}
	if _, err := strconv.ParseUint(revision, 10, 32); err == nil {
		dev.fact("OsBuildRevision", revision, at)
	}
}

// architecture names the processor's kind as the tables do.
func (dev *device) architecture(s string, at int64) {
	dev.fact("OSArchitecture", map[string]string{"x86_64": "64-bit", "amd64": "64-bit", "arm64": "ARM64", "aarch64": "ARM64", "x86": "32-bit", "i386": "32-bit", "i686": "32-bit"}[strings.ToLower(s)], at)
}

// Platform names an operating system as DeviceInfo.OSPlatform does, "" when the name is not known. build tells Windows 10 and 11 apart.
func Platform(name, build string) string {
	s := strings.ToLower(name)
	switch {
	case strings.Contains(s, "windows server"):
		for _, year := range []string{"2025", "2022", "2019", "2016", "2012 r2", "2012", "2008 r2", "2008"} {
			if strings.Contains(s, year) {
				return "WindowsServer" + strings.ToUpper(strings.ReplaceAll(year, " ", ""))
			}
		}
		return "WindowsServer"
	case strings.Contains(s, "windows 11"):
		return "Windows11"
	case strings.Contains(s, "windows 10"):
		number, _, _ := strings.Cut(build, ".")
		if n, err := strconv.Atoi(number); err == nil && n >= 22000 {
			return "Windows11"
		}
		return "Windows10"
	case strings.Contains(s, "windows 7"):
		return "Windows7"
	case strings.Contains(s, "windows 8"):
		return "Windows8"
	case strings.Contains(s, "windows"):
		return "Windows"
	case strings.Contains(s, "macos"), strings.Contains(s, "mac os"), strings.Contains(s, "darwin"):
		return "macOS"
	}
	for _, distribution := range []string{"linux", "ubuntu", "debian", "centos", "red hat", "rhel", "fedora", "suse", "sles", "alma", "rocky", "arch", "alpine", "oracle", "kali", "mint", "gentoo", "amazon"} {
		if strings.Contains(s, distribution) {
			return "Linux"
		}
	}
	return ""
}

// system learns the version from the events that Windows writes at its start: EventLog 6009 and Kernel-General 12. They have no row of their own.
func (d *Deriver) system(ev *normalise.Event) (*device, int64) {
	id := ev.Fields.Text("EventID")
	if id != "6009" && id != "12" {
		return nil, 0
	}
	number := ""
	switch provider := ev.Fields.Text("Provider_Name"); {
	case id == "12" && provider == "Microsoft-Windows-Kernel-General":
		number = ev.Fields.Text("BuildVersion")
	case id == "6009" && provider == "EventLog":
		number = ev.Fields.Text("param2")
		if v, ok := ev.Fields.Get("Data"); number == "" && ok && v.Kind == normalise.List && len(v.List) > 1 {
			number = v.List[1].Text
		}
	default:
		return nil, 0
	}
	name := normalise.DeviceName(ev.Fields.Text("Computer"))
	dev := d.device(normalise.DeviceID(d.tenant, name), name)
	n, err := strconv.ParseInt(strings.TrimRight(strings.TrimSpace(number), "."), 10, 32)
	if dev == nil || err != nil || n <= 0 {
		return nil, 0
	}
	at := schema.Ticks(ev.Time)
	dev.seen(at)
	dev.fact("OSPlatform", "Windows", at)
	dev.fact("OnboardingStatus", "Onboarded", at)
	dev.build(n, "", at)
	return dev, at
}
