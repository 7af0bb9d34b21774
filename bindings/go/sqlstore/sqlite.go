// Package sqlstore keeps the SDK's records in a database of yours, through database/sql and the
// driver that you use already.
//
// It is for a host that wants them in its own SQLite file. A file that nobody else opens is simpler
// as Config.Database "sqlite:FILE", and PostgreSQL as "postgres://USER@HOST/DATABASE": both are
// built in.
package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	clio "github.com/casehug/clio-sync/bindings/go"
)

// SQLite is a store in a SQLite file, in the table casehug_clio_records. It implements clio.Store.
type SQLite struct {
	db *sql.DB
	// In a process, commits come one after the other: SQLite lets one write, and whoever is refused
	// waits for longer than needed.
	lock sync.Mutex
}

const schema = `CREATE TABLE IF NOT EXISTS casehug_clio_records (
	firm TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL, version TEXT NOT NULL, due INTEGER, body TEXT NOT NULL,
	PRIMARY KEY (firm, collection, id)) WITHOUT ROWID`

const index = `CREATE INDEX IF NOT EXISTS casehug_clio_due ON casehug_clio_records (collection, due) WHERE due IS NOT NULL`

// The settings of a connection. Some drivers begin with others, and a data source's name may ask
// for others, or be misspelt: so they are said on every connection that is used. 2 is FULL: what is
// said to be done survives a power cut.
var settings = []string{"PRAGMA busy_timeout = 10000", "PRAGMA synchronous = 2", "PRAGMA fullfsync = 1"}

// For how long a process waits for another that writes: as long as busy_timeout.
const patience = 10 * time.Second

