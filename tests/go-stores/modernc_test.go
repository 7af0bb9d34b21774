//go:build !mattn

package stores

import _ "modernc.org/sqlite"

const driverName = "sqlite"

// What follows a file's name: less than is needed, and what a host of its own may want.
const (
	notDurable = "?_pragma=synchronous(0)"
	patient    = "?_pragma=busy_timeout(10000)&_txlock=immediate"
)
