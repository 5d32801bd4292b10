package shop

import (
	"context"
	"fmt"
	"testing"

	"github.com/testcontainers/testcontainers-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// startKafka starts a broker that goes with the test, and returns its address.
func startKafka(t *testing.T) string {
	ctx := context.Background()
	kafka, err := testcontainers.Run(ctx, "kafkalite:0.1.0",
		testcontainers.WithExposedPorts("9092/tcp"),
		testcontainers.WithEnv(map[string]string{"KAFKALITE_TOPICS": "orders:3"}),
	)
	testcontainers.CleanupContainer(t, kafka)
	if err != nil {
		t.Fatal(err)
	}
	host, err := kafka.Host(ctx)
	if err != nil {
		t.Fatal(err)
	}
	port, err := kafka.MappedPort(ctx, "9092/tcp")
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("%s:%s", host, port.Port())
	// Waits for the broker, and sets the address that it advertises.
	if status, _, err := kafka.Exec(ctx, []string{"kafkalite", "advertise", address}); err != nil || status != 0 {
		t.Fatalf("status %d: %v", status, err)
	}
	return address
}

func TestOrdersArrive(t *testing.T) {
	client, err := kgo.NewClient(kgo.SeedBrokers(startKafka(t)), kgo.ConsumeTopics("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	order := &kgo.Record{Topic: "orders", Value: []byte("two apples")}
	if err := client.ProduceSync(ctx, order).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if got := string(client.PollFetches(ctx).Records()[0].Value); got != "two apples" {
		t.Fatalf("got %q", got)
	}
}
