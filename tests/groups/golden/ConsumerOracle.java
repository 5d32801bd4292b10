import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.requests.OffsetCommitRequest;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.coordinator.common.runtime.*;
import org.apache.kafka.coordinator.group.*;
import org.apache.kafka.coordinator.group.metrics.GroupCoordinatorMetrics;
import org.apache.kafka.coordinator.group.modern.share.ShareGroupConfig;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;
import org.apache.kafka.timeline.SnapshotRegistry;

/**
 * Lets random members of consumer groups loose on Apache Kafka's own group coordinator, on a clock of its own, and
 * writes down what it does. Regular expressions and members of the classic protocol are not among them.
 *
 * Each line is one JSON array; requests, responses, keys and values are Kafka's bytes in hexadecimal:
 *
 *   ["scenario", seed, group.consumer.max.size]
 *   [request kind, version, client id, request, [[key, value or null]], response]
 *   ["advance", ms, [[key, value or null]]] or ["restart", 0, []] or ["topics", [[name, id, partitions]], []]
 *
 * The arguments are the first seed, and the numbers of scenarios and of steps in each. To make the file again, with all
 * jars of a broker on the class path:
 * java -cp CLASSPATH ConsumerOracle.java 1 60 80 | gzip -9n > consumer_scenarios.jsonl.gz
 */
public class ConsumerOracle {
    private static final HexFormat HEX = HexFormat.of();

    private record Topic(String name, Uuid id, int partitionCount) implements CoordinatorMetadataImage.TopicMetadata {
        @Override public List<String> partitionRacks(int partition) {
            return new ArrayList<>();
        }
    }

    private record Image(Map<String, Topic> topics, long version) implements CoordinatorMetadataImage {
        @Override public Set<Uuid> topicIds() {
            return topics.values().stream().map(Topic::id).collect(Collectors.toSet());
        }

        @Override public Set<String> topicNames() {
            return topics.keySet();
        }

        @Override public Optional<TopicMetadata> topicMetadata(String name) {
            return Optional.ofNullable(topics.get(name));
        }

        @Override public Optional<TopicMetadata> topicMetadata(Uuid id) {
            return topics.values().stream().filter(topic -> topic.id().equals(id)).map(topic -> (TopicMetadata) topic).findFirst();
        }

        @Override public CoordinatorMetadataDelta emptyDelta() {
            return CoordinatorMetadataDelta.EMPTY;
        }

        @Override public boolean isEmpty() {
            return topics.isEmpty();
        }
    }

    private record Delta(Collection<Uuid> createdTopicIds, Collection<Uuid> changedTopicIds, Set<Uuid> deletedTopicIds, Image image)
        implements CoordinatorMetadataDelta { }

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

    private record Due(long when, long order, CoordinatorTimer.TimeoutOperation<CoordinatorRecord> operation) { }

    private class Timers implements CoordinatorTimer<CoordinatorRecord> {
        final Map<String, Due> due = new HashMap<>();
        long order;

        @Override
        public void schedule(String key, long delay, TimeUnit unit, boolean retry, TimeoutOperation<CoordinatorRecord> op) {
            if (!key.contains("expiration") && !key.contains("counter")) {
                due.put(key, new Due(clock.now + unit.toMillis(delay), order++, op));
            }
        }

        @Override
        public void schedule(
            String key, long delay, TimeUnit unit, boolean retry, long backoff, TimeoutOperation<CoordinatorRecord> op
        ) { }

        @Override
        public void scheduleIfAbsent(String key, long delay, TimeUnit unit, boolean retry, TimeoutOperation<CoordinatorRecord> op) {
            if (!due.containsKey(key)) {
                schedule(key, delay, unit, retry, op);
            }
        }

        @Override public void cancel(String key) {
            due.remove(key);
        }

        @Override public boolean isScheduled(String key) {
            return due.containsKey(key);
        }

        boolean runOne() {
            Optional<Map.Entry<String, Due>> first = due.entrySet().stream()
                .filter(entry -> entry.getValue().when() <= clock.now)
                .min(Comparator.comparing((Map.Entry<String, Due> e) -> e.getValue().when()).thenComparing(e -> e.getValue().order()));
            if (first.isEmpty()) {
                return false;
            }
            due.remove(first.get().getKey());
            perform(first.get().getValue().operation().generateRecords());
            return true;
        }
    }

