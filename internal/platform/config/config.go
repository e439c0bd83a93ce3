// Package config reads the program's settings. Each setting is one row of the table in settings.go and can be given, strongest first, as a command
// line flag, an environment variable, a line of the configuration file (YAML), or left at its default. Reference writes the manual's page from the
// same table.
//
//	config.AddFlags(cmd.Flags())              // every setting, or only the named ones
//	cfg, err := config.Load(cmd.Flags(), file)
package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Config is the program's configuration after all sources were laid over each other. Field tags are the names of the settings table.
type Config struct {
	Data   string `koanf:"data"`
	Listen string `koanf:"listen"`
	URL    string `koanf:"url"`
	State  string `koanf:"state"`
	Lab    bool   `koanf:"lab"`

	Roles []string `koanf:"roles"`
	Node  Node     `koanf:"node"`

	TLS     TLS     `koanf:"tls"`
	HTTP    HTTP    `koanf:"http"`
	Log     Log     `koanf:"log"`
	Session Session `koanf:"session"`
	Login   Login   `koanf:"login"`
	Bus     Bus     `koanf:"bus"`
	Syslog  Syslog  `koanf:"syslog"`
	Lake    Lake    `koanf:"lake"`
	Hunt    Hunt    `koanf:"hunt"`
	Jobs    Jobs    `koanf:"jobs"`
	Rules   Rules   `koanf:"rules"`
	Content Content `koanf:"content"`
	Connect Connect `koanf:"connect"`
	Secrets Secrets `koanf:"secrets"`
}

// Node is this process among those of the installation.
type Node struct {
	Name  string        `koanf:"name"`
	Lease time.Duration `koanf:"lease"`
}

// TLS names the certificate that the listener serves; both empty means plain HTTP.
type TLS struct {
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
}

// HTTP bounds requests.
type HTTP struct {
	MaxBody        Bytes         `koanf:"max-body"`
	MaxIngest      Bytes         `koanf:"max-ingest"`
	Hold           time.Duration `koanf:"hold"`
	TrustedProxies []string      `koanf:"trusted-proxies"`
	Grace          time.Duration `koanf:"grace"`
}

// Log says what the program writes about itself.
type Log struct {
	Level  string `koanf:"level"`
	Format string `koanf:"format"`
}

// Session bounds how long a sign-in lasts.
type Session struct {
	Idle     time.Duration `koanf:"idle"`
	Absolute time.Duration `koanf:"absolute"`
}

// Login bounds password guessing.
type Login struct {
	Attempts int           `koanf:"attempts"`
	Window   time.Duration `koanf:"window"`
}

// Bus says where acknowledged records wait for the lake.
type Bus struct {
	URL      string        `koanf:"url"`
	MaxBytes Bytes         `koanf:"max-bytes"`
	Reserve  Bytes         `koanf:"reserve"`
	Keep     time.Duration `koanf:"keep"`
}

// Syslog says where syslog messages are listened for; empty addresses do not.
type Syslog struct {
	UDP         string `koanf:"udp"`
	TCP         string `koanf:"tcp"`
	TLS         string `koanf:"tls"`
	Tenant      string `koanf:"tenant"`
	Connections int    `koanf:"connections"`
}

// Lake bounds the event store.
type Lake struct {
	URL       string        `koanf:"url"`
	Memory    Bytes         `koanf:"memory"`
	Threads   int           `koanf:"threads"`
	Retention time.Duration `koanf:"retention"`
}

// Hunt bounds each query.
type Hunt struct {
	Timeout     time.Duration `koanf:"timeout"`
	Rows        int           `koanf:"rows"`
	Bytes       Bytes         `koanf:"bytes"`
	Concurrency int           `koanf:"concurrency"`

	History    int           `koanf:"history"`
	HistoryAge time.Duration `koanf:"history-age"`
	UsageKeep  time.Duration `koanf:"usage-keep"`
	Queries    []string      `koanf:"queries"`

	ConcurrencyPrincipal int           `koanf:"concurrency-principal"`
	Queue                time.Duration `koanf:"queue"`
	CPUWindow            time.Duration `koanf:"cpu-window"`
	CPUBudget            time.Duration `koanf:"cpu-budget"`
	CPUWarn              int           `koanf:"cpu-warn"`
	CPUDay               time.Duration `koanf:"cpu-day"`
	CPURules             time.Duration `koanf:"cpu-rules"`

	ExternalHosts   []string      `koanf:"external-hosts"`
	ExternalBytes   Bytes         `koanf:"external-bytes"`
	ExternalRows    int           `koanf:"external-rows"`
	ExternalTimeout time.Duration `koanf:"external-timeout"`
	FileBytes       Bytes         `koanf:"file-bytes"`
}

