package clio

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var admin = Actor{User: "usr_1", Firm: "firm_1", Role: Admin}

// kms binds what is associated, and keeps nothing secret.
type kms struct{ broken atomic.Bool }

func (k *kms) Wrap(_ context.Context, key, associated []byte) (string, []byte, error) {
	return "kms-1", k.mask(key, associated), nil
}

func (k *kms) Unwrap(_ context.Context, _ string, blob, associated []byte) ([]byte, error) {
	if k.broken.Load() {
		panic("a panic of Go's crosses no boundary")
	}
	return k.mask(blob, associated), nil
}

func (*kms) mask(key, associated []byte) []byte {
	sum, masked := sha256.Sum256(associated), make([]byte, len(key))
	for at := range key {
		masked[at] = key[at] ^ sum[at]
	}
	return masked
}

// office has one matter, whose document is as long as asked for and never in memory.
type office struct {
	length       int64
	opened, shut atomic.Int64
}

func (o *office) Load(_ context.Context, firm, matter string) ([]byte, error) {
	if firm != "firm_1" || !strings.HasPrefix(matter, "mat_") {
		return nil, ErrNotFound
	}
	return json.Marshal(map[string]any{
		"matter": map[string]string{"id": matter, "title": "T"},
		"client": map[string]string{"id": "cli_1", "first_name": "A", "last_name": "B", "email": "a@example.com"},
		"documents": []map[string]string{{"id": "doc_1", "file_name": "a.bin", "content_type": "text/plain",
			"status": "approved", "origin": "client_upload"}},
	})
}

func (o *office) Stat(context.Context, Document) (DocumentStat, error) {
	return DocumentStat{Length: uint64(o.length), Revision: "v1", Status: "approved", Origin: "client_upload"}, nil
}

func (o *office) Open(_ context.Context, _ Document, offset int64) (io.ReadCloser, error) {
	o.opened.Add(1)
	return &reader{io.LimitReader(zeroes{}, o.length-offset), o}, nil
}

type zeroes struct{}

func (zeroes) Read(into []byte) (int, error) { clear(into); return len(into), nil }

type reader struct {
	io.Reader
	of *office
}

func (r *reader) Close() error { r.of.shut.Add(1); return nil }

func connected(t *testing.T, config Config) *SDK {
	t.Helper()
	sdk, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sdk.Close() })
	connection := sdk.Firm(admin).Connection()
	start, err := connection.Begin(context.Background(), "http://127.0.0.1:9/callback")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Finish(context.Background(), consent(t, start.AuthorizeURL)); err != nil {
		t.Fatal(err)
	}
	return sdk
}

func config(t *testing.T, url string) Config {
	return Config{
		ClientID: "casehug-dev", ClientSecret: "casehug-dev-secret", Clio: url,
		Database: filepath.Join(t.TempDir(), "sync.db"), Keys: &kms{}, Intakes: &office{length: 100},
		LateExecutionWindow: time.Second, IndexDelay: time.Second,
	}
}

func TestEverythingOfTheHostIsUsed(t *testing.T) {
	url := simulate(t)
	var told bytes.Buffer
	config := config(t, url)
	config.Database, config.Store = "", newMemory()
	config.Log = slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))
	sdk := connected(t, config)
	report, err := sdk.Firm(admin).Matters().Sync(context.Background(), "mat_1")
	if err != nil || report.Status != RunStatusSucceeded || len(report.Steps) != 3 {
		t.Fatalf("%+v %v", report, err)
	}
	if state := holds(t, url); len(state.Documents) != 1 || state.Documents[0].Size != 100 || !state.Documents[0].Complete {
		t.Fatalf("%+v", state)
	}
	state, err := sdk.Firm(admin).Matters().State(context.Background(), "mat_1")
	if err != nil || state.ClioMatter == nil || *state.ClioMatter != *report.Steps[1].Clio {
		t.Fatalf("%+v %v", state, err)
	}
	if err := sdk.Close(); err != nil {
		t.Fatal(err)
	}
	office := config.Intakes.(*office)
	if office.opened.Load() == 0 || office.opened.Load() != office.shut.Load() {
		t.Fatalf("%d opened, %d closed", office.opened.Load(), office.shut.Load())
	}
	if !strings.Contains(told.String(), "casehug_clio") || strings.Contains(told.String(), "example.com") {
		t.Fatal(told.String())
	}
	var failed *Error
	if _, err := sdk.Firm(admin).Matters().Plan(context.Background(), "mat_1"); !errors.As(err, &failed) || failed.Context["reason"] != "stale_handle" {
		t.Fatal(err)
	}
}

