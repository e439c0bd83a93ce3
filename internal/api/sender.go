package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/device"
	"github.com/bartizan-sec/bartizan/internal/ingest"
)

// SenderView is one who delivers.
type SenderView struct {
	ID            string      `json:"id" doc:"kind and id: token:01J…, syslog:192.0.2.7"`
	Kind          string      `json:"kind" enum:"token,connector,syslog,osquery,import,lab"`
	Name          string      `json:"name"`
	Address       string      `json:"address,omitempty" doc:"where the last delivery came from"`
	Families      []string    `json:"families" nullable:"false"`
	FirstSeen     *time.Time  `json:"firstSeen,omitempty"`
	LastSeen      *time.Time  `json:"lastSeen,omitempty"`
	Records       int64       `json:"records"`
	Bytes         int64       `json:"bytes"`
	Refused       int64       `json:"refused" doc:"records of it that could not be used"`
	RatePerMinute float64     `json:"ratePerMinute" doc:"mean of the last 15 minutes"`
	Recent        []int64     `json:"recent" nullable:"false" doc:"records in each of the last 60 minutes, oldest first"`
	Throttled     int64       `json:"throttled" doc:"deliveries that were refused because of the quota"`
	State         string      `json:"state" enum:"delivering,quiet,silent,failing"`
	Quota         *TokenQuota `json:"quota,omitempty" doc:"of the token; left out: none"`
}

// ClockView is a device whose clock is wrong.
type ClockView struct {
	Device      string     `json:"device"`
	Family      string     `json:"family"`
	SkewSeconds float64    `json:"skewSeconds" doc:"how far the clock is ahead; negative: behind"`
	Records     int64      `json:"records" doc:"records that were looked at"`
	Measured    *time.Time `json:"measured,omitempty"`
}

type quotaChange struct {
	TokenPath
	Body TokenQuota
}

func (s *server) registerSenders() {
	const tag = "sources"
	read := operation{method: http.MethodGet, tag: tag, door: byPermission, permission: access.DataRead, scope: access.ScopeRead}
	list := read
	list.path, list.id, list.summary = "/api/sources/senders", "listSenders", "Who delivers: tokens, connectors, syslog peers, osquery agents"
	handle(s, list, func(ctx context.Context, c *call, in *Paging) (*pageOutput[SenderView], error) {
		all, err := s.Traffic.Senders(ctx, c.tenant)
		if err != nil {
			return nil, err
		}
		quotas, err := s.Access.TokenQuotas(ctx, c.tenant)
		if err != nil {
			return nil, err
		}
		seen, err := s.devicesSeen(ctx, c)
		if err != nil {
			return nil, err
		}
		views := make([]SenderView, 0, len(all))
		for i := range all {
			if all[i].Kind == ingest.SenderOsquery && !seen(all[i].Name) {
				continue // an agent is a device
			}
			views = append(views, ViewSender(&all[i], quotas))
		}
		return slice(views, *in, requestURL(ctx)), nil
	})
	clocks := read
	clocks.path, clocks.id, clocks.summary = "/api/sources/clocks", "listDeviceClocks", "Devices whose clock is wrong, the worst first"
	handle(s, clocks, func(ctx context.Context, c *call, in *Paging) (*pageOutput[ClockView], error) {
		all, err := s.Traffic.Clocks(ctx, c.tenant)
		if err != nil {
			return nil, err
		}
		seen, err := s.devicesSeen(ctx, c)
		if err != nil {
			return nil, err
		}
		views := make([]ClockView, 0, len(all))
		for i := range all {
			if !seen(all[i].Device) {
				continue
			}
			views = append(views, ViewClock(&all[i]))
		}
		return slice(views, *in, requestURL(ctx)), nil
	})
	handle(s, operation{
		method: http.MethodPut, path: "/api/tokens/{id}/quota", id: "setTokenQuota", summary: "Bound what a token delivers", tag: "tokens", door: byPermission,
		permission: access.CoreManage, scope: access.ScopeAdmin, status: http.StatusNoContent, quiet: true,
	}, func(ctx context.Context, c *call, in *quotaChange) (*nothing, error) {
		q := access.Quota{RecordsPerMinute: in.Body.RecordsPerMinute, BytesPerDay: in.Body.BytesPerDay}
		return &nothing{}, s.Access.SetQuota(ctx, c.who, c.tenant, in.ID, q)
	})
}

// devicesSeen tells which devices exist for the principal, by name.
func (s *server) devicesSeen(ctx context.Context, c *call) (func(name string) bool, error) {
	v := c.who.View(c.tenant)
	if v.Workloads&access.Endpoint == 0 {
		return func(string) bool { return false }, nil
	}
	if v.Groups == nil {
		return func(string) bool { return true }, nil
	}
	list, _, err := s.Devices.Devices(ctx, c.tenant, v, device.Query{})
	names := make(map[string]bool, len(list))
	for i := range list {
		names[strings.ToLower(list[i].Name)] = true
	}
	return func(name string) bool { return names[strings.ToLower(name)] }, err
}

// ViewSender shows a sender with the quota of its token.
func ViewSender(n *ingest.SenderSeen, quotas map[string]access.Quota) SenderView {
	v := SenderView{
		ID: n.ID, Kind: n.Kind, Name: n.Name, Address: n.Address, Families: strings.Fields(n.Families), FirstSeen: moment(n.FirstSeen.Time), LastSeen: moment(n.LastSeen.Time),
		Records: n.Records, Bytes: n.Bytes, Refused: n.Refused, RatePerMinute: ingest.RatePerMinute(n.Recent), Recent: n.Recent, Throttled: n.Throttled, State: n.State,
	}
	if token, ok := strings.CutPrefix(n.ID, ingest.SenderToken+":"); ok {
		v.Quota = viewQuota(quotas[token])
	}
	return v
}

// ViewClock shows a device whose clock is wrong.
func ViewClock(d *ingest.DeviceClock) ClockView {
	return ClockView{Device: d.Device, Family: d.Family, SkewSeconds: float64(d.SkewMS) / 1000, Records: d.Records, Measured: moment(d.Measured.Time)}
}

// sender is who makes a request with a token.
func (c *call) sender() ingest.Sender {
	return ingest.Sender{Kind: ingest.SenderToken, ID: c.who.TokenID, Name: c.who.TokenName, Address: c.who.Address, Account: c.who.TokenID}
}
