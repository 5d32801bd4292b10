package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func mechanism(l login) sasl.Mechanism {
	switch l.Mechanism {
	case "PLAIN":
		return plain.Auth{User: l.User, Pass: l.Password}.AsMechanism()
	case "SCRAM-SHA-256":
		return scram.Auth{User: l.User, Pass: l.Password}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return scram.Auth{User: l.User, Pass: l.Password}.AsSha512Mechanism()
	}
	return oauth.Auth{Token: l.Token}.AsMechanism()
}

func attempt(l login) error {
	options := []kgo.Opt{
		kgo.SeedBrokers(l.Address), kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics(l.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RequestRetries(3), kgo.UnknownTopicRetries(200), kgo.RecordDeliveryTimeout(patience),
		kgo.MetadataMinAge(50 * time.Millisecond),
	}
	if l.usesTLS() {
		config, err := l.tls()
		if err != nil {
			return err
		}
		options = append(options, kgo.DialTLSConfig(config))
	}
	if l.Mechanism != "" {
		options = append(options, kgo.SASL(mechanism(l)))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := first(client); err != nil {
		return err
	}
	context, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := client.ProduceSync(context, &kgo.Record{Topic: l.Topic, Value: []byte("value")}).FirstErr(); err != nil {
		return err
	}
	for {
		fetches := client.PollFetches(context)
		if err := context.Err(); err != nil {
			return err
		}
		for _, record := range fetches.Records() {
			if string(record.Value) == "value" {
				return nil
			}
			return errors.New("another record is read")
		}
	}
}

// first connects: what a client says of that is lost where it tries again.
func first(client *kgo.Client) error {
	context, cancel := context.WithTimeout(context.Background(), patience/4)
	defer cancel()
	return client.Ping(context)
}
