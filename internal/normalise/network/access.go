package network

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

var (
	// accessLine is the common and the combined log format of web servers; a virtual host may stand first.
	accessLine = regexp.MustCompile(`^(?:(\S+) )?(\S+) (\S+) (.{1,200}?) \[(\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?(?: (.*))?`)
	// squidLine is Squid's own format.
	squidLine = regexp.MustCompile(`^(\d{9,10}\.\d{3})\s+(-?\d+) (\S+) ([A-Z_]+)/(\d{3}) (\d+) (\S+) (\S+) (\S+) ([A-Z_]+)/(\S+) (\S+)`)
	// squidResult is what Squid appends to the common and combined formats: how it answered and whom it asked.
	squidResult = regexp.MustCompile(`^([A-Z_]+):([A-Z_]+)$`)
)

// request is one request to a web server, seen by the server or by a proxy on the way.
type request struct {
	kind, service            string // of the log: "squid", "apache", "iis"
	time                     time.Time
	client, server           string // addresses
	clientPort, serverPort   string
	clientName, serverName   string // names that stand where an address is expected
	user, method, target     string // target is the URL or its path
	status, answer           string // status of the answer, and how a proxy came to it
	down, up, duration       string // bytes and time
	referer, agent, mimeType string
	version                  string
	text                     string
	proxied                  bool
}

