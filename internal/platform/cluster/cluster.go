// Package cluster is what the processes of one installation know of each other, kept in the state database: which nodes there are, and which of them holds
// what only one may do at a time.
//
// A lease has a number, its epoch, that grows with every change of hands. Who holds a lease may be asleep without knowing that it has expired, so whatever is
// done under it has to carry the epoch to where it takes effect, and be refused there when a greater one was seen (see lake/clickhouse and ADR 0019).
//
// Times are those of the database, so that clocks of nodes may differ.
package cluster

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

// Node is one process of the installation.
type Node struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Roles   []string  `json:"roles"`
	Version string    `json:"version"`
	Address string    `json:"address"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen"`  // last sign of life
	Alive   bool      `json:"alive"` // it was seen lately
}

// Has reports whether the node has the role.
func (n *Node) Has(role string) bool { return slices.Contains(n.Roles, role) }

// The times of a node's life.
const (
	beat    = 2 * time.Second
	deadAt  = 8 * time.Second
	forgets = 7 * 24 * time.Hour // nodes that were not seen for so long
)

// Members is the installation as one of its nodes sees it.
type Members struct {
	db   *bun.DB
	self Node
}

// Join writes the node down. It is to be seen as alive only while Beat runs.
func Join(ctx context.Context, db *bun.DB, self Node) (*Members, error) {
	m := &Members{db: db, self: self}
	now, err := clock(ctx, db)
	if err != nil {
		return nil, err
	}
	m.self.Started = at(now)
	if err := m.beat(ctx); err != nil {
		return nil, err
	}
	_, err = db.NewRaw("DELETE FROM nodes WHERE seen < ?", now-forgets.Microseconds()).Exec(ctx)
	return m, err
}

// Self is the node that joined.
func (m *Members) Self() Node { return m.self }

// Beat gives signs of life until ctx ends, then says that the node has left. failed is told of signs that did not reach the database; they are tried again.
func (m *Members) Beat(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), beat)
			defer cancel()
			if _, err := m.db.NewRaw("DELETE FROM nodes WHERE id = ?", m.self.ID).Exec(last); err != nil {
				failed(err)
			}
			return
		case <-tick.C:
			try, cancel := context.WithTimeout(ctx, deadAt)
			err := m.beat(try)
			cancel()
			if err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	}
}

func (m *Members) beat(ctx context.Context) error {
	n := m.self
	_, err := m.db.NewRaw(`INSERT INTO nodes (id, name, roles, version, address, started, seen) VALUES (?, ?, ?, ?, ?, ?, `+now(m.db)+`)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, roles = excluded.roles, version = excluded.version, address = excluded.address, started = excluded.started, seen = excluded.seen`,
		n.ID, n.Name, strings.Join(n.Roles, ","), n.Version, n.Address, n.Started.UnixMicro()).Exec(ctx)
	return unavailable(err)
}

// Nodes lists the nodes by name, those that have not been seen for long among them.
func (m *Members) Nodes(ctx context.Context) ([]Node, error) {
	var rows []struct {
		ID, Name, Roles, Version, Address string
		Started, Seen                     state.Time
		Age                               int64
	}
	err := m.db.NewRaw("SELECT id, name, roles, version, address, started, seen, "+now(m.db)+" - seen AS age FROM nodes ORDER BY name, id").Scan(ctx, &rows)
	out := make([]Node, 0, len(rows))
	for _, r := range rows {
		out = append(out, Node{
			ID: r.ID, Name: r.Name, Roles: strings.FieldsFunc(r.Roles, func(c rune) bool { return c == ',' }), Version: r.Version, Address: r.Address,
			Started: r.Started.Time, Seen: r.Seen.Time, Alive: r.Age < deadAt.Microseconds(),
		})
	}
	return out, unavailable(err)
}

// Alive counts the living nodes that have a role, at least one.
func (m *Members) Alive(ctx context.Context, role string) (int, error) {
	nodes, err := m.Nodes(ctx)
	n := 0
	for i := range nodes {
		if nodes[i].Alive && nodes[i].Has(role) {
			n++
		}
	}
	return max(n, 1), err
}

// now is the database's clock in SQL, in microseconds since 1970.
func now(db bun.IDB) string {
	if db.Dialect().Name() == dialect.PG {
		return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
	}
	return "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
}

func clock(ctx context.Context, db bun.IDB) (int64, error) {
	var us int64
	err := db.NewRaw("SELECT "+now(db)).Scan(ctx, &us)
	return us, unavailable(err)
}

func at(us int64) time.Time { return time.UnixMicro(us).UTC() }

func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fault.Newf(fault.Unavailable, "state database: %w", err)
}

// Leave takes the node off the list.
func (m *Members) Leave(ctx context.Context) {
	// When this fails the node counts as gone within seconds.
	_, _ = m.db.NewRaw("DELETE FROM nodes WHERE id = ?", m.self.ID).Exec(ctx)
}