// OpenSQLite makes the table, if it is not there yet. The file is set to WAL. The pool must open a
// file, and with one SQLite only: two drivers (or any two copies of SQLite) in a process lose
// commits of a file that both open.
func OpenSQLite(ctx context.Context, db *sql.DB) (*SQLite, error) {
	store := &SQLite{db: db}
	return store, store.with(ctx, func(conn *sql.Conn) error {
		if err := switchToWAL(ctx, conn); err != nil {
			return err
		}
		for _, statement := range []string{schema, index} {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// switchToWAL waits, as SQLite does not here: another process that opens the new file is enough for
// "locked".
func switchToWAL(ctx context.Context, conn *sql.Conn) error {
	for end := time.Now().Add(patience); ; {
		var mode string
		err := conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		switch {
		case err == nil && mode != "wal":
			return fmt.Errorf("sqlstore: journal mode %q: not a file on a local disk", mode)
		case err == nil:
			return nil
		// SQLite's own words, which every driver passes on; their codes differ.
		case !strings.Contains(err.Error(), "locked") || time.Now().After(end):
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// with gives a connection that is set up. One with an open transaction never goes back to the pool,
// where the next borrower would write into it.
func (s *SQLite) with(ctx context.Context, work func(*sql.Conn) error) (err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	panicked := true
	defer func() {
		var left *leftOpen
		switch {
		case panicked:
			// Nobody waits for it: after a query that panicked, database/sql lets nobody close the
			// connection.
			go discard(conn)
		case errors.As(err, &left):
			discard(conn)
		default:
			conn.Close()
		}
	}()
	for _, setting := range settings {
		if _, err = conn.ExecContext(ctx, setting); err != nil {
			panicked = false
			return err
		}
	}
	err = work(conn)
	panicked = false
	return err
}

// discard ends a connection whose transaction may be open.
func discard(conn *sql.Conn) {
	defer func() {
		// The driver's, which may have panicked before.
		_ = recover()
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}()
	_, _ = conn.ExecContext(context.Background(), "ROLLBACK")
}

// leftOpen is a transaction that may still be open.
type leftOpen struct{ error }

func (l *leftOpen) Unwrap() error { return l.error }

const columns = "SELECT firm, id, version, due, body FROM casehug_clio_records WHERE "

// Get implements clio.Store.
func (s *SQLite) Get(ctx context.Context, key clio.Key) (*clio.Record, error) {
	found, err := s.read(ctx, key.Collection, columns+"firm = ? AND collection = ? AND id = ?", key.Firm, key.Collection, key.ID)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// Scan implements clio.Store. Ids are compared by their bytes, as SQLite does unless told
// otherwise.
func (s *SQLite) Scan(ctx context.Context, scan clio.Scan) ([]clio.Record, error) {
	limit := int64(min(scan.Limit, math.MaxInt64))
	if scan.Due {
		// The plus keeps the planner on the index of what is due.
		const due = columns + "collection = ? AND due <= ? AND (? = '' OR +firm = ?) ORDER BY due LIMIT ?"
		return s.read(ctx, scan.Collection, due, scan.Collection, now(), scan.Firm, scan.Firm, limit)
	}
	within, order := "firm = ? AND collection = ? AND id >= ? ", "ORDER BY id LIMIT ?"
	values := []any{scan.Firm, scan.Collection, scan.From}
	if scan.Until != nil {
		within, values = within+"AND id < ? ", append(values, *scan.Until)
	}
	if scan.Descending {
		order = "ORDER BY id DESC LIMIT ?"
	}
	return s.read(ctx, scan.Collection, columns+within+order, append(values, limit)...)
}

func (s *SQLite) read(ctx context.Context, collection, query string, values ...any) (found []clio.Record, err error) {
	err = s.with(ctx, func(conn *sql.Conn) error {
		rows, err := conn.QueryContext(ctx, query, values...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			record, due := clio.Record{Key: clio.Key{Collection: collection}}, sql.NullInt64{}
			if err := rows.Scan(&record.Firm, &record.ID, &record.Version, &due, &record.Body); err != nil {
				return err
			}
			if due.Valid {
				record.Due = time.UnixMilli(due.Int64)
			}
			found = append(found, record)
		}
		return rows.Err()
	})
	return found, err
}

// Commit implements clio.Store.
func (s *SQLite) Commit(ctx context.Context, writes []clio.Write) (at time.Time, ok bool, err error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	err = s.with(ctx, func(conn *sql.Conn) error {
		// Not BeginTx, which most drivers begin as a reader: two that read and then write would
		// fail each other at once.
		if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
			return &leftOpen{err}
		}
		at, ok = time.UnixMilli(now()), true
		for n := 0; n < len(writes) && ok && err == nil; n++ {
			ok, err = apply(ctx, conn, writes[n], at)
		}
		end := "COMMIT"
		if err != nil || !ok {
			end = "ROLLBACK"
		}
		// To its end, even if nobody waits for it any more.
		if _, failed := conn.ExecContext(context.WithoutCancel(ctx), end); failed != nil {
			return &leftOpen{failed}
		}
		return err
	})
	return at, ok && err == nil, err
}

// apply writes one entry; false: what is there is not what was expected.
func apply(ctx context.Context, conn *sql.Conn, write clio.Write, at time.Time) (bool, error) {
	const key = "firm = ? AND collection = ? AND id = ?"
	if write.Kind == clio.Check {
		var holds bool
		err := conn.QueryRowContext(ctx, "SELECT (SELECT version FROM casehug_clio_records WHERE "+key+") IS ?",
			write.Firm, write.Collection, write.ID, write.Expect).Scan(&holds)
		return holds, err
	}
	var due *int64
	if write.DueIn != nil {
		millis := at.UnixMilli() + write.DueIn.Milliseconds()
		due = &millis
	}
	query := "INSERT INTO casehug_clio_records (firm, collection, id, version, due, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
	values := []any{write.Firm, write.Collection, write.ID, write.Version, due, write.Body}
	switch {
	case write.Kind == clio.Delete && write.Expect != nil:
		query = "DELETE FROM casehug_clio_records WHERE " + key + " AND version = ?"
		values = []any{write.Firm, write.Collection, write.ID, *write.Expect}
	case write.Kind == clio.Put && write.Expect != nil:
		query = "UPDATE casehug_clio_records SET version = ?, due = ?, body = ? WHERE " + key + " AND version = ?"
		values = []any{write.Version, due, write.Body, write.Firm, write.Collection, write.ID, *write.Expect}
	case write.Kind != clio.Put:
		return false, fmt.Errorf("sqlstore: a write of kind %d", write.Kind)
	}
	result, err := conn.ExecContext(ctx, query, values...)
	if err != nil {
		return false, err
	}
	changed, err := result.RowsAffected()
	return changed == 1, err
}

// now is the clock of all processes of the file, in milliseconds since 1970: they are on one
// machine.
func now() int64 { return time.Now().UnixMilli() }
