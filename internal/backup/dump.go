package backup

import (
	"bufio"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

// line is one row of the dump of a PostgreSQL state database.
type line struct {
	Table string          `json:"table"`
	Row   json.RawMessage `json:"row"`
}

// ownTables lists the tables of the state: not those of the migrations, which opening the database makes, nor those of the job queue, whose jobs come round
// again by themselves.
const ownTables = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
	AND table_name NOT LIKE 'bun\_%' AND table_name NOT LIKE 'river\_%' ORDER BY table_name`

// dump writes every row of a PostgreSQL state database, as of one moment.
func dump(ctx context.Context, db *bun.DB, path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(f)
	defer func() { err = errors.Join(err, z.Close(), f.Sync(), f.Close()) }()
	enc := json.NewEncoder(z)
	return db.RunInTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, func(ctx context.Context, tx bun.Tx) error {
		var tables []string
		if err := tx.NewRaw(ownTables).Scan(ctx, &tables); err != nil {
			return err
		}
		for _, table := range tables {
			if err := dumpTable(ctx, tx, enc, table); err != nil {
				return fmt.Errorf("table %s: %w", table, err)
			}
		}
		return nil
	})
}

func dumpTable(ctx context.Context, tx bun.Tx, enc *json.Encoder, table string) error {
	rows, err := tx.QueryContext(ctx, "SELECT row_to_json(t)::text FROM ? AS t", bun.Ident(table))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			return err
		}
		if err := enc.Encode(line{Table: table, Row: json.RawMessage(row)}); err != nil {
			return err
		}
	}
	return rows.Err()
}

// load puts a dump into a PostgreSQL database that has no users yet.
func load(ctx context.Context, location, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return err
	}
	db, err := state.Open(ctx, location)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		var tables []string
		if err := tx.NewRaw(ownTables).Scan(ctx, &tables); err != nil {
			return err
		}
		known := map[string]bool{}
		for _, t := range tables {
			known[t] = true
			if some, err := tx.NewSelect().TableExpr("?", bun.Ident(t)).Exists(ctx); err != nil {
				return err
			} else if some {
				return fault.Newf(fault.Conflict, "the state database already has rows in %s; restore into an empty one", t)
			}
		}
		dec := json.NewDecoder(z)
		for {
			var l line
			if err := dec.Decode(&l); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			if !known[l.Table] {
				return fault.Newf(fault.Invalid, "the dump has the table %q, which this version does not know", l.Table)
			}
			if _, err := tx.NewRaw("INSERT INTO ? SELECT * FROM json_populate_record(NULL::?, ?::json)", bun.Ident(l.Table), bun.Ident(l.Table), string(l.Row)).Exec(ctx); err != nil {
				return fmt.Errorf("table %s: %w", l.Table, err)
			}
		}
	})
}
