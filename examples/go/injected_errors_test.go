package adclicks

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A producer retries after broker errors, and each record that it reports as delivered is stored once.

func TestARefusedClickIsSentAgain(t *testing.T) {
	survives(t, 3, Body{"api": "Produce", "error": "NOT_LEADER_OR_FOLLOWER", "topic": "clicks", "times": 3})
}

func TestAClickWhoseReplyIsLostIsNotThereTwice(t *testing.T) {
	survives(t, 1, Body{"api": "Produce", "disconnect": true, "on": "reply", "times": 1})
}

func TestAClickArrivesLateAndJustOnceWhenTheBrokerIsSlowOrSaysNothing(t *testing.T) {
	survives(t, 1, Body{"api": "Produce", "delay": 0.1, "times": 1})
	survives(t, 1, Body{"api": "Produce", "throttle": 0.1, "times": 1})
	survives(t, 1, Body{"api": "Produce", "drop": true, "times": 1})
}

func TestAClickIsOnItsWayAsLongAsTheTestSays(t *testing.T) {
	kafka := startKafkalite(t)
	producer := producerWithAClick(t, kafka)
	kafka.Post("/faults", Body{"name": "held", "api": "Produce", "hold": true, "times": 1})
	sent := make(chan error)
	producer.Produce(context.Background(), kgo.StringRecord("second"), func(_ *kgo.Record, err error) { sent <- err })
	kafka.Post("/await/fired", Body{"fault": "held"})
	thereAre(t, kafka, "first")
	kafka.Post("/faults/held/release", Body{})
	if err := <-sent; err != nil {
		t.Error(err)
	}
	thereAre(t, kafka, "first", "second")
}

func survives(t *testing.T, times int, fault Body) {
	kafka := startKafkalite(t)
	producer := producerWithAClick(t, kafka)

	fault["name"] = "fault"
	kafka.Post("/faults", fault)
	send(t, producer, "second", 1)

	if fired := len(kafka.Get("/faults/fault").Fired); fired != times {
		t.Errorf("the fault fired %d times", fired)
	}
	thereAre(t, kafka, "first", "second")
}

func producerWithAClick(t *testing.T, kafka *Kafkalite) *kgo.Client {
	t.Helper()
	kafka.Post("/topics", Body{"name": "clicks"})
	producer, err := kgo.NewClient(
		kgo.SeedBrokers(kafka.Bootstrap),
		kgo.DefaultProduceTopic("clicks"),
		kgo.MetadataMinAge(10*time.Millisecond), // request the leader again before each retry
		// A reply that does not arrive within the sum of these counts as lost.
		kgo.ProduceRequestTimeout(time.Second),
		kgo.RequestTimeoutOverhead(time.Second),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	send(t, producer, "first", 0)
	return producer
}

func thereAre(t *testing.T, kafka *Kafkalite, expected ...string) {
	t.Helper()
	var clicks []string
	for _, record := range kafka.Get("/topics/clicks/records").Records {
		clicks = append(clicks, record.Value)
	}
	if !slices.Equal(clicks, expected) {
		t.Errorf("there are %v", clicks)
	}
}

// send sends a click and checks where it was delivered.
func send(t *testing.T, producer *kgo.Client, click string, offset int64) {
	t.Helper()
	record, err := producer.ProduceSync(context.Background(), kgo.StringRecord(click)).First()
	if err != nil {
		t.Fatal(err)
	}
	if record.Offset != offset {
		t.Errorf("%s was delivered at %d", click, record.Offset)
	}
}
