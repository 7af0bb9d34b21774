//go:build mattn

package stores

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/mattn/go-sqlite3"
)

const driverName = "sqlite3"

// What follows a file's name: less than is needed, and what a host of its own may want.
const (
	notDurable = "?_synchronous=OFF"
	patient    = "?_busy_timeout=10000&_txlock=immediate"
)

// Why the store says it: in WAL this driver has NORMAL, and a transaction that database/sql begins
// is a reader at first.
func TestOfItselfThisDriverIsNotDurable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "host.db")
	open(t, file, "")
	plain, err := sql.Open(driverName, file)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	var synchronous int
	if err := plain.QueryRow("PRAGMA synchronous").Scan(&synchronous); err != nil || synchronous != 1 {
		t.Fatal(synchronous, err)
	}
}
