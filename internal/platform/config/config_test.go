package config

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

func none() []string { return nil }

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bartizan.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSourcesOverrideEachOther(t *testing.T) {
	file := write(t, "listen: 127.0.0.1:1\nlog: {level: warn, format: json}\nbus: {max-bytes: 2GiB}\nhunt: {timeout: 90s}\nrules: {folders: [a, b]}\n")
	environ := func() []string {
		return []string{"BARTIZAN_LISTEN=127.0.0.1:2", "BARTIZAN_LOG_LEVEL=error", "BARTIZAN_RULES_FOLDERS=c, d", "HOME=/", "BARTIZAN_TEST_POSTGRES=x"}
	}
	flags := pflag.NewFlagSet("t", pflag.ContinueOnError)
	AddFlags(flags)
	if err := flags.Parse([]string{"--listen", "127.0.0.1:3", "--lab", "--jobs-workers", "7"}); err != nil {
		t.Fatal(err)
	}
	cfg, err := load(flags, file, environ)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{cfg.Listen, cfg.Log.Level, cfg.Log.Format, cfg.Bus.MaxBytes, cfg.Hunt.Timeout, cfg.Lab, cfg.Jobs.Workers, cfg.Data, strings.Join(cfg.Rules.Folders, "|")}
	want := []any{"127.0.0.1:3", "error", "json", 2 * gib, 90 * time.Second, true, 7, "./data", "c|d"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestTheLakeMayBeAnAddress(t *testing.T) {
	for _, file := range []string{"lake: clickhouse://u:p@a:9000,b:9000/?cluster=c\n", "lake: {url: \"clickhouse://u:p@a:9000,b:9000/?cluster=c\"}\n"} {
		cfg, err := load(nil, write(t, file), none)
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Lake.URL != "clickhouse://u:p@a:9000,b:9000/?cluster=c" || cfg.Lake.Retention == 0 {
			t.Errorf("%s gives %+v", file, cfg.Lake)
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		file    string
		environ []string
		target  string
		says    string
	}{
		"unknown in file":        {file: "lisen: x\n", target: "lisen", says: "unknown setting lisen"},
		"unknown in environment": {environ: []string{"BARTIZAN_LISEN=x"}, target: "BARTIZAN_LISEN", says: "unknown environment variable"},
		"not yaml":               {file: "a: [\n", says: "bartizan.yaml"},
		"level":                  {file: "log: {level: loud}\n", target: "log.level", says: "loud"},
		"another engine":         {file: "lake: postgres://h/x\n", target: "lake.url", says: "clickhouse://"},
		"size":                   {file: "bus: {max-bytes: many}\n", says: "not a size"},
		"duration":               {file: "hunt: {timeout: soon}\n", says: "hunt.timeout"},
		"zero":                   {file: "session: {idle: 0s}\n", target: "session.idle", says: "longer than zero"},
		"half a key pair":        {file: "tls: {cert: x}\n", target: "tls.cert", says: "belong together"},
		"listen":                 {file: "listen: here\n", target: "listen", says: "HOST:PORT"},
		"proxy":                  {file: "http: {trusted-proxies: [me]}\n", target: "http.trusted-proxies", says: "not an address"},
		"two":                    {file: "listen: here\nlog: {format: xml}\n", target: "listen", says: "text or json"},
	} {
		t.Run(name, func(t *testing.T) {
			path := ""
			if c.file != "" {
				path = write(t, c.file)
			}
			_, err := load(nil, path, func() []string { return c.environ })
			var f *fault.Error
			if fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v; want invalid and %q", err, c.says)
			}
			if f, _ = err.(*fault.Error); c.target != "" && (f == nil || f.Target != c.target) {
				t.Errorf("target of %v is not %q", err, c.target)
			}
		})
	}
}

// Every field of Config has a row in the table and the other way round.
func TestTableIsComplete(t *testing.T) {
	fields := map[string]bool{}
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, prefix string) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := prefix + f.Tag.Get("koanf")
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type, name+".")
				continue
			}
			fields[name] = true
		}
	}
	walk(reflect.TypeOf(Config{}), "")
	for _, s := range Settings() {
		if !fields[s.Name] {
			t.Errorf("setting %s has no field", s.Name)
		}
		delete(fields, s.Name)
	}
	for name := range fields {
		t.Errorf("field %s has no row in the table", name)
	}
	cfg, err := load(nil, "", none)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Lake.Retention != 180*24*time.Hour || cfg.HTTP.MaxIngest != 64*mib {
		t.Errorf("defaults were not applied: %+v", cfg)
	}
}

func TestReference(t *testing.T) {
	var b strings.Builder
	if err := Reference(&b); err != nil {
		t.Fatal(err)
	}
	if want := "| `bus.max-bytes` | `--bus-max-bytes` | `BARTIZAN_BUS_MAX_BYTES` | `16GiB` |"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, b.String())
	}
}

var update = flag.Bool("update", false, "write docs/settings.md anew")

// The manual's page of settings is made from the table: go test ./internal/platform/config -update
func TestManualIsUpToDate(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Settings\n\nStrongest first: command line flag of `bartizan serve`, environment variable, line of the YAML file given by `--config`, default.\n" +
		"Sizes take units (`512MiB`), durations too (`90m`). A name that is not in this table is an error.\n\n")
	if err := Reference(&b); err != nil {
		t.Fatal(err)
	}
	const page = "../../../docs/settings.md"
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Error("docs/settings.md does not fit the table of settings; run the test with -update")
	}
}

func TestRoles(t *testing.T) {
	const parts = "state: postgres://u@h/d\nbus: nats://h:4222\nlake: clickhouse://u@h:9000\n"
	for text, want := range map[string]string{
		"":                                   "ingest,detect,portal,jobs",
		"roles: all\n":                       "ingest,detect,portal,jobs",
		"roles: jobs,ingest\n" + parts:       "ingest,jobs",
		"roles: [detect]\n" + parts:          "detect",
		"roles: ingest,detect,portal,jobs\n": "ingest,detect,portal,jobs",
	} {
		cfg, err := load(nil, write(t, text), none)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := strings.Join(cfg.HasRoles(), ","); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"roles: kitchen\n": "not one of",
		"roles: ingest\n":  "state: postgres://…",
		"roles: portal\nstate: postgres://u@h/d\nbus: nats://h:4222\n":                     "lake: clickhouse://…",
		"roles: detect\nstate: postgres://u@h/d\nlake: clickhouse://u@h:9000\n":            "bus: nats://…",
		"roles: jobs\nbus: nats://h:4222\nlake: clickhouse://u@h:9000\nstate: /tmp/x.db\n": "state: postgres://…",
		"bus: http://h\n":        "nats://",
		"node:\n  lease: 10ms\n": "at least 1s",
	} {
		_, err := load(nil, write(t, text), none)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want something with %q", text, err, want)
		}
	}
}
