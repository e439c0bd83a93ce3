package api

import (
	"context"
	"net/http"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/device"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

type devicesInput struct {
	Listing
	Group string `query:"group" maxLength:"200" doc:"id of a device group"`
}

type deviceTags struct {
	ID   string `path:"id" maxLength:"1000"`
	Body struct {
		Tags []string `json:"tags" maxItems:"50" nullable:"false"`
	}
}

type devicePreview struct {
	Body struct {
		Rule []access.Condition `json:"rule" minItems:"1" maxItems:"4" nullable:"false"`
	}
}

// DevicePreview says which devices a rule takes.
type DevicePreview struct {
	Count int64           `json:"count"`
	First []device.Device `json:"first" nullable:"false" doc:"the first ten by name"`
}

func (s *server) registerDevices() {
	const tag = "devices"
	handle(s, operation{
		method: http.MethodGet, path: "/api/devices", id: "listDevices", summary: "The devices one sees", tag: tag, door: byPermission, permission: access.DataRead, scope: access.ScopeRead,
	}, func(ctx context.Context, c *call, in *devicesInput) (*pageOutput[device.Device], error) {
		list, n, err := s.Devices.Devices(ctx, c.tenant, c.who.View(c.tenant), device.Query{Search: in.Search, Group: in.Group, Top: in.Top, Skip: in.Skip})
		if err != nil {
			return nil, err
		}
		return pageOf(list, n, in.Paging, requestURL(ctx)), nil
	})
	handle(s, operation{
		method: http.MethodPut, path: "/api/devices/{id}/tags", id: "tagDevice", summary: "Give a device other tags; its group follows", tag: tag, door: byPermission,
		permission: access.AlertsManage, scope: access.ScopeWrite, quiet: true,
	}, func(ctx context.Context, c *call, in *deviceTags) (*output[device.Device], error) {
		d, err := s.Devices.SetTags(ctx, c.tenant, c.who, in.ID, in.Body.Tags)
		if err != nil {
			return nil, err
		}
		return answer(*d), nil
	})
	handle(s, operation{
		method: http.MethodPost, path: "/api/device-groups/preview", id: "previewDeviceGroup", summary: "Which devices a rule takes", tag: tag, door: byPermission,
		permission: access.RolesManage, scope: access.ScopeAdmin, quiet: true,
	}, func(ctx context.Context, c *call, in *devicePreview) (*output[DevicePreview], error) {
		if c.who.View(c.tenant).Groups != nil {
			return nil, fault.Newf(fault.Permission, "a preview names devices of all groups and is for those who see every device").On(string(access.RolesManage))
		}
		first, n, err := s.Devices.Preview(ctx, c.tenant, in.Body.Rule)
		if err != nil {
			return nil, err
		}
		return answer(DevicePreview{Count: n, First: first}), nil
	})
}
