// Package osquery serves osquery's TLS interface: agents enroll with a token of scope ingest, ask what to watch, and deliver results. An agent is known by
// a node key of its own, which is good as long as the token it enrolled with.
package osquery

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"github.com/uptrace/bun"
	"go.yaml.in/yaml/v3"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/normalise/linux"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Node is an enrolled agent.
type Node struct {
	bun.BaseModel `bun:"table:osquery_nodes"`

	Tenant   tenant.ID  `bun:"tenant_id,pk" json:"-"`
	ID       string     `bun:"id,pk" json:"id"`
	KeyHash  string     `bun:"key_hash" json:"-"`
	TokenID  string     `bun:"token_id" json:"tokenId"`
	Host     string     `bun:"host" json:"host"`
	Platform string     `bun:"platform" json:"platform"`
	Version  string     `bun:"version" json:"version"`
	Address  string     `bun:"address" json:"address"`
	Enrolled state.Time `bun:"enrolled" json:"enrolled"`
	LastSeen state.Time `bun:"last_seen" json:"lastSeen"`
}

// Enrolment is what an agent says of itself.
type Enrolment struct {
	Host, Platform, Version, Address string
}

// Taker keeps records; ingest.Receiver does.
type Taker interface {
	Take(ctx context.Context, d ingest.Delivery, records []ingest.WireRecord) (ingest.Taken, error)
}

// Service keeps the agents.
type Service struct {
	db       *bun.DB
	taker    Taker
	schedule map[string]any
	valid    func(ctx context.Context, id tenant.ID, token string) bool
	now      func() time.Time
	most     int64 // agents of a tenant
}

// New returns the service. schedule is a folder with schedule.yml; valid tells whether a token may still deliver.
func New(db *bun.DB, taker Taker, schedule fs.FS, valid func(ctx context.Context, id tenant.ID, token string) bool) (*Service, error) {
	plan, err := Schedule(schedule)
	if err != nil {
		return nil, err
	}
	return &Service{db: db, taker: taker, schedule: plan, valid: valid, now: time.Now, most: maxNodes}, nil
}

// ErrInvalidNode says that an agent has to enroll again.
var ErrInvalidNode = fault.Newf(fault.Unauthorized, "the node key is not valid: enroll again")

// seenEvery bounds how often an agent's last sign of life is written.
const seenEvery = time.Minute

