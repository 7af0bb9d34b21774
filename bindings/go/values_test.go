package clio

import (
	"context"
	"testing"
)

func TestTheFallbackAreaIsTakenAway(t *testing.T) {
	settings := connected(t, config(t, simulate(t))).Firm(admin).Settings()
	ctx := context.Background()
	areas, err := settings.ReloadPracticeAreas(ctx)
	if err != nil || len(areas) == 0 {
		t.Fatalf("%v %v", areas, err)
	}
	area := areas[0].ID
	for revision, change := range []struct {
		to   *Change[ClioID]
		want *ClioID
	}{{To(area), &area}, {nil, &area}, {Clear[ClioID](), nil}} {
		if _, err := settings.Change(ctx, SettingsChange{Revision: int64(revision), FallbackArea: change.to}); err != nil {
			t.Fatal(err)
		}
		now, err := settings.Get(ctx)
		if err != nil || (now.FallbackArea == nil) != (change.want == nil) {
			t.Fatalf("%d: %v %v", revision, now.FallbackArea, err)
		}
	}
}
