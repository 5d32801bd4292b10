package adclicks

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Reader is an ordinary consumer of an application: it commits each click that it has read.
type Reader struct {
	client  *kgo.Client
	stopped chan struct{}
	lock    sync.Mutex
	clicks  []string
}

func newClient(t *testing.T, kafka *Kafkalite, name string) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(kafka.Bootstrap),
		kgo.ClientID(name),
		kgo.InstanceID(name),
		kgo.ConsumerGroup("billing"),
		kgo.ConsumeTopics("clicks"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.HeartbeatInterval(100*time.Millisecond),
		kgo.DisableAutoCommit(),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func startReader(t *testing.T, kafka *Kafkalite, name string) *Reader {
	t.Helper()
	reader := &Reader{client: newClient(t, kafka, name), stopped: make(chan struct{})}
	go reader.read()
	t.Cleanup(reader.Stop)
	return reader
}

func (r *Reader) read() {
	defer close(r.stopped)
	for {
		fetches := r.client.PollFetches(context.Background())
		if fetches.Err() != nil { // it was stopped or fenced
			return
		}
		r.lock.Lock()
		fetches.EachRecord(func(record *kgo.Record) { r.clicks = append(r.clicks, string(record.Value)) })
		r.lock.Unlock()
		r.client.CommitUncommittedOffsets(context.Background())
	}
}

// Stop closes the consumer, which does not leave its group, because it has an instance id.
func (r *Reader) Stop() {
	r.client.Close()
	<-r.stopped
}

// Clicks returns what it has read so far.
func (r *Reader) Clicks() []string {
	r.lock.Lock()
	defer r.lock.Unlock()
	return slices.Clone(r.clicks)
}
