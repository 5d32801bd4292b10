package adclicks

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A consumer that has lost its partition cannot commit; the new owner reads the record again.
func TestCommitAfterRebalance(t *testing.T) {
	kafka := startKafkalite(t)
	kafka.Post("/produce", Body{"topic": "clicks", "values": []string{"one"}})
	anna := newClient(t, kafka, "anna")
	hers := readOne(t, anna)
	kafka.Post("/groups/billing/fence", Body{"member": "anna"})
	ben := newClient(t, kafka, "ben")
	his := readOne(t, ben)
	if string(hers.Value) != "one" || string(his.Value) != "one" {
		t.Errorf("anna has read %q, and ben %q", hers.Value, his.Value)
	}

	if err := anna.CommitRecords(context.Background(), hers); !errors.Is(err, kerr.FencedInstanceID) {
		t.Errorf("her commit ended with %v", err)
	}

	if err := ben.CommitRecords(context.Background(), his); err != nil {
		t.Errorf("his commit ended with %v", err)
	}
	if group := kafka.Post("/await/committed", Body{"group": "billing", "topic": "clicks"}); group.Committed["clicks-0"].Offset != 1 {
		t.Errorf("committed is %v", group.Committed)
	}
}

func readOne(t *testing.T, client *kgo.Client) *kgo.Record {
	t.Helper()
	fetches := client.PollRecords(context.Background(), 1)
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	return fetches.Records()[0]
}
