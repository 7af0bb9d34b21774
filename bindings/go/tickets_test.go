package clio

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestATicketIsKeptForLaterCallsUnlessItWasCancelled(t *testing.T) {
	sdk := connected(t, config(t, simulate(t)))
	plan := func() error {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		_, err := sdk.Firm(admin).Matters().Plan(ctx, "mat_1")
		return err
	}
	for range [2]struct{}{} {
		if err := plan(); err != nil || len(sdk.tickets) != 1 {
			t.Fatal(len(sdk.tickets), err)
		}
	}
	kept := sdk.tickets[0]
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := sdk.Host().NextEvents(ctx, nil, 1, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if len(sdk.tickets) != 0 {
		t.Fatal("a ticket that was cancelled is kept")
	}
	if err := plan(); err != nil || len(sdk.tickets) != 1 || sdk.tickets[0] == kept {
		t.Fatal(len(sdk.tickets), err)
	}
}

func TestACancelThatComesWithTheEndOfACallEndsNoOther(t *testing.T) {
	sdk := connected(t, config(t, simulate(t)))
	var all sync.WaitGroup
	for n := range [8]struct{}{} {
		all.Add(1)
		go func(n int) {
			defer all.Done()
			for turn := range [100]struct{}{} {
				ctx, cancel := context.WithCancel(context.Background())
				time.AfterFunc(time.Duration(n*turn)*time.Microsecond, cancel)
				_, _ = sdk.Firm(admin).Settings().Get(ctx)
				calm, end := context.WithCancel(context.Background())
				if _, err := sdk.Firm(admin).Settings().Get(calm); err != nil {
					t.Errorf("a call that nobody cancelled: %v", err)
				}
				end()
			}
		}(n)
	}
	all.Wait()
}

func TestSoManyTicketsAreKeptAndNoneOutlivesItsSDK(t *testing.T) {
	sdk, err := Open(config(t, "http://127.0.0.1:9"))
	if err != nil {
		t.Fatal(err)
	}
	var taken [mostIdle + 6]func()
	for n := range taken {
		ticket, err := sdk.ticket()
		if err != nil {
			t.Fatal(err)
		}
		taken[n] = func() { sdk.giveBack(ticket, false) }
	}
	for _, giveBack := range taken {
		giveBack()
	}
	if len(sdk.tickets) != mostIdle {
		t.Fatal(len(sdk.tickets))
	}
	if err := sdk.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var failed *Error
	if _, err := sdk.Firm(admin).Settings().Get(ctx); !errors.As(err, &failed) || failed.Context["reason"] != "stale_handle" {
		t.Fatal(err)
	}
}
