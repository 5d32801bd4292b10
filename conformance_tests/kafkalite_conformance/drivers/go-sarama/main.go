// Drives sarama with the suite's vocabulary: JSON commands in, JSON events out.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

var (
	bootstrap = strings.Split(os.Args[1], ",")
	owned     ownership
	consuming sync.Mutex
	member    *groupMember
	readers   sarama.Consumer
)

func main() {
	// Records of some 10 MiB are part of the suite.
	sarama.MaxRequestSize = 100 << 20
	obeyCommands(work, name)
}

var names = map[sarama.KError]string{
	sarama.ErrUnknownTopicOrPartition:      "UNKNOWN_TOPIC_OR_PARTITION",
	sarama.ErrMessageSizeTooLarge:          "MESSAGE_TOO_LARGE",
	sarama.ErrTopicAlreadyExists:           "TOPIC_ALREADY_EXISTS",
	sarama.ErrInvalidPartitions:            "INVALID_PARTITIONS",
	sarama.ErrInvalidTopic:                 "INVALID_TOPIC_EXCEPTION",
	sarama.ErrIllegalGeneration:            "ILLEGAL_GENERATION",
	sarama.ErrUnknownMemberId:              "UNKNOWN_MEMBER_ID",
	sarama.ErrRebalanceInProgress:          "REBALANCE_IN_PROGRESS",
	sarama.ErrGroupIDNotFound:              "GROUP_ID_NOT_FOUND",
	sarama.ErrNonEmptyGroup:                "NON_EMPTY_GROUP",
	sarama.ErrInvalidConfig:                "INVALID_CONFIG",
	sarama.ErrOffsetOutOfRange:             "OFFSET_OUT_OF_RANGE",
	sarama.ErrFencedInstancedId:            "FENCED_INSTANCE_ID",
	sarama.ErrInvalidProducerEpoch:         "INVALID_PRODUCER_EPOCH",
	sarama.ErrInvalidReplicationFactor:     "INVALID_REPLICATION_FACTOR",
	sarama.ErrTransactionCoordinatorFenced: "TRANSACTION_COORDINATOR_FENCED",
}

func name(err error) string {
	var code sarama.KError
	if errors.As(err, &code) && names[code] != "" {
		return names[code]
	}
	return fmt.Sprintf("%T", err)
}

func settings() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Metadata.Retry.Backoff = 50 * time.Millisecond
	return config
}

func work(c *command) (fields, error) {
	switch c.Op {
	case "produce", "transaction":
		return nil, produce(c)
	case "subscribe", "assign", "commit", "pause", "resume", "leave":
		// Commands come in an order, and a consumer may still be on its way.
		consuming.Lock()
		defer consuming.Unlock()
		return nil, consume(c)
	}
	return administer(c)
}

// ---------------------------------------------------------------- producing

// chosen obeys a record that names its partition, and else leaves the choice to sarama's default.
type chosen struct{ sarama.Partitioner }

func (p chosen) Partition(message *sarama.ProducerMessage, count int32) (int32, error) {
	if sent, ok := message.Metadata.(delivery); ok && sent.partition != nil {
		return *sent.partition, nil
	}
	return p.Partitioner.Partition(message, count)
}

type delivery struct {
	index     int
	partition *int32
}

