package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/datadir"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

// desk is what the commands on users, tenants and tokens need of a data folder: its state database, without lake and bus.
type desk struct {
	access *access.Service
	db     *bun.DB
	dir    *datadir.Dir
}

// openDesk opens the data folder's state database. A folder that a server holds is an error that says how to reach the server.
func openDesk(ctx context.Context, t targetFlags, program string) (*desk, error) {
	cfg, err := loadConfig()
	if err != nil {
		return nil, err
	}
	d := &desk{}
	if d.dir, err = datadir.Open(t.data, program, ""); err != nil {
		return nil, err
	}
	location := cfg.State
	if location == "" {
		location = d.dir.State()
	}
	if d.db, err = state.Open(ctx, location); err != nil {
		d.Close()
		return nil, err
	}
	if d.access, err = access.New(d.db, access.Options{}); err != nil {
		d.Close()
		return nil, err
	}
	if err := d.access.EnsureDefaultTenant(ctx); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Close lets the folder go.
func (d *desk) Close() {
	if d.db != nil {
		_ = d.db.Close()
	}
	_ = d.dir.Close()
}

// withDesk opens a desk, runs fn and closes the desk.
func withDesk(ctx context.Context, t targetFlags, program string, fn func(d *desk) error) error {
	d, err := openDesk(ctx, t, program)
	if err != nil {
		return err
	}
	defer d.Close()
	return fn(d)
}

// show prints v as one JSON document, or lets text write lines for people.
func show(w io.Writer, asJSON bool, v any, text func(t *tabwriter.Writer)) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	text(t)
	return t.Flush()
}

// day is a time for tables, "-" when it is not set.
func day(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

func commaList(values []string) string {
	if len(values) == 0 {
		return "-"
	}
	return strings.Join(values, ",")
}
