// Package clio syncs CaseHug's contacts, matters and approved documents to Clio Manage.
//
// It is the CaseHug-Clio SDK, a Rust library, with Go's manners: every operation takes a context,
// which cancels it, and answers a struct; errors are [*Error] and found with errors.As; stores,
// keys and intakes may be yours, as interfaces. [Open] opens it. Everything may be used from any
// goroutine.
//
// The library is linked statically and comes with the package. It needs cgo.
package clio

// #cgo CFLAGS: -I${SRCDIR}
// #cgo linux,amd64 LDFLAGS: ${SRCDIR}/libcasehug_clio_linux_amd64.a -lgcc_s -lutil -lrt -lpthread -lm -ldl
import "C"
