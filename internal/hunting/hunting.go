// Package hunting keeps what people have around queries: saved queries, functions, favourites and community queries, and what every run cost, of which each
// person's history is a part. Everything belongs to a tenant; what is not shared belongs to its owner alone and does not exist for others.
package hunting

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Bounds of what is kept.
const (
	MaxQuery       = 64 << 10 // bytes of one query's text
	maxName        = 200      // characters of a name or folder
	maxDescription = 8000     // characters of a description
)

// Owner is whose queries they are.
type Owner struct {
	ID   string // user id, or "token:ID" for service tokens
	Name string
}

// Options tune a Service. The zero value is usable.
type Options struct {
	History    int           // runs that a person's history shows; default 30
	HistoryAge time.Duration // and how old they may be; default 28 days
	Keep       time.Duration // how long runs are kept for the query resources report; default 30 days
	// Custom tells a tenant's custom tables; nil: there are none.
	Custom func(ctx context.Context, id tenant.ID) ([]*schema.Table, error)
}

// Service keeps queries, functions and runs in the state database.
type Service struct {
	db  *bun.DB
	opt Options
}

// New returns the service on an open state database.
func New(db *bun.DB, o Options) *Service {
	if o.History <= 0 {
		o.History = 30
	}
	if o.HistoryAge <= 0 {
		o.HistoryAge = 28 * 24 * time.Hour
	}
	if o.Keep <= 0 {
		o.Keep = 30 * 24 * time.Hour
	}
	return &Service{db: db, opt: o}
}

// custom returns the tenant's custom tables.
func (s *Service) custom(ctx context.Context, id tenant.ID) ([]*schema.Table, error) {
	if s.opt.Custom == nil {
		return nil, nil
	}
	return s.opt.Custom(ctx, id)
}

// field is a text from outside and how many characters it may have, 0 for no bound.
type field struct {
	name, value string
	most        int
}

// texts refuses the first field that is no text or too long.
func texts(fields ...field) error {
	for _, f := range fields {
		if !utf8.ValidString(f.value) || strings.ContainsRune(f.value, 0) {
			return fault.Newf(fault.Invalid, "the %s is not text", f.name).On(f.name)
		}
		if f.most > 0 && utf8.RuneCountInString(f.value) > f.most {
			return fault.Newf(fault.Invalid, "the %s has at most %d characters", f.name, f.most).On(f.name)
		}
	}
	return nil
}

// folderPath tidies the path of a folder: parts are trimmed, empty ones and those that only point elsewhere are left out.
func folderPath(path string) string {
	var parts []string
	for _, p := range strings.Split(strings.ReplaceAll(path, `\`, "/"), "/") {
		if p = strings.TrimSpace(p); p != "" && p != "." && p != ".." {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, "/")
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
