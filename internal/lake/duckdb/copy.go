package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// CopyTo writes the lake into a new file that can be opened as a lake, path with the ending .duckdb, and returns the positions that the copy holds. Appends wait meanwhile; queries do not.
//
// The file is read while the engine has it open. Closing it drops the engine's own lock on it, which is why the data folder's lock has to be held.
func (s *Store) CopyTo(ctx context.Context, path string) (positions map[string]int64, err error) {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	path += ".duckdb"
	if _, err := s.conn.ExecContext(ctx, "CHECKPOINT"); err != nil {
		return nil, fmt.Errorf("lake of tenant %s: %w", s.id, err)
	}
	if positions, err = s.positions(ctx); err != nil {
		return nil, err
	}
	// Queries that run may have kept the checkpoint from emptying the log; the copy takes it along.
	for _, suffix := range []string{"", ".wal"} {
		if err := copyFile(ctx, path+suffix, s.engine.Path(s.id)+suffix); err != nil && (suffix == "" || !errors.Is(err, os.ErrNotExist)) {
			return nil, fmt.Errorf("lake of tenant %s: %w", s.id, err)
		}
	}
	return positions, nil
}

func (s *Store) positions(ctx context.Context) (map[string]int64, error) {
	rows, err := s.conn.QueryContext(ctx, "SELECT source, position FROM positions")
	if err != nil {
		return nil, fmt.Errorf("lake of tenant %s: %w", s.id, err)
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var source string
		var position int64
		if err := rows.Scan(&source, &position); err != nil {
			return nil, err
		}
		out[source] = position
	}
	return out, rows.Err()
}

func copyFile(ctx context.Context, to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, contextReader{ctx, in}); err != nil {
		_ = out.Close()
		return err
	}
	return errors.Join(out.Sync(), out.Close())
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