func TestAFileOfShardsIsADatabase(t *testing.T) {
	folder := t.TempDir()
	shards := filepath.Join(folder, "shards.json")
	file := func(name string) string { return filepath.Join(folder, name) }
	text := fmt.Sprintf(`{"databases":{"a":%q,"b":%q},"firms":{"firm_1":"b"},"others":"a"}`, file("a.db"), file("b.db"))
	if err := os.WriteFile(shards, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	config := config(t, "http://127.0.0.1:9")
	config.Database = "shards:" + shards
	sdk, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	defer sdk.Close()
	if _, err := sdk.Firm(admin).Connection().Begin(context.Background(), "http://127.0.0.1:9/callback"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.db", "b.db"} {
		if _, err := os.Stat(file(name)); err != nil {
			t.Error(err)
		}
	}
	if err := os.Remove(shards); err != nil {
		t.Fatal(err)
	}
	var failed *Error
	if _, err := Open(config); !errors.As(err, &failed) || failed.Code != CodeSettingInvalid || failed.Path != "store" {
		t.Fatal(err)
	}
}

func TestErrorsAreFoundByTheirFields(t *testing.T) {
	sdk := connected(t, config(t, simulate(t)))
	for _, one := range []struct {
		name string
		call func(context.Context) error
		code Code
		path string
	}{
		{"no matter", func(ctx context.Context) error { _, err := sdk.Firm(admin).Matters().Sync(ctx, "none"); return err }, CodeMatterUnknown, ""},
		{"no id", func(ctx context.Context) error { _, err := sdk.Firm(admin).Matters().Sync(ctx, "../x"); return err }, CodeRequestInvalid, "matter"},
		{"NUL", func(ctx context.Context) error { _, err := sdk.Firm(admin).Matters().Sync(ctx, "a\x00b"); return err }, CodeRequestInvalid, "matter"},
		{"no UTF-8", func(ctx context.Context) error { _, err := sdk.Firm(admin).Matters().Sync(ctx, "\xff"); return err }, CodeRequestInvalid, "matter"},
		{"no admin", func(ctx context.Context) error {
			_, err := sdk.Firm(Actor{User: "usr_3", Firm: "firm_1", Role: Member}).Connection().End(ctx, nil)
			return err
		}, CodeNotAllowed, ""},
		{"no role", func(ctx context.Context) error {
			_, err := sdk.Firm(Actor{User: "u", Firm: "f"}).Connection().Get(ctx)
			return err
		}, CodeSettingInvalid, ""},
		{"no actor", func(ctx context.Context) error { _, err := sdk.Firm(Actor{}).Connection().Get(ctx); return err }, CodeSettingInvalid, ""},
		{"a null list", func(ctx context.Context) error { _, err := sdk.Firm(admin).Backfills().Start(ctx, nil); return err }, "", ""},
		{"a decision of nothing", func(ctx context.Context) error {
			return sdk.Firm(admin).Reviews().Resolve(ctx, StepKindContact, "cli_1", Decision{}, nil)
		}, CodeRequestInvalid, "decision"},
		{"a decision", func(ctx context.Context) error {
			return sdk.Firm(admin).Reviews().Resolve(ctx, StepKindContact, "cli_1", Decision{Link: &DecisionLink{Clio: "7"}}, nil)
		}, CodeRecordUnknown, ""},
	} {
		err := one.call(context.Background())
		var failed *Error
		if one.code == "" {
			if err != nil {
				t.Errorf("%s: %v", one.name, err)
			}
			continue
		}
		if !errors.As(err, &failed) || failed.Code != one.code || failed.Path != one.path && one.path != "" || failed.Number == 0 || failed.Kind == "" || failed.Retry == "" {
			t.Errorf("%s: %+v", one.name, err)
		}
	}
	if _, err := Open(Config{}); err == nil {
		t.Error("nothing is no configuration")
	}
	// Cut off where C's texts end, they would name somebody else.
	if err := opened(Config{Clio: "us", EarlierSealingKeys: map[string]string{"k0": "5e\x00"}}); err == nil || !strings.Contains(err.Error(), "(config)") {
		t.Errorf("an earlier key with a NUL: %v", err)
	}
	for argument, err := range map[string]error{
		"user":      called(sdk, Actor{User: "usr_1\x00", Firm: "firm_1", Role: Admin}, "get_health", "{}"),
		"firm":      called(sdk, Actor{User: "usr_1", Firm: "firm_1\x00x", Role: Admin}, "get_health", "{}"),
		"operation": called(sdk, admin, "get_health\x00", "{}"),
		"arguments": called(sdk, admin, "get_health", "{}\x00"),
		"config":    opened(Config{Clio: "us\x00"}),
	} {
		var failed *Error
		if !errors.As(err, &failed) || failed.Code != CodeSettingInvalid || failed.Path != argument || failed.Context["reason"] != "nul" {
			t.Errorf("%s with a NUL: %v", argument, err)
		}
	}
	if _, err := Open(Config{RequestTimeout: time.Millisecond}); err == nil {
		t.Error("whole seconds only")
	}
}

func TestNobodyIsNotTakenForTheServiceItself(t *testing.T) {
	sdk := connected(t, config(t, simulate(t)))
	for _, operation := range []string{"next_events", "ack_event", "get_health"} {
		var failed *Error
		if err := called(sdk, Actor{}, operation, "{}"); !errors.As(err, &failed) || failed.Code != CodeSettingInvalid {
			t.Errorf("%s: %v", operation, err)
		}
	}
	events, err := sdk.CallHost(context.Background(), "next_events", json.RawMessage(`{"limit":1,"wait_ms":0}`))
	if err != nil || events[0] != '[' {
		t.Fatal(string(events), err)
	}
	var failed *Error
	if _, err := sdk.CallHost(context.Background(), "get_health", json.RawMessage("{}")); !errors.As(err, &failed) || failed.Code != CodeNotAllowed {
		t.Fatal(err)
	}
}

func called(sdk *SDK, actor Actor, operation, arguments string) error {
	_, err := sdk.Call(context.Background(), actor, operation, json.RawMessage(arguments))
	return err
}

func opened(config Config) error {
	_, err := Open(config)
	return err
}

func TestAnEmptySelectionOfHeldMattersIsNone(t *testing.T) {
	sdk, err := Open(config(t, simulate(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sdk.Close() })
	ctx, matters := context.Background(), sdk.Firm(admin).Matters()
	if _, err := matters.Trigger(ctx, "mat_1", TriggerApproved); err != nil {
		t.Fatal(err)
	}
	// What a form gives that nothing was ticked in.
	var ticked []string
	if none, err := matters.DiscardHeld(ctx, &ticked); err != nil || none.Matters != 0 {
		t.Fatal(none, err)
	}
	if all, err := matters.DiscardHeld(ctx, nil); err != nil || all.Matters != 1 {
		t.Fatal(all, err)
	}
}

func TestAContextEndsWhatWaits(t *testing.T) {
	sdk := connected(t, config(t, simulate(t)))
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := sdk.Host().NextEvents(ctx, nil, 1, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Fatal(took)
	}
	var failed *Error
	_, err := sdk.Firm(admin).Matters().Plan(ctx, "mat_1")
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &failed) || failed.Code != CodeCancelled {
		t.Fatal(err)
	}
	if _, err := sdk.Firm(admin).Matters().Plan(context.Background(), "mat_1"); err != nil {
		t.Fatal(err)
	}
}

func TestAPanicInACallbackIsAnError(t *testing.T) {
	config := config(t, simulate(t))
	sdk := connected(t, config)
	config.Keys.(*kms).broken.Store(true)
	health, err := sdk.Firm(admin).Connection().Health(context.Background())
	if err != nil || health.State == "" {
		t.Fatalf("%+v %v", health, err)
	}
}

func TestManyGoroutinesOnOneMatter(t *testing.T) {
	url := simulate(t)
	sdk := connected(t, config(t, url))
	var all sync.WaitGroup
	for range [16]struct{}{} {
		all.Add(1)
		go func() {
			defer all.Done()
			if report, err := sdk.Firm(admin).Matters().Sync(context.Background(), "mat_1"); err != nil || report.Status != RunStatusSucceeded {
				t.Errorf("%+v %v", report, err)
			}
		}()
	}
	all.Wait()
	if state := holds(t, url); len(state.Contacts) != 1 || len(state.Matters) != 1 || len(state.Documents) != 1 {
		t.Fatalf("%+v", state)
	}
}

func TestAnEventOfALaterVersionIsKept(t *testing.T) {
	for _, line := range []string{`{"type":"comet_seen","at":"x"}`, `{"type":"disconnected"}`, `{"type":"matter_gone","matter":"m","clio_matter":"7","deleted":true}`} {
		var event EventBody
		if err := json.Unmarshal([]byte(line), &event); err != nil || string(event.Raw) != line {
			t.Fatalf("%+v %v", event, err)
		}
		again, err := json.Marshal(event)
		if err != nil || !sameJSON(again, []byte(line)) {
			t.Fatalf("%s %v", again, err)
		}
	}
}

func sameJSON(left, right []byte) bool {
	var a, b any
	return json.Unmarshal(left, &a) == nil && json.Unmarshal(right, &b) == nil && fmt.Sprint(a) == fmt.Sprint(b)
}

func TestGoldenScenarios(t *testing.T) {
	agent := filepath.Join(t.TempDir(), "agent")
	build := exec.Command("go", "build", "-o", agent, "./internal/agent")
	if told, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s", told)
	}
	golden := exec.Command(tool(t, "GOLDEN"), agent)
	golden.Stderr = os.Stderr
	if told, err := golden.Output(); err != nil {
		t.Fatalf("%s", told)
	}
}
