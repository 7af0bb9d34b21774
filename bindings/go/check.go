package clio

// #include "bridge.h"
import "C"

import (
	"encoding/json"
	"runtime/cgo"
)

// Checked is one promise of a port: Wrong is what was found, or empty if it is kept.
type Checked struct {
	Case  string `json:"case"`
	Wrong string `json:"wrong"`
}

// CheckStore checks a store of yours against everything that the SDK relies on, in a test of yours;
// one subtest for each Checked names what is wrong. The store is empty, and nobody else's; second
// is another handle of the same records (another pool), or nil. It takes seconds and leaves records
// behind. What only a power cut shows is not checked.
func CheckStore(store, second Store) ([]Checked, error) {
	if store == nil {
		return nil, misuse("store", "missing")
	}
	var tables [2]C.casehug_clio_store
	C.casehug_clio_go_store(&tables[0], C.uintptr_t(cgo.NewHandle(store)))
	other := (*C.casehug_clio_store)(nil)
	if second != nil {
		other = &tables[1]
		C.casehug_clio_go_store(other, C.uintptr_t(cgo.NewHandle(second)))
	}
	var out, failure *C.char
	if C.casehug_clio_check_store(&tables[0], other, &out, &failure) != C.CASEHUG_CLIO_OK {
		return nil, taken(failure)
	}
	return checked(out)
}

// CheckTokens is the same for a vault.
func CheckTokens(tokens Tokens) ([]Checked, error) {
	if tokens == nil {
		return nil, misuse("tokens", "missing")
	}
	var table C.casehug_clio_tokens
	C.casehug_clio_go_tokens(&table, C.uintptr_t(cgo.NewHandle(tokens)))
	var out, failure *C.char
	if C.casehug_clio_check_tokens(&table, &out, &failure) != C.CASEHUG_CLIO_OK {
		return nil, taken(failure)
	}
	return checked(out)
}

// CheckKeys is the same for keys, with data keys and records that it makes up.
func CheckKeys(keys Keys) ([]Checked, error) {
	if keys == nil {
		return nil, misuse("keys", "missing")
	}
	var table C.casehug_clio_keys
	C.casehug_clio_go_keys(&table, C.uintptr_t(cgo.NewHandle(keys)))
	var out, failure *C.char
	if C.casehug_clio_check_keys(&table, &out, &failure) != C.CASEHUG_CLIO_OK {
		return nil, taken(failure)
	}
	return checked(out)
}

func checked(out *C.char) (all []Checked, err error) {
	defer C.casehug_clio_free(out)
	err = json.Unmarshal([]byte(C.GoString(out)), &all)
	return all, err
}
