// Drives franz-go with the suite's vocabulary: JSON commands in, JSON events out.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var (
	bootstrap = strings.Split(os.Args[1], ",")
	ctx       = context.Background()
	owned     ownership
	consuming sync.Mutex
	consumer  *kgo.Client
	admin     = sync.OnceValue(func() *kadm.Client {
		return kadm.NewClient(open())
	})
)

func main() {
	obeyCommands(work, name)
}

func name(err error) string {
	var kafka *kerr.Error
	if errors.As(err, &kafka) {
		return kafka.Message
	}
	return fmt.Sprintf("%T", err)
}

func open(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(bootstrap...), kgo.MetadataMinAge(50*time.Millisecond))...)
	if err != nil {
		panic(err)
	}
	return client
}

func work(c *command) (fields, error) {
	switch c.Op {
	case "produce":
		return nil, produce(c)
	case "transaction":
		return nil, transaction(c)
	case "subscribe", "assign":
		consuming.Lock()
		defer consuming.Unlock()
		return nil, consume(c)
	case "commit", "seek", "pause", "resume", "leave":
		// Commands come in an order, and a consumer may still be on its way.
		consuming.Lock()
		defer consuming.Unlock()
		return nil, control(c)
	}
	return administer(c)
}

// ---------------------------------------------------------------- producing

func producer(c *command) *kgo.Client {
	codecs := map[string]kgo.CompressionCodec{"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	codec, compressed := codecs[c.Compression]
	if !compressed {
		codec = kgo.NoCompression()
	}
	options := []kgo.Opt{
		kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.ProducerBatchMaxBytes(64 << 20),
		kgo.BrokerMaxWriteBytes(100 << 20),
		kgo.AllowAutoTopicCreation(),
		kgo.RecordPartitioner(chosenOrSticky{kgo.StickyKeyPartitioner(nil)}),
	}
	acks := map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks(), "": kgo.AllISRAcks()}[c.Acks]
	options = append(options, kgo.RequiredAcks(acks))
	if c.TimeoutMillis > 0 {
		// Counted from a record's timestamp, so only for records of now.
		options = append(options, kgo.RecordDeliveryTimeout(time.Duration(c.TimeoutMillis)*time.Millisecond))
	}
	if c.TransactionalID != nil {
		options = append(options, kgo.TransactionalID(*c.TransactionalID))
	} else if !c.Idempotence {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	return open(options...)
}

// chosenOrSticky leaves the choice of the partition to franz-go's default where a record names none.
type chosenOrSticky struct{ kgo.Partitioner }

func (p chosenOrSticky) ForTopic(topic string) kgo.TopicPartitioner {
	return chosenPartition{p.Partitioner.ForTopic(topic)}
}

type chosenPartition struct{ kgo.TopicPartitioner }

func (p chosenPartition) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition >= 0 || p.TopicPartitioner.RequiresConsistency(r)
}

func (p chosenPartition) Partition(r *kgo.Record, n int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return p.TopicPartitioner.Partition(r, n)
}

func produce(c *command) error {
	client := producer(c)
	defer client.Close()
	send(client, c)
	return client.Flush(ctx)
}

func transaction(c *command) error {
	client := producer(c)
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	send(client, c)
	if err := client.Flush(ctx); err != nil {
		return err
	}
	switch c.Outcome {
	case "commit":
		return client.EndTransaction(ctx, kgo.TryCommit)
	case "abort":
		return client.EndTransaction(ctx, kgo.TryAbort)
	}
	select {} // left open until this process is killed
}

func send(client *kgo.Client, c *command) {
	for index, each := range c.everyRecord() {
		r := &kgo.Record{Topic: c.Topic, Key: each.Key, Value: each.Value, Partition: -1}
		if each.Partition != nil {
			r.Partition = *each.Partition
		}
		if each.Timestamp != nil {
			r.Timestamp = time.UnixMilli(*each.Timestamp)
		}
		for _, h := range each.Headers {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
		}
		time.Sleep(time.Duration(c.IntervalMillis) * time.Millisecond)
		client.Produce(ctx, r, func(r *kgo.Record, err error) {
			if err != nil {
				say("nack", fields{"id": c.ID, "index": index, "error": name(err), "message": err.Error()})
				return
			}
			offset := r.Offset
			if c.Acks == "0" {
				offset = -1
			}
			say("ack", fields{"id": c.ID, "index": index, "partition": r.Partition, "offset": offset})
		})
	}
}

// ---------------------------------------------------------------- consuming