    private static class NoExecutor implements CoordinatorExecutor<CoordinatorRecord> {
        @Override
        public <R> boolean schedule(String key, TaskRunnable<R> task, TaskOperation<CoordinatorRecord, R> operation) {
            throw new IllegalStateException("nothing is offloaded");
        }

        @Override public boolean isScheduled(String key) {
            return false;
        }

        @Override public void cancel(String key) { }
    }

    private record Context(int requestVersion, String clientId) implements AuthorizableRequestContext {
        @Override public String listenerName() {
            return "PLAINTEXT";
        }

        @Override public SecurityProtocol securityProtocol() {
            return SecurityProtocol.PLAINTEXT;
        }

        @Override public KafkaPrincipal principal() {
            return KafkaPrincipal.ANONYMOUS;
        }

        @Override public InetAddress clientAddress() {
            try {
                return InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
            } catch (java.net.UnknownHostException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override public int requestType() {
            return 0;
        }

        @Override public int correlationId() {
            return 0;
        }
    }

    private static class Member {
        final String client;
        final String instance;
        String id;
        int epoch;
        List<ConsumerGroupHeartbeatRequestData.TopicPartitions> owned = List.of();
        List<ConsumerGroupHeartbeatRequestData.TopicPartitions> assigned = List.of();
        boolean acknowledges;

        Member(String client, String instance, String id) {
            this.client = client;
            this.instance = instance;
            this.id = id;
        }
    }

    private final Random random;
    private final Clock clock = new Clock();
    private final GroupCoordinatorConfig config;
    private final GroupConfigManager groupConfigs;
    private final GroupCoordinatorRecordSerde serde = new GroupCoordinatorRecordSerde();
    private final List<byte[][]> log = new ArrayList<>();
    private final List<Member> members = new ArrayList<>();
    private Timers timers;
    private GroupCoordinatorShard shard;
    private Image image = new Image(Map.of(), 0);
    private StringJoiner records = new StringJoiner(",", "[", "]");
    private int ids;

    private ConsumerOracle(long seed) {
        random = new Random(seed);
        int maxSize = random.nextInt(4) == 0 ? 3 : 100;
        Map<String, Object> properties = new HashMap<>();
        properties.put("group.consumer.max.size", maxSize);
        properties.put("group.consumer.assignment.interval.ms", 0);
        properties.put("group.consumer.assignor.offload.enable", false);
        properties.put("group.consumer.migration.policy", "disabled");
        ConfigDef definitions = new ConfigDef(GroupCoordinatorConfig.CONFIG_DEF);
        ShareGroupConfig.CONFIG_DEF.configKeys().values().forEach(definitions::define);
        AbstractConfig broker = new AbstractConfig(definitions, properties, false);
        config = new GroupCoordinatorConfig(broker);
        groupConfigs = new GroupConfigManager(config, new ShareGroupConfig(broker));
        for (int i = 2 + random.nextInt(4); i > 0; i--) {
            members.add(new Member("client" + i, random.nextInt(3) == 0 ? "static" + random.nextInt(2) : null, "m" + ids++));
        }
        System.out.printf("[\"scenario\",%d,%d]%n", seed, maxSize);
        start();
        change();
    }

    private void start() {
        timers = new Timers();
        GroupCoordinatorShard.Builder builder = new GroupCoordinatorShard.Builder(config, groupConfigs);
        builder.withAuthorizerPlugin(Optional.empty());
        shard = (GroupCoordinatorShard) builder
            .withLogContext(new LogContext())
            .withSnapshotRegistry(new SnapshotRegistry(new LogContext()))
            .withTime(clock)
            .withTimer(timers)
            .withExecutor(new NoExecutor())
            .withCoordinatorMetrics(new GroupCoordinatorMetrics())
            .withTopicPartition(new TopicPartition("__consumer_offsets", 0))
            .build();
        for (int offset = 0; offset < log.size(); offset++) {
            byte[][] pair = log.get(offset);
            ByteBuffer value = pair[1] == null ? null : ByteBuffer.wrap(pair[1]);
            shard.replay(offset, -1L, (short) -1, (CoordinatorRecord) serde.deserialize(ByteBuffer.wrap(pair[0]), value));
        }
        shard.onLoaded(image);
    }

    private <T> T perform(CoordinatorResult<T, CoordinatorRecord> result) {
        for (CoordinatorRecord record : result.records()) {
            byte[] key = serde.serializeKey(record);
            byte[] value = serde.serializeValue(record);
            log.add(new byte[][] {key, value});
            records.add("[\"" + HEX.formatHex(key) + "\"," + (value == null ? "null" : "\"" + HEX.formatHex(value) + "\"") + "]");
            if (result.replayRecords()) {
                shard.replay(log.size() - 1, -1L, (short) -1, record);
            }
        }
        if (result.appendFuture() != null) {
            result.appendFuture().complete(null);
        }
        return result.response();
    }

    private static String bytes(ApiMessage message, int version) {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, (short) version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return HEX.formatHex(bytes);
    }

    private void told(String step) {
        System.out.println("[" + step + "," + records + "]");
        records = new StringJoiner(",", "[", "]");
    }

    private void answered(String kind, int version, Member member, String request, ApiMessage response) {
        System.out.println("[\"" + kind + "\"," + version + ",\"" + member.client + "\",\"" + request + "\"," + records + ",\""
            + bytes(response, version) + "\"]");
        records = new StringJoiner(",", "[", "]");
    }

    /** Creates, grows or deletes a topic. */
    private void change() {
        Map<String, Topic> topics = new TreeMap<>(image.topics());
        String name = "t" + random.nextInt(3);
        Topic before = topics.get(name);
        List<Uuid> created = new ArrayList<>();
        List<Uuid> changed = new ArrayList<>();
        Set<Uuid> deleted = new HashSet<>();
        if (before == null) {
            Topic topic = new Topic(name, new Uuid(random.nextLong(), random.nextLong()), 1 + random.nextInt(5));
            topics.put(name, topic);
            created.add(topic.id());
            changed.add(topic.id());
        } else if (random.nextInt(3) == 0) {
            topics.remove(name);
            deleted.add(before.id());
        } else {
            topics.put(name, new Topic(name, before.id(), before.partitionCount() + 1));
            changed.add(before.id());
        }
        // Kafka looks up the names of deleted topics in the same place as those of new ones.
        Map<String, Topic> both = new TreeMap<>(image.topics());
        both.putAll(topics);
        Image all = new Image(both, image.version() + 1);
        image = new Image(topics, image.version() + 1);
        shard.onMetadataUpdate(new Delta(created, changed, deleted, all), image);
        told("\"topics\"," + topics.values().stream()
            .map(topic -> String.format("[\"%s\",\"%016x%016x\",%d]", topic.name(),
                topic.id().getMostSignificantBits(), topic.id().getLeastSignificantBits(), topic.partitionCount()))
            .collect(Collectors.joining(",", "[", "]")));
    }

    private void heartbeat(Member member) {
        int version = random.nextInt(8) == 0 ? 0 : 1;
        ConsumerGroupHeartbeatRequestData request = new ConsumerGroupHeartbeatRequestData()
            .setGroupId(random.nextInt(60) == 0 ? "other" : "g")
            .setMemberId(random.nextInt(60) == 0 ? "nobody" : member.id)
            .setMemberEpoch(random.nextInt(30) == 0 && member.epoch > 2 ? member.epoch + random.nextInt(4) - 2 : member.epoch);
        boolean full = member.epoch == 0 || random.nextInt(10) == 0;
        if (member.instance != null && random.nextInt(40) > 0) {
            request.setInstanceId(member.instance);
        }
        if (full) {
            request.setRebalanceTimeoutMs(20_000 + random.nextInt(3) * 1000);
            if (random.nextInt(4) == 0) {
                request.setRackId("rack" + random.nextInt(2));
            }
        }
        if (full || random.nextInt(25) == 0) {
            List<String> names = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                if (random.nextInt(3) > 0) {
                    names.add("t" + i);
                }
            }
            request.setSubscribedTopicNames(names);
        }
        if (random.nextInt(15) == 0) {
            request.setServerAssignor("range");
        }
        if (member.epoch == 0) {
            request.setTopicPartitions(List.of());
        } else if (full || member.acknowledges || random.nextInt(8) == 0) {
            request.setTopicPartitions(member.owned);
            member.acknowledges = false;
        }
        String sent = bytes(request, version);
        ConsumerGroupHeartbeatResponseData response;
        try {
            response = perform(shard.consumerGroupHeartbeat(new Context(version, member.client), request));
        } catch (RuntimeException e) {
            records = new StringJoiner(",", "[", "]");
            response = new ConsumerGroupHeartbeatResponseData().setErrorCode(Errors.forException(e).code()).setErrorMessage(e.getMessage());
        }
        if (response.errorCode() == 0 && random.nextInt(12) > 0) {
            member.epoch = response.memberEpoch();
            if (response.assignment() != null) {
                member.assigned = response.assignment().topicPartitions().stream().map(topic ->
                    new ConsumerGroupHeartbeatRequestData.TopicPartitions().setTopicId(topic.topicId())
                        .setPartitions(List.copyOf(topic.partitions()))).toList();
                if (random.nextInt(3) == 0) {
                    member.owned = member.assigned;
                    member.acknowledges = true;
                }
            }
        } else if (response.errorCode() == Errors.FENCED_MEMBER_EPOCH.code() || response.errorCode() == Errors.UNKNOWN_MEMBER_ID.code()
            || response.errorCode() == Errors.GROUP_ID_NOT_FOUND.code()) {
            member.epoch = 0;
            member.owned = List.of();
        }
        answered("heartbeat", version, member, sent, response);
    }

