package incident

import (
	"fmt"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/incident/correlation"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
)

// nameOf builds the name of an incident from its alerts, their tactics, the number of assets and the sources.
func nameOf(alerts []*store.Alert, t *totals, row *store.Incident) string {
	if len(alerts) == 0 {
		return "Empty incident"
	}
	place := placeOf(row)
	title := alerts[0].Title
	same := true
	for _, a := range alerts[1:] {
		same = same && a.Title == title
	}
	if same {
		return strings.TrimSpace(title + " " + place)
	}
	var tactics []string
	for _, c := range t.Categories {
		if correlation.TacticRank(c) > 0 {
			tactics = append(tactics, c)
		}
	}
	name := ""
	switch {
	case len(tactics) > 1:
		name = fmt.Sprintf("Multi-stage incident involving %s & %s %s", spaced(tactics[0]), spaced(tactics[len(tactics)-1]), place)
	case len(t.Categories) == 1:
		name = fmt.Sprintf("%s incident %s", spaced(t.Categories[0]), place)
	default:
		name = fmt.Sprintf("Incident involving %s %s", spaced(t.Categories[0]), place)
	}
	name = strings.TrimSpace(name)
	if len(t.ServiceSources) > 1 {
		name += " reported by multiple sources"
	}
	return name
}

func placeOf(row *store.Incident) string {
	switch {
	case row.DeviceCount > 1:
		return "on multiple endpoints"
	case row.DeviceCount == 1:
		return "on one endpoint"
	case row.UserCount > 1:
		return "involving multiple users"
	case row.UserCount == 1:
		return "involving one user"
	case row.MailboxCount > 1:
		return "involving multiple mailboxes"
	case row.MailboxCount == 1:
		return "involving one mailbox"
	}
	return ""
}

// spaced writes CamelCase as words: "Credential access".
func spaced(camel string) string {
	var b strings.Builder
	for i, r := range camel {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
