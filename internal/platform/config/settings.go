package config

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Setting is one row of the table: a name with dots as in the file, its default, and what it does.
type Setting struct {
	Name        string
	Default     any // bool, int, string, []string, time.Duration or Bytes
	Description string
}

// Flag returns the setting's command line flag without the dashes in front.
func (s Setting) Flag() string { return strings.ReplaceAll(s.Name, ".", "-") }

// Env returns the setting's environment variable.
func (s Setting) Env() string {
	return Prefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(s.Name))
}

func (s Setting) plain() any {
	switch d := s.Default.(type) {
	case time.Duration:
		return d.String()
	case Bytes:
		return d.String()
	}
	return s.Default
}

const (
	kib Bytes = 1 << 10
	mib       = kib << 10
	gib       = mib << 10
)

// Settings returns the table in the order of the manual.
func Settings() []Setting {
	return []Setting{
		{"data", "./data", "folder of everything that is kept: state, lake, bus, blobs, backups"},
		{"listen", "127.0.0.1:8420", "address of the portal, the API and the HTTP receivers"},
		{"url", "", "address under which people reach the portal, for links; empty: made from listen"},
		{"state", "", "state database: postgres://… or a SQLite file; empty: state.db in the data folder"},
		{"roles", []string{All}, "what this process does: ingest (receivers), detect (bus to lake, detections), portal (API and portal), jobs (schedules), or all; anything but all needs state: postgres://…, bus: nats://… and lake: clickhouse://…"},
		{"node.name", "", "name of this process among the nodes of an installation; empty: the name of the machine"},
		{"node.lease", 5 * time.Second, "how long after its last sign of life a node's tenants are taken over by another"},
		{"lab", false, "load the evaluation lab's scenarios at the first start"},
		{"tls.cert", "", "PEM file with the certificate chain; empty: plain HTTP"},
		{"tls.key", "", "PEM file with the certificate's key"},
		{"http.max-body", 8 * mib, "largest body of an API request"},
		{"http.max-ingest", 64 * mib, "largest body of one receiver request, after decompression"},
		{"http.hold", 30 * time.Second, "how long an Elasticsearch bulk request waits for the bus or the state database to come back before it is answered 503, since some shippers give up what is refused; 0: not at all"},
		{"http.trusted-proxies", []string{}, "addresses or networks whose X-Forwarded-For is believed"},
		{"http.grace", 20 * time.Second, "how long requests in flight may take when the server stops"},
		{"log.level", "info", "least severe message that is written: debug, info, warn, error"},
		{"log.format", "text", "text or json"},
		{"session.idle", 8 * time.Hour, "a sign-in ends after this time without a request"},
		{"session.absolute", 24 * time.Hour, "a sign-in ends after this time in any case"},
		{"login.attempts", 10, "failed sign-ins of one name from one address (tenfold: of one name, of one address) within login.window before more are refused"},
		{"login.window", 15 * time.Minute, "time over which failed sign-ins are counted"},
		{"bus.url", "", "nats://… of an external JetStream, several servers with commas; `bus: nats://…` in the file is the same; empty: the built-in one, kept in the data folder"},
		{"bus.max-bytes", 16 * gib, "records waiting for the lake, per tenant; when full, receivers answer 503"},
		{"bus.reserve", 256 * mib, "free space on the data folder's disk below which receivers answer 503, so that state and lake can still be written; 0: none"},
		{"bus.keep", time.Hour, "how long records stay on the bus after the lake has written them"},
		{"syslog.udp", "", "address for syslog over UDP, such as 0.0.0.0:514; empty: off"},
		{"syslog.tcp", "", "address for syslog over TCP; empty: off"},
		{"syslog.tls", "", "address for syslog over TLS, with the certificate of tls.cert; empty: off"},
		{"syslog.tenant", "default", "tenant whose the syslog messages are"},
		{"syslog.connections", 1000, "most syslog connections at a time, over TCP and over TLS each; further ones wait"},
		{"lake.url", "", "event lake: clickhouse://USER:PASSWORD@HOST:9000[,HOST:9000…][/NAME][?cluster=CLUSTER&secure=true], every host a shard; `lake: clickhouse://…` in the file is the same; empty: DuckDB files in the data folder"},
		{"lake.memory", 4 * gib, "memory the lake's engine may use"},
		{"lake.threads", 0, "threads the lake's engine may use; 0: one per core"},
		{"lake.retention", 180 * 24 * time.Hour, "how long rows of hunting tables and refused records are kept"},
		{"hunt.timeout", 10 * time.Minute, "longest run time of one query"},
		{"hunt.rows", 100_000, "most rows one query returns"},
		{"hunt.bytes", 64 * mib, "most bytes one query returns"},
		{"hunt.concurrency", 4, "queries that run at the same time, per tenant"},
		{"hunt.history", 30, "runs that a person's query history shows"},
		{"hunt.history-age", 28 * 24 * time.Hour, "oldest run that a person's query history shows"},
		{"hunt.usage-keep", 30 * 24 * time.Hour, "how long runs are kept for the query resources report"},
		{"hunt.queries", []string{}, "folders of community queries to import for every tenant at the start"},
		{"hunt.concurrency-principal", 3, "queries that one person or token runs at the same time"},
		{"hunt.queue", 30 * time.Second, "how long a query waits for its turn before it is refused"},
		{"hunt.cpu-window", 15 * time.Minute, "window over which processor time of queries is counted"},
		{"hunt.cpu-budget", 15 * time.Minute, "processor time that the queries of one person or token may use in a window; then they are refused until the next one; 0: no limit"},
		{"hunt.cpu-warn", 10, "percent of hunt.cpu-budget from which on queries carry a warning"},
		{"hunt.cpu-day", 6 * time.Hour, "processor time that the queries of one person or token may use in a day (UTC); 0: no limit"},
		{"hunt.cpu-rules", 15 * time.Minute, "processor time that a tenant's scheduled rules may use in a window, apart from what people use; 0: no limit"},
		{"hunt.external-hosts", []string{}, "hosts that externaldata may read over https: example.org, *.example.org; http://HOST also without TLS; HOST:PORT also at a private address; empty: none"},
		{"hunt.external-bytes", 32 * mib, "most bytes that externaldata reads from one address, after decompression"},
		{"hunt.external-rows", 500_000, "most rows that externaldata reads in one query"},
		{"hunt.external-timeout", 30 * time.Second, "longest time that externaldata may take to read one address"},
		{"hunt.file-bytes", 32 * mib, "largest file that may be stored for externaldata"},
		{"jobs.workers", 4, "background jobs that run at the same time"},
		{"rules.folders", []string{}, "folders of Sigma and KQL rules to load beside the built-in content"},
		{"connect.hosts", []string{}, "hosts beyond public https ones that connectors may call: http://HOST also without TLS, HOST:PORT also at a private address"},
		{"connect.folders", []string{}, "folders of this machine that connectors may read CloudTrail files from; empty: none"},
		{"connect.workers", 4, "connectors that run at the same time"},
		{"connect.timeout", 2 * time.Minute, "longest time that one request of a connector may take"},
		{"secrets.key", "", "key of the secrets of connectors, 32 bytes in base64 (openssl rand -base64 32); best given as environment variable; empty: secrets.key-file"},
		{"secrets.key-file", "", "file with that key, made at the first start; empty: secrets.key in the data folder"},
		{"content.folder", "", "folder of your own content, laid over what the product ships; empty: content in the data folder"},
	}
}

func byName(name string) (Setting, bool) {
	return find(func(s Setting) bool { return s.Name == name })
}

func byFlag(flag string) (Setting, bool) {
	return find(func(s Setting) bool { return s.Flag() == flag })
}

func byEnv(env string) (Setting, bool) {
	return find(func(s Setting) bool { return s.Env() == env })
}

func find(match func(Setting) bool) (Setting, bool) {
	for _, s := range Settings() {
		if match(s) {
			return s, true
		}
	}
	return Setting{}, false
}

// Reference writes the manual's table of settings as Markdown.
func Reference(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| setting | flag | environment | default | what it does |\n|---|---|---|---|---|\n")
	for _, s := range Settings() {
		def := fmt.Sprint(s.plain())
		if list, ok := s.Default.([]string); ok {
			def = strings.Join(list, ",")
		}
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `--%s` | `%s` | %s | %s |\n", s.Name, s.Flag(), s.Env(), def, s.Description)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