    private void leave(Member member) {
        boolean forGood = member.instance == null || random.nextInt(3) == 0;
        ConsumerGroupHeartbeatRequestData request = new ConsumerGroupHeartbeatRequestData()
            .setGroupId("g").setMemberId(member.id).setInstanceId(member.instance).setMemberEpoch(forGood ? -1 : -2);
        String sent = bytes(request, 1);
        ConsumerGroupHeartbeatResponseData response;
        try {
            response = perform(shard.consumerGroupHeartbeat(new Context(1, member.client), request));
        } catch (RuntimeException e) {
            records = new StringJoiner(",", "[", "]");
            response = new ConsumerGroupHeartbeatResponseData().setErrorCode(Errors.forException(e).code()).setErrorMessage(e.getMessage());
        }
        member.epoch = 0;
        member.owned = List.of();
        member.id = random.nextInt(3) == 0 ? member.id : "m" + ids++;
        answered("heartbeat", 1, member, sent, response);
    }

    private void commit(Member member) {
        OffsetCommitRequestData request = new OffsetCommitRequestData().setGroupId("g").setMemberId(member.id)
            .setGenerationIdOrMemberEpoch(random.nextInt(4) == 0 ? member.epoch - random.nextInt(3) : member.epoch);
        if (random.nextInt(8) == 0) {
            request.setMemberId("").setGenerationIdOrMemberEpoch(-1);
        }
        int version = random.nextInt(10) == 0 ? 8 : 9;
        for (Topic topic : image.topics().values()) {
            if (random.nextInt(3) > 0) {
                request.topics().add(new OffsetCommitRequestData.OffsetCommitRequestTopic().setName(topic.name())
                    .setTopicId(topic.id()).setPartitions(List.of(new OffsetCommitRequestData.OffsetCommitRequestPartition()
                        .setPartitionIndex(random.nextInt(topic.partitionCount())).setCommittedOffset(random.nextInt(100)))));
            }
        }
        if (request.topics().isEmpty()) {
            return;
        }
        // The broker's API layer sets the topic ids, which the request of this version does not carry.
        String sent = bytes(stripped(request), version);
        OffsetCommitResponseData response;
        try {
            response = perform(shard.commitOffset(new Context(version, member.client), request));
        } catch (RuntimeException e) {
            records = new StringJoiner(",", "[", "]");
            response = OffsetCommitRequest.getErrorResponse(request, Errors.forException(e));
        }
        response.topics().forEach(topic -> topic.setTopicId(Uuid.ZERO_UUID));
        answered("commit", version, member, sent, response);
    }

