package clio

import (
	"fmt"
	"log/slog"
	"reflect"
)

// shown prints a value without its data of people and its secrets, whatever the verb: names and
// values, in turn, of the other fields. What is behind a pointer is printed.
func shown(into fmt.State, name string, fields ...any) {
	fmt.Fprintf(into, "%s{", name)
	for at := 0; at+1 < len(fields); at += 2 {
		if at > 0 {
			fmt.Fprint(into, " ")
		}
		value := reflect.ValueOf(fields[at+1])
		for value.Kind() == reflect.Pointer && !value.IsNil() {
			value = value.Elem()
		}
		fmt.Fprintf(into, "%s:%v", fields[at], value)
	}
	fmt.Fprint(into, "}")
}

// Format prints which app it is and where its Clio is, and no secret.
func (c Config) Format(into fmt.State, _ rune) {
	shown(into, "Config", "ClientID", c.ClientID, "Clio", c.Clio)
}

// LogValue is the same for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", c)) }

// Format prints the status: a header may hold a secret.
func (r Reply) Format(into fmt.State, _ rune) { shown(into, "Reply", "Status", r.Status) }

// LogValue is the same for slog.
func (r Reply) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", r)) }
