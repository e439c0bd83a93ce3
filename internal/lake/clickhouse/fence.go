package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Several processes may have a lake open; the one with the latest lease writes it. Leases are numbered. A claim puts its number into the table _fence of every
// shard, ends the statements of earlier writers that a server still knows, removes what those left without a commit, and numbers its batches above theirs.
//
// A writer looks at the fence after the server has taken up its statement and before it sends the rows. Either it finds a later claim and stops, or a later
// claim finds its statement and ends it: a process that was asleep for any time and wakes between any two steps cannot add a row. See ADR 0019.

// fenceTable holds the numbers of the claims, on every shard beside its own tables.
const fenceTable = "_fence"

// claimShift leaves room for the batches of one claim below the next one's first number.
const claimShift = 32

// firstOf is the number below the first batch of a claim.
func firstOf(epoch int64) int64 { return epoch << claimShift }

// leased says that several processes may have the lake open.
func (s *Store) leased() bool { return s.engine.opt.Claim != nil }

func (s *Store) createFence() string {
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.%s (epoch Int64, claimed DateTime DEFAULT now()) ENGINE = ReplacingMergeTree ORDER BY epoch "+
		"SETTINGS fsync_after_insert = 1, fsync_part_directory = 1", ident(s.local), ident(fenceTable))
}

// fence is the latest claim that a shard knows.
func (s *Store) fence(ctx context.Context, shard driver.Conn) (int64, error) {
	var epoch int64
	err := shard.QueryRow(ctx, fmt.Sprintf("SELECT max(epoch) FROM %s.%s", ident(s.local), ident(fenceTable))).Scan(&epoch)
	return epoch, err
}

// fenced is an error when a shard knows a later claim than this writer's.
func (s *Store) fenced(ctx context.Context, shard driver.Conn) error {
	now, err := s.fence(ctx, shard)
	if err != nil {
		return err
	}
	if now > s.epoch {
		return s.shutOut()
	}
	return nil
}

func (s *Store) shutOut() error {
	return fault.Newf(fault.Conflict, "another process has taken over the lake %s; this one no longer writes it", s.database)
}

// mine makes this store the writer when it is not. The caller holds write.
func (s *Store) mine(ctx context.Context) error {
	if s.closed || !s.leased() {
		return nil
	}
	epoch, err := s.engine.opt.Claim(ctx, s.id, 0)
	if err != nil || s.claimed && s.epoch == epoch {
		return err
	}
	latest, err := s.latest(ctx)
	if err != nil {
		return unavailable(s.database, err)
	}
	if latest >= epoch { // the numbers of leases began anew, or this claim was broken off
		if epoch, err = s.engine.opt.Claim(ctx, s.id, latest); err != nil {
			return err
		}
	}
	if err := s.claim(ctx, epoch); err != nil {
		return unavailable(s.database, err)
	}
	return nil
}

// claim shuts earlier writers out and cleans up after them.
func (s *Store) claim(ctx context.Context, epoch int64) error {
	s.claimed = false
	for _, shard := range s.shards {
		now, err := s.fence(ctx, shard)
		if err != nil {
			return err
		}
		if now > epoch {
			return s.shutOut()
		}
		if now < epoch {
			if err := exec(ctx, shard, fmt.Sprintf("INSERT INTO %s.%s (epoch) VALUES (%d)", ident(s.local), ident(fenceTable), epoch)); err != nil {
				return err
			}
		}
	}
	s.epoch = epoch
	if err := s.end(ctx, "startsWith(query_id, "+text(s.statementPrefix())+")"); err != nil {
		return err
	}
	s.last = firstOf(epoch)
	if err := s.undo(ctx); err != nil {
		return err
	}
	s.claimed = true
	return nil
}

// latest is the latest claim that any shard knows.
func (s *Store) latest(ctx context.Context) (int64, error) {
	var latest int64
	for _, shard := range s.shards {
		n, err := s.fence(ctx, shard)
		if err != nil {
			return 0, err
		}
		latest = max(latest, n)
	}
	return latest, nil
}

// Claim makes this process the writer of the lake, when it has the lease, and removes what an earlier one left without a commit. Without it the first Append
// does.
func (s *Store) Claim(ctx context.Context) error {
	s.write.Lock()
	defer s.write.Unlock()
	return s.mine(ctx)
}

const (
	endTime  = 15 * time.Second // how long statements that are ended may go on
	deadTime = 2 * time.Second  // … when they only wait for rows of a client that does not send
)

// end ends statements and returns when they can store nothing more: they are gone, or have been told to stop and wait for a client that sleeps.
func (s *Store) end(ctx context.Context, which string) error {
	for _, shard := range s.shards {
		if err := exec(ctx, shard, "KILL QUERY WHERE "+which+" ASYNC"); err != nil {
			return err
		}
	}
	for _, shard := range s.shards {
		for start := time.Now(); ; {
			var alive, told uint64
			if err := shard.QueryRow(ctx, "SELECT count(), countIf(is_cancelled) FROM system.processes WHERE "+which).Scan(&alive, &told); err != nil {
				return err
			}
			if alive == 0 || alive == told && time.Since(start) > deadTime {
				break
			}
			if time.Since(start) > endTime {
				return fmt.Errorf("%d statements of an earlier writer go on", alive)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}
