package clio

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// over is a context that has ended.
func over() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func isCancelled(t *testing.T, err, cause error) {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) || failed.Code != CodeCancelled || failed.Number == 0 || !errors.Is(err, cause) {
		t.Fatal(err)
	}
}

// stuck is an SDK on a store in memory that answers nothing while it is held up.
func stuck(t *testing.T) (sdk *SDK, hold func() (release func())) {
	var held atomic.Pointer[chan struct{}]
	config := config(t, "http://127.0.0.1:9")
	config.Database, config.Store = "", wrong{memory: newMemory(), get: func(m *memory, key Key) (*Record, error) {
		if wait := held.Load(); wait != nil {
			<-*wait
		}
		return m.Get(context.Background(), key)
	}}
	sdk, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sdk.Close() })
	return sdk, func() func() {
		wait := make(chan struct{})
		held.Store(&wait)
		release := func() {
			if held.CompareAndSwap(&wait, nil) {
				close(wait)
			}
		}
		// The SDK cannot be closed while its store is asked.
		t.Cleanup(release)
		return release
	}
}

func TestACancelWithACauseIsACancel(t *testing.T) {
	sdk, hold := stuck(t)
	cause := errors.New("a sibling failed")
	plan := func(ctx context.Context) error {
		_, err := sdk.Firm(admin).Connection().Get(ctx)
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	release := hold()
	time.AfterFunc(200*time.Millisecond, func() { cancel(cause) })
	during, before := plan(ctx), plan(ctx)
	release()
	for _, err := range []error{during, before} {
		isCancelled(t, err, cause)
		isCancelled(t, err, context.Canceled)
	}
}

func TestAContextEndsAWebhook(t *testing.T) {
	sdk, hold := stuck(t)
	// A token of this firm, which it has not.
	token := base64.RawURLEncoding.EncodeToString([]byte("firm_1")) + ".unknown"
	post := func(ctx context.Context) (Reply, error) {
		return sdk.HandleWebhookContext(ctx, token, http.Header{"X-Hook-Signature": {"x"}}, []byte("{}"))
	}
	_, err := post(over())
	isCancelled(t, err, context.Canceled)
	release := hold()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = post(ctx)
	isCancelled(t, err, context.DeadlineExceeded)
	if took := time.Since(began); took > 10*time.Second {
		t.Fatal(took)
	}
	release()
	ctx, end := context.WithCancel(context.Background())
	defer end()
	if reply, err := post(ctx); err != nil || reply.Status != http.StatusNotFound {
		t.Fatal(reply, err)
	}
}

func TestNobodyWaitsLongerThanAContextForAWorkerToStop(t *testing.T) {
	sdk, hold := stuck(t)
	if err := sdk.StartWorker(); err != nil {
		t.Fatal(err)
	}
	release := hold()
	isCancelled(t, sdk.StopWorkerContext(over()), context.Canceled)
	release()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := sdk.StopWorkerContext(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestNobodyWaitsLongerThanAContextForADatabase(t *testing.T) {
	_, err := OpenContext(over(), config(t, "http://127.0.0.1:9"))
	isCancelled(t, err, context.Canceled)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sdk, err := OpenContext(ctx, config(t, "http://127.0.0.1:9"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sdk.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAForkIsAnsweredAndTheParentGoesOn(t *testing.T) {
	program := filepath.Join(t.TempDir(), "fork")
	if told, err := exec.Command("go", "build", "-o", program, "./internal/fork").CombinedOutput(); err != nil {
		t.Fatalf("%s", told)
	}
	run := exec.Command(program, filepath.Join(t.TempDir(), "sync.db"), t.TempDir())
	run.Stderr = os.Stderr
	if told, err := run.Output(); err != nil || string(told) != "50 children, and the parent goes on\n" {
		t.Fatalf("%s %v", told, err)
	}
}
