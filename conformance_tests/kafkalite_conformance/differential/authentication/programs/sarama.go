package main

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// exchange is the client's side of SCRAM, which sarama leaves to programs.
type exchange struct {
	hash                 func() hash.Hash
	user, password, bare string
	step                 int
}

func (e *exchange) Begin(user, password, _ string) error {
	e.user, e.password = user, password
	return nil
}

func (e *exchange) Done() bool { return e.step == 3 }

func (e *exchange) Step(challenge string) (string, error) {
	e.step++
	switch e.step {
	case 1:
		e.bare = "n=" + e.user + ",r=fyko+d2lbbFgONRv9qkxdawL"
		return "n,," + e.bare, nil
	case 2:
		return e.proof(challenge)
	}
	return "", nil
}

func (e *exchange) proof(challenge string) (string, error) {
	attributes := map[string]string{}
	for _, part := range strings.Split(challenge, ",") {
		name, value, _ := strings.Cut(part, "=")
		attributes[name] = value
	}
	salt, err := base64.StdEncoding.DecodeString(attributes["s"])
	if err != nil {
		return "", err
	}
	iterations, err := strconv.Atoi(attributes["i"])
	if err != nil {
		return "", err
	}
	salted, err := pbkdf2.Key(e.hash, e.password, salt, iterations, e.hash().Size())
	if err != nil {
		return "", err
	}
	key := e.mac(salted, "Client Key")
	stored := e.hash()
	stored.Write(key)
	final := "c=biws,r=" + attributes["r"]
	signature := e.mac(stored.Sum(nil), e.bare+","+challenge+","+final)
	for index := range key {
		key[index] ^= signature[index]
	}
	return final + ",p=" + base64.StdEncoding.EncodeToString(key), nil
}

func (e *exchange) mac(key []byte, message string) []byte {
	made := hmac.New(e.hash, key)
	made.Write([]byte(message))
	return made.Sum(nil)
}

type fixed string

func (f fixed) Token() (*sarama.AccessToken, error) { return &sarama.AccessToken{Token: string(f)}, nil }

func settings(l login) (*sarama.Config, error) {
	config := sarama.NewConfig()
	config.Net.DialTimeout, config.Net.ReadTimeout = toFail, patience
	config.Metadata.Retry.Max = 20
	config.Metadata.Retry.Backoff = 100 * time.Millisecond
	config.Producer.Return.Successes = true
	if l.usesTLS() {
		made, err := l.tls()
		if err != nil {
			return nil, err
		}
		config.Net.TLS.Enable, config.Net.TLS.Config = true, made
	}
	if l.Mechanism == "" {
		return config, nil
	}
	config.Net.SASL.Enable = true
	config.Net.SASL.Mechanism = sarama.SASLMechanism(l.Mechanism)
	config.Net.SASL.User, config.Net.SASL.Password = l.User, l.Password
	if l.Mechanism == "OAUTHBEARER" {
		config.Net.SASL.TokenProvider = fixed(l.Token)
	}
	config.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient {
		if l.Mechanism == "SCRAM-SHA-256" {
			return &exchange{hash: sha256.New}
		}
		return &exchange{hash: sha512.New}
	}
	return config, nil
}

func attempt(l login) error {
	config, err := settings(l)
	if err != nil {
		return err
	}
	client, err := sarama.NewClient([]string{l.Address}, config)
	if err != nil {
		return err
	}
	defer client.Close()
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return err
	}
	defer producer.Close()
	message := &sarama.ProducerMessage{Topic: l.Topic, Value: sarama.StringEncoder("value")}
	if _, _, err := producer.SendMessage(message); err != nil {
		return err
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(l.Topic, 0, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	defer partition.Close()
	select {
	case read := <-partition.Messages():
		if string(read.Value) != "value" {
			return fmt.Errorf("%q is read", read.Value)
		}
		return nil
	case <-time.After(patience):
		return errors.New("nothing is read")
	}
}
