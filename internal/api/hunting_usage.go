package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/hunting"
)

type UsageFilter struct {
	From      time.Time `query:"from" doc:"runs at or after"`
	To        time.Time `query:"to" doc:"runs before"`
	Interface []string  `query:"interface,explode" maxItems:"4" enum:"portal,api,rule,command"`
	State     []string  `query:"state,explode" maxItems:"4" enum:"completed,failed,throttled,cancelled"`
	User      string    `query:"user" maxLength:"200" doc:"part of the name"`
}

type usageInput struct {
	Paging
	UsageFilter
	OrderBy string `query:"orderby" maxLength:"60" doc:"time, cpuMs, ms, rows or bytes, with :asc or :desc; left out: time:desc"`
}

// usage is what of the report the caller may see: everything for administrators and security readers, who see settings or the audit log, else its own runs.
func (c *call) usage(f UsageFilter) hunting.UsageQuery {
	q := hunting.UsageQuery{From: f.From, To: f.To, Interfaces: f.Interface, States: f.State, User: f.User}
	if !c.who.Can(c.tenant, access.AuditRead) && !c.who.Can(c.tenant, access.CoreManage) && !c.who.Can(c.tenant, access.CoreRead) {
		q.Only = c.owner().ID
	}
	return q
}

func (s *server) registerUsage(op func(method, path, id, summary string) operation) {
	handle(s, op(http.MethodGet, "/usage", "listQueryUsage", "Query resources report: runs with what they cost; others' for administrators and security readers"),
		func(ctx context.Context, c *call, in *usageInput) (*pageOutput[hunting.Run], error) {
			q := c.usage(in.UsageFilter)
			q.OrderBy, q.Top, q.Skip = in.OrderBy, in.Top, in.Skip
			list, n, err := s.Queries.Usage(ctx, c.tenant, q)
			return pageOf(list, n, in.Paging, requestURL(ctx)), err
		})
	handle(s, op(http.MethodGet, "/usage/summary", "summarizeQueryUsage", "Runs and processor time per hour and interface"), func(ctx context.Context, c *call, in *UsageFilter) (*output[struct {
		Value []hunting.UsageHour `json:"value" nullable:"false"`
	}], error,
	) {
		list, err := s.Queries.UsageSummary(ctx, c.tenant, c.usage(*in))
		return answer(struct {
			Value []hunting.UsageHour `json:"value" nullable:"false"`
		}{list}), err
	})
}
