// Package detect owns rules and what they find. Sigma rules look at every record once as it streams by (Detector); KQL rules look at the lake on a schedule
// (RunDue) or once over an imported range (RunRange). Both give incident.Detections: an alert with rule, matched fields, evidence with roles and hits.
//
// Service keeps the rules of each tenant. They come from three places: the content the product ships ("builtin"), folders that were imported ("import"),
// and the portal ("user").
package detect

import (
	"fmt"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/detect/custom"
	"github.com/bartizan-sec/bartizan/internal/detect/sigma"
	"github.com/bartizan-sec/bartizan/internal/incident"
)

// Kind is the language of a rule.
type Kind string

// The kinds of rules.
const (
	Sigma Kind = "sigma"
	KQL   Kind = "kql"
)

// Origin says where a rule came from.
type Origin string

// The origins of rules.
const (
	Builtin  Origin = "builtin"
	Imported Origin = "import"
	User     Origin = "user"
)

// Rule is one detection rule of a tenant.
type Rule struct {
	ID          string            `json:"id"`
	Kind        Kind              `json:"kind"`
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Level       string            `json:"level"` // as the rule says it
	Severity    incident.Severity `json:"severity"`
	Category    string            `json:"category"`
	Techniques  []string          `json:"techniques"`
	Tags        []string          `json:"tags"`
	Status      string            `json:"status"`
	Author      string            `json:"author"`
	Logsource   string            `json:"logsource"` // "windows/process_creation/-" for Sigma, the workload for KQL
	Origin      Origin            `json:"origin"`
	Path        string            `json:"path"` // below the folder it was imported from
	Source      string            `json:"source,omitempty"`
	// Issue says why the rule cannot run; such a rule cannot be enabled.
	Issue   string    `json:"issue,omitempty"`
	Enabled bool      `json:"enabled"`
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`
	// LastRun tells about the last run of a KQL rule.
	LastRun *LastRun `json:"lastRun,omitempty"`

	enabledSet bool // a person switched it, imports leave it alone
	sigma      *sigma.Rule
	custom     *custom.Rule
}

// Custom returns the parsed form of a KQL rule, nil for other kinds and for rules of a list.
func (r *Rule) Custom() *custom.Rule { return r.custom }

// LastRun is the outcome of a scheduled rule's last run.
type LastRun struct {
	Finished   time.Time `json:"finished"`
	Covered    time.Time `json:"covered"` // events up to here have been looked at
	Rows       int64     `json:"rows"`
	Detections int64     `json:"detections"`
	Truncated  bool      `json:"truncated,omitempty"`
	Error      string    `json:"error,omitempty"`
}

// Query selects rules of a list; empty parts select all.
type Query struct {
	Kinds      []string
	Severities []string
	Origins    []string
	Enabled    *bool
	Search     string // part of id, title, tag or path
	Top, Skip  int    // Top 0 means everything
}

// Report is the outcome of importing a folder.
type Report struct {
	Files     int           `json:"files"`
	Rules     int           `json:"rules"`
	Added     int           `json:"added"`
	Changed   int           `json:"changed"`
	Unchanged int           `json:"unchanged"`
	Enabled   int           `json:"enabled"`
	Disabled  int           `json:"disabled"`
	Issues    []sigma.Issue `json:"issues"` // first 500
	// IssueCount counts all issues by code.
	IssueCount map[string]int `json:"issueCount"`
}

const maxReportedIssues = 500

func (r Report) String() string {
	s := fmt.Sprintf("%d rules of %d files: %d new, %d changed, %d as before; %d enabled, %d disabled", r.Rules, r.Files, r.Added, r.Changed, r.Unchanged, r.Enabled, r.Disabled)
	n := 0
	for _, c := range r.IssueCount {
		n += c
	}
	if n > 0 {
		s += fmt.Sprintf("; %d with an issue (rule import --json lists them)", n)
	}
	return s
}

func (r *Report) issue(i sigma.Issue) {
	r.IssueCount[i.Code]++
	if len(r.Issues) < maxReportedIssues {
		r.Issues = append(r.Issues, i)
	}
}

// fromSigma describes a Sigma rule. folder is the path below which it lies, which decides what is on by default.
func fromSigma(r *sigma.Rule, origin Origin, path string) *Rule {
	out := &Rule{
		ID: r.ID, Kind: Sigma, Title: r.Title, Description: r.Description, Level: r.Level, Tags: r.Tags, Status: r.Status, Author: r.Author,
		Logsource: logsourceText(r), Origin: origin, Path: path, Source: r.Source, sigma: r,
	}
	out.Category, out.Techniques = attack(r.Tags)
	out.Severity, out.Enabled = defaults(r.Level, r.Status, r.Tags, path)
	return out
}

func fromCustom(r *custom.Rule, origin Origin, path, source string) *Rule {
	return &Rule{
		ID: r.ID, Kind: KQL, Title: r.Title, Description: strings.TrimSpace(r.Description), Level: strings.ToLower(r.Severity), Severity: r.Level(), Category: category(r.Category),
		Techniques: r.Techniques, Status: r.Status, Author: r.Author, Logsource: r.Workload, Origin: origin, Path: path, Source: source,
		Enabled: r.Status != "deprecated" && r.Status != "unsupported", custom: r,
	}
}

func logsourceText(r *sigma.Rule) string {
	part := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	return part(r.Logsource.Product) + "/" + part(r.Logsource.Category) + "/" + part(r.Logsource.Service)
}
