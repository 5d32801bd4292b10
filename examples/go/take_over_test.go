package adclicks

import (
	"slices"
	"testing"
)

// One reader of the ad clicks works, one stands by; when the first fails, the other continues at once.
// Each wait ends as soon as its condition holds, and fails after 30 seconds; no test waits for a session of 45 seconds.

func TestTakeOverByFencing(t *testing.T) {
	kafka, _, ben := twoReadersOfOnePartition(t)
	kafka.Post("/groups/billing/fence", Body{"member": "anna"})
	kafka.Post("/await/stable", Body{"group": "billing", "members": 1})
	benGoesOn(t, kafka, ben)
}

func TestTakeOverByTheClock(t *testing.T) {
	kafka, anna, ben := twoReadersOfOnePartition(t)
	anna.Stop() // Static members do not leave: her partition stays assigned for a session of 45 seconds.
	kafka.Post("/clock/advance", Body{"seconds": 46, "keep_alive": []string{"ben"}})
	kafka.Post("/await/stable", Body{"group": "billing", "members": 1})
	benGoesOn(t, kafka, ben)
}

func twoReadersOfOnePartition(t *testing.T) (*Kafkalite, *Reader, *Reader) {
	kafka := startKafkalite(t)
	kafka.Post("/topics", Body{"name": "clicks"})
	anna := startReader(t, kafka, "anna")
	kafka.Post("/await/stable", Body{"group": "billing", "members": 1})
	ben := startReader(t, kafka, "ben")
	group := kafka.Post("/await/stable", Body{"group": "billing", "members": 2})
	if owner := group.Owners["clicks-0"]; owner != "anna" {
		t.Fatalf("%q owns the partition", owner)
	}
	kafka.Post("/produce", Body{"topic": "clicks", "values": []string{"one", "two"}})
	kafka.Post("/await/committed", Body{"group": "billing", "topic": "clicks"})
	if clicks := anna.Clicks(); !slices.Equal(clicks, []string{"one", "two"}) {
		t.Errorf("anna has read %v", clicks)
	}
	return kafka, anna, ben
}

// benGoesOn checks that Ben starts at Anna's committed offset: nothing is lost, and nothing is read twice.
func benGoesOn(t *testing.T, kafka *Kafkalite, ben *Reader) {
	t.Helper()
	kafka.Post("/produce", Body{"topic": "clicks", "values": []string{"three"}})
	group := kafka.Post("/await/committed", Body{"group": "billing", "topic": "clicks"})
	if owner := group.Owners["clicks-0"]; owner != "ben" {
		t.Errorf("%q owns the partition", owner)
	}
	if clicks := ben.Clicks(); !slices.Equal(clicks, []string{"three"}) {
		t.Errorf("ben has read %v", clicks)
	}
}
