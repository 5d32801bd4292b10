import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Reads a topic with a group of the consumer protocol (KIP-848) and with a share group (KIP-932). */
public class GroupKinds {
    private static final int RECORDS = 30;
    private static final int PARTITIONS = 3;
    private static final Duration POLL = Duration.ofMillis(500);

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        String topic = arguments[1];
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        try (Admin admin = Admin.create(settings)) {
            admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1))).all().get(60, TimeUnit.SECONDS);
            ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, "share");
            AlterConfigOp earliest = new AlterConfigOp(
                new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(group, List.of(earliest))).all().get(60, TimeUnit.SECONDS);
            produce(settings, topic);
            consume(settings, topic);
            share(settings, topic);
            System.out.println("MEMBERS " + admin.describeConsumerGroups(List.of("consumer")).all()
                .get(60, TimeUnit.SECONDS).get("consumer").type());
            System.out.println("SHARES " + admin.describeShareGroups(List.of("share")).all()
                .get(60, TimeUnit.SECONDS).get("share").groupId());
            int partitions = admin.listShareGroupOffsets(Map.of("share", new ListShareGroupOffsetsSpec()))
                .partitionsToOffsetInfo("share").get(60, TimeUnit.SECONDS).size();
            System.out.println("OFFSETS " + partitions);
            admin.alterShareGroupOffsets("share", Map.of(new TopicPartition(topic, 0), 0L)).all()
                .get(60, TimeUnit.SECONDS);
        }
        System.out.println("DONE");
    }

    private static void produce(Map<String, Object> settings, String topic) {
        Map<String, Object> own = new HashMap<>(settings);
        own.put("key.serializer", StringSerializer.class);
        own.put("value.serializer", StringSerializer.class);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(own)) {
            for (int number = 0; number < RECORDS; number++) {
                producer.send(new ProducerRecord<>(topic, number % PARTITIONS, null, "value " + number));
            }
        }
    }

    private static Map<String, Object> reading(Map<String, Object> settings, String group) {
        Map<String, Object> own = new HashMap<>(settings);
        own.put("key.deserializer", StringDeserializer.class);
        own.put("value.deserializer", StringDeserializer.class);
        own.put("group.id", group);
        return own;
    }

    private static void consume(Map<String, Object> settings, String topic) {
        Map<String, Object> own = reading(settings, "consumer");
        own.put("group.protocol", "consumer");
        own.put("auto.offset.reset", "earliest");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(own)) {
            consumer.subscribe(List.of(topic));
            int count = 0;
            for (Instant end = Instant.now().plusSeconds(60); count < RECORDS && Instant.now().isBefore(end); ) {
                count += consumer.poll(POLL).count();
            }
            consumer.commitSync();
            System.out.println("CONSUMED " + count);
        }
    }

    private static void share(Map<String, Object> settings, String topic) {
        Map<String, Object> own = reading(settings, "share");
        own.put("share.acknowledgement.mode", "explicit");
        try (KafkaShareConsumer<String, String> consumer = new KafkaShareConsumer<>(own)) {
            consumer.subscribe(List.of(topic));
            int count = 0;
            for (Instant end = Instant.now().plusSeconds(60); count < RECORDS && Instant.now().isBefore(end); ) {
                for (ConsumerRecord<String, String> record : consumer.poll(POLL)) {
                    boolean isFirst = record.offset() == 0 && record.deliveryCount().orElse((short) 0) == 1;
                    consumer.acknowledge(record, isFirst ? AcknowledgeType.RELEASE : AcknowledgeType.ACCEPT);
                    count += isFirst ? 0 : 1;
                }
                consumer.commitSync();
            }
            System.out.println("SHARED " + count);
        }
    }
}
