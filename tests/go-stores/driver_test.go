package stores

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clio "github.com/casehug/clio-sync/bindings/go"
	"github.com/casehug/clio-sync/bindings/go/sqlstore"
)

// unsound opens a file with a driver, and fails or panics after statements that begin so, once
// each.
type unsound struct {
	below         driver.Driver
	file          string
	fails, panics string
}

// Connect implements driver.Connector.
func (u *unsound) Connect(context.Context) (driver.Conn, error) {
	conn, err := u.below.Open(u.file)
	return &unsoundConn{conn, u}, err
}

// Driver implements driver.Connector.
func (u *unsound) Driver() driver.Driver { return u.below }

type unsoundConn struct {
	driver.Conn
	of *unsound
}

func (u *unsound) after(query string) error {
	is := func(start *string) bool {
		found := *start != "" && strings.HasPrefix(query, *start)
		if found {
			*start = ""
		}
		return found
	}
	if is(&u.panics) {
		panic("the driver's")
	}
	if is(&u.fails) {
		return errors.New("the driver's")
	}
	return nil
}

func (c *unsoundConn) ExecContext(ctx context.Context, query string, values []driver.NamedValue) (driver.Result, error) {
	result, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, values)
	if failed := c.of.after(query); failed != nil {
		return nil, failed
	}
	return result, err
}

func (c *unsoundConn) QueryContext(ctx context.Context, query string, values []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.Conn.(driver.QueryerContext).QueryContext(ctx, query, values)
	if failed := c.of.after(query); failed != nil {
		rows.Close()
		return nil, failed
	}
	return rows, err
}

// Whatever happens in the midst of a commit, the next one writes, and what was not committed is not
// there.
func TestWhateverADriverDoesNoTransactionIsLeft(t *testing.T) {
	plain, err := sql.Open(driverName, "")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	check := clio.Write{Kind: clio.Check, Key: clio.Key{Firm: "f", Collection: "c", ID: "none"}}
	for _, at := range []string{"BEGIN", "SELECT", "INSERT", "COMMIT", "ROLLBACK"} {
		for _, panics := range []bool{false, true} {
			name := at + " fails"
			if panics {
				name = at + " panics"
			}
			t.Run(name, func(t *testing.T) {
				below := &unsound{below: plain.Driver(), file: filepath.Join(t.TempDir(), "host.db")}
				db := sql.OpenDB(below)
				t.Cleanup(func() { go db.Close() })
				// database/sql keeps the connection of a query that panicked for ever.
				db.SetMaxOpenConns(2)
				store, err := sqlstore.OpenSQLite(context.Background(), db)
				if err != nil {
					t.Fatal(err)
				}
				if panics {
					below.panics = at
				} else {
					below.fails = at
				}
				writes := append(put("a"), check)
				if at == "ROLLBACK" {
					writes = append(put("a"), clio.Write{Kind: 9})
				}
				within(t, func() {
					defer func() {
						if (recover() != nil) != panics {
							t.Error("panics go on to whoever called")
						}
					}()
					if _, ok, err := store.Commit(context.Background(), writes); ok || err == nil {
						t.Error("that it is unknown is not told")
					}
				})
				within(t, func() {
					if _, ok, err := store.Commit(context.Background(), put("b")); !ok || err != nil {
						t.Error(ok, err)
					}
				})
				second, err := sql.Open(driverName, below.file)
				if err != nil {
					t.Fatal(err)
				}
				defer second.Close()
				for id, there := range map[string]bool{"a": at == "COMMIT", "b": true} {
					var count int
					err := second.QueryRow("SELECT count(*) FROM casehug_clio_records WHERE id = ?", id).Scan(&count)
					if err != nil || (count == 1) != there {
						t.Error(id, count, err)
					}
				}
			})
		}
	}
}

// within fails if the work does not end.
func within(t *testing.T, work func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
	}
}