func produce(c *command) error {
	config := settings()
	config.Producer.Return.Successes = true
	config.Producer.MaxMessageBytes = 64 << 20
	config.Producer.Flush.Frequency = 5 * time.Millisecond
	config.Producer.RequiredAcks = map[string]sarama.RequiredAcks{"0": sarama.NoResponse, "1": sarama.WaitForLocal,
		"all": sarama.WaitForAll, "": sarama.WaitForAll}[c.Acks]
	config.Producer.Compression = map[string]sarama.CompressionCodec{"gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD}[c.Compression]
	config.Producer.Partitioner = func(topic string) sarama.Partitioner { return chosen{sarama.NewHashPartitioner(topic)} }
	config.Producer.Retry.Max = 20
	if c.Idempotence || c.TransactionalID != nil {
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
	}
	if c.TransactionalID != nil {
		config.Producer.Transaction.ID = *c.TransactionalID
	}
	producer, err := sarama.NewAsyncProducer(bootstrap, config)
	if err != nil {
		return err
	}
	if c.TransactionalID != nil {
		if err := producer.BeginTxn(); err != nil {
			return err
		}
	}
	send(producer, c)
	if c.TransactionalID != nil {
		switch c.Outcome {
		case "commit":
			err = producer.CommitTxn()
		case "abort":
			err = producer.AbortTxn()
		default:
			select {} // left open until this process is killed
		}
	}
	return errors.Join(err, producer.Close())
}

func send(producer sarama.AsyncProducer, c *command) {
	records := c.everyRecord()
	go func() {
		for index, each := range records {
			message := &sarama.ProducerMessage{Topic: c.Topic, Metadata: delivery{index, each.Partition}}
			if each.Key != nil {
				message.Key = sarama.ByteEncoder(each.Key)
			}
			if each.Value != nil {
				message.Value = sarama.ByteEncoder(each.Value)
			}
			if each.Timestamp != nil {
				message.Timestamp = time.UnixMilli(*each.Timestamp)
			}
			for _, h := range each.Headers {
				message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value})
			}
			time.Sleep(time.Duration(c.IntervalMillis) * time.Millisecond)
			producer.Input() <- message
		}
	}()
	for range records {
		select {
		case sent := <-producer.Successes():
			offset := sent.Offset
			if c.Acks == "0" {
				offset = -1
			}
			say("ack", fields{"id": c.ID, "index": sent.Metadata.(delivery).index, "partition": sent.Partition, "offset": offset})
		case failed := <-producer.Errors():
			say("nack", fields{"id": c.ID, "index": failed.Msg.Metadata.(delivery).index, "error": name(failed.Err), "message": failed.Err.Error()})
		}
	}
}

// ---------------------------------------------------------------- consuming

type groupMember struct {
	group    sarama.ConsumerGroup
	cancel   context.CancelFunc
	ended    chan struct{}
	mutex    sync.Mutex
	session  sarama.ConsumerGroupSession
	consumed map[partition]int64
}

func (m *groupMember) Setup(session sarama.ConsumerGroupSession) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.session = session
	owned.change("assigned", session.Claims(), true)
	return nil
}

func (m *groupMember) Cleanup(session sarama.ConsumerGroupSession) error {
	owned.change("revoked", session.Claims(), false)
	return nil
}

// ConsumeClaim runs once a partition; under the cooperative protocol also for one that comes after Setup.
func (m *groupMember) ConsumeClaim(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	one := map[string][]int32{claim.Topic(): {claim.Partition()}}
	owned.change("assigned", one, true)
	for message := range claim.Messages() {
		m.mutex.Lock()
		m.consumed[partition{message.Topic, message.Partition}] = message.Offset + 1
		m.session.MarkMessage(message, "")
		m.mutex.Unlock()
		sayMessage(message)
	}
	owned.change("revoked", one, false)
	return nil
}

func sayMessage(message *sarama.ConsumerMessage) {
	headers := []header{}
	for _, h := range message.Headers {
		headers = append(headers, header{string(h.Key), h.Value})
	}
	sayRecord(message.Topic, message.Partition, message.Offset, message.Timestamp.UnixMilli(), message.Key, message.Value, headers)
}

func (m *groupMember) run(ctx context.Context, topics []string) {
	defer close(m.ended)
	go func() {
		for err := range m.group.Errors() {
			say("error", fields{"error": name(err), "message": err.Error()})
		}
	}()
	for ctx.Err() == nil {
		if err := m.group.Consume(ctx, topics, m); err != nil && ctx.Err() == nil {
			say("error", fields{"error": name(err), "message": err.Error()})
		}
	}
}

