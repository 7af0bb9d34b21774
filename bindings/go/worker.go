package clio

// #include "bridge.h"
import "C"

import "context"

// StartWorker starts a worker on threads of the SDK: it runs what is due for all firms. An SDK has
// one at most. One that a defect of the SDK ends begins again after five seconds, and the log is
// told.
func (s *SDK) StartWorker() error {
	var failure *C.char
	if C.casehug_clio_worker_start(s.handle, &failure) != C.CASEHUG_CLIO_OK {
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
