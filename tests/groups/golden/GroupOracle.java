import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.security.Provider;
import java.security.SecureRandomSpi;
import java.security.Security;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.StringJoiner;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.requests.JoinGroupResponse;
import org.apache.kafka.common.requests.LeaveGroupResponse;
import org.apache.kafka.common.requests.OffsetCommitRequest;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.coordinator.common.runtime.CoordinatorExecutor;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.common.runtime.CoordinatorResult;
import org.apache.kafka.coordinator.common.runtime.CoordinatorTimer;
import org.apache.kafka.coordinator.group.GroupConfigManager;
import org.apache.kafka.coordinator.group.GroupCoordinatorConfig;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;
import org.apache.kafka.coordinator.group.GroupCoordinatorShard;
import org.apache.kafka.coordinator.group.metrics.GroupCoordinatorMetrics;
import org.apache.kafka.coordinator.group.modern.share.ShareGroupConfig;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;
import org.apache.kafka.timeline.SnapshotRegistry;

/**
 * Lets random clients loose on Apache Kafka's own group coordinator, on a clock of its own, and writes down what it does.
 *
 * Each line is one JSON array; requests, responses, keys and values are Kafka's bytes in hexadecimal:
 *
 *   ["scenario", seed, initial delay in ms, group.max.size]
 *   [request kind, token, version, client id, request, [uuids drawn], [[key, value or null]], [[token, response]]]
 *   ["advance", ms, ...] or ["expire", 0, ...] or ["restart", 0, ...] or ["topic", name, ...], with the same last two
 *
 * The arguments are the first seed, and the numbers of scenarios and of steps in each. To make the file again, with all
 * jars of a broker on the class path:
 * java -cp CLASSPATH GroupOracle.java 1 50 100 | gzip -9n > group_scenarios.jsonl.gz
 */
public class GroupOracle {
    private static final HexFormat HEX = HexFormat.of();
    private static final String[] GROUPS = {"g", "h"};
    private static final List<String> UUIDS = new ArrayList<>();

    /** Member ids end with a random UUID: make it reproducible and known. */
    public static class KnownRandom extends SecureRandomSpi {
        static Random source = new Random(0);

        @Override protected void engineSetSeed(byte[] seed) { }

        @Override protected byte[] engineGenerateSeed(int size) {
            return new byte[size];
        }

        @Override protected void engineNextBytes(byte[] bytes) {
            source.nextBytes(bytes);
            if (bytes.length == 16) {
                byte[] id = bytes.clone();
                id[6] = (byte) (id[6] & 0x0f | 0x40);
                id[8] = (byte) (id[8] & 0x3f | 0x80);
                ByteBuffer halves = ByteBuffer.wrap(id);
                UUIDS.add(new UUID(halves.getLong(), halves.getLong()).toString());
            }
        }
    }

    private static class KnownProvider extends Provider {
        KnownProvider() {
            super("Known", "1", "reproducible");
            put("SecureRandom.Known", KnownRandom.class.getName());
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
        ) {
            // Of the two timers with a backoff, the expiry of offsets is a step of its own here, the other counts groups.
        }

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
            return false;
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

    /** A client that mostly does what a client should. */
    private static class Actor {
        final int index;
        final String group;
        final String instanceId;
        String memberId = "";
        int generation = -1;
        boolean leads;
        boolean waits;
        boolean synced;
        List<String> members = List.of();
        List<String> protocols;
        String protocol;
        List<String> topics;

        Actor(int index, String group, String instanceId) {
            this.index = index;
            this.group = group;
            this.instanceId = instanceId;
        }
    }

    private final Random random;
    private final Clock clock = new Clock();
    private Timers timers = new Timers();
    private GroupCoordinatorShard shard;
    private final GroupCoordinatorConfig config;
    private final GroupConfigManager groupConfigs;
    private final GroupCoordinatorRecordSerde serde = new GroupCoordinatorRecordSerde();
    private final List<byte[][]> log = new ArrayList<>();
    private final List<Actor> actors = new ArrayList<>();
    private StringJoiner records;
    private StringJoiner replies;
    private int tokens;