func consume(c *command) error {
	reset := kgo.NewOffset().AtStart()
	if c.Reset == "latest" {
		reset = kgo.NewOffset().AtEnd()
	}
	isolation := kgo.ReadUncommitted()
	if c.Isolation == "read_committed" {
		isolation = kgo.ReadCommitted()
	}
	age := time.Second
	if c.MetadataMillis > 0 {
		age = time.Duration(c.MetadataMillis) * time.Millisecond
	}
	options := []kgo.Opt{kgo.ConsumeResetOffset(reset), kgo.FetchIsolationLevel(isolation), kgo.MetadataMaxAge(age),
		kgo.FetchMaxWait(100 * time.Millisecond), kgo.FetchMaxPartitionBytes(64 << 20), kgo.FetchMaxBytes(64 << 20),
		kgo.AllowAutoTopicCreation()}
	if c.Op == "assign" {
		places, err := offsets(c.places())
		if err != nil {
			return err
		}
		options = append(options, kgo.ConsumePartitions(places))
	} else {
		options = append(options, membership(c)...)
	}
	consumer = open(options...)
	go func() {
		for {
			fetches := consumer.PollFetches(ctx)
			if fetches.IsClientClosed() {
				return
			}
			fetches.EachError(func(_ string, _ int32, err error) {
				say("error", fields{"error": name(err), "message": err.Error()})
			})
			fetches.EachRecord(func(r *kgo.Record) {
				headers := []header{}
				for _, h := range r.Headers {
					headers = append(headers, header{h.Key, h.Value})
				}
				sayRecord(r.Topic, r.Partition, r.Offset, r.Timestamp.UnixMilli(), r.Key, r.Value, headers)
			})
		}
	}()
	return nil
}

func membership(c *command) []kgo.Opt {
	lost := func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
		owned.change("revoked", topics, false)
	}
	options := []kgo.Opt{
		kgo.ConsumerGroup(c.Group),
		kgo.ConsumeTopics(c.Topics...),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
			owned.change("assigned", topics, true)
		}),
		kgo.OnPartitionsRevoked(lost),
		kgo.OnPartitionsLost(lost),
		kgo.HeartbeatInterval(300 * time.Millisecond),
	}
	if c.Protocol == "consumer" {
		options = append(options, kgo.ServerSideBalancer())
	} else {
		balancer := map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(),
			"sticky": kgo.StickyBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer()}[c.Assignor]
		options = append(options, kgo.Balancers(balancer), kgo.SessionTimeout(time.Duration(c.SessionMillis)*time.Millisecond))
	}
	if c.InstanceID != nil {
		options = append(options, kgo.InstanceID(*c.InstanceID))
	}
	if c.AutoCommit {
		return append(options, kgo.AutoCommitInterval(200*time.Millisecond))
	}
	return append(options, kgo.DisableAutoCommit())
}

func offsets(places []placement) (map[string]map[int32]kgo.Offset, error) {
	result := map[string]map[int32]kgo.Offset{}
	for _, place := range places {
		if result[place.Topic] == nil {
			result[place.Topic] = map[int32]kgo.Offset{}
		}
		offset := kgo.NewOffset()
		switch place.Start {
		case "latest":
			// Looked up now: what is produced after this command has to arrive.
			ends, err := admin().ListEndOffsets(ctx, place.Topic)
			if err != nil {
				return nil, err
			}
			end, _ := ends.Lookup(place.Topic, place.Partition)
			offset = offset.At(end.Offset)
		case "timestamp":
			offset = offset.AfterMilli(*place.At)
		case "offset":
			offset = offset.At(*place.At)
		default:
			offset = offset.AtStart()
		}
		result[place.Topic][place.Partition] = offset
	}
	return result, nil
}

func control(c *command) error {
	switch c.Op {
	case "commit":
		if c.Offsets == nil {
			return consumer.CommitUncommittedOffsets(ctx)
		}
		return commit(c.Offsets)
	case "seek":
		consumer.SetOffsets(map[string]map[int32]kgo.EpochOffset{c.Topic: {c.Partition: {Epoch: -1, Offset: c.Offset}}})
	case "pause", "resume":
		change := map[string]func(map[string][]int32) map[string][]int32{"pause": consumer.PauseFetchPartitions,
			"resume": func(all map[string][]int32) map[string][]int32 { consumer.ResumeFetchPartitions(all); return nil }}[c.Op]
		for _, place := range c.places() {
			change(map[string][]int32{place.Topic: {place.Partition}})
		}
	case "leave":
		consumer.Close()
	}
	return nil
}

func commit(places []placement) error {
	wanted := map[string]map[int32]kgo.EpochOffset{}
	for _, place := range places {
		if wanted[place.Topic] == nil {
			wanted[place.Topic] = map[int32]kgo.EpochOffset{}
		}
		wanted[place.Topic][place.Partition] = kgo.EpochOffset{Epoch: -1, Offset: place.Offset}
	}
	var problem error
	consumer.CommitOffsetsSync(ctx, wanted, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
		problem = err
		if answer == nil {
			return
		}
		for _, topic := range answer.Topics {
			for _, each := range topic.Partitions {
				problem = errors.Join(problem, kerr.ErrorForCode(each.ErrorCode))
			}
		}
	})
	return problem
}

