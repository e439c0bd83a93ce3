package api

import (
	"context"
	"net/http"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/setting"
)

type settingInput struct {
	Body struct {
		Name  string `json:"name" maxLength:"100"`
		Value string `json:"value" maxLength:"1000"`
	}
}

func (i *settingInput) audited() (string, map[string]any) {
	return i.Body.Name, map[string]any{"value": i.Body.Value}
}

func (s *server) registerSettings() {
	const tag = "settings"
	handle(s, operation{
		method: http.MethodGet, path: "/api/settings", id: "listSettings", summary: "The tenant's settings", tag: tag, door: byPermission, permission: access.CoreRead, scope: access.ScopeRead,
	}, func(ctx context.Context, c *call, in *Paging) (*pageOutput[setting.Setting], error) {
		all, err := s.Settings.List(ctx, c.tenant)
		return slice(all, *in, requestURL(ctx)), err
	})
	handle(s, operation{
		method: http.MethodPut, path: "/api/settings", id: "changeSetting", summary: "Choose the value of a setting", tag: tag, door: byPermission, permission: access.CoreManage, scope: access.ScopeAdmin,
	}, func(ctx context.Context, c *call, in *settingInput) (*output[*setting.Setting], error) {
		v, err := s.Settings.Set(ctx, c.tenant, c.actorName(), in.Body.Name, in.Body.Value)
		return answer(v), err
	})
}
