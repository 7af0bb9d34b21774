package clio

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/cgo"
	"time"
	"unsafe"
)

// ErrNotFound is what Intakes answers for a matter or a document that is not there.
var ErrNotFound = errors.New("clio: not found")

// Store is a database of yours. It is used by several goroutines at once.
//
// An error means that it is unknown what happened, and the SDK reads again. A panic is the same.
// Package sqlstore has one for database/sql; CheckStore finds what is wrong with yours.
type Store interface {
	// Get is the record of this key; nil if there is none. It MUST see every earlier successful
	// commit of any process.
	Get(ctx context.Context, key Key) (*Record, error)
	// Scan gives the records that the scan asks for, in its order.
	Scan(ctx context.Context, scan Scan) ([]Record, error)
	// Commit does all writes or none. Success MUST mean durable. now is the store's clock at the
	// commit; there may be no writes. What a check expects MUST hold until the commit: of two that
	// each check what the other one writes, one is a conflict. At READ COMMITTED a plain SELECT is
	// not enough.
	Commit(ctx context.Context, writes []Write) (now time.Time, ok bool, err error)
}

// Key names a record. Ids are ordered by their bytes.
type Key struct{ Firm, Collection, ID string }

// Record is a row. Due is zero for a record that is never due.
type Record struct {
	Key
	Version string
	Due     time.Time
	Body    string
}

// Scan says which records are wanted, Limit at most.
type Scan struct {
	// Due: those that are due on the store's clock, earliest first, of one firm, or of all if Firm
	// is empty. Else those of one firm with From <= id < Until, by id.
	Due              bool
	Firm, Collection string
	From             string
	// Until is exclusive; nil: to the end.
	Until      *string
	Descending bool
	Limit      uint64
}

// WriteKind is what a write does.
type WriteKind int

// What a write does.
const (
	// Put writes the whole record.
	Put WriteKind = 1
	// Delete removes it.
	Delete WriteKind = 2
	// Check writes nothing.
	Check WriteKind = 3
)

// Write is one entry of a commit; a key occurs once.
type Write struct {
	Kind WriteKind
	Key
	// Expect is the version that must be there; nil: no record may be there. If it does not hold,
	// nothing is written and the commit is not ok.
	Expect *string
	// Version and Body are what Put writes, due DueIn after the store's clock; nil: never.
	Version, Body string
	DueIn         *time.Duration
}

// Tokens is a vault of yours for the sealed tokens of connections, which never sees one in plain.
// It is used by several goroutines at once.
//
// An error means that it is unknown what happened, and the SDK loads again. A panic is the same.
type Tokens interface {
	// Load is the envelope of this connection; nil if there is none. It MUST see every earlier
	// successful swap of any process.
	Load(ctx context.Context, firm, connection string) (*SealedTokens, error)
	// CompareAndSwap replaces the envelope if its version is still expected; nil: there is none
	// yet. Success MUST mean durable.
	CompareAndSwap(ctx context.Context, firm, connection string, expected *string, sealed SealedTokens) (ok bool, err error)
	// Delete removes the envelope, whatever its version. Deleting what is not there succeeds.
	Delete(ctx context.Context, firm, connection string) error
}

// SealedTokens is an envelope, kept byte for byte, and its version.
type SealedTokens struct{ Version, Envelope string }

// Keys wraps data keys with a root key that never leaves it.
type Keys interface {
	// Wrap wraps the 32 bytes with the current root key, bound to associated, which is not secret.
	// It is bytes, many of them zero: a KMS that wants text gets all of it as hexadecimal digits or
	// base64.
	Wrap(ctx context.Context, key, associated []byte) (keyID string, blob []byte, err error)
	// Unwrap gives the 32 bytes again. It MUST fail under another associated.
	Unwrap(ctx context.Context, keyID string, blob, associated []byte) ([]byte, error)
}

