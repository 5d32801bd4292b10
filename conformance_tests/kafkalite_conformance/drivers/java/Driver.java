import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Drives Apache Kafka's own Java client with the suite's vocabulary: JSON commands in, JSON events out. */
public final class Driver {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final Duration POLL = Duration.ofMillis(50);

    private final String bootstrap;
    private final LinkedBlockingQueue<JsonNode> consumerCommands = new LinkedBlockingQueue<>();
    private KafkaConsumer<byte[], byte[]> consumer;
    private Admin admin;

    private Driver(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] arguments) throws Exception {
        Driver driver = new Driver(arguments[0]);
        if (arguments.length > 1) {
            driver.loadClasses();
            System.exit(0);
        }
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        say(event("ready"));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            JsonNode command = JSON.readTree(line);
            switch (command.get("op").asText()) {
                case "exit" -> Runtime.getRuntime().halt(0);
                case "subscribe", "assign", "commit", "seek", "pause", "resume", "leave" -> driver.toConsumer(command);
                default -> new Thread(() -> driver.answer(command)).start();
            }
        }
        // The end of the commands means that the suite is gone: no clean close, as in a crash.
        Runtime.getRuntime().halt(0);
    }

    /** Touches the three clients, so that a class-data archive made at exit holds what a real run loads. */
    private void loadClasses() throws Exception {
        JsonNode command = JSON.readTree("{\"op\":\"subscribe\",\"id\":1,\"group\":\"g\",\"topics\":[\"t\"],"
            + "\"session_timeout_ms\":6000,\"assignor\":\"range\"}");
        toConsumer(command);
        producer(command).close(Duration.ZERO);
        admin().close(Duration.ZERO);
        Thread.sleep(300);
    }

    private static ObjectNode event(String kind) {
        return JSON.createObjectNode().put("event", kind);
    }

    private static synchronized void say(ObjectNode event) {
        OUT.println(event);
    }

    private static void fail(JsonNode command, Throwable problem) {
        Throwable cause = problem instanceof ExecutionException ? problem.getCause() : problem;
        say(event("failed").put("id", command.get("id").asInt()).put("error", errorName(cause)).put("message", cause.toString()));
    }

    private static String errorName(Throwable problem) {
        Errors error = Errors.forException(problem);
        return error == Errors.UNKNOWN_SERVER_ERROR ? problem.getClass().getSimpleName() : error.name();
    }

    private void answer(JsonNode command) {
        ObjectNode done = event("done").put("id", command.get("id").asInt());
        try {
            switch (command.get("op").asText()) {
                case "produce" -> produce(command);
                case "transaction" -> transaction(command);
                default -> administer(command, done);
            }
            say(done);
        } catch (Exception problem) {
            fail(command, problem);
        }
    }

    // ---------------------------------------------------------------- producing

    private KafkaProducer<byte[], byte[]> producer(JsonNode command) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("acks", command.path("acks").asText("all"));
        settings.put("compression.type", command.path("compression").asText("none"));
        settings.put("enable.idempotence", command.path("idempotence").asBoolean(false));
        settings.put("linger.ms", "5");
        settings.put("max.request.size", String.valueOf(64 << 20));
        settings.put("buffer.memory", String.valueOf(96 << 20));
        settings.put("delivery.timeout.ms", command.path("timeout_ms").asText("30000"));
        settings.put("request.timeout.ms", "10000");
        if (command.hasNonNull("transactional_id")) {
            settings.put("enable.idempotence", true);
            settings.put("transactional.id", command.get("transactional_id").asText());
        }
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private void produce(JsonNode command) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(command)) {
            send(producer, command).await();
        }
    }

    private void transaction(JsonNode command) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(command)) {
            producer.initTransactions();
            producer.beginTransaction();
            send(producer, command).await(30, TimeUnit.SECONDS);
            if (command.hasNonNull("group")) {
                producer.sendOffsetsToTransaction(offsets(command.get("offsets")),
                    new org.apache.kafka.clients.consumer.ConsumerGroupMetadata(command.get("group").asText()));
            }
            switch (command.get("outcome").asText()) {
                case "commit" -> producer.commitTransaction();
                case "abort" -> producer.abortTransaction();
                default -> Thread.sleep(Long.MAX_VALUE); // left open until this process is killed
            }
        }
    }

    private CountDownLatch send(KafkaProducer<byte[], byte[]> producer, JsonNode command) throws Exception {
        int id = command.get("id").asInt();
        String topic = command.get("topic").asText();
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (JsonNode row : command.path("records")) {
            List<Header> headers = new ArrayList<>();
            for (JsonNode header : row.path("headers")) {
                headers.add(new RecordHeader(header.get(0).asText(), bytes(header.get(1))));
            }
            records.add(new ProducerRecord<>(topic, row.hasNonNull("partition") ? row.get("partition").asInt() : null,
                row.hasNonNull("timestamp") ? row.get("timestamp").asLong() : null, bytes(row.get("key")), bytes(row.get("value")), headers));
        }
        for (int i = 0; i < command.path("count").asInt(0); i++) {
            records.add(new ProducerRecord<>(topic, (command.get("prefix").asText() + i).getBytes(StandardCharsets.UTF_8)));
        }
        CountDownLatch left = new CountDownLatch(records.size());
        for (int i = 0; i < records.size(); i++) {
            int index = i;
            Thread.sleep(command.path("interval_ms").asInt(0));
            producer.send(records.get(i), (metadata, problem) -> {
                say(problem == null
                    ? event("ack").put("id", id).put("index", index).put("partition", metadata.partition()).put("offset", metadata.offset())
                    : event("nack").put("id", id).put("index", index).put("error", errorName(problem)).put("message", problem.toString()));
                left.countDown();
            });
        }
        return left;
    }

    private static byte[] bytes(JsonNode node) throws java.io.IOException {
        return node == null || node.isNull() ? null : node.binaryValue();
    }

    // ---------------------------------------------------------------- consuming

    private void toConsumer(JsonNode command) {
        boolean first = consumer == null && (command.get("op").asText().equals("subscribe") || command.get("op").asText().equals("assign"));
        if (!first) {
            consumerCommands.add(command);
            return;
        }
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("auto.offset.reset", command.path("reset").asText("earliest"));
        settings.put("isolation.level", command.path("isolation").asText("read_uncommitted"));
        settings.put("enable.auto.commit", command.path("auto_commit").asBoolean(false));
        settings.put("auto.commit.interval.ms", "200");
        settings.put("metadata.max.age.ms", command.path("metadata_max_age_ms").asText("1000"));
        settings.put("fetch.max.wait.ms", "100");
        if (command.hasNonNull("group")) {
            settings.put("group.id", command.get("group").asText());
        }
        if (command.hasNonNull("instance_id")) {
            settings.put("group.instance.id", command.get("instance_id").asText());
        }
        if (command.path("protocol").asText("classic").equals("consumer")) {
            settings.put("group.protocol", "consumer");
            if (command.hasNonNull("assignor")) {
                settings.put("group.remote.assignor", command.get("assignor").asText());
            }
        } else if (command.hasNonNull("group")) {
            settings.put("session.timeout.ms", command.get("session_timeout_ms").asText());
            settings.put("heartbeat.interval.ms", "300");
            settings.put("partition.assignment.strategy", switch (command.get("assignor").asText()) {
                case "range" -> "org.apache.kafka.clients.consumer.RangeAssignor";
                case "roundrobin" -> "org.apache.kafka.clients.consumer.RoundRobinAssignor";
                case "sticky" -> "org.apache.kafka.clients.consumer.StickyAssignor";
                default -> "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
            });
        }
        consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumerCommands.add(command);
        new Thread(this::consume).start();
    }

    private void consume() {
        boolean positioned = false;
        while (true) {
            try {
                JsonNode command = positioned ? consumerCommands.poll() : consumerCommands.take();
                if (command != null) {
                    try {
                        if (obey(command)) {
                            return;
                        }
                        positioned = true;
                    } catch (Exception problem) {
                        fail(command, problem);
                    }
                    continue;
                }
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    sayRecord(record);
                }
            } catch (Exception problem) {
                say(event("error").put("error", errorName(problem)).put("message", problem.toString()));
            }
        }
    }

    private boolean obey(JsonNode command) {
        ObjectNode done = event("done").put("id", command.get("id").asInt());
        switch (command.get("op").asText()) {
            case "subscribe" -> {
                List<String> topics = new ArrayList<>();
                command.get("topics").forEach(topic -> topics.add(topic.asText()));
                consumer.subscribe(topics, new Listener());
            }
            case "assign" -> {
                consumer.assign(partitions(command.get("partitions")));
                command.get("partitions").forEach(this::position);
            }
            case "commit" -> {
                if (command.hasNonNull("offsets")) {
                    consumer.commitSync(offsets(command.get("offsets")));
                } else {
                    consumer.commitSync();
                }
            }
            case "seek" -> consumer.seek(partition(command), command.get("offset").asLong());
            case "pause" -> consumer.pause(partitions(command.get("partitions")));
            case "resume" -> consumer.resume(partitions(command.get("partitions")));
            default -> consumer.close();
        }
        say(done);
        return command.get("op").asText().equals("leave");
    }

    private void position(JsonNode row) {
        TopicPartition partition = partition(row);
        switch (row.path("start").asText("earliest")) {
            case "earliest" -> consumer.seekToBeginning(List.of(partition));
            case "latest" -> {
                consumer.seekToEnd(List.of(partition));
                consumer.position(partition);
            }
            case "timestamp" -> {
                var found = consumer.offsetsForTimes(Map.of(partition, row.get("at").asLong())).get(partition);
                if (found == null) {
                    consumer.seekToEnd(List.of(partition));
                } else {
                    consumer.seek(partition, found.offset());
                }
            }
            default -> consumer.seek(partition, row.get("at").asLong());
        }
    }

    private static void sayRecord(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode row = event("record").put("topic", record.topic()).put("partition", record.partition())
            .put("offset", record.offset()).put("timestamp", record.timestamp()).put("key", record.key()).put("value", record.value());
        ArrayNode headers = row.putArray("headers");
        record.headers().forEach(header -> headers.addArray().add(header.key()).add(header.value()));
        say(row);
    }

    private static TopicPartition partition(JsonNode row) {
        return new TopicPartition(row.get("topic").asText(), row.get("partition").asInt());
    }

    private static List<TopicPartition> partitions(JsonNode rows) {
        List<TopicPartition> result = new ArrayList<>();
        rows.forEach(row -> result.add(partition(row)));
        return result;
    }

    private static Map<TopicPartition, OffsetAndMetadata> offsets(JsonNode rows) {
        Map<TopicPartition, OffsetAndMetadata> result = new HashMap<>();
        rows.forEach(row -> result.put(partition(row), new OffsetAndMetadata(row.get("offset").asLong())));
        return result;
    }

    private static ArrayNode rows(Collection<TopicPartition> partitions) {
        ArrayNode result = JSON.createArrayNode();
        partitions.forEach(each -> result.addObject().put("topic", each.topic()).put("partition", each.partition()));
        return result;
    }

    /** Tells every change of ownership with all that is owned afterwards. */
    private static final class Listener implements ConsumerRebalanceListener {
        private final TreeSet<TopicPartition> owned =
            new TreeSet<>(java.util.Comparator.comparing(TopicPartition::topic).thenComparing(TopicPartition::partition));

        private void tell(String kind) {
            ObjectNode change = event(kind);
            change.set("owned", rows(owned));
            say(change);
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            owned.addAll(partitions);
            tell("assigned");
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            owned.removeAll(partitions);
            tell("revoked");
        }
    }

    // ---------------------------------------------------------------- administration

    private synchronized Admin admin() {
        if (admin == null) {
            admin = Admin.create(Map.of("bootstrap.servers", (Object) bootstrap));
        }
        return admin;
    }

    private void administer(JsonNode command, ObjectNode done) throws Exception {
        String name = command.path("name").asText();
        switch (command.get("op").asText()) {
            case "create_topic" -> {
                Map<String, String> configs = new HashMap<>();
                command.path("configs").properties().forEach(entry -> configs.put(entry.getKey(), entry.getValue().asText()));
                admin().createTopics(List.of(new NewTopic(name, command.get("partitions").asInt(), (short) 1).configs(configs)),
                    new CreateTopicsOptions()).all().get();
            }
            case "delete_topic" -> admin().deleteTopics(List.of(name)).all().get();
            case "create_partitions" ->
                admin().createPartitions(Map.of(name, NewPartitions.increaseTo(command.get("total").asInt()))).all().get();
            case "delete_records" -> {
                Map<TopicPartition, RecordsToDelete> upTo = new HashMap<>();
                upTo.put(partition(command), RecordsToDelete.beforeOffset(command.get("offset").asLong()));
                done.put("offset", admin().deleteRecords(upTo).lowWatermarks().get(partition(command)).get().lowWatermark());
            }
            case "list_topics" -> admin().listTopics().names().get().forEach(done.putArray("names")::add);
            case "describe_topic" -> {
                var topic = admin().describeTopics(List.of(name)).allTopicNames().get().get(name);
                done.put("partitions", topic.partitions().size()).put("topic_id", topic.topicId().toString());
            }
            case "describe_configs" -> {
                ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, name);
                ObjectNode configs = done.putObject("configs");
                for (ConfigEntry entry : admin().describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
                    configs.put(entry.name(), entry.value());
                }
            }
            case "alter_configs" -> {
                List<AlterConfigOp> changes = new ArrayList<>();
                command.get("configs").properties().forEach(entry -> changes.add(
                    new AlterConfigOp(new ConfigEntry(entry.getKey(), entry.getValue().asText()), AlterConfigOp.OpType.SET)));
                admin().incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, name), changes)).all().get();
            }
            case "list_offset" -> {
                OffsetSpec at = switch (command.get("start").asText()) {
                    case "earliest" -> OffsetSpec.earliest();
                    case "latest" -> OffsetSpec.latest();
                    default -> OffsetSpec.forTimestamp(command.get("at").asLong());
                };
                done.put("offset", admin().listOffsets(Map.of(partition(command), at)).all().get().get(partition(command)).offset());
            }
            case "describe_group" -> {
                ConsumerGroupDescription group = admin().describeConsumerGroups(List.of(name)).all().get().get(name);
                done.put("state", group.groupState().toString()).put("protocol", group.partitionAssignor());
                ArrayNode members = done.putArray("members");
                group.members().forEach(member -> members.addObject().put("member_id", member.consumerId())
                    .put("instance_id", member.groupInstanceId().orElse(null)).set("owned", rows(member.assignment().topicPartitions())));
            }
            case "list_groups" -> {
                ArrayNode names = done.putArray("names");
                admin().listGroups().all().get().forEach(group -> names.add(group.groupId()));
            }
            case "delete_group" -> admin().deleteConsumerGroups(List.of(name)).all().get();
            case "committed" -> {
                ArrayNode offsets = done.putArray("offsets");
                admin().listConsumerGroupOffsets(name).partitionsToOffsetAndMetadata().get().forEach((partition, offset) ->
                    offsets.addObject().put("topic", partition.topic()).put("partition", partition.partition()).put("offset", offset.offset()));
            }
            case "describe_cluster" -> {
                var cluster = admin().describeCluster();
                done.put("cluster_id", cluster.clusterId().get()).put("controller", cluster.controller().get().id());
                ArrayNode brokers = done.putArray("brokers");
                cluster.nodes().get().forEach(node -> brokers.add(node.host() + ":" + node.port()));
            }
            default -> throw new UnsupportedOperationException(command.get("op").asText());
        }
    }
}
