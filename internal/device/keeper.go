package device

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Keeper follows the devices of one tenant as rows pass on their way to the lake, and tells the lake which group each is in. Take and Lost are called by one goroutine.
type Keeper struct {
	s      *Service
	id     tenant.ID
	rules  atomic.Int64 // number of the rules that devices are grouped by; -1 before the first time
	groups []access.DeviceGroup
	known  map[string]known
}

// known is what was last written of a device.
type known struct {
	name, os, group string
	seen            int64
}

const (
	maxKnown  = 200_000   // devices that are remembered; the database knows all
	seenEvery = time.Hour // how far last_seen may lag behind
)

// Keeper returns a keeper for the tenant.
func (s *Service) Keeper(id tenant.ID) *Keeper {
	k := &Keeper{s: s, id: id, known: map[string]known{}}
	k.rules.Store(-1)
	return k
}

// Take notes the devices of rows of DeviceInfo, puts devices into groups anew after the rules have changed, and returns rows that have to reach the lake with
// the given ones. Taking the same rows again is harmless.
func (k *Keeper) Take(ctx context.Context, rows []*schema.Row) ([]*schema.Row, error) {
	out, err := k.regroup(ctx)
	if err != nil {
		return nil, err
	}
	var found []*row
	at := map[string]int{}
	for _, r := range rows {
		if r.Table.Name != "DeviceInfo" {
			continue
		}
		d := deviceOf(k.id, r)
		if d == nil {
			continue
		}
		if i, ok := at[d.DeviceID]; ok {
			d.FirstSeen = min(d.FirstSeen, found[i].FirstSeen)
			found[i] = d
			continue
		}
		at[d.DeviceID] = len(found)
		found = append(found, d)
	}
	found = slices.DeleteFunc(found, func(d *row) bool {
		have, ok := k.known[d.DeviceID]
		return ok && have.name == d.Name && have.os == d.OS && d.LastSeen < have.seen+seenEvery.Microseconds()
	})
	if len(found) == 0 {
		return out, nil
	}
	more, err := k.write(ctx, found)
	return append(out, more...), err
}

// deviceOf reads a row of DeviceInfo; nil when it names no device.
func deviceOf(id tenant.ID, r *schema.Row) *row {
	d := &row{Tenant: id, DeviceID: r.Text("DeviceId"), Name: strings.ToLower(r.Text("DeviceName")), OS: r.Text("OSPlatform"), Tags: "[]"}
	if d.DeviceID == "" || d.Name == "" {
		return nil
	}
	_, d.Domain, _ = strings.Cut(d.Name, ".")
	if d.Domain == "" {
		d.Domain = strings.ToLower(r.Text("DeviceObjectDomain"))
	}
	if ticks, ok := r.Get("Timestamp").(int64); ok {
		d.FirstSeen = schema.TimeOf(ticks).UnixMicro()
	}
	d.LastSeen = d.FirstSeen
	var tags []string
	if json.Unmarshal([]byte(r.Text("DeviceManualTags")), &tags) == nil && len(tags) > 0 {
		text, _ := json.Marshal(tags[:min(len(tags), maxTags)]) // strings always encode
		d.Tags = string(text)
	}
	return d
}

