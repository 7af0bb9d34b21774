package clio

import (
	"context"
	"sort"
	"sync"
	"time"
)

// memory is a store in memory.
type memory struct {
	lock sync.Mutex
	all  map[Key]Record
}

func newMemory() *memory { return &memory{all: map[Key]Record{}} }

func (m *memory) Get(_ context.Context, key Key) (*Record, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if record, known := m.all[key]; known {
		return &record, nil
	}
	return nil, nil
}

func (m *memory) Scan(_ context.Context, scan Scan) ([]Record, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	var found []Record
	for key, record := range m.all {
		if key.Collection != scan.Collection || (scan.Firm != "" && key.Firm != scan.Firm) {
			continue
		}
		within := key.ID >= scan.From && (scan.Until == nil || key.ID < *scan.Until)
		if scan.Due {
			within = !record.Due.IsZero() && !record.Due.After(time.Now())
		}
		if within {
			found = append(found, record)
		}
	}
	sort.Slice(found, func(a, b int) bool {
		if scan.Due {
			return found[a].Due.Before(found[b].Due)
		}
		return found[a].ID < found[b].ID != scan.Descending
	})
	return found[:min(uint64(len(found)), scan.Limit)], nil
}

func (m *memory) Commit(_ context.Context, writes []Write) (time.Time, bool, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	now := time.Now()
	for _, write := range writes {
		record, known := m.all[write.Key]
		if known != (write.Expect != nil) || (known && record.Version != *write.Expect) {
			return now, false, nil
		}
	}
	for _, write := range writes {
		switch write.Kind {
		case Put:
			record := Record{Key: write.Key, Version: write.Version, Body: write.Body}
			if write.DueIn != nil {
				record.Due = now.Add(*write.DueIn)
			}
			m.all[write.Key] = record
		case Delete:
			delete(m.all, write.Key)
		}
	}
	return now, true, nil
}
