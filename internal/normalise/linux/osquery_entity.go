package linux

import (
	"net/netip"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/normalise/snapshot"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// entityRows renders the queries that describe a device as rows of DeviceInfo and DeviceNetworkInfo with the columns that they know; what derives the
// snapshots completes them.
func entityRows(rec *normalise.Record, query, host string, list []*fastjson.Value, at timeSource) []*schema.Row {
	if len(list) == 0 || len(list) > 10_000 {
		return nil
	}
	start := func(table string) *schema.Row {
		r := schema.NewRow(table)
		name := normalise.DeviceName(host)
		r.Set("Timestamp", at.time)
		r.Set("DeviceName", name)
		r.Set("DeviceId", normalise.DeviceID(rec.Tenant, name))
		r.Set("ReportId", max(at.time.UnixMicro(), 0)<<6|rec.Number&63)
		r.Set("OnboardingStatus", "Onboarded")
		return r
	}
	c := list[0]
	text := func(names ...string) string { return cloudapp.First(c, names...) }
	switch {
	case strings.Contains(query, "os_version"):
		r := start("DeviceInfo")
		r.Set("OSPlatform", snapshot.Platform(text("name")+" "+text("platform"), text("build")))
		r.Set("OSVersion", text("version"))
		if r.Text("OSPlatform") == "Linux" {
			r.Set("OSDistribution", text("name"))
		}
		r.Set("OSArchitecture", architecture(text("arch")))
		return []*schema.Row{r}
	case strings.Contains(query, "system_info"):
		r := start("DeviceInfo")
		r.Set("HardwareUuid", text("uuid"))
		r.Set("Vendor", strings.TrimSpace(text("hardware_vendor")))
		r.Set("Model", strings.TrimSpace(text("hardware_model")))
		r.Set("OSArchitecture", architecture(text("cpu_type")))
		return []*schema.Row{r}
	case strings.Contains(query, "logged_in_users"):
		r := start("DeviceInfo")
		var users []byte
		for _, u := range list {
			name := cloudapp.Text(u, "user")
			if name == "" || cloudapp.Text(u, "type") != "" && cloudapp.Text(u, "type") != "user" && cloudapp.Text(u, "type") != "active" {
				continue
			}
			var d normalise.Dynamic
			d.Text("UserName", name)
			if users == nil {
				users = append(users, '[')
			} else {
				users = append(users, ',')
			}
			users = append(users, d.String()...)
		}
		if users == nil {
			return nil
		}
		r.Set("LoggedOnUsers", string(append(users, ']')))
		return []*schema.Row{r}
	case strings.Contains(query, "interface_details"), strings.Contains(query, "interface_addresses"):
		var rows []*schema.Row
		for _, x := range list[:min(len(list), 64)] {
			r := start("DeviceNetworkInfo")
			name := cloudapp.Text(x, "interface")
			if name == "lo" || name == "lo0" {
				continue
			}
			r.Set("NetworkAdapterName", name)
			mac := snapshot.MAC(cloudapp.Text(x, "mac"))
			r.Set("MacAddress", mac)
			ip := normalise.CleanIP(cloudapp.Text(x, "address"))
			if ip != "" {
				var d normalise.Dynamic
				d.Text("IPAddress", ip)
				if bits := prefixLength(cloudapp.Text(x, "mask")); bits > 0 {
					d.Int("SubnetPrefix", int64(bits))
				}
				r.Set("IPAddresses", "["+d.String()+"]")
			}
			if mac != "" || ip != "" && normalise.IPType(ip) != "Loopback" {
				rows = append(rows, r)
			}
		}
		return rows
	}
	return nil
}

func architecture(s string) string {
	return map[string]string{"x86_64": "64-bit", "amd64": "64-bit", "x86_64h": "64-bit", "arm64": "ARM64", "arm64e": "ARM64", "aarch64": "ARM64", "i386": "32-bit", "i686": "32-bit", "x86": "32-bit"}[strings.ToLower(s)]
}

// prefixLength counts the bits of a network mask such as 255.255.255.0 or ffff:ffff::.
func prefixLength(mask string) int {
	a, err := netip.ParseAddr(mask)
	if err != nil {
		return 0
	}
	n := 0
	for _, b := range a.AsSlice() {
		for ; b&0x80 != 0; b <<= 1 {
			n++
		}
		if b != 0 {
			return 0
		}
	}
	return n
}
