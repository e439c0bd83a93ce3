package ingest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// The kinds of senders.
const (
	SenderToken     = "token"
	SenderConnector = "connector"
	SenderSyslog    = "syslog"
	SenderOsquery   = "osquery"
	SenderImport    = "import"
	SenderLab       = "lab"
)

// Sender says who delivers. Kind and ID together name it; Name and Address are for people.
type Sender struct {
	Kind, ID, Name, Address string
	// Account is whose quota the records count against, as given to Traffic.Admit; empty when there is none.
	Account string
}

// key is the sender's id over all kinds.
func (s Sender) key() string {
	if s.ID == "" || s.ID == s.Kind {
		return s.Kind
	}
	return s.Kind + ":" + s.ID
}

// SenderSeen is what is known of a sender.
type SenderSeen struct {
	bun.BaseModel `bun:"table:senders"`

	Tenant    tenant.ID  `bun:"tenant_id,pk"`
	ID        string     `bun:"id,pk"` // kind:id
	Kind      string     `bun:"kind"`
	Name      string     `bun:"name"`
	Address   string     `bun:"address"`
	Families  string     `bun:"families"` // separated by blanks
	FirstSeen state.Time `bun:"first_seen"`
	LastSeen  state.Time `bun:"last_seen"`
	Records   int64      `bun:"records"`
	Bytes     int64      `bun:"bytes"`
	Refused   int64      `bun:"refused"`
	Throttled int64      `bun:"throttled"` // deliveries that were refused because of a quota
	Steady    int64      `bun:"steady"`    // minutes with records in the hour before LastSeen

	// Recent is what was delivered in each of the last 60 minutes, oldest first.
	Recent []int64 `bun:"-"`
	// State is one of the states of sources.
	State string `bun:"-"`
}

// maxSenders bounds the senders of a tenant that are told apart; the rest of a kind counts as one. Addresses of UDP peers can be made up.
const maxSenders = 10_000

// maxFamilies bounds the families that are listed with a sender.
const maxFamilies = 16

// others is the id of the senders of a kind that are not told apart.
const others = "others"

// RatePerMinute is the mean of the last quarter of an hour, the running minute left out.
func RatePerMinute(recent []int64) float64 {
	if len(recent) < 16 {
		return 0
	}
	var sum int64
	for _, n := range recent[len(recent)-16 : len(recent)-1] {
		sum += n
	}
	if sum == 0 {
		return float64(recent[len(recent)-1])
	}
	return float64(sum) / 15
}

// mergeFamilies joins two lists of families.
func mergeFamilies(a, b string) string {
	all := strings.Fields(a + " " + b)
	slices.Sort(all)
	all = slices.Compact(all)
	return strings.Join(all[:min(len(all), maxFamilies)], " ")
}

// Senders lists who delivers to the tenant, those seen last first.
func (t *Traffic) Senders(ctx context.Context, id tenant.ID) ([]SenderSeen, error) {
	var out []SenderSeen
	if err := t.db.NewSelect().Model(&out).Where("tenant_id = ?", id).Order("last_seen DESC", "id").Limit(maxSenders + 100).Scan(ctx); err != nil {
		return nil, err
	}
	now := t.now()
	recent, err := t.recent(ctx, id, minutesOfSender, now)
	if err != nil {
		return nil, err
	}
	for i := range out {
		s := &out[i]
		m := recent[s.ID]
		s.Recent = m.counts()
		s.State = stateOf(s.LastSeen.Time, s.Steady, m.quarter(), now)
	}
	return out, nil
}

// The states of sources and senders.
const (
	StateDelivering = "delivering"
	StateQuiet      = "quiet"   // nothing comes, and nothing has to
	StateSilent     = "silent"  // what came regularly has stopped
	StateFailing    = "failing" // most of what comes is refused
)

// steadyEnough is in how many minutes of an hour a source delivers so that its end is worth a notice.
const steadyEnough = 6

// stateOf judges a source by when it was seen last, in how many minutes of the hour before it delivered, and what came in the last quarter of an hour.
// One that delivered in at least every tenth minute is silent when it has not for three times its usual pause and at least 15 minutes; after a week it
// counts as gone.
func stateOf(last time.Time, steady int64, quarter count, now time.Time) string {
	gap := now.Sub(last)
	usual := time.Hour
	if steady > 0 {
		usual = time.Hour / time.Duration(steady)
	}
	switch {
	case quarter.records > 0 && quarter.refused*2 > quarter.records:
		return StateFailing
	case gap <= max(5*time.Minute, min(3*usual, 15*time.Minute)):
		return StateDelivering
	case steady >= steadyEnough && gap > max(15*time.Minute, 3*usual) && gap < 7*24*time.Hour:
		return StateSilent
	}
	return StateQuiet
}