    private static OffsetCommitRequestData stripped(OffsetCommitRequestData request) {
        OffsetCommitRequestData copy = request.duplicate();
        copy.topics().forEach(topic -> topic.setTopicId(Uuid.ZERO_UUID));
        return copy;
    }

    private void fetch(Member member) {
        OffsetFetchRequestData.OffsetFetchRequestGroup group = new OffsetFetchRequestData.OffsetFetchRequestGroup()
            .setGroupId("g").setMemberId(random.nextInt(4) == 0 ? null : member.id).setTopics(List.of(
                new OffsetFetchRequestData.OffsetFetchRequestTopics().setName("t1").setPartitionIndexes(List.of(0))));
        group.setMemberEpoch(group.memberId() == null ? -1 : random.nextInt(5) == 0 ? member.epoch + 1 : member.epoch);
        OffsetFetchRequestData request = new OffsetFetchRequestData().setGroups(List.of(group));
        String sent = bytes(request, 9);
        OffsetFetchResponseData.OffsetFetchResponseGroup response;
        try {
            response = shard.fetchOffsets(group, Long.MAX_VALUE);
        } catch (RuntimeException e) {
            response = new OffsetFetchResponseData.OffsetFetchResponseGroup().setGroupId("g").setErrorCode(Errors.forException(e).code());
        }
        answered("fetch", 9, member, sent, new OffsetFetchResponseData().setGroups(List.of(response)));
    }

