package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/bartizan-sec/bartizan/internal/lake"
)

// CopyTo writes the lake as a dump (lake.DumpWriter) into a new file, path with the ending .rows.zst, and returns the positions that the copy holds. Records go
// on arriving meanwhile: the copy has the rows of the batches that were committed when it began, and positions are those of the last of them.
func (s *Store) CopyTo(ctx context.Context, path string) (positions map[string]int64, err error) {
	f, err := os.OpenFile(path+".rows.zst", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	positions, number, err := s.positions(ctx)
	if err != nil {
		return nil, unavailable(s.database, err)
	}
	if _, err := s.customSet(ctx, 0); err != nil {
		return nil, unavailable(s.database, err)
	}
	d, err := lake.NewDumpWriter(f)
	if err != nil {
		return nil, err
	}
	defer d.Abort()
	found, err := count(ctx, s.home(), s.database, "1", s.allTables())
	if err != nil {
		return nil, unavailable(s.database, err)
	}
	for _, t := range s.allTables() {
		if found[t.Name] == 0 && !t.Custom {
			continue
		}
		if err := d.Table(t); err != nil {
			return nil, err
		}
		if err := s.scan(ctx, t, fmt.Sprintf("%s <= %d", ident(batchColumn), number), d.Row); err != nil {
			return nil, err
		}
	}
	return positions, errors.Join(d.Close(positions), f.Sync())
}

// positions gives those of the last committed batch, and its number, out of one look: a batch's positions and number come in one block.
func (s *Store) positions(ctx context.Context) (map[string]int64, int64, error) {
	rows, err := s.home().Query(ctx, fmt.Sprintf("SELECT source, argMax(position, %[1]s), max(%[1]s) FROM %[2]s.%[3]s GROUP BY source", ident(batchColumn), ident(s.database), ident(positionsTable)))
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	out, number := map[string]int64{}, int64(0)
	for rows.Next() {
		var source string
		var position, batch int64
		if err := rows.Scan(&source, &position, &batch); err != nil {
			return nil, 0, err
		}
		if source == committed {
			number = batch
			continue
		}
		out[source] = position
	}
	return out, number, rows.Err()
}