// write stores devices with their groups and returns the rows that tell the lake of new ones.
func (k *Keeper) write(ctx context.Context, found []*row) ([]*schema.Row, error) {
	names := make([]incident.DeviceName, len(found))
	for i, d := range found {
		names[i] = incident.DeviceName{ID: d.DeviceID, Host: d.Name}
	}
	keys, err := k.s.keys.DeviceKeys(ctx, k.id, names)
	if err != nil {
		return nil, err
	}
	var out []*schema.Row
	moved := false
	err = k.s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for i, d := range found {
			if d.Entity = keys[i]; d.Entity == "" {
				continue // a name that stands for no machine
			}
			old := &row{Tenant: k.id, Entity: d.Entity}
			if err := tx.NewSelect().Model(old).WherePK().Scan(ctx); err == nil {
				d.FirstSeen, d.LastSeen = min(old.FirstSeen, d.FirstSeen), max(old.LastSeen, d.LastSeen)
				if old.Tags != "[]" {
					d.Tags = old.Tags // those that people gave stay
				}
				if d.OS == "" {
					d.OS = old.OS
				}
			} else if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			shown := d.device()
			d.Group = access.GroupOf(k.groups, shown.subject())
			moved = moved || d.Group != old.Group && len(k.groups) > 1
			if len(k.groups) > 1 && (d.Group != old.Group || d.DeviceID != old.DeviceID) {
				out = append(out, schema.NewMember(d.DeviceID, d.Group, time.Now().UnixMicro()))
			}
			if _, err := tx.NewInsert().Model(d).On("CONFLICT (tenant_id, entity) DO UPDATE").Set("device_id = EXCLUDED.device_id").Set("name = EXCLUDED.name").
				Set("domain = EXCLUDED.domain").Set("os = EXCLUDED.os").Set("tags = EXCLUDED.tags").Set("group_id = EXCLUDED.group_id").
				Set("first_seen = EXCLUDED.first_seen").Set("last_seen = EXCLUDED.last_seen").Exec(ctx); err != nil {
				return err
			}
		}
		if !moved {
			return nil
		}
		_, err := state.Reserve(ctx, tx, k.id, incident.ScopeCounter, 1)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(k.known)+len(found) > maxKnown {
		k.known = map[string]known{}
	}
	for _, d := range found {
		k.known[d.DeviceID] = known{d.Name, d.OS, d.Group, d.LastSeen}
	}
	return out, nil
}

// Due reports whether devices have to be put into groups anew, for a tenant whose records are quiet.
func (k *Keeper) Due(ctx context.Context) bool {
	number, err := k.number(ctx)
	return err == nil && number != k.rules.Load()
}

func (k *Keeper) number(ctx context.Context) (int64, error) {
	var next []int64
	err := k.s.db.NewRaw("SELECT next FROM sequences WHERE tenant_id = ? AND name = ?", k.id, access.RulesCounter).Scan(ctx, &next)
	if err != nil || len(next) == 0 {
		return 0, err
	}
	return next[0], nil
}

// regroup puts every device into its group when the rules are others than the last time. The first time the lake is told about all of them: an earlier
// process may have ended between the state database and the lake.
func (k *Keeper) regroup(ctx context.Context) ([]*schema.Row, error) {
	number, err := k.number(ctx)
	if err != nil || number == k.rules.Load() {
		return nil, err
	}
	groups, err := k.s.access.AllDeviceGroups(ctx, k.id)
	if err != nil {
		return nil, err
	}
	first := k.rules.Load() < 0
	k.rules.Store(number)
	k.groups = groups
	if first && len(groups) == 1 {
		return nil, nil
	}
	var out []*schema.Row
	var changed []row
	now := time.Now().UnixMicro()
	err = k.s.each(ctx, k.id, func(r *row) error {
		d := r.device()
		group := access.GroupOf(groups, d.subject())
		out = append(out, schema.NewMember(r.DeviceID, group, now))
		if group != r.Group {
			r.Group = group
			changed = append(changed, *r)
		}
		return nil
	})
	if err != nil {
		k.rules.Store(-1)
		return nil, err
	}
	k.known = map[string]known{}
	err = k.s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for i := range changed {
			if _, err := tx.NewUpdate().Model(&changed[i]).Column("group_id").WherePK().Exec(ctx); err != nil {
				return err
			}
		}
		if len(changed) == 0 {
			return nil
		}
		_, err := state.Reserve(ctx, tx, k.id, incident.ScopeCounter, 1)
		return err
	})
	if err != nil {
		k.rules.Store(-1)
		return nil, err
	}
	return out, nil
}

// Lost says that rows which Take returned did not reach the lake, so that the lake is told again.
func (k *Keeper) Lost() {
	k.rules.Store(-1)
	k.known = map[string]known{}
}