func consume(c *command) error {
	config := settings()
	config.Consumer.Return.Errors = true
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	if c.Reset == "latest" {
		config.Consumer.Offsets.Initial = sarama.OffsetNewest
	}
	if c.Isolation == "read_committed" {
		config.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	config.Metadata.RefreshFrequency = time.Second
	switch c.Op {
	case "assign":
		var err error
		if readers, err = sarama.NewConsumer(bootstrap, config); err != nil {
			return err
		}
		for _, place := range c.places() {
			if err := read(place, config); err != nil {
				return err
			}
		}
		return nil
	case "subscribe":
		return join(c, config)
	case "commit":
		return member.commit(c)
	case "pause", "resume":
		change := map[string]func(map[string][]int32){"pause": member.group.Pause, "resume": member.group.Resume}[c.Op]
		for _, place := range c.places() {
			change(map[string][]int32{place.Topic: {place.Partition}})
		}
		return nil
	}
	member.cancel()
	err := member.group.Close()
	<-member.ended
	return err
}

func join(c *command, config *sarama.Config) error {
	group := &config.Consumer.Group
	group.Session.Timeout = time.Duration(c.SessionMillis) * time.Millisecond
	group.Heartbeat.Interval = 300 * time.Millisecond
	group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{map[string]func() sarama.BalanceStrategy{
		"range": sarama.NewBalanceStrategyRange, "roundrobin": sarama.NewBalanceStrategyRoundRobin,
		"sticky": sarama.NewBalanceStrategySticky, "cooperative-sticky": sarama.NewBalanceStrategyCooperativeSticky}[c.Assignor]()}
	if c.InstanceID != nil {
		group.InstanceId = *c.InstanceID
	}
	config.Consumer.Offsets.AutoCommit.Enable = c.AutoCommit
	config.Consumer.Offsets.AutoCommit.Interval = 200 * time.Millisecond
	client, err := sarama.NewConsumerGroup(bootstrap, c.Group, config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	member = &groupMember{group: client, cancel: cancel, ended: make(chan struct{}), consumed: map[partition]int64{}}
	go member.run(ctx, c.Topics)
	return nil
}

func (m *groupMember) commit(c *command) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, place := range c.Offsets {
		// One of the two moves the mark: the first only forwards, the second only back.
		m.session.MarkOffset(place.Topic, place.Partition, place.Offset, "")
		m.session.ResetOffset(place.Topic, place.Partition, place.Offset, "")
	}
	m.session.Commit()
	return nil
}

func read(place placement, config *sarama.Config) error {
	offset := sarama.OffsetOldest
	switch place.Start {
	case "latest", "timestamp":
		// Looked up now: what is produced after this command has to arrive.
		client, err := sarama.NewClient(bootstrap, config)
		if err != nil {
			return err
		}
		defer client.Close()
		at := sarama.OffsetNewest
		if place.Start == "timestamp" {
			at = *place.At
		}
		if offset, err = client.GetOffset(place.Topic, place.Partition, at); err != nil {
			return err
		}
	case "offset":
		offset = *place.At
	}
	claim, err := readers.ConsumePartition(place.Topic, place.Partition, offset)
	if err != nil {
		return err
	}
	go func() {
		for message := range claim.Messages() {
			sayMessage(message)
		}
	}()
	go func() {
		for err := range claim.Errors() {
			say("error", fields{"error": name(err.Err), "message": err.Error()})
		}
	}()
	return nil
}

// ---------------------------------------------------------------- administration

var admin = sync.OnceValues(func() (sarama.ClusterAdmin, error) { return sarama.NewClusterAdmin(bootstrap, settings()) })

func administer(c *command) (fields, error) {
	admin, err := admin()
	if err != nil {
		return nil, err
	}
	switch c.Op {
	case "create_topic":
		configs := map[string]*string{}
		for key, value := range c.Configs {
			configs[key] = &value
		}
		return nil, admin.CreateTopic(c.Name, &sarama.TopicDetail{NumPartitions: c.partitionCount(), ReplicationFactor: 1, ConfigEntries: configs}, false)
	case "delete_topic":
		return nil, admin.DeleteTopic(c.Name)
	case "create_partitions":
		return nil, admin.CreatePartitions(c.Name, c.Total, nil, false)
	case "delete_records":
		err := admin.DeleteRecords(c.Topic, map[int32]int64{c.Partition: c.Offset})
		return fields{"offset": c.Offset}, err
	case "list_topics":
		topics, err := admin.ListTopics()
		all := []string{}
		for each := range topics {
			all = append(all, each)
		}
		return fields{"names": all}, err
	case "describe_topic":
		topics, err := admin.DescribeTopics([]string{c.Name})
		if err != nil {
			return nil, err
		}
		if topics[0].Err != sarama.ErrNoError {
			return nil, topics[0].Err
		}
		return fields{"partitions": len(topics[0].Partitions)}, nil
	case "describe_configs":
		entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: c.Name})
		configs := fields{}
		for _, entry := range entries {
			configs[entry.Name] = entry.Value
		}
		return fields{"configs": configs}, err
	case "alter_configs":
		changes := map[string]sarama.IncrementalAlterConfigsEntry{}
		for key, value := range c.Configs {
			changes[key] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}
		}
		return nil, admin.IncrementalAlterConfig(sarama.TopicResource, c.Name, changes, false)
	case "list_offset":
		at := map[string]int64{"earliest": sarama.OffsetOldest, "latest": sarama.OffsetNewest, "timestamp": c.At}[c.Start]
		answer, err := admin.ListOffsets(map[string]map[int32]int64{c.Topic: {c.Partition: at}}, nil)
		if err != nil {
			return nil, err
		}
		found := answer[c.Topic][c.Partition]
		if found.Err != nil && found.Err != sarama.ErrNoError {
			return nil, found.Err
		}
		return fields{"offset": found.Offset}, nil
	case "describe_group":
		groups, err := admin.DescribeConsumerGroups([]string{c.Name})
		if err != nil {
			return nil, err
		}
		return describe(groups[0])
	case "list_groups":
		groups, err := admin.ListConsumerGroups()
		all := []string{}
		for each := range groups {
			all = append(all, each)
		}
		return fields{"names": all}, err
	case "delete_group":
		return nil, admin.DeleteConsumerGroup(c.Name)
	case "committed":
		answer, err := admin.ListConsumerGroupOffsets(c.Name, nil)
		rows := []fields{}
		if err == nil {
			for topic, blocks := range answer.Blocks {
				for number, block := range blocks {
					rows = append(rows, fields{"topic": topic, "partition": number, "offset": block.Offset})
				}
			}
		}
		return fields{"offsets": rows}, err
	case "describe_cluster":
		nodes, controller, err := admin.DescribeCluster()
		brokers := []string{}
		for _, each := range nodes {
			brokers = append(brokers, each.Addr())
		}
		// sarama does not tell the cluster's id.
		return fields{"cluster_id": nil, "controller": controller, "brokers": brokers}, err
	}
	return nil, fmt.Errorf("unknown command %s", c.Op)
}

func describe(group *sarama.GroupDescription) (fields, error) {
	if group.Err != sarama.ErrNoError {
		return nil, group.Err
	}
	members := []fields{}
	for id, each := range group.Members {
		rows := []partition{}
		assigned, err := each.GetMemberAssignment()
		if err != nil {
			return nil, err
		}
		if assigned != nil {
			for topic, numbers := range assigned.Topics {
				for _, number := range numbers {
					rows = append(rows, partition{topic, number})
				}
			}
		}
		members = append(members, fields{"member_id": id, "instance_id": each.GroupInstanceId, "owned": rows})
	}
	return fields{"state": group.State, "protocol": group.Protocol, "members": members}, nil
}
