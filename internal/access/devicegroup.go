package access

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Ungrouped is the id of the group of the devices that no rule takes. It always exists, has the last rank and can neither be ranked nor deleted.
const Ungrouped = "ungrouped"

// Level says how far remediation of a group's devices goes by itself.
type Level string

// The levels of remediation.
const (
	LevelNone         Level = "none"        // no automated response
	LevelSemiAll      Level = "semiAll"     // approval for all folders
	LevelSemiNonTemp  Level = "semiNonTemp" // approval for non-temporary folders
	LevelSemiSystem   Level = "semiSystem"  // approval for system folders
	LevelFull         Level = "full"        // everything is done at once
	ungroupedName           = "Ungrouped devices (default)"
	ungroupedRank           = int64(1) << 40
	maxDeviceGroups         = 500
	maxConditionValue       = 10
)

// Property is what of a device a condition looks at.
type Property string

// The properties.
const (
	DeviceName   Property = "name"
	DeviceDomain Property = "domain"
	DeviceTag    Property = "tag"
	DeviceOS     Property = "os"
)

// Comparison is how a condition compares; upper and lower case count the same.
type Comparison string

// The comparisons.
const (
	StartsWith Comparison = "startsWith"
	EndsWith   Comparison = "endsWith"
	Contains   Comparison = "contains"
	Equals     Comparison = "equals"
)

// Condition holds when one of the values does.
type Condition struct {
	Property Property         `json:"property"`
	Values   []ConditionValue `json:"values"`
}

// ConditionValue is one alternative of a condition.
type ConditionValue struct {
	Comparison Comparison `json:"comparison"`
	Value      string     `json:"value"`
}

// Device is what rules of device groups know of a device.
type Device struct {
	ID, Name, Domain, OS string
	Tags                 []string
}

// DeviceGroup is a set of devices by rule. A device belongs to the best-ranked group whose rule takes it, 1 being the best rank.
type DeviceGroup struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Level       Level       `json:"level"`
	Rank        int64       `json:"rank"`
	Rule        []Condition `json:"rule"`       // all hold; none takes no device
	UserGroups  []string    `json:"userGroups"` // ids of those who see the devices; none: everybody
	Changed     time.Time   `json:"changed"`
	ChangedBy   string      `json:"changedBy"`
}

type deviceGroupRow struct {
	bun.BaseModel `bun:"table:device_groups"`
	Tenant        tenant.ID `bun:"tenant_id,pk"`
	ID            string    `bun:"id,pk"`
	Name          string    `bun:"name"`
	Description   string    `bun:"description"`
	Level         Level     `bun:"level"`
	Rank          int64     `bun:"rank"`
	Rule          string    `bun:"rule"`
	Changed       int64     `bun:"changed"`
	ChangedBy     string    `bun:"changed_by"`
}

// Matches reports whether the group's rule takes the device.
func (g *DeviceGroup) Matches(d Device) bool {
	for _, c := range g.Rule {
		if !c.matches(d) {
			return false
		}
	}
	return len(g.Rule) > 0
}

func (c Condition) matches(d Device) bool {
	var texts []string
	switch c.Property {
	case DeviceName:
		texts = []string{d.Name}
	case DeviceDomain:
		texts = []string{d.Domain}
	case DeviceOS:
		texts = []string{d.OS}
	case DeviceTag:
		texts = d.Tags
	}
	return slices.ContainsFunc(c.Values, func(v ConditionValue) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return v.matches(text) })
	})
}

func (v ConditionValue) matches(text string) bool {
	text, want := strings.ToLower(text), strings.ToLower(v.Value)
	switch v.Comparison {
	case StartsWith:
		return strings.HasPrefix(text, want)
	case EndsWith:
		return strings.HasSuffix(text, want)
	case Contains:
		return strings.Contains(text, want)
	case Equals:
		return text == want
	}
	return false
}

// GroupOf returns the id of the group that the device belongs to. groups are in order of rank, as DeviceGroups and AllDeviceGroups give them.
func GroupOf(groups []DeviceGroup, d Device) string {
	for i := range groups {
		if groups[i].Matches(d) {
			return groups[i].ID
		}
	}
	return Ungrouped
}

