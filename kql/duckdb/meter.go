package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"runtime"
	"strconv"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// Profile lets a new connection count the processor time of its statements; a connector calls it for each connection. Without it engine.Stats.CPU is an
// estimate.
func Profile(conn driver.ExecerContext) error {
	for _, q := range []string{"SET enable_profiling = 'no_output'", `SET custom_profiling_settings = '{"CPU_TIME": "true", "CUMULATIVE_ROWS_SCANNED": "true"}'`} {
		if _, err := conn.ExecContext(context.Background(), q, nil); err != nil {
			return err
		}
	}
	return nil
}

// meter measures the processor time of one run. DuckDB says of each statement how long its operators worked, over all threads (CPU_TIME); what the calling
// thread did outside of statements is added from the thread's own clock. DuckDB says nothing of a statement that failed or was interrupted: for that the
// processor time of the whole process meanwhile is taken, which is too much when other queries ran beside it.
type meter struct {
	conn    *sql.Conn
	began   time.Duration // of the thread's clock
	inside  time.Duration // of the thread's clock, within statements
	engine  time.Duration
	scanned int64
}

// start ties the run to its thread, whose clock counts; stop unties it.
func (m *meter) start(_ context.Context, conn *sql.Conn) {
	runtime.LockOSThread()
	m.conn, m.began = conn, threadTime()
}

func (m *meter) stop() { runtime.UnlockOSThread() }

// enter begins a statement; the function it returns ends it.
func (m *meter) enter() func(error) {
	thread, process, clock := threadTime(), processTime(), time.Now()
	return func(err error) {
		own := threadTime() - thread
		m.inside += own
		if err == nil {
			if info, err := duckdb.GetProfilingInfo(m.conn); err == nil {
				seconds, _ := strconv.ParseFloat(info.Metrics["CPU_TIME"], 64)
				rows, _ := strconv.ParseInt(info.Metrics["CUMULATIVE_ROWS_SCANNED"], 10, 64)
				// Planning is not the work of operators but of this thread.
				m.engine += max(own, time.Duration(seconds*float64(time.Second)))
				m.scanned += rows
				return
			}
		}
		m.engine += max(own, min(processTime()-process, time.Since(clock)*time.Duration(runtime.NumCPU())))
	}
}

func (m *meter) total() time.Duration {
	return m.engine + max(0, threadTime()-m.began-m.inside)
}
