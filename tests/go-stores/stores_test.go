// Package stores runs the store of database/sql through the conformance suite, on drivers that the
// module itself must not need: modernc's, and with the tag "mattn" mattn's. Two SQLites in one
// process would be a third thing.
package stores

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"time"

	clio "github.com/casehug/clio-sync/bindings/go"
	"github.com/casehug/clio-sync/bindings/go/sqlstore"
)

// open opens the file with a pool of its own; options follow the file's name.
func open(t *testing.T, file, options string) (*sql.DB, *sqlstore.SQLite) {
	t.Helper()
	db, err := sql.Open(driverName, file+options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	store, err := sqlstore.OpenSQLite(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	return db, store
}

func TestTheSuiteOnSQLite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "host.db")
	_, store := open(t, file, "")
	_, second := open(t, file, "")
	checked, err := clio.CheckStore(store, second)
	if err != nil || len(checked) < 30 {
		t.Fatal(len(checked), err)
	}
	for _, one := range checked {
		t.Run(one.Case, func(t *testing.T) {
			if one.Wrong != "" {
				t.Error(one.Wrong)
			}
		})
	}
}

func TestManyOpenTheNewFileAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "host.db")
	other, err := sql.Open(driverName, file)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for n := 0; n < 8; n++ {
		all.Add(1)
		go func() {
			defer all.Done()
			db, err := sql.Open(driverName, file)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if _, err := sqlstore.OpenSQLite(context.Background(), db); err != nil {
				t.Error(err)
			}
		}()
	}
	time.Sleep(300 * time.Millisecond)
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	all.Wait()
}

func put(id string) []clio.Write {
	return []clio.Write{{Kind: clio.Put, Key: clio.Key{Firm: "f", Collection: "c", ID: id}, Version: "1", Body: "{}"}}
}

func TestWhatIsSaidToBeDoneIsOnTheDisk(t *testing.T) {
	// The name asks for less.
	db, store := open(t, filepath.Join(t.TempDir(), "host.db"), notDurable)
	db.SetMaxOpenConns(1)
	if _, ok, err := store.Commit(context.Background(), put("a")); err != nil || !ok {
		t.Fatal(ok, err)
	}
	var synchronous int
	if err := db.QueryRow("PRAGMA synchronous").Scan(&synchronous); err != nil || synchronous != 2 {
		t.Fatal(synchronous, err)
	}
}

func TestAFailedCommitLeavesNoTransactionBehind(t *testing.T) {
	db, store := open(t, filepath.Join(t.TempDir(), "host.db"), "")
	db.SetMaxOpenConns(1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, ok, err := store.Commit(ctx, put("a")); ok || err == nil {
		t.Fatal("a commit whose context is over")
	}
	if _, ok, err := store.Commit(context.Background(), []clio.Write{put("b")[0], {Kind: 9}}); ok || err == nil {
		t.Fatal("a kind that there is not")
	}
	if _, ok, err := store.Commit(context.Background(), put("c")); err != nil || !ok {
		t.Fatal(ok, err)
	}
	for id, there := range map[string]bool{"a": false, "b": false, "c": true} {
		if found, err := store.Get(context.Background(), put(id)[0].Key); err != nil || (found != nil) != there {
			t.Errorf("%s: %+v %v", id, found, err)
		}
	}
}

func TestCommitsBesideOthersOfTheHost(t *testing.T) {
	file := filepath.Join(t.TempDir(), "host.db")
	db, store := open(t, file, patient)
	if _, err := db.Exec("CREATE TABLE own (n INTEGER)"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for n := 0; n < 8; n++ {
		all.Add(2)
		go func() {
			defer all.Done()
			if _, err := db.Exec("INSERT INTO own VALUES (1)"); err != nil {
				t.Error(err)
			}
		}()
		go func(id string) {
			defer all.Done()
			if _, ok, err := store.Commit(context.Background(), put(id)); err != nil || !ok {
				t.Error(ok, err)
			}
		}(string(rune('a' + n)))
	}
	all.Wait()
	found, err := store.Scan(context.Background(), clio.Scan{Firm: "f", Collection: "c", Limit: 100})
	if err != nil || len(found) != 8 {
		t.Fatal(len(found), err)
	}
}

func TestNoFileIsNoStore(t *testing.T) {
	db, err := sql.Open(driverName, ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := sqlstore.OpenSQLite(context.Background(), db); err == nil {
		t.Fatal("what is in memory only is not durable")
	}
}

func TestTheSDKOnAStoreOfTheHost(t *testing.T) {
	db, store := open(t, filepath.Join(t.TempDir(), "host.db"), "")
	sdk, err := clio.Open(clio.Config{
		ClientID: "casehug-dev", ClientSecret: "casehug-dev-secret", Clio: "http://127.0.0.1:9", Store: store,
		SealingKey: "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248", SealingKeyID: "k1", IntakeFolder: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer sdk.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	connection := sdk.Firm(clio.Actor{User: "u", Firm: "firm_1", Role: clio.Admin}).Connection()
	if _, err := connection.Begin(ctx, "http://127.0.0.1:9/callback"); err != nil {
		t.Fatal(err)
	}
	var records int
	if err := db.QueryRow("SELECT count(*) FROM casehug_clio_records").Scan(&records); err != nil || records == 0 {
		t.Fatal(records, err)
	}
}
