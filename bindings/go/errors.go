package clio

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Code says what went wrong. A code never changes its meaning.
type Code string

// Kind groups codes.
type Kind string

// Retry says whether trying again helps: never, later, not before RetryAfter, or the SDK does it.
type Retry string

// The values of [Retry]. Later versions may add some.
const (
	RetryNever       Retry = "never"
	RetryLater       Retry = "retry"
	RetryAfterTime   Retry = "retry_after"
	RetryRefreshThen Retry = "refresh_then_retry"
)

// Error is every error of this package. It holds ids, numbers and fixed words, and no client data.
type Error struct {
	Code   Code
	Number int
	Kind   Kind
	Retry  Retry
	// RetryAfter is how long to wait, if that is known.
	RetryAfter time.Duration
	// Message is for a firm's administrator.
	Message string
	// Context has ids, numbers and fixed words: the matter, the step, the HTTP status.
	Context map[string]string
	// Path says which argument was refused, never with what value.
	Path string

	causes []error
}

// Error is the code and the message.
func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "clio: %s: %s", e.Code, e.Message)
	if e.Path != "" {
		fmt.Fprintf(&text, " (%s)", e.Path)
	}
	return text.String()
}

// Unwrap is the context's error and its cause, if the context ended the call: errors.Is(err,
// context.Canceled) holds, whatever [context.WithCancelCause] was given.
func (e *Error) Unwrap() []error { return e.causes }

// UnmarshalJSON reads an error as it stands in results.
func (e *Error) UnmarshalJSON(data []byte) error {
	var wire struct {
		Code         Code              `json:"code"`
		Number       int               `json:"number"`
		Kind         Kind              `json:"kind"`
		Retry        Retry             `json:"retry"`
		RetryAfterMs int64             `json:"retry_after_ms"`
		Message      string            `json:"message"`
		Context      map[string]string `json:"context"`
		Path         string            `json:"path"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	after := time.Duration(wire.RetryAfterMs) * time.Millisecond
	*e = Error{wire.Code, wire.Number, wire.Kind, wire.Retry, after, wire.Message, wire.Context, wire.Path, e.causes}
	return nil
}

// misuse is an error that is found before the library is asked.
func misuse(argument, reason string) *Error {
	return &Error{
		Code: CodeSettingInvalid, Number: 1005, Kind: KindInput, Retry: RetryNever,
		Message: "A setting or an argument is not allowed, or cannot be read. See which, and correct it.",
		Context: map[string]string{"argument": argument, "reason": reason}, Path: argument,
	}
}
