// Package device keeps the inventory of devices: what each one is called, what it runs, its tags, and the device group that it belongs to. Devices come from the
// rows of DeviceInfo as they pass on their way to the lake; groups come from the rules of package access, at once when a rule changes.
package device

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Device is one device of a tenant.
type Device struct {
	ID        string    `json:"id"`  // DeviceId of the hunting tables
	Entity    string    `json:"key"` // canonical key of the entity
	Name      string    `json:"name"`
	Domain    string    `json:"domain"`
	OS        string    `json:"os"`
	Tags      []string  `json:"tags"`
	Group     string    `json:"groupId"`
	FirstSeen time.Time `json:"firstSeen"`
	LastSeen  time.Time `json:"lastSeen"`
}

type row struct {
	bun.BaseModel `bun:"table:devices"`
	Tenant        tenant.ID `bun:"tenant_id,pk"`
	Entity        string    `bun:"entity,pk"`
	DeviceID      string    `bun:"device_id"`
	Name          string    `bun:"name"`
	Domain        string    `bun:"domain"`
	OS            string    `bun:"os"`
	Tags          string    `bun:"tags"`
	Group         string    `bun:"group_id"`
	FirstSeen     int64     `bun:"first_seen"`
	LastSeen      int64     `bun:"last_seen"`
}

func (r *row) device() Device {
	d := Device{
		ID: r.DeviceID, Entity: r.Entity, Name: r.Name, Domain: r.Domain, OS: r.OS, Tags: []string{}, Group: r.Group,
		FirstSeen: time.UnixMicro(r.FirstSeen).UTC(), LastSeen: time.UnixMicro(r.LastSeen).UTC(),
	}
	_ = json.Unmarshal([]byte(r.Tags), &d.Tags) // a damaged list is none
	return d
}

func (d *Device) subject() access.Device {
	return access.Device{ID: d.ID, Name: d.Name, Domain: d.Domain, OS: d.OS, Tags: d.Tags}
}

// Service owns the inventory of all tenants.
type Service struct {
	db     *bun.DB
	access *access.Service
	keys   Keys
}

// Keys resolves devices to the canonical keys that alerts name them by.
type Keys interface {
	DeviceKeys(ctx context.Context, id tenant.ID, devices []incident.DeviceName) ([]string, error)
}

// New returns the service on an open state database.
func New(db *bun.DB, a *access.Service, keys Keys) *Service {
	return &Service{db: db, access: a, keys: keys}
}

// Query selects devices.
type Query struct {
	Search    string // part of the name
	Group     string
	Top, Skip int
}

// Devices lists those of the tenant's devices that the view shows, by name, and how many there are.
func (s *Service) Devices(ctx context.Context, id tenant.ID, v access.View, q Query) ([]Device, int64, error) {
	if v.Workloads&access.Endpoint == 0 || v.Groups != nil && len(v.Groups) == 0 {
		return []Device{}, 0, nil
	}
	var rows []row
	sel := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Order("name", "entity")
	if v.Groups != nil {
		sel = sel.Where("group_id IN (?)", bun.List(v.Groups))
	}
	if q.Group != "" {
		sel = sel.Where("group_id = ?", q.Group)
	}
	if q.Search != "" {
		pattern := "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.ToLower(q.Search)) + "%"
		sel = sel.Where("lower(name) LIKE ? ESCAPE '!'", pattern)
	}
	if q.Top > 0 {
		sel = sel.Limit(int64(q.Top)).Offset(int64(q.Skip))
	}
	n, err := sel.ScanAndCount(ctx)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Device, len(rows))
	for i := range rows {
		out[i] = rows[i].device()
	}
	return out, n, nil
}

// Previewed is how many devices a preview names.
const Previewed = 10

// Preview says which devices a rule takes, whatever other groups do: the first ten by name, and how many. It takes seeing every device.
func (s *Service) Preview(ctx context.Context, id tenant.ID, rule []access.Condition) ([]Device, int64, error) {
	g := access.DeviceGroup{Rule: rule}
	out, n := []Device{}, int64(0)
	err := s.each(ctx, id, func(r *row) error {
		if d := r.device(); g.Matches(d.subject()) {
			if n++; len(out) < Previewed {
				out = append(out, d)
			}
		}
		return nil
	})
	return out, n, err
}

// each gives all devices of a tenant by name.
func (s *Service) each(ctx context.Context, id tenant.ID, f func(r *row) error) error {
	const step = 2000
	for skip := int64(0); ; skip += step {
		var rows []row
		if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Order("name", "entity").Limit(step).Offset(skip).Scan(ctx); err != nil {
			return err
		}
		for i := range rows {
			if err := f(&rows[i]); err != nil {
				return err
			}
		}
		if len(rows) < step {
			return nil
		}
	}
}

const (
	maxTags = 50
	maxTag  = 200
)

// SetTags gives a device that the view shows other tags; its group follows.
func (s *Service) SetTags(ctx context.Context, id tenant.ID, by *access.Principal, device string, tags []string) (*Device, error) {
	if err := by.Require(id, access.AlertsManage); err != nil {
		return nil, err
	}
	clean := []string{}
	for _, t := range tags {
		t = strings.TrimSpace(t)
		if t == "" || utf8.RuneCountInString(t) > maxTag || !utf8.ValidString(t) {
			return nil, fault.Newf(fault.Invalid, "a tag has 1 to %d characters", maxTag).On("tags")
		}
		clean = append(clean, t)
	}
	slices.Sort(clean)
	if clean = slices.Compact(clean); len(clean) > maxTags {
		return nil, fault.Newf(fault.Limit, "a device has at most %d tags", maxTags).On("tags")
	}
	r := new(row)
	err := s.db.NewSelect().Model(r).Where("tenant_id = ? AND (device_id = ? OR entity = ?)", id, device, device).Limit(1).Scan(ctx)
	v := by.View(id)
	if err != nil || !v.Sees(access.Endpoint, r.Group) {
		return nil, fault.Newf(fault.NotFound, "there is no device %s", device)
	}
	text, _ := json.Marshal(clean) // strings always encode
	err = s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		r.Tags = string(text)
		if _, err := tx.NewUpdate().Model(r).Column("tags").WherePK().Exec(ctx); err != nil {
			return err
		}
		if _, err := state.Reserve(ctx, tx, id, access.RulesCounter, 1); err != nil {
			return err
		}
		return s.access.AuditTx(ctx, tx, id, by, access.Entry{Action: "device.tag", Target: r.Name, Details: map[string]any{"tags": clean}})
	})
	if err != nil {
		return nil, err
	}
	d := r.device()
	return &d, nil
}
