package clio

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
)

// wrong is the store in memory with a mistake.
type wrong struct {
	*memory
	commit func(m *memory, writes []Write) (time.Time, bool, error)
	scan   func(m *memory, scan Scan) ([]Record, error)
	get    func(m *memory, key Key) (*Record, error)
}

func (w wrong) Get(ctx context.Context, key Key) (*Record, error) {
	if w.get != nil {
		return w.get(w.memory, key)
	}
	return w.memory.Get(ctx, key)
}

func (w wrong) Scan(ctx context.Context, scan Scan) ([]Record, error) {
	if w.scan != nil {
		return w.scan(w.memory, scan)
	}
	return w.memory.Scan(ctx, scan)
}

func (w wrong) Commit(ctx context.Context, writes []Write) (time.Time, bool, error) {
	if w.commit != nil {
		return w.commit(w.memory, writes)
	}
	return w.memory.Commit(ctx, writes)
}

// changing changes each entry before it is committed; false: it is left out.
func changing(change func(m *memory, write *Write) bool) wrong {
	return wrong{commit: func(m *memory, writes []Write) (time.Time, bool, error) {
		var changed []Write
		for _, write := range writes {
			if change(m, &write) {
				changed = append(changed, write)
			}
		}
		return m.Commit(context.Background(), changed)
	}}
}

// accept expects whatever is there.
func accept(m *memory, write *Write) bool {
	write.Expect = nil
	if known, _ := m.Get(context.Background(), write.Key); known != nil {
		write.Expect = &known.Version
	}
	return true
}

var mistakes = []struct {
	promise, foundBy string
	store            wrong
}{
	{"takes any version for the one that was expected", "put_over_a_version_needs_exactly_that_version",
		changing(func(m *memory, write *Write) bool { return write.Expect == nil || accept(m, write) })},
	{"overwrites what should have been absent", "put_absent_conflicts_with_a_record",
		changing(func(m *memory, write *Write) bool {
			return write.Kind != Put || write.Expect != nil || accept(m, write)
		})},
	{"does not look at checks", "checks_write_nothing_and_stop_a_commit_that_does_not_hold",
		changing(func(_ *memory, write *Write) bool { return write.Kind != Check })},
	{"commits entry by entry", "a_conflict_in_the_last_entry_undoes_all_before_it",
		wrong{commit: func(m *memory, writes []Write) (now time.Time, ok bool, err error) {
			now, ok, err = m.Commit(context.Background(), nil)
			for n := 0; n < len(writes) && ok; n++ {
				now, ok, err = m.Commit(context.Background(), writes[n:n+1])
			}
			return now, ok, err
		}}},
	{"forgets deletions", "delete_needs_the_version_and_removes", changing(func(_ *memory, write *Write) bool {
		if write.Kind == Delete {
			write.Kind = Check
		}
		return true
	})},
	{"trims its texts", "bodies_come_back_byte_for_byte", changing(func(_ *memory, write *Write) bool {
		write.Body = strings.TrimSpace(write.Body)
		return true
	})},
	{"compares ids without regard to case", "ids_are_ordered_by_their_bytes",
		wrong{scan: func(m *memory, scan Scan) ([]Record, error) {
			found, err := m.Scan(context.Background(), scan)
			if !scan.Due {
				sort.SliceStable(found, func(a, b int) bool {
					return strings.ToLower(found[a].ID) < strings.ToLower(found[b].ID) != scan.Descending
				})
			}
			return found, err
		}}},
	{"gives the end of a range too", "a_range_includes_its_beginning_and_excludes_its_end",
		wrong{scan: func(m *memory, scan Scan) ([]Record, error) {
			if scan.Until != nil {
				until := *scan.Until + "\x00"
				scan.Until = &until
			}
			return m.Scan(context.Background(), scan)
		}}},
	{"calls all due that has a time", "due_records_come_earliest_first_and_only_when_due",
		changing(func(_ *memory, write *Write) bool {
			if write.DueIn != nil {
				write.DueIn = new(time.Duration)
			}
			return true
		})},
	{"takes due times for times since 1970", "due_is_the_time_of_the_commit_plus_due_in",
		changing(func(_ *memory, write *Write) bool {
			if write.DueIn != nil {
				due := *write.DueIn - time.Duration(time.Now().UnixMilli())*time.Millisecond
				write.DueIn = &due
			}
			return true
		})},
	{"mixes firms", "firms_are_isolated", wrong{
		commit: changing(func(_ *memory, write *Write) bool { write.Firm = "one"; return true }).commit,
		get: func(m *memory, key Key) (*Record, error) {
			firm := key.Firm
			key.Firm = "one"
			found, err := m.Get(context.Background(), key)
			if found != nil {
				found.Firm = firm
			}
			return found, err
		},
	}},
	{"calls a failure a conflict", "an_empty_commit_tells_the_time",
		wrong{commit: func(*memory, []Write) (time.Time, bool, error) { return time.Time{}, false, nil }}},
	{"panics", "an_absent_record_is_none", wrong{get: func(*memory, Key) (*Record, error) { panic("to order") }}},
}