// Intakes are the host's matters and documents.
type Intakes interface {
	// Load is the JSON of a matter as it is now (docs/intake-format.md), or ErrNotFound.
	Load(ctx context.Context, firm, matter string) ([]byte, error)
	// Stat is what the document is now. It MUST look afresh.
	Stat(ctx context.Context, document Document) (DocumentStat, error)
	// Open opens the document's bytes from offset on. They are read piece by piece, and never held
	// whole.
	Open(ctx context.Context, document Document, offset int64) (io.ReadCloser, error)
}

// Document names one.
type Document struct{ Firm, Matter, Document, Upload string }

// DocumentStat is what a document is: Revision changes whenever its bytes do and holds no client
// data; Status and Origin are named as in an intake.
type DocumentStat struct {
	Length                   uint64
	Revision, Status, Origin string
}

// What functions answer to the SDK.
const (
	answerUnknown  C.int32_t = 0
	answerOK       C.int32_t = 1
	answerConflict C.int32_t = 2
	answerMissing  C.int32_t = 2
)

// guarded does the work of a callback. A panic of Go's ends here, as a failure.
func guarded(work func(ctx context.Context) C.int32_t) (answer C.int32_t) {
	defer func() {
		if recover() != nil {
			answer = answerUnknown
		}
	}()
	return work(context.Background())
}

func text(from C.casehug_clio_str) string { return C.GoStringN((*C.char)(from.data), C.int(from.len)) }

func optionalText(from C.casehug_clio_str) *string {
	if from.data == nil {
		return nil
	}
	text := text(from)
	return &text
}

func push(into *C.casehug_clio_records, record *Record) bool {
	due := C.int64_t(-1)
	if !record.Due.IsZero() {
		due = C.int64_t(record.Due.UnixMilli())
	}
	return C.casehug_clio_go_push(into, data(record.Firm), C.size_t(len(record.Firm)), data(record.ID), C.size_t(len(record.ID)),
		data(record.Version), C.size_t(len(record.Version)), due, data(record.Body), C.size_t(len(record.Body))) == 1
}

//export casehugClioGet
func casehugClioGet(handle C.uintptr_t, firm, collection, id C.casehug_clio_str, into *C.casehug_clio_records) C.int32_t {
	return guarded(func(ctx context.Context) C.int32_t {
		store := cgo.Handle(handle).Value().(Store)
		record, err := store.Get(ctx, Key{text(firm), text(collection), text(id)})
		if err != nil || (record != nil && !push(into, record)) {
			return answerUnknown
		}
		return answerOK
	})
}

//export casehugClioScan
func casehugClioScan(handle C.uintptr_t, scan *C.casehug_clio_scan, into *C.casehug_clio_records) C.int32_t {
	return guarded(func(ctx context.Context) C.int32_t {
		records, err := cgo.Handle(handle).Value().(Store).Scan(ctx, Scan{
			Due: scan.kind == 2, Firm: text(scan.firm), Collection: text(scan.collection), From: text(scan.from),
			Until: optionalText(scan.until), Descending: scan.descending != 0, Limit: uint64(scan.limit),
		})
		if err != nil {
			return answerUnknown
		}
		for at := range records {
			if !push(into, &records[at]) {
				return answerUnknown
			}
		}
		return answerOK
	})
}

//export casehugClioCommit
func casehugClioCommit(handle C.uintptr_t, list *C.casehug_clio_write, count C.size_t, now *C.int64_t) C.int32_t {
	return guarded(func(ctx context.Context) C.int32_t {
		writes := make([]Write, 0, int(count))
		for _, write := range unsafe.Slice(list, int(count)) {
			key := Key{text(write.firm), text(write.collection), text(write.id)}
			one := Write{Kind: WriteKind(write.kind), Key: key, Expect: optionalText(write.expect)}
			if one.Kind == Put {
				one.Version, one.Body = text(write.version), text(write.body)
			}
			if one.Kind == Put && write.due_in_ms >= 0 {
				// Longer than Go's durations reach is as good as their longest.
				due := time.Duration(min(int64(write.due_in_ms), int64(1<<63-1)/int64(time.Millisecond))) * time.Millisecond
				one.DueIn = &due
			}
			writes = append(writes, one)
		}
		at, ok, err := cgo.Handle(handle).Value().(Store).Commit(ctx, writes)
		switch {
		case err != nil:
			return answerUnknown
		case !ok:
			return answerConflict
		}
		*now = C.int64_t(at.UnixMilli())
		return answerOK
	})
}

