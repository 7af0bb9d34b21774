package clio

import (
	"errors"
	"testing"
	"time"
)

func TestAWorkerWorksAsItIsToldOrIsRefusedByThePath(t *testing.T) {
	sdk, err := Open(config(t, "http://127.0.0.1:9"))
	if err != nil {
		t.Fatal(err)
	}
	defer sdk.Close()
	for path, config := range map[string]WorkerConfig{
		"Concurrency": {Concurrency: -1},
		"PerFirm":     {PerFirm: -1},
		"Poll":        {Poll: 9 * time.Millisecond},
	} {
		var refused *Error
		if err := sdk.StartWorkerWith(config); !errors.As(err, &refused) || refused.Code != CodeSettingInvalid || refused.Path != path {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, config := range []WorkerConfig{{}, {Concurrency: 1, PerFirm: 1, Poll: 10 * time.Millisecond}} {
		if err := sdk.StartWorkerWith(config); err != nil {
			t.Fatal(err)
		}
		if err := sdk.StopWorker(); err != nil {
			t.Fatal(err)
		}
	}
}
