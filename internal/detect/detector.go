package detect

import (
	"strings"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/bartizan-sec/bartizan/internal/detect/evidence"
	"github.com/bartizan-sec/bartizan/internal/detect/sigma"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// Detector evaluates a tenant's enabled Sigma rules on events as they stream by. It is safe for concurrent use, and follows changes of the rules: each
// call to Evaluate sees one consistent set.
type Detector struct {
	current atomic.Pointer[ruleSet]
}

// ruleSet is one compiled state of a tenant's rules.
type ruleSet struct {
	set  *sigma.Set
	meta map[*sigma.Rule]*Rule
}

// NewDetector compiles rules; those of another kind than Sigma, disabled ones and ones with an issue are left out.
func NewDetector(rules []*Rule) (*Detector, []sigma.Issue) {
	d := new(Detector)
	return d, d.load(rules)
}

func (d *Detector) load(rules []*Rule) []sigma.Issue {
	rs := &ruleSet{meta: map[*sigma.Rule]*Rule{}}
	var parsed []*sigma.Rule
	for _, r := range rules {
		if r.Kind == Sigma && r.Enabled && r.Issue == "" && r.sigma != nil {
			parsed = append(parsed, r.sigma)
			rs.meta[r.sigma] = r
		}
	}
	var issues []sigma.Issue
	rs.set, issues = sigma.Compile(parsed)
	d.current.Store(rs)
	return issues
}

// Len is how many rules are evaluated.
func (d *Detector) Len() int { return d.current.Load().set.Len() }

// Evaluate returns a detection for each rule that each event meets, in the order of events.
func (d *Detector) Evaluate(events []*normalise.Event) []incident.Detection {
	rs := d.current.Load()
	var (
		out     []incident.Detection
		matches []sigma.Match
	)
	for _, ev := range events {
		matches = rs.set.Match(ev, matches[:0])
		if len(matches) == 0 {
			continue
		}
		subject := describe(ev)
		for i := range matches {
			out = append(out, detection(ev, rs.meta[matches[i].Rule], &matches[i], subject))
		}
	}
	return out
}

// subject is what all detections of one event share.
type subject struct {
	evidence []incident.Evidence
	source   string // service source
	fold     string
}

func describe(ev *normalise.Event) subject {
	s := subject{evidence: evidence.OfRows(ev.Rows), source: serviceSource(ev)}
	if len(s.evidence) == 0 {
		s.evidence = evidence.OfFields(ev.Fields)
	}
	s.fold = foldKey(s.source, s.evidence)
	return s
}

func detection(ev *normalise.Event, r *Rule, m *sigma.Match, s subject) incident.Detection {
	d := incident.Detection{
		Tenant: ev.Tenant, RuleID: r.ID, RuleTitle: r.Title, Title: r.Title, Description: r.Description, Recommended: advice(m.Rule),
		Severity: r.Severity, Category: r.Category, Techniques: r.Techniques, ServiceSource: s.source, DetectionSource: detectionSource(r, s.source),
		Time: ev.Time, Evidence: s.evidence, Matched: m.Fields, Hit: incident.Hit{File: ev.File, Record: ev.Number, Content: xxhash.Sum64(ev.Raw), Time: ev.Time}, FoldKey: s.fold, Lab: ev.Lab,
	}
	return d
}

// advice gives the analyst what the rule's author knew: when the rule is wrong, and where to read on.
func advice(s *sigma.Rule) string {
	var b strings.Builder
	if s.Recommended != "" {
		b.WriteString(s.Recommended + "\n\n")
	}
	list := func(head string, items []string) {
		n := 0
		for _, item := range items {
			item = strings.TrimSpace(item)
			if item == "" || strings.EqualFold(item, "unknown") || strings.EqualFold(item, "none") {
				continue
			}
			if n == 0 {
				b.WriteString(head + "\n")
			}
			if n++; n > 10 {
				break
			}
			b.WriteString("- " + item + "\n")
		}
	}
	list("Check first whether this is one of the known harmless causes:", s.FalsePositives)
	list("Background:", s.References)
	return strings.TrimSpace(b.String())
}

// serviceSource names the workload that an event belongs to: by its rows, else by the product of its log.
func serviceSource(ev *normalise.Event) string {
	for _, row := range ev.Rows {
		if s := workloadOf(row.Table.Name); s != "" {
			return s
		}
	}
	for _, l := range ev.Logsources {
		switch l.Product {
		case "windows", "linux", "macos":
			return "endpoint"
		case "azure":
			if l.Service == "signinlogs" || l.Service == "riskdetection" {
				return "identity"
			}
			return "cloudapps"
		case "okta", "onelogin":
			return "identity"
		case "m365", "aws", "gcp", "github", "google_workspace", "bitbucket", "salesforce", "kubernetes":
			return "cloudapps"
		}
	}
	return "xdr"
}

func workloadOf(table string) string {
	switch {
	case strings.HasPrefix(table, "Device"):
		return "endpoint"
	case strings.HasPrefix(table, "Email"), strings.HasPrefix(table, "Url"):
		return "email"
	case strings.HasPrefix(table, "Identity"), strings.HasPrefix(table, "AAD"), strings.HasPrefix(table, "EntraId"):
		return "identity"
	case strings.HasPrefix(table, "CloudApp"):
		return "cloudapps"
	}
	return ""
}

// detectionSource names the detector: the workload's own for shipped rules and imported Sigma rules, custom detection for what the organisation wrote.
func detectionSource(r *Rule, source string) string {
	if r.Origin == User || r.Kind == KQL && r.Origin == Imported {
		return "customDetection"
	}
	switch source {
	case "endpoint":
		return "edr"
	case "cloudapps":
		return "cloudAppSecurity"
	}
	return source // email, identity, xdr
}

// foldKey names the main entity of a detection, so that its repeats become one alert: on a device the process image that acted and its account, of a mail
// its sender and subject (one mail to many people is one alert), otherwise the account with the application.
func foldKey(source string, list []incident.Evidence) string {
	find := func(kind string, roles ...incident.Role) *incident.Evidence {
		for i := range list {
			if list[i].Type != kind {
				continue
			}
			if len(roles) == 0 {
				return &list[i]
			}
			for _, have := range list[i].Roles {
				for _, want := range roles {
					if have == want {
						return &list[i]
					}
				}
			}
		}
		return nil
	}
	var parts []string
	add := func(e *incident.Evidence, texts ...func(*incident.Evidence) string) {
		if e == nil {
			return
		}
		for _, text := range texts {
			if t := text(e); t != "" {
				parts = append(parts, e.Type+"="+strings.ToLower(t))
				return
			}
		}
	}
	host := func(e *incident.Evidence) string { h, _, _ := strings.Cut(e.HostName, "."); return h }
	id := func(e *incident.Evidence) string { return e.DeviceID }
	name := func(e *incident.Evidence) string { return e.AccountName }
	upn := func(e *incident.Evidence) string { return e.AccountUPN }
	shown := func(e *incident.Evidence) string { return e.DisplayName }
	object := func(e *incident.Evidence) string { return e.AccountID }
	path := func(e *incident.Evidence) string { return e.FolderPath }
	file := func(e *incident.Evidence) string { return e.FileName }
	app := func(e *incident.Evidence) string { return e.Application }
	switch source {
	case "email":
		add(find("mailMessage"), func(e *incident.Evidence) string { return e.Sender + "|" + e.Subject })
	case "endpoint":
		add(find("device"), host, id)
		add(find("process", incident.SuspiciousRole), path, file)
		add(find("user"), name, upn)
	default:
		add(find("user"), upn, name, object, shown)
		add(find("cloudApp"), app)
		if len(parts) == 0 {
			add(find("device"), host, id)
			add(find("ip"), func(e *incident.Evidence) string { return e.Address })
		}
	}
	return strings.Join(parts, "\x1f")
}
