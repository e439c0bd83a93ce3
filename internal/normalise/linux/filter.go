package linux

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// packet is what the kernel's packet filter logs of one packet.
type packet struct {
	prefix string // what the rule says
	values map[string]string
}

// parsePacket reads "[UFW BLOCK] IN=eth0 OUT= SRC=… DST=… PROTO=TCP SPT=… DPT=…".
func parsePacket(message string) (packet, bool) {
	at := strings.Index(message, "IN=")
	if at < 0 || !strings.Contains(message[at:], " SRC=") || !strings.Contains(message[at:], " DST=") || !strings.Contains(message[at:], " OUT=") {
		return packet{}, false
	}
	p := packet{prefix: strings.TrimSpace(message[:at]), values: map[string]string{}}
	if strings.HasPrefix(p.prefix, "[") { // the kernel's own clock
		if inside, rest, ok := strings.Cut(p.prefix[1:], "]"); ok && strings.Trim(inside, " .0123456789") == "" {
			p.prefix = strings.TrimSpace(rest)
		}
	}
	for _, f := range strings.Fields(message[at:]) {
		if name, value, ok := strings.Cut(f, "="); ok && len(p.values) < 64 {
			if _, twice := p.values[name]; !twice { // a quoted packet inside an ICMP message repeats them
				p.values[name] = value
			}
		}
	}
	return p, normalise.CleanIP(p.values["SRC"]) != "" && normalise.CleanIP(p.values["DST"]) != ""
}

// verdict is what the rule's text says was done with the packet.
func (p *packet) verdict() string {
	s := strings.ToUpper(p.prefix)
	for _, w := range []string{"BLOCK", "DROP", "REJECT", "DENY", "DENIED", "-D]"} {
		if strings.Contains(s, w) {
			return "blocked"
		}
	}
	for _, w := range []string{"ACCEPT", "ALLOW", "PERMIT", "-A]"} {
		if strings.Contains(s, w) {
			return "allowed"
		}
	}
	return ""
}

func (l *line) packet(rec *normalise.Record, p packet) []*schema.Row {
	inbound := p.values["IN"] != "" && p.values["OUT"] == ""
	action := "ConnectionFound"
	switch p.verdict() {
	case "blocked":
		action = "ConnectionFailed"
	case "allowed":
		action = "ConnectionSuccess"
		if inbound {
			action = "InboundConnectionAccepted"
		}
	}
	r := row(rec, "DeviceNetworkEvents", action, l.host, l.at)
	local, remote, localPort, remotePort := p.values["SRC"], p.values["DST"], p.values["SPT"], p.values["DPT"]
	if inbound {
		local, remote, localPort, remotePort = remote, local, remotePort, localPort
	}
	local, remote = normalise.CleanIP(local), normalise.CleanIP(remote)
	r.Set("LocalIP", local)
	r.Set("LocalIPType", normalise.IPType(local))
	r.Set("RemoteIP", remote)
	r.Set("RemoteIPType", normalise.IPType(remote))
	setPort(r, "LocalPort", localPort)
	setPort(r, "RemotePort", remotePort)
	r.Set("Protocol", map[string]string{"TCP": "Tcp", "UDP": "Udp", "ICMP": "Icmp", "ICMPv6": "Icmp"}[p.values["PROTO"]])
	var d normalise.Dynamic
	d.Text("Source", "netfilter")
	d.Text("Rule", p.prefix)
	d.Text("Action", p.verdict())
	if mac := p.values["MAC"]; len(mac) >= 35 { // six bytes of the receiver, six of the sender, two of the protocol
		d.Text("DestinationMac", mac[:17])
		d.Text("SourceMac", mac[18:35])
	}
	for _, name := range []string{"IN", "OUT", "MAC", "LEN", "TTL", "ID", "PROTO", "TYPE", "CODE", "MARK"} {
		d.Text(name, p.values[name])
	}
	r.Set("AdditionalFields", d.String())
	return []*schema.Row{r}
}

// names adds the names that rules for firewalls use.
func (p *packet) names(f *normalise.Fields) {
	for _, x := range [][2]string{{"src_ip", "SRC"}, {"dst_ip", "DST"}, {"src_port", "SPT"}, {"dst_port", "DPT"}, {"protocol", "PROTO"}} {
		cloudapp.Add(f, x[0], p.values[x[1]])
	}
	cloudapp.Add(f, "action", p.verdict())
}
