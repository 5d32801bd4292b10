import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.*;
import java.util.function.Supplier;
import java.util.stream.*;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import org.apache.kafka.common.message.StreamsGroupDescribeResponseData;
import org.apache.kafka.common.message.StreamsGroupHeartbeatRequestData;
import org.apache.kafka.common.message.StreamsGroupHeartbeatRequestData.*;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.requests.ApiError;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;
import org.apache.kafka.coordinator.group.GroupCoordinatorService;
import org.apache.kafka.coordinator.group.generated.StreamsGroupMemberMetadataValue;
import org.apache.kafka.coordinator.group.streams.*;
import org.apache.kafka.coordinator.group.streams.topics.*;
import org.slf4j.LoggerFactory;

/**
 * Asks Apache Kafka's classes about random topologies, heartbeats and members of streams groups.
 *
 * Each line is one JSON array. Requests are the bytes of StreamsGroupHeartbeatRequest v0 in hexadecimal digits.
 * ["topology", request, topics {name: partitions}, answer]: the answer is an error [code, message], or a map of
 * "subtopologies" (by id [tasks, sources, repartition sources, repartition sinks, changelogs], or null), topics to
 * "create" in Kafka's order, and the "problem" [status, detail], or null. An internal topic is
 * [name, partitions, replicas, [[config, value]...]].
 * ["description", request, topics, response]: bytes of StreamsGroupDescribeResponse v0 with one group and its topology.
 * ["heartbeat", request, error or null].
 * ["record", kind, values, key, value]: as StreamsCoordinatorRecordHelpers writes it, in hexadecimal digits.
 * The arguments are a seed and the numbers of topologies, heartbeats and members. To make the file again, with all jars
 * of a broker on the class path:
 * java -cp CLASSPATH StreamsTopologies.java 9 300 150 20 | gzip -9n > streams_topologies.jsonl.gz
 */
public class StreamsTopologies {
    private static final Random RANDOM = new Random();
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final GroupCoordinatorRecordSerde SERDE = new GroupCoordinatorRecordSerde();

    private static boolean oneIn(int cases) {
        return RANDOM.nextInt(cases) == 0;
    }

    private static int few(int most) {
        return RANDOM.nextInt(most + 1);
    }

    private static int partitions() {
        return oneIn(3) ? 1 + RANDOM.nextInt(8) : 4;
    }

    private static <T> List<T> some(int most, Supplier<T> made) {
        return IntStream.range(0, few(most)).mapToObj(i -> made.get()).collect(Collectors.toCollection(ArrayList::new));
    }

    private static <T> T any(List<T> of) {
        return of.get(RANDOM.nextInt(of.size()));
    }

    private static String word(String prefix) {
        return prefix + Integer.toString(RANDOM.nextInt(100_000), 36);
    }

    private static void print(Object... line) throws Exception {
        System.out.println(JSON.writeValueAsString(line));
    }

