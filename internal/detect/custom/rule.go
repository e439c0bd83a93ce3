// Package custom holds detections written in KQL: a query over the hunting tables that runs on a schedule and raises an alert for each row it returns.
//
// Parse reads a rule file, Run asks a Hunter and turns the rows into detections. Which rules run when is decided by package detect.
package custom

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Rule is one KQL detection.
type Rule struct {
	ID          string   `yaml:"id"`
	Title       string   `yaml:"title"`
	Description string   `yaml:"description"`
	Recommended string   `yaml:"recommended"` // actions for the analyst, markdown
	Status      string   `yaml:"status"`
	Author      string   `yaml:"author"`
	Severity    string   `yaml:"severity"` // informational low medium high
	Category    string   `yaml:"category"` // ATT&CK tactic, "CredentialAccess" or "credential-access"
	Techniques  []string `yaml:"techniques"`
	// Workload says whose signals the query reads: endpoint, email, identity, cloudapps, or xdr for several.
	Workload string `yaml:"workload"`
	Query    string `yaml:"query"`
	// Frequency is how often the rule runs and Lookback how far back each run looks; at least as long, so that nothing falls between two runs.
	Frequency Duration `yaml:"frequency"`
	Lookback  Duration `yaml:"lookback"`
	Impacted  Impacted `yaml:"impactedEntities"`
	Alert     Texts    `yaml:"alert"`
}

// Impacted names the result columns that hold the entities an alert is about. Repeats for the same ones fold into one alert.
type Impacted struct {
	Device  string `yaml:"device"`
	User    string `yaml:"user"`
	Mailbox string `yaml:"mailbox"`
}

// Texts are the words of an alert; {Column} stands for the row's value.
type Texts struct {
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
}

// Duration is a length of time written as 90m, 24h or 7d.
type Duration time.Duration

// UnmarshalYAML reads a duration.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	text := strings.TrimSpace(n.Value)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if v, err := strconv.Atoi(days); err == nil && v > 0 && v <= 366 {
			*d = Duration(time.Duration(v) * 24 * time.Hour)
			return nil
		}
	}
	v, err := time.ParseDuration(text)
	if err != nil || v <= 0 {
		return fmt.Errorf("line %d: %q is not a length of time such as 30m, 24h or 7d", n.Line, n.Value)
	}
	*d = Duration(v)
	return nil
}

// Bounds of a rule.
const (
	maxBytes     = 256 << 10
	maxQuery     = 64 << 10
	minFrequency = 5 * time.Minute
	maxLookback  = 30 * 24 * time.Hour
)

var severities = map[string]incident.Severity{
	"informational": incident.Informational, "low": incident.Low, "medium": incident.Medium, "high": incident.High,
}

// Severity of the rule's alerts.
func (r *Rule) Level() incident.Severity { return severities[strings.ToLower(r.Severity)] }

var (
	idShape        = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{2,99}$`)
	techniqueShape = regexp.MustCompile(`^T\d{4}(\.\d{3})?$`)
)

// Parse reads one rule. Errors carry fault.Invalid and say what is wrong where.
func Parse(data []byte) (*Rule, error) {
	if len(data) > maxBytes {
		return nil, fault.Newf(fault.Invalid, "a rule file of %d bytes is larger than %d", len(data), maxBytes)
	}
	r := new(Rule)
	if err := decode(data, r); err != nil {
		return nil, fault.Newf(fault.Invalid, "not a KQL rule: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := r.check(); err != nil {
		return nil, fault.Newf(fault.Invalid, "%w", err)
	}
	return r, nil
}

// decode turns a panic of the YAML library on odd input into an error.
func decode(data []byte, r *Rule) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	return yaml.NewDecoder(bytes.NewReader(data)).Decode(r)
}

func (r *Rule) check() error {
	if r.Frequency == 0 {
		r.Frequency = Duration(time.Hour)
	}
	if r.Lookback == 0 {
		r.Lookback = r.Frequency
	}
	if r.Workload == "" {
		r.Workload = "xdr"
	}
	r.Status = strings.ToLower(r.Status)
	switch {
	case !idShape.MatchString(r.ID):
		return fmt.Errorf("id %q: use 3 to 100 letters, digits, dots, dashes and underscores", r.ID)
	case strings.TrimSpace(r.Title) == "":
		return errors.New("title is missing")
	case strings.TrimSpace(r.Query) == "":
		return errors.New("query is missing")
	case len(r.Query) > maxQuery:
		return fmt.Errorf("query of %d bytes is longer than %d", len(r.Query), maxQuery)
	case r.Level() == "":
		return fmt.Errorf("severity %q is not one of informational, low, medium, high", r.Severity)
	case time.Duration(r.Frequency) < minFrequency:
		return fmt.Errorf("frequency %s is shorter than %s", time.Duration(r.Frequency), minFrequency)
	case r.Lookback < r.Frequency:
		return fmt.Errorf("lookback %s is shorter than frequency %s, so events would be missed", time.Duration(r.Lookback), time.Duration(r.Frequency))
	case time.Duration(r.Lookback) > maxLookback:
		return fmt.Errorf("lookback %s is longer than %s", time.Duration(r.Lookback), maxLookback)
	case r.Impacted == (Impacted{}):
		return errors.New("impactedEntities names no column: an alert must be about a device, user or mailbox")
	}
	switch r.Workload {
	case "endpoint", "email", "identity", "cloudapps", "xdr":
	default:
		return fmt.Errorf("workload %q is not one of endpoint, email, identity, cloudapps, xdr", r.Workload)
	}
	for _, t := range r.Techniques {
		if !techniqueShape.MatchString(t) {
			return fmt.Errorf("technique %q is not an ATT&CK id such as T1003 or T1003.001", t)
		}
	}
	return nil
}