// DeviceGroups lists the tenant's device groups by rank, the one of ungrouped devices last.
func (s *Service) DeviceGroups(ctx context.Context, by *Principal, id tenant.ID) ([]DeviceGroup, error) {
	if err := by.Require(id, RolesRead); err != nil {
		return nil, err
	}
	return s.AllDeviceGroups(ctx, id)
}

// AllDeviceGroups is DeviceGroups for the program's own work: finding out which group each device is in.
func (s *Service) AllDeviceGroups(ctx context.Context, id tenant.ID) ([]DeviceGroup, error) {
	var rows []deviceGroupRow
	if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Order("rank", "id").Scan(ctx); err != nil {
		return nil, err
	}
	var doors []deviceGroupAccess
	if err := s.db.NewSelect().Model(&doors).Where("tenant_id = ?", id).Order("user_group_id").Scan(ctx); err != nil {
		return nil, err
	}
	out := make([]DeviceGroup, 0, len(rows)+1)
	last := DeviceGroup{ID: Ungrouped, Name: ungroupedName, Level: LevelFull, Rank: ungroupedRank, Rule: []Condition{}, UserGroups: []string{}}
	for i := range rows {
		if rows[i].ID == Ungrouped {
			last.Level, last.Description, last.Changed, last.ChangedBy = rows[i].Level, rows[i].Description, time.UnixMicro(rows[i].Changed).UTC(), rows[i].ChangedBy
			continue
		}
		out = append(out, rows[i].group())
	}
	out = append(out, last)
	for i := range out {
		for _, d := range doors {
			if d.Group == out[i].ID {
				out[i].UserGroups = append(out[i].UserGroups, d.UserGroup)
			}
		}
	}
	return out, nil
}

func (r *deviceGroupRow) group() DeviceGroup {
	g := DeviceGroup{
		ID: r.ID, Name: r.Name, Description: r.Description, Level: r.Level, Rank: r.Rank, Rule: []Condition{}, UserGroups: []string{},
		Changed: time.UnixMicro(r.Changed).UTC(), ChangedBy: r.ChangedBy,
	}
	_ = json.Unmarshal([]byte(r.Rule), &g.Rule) // a damaged rule takes no device
	return g
}

// PutDeviceGroup makes a group (empty id), at the last rank, or replaces one at the rank it has. Of the group of ungrouped devices only level, description and
// user groups can be chosen. User groups have to hold a role. Whoever does not see all devices cannot change who sees which.
func (s *Service) PutDeviceGroup(ctx context.Context, by *Principal, id tenant.ID, g DeviceGroup) (*DeviceGroup, error) {
	if err := s.mayGroup(ctx, by, id); err != nil {
		return nil, err
	}
	if g.ID == Ungrouped {
		g.Name, g.Rule, g.Rank = ungroupedName, []Condition{}, ungroupedRank
	}
	if err := checkDeviceGroup(&g); err != nil {
		return nil, err
	}
	if err := s.checkUserGroups(ctx, id, g.UserGroups); err != nil {
		return nil, err
	}
	action := "deviceGroup.update"
	if g.ID == "" {
		action, g.ID = "deviceGroup.create", ulid.Make().String()
	}
	rule, _ := json.Marshal(g.Rule) // strings always encode
	row := &deviceGroupRow{Tenant: id, ID: g.ID, Name: g.Name, Description: g.Description, Level: g.Level, Rank: g.Rank, Rule: string(rule), Changed: s.now().UnixMicro(), ChangedBy: by.Name}
	err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := s.oneByOne(ctx, tx, id); err != nil {
			return err
		}
		if err := storeDeviceGroup(ctx, tx, action, row); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*deviceGroupAccess)(nil)).Where("tenant_id = ? AND group_id = ?", id, g.ID).Exec(ctx); err != nil {
			return err
		}
		for _, u := range g.UserGroups {
			if _, err := tx.NewInsert().Model(&deviceGroupAccess{Tenant: id, Group: g.ID, UserGroup: u}).Exec(ctx); err != nil {
				return err
			}
		}
		if err := regroup(ctx, tx, id); err != nil {
			return err
		}
		return s.AuditTx(ctx, tx, id, by, Entry{Action: action, Target: g.Name, Details: map[string]any{"rule": g.Rule, "level": g.Level, "userGroups": g.UserGroups}})
	})
	if err != nil {
		return nil, err
	}
	out := row.group()
	out.UserGroups = g.UserGroups
	return &out, nil
}

