import java.nio.ByteBuffer;
import java.util.*;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.coordinator.common.runtime.*;
import org.apache.kafka.coordinator.share.*;
import org.apache.kafka.coordinator.share.metrics.ShareCoordinatorMetrics;
import org.apache.kafka.timeline.SnapshotRegistry;

/**
 * Sends random requests to Apache Kafka's own share coordinator, on a clock of its own, and writes down what it does.
 *
 * Each line is one JSON array; batches are [first offset, last offset, state, count], records [key, value or null] in
 * hexadecimal, and each request ends with what it is answered: error code, message, fields, and the records:
 *
 *   ["scenario", seed, updates for each snapshot]
 *   ["initialize", ms, topic, partition, state epoch, start offset, error, message, [], records]
 *   ["write", ms, topic, partition, state epoch, leader epoch, start offset, complete count, batches, error, ...]
 *   ["read", ms, topic, partition, leader epoch, error, message, [state epoch, start offset, batches], records]
 *   ["summary", ms, topic, partition, error, message, [state epoch, leader epoch, start, complete count], records]
 *   ["delete", ms, topic, partition, error, message, [], records]
 *   ["restart", ms]
 *   ["cold", ms, records]: snapshots of states whose last one is 20 s old
 *   ["redundant", ms, offset before which no record is needed, or -1]
 *
 * Topic 1 has two partitions, and topic 2 does not exist. The arguments are the first seed, and the numbers of scenarios
 * and of steps in each. To make the file again, with all jars of a broker on the class path:
 * java -cp CLASSPATH ShareStateOracle.java 1 40 120 | gzip -9n > share_state_scenarios.jsonl.gz
 */
public class ShareStateOracle {
    private static final HexFormat HEX = HexFormat.of();
    private static final String GROUP = "group";

    private record Topic(String name, Uuid id, int partitionCount) implements CoordinatorMetadataImage.TopicMetadata {
        @Override public List<String> partitionRacks(int partition) {
            return List.of();
        }
    }

    private record Image(Topic topic, long version) implements CoordinatorMetadataImage {
        @Override public Set<Uuid> topicIds() {
            return Set.of(topic.id());
        }

        @Override public Set<String> topicNames() {
            return Set.of(topic.name());
        }

        @Override public Optional<TopicMetadata> topicMetadata(String name) {
            return topic.name().equals(name) ? Optional.of(topic) : Optional.empty();
        }

        @Override public Optional<TopicMetadata> topicMetadata(Uuid id) {
            return topic.id().equals(id) ? Optional.of(topic) : Optional.empty();
        }

        @Override public CoordinatorMetadataDelta emptyDelta() {
            return CoordinatorMetadataDelta.EMPTY;
        }

        @Override public boolean isEmpty() {
            return false;
        }
    }

    private static class Clock implements Time {
        long now = 1_700_000_000_000L;

        @Override public long milliseconds() {
            return now;
        }

        @Override public long nanoseconds() {
            return now * 1_000_000;
        }

        @Override public void sleep(long ms) {
            throw new UnsupportedOperationException();
        }
    }

    private final Random random;
    private final Clock clock = new Clock();
    private final int limit;
    private final List<CoordinatorRecord> log = new ArrayList<>();
    private final ShareCoordinatorRecordSerde serde = new ShareCoordinatorRecordSerde();
    private ShareCoordinatorShard shard;

    private ShareStateOracle(long seed) {
        random = new Random(seed);
        limit = random.nextInt(4);
        start();
    }

