package incident

import (
	"slices"
	"sort"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/entity"
	"github.com/bartizan-sec/bartizan/internal/incident/correlation"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
)

// maxRefs is how many assets of each kind stand in the summary of an incident; its counts and lists know all.
const maxRefs = 50

// summary is the JSON of alerts.summary.
type summary struct {
	Devices     []EntityRef `json:"d"`
	Users       []EntityRef `json:"u"`
	Mailboxes   []EntityRef `json:"m"`
	LinkReasons []string    `json:"l"`
}

// totals is the JSON of incidents.summary.
type totals struct {
	Devices          []EntityRef `json:"d"`
	Users            []EntityRef `json:"u"`
	Mailboxes        []EntityRef `json:"m"`
	Categories       []string    `json:"c"`
	Techniques       []string    `json:"t"`
	ServiceSources   []string    `json:"s"`
	DetectionSources []string    `json:"x"`
	Tags             []string    `json:"g"`
	SystemTags       []string    `json:"y"`
}

// add takes entities of a hit into the alert's assets.
func (s *summary) add(list []found) {
	s.Devices = union(s.Devices, assets(list, entity.Device), maxEvidence)
	s.Users = union(s.Users, assets(list, entity.User), maxEvidence)
	s.Mailboxes = union(s.Mailboxes, assets(list, entity.Mailbox), maxEvidence)
}

func union(have, more []EntityRef, limit int) []EntityRef {
	for _, m := range more {
		if len(have) >= limit {
			break
		}
		if !slices.ContainsFunc(have, func(h EntityRef) bool { return h.Key == m.Key }) {
			have = append(have, m)
		}
	}
	return have
}

// reason notes why the alert was linked, in the words of the alert queue.
func (s *summary) reason(k correlation.Kind) {
	code := linkReason(k)
	if !slices.Contains(s.LinkReasons, code) && len(s.LinkReasons) < 8 {
		s.LinkReasons = append(s.LinkReasons, code)
	}
}

// linkReason translates a kind of edge into the alert queue's link reason.
func linkReason(k correlation.Kind) string {
	switch k {
	case correlation.SameProcessTree:
		return "SameProcessTree"
	case correlation.SameFile:
		return "SameFile"
	case correlation.SameURL, correlation.SameDomain:
		return "SameUrl"
	case correlation.SameRemoteAddress, correlation.SameAddress:
		return "SameIp"
	case correlation.SameMailbox, correlation.SameMessage:
		return "SameMailbox"
	case correlation.SameSender:
		return "SameSender"
	case correlation.SameAccount, correlation.SameAccountDevice:
		return "SameUser"
	case correlation.SameDevice, correlation.BurstOnDevice, correlation.UnusualTogether:
		return "ProximateTime"
	case correlation.SameRuleElsewhere:
		return "SameTechnique"
	case "manual":
		return "ManualAssociation"
	}
	return "AttackSequence"
}

// search is the text an alert is found by.
func (f *fold) search() string {
	var b strings.Builder
	b.WriteString(f.row.Title)
	for _, list := range [][]EntityRef{f.summary.Devices, f.summary.Users, f.summary.Mailboxes} {
		for _, r := range list {
			b.WriteByte(' ')
			b.WriteString(r.Name)
		}
	}
	return cut(strings.ToLower(b.String()), 2000)
}

// summarise works out what an incident's columns say from its alerts. Name and severity stay when a person set them.
func summarise(row *store.Incident, alerts []*store.Alert) {
	var t totals
	decode(row.Summary, &t)
	t = totals{
		Devices: []EntityRef{}, Users: []EntityRef{}, Mailboxes: []EntityRef{}, Categories: []string{}, Techniques: []string{}, ServiceSources: []string{}, DetectionSources: []string{},
		Tags: nonNil(t.Tags), SystemTags: nonNil(t.SystemTags),
	}
	kinds := [3]map[string]EntityRef{{}, {}, {}}
	var severity int16
	row.AlertCount, row.ActiveAlertCount, row.Lab = int64(len(alerts)), 0, 0
	for i, a := range alerts {
		if i == 0 || a.FirstActivity < row.FirstActivity {
			row.FirstActivity = a.FirstActivity
		}
		if i == 0 || a.LastActivity > row.LastActivity {
			row.LastActivity = a.LastActivity
		}
		severity = max(severity, a.Severity)
		if a.Status < statusResolved {
			row.ActiveAlertCount++
		}
		if a.Lab != "" {
			row.Lab = 1
		}
		addDistinct(&t.Categories, a.Category)
		addDistinct(&t.ServiceSources, a.ServiceSource)
		addDistinct(&t.DetectionSources, a.DetectionSource)
		for _, x := range decodeStrings(a.Techniques) {
			addDistinct(&t.Techniques, x)
		}
		var s summary
		decode(a.Summary, &s)
		for k, list := range [3][]EntityRef{s.Devices, s.Users, s.Mailboxes} {
			for _, r := range list {
				kinds[k][r.Key] = r
			}
		}
	}
	if row.SeverityCustom == 0 {
		row.Severity = severity
	}
	row.DeviceCount, row.UserCount, row.MailboxCount = int64(len(kinds[0])), int64(len(kinds[1])), int64(len(kinds[2]))
	t.Devices, t.Users, t.Mailboxes = refs(kinds[0]), refs(kinds[1]), refs(kinds[2])
	sort.Slice(t.Categories, func(i, j int) bool {
		a, b := correlation.TacticRank(t.Categories[i]), correlation.TacticRank(t.Categories[j])
		return a < b || a == b && t.Categories[i] < t.Categories[j]
	})
	sort.Strings(t.Techniques)
	sort.Strings(t.ServiceSources)
	sort.Strings(t.DetectionSources)
	if row.NameCustom == 0 {
		row.Name = cut(nameOf(alerts, &t, row), maxTitle)
	}
	row.Summary = encode(&t)
	row.Search = searchText(row, &t)
}

func addDistinct(list *[]string, v string) {
	if v != "" && !slices.Contains(*list, v) {
		*list = append(*list, v)
	}
}

func refs(m map[string]EntityRef) []EntityRef {
	out := make([]EntityRef, 0, len(m))
	for _, r := range m {
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out[:min(len(out), maxRefs)]
}

func searchText(row *store.Incident, t *totals) string {
	var b strings.Builder
	b.WriteString(row.Name)
	for _, list := range [][]EntityRef{t.Devices, t.Users, t.Mailboxes} {
		for _, r := range list {
			b.WriteByte(' ')
			b.WriteString(r.Name)
		}
	}
	return cut(strings.ToLower(b.String()), 2000)
}
