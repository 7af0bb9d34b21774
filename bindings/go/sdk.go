package clio

// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"runtime/cgo"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Config says how the SDK is opened.
type Config struct {
	// ClientID and ClientSecret are the Clio app's.
	ClientID, ClientSecret string
	// Clio is a region (us, eu, ca, au), or a URL for tests and proxies.
	Clio string

	// Database is sqlite:FILE or postgres://USER@HOST/DATABASE. Or give a Store.
	Database string
	// Store is a database of yours.
	Store Store
	// Tokens is a vault of yours for the sealed tokens; nil: they are in the database.
	Tokens Tokens
	// SealingKey is the root key, 32 bytes as hexadecimal digits or base64, and SealingKeyID its
	// name. Or give Keys.
	SealingKey, SealingKeyID string
	// EarlierSealingKeys sealed before it, by name, and still open what they sealed: until
	// RewrapKeys was called for every firm.
	EarlierSealingKeys map[string]string
	// Keys wraps and unwraps, as a KMS does.
	Keys Keys
	// IntakeFolder is a folder of intakes (docs/intake-format.md): one firm's, and whatever firm is
	// named gets it. With {firm} in its path, "intakes/{firm}" say, each firm has the folder that is
	// named by its id, and none gets another's. Or give Intakes.
	IntakeFolder string
	// Intakes are yours.
	Intakes Intakes

	// LateExecutionWindow is how long Clio may still execute a request that was given up on: 2
	// minutes, unless set. Whole seconds, as the other times here.
	LateExecutionWindow time.Duration
	// IndexDelay is how long Clio's lists may not show what was created: 1 minute, unless set.
	IndexDelay time.Duration
	// RequestTimeout is for one call to Clio: 30 seconds, unless set.
	RequestTimeout time.Duration
	// WebhookURL is where Clio delivers; empty: the status of matters is polled.
	WebhookURL string
	// Proxy is http://[USER:PASSWORD@]HOST:PORT, and RootCertificates are PEM, trusted beside
	// Mozilla's.
	Proxy, RootCertificates string
	// Log is told what happens, without client data. Nil: nobody.
	Log *slog.Logger
}

// Role is what a user may do.
type Role int

// The roles.
const (
	// Admin is an admin of the firm.
	Admin Role = 1
	// Member is anybody else in it.
	Member Role = 2
)

// Actor is who asks, as you authenticated them.
type Actor struct {
	User, Firm string
	Role       Role
}

// SDK is an open SDK.
type SDK struct {
	handle *C.casehug_clio_sdk
	log    cgo.Handle
	// Tickets that no call has and none was cancelled on.
	idle    sync.Mutex
	tickets []*C.casehug_clio_sdk
}

// mostIdle is how many tickets are kept for later calls.
const mostIdle = 64

// ticket gives one that is used by nobody else.
func (s *SDK) ticket() (ticket *C.casehug_clio_sdk, err *Error) {
	s.idle.Lock()
	if last := len(s.tickets) - 1; last >= 0 {
		ticket, s.tickets = s.tickets[last], s.tickets[:last]
	}
	s.idle.Unlock()
	var failure *C.char
	if ticket == nil && C.casehug_clio_ticket_new(s.handle, &ticket, &failure) != C.CASEHUG_CLIO_OK {
		return nil, taken(failure)
	}
	return ticket, nil
}

// giveBack takes a ticket after its call.
func (s *SDK) giveBack(ticket *C.casehug_clio_sdk, cancelled bool) {
	s.idle.Lock()
	defer s.idle.Unlock()
	if cancelled || len(s.tickets) == mostIdle {
		C.casehug_clio_close(ticket, nil)
		return
	}
	s.tickets = append(s.tickets, ticket)
}

// during gives the handle for a call that ends with this context: where that can end, a ticket.
// What it gives with it is called after the call.
func (s *SDK) during(ctx context.Context) (*C.casehug_clio_sdk, func(), *Error) {
	if ctx.Done() == nil {
		return s.handle, func() {}, nil
	}
	ticket, err := s.ticket()
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { C.casehug_clio_cancel(ticket, nil) })
	return ticket, func() { s.giveBack(ticket, !stop()) }, nil
}

// ended reads the error of such a call.
func ended(ctx context.Context, failure *C.char) *Error {
	err := taken(failure)
	if err.Code == CodeCancelled {
		err.causes = causes(ctx)
	}
	return err
}

// Firm has the operations that a user of a firm may ask for.
type Firm caller

// caller is who calls, and what; without an actor the service itself.
type caller struct {
	sdk   *SDK
	actor *Actor
}