    private static String encoded(Message message) {
        var buffer = MessageUtil.toByteBufferAccessor(message, (short) 0).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private static Object error(Throwable thrown) {
        ApiError error = ApiError.fromThrowable(thrown);
        boolean unexpected = error.error() == Errors.UNKNOWN_SERVER_ERROR;
        return Arrays.asList(error.error().code(), unexpected ? null : error.message());
    }

    private static CoordinatorMetadataImage image(Map<String, Integer> topics) {
        return (CoordinatorMetadataImage) Proxy.newProxyInstance(
            StreamsTopologies.class.getClassLoader(), new Class<?>[] {CoordinatorMetadataImage.class},
            (image, called, arguments) -> {
                String name = (String) arguments[0];
                return topics.containsKey(name) ? Optional.of(metadata(name, topics.get(name))) : Optional.empty();
            });
    }

    private static CoordinatorMetadataImage.TopicMetadata metadata(String name, int partitions) {
        return (CoordinatorMetadataImage.TopicMetadata) Proxy.newProxyInstance(
            StreamsTopologies.class.getClassLoader(), new Class<?>[] {CoordinatorMetadataImage.TopicMetadata.class},
            (topic, called, arguments) -> called.getName().equals("partitionCount") ? (Object) partitions : name);
    }

    private static TopicInfo internal(String name, int partitions) {
        List<KeyValue> configs = new ArrayList<>();
        Stream.of("cleanup.policy", "segment.bytes", "retention.ms", "message.timestamp.type").filter(key -> oneIn(3))
            .forEach(key -> configs.add(new KeyValue().setKey(key).setValue(word(""))));
        if (!configs.isEmpty() && oneIn(150)) {
            configs.add(any(configs));
        }
        return new TopicInfo().setName(name).setPartitions(partitions).setTopicConfigs(configs)
            .setReplicationFactor((short) (oneIn(3) ? few(3) : 0));
    }

    private static List<Short> indexes(List<?> of, int spoil) {
        List<Short> chosen = IntStream.range(0, of.size()).filter(i -> !oneIn(3)).mapToObj(i -> (short) i)
            .collect(Collectors.toCollection(ArrayList::new));
        if (oneIn(spoil)) {
            chosen.add((short) (oneIn(2) ? of.size() : -1));
        }
        return chosen;
    }

    private static Topology topology(Map<String, Integer> topics, boolean many) {
        List<String> external = some(5, () -> word("in-"));
        external.add(word("in-"));
        external.forEach(name -> topics.put(name, partitions()));
        if (oneIn(10)) {
            some(5, () -> any(external)).forEach(topics::remove);
        }
        List<Subtopology> subtopologies = new ArrayList<>();
        for (int i = many ? 14 : few(4); i >= 0; i--) {
            subtopologies.add(new Subtopology().setSubtopologyId(oneIn(3) ? word("s") : "" + i)
                .setSourceTopics(oneIn(3) ? List.of() : some(3, () -> any(external))));
        }
        boolean fixes = oneIn(2);
        boolean joins = oneIn(3);
        for (int i = few(many ? 30 : 6); i > 0; i--) {
            String name = word("app-KSTREAM-") + "-repartition";
            TopicInfo info = internal(name, fixes && oneIn(2) ? partitions() : oneIn(200) ? -1 : 0);
            // A writer behind its readers makes a chain, or a loop.
            int writer = RANDOM.nextInt(Math.max(1, subtopologies.size() - 1));
            int reader = oneIn(60) || writer + 1 >= subtopologies.size() ? writer
                : Math.min(subtopologies.size() - 1, writer + 1 + (joins ? 20 : few(2)));
            subtopologies.get(reader).repartitionSourceTopics().add(info);
            if (oneIn(30)) {
                subtopologies.get(oneIn(20) ? reader : RANDOM.nextInt(subtopologies.size())).repartitionSourceTopics()
                    .add(oneIn(2) ? info.duplicate() : internal(name, fixes ? partitions() : 0));
            }
            if (!oneIn(60)) {
                subtopologies.get(writer).repartitionSinkTopics().add(name);
            }
        }
        for (Subtopology each : subtopologies) {
            if (each.sourceTopics().isEmpty() && each.repartitionSourceTopics().isEmpty() && !oneIn(12)) {
                each.setSourceTopics(List.of(any(external)));
            }
            for (int i = few(3); i > 0; i--) {
                boolean reused = oneIn(12) && !each.repartitionSourceTopics().isEmpty();
                String name = reused ? any(each.repartitionSourceTopics()).name()
                    : oneIn(20) && !each.sourceTopics().isEmpty() ? any(each.sourceTopics()) : word("app-") + "-changelog";
                each.stateChangelogTopics().add(internal(name, oneIn(40) ? partitions() : 0));
            }
            for (int i = oneIn(2) ? 0 : few(2); i > 0; i--) {
                each.copartitionGroups().add(new CopartitionGroup()
                    .setSourceTopics(oneIn(2) ? List.of() : indexes(each.sourceTopics(), 150))
                    .setRepartitionSourceTopics(oneIn(4) ? List.of() : indexes(each.repartitionSourceTopics(), 150)));
            }
        }
        if (oneIn(100)) {
            subtopologies.add(any(subtopologies).duplicate());
        }
        Collections.shuffle(subtopologies, RANDOM);
        return new Topology().setEpoch(oneIn(100) ? -1 : few(5)).setSubtopologies(subtopologies);
    }

    private static Object described(String name, int partitions, short replicas, Stream<List<String>> configs) {
        return List.of(name, partitions, replicas, configs.toList());
    }

    private static List<Object> described(Map<String, ConfiguredInternalTopic> topics) {
        return new TreeMap<>(topics).values().stream().map(topic -> described(
            topic.name(), topic.numberOfPartitions(), topic.replicationFactor().orElse((short) 0),
            topic.topicConfigs().entrySet().stream().map(config -> List.of(config.getKey(), config.getValue())))).toList();
    }

    private static Object described(CreatableTopic topic) {
        return described(topic.name(), topic.numPartitions(), topic.replicationFactor(),
            topic.configs().stream().map(config -> List.of(config.name(), config.value())));
    }

    private static ConfiguredTopology configured(Topology topology, Map<String, Integer> topics) {
        return InternalTopicManager.configureTopics(LoggerFactory.getLogger("quiet"), "g", "m", 1L,
            StreamsTopology.fromHeartbeatRequest(topology), image(topics), Time.SYSTEM);
    }

    private static Object answer(Topology topology, Map<String, Integer> topics) {
        ConfiguredTopology configured;
        try {
            configured = configured(topology, topics);
        } catch (RuntimeException thrown) {
            return error(thrown);
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("subtopologies", configured.subtopologies().map(subtopologies -> {
            Map<String, Object> listed = new LinkedHashMap<>();
            subtopologies.forEach((id, each) -> listed.put(id, List.of(
                each.numberOfTasks(), new TreeSet<>(each.sourceTopics()), described(each.repartitionSourceTopics()),
                new TreeSet<>(each.repartitionSinkTopics()), described(each.stateChangelogTopics()))));
            return listed;
        }).orElse(null));
        answer.put("create", configured.internalTopicsToBeCreated().values().stream().map(StreamsTopologies::described).toList());
        answer.put("problem", configured.topicConfigurationException()
            .map(problem -> List.of(problem.status().code(), problem.getMessage())).orElse(null));
        return answer;
    }

    private static void askAboutTopology() throws Exception {
        Map<String, Integer> topics = new TreeMap<>();
        Topology topology = topology(topics, oneIn(8));
        int existing = few(2);
        if (existing > 0) {
            try {
                configured(topology, topics).internalTopicsToBeCreated().forEach((name, topic) -> {
                    if (existing == 2 || oneIn(2)) {
                        topics.put(name, topic.numPartitions() + (oneIn(20) ? 1 : 0));
                    }
                });
            } catch (RuntimeException refused) {
                topics.put("other", 1);
            }
        }
        String request = encoded(new StreamsGroupHeartbeatRequestData().setTopology(topology));
        Object answer = answer(topology, topics);
        print("topology", request, topics, answer);
        boolean ready = answer instanceof Map<?, ?> configured && configured.get("problem") == null;
        if (answer instanceof Map && oneIn(ready ? 3 : 16)) {
            StreamsTopology sent = StreamsTopology.fromHeartbeatRequest(topology);
            print("description", request, topics, encoded(new StreamsGroupDescribeResponseData().setGroups(List.of(
                new StreamsGroupDescribeResponseData.DescribedGroup().setTopology(ready
                    ? configured(topology, topics).asStreamsGroupDescribeTopology()
                    : sent.asStreamsGroupDescribeTopology())))));
        }
    }

    private static List<TaskIds> sentTasks() {
        return oneIn(3) ? null : some(1, () -> new TaskIds().setSubtopologyId("0").setPartitions(List.of(few(3))));
    }

    private static void askAboutHeartbeat() throws Exception {
        StreamsGroupHeartbeatRequestData request = new StreamsGroupHeartbeatRequestData()
            .setGroupId("g").setMemberId("m").setRebalanceTimeoutMs(1000).setMemberEpoch(any(List.of(0, 0, 0, 3, -1, -2, -3)));
        if (request.memberEpoch() == 0) {
            request.setTopology(topology(new HashMap<>(), false));
            request.topology().subtopologies().forEach(each -> each.stateChangelogTopics().stream()
                .filter(topic -> !oneIn(20)).forEach(topic -> topic.setPartitions(0)));
            request.setActiveTasks(List.of()).setStandbyTasks(List.of()).setWarmupTasks(List.of());
        }
        List<Runnable> changes = List.of(
            () -> request.setGroupId(any(List.of("", " ", "\t\n"))), () -> request.setMemberId(any(List.of("", "  "))),
            () -> request.setInstanceId(any(List.of("", "\u0001 ", "i", "\u00a0"))), () -> request.setRackId(any(List.of("", "r"))),
            () -> request.setRebalanceTimeoutMs(-1), () -> request.setMemberEpoch(-few(5)),
            () -> request.setActiveTasks(sentTasks()), () -> request.setStandbyTasks(sentTasks()),
            () -> request.setWarmupTasks(sentTasks()), () -> request.setTopology(null),
            () -> request.setTopology(topology(new HashMap<>(), false)),
            () -> request.setTopology(new Topology().setSubtopologies(List.of(
                new Subtopology().setSubtopologyId("0").setSourceTopicRegex(List.of("a.*"))))));
        for (int i = few(3); i > 0; i--) {
            any(changes).run();
        }
        Object refused = null;
        for (String check : List.of("IsUsingUnsupportedFeatures", "IsInvalid")) {
            Method method = GroupCoordinatorService.class.getDeclaredMethod(
                "throwIfStreamsGroupHeartbeatRequest" + check, StreamsGroupHeartbeatRequestData.class);
            method.setAccessible(true);
            try {
                if (refused == null) method.invoke(null, request);
            } catch (InvocationTargetException thrown) {
                refused = error(thrown.getCause());
            }
        }
        print("heartbeat", encoded(request), refused);
    }

    private static Map<String, Set<Integer>> tasks() {
        Map<String, Set<Integer>> made = new HashMap<>();
        some(3, () -> word("s")).forEach(id -> made.put(id, new HashSet<>(some(4, () -> RANDOM.nextInt(50)))));
        return made;
    }

    private static Map<String, Map<Integer, Integer>> epochs() {
        Map<String, Map<Integer, Integer>> made = new HashMap<>();
        tasks().forEach((id, partitions) -> made.put(
            id, partitions.stream().collect(Collectors.toMap(partition -> partition, partition -> few(9)))));
        return made;
    }

    private static List<Object> listed(TasksTupleWithEpochs tasks) {
        return List.of(tasks.activeTasksWithEpochs(), tasks.standbyTasks(), tasks.warmupTasks());
    }

    private static void printRecord(String kind, Object values, CoordinatorRecord record) throws Exception {
        HexFormat hex = HexFormat.of();
        print("record", kind, values, hex.formatHex(SERDE.serializeKey(record)), hex.formatHex(SERDE.serializeValue(record)));
    }

    private static void askAboutMember() throws Exception {
        Map<String, String> configs = new TreeMap<>();
        some(2, () -> word("config.")).forEach(key -> configs.put(key, word("")));
        List<Integer> epochs = List.of(few(99), few(9) - 1, few(9) - 1, few(9) - 1);
        long hash = RANDOM.nextLong();
        printRecord("epoch", List.of(epochs.get(0), "" + hash, epochs.get(1), configs, epochs.get(2), epochs.get(3)),
            StreamsCoordinatorRecordHelpers.newStreamsGroupMetadataRecord(
                "g", epochs.get(0), hash, epochs.get(1), configs, epochs.get(2), epochs.get(3)));
        Map<String, String> tags = new HashMap<>();
        some(4, () -> word("tag-")).forEach(key -> tags.put(key, word("")));
        StreamsGroupMemberMetadataValue.Endpoint endpoint = oneIn(2) ? null
            : new StreamsGroupMemberMetadataValue.Endpoint().setHost(word("host")).setPort(RANDOM.nextInt(65536));
        StreamsGroupMember member = StreamsGroupMember.Builder.withDefaults("m").setInstanceId(oneIn(2) ? null : word("i"))
            .setRackId(oneIn(2) ? null : word("r")).setClientId(word("c")).setClientHost("/127.0.0.1")
            .setRebalanceTimeoutMs(few(60000)).setTopologyEpoch(few(9)).setProcessId(word("p")).setUserEndpoint(endpoint)
            .setClientTags(tags).setMemberEpoch(few(99)).setPreviousMemberEpoch(few(99) - 1)
            .setState(any(List.of(MemberState.STABLE, MemberState.UNREVOKED_TASKS, MemberState.UNRELEASED_TASKS)))
            .setAssignedTasks(new TasksTupleWithEpochs(epochs(), tasks(), tasks()))
            .setTasksPendingRevocation(new TasksTupleWithEpochs(epochs(), tasks(), tasks())).build();
        printRecord("member", Arrays.asList(member.instanceId().orElse(null), member.rackId().orElse(null), member.clientId(),
            member.clientHost(), member.rebalanceTimeoutMs(), member.topologyEpoch(), member.processId(),
            endpoint == null ? null : List.of(endpoint.host(), endpoint.port()), tags),
            StreamsCoordinatorRecordHelpers.newStreamsGroupMemberRecord("g", member));
        printRecord("current", List.of(member.memberEpoch(), member.previousMemberEpoch(), member.state().value(),
            listed(member.assignedTasks()), listed(member.tasksPendingRevocation())),
            StreamsCoordinatorRecordHelpers.newStreamsGroupCurrentAssignmentRecord("g", member));
        TasksTuple target = new TasksTuple(tasks(), tasks(), tasks());
        printRecord("target", List.of(target.activeTasks(), target.standbyTasks(), target.warmupTasks()),
            StreamsCoordinatorRecordHelpers.newStreamsGroupTargetAssignmentRecord("g", "m", target));
        long timestamp = oneIn(4) ? 0 : 1_700_000_000_000L + few(1000);
        printRecord("target_epoch", List.of(epochs.get(0), timestamp),
            StreamsCoordinatorRecordHelpers.newStreamsGroupTargetAssignmentMetadataRecord("g", epochs.get(0), timestamp));
        Topology topology = topology(new HashMap<>(), false).setEpoch(few(9));
        Set<String> ids = new HashSet<>();
        topology.subtopologies().removeIf(each -> !ids.add(each.subtopologyId()));
        printRecord("topology", encoded(new StreamsGroupHeartbeatRequestData().setTopology(topology)),
            StreamsCoordinatorRecordHelpers.newStreamsGroupTopologyRecord("g", topology));
    }

    public static void main(String[] args) throws Exception {
        RANDOM.setSeed(Long.parseLong(args[0]));
        for (int i = Integer.parseInt(args[1]); i > 0; i--) askAboutTopology();
        for (int i = Integer.parseInt(args[2]); i > 0; i--) askAboutHeartbeat();
        for (int i = Integer.parseInt(args[3]); i > 0; i--) askAboutMember();
    }
}
