package incident

import (
	"slices"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// The numbers of states in the store. Alerts and incidents share them: 0 is New or Active.
const (
	statusActive     = 0
	statusInProgress = 1
	statusResolved   = 2
	statusRedirected = 3
)

// parseStatus reads a state by name; New and Active are one, each accepted for the other.
func parseStatus(s Status) (int16, bool) {
	switch strings.ToLower(string(s)) {
	case "active", "new":
		return statusActive, true
	case "inprogress":
		return statusInProgress, true
	case "resolved":
		return statusResolved, true
	case "redirected":
		return statusRedirected, true
	}
	return 0, false
}

func incidentStatus(n int16) Status {
	switch n {
	case statusInProgress:
		return StatusInProgress
	case statusResolved:
		return StatusResolved
	case statusRedirected:
		return StatusRedirected
	}
	return StatusActive
}

func alertStatus(n int16) Status {
	if n == statusActive {
		return StatusNew
	}
	return incidentStatus(n)
}

func parseSeverity(s Severity) (int16, bool) {
	for _, k := range []Severity{Informational, Low, Medium, High} {
		if strings.EqualFold(string(k), string(s)) {
			return int16(k.Rank()), true
		}
	}
	return 0, false
}

// Classification is a classification with the determinations it allows, in display order.
type Classification struct {
	Name           string   `json:"name"`
	Determinations []string `json:"determinations"`
}

// Classifications lists what incidents and alerts can be classified as.
func Classifications() []Classification {
	return []Classification{
		{"Unknown", []string{"NotAvailable"}},
		{"TruePositive", []string{"MultiStagedAttack", "MaliciousUserActivity", "CompromisedAccount", "Malware", "Phishing", "UnwantedSoftware", "Other"}},
		{"InformationalExpectedActivity", []string{"SecurityTesting", "LineOfBusinessApplication", "ConfirmedActivity", "Other"}},
		{"FalsePositive", []string{"Clean", "NoEnoughDataToValidate", "Other"}},
	}
}

// classify works out the pair that a patch leads to from the present one and refuses pairs outside the table. A classification given alone
// takes the determination along when it fits, else the class's "Other" (NotAvailable for Unknown).
func classify(classification, determination string, p *Patch) (string, string, error) {
	if p.Classification == nil && p.Determination == nil {
		return classification, determination, nil
	}
	c, d := classification, determination
	if p.Classification != nil {
		c = *p.Classification
		if c == "" {
			c = "Unknown"
		}
	}
	if p.Determination != nil {
		d = *p.Determination
	}
	for _, k := range Classifications() {
		if !strings.EqualFold(k.Name, c) {
			continue
		}
		for _, x := range k.Determinations {
			if strings.EqualFold(x, d) {
				return k.Name, x, nil
			}
		}
		if p.Determination == nil || d == "" {
			if k.Name == "Unknown" {
				return k.Name, "NotAvailable", nil
			}
			return k.Name, "Other", nil
		}
		return "", "", fault.Newf(fault.Invalid, "determination %q does not belong to classification %s: use one of %s", d, k.Name, strings.Join(k.Determinations, ", ")).On("determination")
	}
	names := []string{}
	for _, k := range Classifications() {
		names = append(names, k.Name)
	}
	return "", "", fault.Newf(fault.Invalid, "classification %q does not exist: use one of %s", c, strings.Join(names, ", ")).On("classification")
}

// tags cleans a list of tag names: trimmed, distinct, in the order given.
func tags(list []string) ([]string, error) {
	out := []string{}
	for _, t := range list {
		t = strings.TrimSpace(cut(t, maxField))
		if t == "" || slices.Contains(out, t) {
			continue
		}
		if len(t) > maxTag {
			return nil, fault.Newf(fault.Invalid, "a tag is longer than %d characters", maxTag).On("tags")
		}
		out = append(out, t)
	}
	if len(out) > maxTags {
		return nil, fault.Newf(fault.Invalid, "more than %d tags", maxTags).On("tags")
	}
	return out, nil
}
