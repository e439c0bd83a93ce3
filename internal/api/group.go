package api

import (
	"context"
	"net/http"

	"github.com/bartizan-sec/bartizan/internal/access"
)

// GroupPath names a group.
type GroupPath struct {
	ID string `path:"id" maxLength:"200"`
}

type userGroupBody struct {
	Name        string   `json:"name" maxLength:"400"`
	Description string   `json:"description,omitempty" maxLength:"4000"`
	Claim       string   `json:"claim,omitempty" maxLength:"500" doc:"value of the identity provider's group claim whose bearers are members"`
	Members     []string `json:"members,omitempty" maxItems:"10000" nullable:"false" doc:"ids of users"`
}

type userGroupCreate struct{ Body userGroupBody }

type userGroupPut struct {
	GroupPath
	Body userGroupBody
}

type deviceGroupBody struct {
	Name        string             `json:"name,omitempty" maxLength:"400"`
	Description string             `json:"description,omitempty" maxLength:"4000"`
	Level       access.Level       `json:"level" enum:"none,semiAll,semiNonTemp,semiSystem,full" doc:"how far remediation goes by itself"`
	Rule        []access.Condition `json:"rule,omitempty" maxItems:"4" nullable:"false" doc:"conditions on name, domain, tag, os; all hold, one of the values of each"`
	UserGroups  []string           `json:"userGroups,omitempty" maxItems:"1000" nullable:"false" doc:"who sees the devices; none: everybody"`
}

type deviceGroupCreate struct{ Body deviceGroupBody }

type deviceGroupPut struct {
	GroupPath
	Body deviceGroupBody
}

type deviceGroupOrder struct {
	Body struct {
		IDs []string `json:"ids" maxItems:"1000" nullable:"false" doc:"every group but that of ungrouped devices, the best rank first"`
	}
}

// registerGroups serves user groups and device groups. The service writes its own lines into the audit log.
func (s *server) registerGroups() {
	const tag = "permissions"
	read := func(path, id, summary string) operation {
		return operation{method: http.MethodGet, path: path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.RolesRead, scope: access.ScopeAdmin}
	}
	manage := func(method, path, id, summary string, status int) operation {
		return operation{method: method, path: path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.RolesManage, scope: access.ScopeAdmin, status: status, quiet: true}
	}
	const users = "/api/user-groups"
	handle(s, read(users, "listUserGroups", "The tenant's user groups"), func(ctx context.Context, c *call, in *Paging) (*pageOutput[access.UserGroup], error) {
		list, err := s.Access.UserGroups(ctx, c.who, c.tenant)
		return slice(list, *in, requestURL(ctx)), err
	})
	putUsers := func(ctx context.Context, c *call, id string, b userGroupBody) (*output[access.UserGroup], error) {
		g, err := s.Access.PutUserGroup(ctx, c.who, c.tenant, access.UserGroup{ID: id, Name: b.Name, Description: b.Description, Claim: b.Claim, Members: b.Members})
		if err != nil {
			return nil, err
		}
		return answer(*g), nil
	}
	handle(s, manage(http.MethodPost, users, "createUserGroup", "Add a user group", http.StatusCreated), func(ctx context.Context, c *call, in *userGroupCreate) (*output[access.UserGroup], error) {
		return putUsers(ctx, c, "", in.Body)
	})
	handle(s, manage(http.MethodPut, users+"/{id}", "updateUserGroup", "Replace a user group", 0), func(ctx context.Context, c *call, in *userGroupPut) (*output[access.UserGroup], error) {
		return putUsers(ctx, c, in.ID, in.Body)
	})
	handle(s, manage(http.MethodDelete, users+"/{id}", "deleteUserGroup", "Remove a user group, and what its members had by it", http.StatusNoContent), func(ctx context.Context, c *call, in *GroupPath) (*nothing, error) {
		return &nothing{}, s.Access.DeleteUserGroup(ctx, c.who, c.tenant, in.ID)
	})

	const devices = "/api/device-groups"
	handle(s, read(devices, "listDeviceGroups", "The tenant's device groups by rank"), func(ctx context.Context, c *call, in *Paging) (*pageOutput[access.DeviceGroup], error) {
		list, err := s.Access.DeviceGroups(ctx, c.who, c.tenant)
		return slice(list, *in, requestURL(ctx)), err
	})
	putDevices := func(ctx context.Context, c *call, id string, b deviceGroupBody) (*output[access.DeviceGroup], error) {
		g, err := s.Access.PutDeviceGroup(ctx, c.who, c.tenant, access.DeviceGroup{ID: id, Name: b.Name, Description: b.Description, Level: b.Level, Rule: b.Rule, UserGroups: b.UserGroups})
		if err != nil {
			return nil, err
		}
		return answer(*g), nil
	}
	handle(s, manage(http.MethodPost, devices, "createDeviceGroup", "Add a device group, at the last rank", http.StatusCreated), func(ctx context.Context, c *call, in *deviceGroupCreate) (*output[access.DeviceGroup], error) {
		return putDevices(ctx, c, "", in.Body)
	})
	handle(s, manage(http.MethodPut, devices+"/{id}", "updateDeviceGroup", "Replace a device group", 0), func(ctx context.Context, c *call, in *deviceGroupPut) (*output[access.DeviceGroup], error) {
		return putDevices(ctx, c, in.ID, in.Body)
	})
	handle(s, manage(http.MethodDelete, devices+"/{id}", "deleteDeviceGroup", "Remove a device group; its devices fall to the next that takes them", http.StatusNoContent), func(ctx context.Context, c *call, in *GroupPath) (*nothing, error) {
		return &nothing{}, s.Access.DeleteDeviceGroup(ctx, c.who, c.tenant, in.ID)
	})
	handle(s, manage(http.MethodPut, devices+"/order", "rankDeviceGroups", "Order the device groups", http.StatusNoContent), func(ctx context.Context, c *call, in *deviceGroupOrder) (*nothing, error) {
		return &nothing{}, s.Access.RankDeviceGroups(ctx, c.who, c.tenant, in.Body.IDs)
	})
}