    private void start() {
        SnapshotRegistry registry = new SnapshotRegistry(new LogContext());
        AbstractConfig config = new AbstractConfig(
            ShareCoordinatorConfig.CONFIG_DEF,
            Map.of(ShareCoordinatorConfig.SNAPSHOT_UPDATE_RECORDS_PER_SNAPSHOT_CONFIG, limit,
                ShareCoordinatorConfig.COLD_PARTITION_SNAPSHOT_INTERVAL_MS_CONFIG, 20_000), false);
        shard = (ShareCoordinatorShard) new ShareCoordinatorShard.Builder(new ShareCoordinatorConfig(config))
            .withSnapshotRegistry(registry)
            .withLogContext(new LogContext())
            .withTime(clock)
            .withTopicPartition(new TopicPartition("__share_group_state", 0))
            .withCoordinatorMetrics(new ShareCoordinatorMetrics(new Metrics()))
            .build();
        shard.onLoaded(new Image(new Topic("topic", new Uuid(0, 1), 2), 1));
        for (int offset = 0; offset < log.size(); offset++) {
            shard.replay(offset, -1, (short) -1, log.get(offset));
        }
    }

    private String records(List<CoordinatorRecord> records) {
        StringJoiner joined = new StringJoiner(",", "[", "]");
        for (CoordinatorRecord record : records) {
            byte[] value = serde.serializeValue(record);
            joined.add("[\"" + HEX.formatHex(serde.serializeKey(record)) + "\","
                + (value == null ? "null" : "\"" + HEX.formatHex(value) + "\"") + "]");
            shard.replay(log.size(), -1, (short) -1, record);
            log.add(record);
        }
        return joined.toString();
    }

    private static String text(String message) {
        return message == null ? "null" : "\"" + message + "\"";
    }

    private void print(String request, int error, String message, String fields, List<CoordinatorRecord> records) {
        System.out.println("[" + request + "," + error + "," + text(message) + "," + fields + "," + records(records) + "]");
    }

