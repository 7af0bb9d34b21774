package clio

// #include "bridge.h"
import "C"

import (
	"context"
	"math"
	"time"
)

// WorkerConfig is how a worker works; what is zero is the default.
type WorkerConfig struct {
	// Concurrency is how many runs it does at once. Default 16, of which bulk runs (backfill,
	// retries of all that failed) hold three quarters at most.
	Concurrency int
	// PerFirm is how many of them may be one firm's, which share its request budget. Default 4.
	PerFirm int
	// Poll is the longest wait before it looks for work of other processes: 10 ms at least. Default
	// a second.
	Poll time.Duration
}

// StartWorker starts a worker on threads of the SDK: it runs what is due for all firms. An SDK has
// one at most. One that a defect of the SDK ends begins again after five seconds, and the log is
// told.
func (s *SDK) StartWorker() error { return s.StartWorkerWith(WorkerConfig{}) }

// StartWorkerWith is [SDK.StartWorker], and says how it works. A value that cannot be meant is
// refused by its path: Concurrency, PerFirm or Poll. One that works already goes on as it was
// started.
func (s *SDK) StartWorkerWith(config WorkerConfig) error {
	var with C.casehug_clio_worker_config
	with.size = C.sizeof_casehug_clio_worker_config
	for _, one := range []struct {
		name  string
		value int
		into  *C.uint32_t
	}{{"Concurrency", config.Concurrency, &with.concurrency}, {"PerFirm", config.PerFirm, &with.per_firm}} {
		if one.value < 0 || int64(one.value) > math.MaxUint32 {
			return misuse(one.name, "out_of_range")
		}
		*one.into = C.uint32_t(one.value)
	}
	// Below a millisecond it would be none, which is the default.
	if config.Poll != 0 && config.Poll < 10*time.Millisecond {
		return misuse("Poll", "too_short")
	}
	with.poll_ms = C.uint64_t(config.Poll.Milliseconds())
	var failure *C.char
	if C.casehug_clio_worker_start_with(s.handle, &with, &failure) != C.CASEHUG_CLIO_OK {
		return taken(failure)
	}
	return nil
}

// StopWorker stops it and waits for its steps in progress. What is not done is due for other
// workers at once.
func (s *SDK) StopWorker() error {
	var failure *C.char
	if C.casehug_clio_worker_stop(s.handle, &failure) != C.CASEHUG_CLIO_OK {
		return taken(failure)
	}
	return nil
}

// StopWorkerContext is [SDK.StopWorker], and waits until the context ends at most: the worker stops
// without anybody who waits, and takes up nothing more.
func (s *SDK) StopWorkerContext(ctx context.Context) error {
	stopped := make(chan error, 1)
	go func() { stopped <- s.StopWorker() }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		return unawaited(ctx)
	}
}