    private void describe(Member member) {
        ConsumerGroupDescribeRequestData request = new ConsumerGroupDescribeRequestData().setGroupIds(List.of("g", "missing"));
        String sent = bytes(request, 1);
        answered("describe", 1, member, sent, new ConsumerGroupDescribeResponseData().setGroups(
            shard.consumerGroupDescribe(request.groupIds(), Long.MAX_VALUE)));
        DescribeGroupsRequestData classic = new DescribeGroupsRequestData().setGroups(List.of("g"));
        answered("classic", 6, member, bytes(classic, 6), new DescribeGroupsResponseData().setGroups(
            shard.describeGroups(new Context(6, member.client), classic.groups(), Long.MAX_VALUE)));
        ListGroupsRequestData list = new ListGroupsRequestData().setTypesFilter(List.of(random.nextBoolean() ? "Consumer" : "classic"));
        answered("list", 5, member, bytes(list, 5), new ListGroupsResponseData().setGroups(
            shard.listGroups(list.statesFilter(), list.typesFilter(), Long.MAX_VALUE)));
    }

    private void delete(Member member) {
        DeleteGroupsRequestData request = new DeleteGroupsRequestData().setGroupsNames(List.of("g"));
        String sent = bytes(request, 2);
        answered("delete", 2, member, sent, new DeleteGroupsResponseData().setResults(
            perform(shard.deleteGroups(new Context(2, member.client), request.groupsNames()))));
    }

    private void advance(int ms) {
        clock.now += ms;
        while (timers.runOne()) {
            continue;
        }
        told("\"advance\"," + ms);
    }

    private void step() {
        Member member = members.get(random.nextInt(members.size()));
        int choice = random.nextInt(100);
        if (choice < 12) {
            advance(random.nextInt(12_000));
        } else if (choice < 14) {
            advance(50_000);
        } else if (choice < 18) {
            change();
        } else if (choice < 20) {
            start();
            told("\"restart\",0");
        } else if (choice < 24) {
            leave(member);
        } else if (choice < 34) {
            commit(member);
        } else if (choice < 37) {
            fetch(member);
        } else if (choice < 40) {
            describe(member);
        } else if (choice < 41) {
            delete(member);
        } else if (choice < 45) {
            member.owned = member.assigned;
            member.acknowledges = true;
        } else {
            heartbeat(member);
        }
    }

    public static void main(String[] args) {
        System.setProperty("log4j2.level", "OFF");
        long first = Long.parseLong(args[0]);
        for (long seed = first; seed < first + Integer.parseInt(args[1]); seed++) {
            ConsumerOracle oracle = new ConsumerOracle(seed);
            for (int i = Integer.parseInt(args[2]); i > 0; i--) {
                oracle.step();
            }
        }
    }
}