    private void step() {
        clock.now += random.nextInt(4000);
        int topicNumber = random.nextInt(12) == 0 ? 2 : 1;
        Uuid topic = new Uuid(0, topicNumber);
        int partition = random.nextInt(25) - 1 < 0 ? -1 : random.nextInt(15) == 0 ? 2 : random.nextInt(2);
        int stateEpoch = random.nextInt(5) - (random.nextInt(9) == 0 ? 1 : 0);
        int leaderEpoch = random.nextInt(6) - (random.nextInt(9) == 0 ? 1 : 0);
        String at = clock.now + "," + topicNumber + "," + partition;
        if (random.nextInt(10) == 0) {
            System.out.println("[\"cold\"," + clock.now + "," + records(shard.snapshotColdPartitions().records()) + "]");
            return;
        }
        if (random.nextInt(6) == 0) {
            long offset = shard.lastRedundantOffset().response().orElse(-1L);
            System.out.println("[\"redundant\"," + clock.now + "," + offset + "]");
            return;
        }
        int kind = random.nextInt(20);
        if (kind < 2) {
            long offset = random.nextInt(3) == 0 ? -1 : random.nextInt(30);
            var result = shard.initializeState(new InitializeShareGroupStateRequestData().setGroupId(GROUP).setTopics(List.of(
                new InitializeShareGroupStateRequestData.InitializeStateData().setTopicId(topic).setPartitions(List.of(
                    new InitializeShareGroupStateRequestData.PartitionData()
                        .setPartition(partition).setStateEpoch(stateEpoch).setStartOffset(offset))))));
            var answer = result.response().results().get(0).partitions().get(0);
            print("\"initialize\"," + at + "," + stateEpoch + "," + offset,
                answer.errorCode(), answer.errorMessage(), "[]", result.records());
        } else if (kind < 13) {
            // Mostly what a leader of now would send.
            stateEpoch = random.nextInt(3) == 0 ? stateEpoch : 4;
            leaderEpoch = random.nextInt(3) == 0 ? leaderEpoch : 5;
            long offset = random.nextInt(2) == 0 ? -1 : random.nextInt(40);
            int complete = random.nextInt(12) - 1;
            List<WriteShareGroupStateRequestData.StateBatch> batches = new ArrayList<>();
            for (int i = random.nextInt(4); i > 0; i--) {
                long first = random.nextInt(60);
                batches.add(new WriteShareGroupStateRequestData.StateBatch()
                    .setFirstOffset(first).setLastOffset(first + random.nextInt(12))
                    .setDeliveryState((byte) (random.nextInt(3) * 2)).setDeliveryCount((short) (1 + random.nextInt(3))));
            }
            var result = shard.writeState(new WriteShareGroupStateRequestData().setGroupId(GROUP).setTopics(List.of(
                new WriteShareGroupStateRequestData.WriteStateData().setTopicId(topic).setPartitions(List.of(
                    new WriteShareGroupStateRequestData.PartitionData().setPartition(partition).setStateEpoch(stateEpoch)
                        .setLeaderEpoch(leaderEpoch).setStartOffset(offset).setDeliveryCompleteCount(complete)
                        .setStateBatches(batches))))));
            var answer = result.response().results().get(0).partitions().get(0);
            String written = batches.stream().map(batch -> "[" + batch.firstOffset() + "," + batch.lastOffset() + ","
                + batch.deliveryState() + "," + batch.deliveryCount() + "]").collect(Collectors.joining(",", "[", "]"));
            print("\"write\"," + at + "," + stateEpoch + "," + leaderEpoch + "," + offset + "," + complete + "," + written,
                answer.errorCode(), answer.errorMessage(), "[]", result.records());
        } else if (kind < 16) {
            var result = shard.readStateAndMaybeUpdateLeaderEpoch(new ReadShareGroupStateRequestData().setGroupId(GROUP)
                .setTopics(List.of(new ReadShareGroupStateRequestData.ReadStateData().setTopicId(topic).setPartitions(List.of(
                    new ReadShareGroupStateRequestData.PartitionData().setPartition(partition).setLeaderEpoch(leaderEpoch))))));
            var answer = result.response().results().get(0).partitions().get(0);
            String batches = answer.stateBatches().stream().map(batch -> "[" + batch.firstOffset() + "," + batch.lastOffset() + ","
                + batch.deliveryState() + "," + batch.deliveryCount() + "]").collect(Collectors.joining(",", "[", "]"));
            print("\"read\"," + at + "," + leaderEpoch, answer.errorCode(), answer.errorMessage(),
                "[" + answer.stateEpoch() + "," + answer.startOffset() + "," + batches + "]", result.records());
        } else if (kind < 18) {
            var result = shard.readStateSummary(new ReadShareGroupStateSummaryRequestData().setGroupId(GROUP).setTopics(List.of(
                new ReadShareGroupStateSummaryRequestData.ReadStateSummaryData().setTopicId(topic).setPartitions(List.of(
                    new ReadShareGroupStateSummaryRequestData.PartitionData().setPartition(partition).setLeaderEpoch(leaderEpoch))))));
            var answer = result.response().results().get(0).partitions().get(0);
            print("\"summary\"," + at, answer.errorCode(), answer.errorMessage(), "[" + answer.stateEpoch() + ","
                + answer.leaderEpoch() + "," + answer.startOffset() + "," + answer.deliveryCompleteCount() + "]", result.records());
        } else if (random.nextInt(4) > 0) {
            start();
            System.out.println("[\"restart\"," + clock.now + "]");
        } else {
            var result = shard.deleteState(new DeleteShareGroupStateRequestData().setGroupId(GROUP).setTopics(List.of(
                new DeleteShareGroupStateRequestData.DeleteStateData().setTopicId(topic).setPartitions(List.of(
                    new DeleteShareGroupStateRequestData.PartitionData().setPartition(partition))))));
            var answer = result.response().results().get(0).partitions().get(0);
            print("\"delete\"," + at, answer.errorCode(), answer.errorMessage(), "[]", result.records());
        }
    }

    public static void main(String[] args) {
        System.setProperty("log4j2.level", "OFF");
        long first = Long.parseLong(args[0]);
        for (long seed = first; seed < first + Long.parseLong(args[1]); seed++) {
            ShareStateOracle oracle = new ShareStateOracle(seed);
            System.out.println("[\"scenario\"," + seed + "," + oracle.limit + "]");
            for (int step = Integer.parseInt(args[2]); step > 0; step--) {
                oracle.step();
            }
        }
    }
}