// RulesCounter is the sequence that counts changes of the rules and ranks of device groups, and of the tags of devices. Whoever keeps devices in their groups
// compares it with what it last saw.
const RulesCounter = "deviceGroupRules"

// regroup says that devices have to be put into groups anew.
func regroup(ctx context.Context, tx bun.Tx, id tenant.ID) error {
	_, err := state.Reserve(ctx, tx, id, RulesCounter, 1)
	return err
}

// oneByOne lets changes to one tenant's people and groups go one after the other.
func (s *Service) oneByOne(ctx context.Context, tx bun.Tx, id tenant.ID) error {
	_, err := tx.NewRaw("UPDATE tenants SET name = name WHERE id = ?", id).Exec(ctx)
	return err
}

func (s *Service) mayGroup(ctx context.Context, by *Principal, id tenant.ID) error {
	if err := by.Require(id, RolesManage); err != nil {
		return err
	}
	if v := by.View(id); v.Groups != nil || by.Workloads(id, RolesManage)&Endpoint == 0 {
		return fault.Newf(fault.Permission, "device groups are managed by those who see every device; ask an administrator of the tenant").On(string(RolesManage))
	}
	return s.checkTenant(ctx, id)
}

func storeDeviceGroup(ctx context.Context, tx bun.Tx, action string, row *deviceGroupRow) error {
	taken, err := tx.NewSelect().Model((*deviceGroupRow)(nil)).Where("tenant_id = ? AND name = ? AND id <> ?", row.Tenant, row.Name, row.ID).Exists(ctx)
	if err != nil {
		return err
	}
	if taken || row.ID != Ungrouped && strings.EqualFold(row.Name, ungroupedName) {
		return fault.Newf(fault.Conflict, "there is already a device group called %s", row.Name).On("name")
	}
	if row.ID == Ungrouped {
		_, err := tx.NewInsert().Model(row).On("CONFLICT (tenant_id, id) DO UPDATE").Set("level = EXCLUDED.level").Set("description = EXCLUDED.description").
			Set("changed = EXCLUDED.changed").Set("changed_by = EXCLUDED.changed_by").Exec(ctx)
		return err
	}
	if action == "deviceGroup.create" {
		var last struct{ N, Rank int64 }
		err := tx.NewSelect().Model((*deviceGroupRow)(nil)).ColumnExpr("count(*) AS n, coalesce(max(rank), 0) AS rank").Where("tenant_id = ? AND id <> ?", row.Tenant, Ungrouped).Scan(ctx, &last)
		if err != nil {
			return err
		}
		if last.N >= maxDeviceGroups {
			return fault.Newf(fault.Limit, "a tenant has at most %d device groups", maxDeviceGroups)
		}
		row.Rank = last.Rank + 1
		_, err = tx.NewInsert().Model(row).Exec(ctx)
		return err
	}
	old := &deviceGroupRow{Tenant: row.Tenant, ID: row.ID}
	if err := tx.NewSelect().Model(old).WherePK().Scan(ctx); err != nil {
		return errNoDeviceGroup(row.ID)
	}
	row.Rank = old.Rank
	_, err = tx.NewUpdate().Model(row).WherePK().Exec(ctx)
	return err
}

func errNoDeviceGroup(group string) error {
	return fault.Newf(fault.NotFound, "there is no device group %s", group)
}

// RankDeviceGroups orders the groups: ids names every group but that of ungrouped devices, the best first.
func (s *Service) RankDeviceGroups(ctx context.Context, by *Principal, id tenant.ID, ids []string) error {
	if err := s.mayGroup(ctx, by, id); err != nil {
		return err
	}
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := s.oneByOne(ctx, tx, id); err != nil {
			return err
		}
		var have []string
		if err := tx.NewSelect().Model((*deviceGroupRow)(nil)).Column("id").Where("tenant_id = ? AND id <> ?", id, Ungrouped).Scan(ctx, &have); err != nil {
			return err
		}
		if !slices.Equal(slices.Sorted(slices.Values(have)), slices.Sorted(slices.Values(ids))) {
			return fault.Newf(fault.Conflict, "the order has to name each device group once; the groups have changed meanwhile").On("ids")
		}
		for i, g := range ids {
			if _, err := tx.NewUpdate().Model((*deviceGroupRow)(nil)).Set("rank = ?", i+1).Where("tenant_id = ? AND id = ?", id, g).Exec(ctx); err != nil {
				return err
			}
		}
		if err := regroup(ctx, tx, id); err != nil {
			return err
		}
		return s.AuditTx(ctx, tx, id, by, Entry{Action: "deviceGroup.rank", Details: map[string]any{"order": ids}})
	})
}