// access reads a line of a web server or a proxy.
func access(rec *normalise.Record, s string, out *normalise.Batch) error {
	if m := squidLine.FindStringSubmatch(s); m != nil {
		r := request{
			kind: "squid", service: "squid", time: unixTime(m[1]), duration: m[2], answer: m[4], status: m[5], down: m[6], method: m[7], target: m[8], user: absent(m[9]),
			mimeType: absent(m[12]), text: s, proxied: true,
		}
		r.client, r.clientName = addressOrName(m[3])
		r.server, r.serverName = addressOrName(absent(m[11]))
		r.emit(rec, out, nil)
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
	r := request{
		kind: "web-access", service: "apache", time: when.UTC(), user: absent(m[4]), status: m[7], down: absent(m[8]), referer: absent(m[9]), agent: absent(m[10]), text: s,
	}
	r.client, r.clientName = addressOrName(m[2])
	if host := strings.TrimSuffix(absent(m[1]), ","); host != "" {
		r.serverName = host
	}
	if parts := strings.Fields(m[6]); len(parts) >= 2 {
		r.method = parts[0]
		r.target = strings.Join(parts[1:max(2, len(parts)-1)], " ")
		if len(parts) > 2 {
			r.version = parts[len(parts)-1]
		}
	}
	extra := strings.Fields(m[11])
	if len(extra) > 0 {
		if result := squidResult.FindStringSubmatch(extra[len(extra)-1]); result != nil {
			r.kind, r.service, r.answer, r.proxied = "squid", "squid", result[1], true
		}
	}
	// A server is asked for a path; who is asked for whole URLs or tunnels is a proxy.
	if r.method == "CONNECT" || strings.HasPrefix(r.target, "http://") || strings.HasPrefix(r.target, "https://") || strings.HasPrefix(r.target, "ftp://") {
		r.proxied = true
	}
	r.emit(rec, out, nil)
	return nil
}

// w3c reads a row of a W3C extended log, as the reader names its columns: web servers (IIS) and proxies write it.
func w3c(rec *normalise.Record, v *fastjson.Value, out *normalise.Batch) error {
	get := func(names ...string) string {
		for _, n := range names {
			if s := absent(cloudapp.Text(v, n)); s != "" {
				return s
			}
		}
		return ""
	}
	r := request{
		kind: "w3c-access", service: "iis", user: get("cs-username"), method: get("cs-method"), status: get("sc-status"), down: get("sc-bytes"), up: get("cs-bytes"), duration: get("time-taken"),
		referer: get("cs(Referer)", "cs-referer"), agent: strings.ReplaceAll(get("cs(User-Agent)", "cs-user-agent", "c-agent"), "+", " "), answer: get("s-action", "sc-filter-result"), version: get("cs-version"),
		mimeType: get("rs(Content-Type)", "cs-mime-type"), clientPort: get("c-port"), serverPort: get("s-port", "r-port"), target: get("cs-uri", "c-uri"),
	}
	r.proxied = r.answer != "" || get("cs-uri-scheme") != "" || get("r-ip") != "" || get("r-host") != "" || strings.Contains(r.target, "://")
	r.client, r.clientName = addressOrName(get("c-ip"))
	server := get("s-ip")
	if r.proxied {
		server = get("r-ip", "r-supplier-ip")
	}
	r.server, r.serverName = addressOrName(server)
	if host := get("cs-host", "r-host", "s-computername"); host != "" {
		r.serverName = host
	}
	if r.target == "" {
		r.target = get("cs-uri-stem", "cs-uri-path")
		if q := get("cs-uri-query"); q != "" {
			r.target += "?" + strings.TrimPrefix(q, "?")
		}
		if scheme := get("cs-uri-scheme"); scheme != "" && r.serverName != "" && strings.HasPrefix(r.target, "/") {
			r.target = scheme + "://" + r.serverName + r.target
		}
	}
	if date := get("date"); date != "" {
		if t, ok := normalise.ParseTime(date + "T" + get("time")); ok {
			r.time = t
		}
	}
	if r.time.IsZero() {
		r.time = cloudapp.Time(v, "gmttime", "timestamp", "localtime", "x-timestamp")
	}
	if r.time.IsZero() {
		return fault.Newf(fault.Invalid, "network: the row of the W3C log has no readable date and time")
	}
	if r.proxied {
		r.service = "w3c"
	}
	r.emit(rec, out, cloudapp.Flat(v))
	return nil
}

func absent(s string) string {
	if s == "-" || s == `"-"` {
		return ""
	}
	return s
}

func addressOrName(s string) (ip, name string) {
	if ip = normalise.CleanIP(s); ip != "" {
		return ip, ""
	}
	return "", absent(s)
}

// emit hands the request over: what a proxy saw is a row of DeviceNetworkEvents, what a server saw has no table. own are the record's fields, if it has
// names for them.
func (r *request) emit(rec *normalise.Record, out *normalise.Batch, own normalise.Fields) {
	var rows []*schema.Row
	if r.proxied {
		rows = []*schema.Row{r.row(rec)}
	}
	f := own
	r.fields(&f)
	source := normalise.Logsource{Category: "webserver", Service: r.service}
	sources := []normalise.Logsource{source}
	switch {
	case r.proxied:
		sources = []normalise.Logsource{{Category: "proxy", Service: r.service}}
	case r.service == "apache":
		sources = append(sources, normalise.Logsource{Category: "webserver", Service: "nginx"})
	case r.service == "iis":
		sources = append(sources, normalise.Logsource{Product: "windows", Category: "webserver", Service: "iis"})
	}
	emit(rec, out, r.kind, r.time, f, rows, sources...)
}

// host is the name of the server that was asked.
func (r *request) host() string {
	if u, err := url.Parse(r.target); err == nil && u.Host != "" {
		return u.Hostname()
	}
	if r.method == "CONNECT" {
		host, _, _ := strings.Cut(r.target, ":")
		return host
	}
	return r.serverName
}

// verdict is what a proxy decided.
func (r *request) verdict() string {
	if s := strings.ToUpper(r.answer); strings.Contains(s, "DENIED") || strings.Contains(s, "BLOCK") {
		return "blocked"
	}
	return "allowed"
}

func (r *request) row(rec *normalise.Record) *schema.Row {
	row := schema.NewRow("DeviceNetworkEvents")
	row.Set("Timestamp", r.time)
	row.Set("ActionType", "HttpConnectionInspected")
	name := normalise.DeviceName(r.clientName)
	row.Set("DeviceName", name)
	row.Set("DeviceId", normalise.DeviceID(rec.Tenant, name))
	row.Set("LocalIP", r.client)
	row.Set("LocalIPType", normalise.IPType(r.client))
	row.Set("RemoteIP", r.server)
	row.Set("RemoteIPType", normalise.IPType(r.server))
	row.Set("RemoteUrl", r.target)
	row.Set("Protocol", "Tcp")
	if n, ok := normalise.Port(r.clientPort); ok {
		row.Set("LocalPort", n)
	}
	if n, ok := normalise.Port(r.port()); ok {
		row.Set("RemotePort", n)
	}
	domain, account, upn := normalise.SplitAccount(r.user)
	row.Set("InitiatingProcessAccountDomain", domain)
	row.Set("InitiatingProcessAccountName", account)
	row.Set("InitiatingProcessAccountUpn", upn)
	row.Set("ReportId", max(r.time.UnixMicro(), 0)<<6|rec.Number&63)
	var d normalise.Dynamic
	d.Text("Source", r.service)
	d.Text("Action", r.verdict())
	d.Text("Result", r.answer)
	d.Text("StatusCode", r.status)
	d.Text("Method", r.method)
	d.Text("BytesDown", r.down)
	d.Text("BytesUp", r.up)
	d.Text("Duration", r.duration)
	d.Text("UserAgent", r.agent)
	d.Text("Referrer", r.referer)
	d.Text("ContentType", r.mimeType)
	row.Set("AdditionalFields", d.String())
	return row
}

// port is the server's port: what the log says, else what the target says.
func (r *request) port() string {
	if r.serverPort != "" {
		return r.serverPort
	}
	if r.method == "CONNECT" {
		_, port, _ := strings.Cut(r.target, ":")
		return port
	}
	u, err := url.Parse(r.target)
	if err != nil {
		return ""
	}
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443", "ftp": "21"}[u.Scheme]
}

// fields adds the names that rules for web servers and proxies use.
func (r *request) fields(f *normalise.Fields) {
	add := func(name, value string) { cloudapp.Add(f, name, value) }
	count := func(name, value string) {
		if _, taken := f.Get(name); taken || value == "" {
			return
		}
		kind := normalise.Number
		if _, err := strconv.ParseUint(value, 10, 63); err != nil || len(value) > 1 && value[0] == '0' {
			kind = normalise.String
		}
		*f = append(*f, normalise.Field{Name: name, Value: normalise.Value{Kind: kind, Text: value}})
	}
	add("c-ip", cut(r.client, r.clientName))
	add("cs-username", r.user)
	add("cs-method", r.method)
	add("cs-version", r.version)
	count("sc-status", r.status)
	count("sc-bytes", r.down)
	count("cs-bytes", r.up)
	add("cs-referer", r.referer)
	add("cs-user-agent", r.agent)
	add("c-useragent", r.agent)
	add("cs-host", r.host())
	add("s-computername", r.serverName)
	add("s-ip", r.server)
	count("s-port", r.serverPort)
	add("s-action", r.answer)
	count("time-taken", r.duration)
	add("rs-content-type", r.mimeType)
	if r.proxied {
		add("src_ip", r.client)
		add("dst_ip", r.server)
		add("action", r.verdict())
		add("r-dns", r.host())
	}
	if r.target != "" {
		r.web(f)
	}
	add("message", r.text)
}

// web adds the parts of a request's target, as written and unescaped, since rules look for either.
func (r *request) web(f *normalise.Fields) {
	target := r.target
	path := target
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		path = target[strings.Index(target, "://")+3:]
		if slash := strings.IndexByte(path, '/'); slash >= 0 {
			path = path[slash:]
		} else {
			path = "/"
		}
	}
	stem, query, _ := strings.Cut(path, "?")
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
	both("c-uri-query", query)
	if plain, err := url.PathUnescape(stem); err == nil {
		stem = strings.ToValidUTF8(plain, "\uFFFD")
	}
	if dot := strings.LastIndexByte(stem, '.'); dot >= 0 && len(stem)-dot <= 8 && !strings.Contains(stem[dot:], "/") {
		cloudapp.Add(f, "c-uri-extension", stem[dot+1:])
	}
}
