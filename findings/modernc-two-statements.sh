#!/bin/sh
# modernc.org/sqlite 1.40.1 (Go): one Exec with two statements of one parameter each, and the
# arguments 1 and 2.
# Expected: rows 1 and 2, or an error (mattn/go-sqlite3 stores 1 and 2).
# Seen: no error, and 1 is stored twice; 2 is stored nowhere.
set -eu
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"database/sql"
	"fmt"

	_ "modernc.org/sqlite"
)

func main() {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1)
	if _, err = db.Exec("create table t (x)"); err != nil {
		panic(err)
	}
	_, err = db.Exec("insert into t values (?); insert into t values (?)", 1, 2)
	var stored string
	if scan := db.QueryRow("select group_concat(x, ' ') from t").Scan(&stored); scan != nil {
		panic(scan)
	}
	fmt.Println(err, stored)
}
GO
go mod init finding 2>/dev/null
go get modernc.org/sqlite@v1.40.1 2>/dev/null
seen=$(go run .)
echo "seen: $seen"
[ "$seen" = "<nil> 1 1" ]