// Enroll makes a node key for the agent. A host that enrolls again gets a new key; the old one ends.
func (s *Service) Enroll(ctx context.Context, id tenant.ID, token string, e Enrolment) (key string, err error) {
	for name, text := range map[string]*string{"host_identifier": &e.Host, "platform": &e.Platform, "version": &e.Version, "address": &e.Address} {
		if !utf8.ValidString(*text) || len(*text) > 255 {
			return "", fault.Newf(fault.Invalid, "the agent's %s cannot be kept", name).On(name)
		}
	}
	if e.Host == "" {
		return "", fault.Newf(fault.Invalid, "an agent needs a host_identifier").On("host_identifier")
	}
	if err := s.room(ctx, id, e.Host); err != nil {
		return "", err
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	key = base64.RawURLEncoding.EncodeToString(raw)
	now := state.At(s.now())
	n := &Node{
		Tenant: id, ID: ulid.Make().String(), KeyHash: hash(key), TokenID: token, Host: e.Host, Platform: e.Platform, Version: e.Version, Address: e.Address, Enrolled: now, LastSeen: now,
	}
	_, err = s.db.NewInsert().Model(n).On("CONFLICT (tenant_id, host) DO UPDATE").Set("key_hash = EXCLUDED.key_hash").Set("token_id = EXCLUDED.token_id").
		Set("platform = EXCLUDED.platform").Set("version = EXCLUDED.version").Set("address = EXCLUDED.address").Set("enrolled = EXCLUDED.enrolled").
		Set("last_seen = EXCLUDED.last_seen").Exec(ctx)
	return key, err
}

// maxNodes bounds the agents of a tenant: a host names itself as it likes.
const maxNodes = 100_000

// room refuses a further agent where there are as many as there may be.
func (s *Service) room(ctx context.Context, id tenant.ID, host string) error {
	n, err := s.db.NewSelect().Model((*Node)(nil)).Where("tenant_id = ?", id).Count(ctx)
	if err != nil || int64(n) < s.most {
		return err
	}
	known, err := s.db.NewSelect().Model((*Node)(nil)).Where("tenant_id = ? AND host = ?", id, host).Exists(ctx)
	if err != nil || known {
		return err
	}
	return fault.Newf(fault.Limit, "there are %d osquery agents already, as many as there may be", n)
}

// Node finds the agent of a key. ErrInvalidNode when there is none, or its token is gone.
func (s *Service) Node(ctx context.Context, key string) (*Node, error) {
	if len(key) < 20 || len(key) > 100 {
		return nil, ErrInvalidNode
	}
	n := new(Node)
	err := s.db.NewSelect().Model(n).Where("key_hash = ?", hash(key)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !s.valid(ctx, n.Tenant, n.TokenID) {
		return nil, ErrInvalidNode
	}
	if err != nil {
		return nil, err
	}
	if now := s.now(); now.Sub(n.LastSeen.Time) > seenEvery {
		n.LastSeen = state.At(now)
		if _, err := s.db.NewUpdate().Model(n).Column("last_seen").WherePK().Exec(ctx); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// Nodes lists the tenant's agents by host.
func (s *Service) Nodes(ctx context.Context, id tenant.ID, top, skip int) ([]Node, int64, error) {
	var out []Node
	n, err := s.db.NewSelect().Model(&out).Where("tenant_id = ?", id).Order("host").Limit(int64(top)).Offset(int64(skip)).ScanAndCount(ctx)
	return out, n, err
}

// Config is what the agents watch, in osquery's form.
func (s *Service) Config() map[string]any { return s.schedule }

// Log keeps what an agent delivers: results go to the linux family, the agent's own status lines to the generic one.
func (s *Service) Log(ctx context.Context, n *Node, sender ingest.Sender, kind string, data []json.RawMessage) error {
	d := ingest.Delivery{Tenant: n.Tenant, Sender: sender, Source: linux.Name, File: "osquery/" + n.Host}
	if kind != "result" {
		d.Source = ingest.Auto
	}
	records := make([]ingest.WireRecord, len(data))
	for i, raw := range data {
		records[i] = ingest.WireRecord{Data: raw, Host: n.Host}
	}
	_, err := s.taker.Take(ctx, d, records)
	return err
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// file is schedule.yml.
type file struct {
	Options   map[string]any      `yaml:"options"`
	FilePaths map[string][]string `yaml:"file_paths"`
	Schedule  []struct {
		Name     string `yaml:"name"`
		Query    string `yaml:"query"`
		Interval int    `yaml:"interval"`
		Platform string `yaml:"platform"`
		Snapshot bool   `yaml:"snapshot"`
	} `yaml:"schedule"`
}

// Schedule reads schedule.yml of the folder and gives osquery's configuration: {"options", "file_paths", "schedule": {name: {"query", "interval", …}}}.
// Queries of one name on several platforms get the platform behind the name.
func Schedule(folder fs.FS) (map[string]any, error) {
	raw, err := fs.ReadFile(folder, "schedule.yml")
	if err != nil {
		return nil, fault.Newf(fault.NotFound, "osquery's schedule cannot be read: %w", err)
	}
	var f file
	if err := yaml.Unmarshal(raw, &f); err != nil {
		return nil, fault.Newf(fault.Invalid, "osquery's schedule.yml: %w", err)
	}
	schedule := map[string]any{}
	for i, q := range f.Schedule {
		if q.Name == "" || q.Query == "" || q.Interval < 1 {
			return nil, fault.Newf(fault.Invalid, "osquery's schedule.yml: entry %d needs a name, a query and an interval in seconds", i+1)
		}
		name := q.Name
		if schedule[name] != nil {
			name += "_" + q.Platform
		}
		if schedule[name] != nil {
			return nil, fault.Newf(fault.Invalid, "osquery's schedule.yml: the name %q stands twice", name)
		}
		entry := map[string]any{"query": q.Query, "interval": q.Interval, "removed": false}
		if q.Platform != "" {
			entry["platform"] = q.Platform
		}
		if q.Snapshot {
			entry["snapshot"] = true
		}
		schedule[name] = entry
	}
	if len(schedule) == 0 {
		return nil, fault.Newf(fault.Invalid, "osquery's schedule.yml asks nothing")
	}
	out := map[string]any{"schedule": schedule}
	if len(f.Options) > 0 {
		out["options"] = f.Options
	}
	if len(f.FilePaths) > 0 {
		out["file_paths"] = f.FilePaths
	}
	if _, err := json.Marshal(out); err != nil {
		return nil, fmt.Errorf("osquery's schedule.yml: %w", err)
	}
	return out, nil
}
