package clickhouse

import (
	"context"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	kqlclickhouse "github.com/bartizan-sec/bartizan/kql/clickhouse"
	"github.com/bartizan-sec/bartizan/kql/engine"
)

// reader answers queries through one host.
type reader struct {
	conn   driver.Conn
	engine *kqlclickhouse.Engine
}

// queryConnections is how many statements of queries one host works on for a tenant at the same time.
const queryConnections = 16

// Session implements lake.Store. Queries see the tenant's database as the current one and may not change what is stored; with several hosts, they take
// turns in putting the answer together.
func (s *Store) Session(context.Context) (engine.Session, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.ended {
		return nil, fault.Newf(fault.Unavailable, "the lake of tenant %s is closed", s.id)
	}
	i := s.turn % len(s.readers)
	s.turn++
	if s.readers[i].engine == nil {
		scratch, err := s.engine.openScratch()
		if err != nil {
			return nil, fault.Newf(fault.Unavailable, "the lake is not ready: %w", err)
		}
		conn, err := s.engine.dial(s.engine.at.hosts[i], s.database, queryConnections, ch.Settings{"readonly": 2})
		if err != nil {
			return nil, err
		}
		s.readers[i] = reader{conn, kqlclickhouse.New(conn, scratch)}
	}
	return s.readers[i].engine.Session(kqlclickhouse.Limits{Memory: s.engine.opt.Memory, Threads: s.engine.opt.Threads}), nil
}

// openScratch opens the in-process database where queries compute what ClickHouse cannot.
func (e *Engine) openScratch() (*kqlclickhouse.Scratch, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.scratch == nil {
		scratch, err := kqlclickhouse.OpenScratch(e.opt.Scratch, e.opt.Memory)
		if err != nil {
			return nil, err
		}
		e.scratch = scratch
	}
	return e.scratch, nil
}
