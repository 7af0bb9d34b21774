package clio

import (
	"encoding/json"
	"time"
)

// ClioID is an id of Clio's: a number, which JSON cannot hold, in decimal digits.
type ClioID string

// Milliseconds is a time span in results.
type Milliseconds int64

// Duration is the same as Go has it.
func (m Milliseconds) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// Change is what becomes of something that there may be none of: [To] gives it a value, [Clear]
// takes it away. A Change that is nil leaves it as it is.
type Change[T any] struct{ to *T }

// To is the change to this value.
func To[T any](value T) *Change[T] { return &Change[T]{&value} }

// Clear is the change to none.
func Clear[T any]() *Change[T] { return &Change[T]{} }

// MarshalJSON writes the value, or null.
func (c Change[T]) MarshalJSON() ([]byte, error) { return json.Marshal(c.to) }

// listOrNull is the list, empty if it is nil, or JSON's null where none is given.
func listOrNull[T any](list *[]T) any {
	if list == nil {
		return nil
	}
	return notNil(*list)
}

// notNil is the list, empty if there is none: JSON's null is no list.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// tagOf is the variant that a union's JSON names.
func tagOf(key string, data []byte) (string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return "", err
	}
	var tag string
	err := json.Unmarshal(members[key], &tag)
	return tag, err
}

// tagged is a variant's JSON with its tag.
func tagged(key, tag string, variant any) ([]byte, error) {
	data, err := json.Marshal(variant)
	if err != nil {
		return nil, err
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, err
	}
	members[key], err = json.Marshal(tag)
	if err != nil {
		return nil, err
	}
	return json.Marshal(members)
}