// ---------------------------------------------------------------- administration

func administer(c *command) (fields, error) {
	switch c.Op {
	case "create_topic":
		configs := map[string]*string{}
		for key, value := range c.Configs {
			configs[key] = &value
		}
		_, err := admin().CreateTopic(ctx, c.partitionCount(), 1, configs, c.Name)
		return nil, err
	case "delete_topic":
		_, err := admin().DeleteTopic(ctx, c.Name)
		return nil, err
	case "create_partitions":
		answer, err := admin().UpdatePartitions(ctx, int(c.Total), c.Name)
		return nil, errors.Join(err, answer.Error())
	case "delete_records":
		upTo := kadm.Offsets{}
		upTo.AddOffset(c.Topic, c.Partition, c.Offset, -1)
		answer, err := admin().DeleteRecords(ctx, upTo)
		if err = errors.Join(err, answer.Error()); err != nil {
			return nil, err
		}
		deleted, _ := answer.Lookup(c.Topic, c.Partition)
		return fields{"offset": deleted.LowWatermark}, nil
	case "list_topics":
		topics, err := admin().ListTopics(ctx)
		return fields{"names": topics.Names()}, err
	case "describe_topic":
		topics, err := admin().ListTopics(ctx, c.Name)
		if err = errors.Join(err, topics.Error()); err != nil {
			return nil, err
		}
		return fields{"partitions": len(topics[c.Name].Partitions)}, nil
	case "describe_configs":
		answer, err := admin().DescribeTopicConfigs(ctx, c.Name)
		if err != nil {
			return nil, err
		}
		configs := fields{}
		for _, entry := range answer[0].Configs {
			configs[entry.Key] = entry.Value
		}
		return fields{"configs": configs}, answer[0].Err
	case "alter_configs":
		changes := []kadm.AlterConfig{}
		for key, value := range c.Configs {
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: &value})
		}
		answer, err := admin().AlterTopicConfigs(ctx, changes, c.Name)
		if err != nil {
			return nil, err
		}
		return nil, answer[0].Err
	case "list_offset":
		look := map[string]func() (kadm.ListedOffsets, error){
			"earliest":  func() (kadm.ListedOffsets, error) { return admin().ListStartOffsets(ctx, c.Topic) },
			"latest":    func() (kadm.ListedOffsets, error) { return admin().ListEndOffsets(ctx, c.Topic) },
			"timestamp": func() (kadm.ListedOffsets, error) { return admin().ListOffsetsAfterMilli(ctx, c.At, c.Topic) },
		}[c.Start]
		answer, err := look()
		if err = errors.Join(err, answer.Error()); err != nil {
			return nil, err
		}
		found, _ := answer.Lookup(c.Topic, c.Partition)
		return fields{"offset": found.Offset}, nil
	case "describe_group":
		answer, err := admin().DescribeGroups(ctx, c.Name)
		if err = errors.Join(err, answer.Error()); err != nil {
			return nil, err
		}
		return describe(answer[c.Name]), nil
	case "list_groups":
		groups, err := admin().ListGroups(ctx)
		return fields{"names": groups.Groups()}, err
	case "delete_group":
		_, err := admin().DeleteGroup(ctx, c.Name)
		return nil, err
	case "committed":
		answer, err := admin().FetchOffsets(ctx, c.Name)
		if err = errors.Join(err, answer.Error()); err != nil {
			return nil, err
		}
		rows := []fields{}
		answer.Each(func(each kadm.OffsetResponse) {
			rows = append(rows, fields{"topic": each.Topic, "partition": each.Partition, "offset": each.At})
		})
		return fields{"offsets": rows}, nil
	case "describe_cluster":
		cluster, err := admin().BrokerMetadata(ctx)
		brokers := []string{}
		for _, each := range cluster.Brokers {
			brokers = append(brokers, fmt.Sprintf("%s:%d", each.Host, each.Port))
		}
		return fields{"cluster_id": cluster.Cluster, "controller": cluster.Controller, "brokers": brokers}, err
	}
	return nil, fmt.Errorf("unknown command %s", c.Op)
}

func describe(group kadm.DescribedGroup) fields {
	members := []fields{}
	for _, member := range group.Members {
		rows := []partition{}
		if assigned, ok := member.Assigned.AsConsumer(); ok {
			for _, topic := range assigned.Topics {
				for _, number := range topic.Partitions {
					rows = append(rows, partition{topic.Topic, number})
				}
			}
		}
		members = append(members, fields{"member_id": member.MemberID, "instance_id": member.InstanceID, "owned": rows})
	}
	return fields{"state": group.State, "protocol": group.Protocol, "members": members}
}
