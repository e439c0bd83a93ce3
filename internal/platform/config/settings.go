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
		{"lab", false, "load the evaluation lab's scenarios at the first start"},
		{"tls.cert", "", "PEM file with the certificate chain; empty: plain HTTP"},
		{"tls.key", "", "PEM file with the certificate's key"},
		{"http.max-body", 8 * mib, "largest body of an API request"},
		{"http.max-ingest", 64 * mib, "largest body of one receiver request, after decompression"},
		{"http.trusted-proxies", []string{}, "addresses or networks whose X-Forwarded-For is believed"},
		{"http.grace", 20 * time.Second, "how long requests in flight may take when the server stops"},
		{"log.level", "info", "least severe message that is written: debug, info, warn, error"},
		{"log.format", "text", "text or json"},
		{"session.idle", 8 * time.Hour, "a sign-in ends after this time without a request"},
		{"session.absolute", 24 * time.Hour, "a sign-in ends after this time in any case"},
		{"login.attempts", 10, "failed sign-ins of one name from one address (tenfold: of one name, of one address) within login.window before more are refused"},
		{"login.window", 15 * time.Minute, "time over which failed sign-ins are counted"},
		{"bus.url", "", "nats://… of an external JetStream; empty: the built-in one, kept in the data folder"},
		{"bus.max-bytes", 16 * gib, "records waiting for the lake, per tenant; when full, receivers answer 503"},
		{"bus.keep", time.Hour, "how long records stay on the bus after the lake has written them"},
		{"lake.memory", 4 * gib, "memory the lake's engine may use"},
		{"lake.threads", 0, "threads the lake's engine may use; 0: one per core"},
		{"lake.retention", 180 * 24 * time.Hour, "how long rows of hunting tables and refused records are kept"},
		{"hunt.timeout", 10 * time.Minute, "longest run time of one query"},
		{"hunt.rows", 100_000, "most rows one query returns"},
		{"hunt.bytes", 64 * mib, "most bytes one query returns"},
		{"hunt.concurrency", 4, "queries that run at the same time, per tenant"},
		{"jobs.workers", 4, "background jobs that run at the same time"},
		{"rules.folders", []string{}, "folders of Sigma and KQL rules to load beside the built-in content"},
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