// Open opens the SDK and its database. It makes no call to Clio.
func Open(config Config) (*SDK, error) {
	var c C.casehug_clio_config
	c.size = C.size_t(unsafe.Sizeof(c))
	var texts []unsafe.Pointer
	cut := false
	text := func(text string) *C.char {
		if text == "" {
			return nil
		}
		cut = cut || hasNUL(text)
		copied := C.CString(text)
		texts = append(texts, unsafe.Pointer(copied))
		return copied
	}
	defer func() {
		for _, text := range texts {
			C.free(text)
		}
	}()
	c.client_id, c.client_secret, c.clio_url = text(config.ClientID), text(config.ClientSecret), text(config.Clio)
	c.store, c.intake_folder = text(config.Database), text(config.IntakeFolder)
	c.sealing_key, c.sealing_key_id = text(config.SealingKey), text(config.SealingKeyID)
	c.proxy, c.root_certificates, c.webhook_url = text(config.Proxy), text(config.RootCertificates), text(config.WebhookURL)
	// The tables are in C's memory: the configuration points to them.
	table := func(size uintptr) unsafe.Pointer {
		table := C.calloc(1, C.size_t(size))
		texts = append(texts, table)
		return table
	}
	if many := len(config.EarlierSealingKeys); many > 0 {
		var key C.casehug_clio_root_key
		c.earlier_sealing_keys = (*C.casehug_clio_root_key)(table(uintptr(many) * unsafe.Sizeof(key)))
		c.earlier_sealing_key_count = C.size_t(many)
		keys := unsafe.Slice((*C.casehug_clio_root_key)(c.earlier_sealing_keys), many)
		for id, key := range config.EarlierSealingKeys {
			keys[0].id, keys[0].key = text(id), text(key)
			keys = keys[1:]
		}
	}
	if cut {
		return nil, misuse("config", "nul")
	}
	for _, span := range []struct {
		name string
		from time.Duration
		to   *C.uint32_t
	}{
		{"late_execution_window", config.LateExecutionWindow, &c.late_execution_window_seconds},
		{"index_delay", config.IndexDelay, &c.index_delay_seconds},
		{"request_timeout", config.RequestTimeout, &c.request_timeout_seconds},
	} {
		if span.from < 0 || span.from%time.Second != 0 || span.from > 24*time.Hour {
			return nil, misuse(span.name, "not_whole_seconds")
		}
		*span.to = C.uint32_t(span.from / time.Second)
	}
	var store *C.casehug_clio_store
	if config.Store != nil {
		store = (*C.casehug_clio_store)(table(unsafe.Sizeof(*store)))
		C.casehug_clio_go_store(store, C.uintptr_t(cgo.NewHandle(config.Store)))
	}
	if config.Keys != nil {
		c.keys = (*C.casehug_clio_keys)(table(unsafe.Sizeof(*c.keys)))
		C.casehug_clio_go_keys(c.keys, C.uintptr_t(cgo.NewHandle(config.Keys)))
	}
	if config.Tokens != nil {
		c.tokens = (*C.casehug_clio_tokens)(table(unsafe.Sizeof(*c.tokens)))
		C.casehug_clio_go_tokens(c.tokens, C.uintptr_t(cgo.NewHandle(config.Tokens)))
	}
	if config.Intakes != nil {
		c.intakes = (*C.casehug_clio_intakes)(table(unsafe.Sizeof(*c.intakes)))
		C.casehug_clio_go_intakes(c.intakes, C.uintptr_t(cgo.NewHandle(config.Intakes)))
	}
	sdk := &SDK{}
	if config.Log != nil {
		sdk.log = cgo.NewHandle(config.Log)
		C.casehug_clio_go_log(&c, C.uintptr_t(sdk.log), logLevel(config.Log))
	}
	var failure *C.char
	if status := C.casehug_clio_open(&c, store, &sdk.handle, &failure); status != C.CASEHUG_CLIO_OK {
		sdk.forgetLog()
		return nil, taken(failure)
	}
	return sdk, nil
}

// OpenContext is [Open], and waits until the context ends at most. What opens later is closed at
// once; until then functions of yours may be called.
func OpenContext(ctx context.Context, config Config) (*SDK, error) {
	if ctx.Err() != nil {
		return nil, cancelled(ctx)
	}
	type result struct {
		sdk *SDK
		err error
	}
	opened := make(chan result, 1)
	go func() {
		sdk, err := Open(config)
		opened <- result{sdk, err}
	}()
	select {
	case one := <-opened:
		return one.sdk, one.err
	case <-ctx.Done():
		go func() {
			if late := <-opened; late.err == nil {
				_ = late.sdk.Close()
			}
		}()
		return nil, unawaited(ctx)
	}
}

// Close waits for the calls in progress, stops the worker and closes the SDK. After it nothing of
// yours is called any more. A call whose context you end is soon over.
func (s *SDK) Close() error {
	var failure *C.char
	if status := C.casehug_clio_close(s.handle, &failure); status != C.CASEHUG_CLIO_OK {
		return taken(failure)
	}
	s.forgetLog()
	return nil
}

