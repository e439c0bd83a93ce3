// Package setting keeps what a tenant's administrators choose while the program runs: a short list of names, each with a check and a default. Settings of the
// program itself (addresses, folders, sizes) are in platform/config.
package setting

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"
	_ "time/tzdata" // zones for machines that have none
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// The names.
const (
	Zone          = "portal.zone"
	RetentionDays = "lake.retentionDays"
)

// Setting is one line of the list with a tenant's value.
type Setting struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	Default     string `json:"default"`
	Description string `json:"description"`
	Changed     bool   `json:"changed"` // it was chosen, and is not the default
}

type definition struct {
	name, fallback, description string
	check                       func(value string) error
}

// Service reads and writes settings in the state database.
type Service struct {
	db   *bun.DB
	list []definition
}

// New returns the service. retention is the program's own default for how long rows of hunting tables are kept.
func New(db *bun.DB, retention time.Duration) *Service {
	days := strconv.Itoa(max(1, int(retention/(24*time.Hour))))
	return &Service{db: db, list: []definition{
		{Zone, "UTC", "time zone in which the portal shows times, as an IANA name such as Europe/Berlin", checkZone},
		{RetentionDays, days, "days that rows of hunting tables are kept, 1 to 3650", checkDays},
	}}
}

func checkZone(value string) error {
	if _, err := time.LoadLocation(value); err != nil || value == "Local" || value == "" {
		return fault.Newf(fault.Invalid, "%q is not an IANA time zone", value).On("value")
	}
	return nil
}

func checkDays(value string) error {
	if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 3650 || strconv.Itoa(n) != value {
		return fault.Newf(fault.Invalid, "%q is not a number of days from 1 to 3650", value).On("value")
	}
	return nil
}

type row struct {
	bun.BaseModel `bun:"table:settings"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	Name          string     `bun:"name,pk"`
	Value         string     `bun:"value"`
	Changed       state.Time `bun:"changed"`
	ChangedBy     string     `bun:"changed_by"`
}

// List returns all settings with the tenant's values.
func (s *Service) List(ctx context.Context, id tenant.ID) ([]Setting, error) {
	var rows []row
	if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Scan(ctx); err != nil {
		return nil, err
	}
	chosen := map[string]string{}
	for _, r := range rows {
		chosen[r.Name] = r.Value
	}
	out := make([]Setting, 0, len(s.list))
	for _, d := range s.list {
		value, ok := chosen[d.name]
		if !ok {
			value = d.fallback
		}
		out = append(out, Setting{Name: d.name, Value: value, Default: d.fallback, Description: d.description, Changed: ok && value != d.fallback})
	}
	return out, nil
}

// Get returns one value, the default when the tenant has chosen none.
func (s *Service) Get(ctx context.Context, id tenant.ID, name string) (string, error) {
	d, err := s.find(name)
	if err != nil {
		return "", err
	}
	r := new(row)
	err = s.db.NewSelect().Model(r).Where("tenant_id = ? AND name = ?", id, name).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return d.fallback, nil
	}
	return r.Value, err
}

// Retention returns how long the tenant's rows of hunting tables are kept.
func (s *Service) Retention(ctx context.Context, id tenant.ID) (time.Duration, error) {
	value, err := s.Get(ctx, id, RetentionDays)
	if err != nil {
		return 0, err
	}
	days, err := strconv.Atoi(value)
	return time.Duration(days) * 24 * time.Hour, err
}

// Set chooses a value.
func (s *Service) Set(ctx context.Context, id tenant.ID, by, name, value string) (*Setting, error) {
	d, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if len(value) > 1000 || !utf8.ValidString(value) {
		return nil, fault.Newf(fault.Invalid, "the value of %s is too long or not text", name).On("value")
	}
	if err := d.check(value); err != nil {
		return nil, err
	}
	r := &row{Tenant: id, Name: name, Value: value, Changed: state.At(time.Now()), ChangedBy: by}
	_, err = s.db.NewInsert().Model(r).On("CONFLICT (tenant_id, name) DO UPDATE").
		Set("value = EXCLUDED.value").Set("changed = EXCLUDED.changed").Set("changed_by = EXCLUDED.changed_by").Exec(ctx)
	if err != nil {
		return nil, err
	}
	return &Setting{Name: name, Value: value, Default: d.fallback, Description: d.description, Changed: value != d.fallback}, nil
}

func (s *Service) find(name string) (definition, error) {
	for _, d := range s.list {
		if d.name == name {
			return d, nil
		}
	}
	return definition{}, fault.Newf(fault.NotFound, "there is no setting %q", name).On("name")
}