// Jobs sizes the background workers.
type Jobs struct {
	Workers int `koanf:"workers"`
}

// Rules names folders of detection rules that are loaded beside the built-in content.
type Rules struct {
	Folders []string `koanf:"folders"`
}

// Content names the folder of the operator's own content, laid over the shipped one.
type Content struct {
	Folder string `koanf:"folder"`
}

// Connect bounds the connectors that pull from services.
type Connect struct {
	Hosts   []string      `koanf:"hosts"`
	Folders []string      `koanf:"folders"`
	Workers int           `koanf:"workers"`
	Timeout time.Duration `koanf:"timeout"`
}

// Secrets says where the key is that seals the secrets of connectors.
type Secrets struct {
	Key     string `koanf:"key"`
	KeyFile string `koanf:"key-file"`
}

// Bytes is a size that may be written with a unit: 512MiB, 2GB, 4096.
type Bytes uint64

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a size such as 512MiB", text)
	}
	*b = Bytes(n)
	return nil
}

func (b Bytes) String() string { return strings.ReplaceAll(humanize.IBytes(uint64(b)), " ", "") }

// Prefix starts the name of every environment variable that is a setting.
const Prefix = "BARTIZAN_"

// AddFlags declares the named settings as flags, all of them when no name is given. Flags show the default of the setting and override everything else
// only when they are given.
func AddFlags(flags *pflag.FlagSet, names ...string) {
	wanted := map[string]bool{}
	for _, n := range names {
		wanted[n] = true
	}
	for _, s := range Settings() {
		if len(names) > 0 && !wanted[s.Name] {
			continue
		}
		switch d := s.Default.(type) {
		case bool:
			flags.Bool(s.Flag(), d, s.Description)
		case int:
			flags.Int(s.Flag(), d, s.Description)
		case []string:
			flags.StringSlice(s.Flag(), d, s.Description)
		default:
			flags.String(s.Flag(), fmt.Sprint(d), s.Description)
		}
	}
}

// Load lays the sources over each other: defaults, the file (when path is not empty), the environment, and the flags that were given. A name that is not
// a setting is an error in the file and in the environment, so that a slip of the pen is not silently ignored. flags may be nil.
func Load(flags *pflag.FlagSet, path string) (*Config, error) {
	return load(flags, path, os.Environ)
}