func (s *SDK) forgetLog() {
	if s.log != 0 {
		s.log.Delete()
		s.log = 0
	}
}

// Firm gives the operations that this user may ask for.
func (s *SDK) Firm(actor Actor) Firm { return Firm{sdk: s, actor: &actor} }

// Host gives the operations of the service itself.
func (s *SDK) Host() Host { return Host{caller{sdk: s}} }

// Version is the library's.
func Version() string { return C.GoString(C.casehug_clio_version()) }

// Call runs an operation by its name (docs/operations.md) with its arguments as a JSON object, for
// gateways. An actor that says nothing is refused, and never taken for the service itself.
func (s *SDK) Call(ctx context.Context, actor Actor, operation string, arguments json.RawMessage) (json.RawMessage, error) {
	return s.call(ctx, &actor, operation, arguments)
}

// CallHost is the same as the service itself, for the operations whose access is host.
func (s *SDK) CallHost(ctx context.Context, operation string, arguments json.RawMessage) (json.RawMessage, error) {
	return s.call(ctx, nil, operation, arguments)
}

// call runs an operation for a user, or without one for the service itself.
func (s *SDK) call(ctx context.Context, actor *Actor, operation string, arguments json.RawMessage) (json.RawMessage, error) {
	if err := ctx.Err(); err != nil {
		return nil, cancelled(ctx)
	}
	if bytes.IndexByte(arguments, 0) >= 0 {
		return nil, misuse("arguments", "nul")
	}
	if hasNUL(operation) {
		return nil, misuse("operation", "nul")
	}
	if actor != nil && hasNUL(actor.User) {
		return nil, misuse("user", "nul")
	}
	if actor != nil && hasNUL(actor.Firm) {
		return nil, misuse("firm", "nul")
	}
	handle, done, failed := s.during(ctx)
	if failed != nil {
		return nil, failed
	}
	defer done()
	var who *C.casehug_clio_actor
	if actor != nil {
		// In C's memory, as it points to texts there.
		who = (*C.casehug_clio_actor)(C.calloc(1, C.size_t(unsafe.Sizeof(*who))))
		who.user, who.firm, who.role = C.CString(actor.User), C.CString(actor.Firm), C.int32_t(actor.Role)
		defer func() {
			C.free(unsafe.Pointer(who.user))
			C.free(unsafe.Pointer(who.firm))
			C.free(unsafe.Pointer(who))
		}()
	}
	name, json := C.CString(operation), C.CString(string(arguments))
	defer C.free(unsafe.Pointer(name))
	defer C.free(unsafe.Pointer(json))
	var out, failure *C.char
	status := C.int32_t(0)
	if who == nil {
		status = C.casehug_clio_call_host_json(handle, name, json, &out, &failure)
	} else {
		status = C.casehug_clio_call_json(handle, who, name, json, &out, &failure)
	}
	if status != C.CASEHUG_CLIO_OK {
		return nil, ended(ctx, failure)
	}
	defer C.casehug_clio_free(out)
	return []byte(C.GoString(out)), nil
}

// hasNUL says whether C would take a part of this text for all of it.
func hasNUL(text string) bool { return strings.IndexByte(text, 0) >= 0 }

func (c caller) call(ctx context.Context, operation string, arguments map[string]any, into any) error {
	// What is nil is null, which stands for what is left out.
	encoded, err := json.Marshal(arguments)
	if err != nil {
		return misuse("arguments", "not_encodable")
	}
	result, err := c.sdk.call(ctx, c.actor, operation, encoded)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(result, into)
}

// taken reads an error that the library gave, and frees it.
func taken(failure *C.char) *Error {
	defer C.casehug_clio_free(failure)
	err := &Error{Code: CodeInternal, Kind: KindInternal, Retry: RetryNever}
	if failure != nil {
		_ = json.Unmarshal([]byte(C.GoString(failure)), err)
	}
	return err
}

func cancelled(ctx context.Context) *Error {
	return ofContext(ctx, "The caller cancelled this before it began.")
}

// unawaited is the error where nobody waits any more, and the work goes on.
func unawaited(ctx context.Context) *Error {
	return ofContext(ctx, "The caller did not wait for the end of this.")
}

func ofContext(ctx context.Context, message string) *Error {
	return &Error{
		Code: CodeCancelled, Number: int(C.CASEHUG_CLIO_CANCELLED), Kind: KindHost, Retry: RetryNever,
		Message: message, causes: causes(ctx),
	}
}

// causes are what a call of a context that has ended is wrapped around.
func causes(ctx context.Context) []error {
	if ctx.Err() == nil {
		return nil
	}
	return []error{ctx.Err(), context.Cause(ctx)}
}

func data(text string) unsafe.Pointer { return unsafe.Pointer(unsafe.StringData(text)) }

func bytesOf(bytes []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(bytes)) }
