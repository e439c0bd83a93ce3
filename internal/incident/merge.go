package incident

import (
	"context"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// mergeRows moves everything of one stored incident into another and leaves a redirect. The caller summarises and writes the target afterwards.
// A custom name of the target is given up: the name is built anew from all alerts.
func mergeRows(ctx context.Context, tx bun.Tx, id tenant.ID, from, into *store.Incident, now int64, log *[]*store.Activity) error {
	if err := store.MoveIncident(ctx, tx, id, from.ID, into.ID, now); err != nil {
		return err
	}
	var a, b totals
	decode(from.Summary, &a)
	decode(into.Summary, &b)
	for _, t := range a.Tags {
		addDistinct(&b.Tags, t)
	}
	for _, t := range a.SystemTags {
		addDistinct(&b.SystemTags, t)
	}
	into.Summary = encode(&b)
	into.NameCustom = 0
	if into.AssignedTo == "" {
		into.AssignedTo = from.AssignedTo
	}
	if into.Classification == "Unknown" {
		into.Classification, into.Determination = from.Classification, from.Determination
	}
	if from.SeverityCustom != 0 && (into.SeverityCustom == 0 || from.Severity > into.Severity) {
		into.Severity, into.SeverityCustom = from.Severity, 1
	}
	copied, err := store.CopyActivities(ctx, tx, id, "incident", strconv.FormatInt(from.ID, 10), strconv.FormatInt(into.ID, 10), from.ID)
	if err != nil {
		return err
	}
	*log = append(copied, *log...)
	*log = append(*log, activity("incident", strconv.FormatInt(from.ID, 10), now, System, "redirected", "", strconv.FormatInt(into.ID, 10), fmt.Sprintf("Merged into incident %d", into.ID)))
	from.Status, from.RedirectID, from.Updated = statusRedirected, into.ID, now
	from.AlertCount, from.ActiveAlertCount = 0, 0
	return store.UpdateIncident(ctx, tx, from)
}