// DeleteDeviceGroup forgets a group; its devices fall to the next group that takes them.
func (s *Service) DeleteDeviceGroup(ctx context.Context, by *Principal, id tenant.ID, group string) error {
	if err := s.mayGroup(ctx, by, id); err != nil {
		return err
	}
	if group == Ungrouped {
		return fault.Newf(fault.Conflict, "the group of ungrouped devices cannot be deleted")
	}
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := s.oneByOne(ctx, tx, id); err != nil {
			return err
		}
		row := &deviceGroupRow{Tenant: id, ID: group}
		if err := tx.NewSelect().Model(row).WherePK().Scan(ctx); err != nil {
			return errNoDeviceGroup(group)
		}
		if _, err := tx.NewDelete().Model(row).WherePK().Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*deviceGroupAccess)(nil)).Where("tenant_id = ? AND group_id = ?", id, group).Exec(ctx); err != nil {
			return err
		}
		if err := regroup(ctx, tx, id); err != nil {
			return err
		}
		return s.AuditTx(ctx, tx, id, by, Entry{Action: "deviceGroup.delete", Target: row.Name})
	})
}

func checkDeviceGroup(g *DeviceGroup) error {
	g.Name, g.Description = strings.TrimSpace(g.Name), strings.TrimSpace(g.Description)
	if err := checkLabel(g.Name, g.Description); err != nil {
		return err
	}
	if !slices.Contains([]Level{LevelNone, LevelSemiAll, LevelSemiNonTemp, LevelSemiSystem, LevelFull}, g.Level) {
		return fault.Newf(fault.Invalid, "%q is not a remediation level", g.Level).On("level")
	}
	if g.ID != Ungrouped && len(g.Rule) == 0 {
		return fault.Newf(fault.Invalid, "the rule needs a condition").On("rule")
	}
	seen := map[Property]bool{}
	for i := range g.Rule {
		c := &g.Rule[i]
		if !slices.Contains([]Property{DeviceName, DeviceDomain, DeviceTag, DeviceOS}, c.Property) || seen[c.Property] {
			return fault.Newf(fault.Invalid, "a rule has at most one condition each on name, domain, tag and os; %q is none of them or stands twice", c.Property).On("rule")
		}
		seen[c.Property] = true
		if len(c.Values) == 0 || len(c.Values) > maxConditionValue {
			return fault.Newf(fault.Invalid, "a condition has 1 to %d values", maxConditionValue).On("rule")
		}
		for j := range c.Values {
			v := &c.Values[j]
			v.Value = strings.TrimSpace(v.Value)
			if v.Value == "" || len(v.Value) > 256 || !slices.Contains([]Comparison{StartsWith, EndsWith, Contains, Equals}, v.Comparison) {
				return fault.Newf(fault.Invalid, "a value of the condition on %s is empty, too long, or compared in a way that there is not", c.Property).On("rule")
			}
		}
	}
	return nil
}

// checkUserGroups reports user groups that do not exist or hold no role: they could not see the devices anyway.
func (s *Service) checkUserGroups(ctx context.Context, id tenant.ID, groups []string) error {
	if len(groups) == 0 {
		return nil
	}
	unique := slices.Compact(slices.Sorted(slices.Values(groups)))
	if len(unique) != len(groups) {
		return fault.Newf(fault.Invalid, "a user group stands twice").On("userGroups")
	}
	n, err := s.db.NewSelect().Model((*userGroupRow)(nil)).Where("tenant_id = ? AND id IN (?)", id, bun.List(groups)).
		Where("id IN (SELECT assignee FROM role_assignees WHERE tenant_id = ? AND kind = ?)", id, assigneeGroup).Count(ctx)
	if err != nil {
		return err
	}
	if n != int64(len(groups)) {
		return fault.Newf(fault.Invalid, "a user group does not exist or holds no role; assign it a role first").On("userGroups")
	}
	return nil
}