    private GroupOracle(long seed) {
        random = new Random(seed);
        KnownRandom.source = new Random(seed);
        int delay = random.nextInt(3) == 0 ? 3000 : 0;
        int maxSize = random.nextInt(4) == 0 ? 3 : 100;
        Map<String, Object> properties = new HashMap<>();
        properties.put("group.initial.rebalance.delay.ms", delay);
        properties.put("group.max.size", maxSize);
        properties.put("offsets.retention.minutes", 10);
        ConfigDef definitions = new ConfigDef(GroupCoordinatorConfig.CONFIG_DEF);
        ShareGroupConfig.CONFIG_DEF.configKeys().values().forEach(definitions::define);
        AbstractConfig broker = new AbstractConfig(definitions, properties, false);
        config = new GroupCoordinatorConfig(broker);
        groupConfigs = new GroupConfigManager(config, new ShareGroupConfig(broker));
        int size = 2 + random.nextInt(5);
        int statics = random.nextInt(3);
        for (int i = 0; i < size; i++) {
            actors.add(new Actor(i, GROUPS[random.nextInt(5) / 4], random.nextInt(2) < statics ? "static" + random.nextInt(3) : null));
        }
        System.out.printf("[\"scenario\",%d,%d,%d]%n", seed, delay, maxSize);
        start();
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
        shard.onLoaded(CoordinatorMetadataImage.EMPTY);
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

    private void reply(int token, ApiMessage response, int version) {
        replies.add("[" + token + ",\"" + bytes(response, version) + "\"]");
    }

    private static String bytes(ApiMessage message, int version) {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, (short) version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return HEX.formatHex(bytes);
    }

    private void begin() {
        records = new StringJoiner(",", "[", "]");
        replies = new StringJoiner(",", "[", "]");
        UUIDS.clear();
    }

    private void end(String start) {
        System.out.println("[" + start + "," + records + "," + replies + "]");
    }

    private void request(String kind, int version, Actor actor, ApiMessage request, Runnable action) {
        begin();
        String sent = bytes(request, version);
        action.run();
        String drawn = UUIDS.stream().map(id -> "\"" + id + "\"").collect(Collectors.joining(",", "[", "]"));
        end("\"" + kind + "\"," + tokens++ + "," + version + ",\"client" + actor.index + "\",\"" + sent + "\"," + drawn);
    }

    private static Context context(int version, Actor actor) {
        return new Context(version, "client" + actor.index);
    }

    private void join(Actor actor) {
        int version = random.nextInt(4) == 0 ? random.nextInt(10) : 9;
        boolean asStatic = actor.instanceId != null && version >= 5;
        if (actor.protocols == null || random.nextInt(8) == 0) {
            List<String> names = new ArrayList<>(List.of("range", "roundrobin", "sticky"));
            java.util.Collections.shuffle(names, random);
            actor.protocols = names.subList(0, 2 + random.nextInt(2));
            actor.topics = random.nextInt(3) == 0 ? List.of("t0", "t1") : List.of("t" + random.nextInt(2));
        }
        JoinGroupRequestData.JoinGroupRequestProtocolCollection protocols = new JoinGroupRequestData.JoinGroupRequestProtocolCollection();
        for (String name : actor.protocols) {
            ByteBuffer metadata = ConsumerProtocol.serializeSubscription(new Subscription(actor.topics));
            byte[] bytes = new byte[metadata.remaining()];
            metadata.get(bytes);
            protocols.add(new JoinGroupRequestData.JoinGroupRequestProtocol().setName(name).setMetadata(bytes));
        }
        JoinGroupRequestData request = new JoinGroupRequestData()
            .setGroupId(actor.group)
            .setMemberId(random.nextInt(25) == 0 ? "nobody" : actor.memberId)
            .setGroupInstanceId(asStatic ? actor.instanceId : null)
            .setProtocolType(random.nextInt(40) == 0 ? "connect" : "consumer")
            .setSessionTimeoutMs(10_000 + 137 * actor.index)
            .setRebalanceTimeoutMs(version == 0 ? -1 : 20_000 + 61 * actor.index)
            .setProtocols(protocols);
        request("join", version, actor, request, () -> {
            int token = tokens;
            CompletableFuture<JoinGroupResponseData> future = new CompletableFuture<>();
            actor.waits = true;
            future.thenAccept(response -> {
                actor.waits = false;
                actor.synced = false;
                if (response.errorCode() == 0) {
                    actor.memberId = response.memberId();
                    actor.generation = response.generationId();
                    actor.protocol = response.protocolName();
                    actor.leads = response.memberId().equals(response.leader());
                    actor.members = response.members().stream().map(JoinGroupResponseData.JoinGroupResponseMember::memberId).toList();
                } else if (response.errorCode() == Errors.MEMBER_ID_REQUIRED.code()) {
                    actor.memberId = response.memberId();
                } else if (response.errorCode() == Errors.UNKNOWN_MEMBER_ID.code() || actor.instanceId != null) {
                    actor.memberId = "";
                }
                reply(token, new JoinGroupResponse(response, (short) version).data(), version);
            });
            if (version == 0) {
                request.setRebalanceTimeoutMs(request.sessionTimeoutMs());
            }
            try {
                perform(shard.classicGroupJoin(context(version, actor), request, future, true));
            } catch (RuntimeException e) {
                future.complete(new JoinGroupResponseData().setErrorCode(Errors.forException(e).code()));
            }
        });
    }

    private int generation(Actor actor) {
        return random.nextInt(20) == 0 ? actor.generation - 1 : actor.generation;
    }

    private void sync(Actor actor) {
        int version = random.nextInt(4) == 0 ? random.nextInt(6) : 5;
        List<SyncGroupRequestData.SyncGroupRequestAssignment> assignments = new ArrayList<>();
        if (actor.leads) {
            for (String member : actor.members) {
                if (random.nextInt(15) > 0) {
                    byte[] assignment = ("to " + member.hashCode() + " in " + actor.generation).getBytes();
                    assignments.add(new SyncGroupRequestData.SyncGroupRequestAssignment().setMemberId(member).setAssignment(assignment));
                }
            }
        }
        SyncGroupRequestData request = new SyncGroupRequestData()
            .setGroupId(actor.group)
            .setMemberId(actor.memberId)
            .setGroupInstanceId(version >= 3 ? actor.instanceId : null)
            .setGenerationId(generation(actor))
            .setAssignments(assignments);
        if (version >= 5) {
            request.setProtocolType("consumer").setProtocolName(random.nextInt(20) == 0 || actor.protocol == null ? "other" : actor.protocol);
        }
        request("sync", version, actor, request, () -> {
            int token = tokens;
            CompletableFuture<SyncGroupResponseData> future = new CompletableFuture<>();
            future.thenAccept(response -> {
                actor.synced = response.errorCode() == 0;
                reply(token, response, version);
            });
            perform(shard.classicGroupSync(context(version, actor), request, future));
        });
    }

    private void heartbeat(Actor actor) {
        int version = random.nextInt(5);
        HeartbeatRequestData request = new HeartbeatRequestData()
            .setGroupId(actor.group)
            .setMemberId(actor.memberId)
            .setGroupInstanceId(version >= 3 ? actor.instanceId : null)
            .setGenerationId(generation(actor));
        request("heartbeat", version, actor, request, () -> {
            HeartbeatResponseData response;
            try {
                response = perform(shard.classicGroupHeartbeat(context(version, actor), request));
            } catch (RuntimeException e) {
                response = new HeartbeatResponseData().setErrorCode(Errors.forException(e).code());
            }
            reply(tokens, response, version);
        });
    }

    private void leave(Actor actor) {
        int version = random.nextInt(6);
        LeaveGroupRequestData request = new LeaveGroupRequestData().setGroupId(actor.group);
        List<LeaveGroupRequestData.MemberIdentity> leaving = new ArrayList<>();
        if (version < 3) {
            request.setMemberId(actor.memberId);
            leaving.add(new LeaveGroupRequestData.MemberIdentity().setMemberId(actor.memberId));
        } else {
            for (int i = random.nextInt(3) == 0 ? 1 : 0; i >= 0; i--) {
                Actor other = i == 0 ? actor : actors.get(random.nextInt(actors.size()));
                leaving.add(new LeaveGroupRequestData.MemberIdentity()
                    .setMemberId(other.instanceId != null && random.nextInt(3) == 0 ? "" : other.memberId)
                    .setGroupInstanceId(other.instanceId));
            }
            request.setMembers(leaving);
        }
        LeaveGroupRequestData normalized = new LeaveGroupRequestData().setGroupId(actor.group).setMembers(leaving);
        request("leave", version, actor, request, () -> {
            LeaveGroupResponseData response;
            try {
                response = perform(shard.classicGroupLeave(context(version, actor), normalized));
            } catch (RuntimeException e) {
                short code = Errors.forException(e).code();
                response = new LeaveGroupResponseData().setMembers(leaving.stream().map(member -> new LeaveGroupResponseData.MemberResponse()
                    .setMemberId(member.memberId()).setGroupInstanceId(member.groupInstanceId()).setErrorCode(code)).toList());
            }
            reply(tokens, new LeaveGroupResponse(response, (short) version).data(), version);
        });
        if (random.nextInt(3) > 0) {
            actor.memberId = "";
            actor.generation = -1;
        }
    }

    private void commit(Actor actor) {
        int version = 2 + random.nextInt(8);
        boolean outside = random.nextInt(4) == 0;
        OffsetCommitRequestData request = new OffsetCommitRequestData()
            .setGroupId(random.nextInt(6) == 0 ? "simple" : actor.group)
            .setMemberId(outside ? "" : actor.memberId)
            .setGroupInstanceId(version >= 7 && !outside ? actor.instanceId : null)
            .setGenerationIdOrMemberEpoch(outside ? -1 : generation(actor));
        if (version <= 4 && random.nextInt(3) == 0) {
            request.setRetentionTimeMs(60_000);
        }
        for (int t = 0; t < 2; t++) {
            OffsetCommitRequestData.OffsetCommitRequestTopic topic = new OffsetCommitRequestData.OffsetCommitRequestTopic().setName("t" + t);
            for (int p = 0; p <= random.nextInt(2); p++) {
                topic.partitions().add(new OffsetCommitRequestData.OffsetCommitRequestPartition()
                    .setPartitionIndex(p)
                    .setCommittedOffset(random.nextInt(1000))
                    .setCommittedLeaderEpoch(version >= 6 ? random.nextInt(5) - 1 : -1)
                    .setCommittedMetadata(p == 0 ? null : "x".repeat(random.nextInt(10) == 0 ? 4097 : random.nextInt(3))));
            }
            request.topics().add(topic);
        }
        request("commit", version, actor, request, () -> {
            OffsetCommitResponseData response;
            try {
                response = perform(shard.commitOffset(context(version, actor), request));
            } catch (RuntimeException e) {
                response = OffsetCommitRequest.getErrorResponse(request, Errors.forException(e));
            }
            reply(tokens, response, version);
        });
    }

    private void fetch(Actor actor) {
        OffsetFetchRequestData.OffsetFetchRequestGroup group = new OffsetFetchRequestData.OffsetFetchRequestGroup().setGroupId(actor.group);
        group.setTopics(List.of(
            new OffsetFetchRequestData.OffsetFetchRequestTopics().setName("t1").setPartitionIndexes(List.of(0, 1)),
            new OffsetFetchRequestData.OffsetFetchRequestTopics().setName("t0").setPartitionIndexes(List.of(1, 0, 7))));
        OffsetFetchRequestData request = new OffsetFetchRequestData().setGroups(List.of(group));
        request("fetch", 9, actor, request, () ->
            reply(tokens, new OffsetFetchResponseData().setGroups(List.of(shard.fetchOffsets(group, Long.MAX_VALUE))), 9));
    }

    private void describe(Actor actor) {
        int version = random.nextInt(7);
        DescribeGroupsRequestData request = new DescribeGroupsRequestData().setGroups(List.of(GROUPS[0], "missing"));
        request("describe", version, actor, request, () -> reply(tokens, new DescribeGroupsResponseData().setGroups(
            shard.describeGroups(context(version, actor), request.groups(), Long.MAX_VALUE)), version));
    }

    private void list(Actor actor) {
        int version = 5;
        ListGroupsRequestData request = new ListGroupsRequestData();
        if (random.nextInt(2) == 0) {
            request.setStatesFilter(List.of("stable", " Empty "));
        }
        if (random.nextInt(3) == 0) {
            request.setTypesFilter(List.of(random.nextInt(2) == 0 ? "Classic" : "consumer"));
        }
        request("list", version, actor, request, () -> reply(tokens, new ListGroupsResponseData().setGroups(
            shard.listGroups(request.statesFilter(), request.typesFilter(), Long.MAX_VALUE)), version));
    }

    private void delete(Actor actor) {
        DeleteGroupsRequestData request = new DeleteGroupsRequestData().setGroupsNames(List.of(GROUPS[random.nextInt(2)]));
        request("delete", 2, actor, request, () -> reply(tokens, new DeleteGroupsResponseData().setResults(
            perform(shard.deleteGroups(context(2, actor), request.groupsNames()))), 2));
    }

    private void advance(int ms) {
        begin();
        clock.now += ms;
        while (timers.runOne()) {
            continue;
        }
        end("\"advance\"," + ms);
    }

    private void step() {
        Actor actor = actors.get(random.nextInt(actors.size()));
        int choice = random.nextInt(100);
        if (choice < 22) {
            int[] spans = {0, 1, 700, 3000, 6500, 9000};
            advance(spans[random.nextInt(spans.length)] + random.nextInt(40));
        } else if (choice < 23) {
            advance(random.nextBoolean() ? 21_000 : 400_000);
        } else if (choice < 24) {
            begin();
            perform(shard.cleanupGroupMetadata());
            end("\"expire\",0");
        } else if (choice < 25) {
            begin();
            start();
            actors.forEach(other -> other.waits = false);
            end("\"restart\",0");
        } else if (choice < 26) {
            begin();
            perform(shard.onTopicsDeleted(List.of(new GroupCoordinatorShard.DeletedTopic(Uuid.ZERO_UUID, "t1"))));
            end("\"topic\",\"t1\"");
        } else if (choice < 29) {
            leave(actor);
        } else if (choice < 30) {
            delete(actor);
        } else if (choice < 32) {
            describe(actor);
        } else if (choice < 34) {
            list(actor);
        } else if (choice < 36) {
            fetch(actor);
        } else if (choice < 44) {
            commit(actor);
        } else if (choice < 52) {
            heartbeat(actor);
        } else if (actor.waits ? choice > 97 : actor.generation < 0 || actor.memberId.isEmpty() || choice < 58) {
            if (choice > 97 && actor.instanceId != null) {
                actor.memberId = "";
            }
            join(actor);
        } else if (!actor.waits && !actor.synced) {
            sync(actor);
        } else {
            heartbeat(actor);
        }
    }

    public static void main(String[] args) {
        System.setProperty("log4j2.level", "OFF");
        Security.insertProviderAt(new KnownProvider(), 1);
        long first = Long.parseLong(args[0]);
        for (long seed = first; seed < first + Integer.parseInt(args[1]); seed++) {
            GroupOracle oracle = new GroupOracle(seed);
            for (int i = Integer.parseInt(args[2]); i > 0; i--) {
                oracle.step();
            }
        }
    }
}