func load(flags *pflag.FlagSet, path string, environ func() []string) (*Config, error) {
	k := koanf.New(".")
	for _, s := range Settings() {
		if err := k.Set(s.Name, s.plain()); err != nil {
			return nil, fmt.Errorf("configuration default %s: %w", s.Name, err)
		}
	}
	if path != "" {
		if err := readFile(k, path); err != nil {
			return nil, err
		}
	}
	if err := readEnvironment(k, environ); err != nil {
		return nil, err
	}
	if flags != nil {
		provider := posflag.ProviderWithFlag(flags, ".", k, func(f *pflag.Flag) (string, any) {
			if s, ok := byFlag(f.Name); ok && f.Changed {
				return s.Name, posflag.FlagVal(flags, f)
			}
			return "", nil
		})
		if err := k.Load(provider, nil); err != nil {
			return nil, fault.Newf(fault.Invalid, "configuration flags: %w", err)
		}
	}
	var cfg Config
	if err := k.Unmarshal("", &cfg); err != nil {
		return nil, fault.Newf(fault.Invalid, "configuration: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
	return &cfg, cfg.check()
}

func readFile(k *koanf.Koanf, path string) error {
	over := koanf.New(".")
	if err := over.Load(file.Provider(path), yaml.Parser()); err != nil {
		return fault.Newf(fault.Invalid, "configuration file %s: %w", path, err)
	}
	for _, part := range []string{"lake", "bus"} { // lake: ADDRESS is short for lake: {url: ADDRESS}
		if address, ok := over.Get(part).(string); ok {
			over.Delete(part)
			if err := over.Set(part+".url", address); err != nil {
				return fault.Newf(fault.Invalid, "configuration file %s: %w", path, err)
			}
		}
	}
	if unknown := unknownNames(over.Keys()); len(unknown) > 0 {
		return fault.Newf(fault.Invalid, "configuration file %s: unknown setting %s; bartizan serve --help lists them", path, strings.Join(unknown, ", ")).On(unknown[0])
	}
	return k.Merge(over)
}

func readEnvironment(k *koanf.Koanf, environ func() []string) error {
	var unknown []string
	provider := env.Provider(".", env.Opt{Prefix: Prefix, EnvironFunc: environ, TransformFunc: func(key, value string) (string, any) {
		s, ok := byEnv(key)
		if !ok {
			if !strings.HasPrefix(key, Prefix+"TEST_") && !strings.HasPrefix(key, Prefix+"SERVER") && key != Prefix+"TOKEN" {
				unknown = append(unknown, key)
			}
			return "", nil
		}
		if _, list := s.Default.([]string); list {
			return s.Name, splitList(value)
		}
		return s.Name, value
	}})
	if err := k.Load(provider, nil); err != nil {
		return fault.Newf(fault.Invalid, "configuration from the environment: %w", err)
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return fault.Newf(fault.Invalid, "unknown environment variable %s; bartizan serve --help lists the settings", strings.Join(unknown, ", ")).On(unknown[0])
	}
	return nil
}

func splitList(value string) []string {
	var out []string
	for _, part := range strings.Split(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func unknownNames(keys []string) []string {
	var out []string
	for _, key := range keys {
		if _, ok := byName(key); !ok {
			out = append(out, key)
		}
	}
	return out
}

func (c *Config) check() error {
	var problems []error
	bad := func(name, format string, args ...any) {
		problems = append(problems, fault.Newf(fault.Invalid, "setting "+name+": "+format, args...).On(name))
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("listen", "%q is not HOST:PORT", c.Listen)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("tls.cert", "tls.cert and tls.key belong together")
	}
	switch c.Log.Level {
	case "debug", "info", "warn", "error":
	default:
		bad("log.level", "%q is not debug, info, warn or error", c.Log.Level)
	}
	if c.Lake.URL != "" && !strings.HasPrefix(c.Lake.URL, "clickhouse://") {
		bad("lake.url", "it must begin with clickhouse://, or be empty for the lake in the data folder")
	}
	c.checkRoles(bad)
	if c.Log.Format != "text" && c.Log.Format != "json" {
		bad("log.format", "%q is not text or json", c.Log.Format)
	}
	for _, p := range c.HTTP.TrustedProxies {
		if _, _, err := net.ParseCIDR(p); err != nil && net.ParseIP(p) == nil {
			bad("http.trusted-proxies", "%q is not an address or a network", p)
		}
	}
	for name, address := range map[string]string{"syslog.udp": c.Syslog.UDP, "syslog.tcp": c.Syslog.TCP, "syslog.tls": c.Syslog.TLS} {
		if _, _, err := net.SplitHostPort(address); address != "" && err != nil {
			bad(name, "%q is not HOST:PORT", address)
		}
	}
	if c.Syslog.TLS != "" && c.TLS.Cert == "" {
		bad("syslog.tls", "syslog over TLS needs tls.cert and tls.key")
	}
	positive := map[string]time.Duration{
		"session.idle": c.Session.Idle, "session.absolute": c.Session.Absolute, "login.window": c.Login.Window,
		"node.lease": c.Node.Lease, "hunt.timeout": c.Hunt.Timeout, "hunt.queue": c.Hunt.Queue, "hunt.history-age": c.Hunt.HistoryAge, "hunt.usage-keep": c.Hunt.UsageKeep, "hunt.cpu-window": c.Hunt.CPUWindow, "hunt.external-timeout": c.Hunt.ExternalTimeout, "lake.retention": c.Lake.Retention, "http.grace": c.HTTP.Grace,
	}
	for name, d := range positive {
		if d <= 0 {
			bad(name, "must be longer than zero")
		}
	}
	counts := map[string]int{
		"login.attempts": c.Login.Attempts, "hunt.rows": c.Hunt.Rows, "hunt.history": c.Hunt.History, "hunt.concurrency": c.Hunt.Concurrency,
		"hunt.concurrency-principal": c.Hunt.ConcurrencyPrincipal, "hunt.cpu-warn": c.Hunt.CPUWarn, "hunt.external-rows": c.Hunt.ExternalRows, "jobs.workers": c.Jobs.Workers,
		"syslog.connections": c.Syslog.Connections,
	}
	for name, n := range counts {
		if n < 1 {
			bad(name, "must be at least 1")
		}
	}
	if len(problems) == 0 {
		return nil
	}
	sort.Slice(problems, func(i, j int) bool { return problems[i].Error() < problems[j].Error() })
	var first *fault.Error
	errors.As(problems[0], &first)
	if len(problems) == 1 {
		return first
	}
	return &fault.Error{Code: fault.Invalid, Message: errors.Join(problems...).Error(), Target: first.Target}
}
