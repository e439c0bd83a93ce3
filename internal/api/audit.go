package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
)

type auditInput struct {
	Paging
	From   time.Time `query:"from"`
	To     time.Time `query:"to"`
	Action string    `query:"operation" maxLength:"100"`
	Actor  string    `query:"userId" maxLength:"200"`
	Target string    `query:"objectId" maxLength:"500"`
}

func (s *server) registerAudit() {
	handle(s, operation{
		method: http.MethodGet, path: "/api/audit", id: "listAudit", summary: "Who did what", tag: "audit", door: byPermission, permission: access.AuditRead, scope: access.ScopeAdmin,
	}, func(ctx context.Context, c *call, in *auditInput) (*pageOutput[access.AuditRecord], error) {
		rows, n, err := s.Access.AuditLog(ctx, c.who, c.tenant, access.AuditQuery{
			From: in.From, To: in.To, Action: in.Action, Actor: in.Actor, Target: in.Target, Top: in.Top, Skip: in.Skip,
		})
		return pageOf(rows, n, in.Paging, requestURL(ctx)), err
	})
}