//export casehugClioLoadTokens
func casehugClioLoadTokens(handle C.uintptr_t, firm, connection C.casehug_clio_str, into *C.casehug_clio_tokens_answer) C.int32_t {
	return guarded(func(ctx context.Context) C.int32_t {
		sealed, err := cgo.Handle(handle).Value().(Tokens).Load(ctx, text(firm), text(connection))
		if err != nil {
			return answerUnknown
		}
		if sealed != nil && C.casehug_clio_go_tokens_set(into, data(sealed.Version), C.size_t(len(sealed.Version)),
			data(sealed.Envelope), C.size_t(len(sealed.Envelope))) != 1 {
			return answerUnknown
		}
		return answerOK
	})
}

//export casehugClioSwapTokens
func casehugClioSwapTokens(handle C.uintptr_t, firm, connection, expected, version, envelope C.casehug_clio_str) C.int32_t {
	return guarded(func(ctx context.Context) C.int32_t {
		sealed := SealedTokens{text(version), text(envelope)}
		ok, err := cgo.Handle(handle).Value().(Tokens).CompareAndSwap(ctx, text(firm), text(connection), optionalText(expected), sealed)
		switch {
		case err != nil:
			return answerUnknown
		case !ok:
			return answerConflict
		}
		return answerOK
	})
}

//export casehugClioRemoveTokens
func casehugClioRemoveTokens(handle C.uintptr_t, firm, connection C.casehug_clio_str) C.int32_t {
	return guarded(func(ctx context.Context) C.int32_t {
		if cgo.Handle(handle).Value().(Tokens).Delete(ctx, text(firm), text(connection)) != nil {
			return answerUnknown
		}
		return answerOK
	})
}

//export casehugClioRelease
func casehugClioRelease(handle C.uintptr_t) { cgo.Handle(handle).Delete() }

//export casehugClioWrap
func casehugClioWrap(handle C.uintptr_t, key *C.uint8_t, associated C.casehug_clio_str, into *C.casehug_clio_wrapped) C.int32_t {
	return guarded(func(ctx context.Context) C.int32_t {
		secret := C.GoBytes(unsafe.Pointer(key), 32)
		defer clear(secret)
		id, blob, err := cgo.Handle(handle).Value().(Keys).Wrap(ctx, secret, []byte(text(associated)))
		if err != nil || C.casehug_clio_go_wrapped(into, data(id), C.size_t(len(id)), bytesOf(blob), C.size_t(len(blob))) != 1 {
			return answerUnknown
		}
		return answerOK
	})
}

//export casehugClioUnwrap
func casehugClioUnwrap(handle C.uintptr_t, id C.casehug_clio_str, blob *C.uint8_t, length C.size_t, associated C.casehug_clio_str, into *C.uint8_t) C.int32_t {
	return guarded(func(ctx context.Context) C.int32_t {
		wrapped := C.GoBytes(unsafe.Pointer(blob), C.int(length))
		key, err := cgo.Handle(handle).Value().(Keys).Unwrap(ctx, text(id), wrapped, []byte(text(associated)))
		if err != nil || len(key) != 32 {
			return answerUnknown
		}
		copy(unsafe.Slice((*byte)(into), 32), key)
		clear(key)
		return answerOK
	})
}