func isFound(checked []Checked, name string) bool {
	for _, one := range checked {
		if one.Case == name && one.Wrong != "" {
			return true
		}
	}
	return false
}

func TestTheSuiteOnTheStoreInMemory(t *testing.T) {
	store := newMemory()
	checked, err := CheckStore(store, store)
	if err != nil || len(checked) < 30 {
		t.Fatal(len(checked), err)
	}
	for _, one := range checked {
		if one.Wrong != "" {
			t.Errorf("%s: %s", one.Case, one.Wrong)
		}
	}
}

func TestAStoreWithAMistakeIsFoundByName(t *testing.T) {
	for _, mistake := range mistakes {
		mistake := mistake
		t.Run(mistake.promise, func(t *testing.T) {
			t.Parallel()
			mistake.store.memory = newMemory()
			if checked, err := CheckStore(mistake.store, nil); err != nil || !isFound(checked, mistake.foundBy) {
				t.Fatalf("%+v %v", checked, err)
			}
		})
	}
	if _, err := CheckStore(nil, nil); err == nil {
		t.Error("nothing is no store")
	}
}

// vault is a vault in memory, with at most one mistake.
type vault struct {
	lock    sync.Mutex
	mistake string
	all     map[[2]string]SealedTokens
}

func newVault(mistake string) *vault {
	return &vault{mistake: mistake, all: map[[2]string]SealedTokens{}}
}

func (v *vault) key(firm, connection string) [2]string {
	if v.mistake == "has one envelope for a firm" {
		connection = ""
	}
	return [2]string{firm, connection}
}

func (v *vault) Load(_ context.Context, firm, connection string) (*SealedTokens, error) {
	v.lock.Lock()
	defer v.lock.Unlock()
	sealed, known := v.all[v.key(firm, connection)]
	switch {
	case v.mistake == "fails":
		return nil, errors.New("to order")
	case !known:
		return nil, nil
	}
	return &sealed, nil
}

func (v *vault) CompareAndSwap(_ context.Context, firm, connection string, expected *string, sealed SealedTokens) (bool, error) {
	v.lock.Lock()
	defer v.lock.Unlock()
	known, there := v.all[v.key(firm, connection)]
	holds := there == (expected != nil) && (expected == nil || known.Version == *expected)
	switch v.mistake {
	case "swaps whatever is expected":
		holds = true
	case "trims its texts":
		sealed.Envelope = strings.TrimSpace(sealed.Envelope)
	}
	if holds {
		v.all[v.key(firm, connection)] = sealed
	}
	return holds, nil
}

func (v *vault) Delete(_ context.Context, firm, connection string) error {
	v.lock.Lock()
	defer v.lock.Unlock()
	switch v.mistake {
	case "does not delete":
	case "deletes what others have":
		clear(v.all)
	default:
		delete(v.all, v.key(firm, connection))
	}
	return nil
}

