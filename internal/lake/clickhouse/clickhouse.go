// Package clickhouse is the lake on a ClickHouse server or cluster: one database per tenant, the same tables, names and values as in the embedded lake.
// With several hosts every host is a shard: a tenant's rows are spread over them by device, and queries see them as one table.
//
// A batch and its positions are one transaction although ClickHouse has none: see write.go and ADR 0009.
package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	kqlclickhouse "github.com/bartizan-sec/bartizan/kql/clickhouse"
)

// Options bound what a query may use on each server. Zero values leave the choice to it.
type Options struct {
	Threads int
	Memory  int64 // bytes
	// Claim is asked when a tenant's lake is about to be written: it returns the number of the lease under which this process may, made greater than above, or an
	// error. Later leases have greater numbers, and whoever comes with one shuts out all earlier ones. nil: this process is the only one that writes.
	Claim func(ctx context.Context, id tenant.ID, above int64) (int64, error)
	// Scratch is the folder for what a query computes outside ClickHouse and does not fit into memory; "" is one of the system.
	Scratch string
}

// Engine opens tenants' stores on one cluster.
type Engine struct {
	at  location
	opt Options

	mu      sync.Mutex // guards what follows; never held while a server is asked
	open    map[tenant.ID]*Store
	opening map[tenant.ID]chan struct{} // closed when the one who opens the store is done
	scratch *kqlclickhouse.Scratch      // nil until a query needs it
}

var _ lake.Engine = (*Engine)(nil)

// Scheme begins the addresses that this package understands.
const Scheme = "clickhouse"

// New returns an engine for an address clickhouse://USER:PASSWORD@HOST:PORT[,HOST:PORT…][/NAME][?cluster=CLUSTER]. Nothing is dialled yet.
func New(address string, opt Options) (*Engine, error) {
	at, err := parseLocation(address)
	if err != nil {
		return nil, err
	}
	return &Engine{at: at, opt: opt, open: map[tenant.ID]*Store{}, opening: map[tenant.ID]chan struct{}{}}, nil
}

// location is where a lake is.
type location struct {
	options ch.Options // of the first host
	hosts   []string
	cluster string // of all hosts, as the servers know it; "" with one host
	name    string // begins the names of databases
}

// defaultName begins the names of databases when the address does not say otherwise.
const defaultName = "bartizan"

func parseLocation(address string) (location, error) {
	bad := func(format string, args ...any) (location, error) {
		return location{}, fault.Newf(fault.Invalid, "lake address: "+format+"; it looks like clickhouse://USER:PASSWORD@HOST:9000[,HOST:9000…][/NAME][?cluster=CLUSTER]", args...).On("lake.url")
	}
	if !strings.HasPrefix(address, Scheme+"://") {
		return bad("it does not begin with %s://", Scheme)
	}
	options, err := ch.ParseDSN(address)
	if err != nil {
		return bad("%w", err) // the client leaves the password out
	}
	at := location{options: *options, hosts: options.Addr, name: options.Auth.Database}
	if cluster, ok := options.Settings["cluster"].(string); ok {
		at.cluster = cluster
	}
	delete(at.options.Settings, "cluster")
	if at.name == "" {
		at.name = defaultName
	}
	if len(at.name) > maxName || strings.Trim(at.name, nameLetters) != "" {
		return bad("the name %q of its databases may have lower-case letters, digits and underscores, at most %d", at.name, maxName)
	}
	seen := map[string]bool{}
	for i, h := range at.hosts {
		if h == "" || seen[h] {
			return bad("host %d is empty or there twice", i+1)
		}
		if !strings.Contains(strings.TrimPrefix(h[strings.LastIndex(h, "]")+1:], "]"), ":") {
			h += ":9000"
			at.hosts[i] = h
		}
		seen[h] = true
	}
	switch {
	case len(at.hosts) > 1 && at.cluster == "":
		return bad("with several hosts it needs ?cluster=, the name under which all of them have each other in <remote_servers>")
	case len(at.hosts) == 1:
		at.cluster = ""
	}
	return at, nil
}

const (
	maxName     = 40
	nameLetters = "abcdefghijklmnopqrstuvwxyz0123456789_"
)

// database is the name of a tenant's database, the only place where one is made. Tenants have no underscore in their names, so no two tenants and no
// tenant's shard database (which ends in _shard) ever share one.
func (at *location) database(id tenant.ID) (string, error) {
	if _, err := tenant.Parse(string(id)); err != nil {
		return "", err
	}
	return at.name + "_" + string(id), nil
}

// dial opens a pool of connections to a host whose current database is the given one, "" for none of ours.
func (e *Engine) dial(host, database string, connections int, settings ch.Settings) (driver.Conn, error) {
	o := e.at.options
	o.Addr = []string{host}
	o.Auth.Database = database
	o.MaxOpenConns, o.MaxIdleConns = connections, connections
	o.ClientInfo.Products = append(o.ClientInfo.Products[:len(o.ClientInfo.Products):len(o.ClientInfo.Products)], struct{ Name, Version string }{"bartizan", "1"})
	if o.Compression == nil {
		o.Compression = &ch.Compression{Method: ch.CompressionLZ4}
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 5 * time.Second
	}
	if o.ReadTimeout == 0 { // servers tell of progress several times a second: one that is silent for so long is gone without a word
		o.ReadTimeout = time.Minute
	}
	o.Settings = maps.Clone(settings)
	maps.Copy(o.Settings, e.at.options.Settings)
	conn, err := ch.Open(&o)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "lake address: %w", err).On("lake.url")
	}
	return conn, nil
}

// Open returns the tenant's store.
func (e *Engine) Open(ctx context.Context, id tenant.ID) (lake.Store, error) {
	database, err := e.at.database(id)
	if err != nil {
		return nil, err
	}
	for {
		e.mu.Lock()
		s, opening := e.open[id], e.opening[id]
		if s == nil && opening == nil {
			break
		}
		e.mu.Unlock()
		if s != nil {
			return s, nil
		}
		select {
		case <-opening:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	done := make(chan struct{})
	e.opening[id] = done
	e.mu.Unlock()
	s, err := e.openStore(ctx, id, database)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.opening, id)
	close(done)
	if err != nil {
		return nil, err
	}
	e.open[id] = s
	return s, nil
}

// Close closes every open store.
func (e *Engine) Close() error {
	e.mu.Lock()
	stores := make([]*Store, 0, len(e.open))
	for _, s := range e.open {
		stores = append(stores, s)
	}
	e.mu.Unlock()
	var all error
	for _, s := range stores {
		all = errors.Join(all, s.Close())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.scratch != nil {
		all = errors.Join(all, e.scratch.Close())
		e.scratch = nil
	}
	return all
}

// unavailable makes an error of the cluster one that users see.
func unavailable(database string, err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return fault.Newf(fault.Unavailable, "the lake %s on ClickHouse: %w", database, err)
}

// ident makes an identifier; names come from the schema and from database, never from users, and are quoted all the same.
func ident(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}

// text makes a string literal.
func text(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) + "'"
}

// exec runs statements in order.
func exec(ctx context.Context, conn driver.Conn, statements ...string) error {
	for _, s := range statements {
		if err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%.200s: %w", s, err)
		}
	}
	return nil
}
