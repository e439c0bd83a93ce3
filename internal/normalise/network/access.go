package network

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

var (
	// accessLine is the common and the combined log format of web servers; a virtual host may stand first.
	accessLine = regexp.MustCompile(`^(?:(\S+) )?(\S+) (\S+) (.{1,200}?) \[(\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?`)
	// squidLine is Squid's own format.
	squidLine = regexp.MustCompile(`^(\d{9,10}\.\d{3})\s+(-?\d+) (\S+) ([A-Z_]+)/(\d{3}) (\d+) (\S+) (\S+) (\S+) ([A-Z_]+)/(\S+) (\S+)`)
)

// access reads a line of a web server or of Squid. Such lines have no table.
func access(rec *normalise.Record, s string, out *normalise.Batch) error {
	if m := squidLine.FindStringSubmatch(s); m != nil {
		squid(rec, s, m, out)
		return nil
	}
	m := accessLine.FindStringSubmatch(s)
	if m == nil {
		return fault.Newf(fault.Invalid, "network: the line is no access log line")
	}
	when, err := time.Parse("2/Jan/2006:15:04:05 -0700", m[5])
	if err != nil {
		return fault.Newf(fault.Invalid, "network: the access log line has no readable time")
	}
	var f normalise.Fields
	add := func(name, value string) {
		if value != "-" {
			cloudapp.Add(&f, name, value)
		}
	}
	add("s-computername", m[1])
	add("c-ip", m[2])
	add("cs-username", m[4])
	parts := strings.Fields(m[6])
	if len(parts) >= 2 {
		add("cs-method", parts[0])
		target := strings.Join(parts[1:max(2, len(parts)-1)], " ")
		web(&f, target)
		if len(parts) > 2 {
			add("cs-version", parts[len(parts)-1])
		}
	}
	add("sc-status", m[7])
	add("sc-bytes", m[8])
	add("cs-referer", m[9])
	add("cs-user-agent", m[10])
	add("c-useragent", m[10])
	f.Add("message", s)
	emit(rec, out, "web-access", when.UTC(), f, nil, normalise.Logsource{Category: "webserver", Service: "apache"}, normalise.Logsource{Category: "webserver", Service: "nginx"})
	return nil
}

// web adds the parts of a request's target, as written and unescaped, since rules look for either.
func web(f *normalise.Fields, target string) {
	stem, query, _ := strings.Cut(target, "?")
	both := func(name, value string) {
		if plain, err := url.PathUnescape(value); err == nil && plain != value {
			cloudapp.AddList(f, name, value, strings.ToValidUTF8(plain, "\uFFFD"))
			return
		}
		cloudapp.Add(f, name, value)
	}
	both("cs-uri-stem", stem)
	// Rules for web servers put whole requests into cs-uri-query.
	if plain, err := url.PathUnescape(target); err == nil {
		cloudapp.AddList(f, "cs-uri-query", target, query, strings.ToValidUTF8(plain, "\uFFFD"))
	} else {
		cloudapp.AddList(f, "cs-uri-query", target, query)
	}
	both("c-uri", target)
	both("cs-uri", target)
}

func squid(rec *normalise.Record, s string, m []string, out *normalise.Batch) {
	var f normalise.Fields
	cloudapp.Add(&f, "c-ip", m[3])
	cloudapp.Add(&f, "s-action", m[4])
	cloudapp.Add(&f, "sc-status", m[5])
	cloudapp.Add(&f, "sc-bytes", m[6])
	cloudapp.Add(&f, "cs-method", m[7])
	cloudapp.Add(&f, "c-uri", m[8])
	cloudapp.Add(&f, "cs-uri", m[8])
	host := m[8]
	if u, err := url.Parse(m[8]); err == nil && u.Host != "" {
		host = u.Hostname()
		cloudapp.Add(&f, "cs-uri-stem", u.Path)
		cloudapp.Add(&f, "cs-uri-query", u.RawQuery)
		if i := strings.LastIndexByte(u.Path, '.'); i >= 0 && len(u.Path)-i <= 8 {
			cloudapp.Add(&f, "c-uri-extension", u.Path[i+1:])
		}
	} else {
		host, _, _ = strings.Cut(host, ":")
	}
	cloudapp.Add(&f, "cs-host", host)
	if m[9] != "-" {
		cloudapp.Add(&f, "cs-username", m[9])
	}
	cloudapp.Add(&f, "s-ip", normalise.CleanIP(m[11]))
	f.Add("message", s)
	emit(rec, out, "squid", unixTime(m[1]), f, nil, normalise.Logsource{Category: "proxy", Service: "squid"})
}