func TestAVaultWithAMistakeIsFoundByName(t *testing.T) {
	for mistake, foundBy := range map[string]string{
		"":                            "",
		"swaps whatever is expected":  "a_swap_needs_the_current_version",
		"trims its texts":             "an_envelope_comes_back_byte_for_byte",
		"does not delete":             "delete_removes_any_version_and_nothing_else",
		"deletes what others have":    "delete_removes_any_version_and_nothing_else",
		"has one envelope for a firm": "firms_and_connections_are_apart",
		"fails":                       "nothing_is_loaded_before_the_first_swap",
	} {
		checked, err := CheckTokens(newVault(mistake))
		if err != nil || len(checked) < 7 || mistake != "" && !isFound(checked, foundBy) {
			t.Errorf("%s: %+v %v", mistake, checked, err)
		}
		for _, one := range checked {
			if mistake == "" && one.Wrong != "" {
				t.Errorf("%s: %s", one.Case, one.Wrong)
			}
		}
	}
}

func TestSealedTokensAreInTheVault(t *testing.T) {
	config, vault := config(t, simulate(t)), newVault("")
	config.Tokens = vault
	sdk := connected(t, config)
	defer sdk.Close()
	vault.lock.Lock()
	defer vault.lock.Unlock()
	if len(vault.all) != 1 {
		t.Fatal(len(vault.all))
	}
	for _, sealed := range vault.all {
		if sealed.Version == "" || strings.Contains(sealed.Envelope, "access") {
			t.Fatalf("%x", sha256.Sum256([]byte(sealed.Envelope)))
		}
	}
}

// keyring "wraps" by a mask that binds what is associated, with at most one mistake.
type keyring struct{ mistake string }

func (k keyring) mask(associated []byte) [32]byte {
	if k.mistake == "ends at a zero byte" {
		associated, _, _ = bytes.Cut(associated, []byte{0})
	}
	if k.mistake == "binds nothing" {
		associated = nil
	}
	return sha256.Sum256(associated)
}

func (k keyring) masked(key, associated []byte) []byte {
	mask, masked := k.mask(associated), make([]byte, len(key))
	for n := range key {
		masked[n] = key[n] ^ mask[n]
	}
	return masked
}

func (k keyring) Wrap(_ context.Context, key, associated []byte) (string, []byte, error) {
	if k.mistake == "fails" {
		return "", nil, errors.New("to order")
	}
	sum := sha256.Sum256(append(append([]byte("k1"), key...), k.masked(key, associated)...))
	return "k1", append(k.masked(key, associated), sum[:]...), nil
}

func (k keyring) Unwrap(_ context.Context, keyID string, blob, associated []byte) ([]byte, error) {
	if len(blob) != 64 || keyID != "k1" {
		return nil, errors.New("not mine")
	}
	key := k.masked(blob[:32], associated)
	sum := sha256.Sum256(append(append([]byte("k1"), key...), blob[:32]...))
	if !bytes.Equal(sum[:], blob[32:]) {
		return nil, errors.New("changed")
	}
	return key, nil
}

func TestAKeyringWithAMistakeIsFoundByName(t *testing.T) {
	for mistake, foundBy := range map[string]string{
		"":                    "",
		"ends at a zero byte": "firm_record_and_field_are_bound",
		"binds nothing":       "firm_record_and_field_are_bound",
		"fails":               "a_wrapped_key_unwraps",
	} {
		checked, err := CheckKeys(keyring{mistake})
		if err != nil || len(checked) < 5 || mistake != "" && !isFound(checked, foundBy) {
			t.Errorf("%s: %+v %v", mistake, checked, err)
		}
		for _, one := range checked {
			if mistake == "" && one.Wrong != "" {
				t.Errorf("%s: %s", one.Case, one.Wrong)
			}
		}
	}
	if _, err := CheckKeys(nil); err == nil {
		t.Error("nothing is no keyring")
	}
}