//export casehugClioLoad
func casehugClioLoad(handle C.uintptr_t, firm, matter C.casehug_clio_str, into *C.casehug_clio_intake_answer) C.int32_t {
	return guarded(func(ctx context.Context) C.int32_t {
		json, err := cgo.Handle(handle).Value().(Intakes).Load(ctx, text(firm), text(matter))
		if err != nil {
			return missing(err)
		}
		if C.casehug_clio_go_intake(into, bytesOf(json), C.size_t(len(json))) != 1 {
			return answerUnknown
		}
		return answerOK
	})
}

//export casehugClioStat
func casehugClioStat(handle C.uintptr_t, document C.casehug_clio_document, into *C.casehug_clio_stat_answer) C.int32_t {
	return guarded(func(ctx context.Context) C.int32_t {
		stat, err := cgo.Handle(handle).Value().(Intakes).Stat(ctx, documentOf(document))
		if err != nil {
			return missing(err)
		}
		done := C.casehug_clio_go_stat(into, C.uint64_t(stat.Length), data(stat.Revision), C.size_t(len(stat.Revision)),
			data(stat.Status), C.size_t(len(stat.Status)), data(stat.Origin), C.size_t(len(stat.Origin)))
		if done != 1 {
			return answerUnknown
		}
		return answerOK
	})
}

//export casehugClioOpen
func casehugClioOpen(handle C.uintptr_t, document C.casehug_clio_document, offset C.uint64_t, reader *C.uintptr_t) C.int32_t {
	return guarded(func(ctx context.Context) C.int32_t {
		opened, err := cgo.Handle(handle).Value().(Intakes).Open(ctx, documentOf(document), int64(offset))
		if err != nil {
			return missing(err)
		}
		*reader = C.uintptr_t(cgo.NewHandle(opened))
		return answerOK
	})
}

//export casehugClioRead
func casehugClioRead(reader C.uintptr_t, buffer *C.uint8_t, capacity C.size_t, count *C.size_t) C.int32_t {
	return guarded(func(context.Context) C.int32_t {
		from, into := cgo.Handle(reader).Value().(io.Reader), unsafe.Slice((*byte)(buffer), int(capacity))
		// A reader may give nothing and no error now and then, but not for ever.
		for tries := 0; tries < 100; tries++ {
			read, err := from.Read(into)
			if read < 0 || read > len(into) {
				return answerUnknown
			}
			if read > 0 || err == io.EOF {
				*count = C.size_t(read)
				return answerOK
			}
			if err != nil {
				return missing(err)
			}
		}
		return answerUnknown
	})
}

//export casehugClioCloseReader
func casehugClioCloseReader(reader C.uintptr_t) {
	guarded(func(context.Context) C.int32_t {
		handle := cgo.Handle(reader)
		defer handle.Delete()
		// Reading is over: what closing says changes nothing.
		_ = handle.Value().(io.Closer).Close()
		return answerOK
	})
}

//export casehugClioLog
func casehugClioLog(handle C.uintptr_t, level C.int32_t, target, message *C.char) {
	guarded(func(ctx context.Context) C.int32_t {
		levels := map[C.int32_t]slog.Level{1: slog.LevelError, 2: slog.LevelWarn, 3: slog.LevelInfo, 4: slog.LevelDebug}
		logger := cgo.Handle(handle).Value().(*slog.Logger)
		logger.Log(ctx, levels[level], C.GoString(message), "target", C.GoString(target))
		return answerOK
	})
}

func logLevel(logger *slog.Logger) C.int32_t {
	for level, least := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
		if logger.Enabled(context.Background(), least) {
			return C.int32_t(4 - level)
		}
	}
	return 1
}

func missing(err error) C.int32_t {
	if errors.Is(err, ErrNotFound) {
		return answerMissing
	}
	return answerUnknown
}

func documentOf(from C.casehug_clio_document) Document {
	return Document{text(from.firm), text(from.matter), text(from.document), text(from.upload)}
}
