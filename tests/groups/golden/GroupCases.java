import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.StringJoiner;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.timeline.SnapshotRegistry;
import org.apache.kafka.timeline.TimelineHashMap;

/**
 * Writes what Apache Kafka's own classes compute for random groups, one JSON array a line:
 *
 *   ["assign", {topic: partitions}, {member: [instance id or null, [topics]]}, {member: range}, {member: round robin}]
 *   ["hash", string, String.hashCode, partition of 50 that the coordinators take]
 *   ["order", [keys], [the same keys as a HashMap walks them]]
 *   ["timeline", [keys], the most keys that there were, [the same keys as a TimelineHashMap walks them]]
 *
 * An assignment is written as {topic: [partitions]}. To make the file again, with kafka-clients, kafka-server-common
 * and slf4j-api on the class path: java -cp CLASSPATH GroupCases.java > group_cases.jsonl
 */
public class GroupCases {
    private static final String[] NAMES = {
        "orders", "payments", "Orders", "a", "a.b", "a-b", "z_9", "\u00e9t\u00e9", "\uffee", "\ud83d\ude80", "t10", "t9",
    };
    private static final String[] PROTOCOLS = {
        "range", "roundrobin", "sticky", "cooperative-sticky", "consistent", "connect", "sessioned", "compatible", "stream",
        "v0", "default", "RoundRobinAssigner", "AppAssigner",
    };

    public static void main(String[] args) {
        Random random = new Random(20261123);
        for (int i = 0; i < 150; i++) {
            assign(random);
        }
        for (String name : NAMES) {
            hash(name);
        }
        for (String name : new String[] {"", "console-consumer-4711", "my-group", "polygenelubricants", "\ud83d\ude80-team"}) {
            hash(name);
        }
        for (int i = 0; i < 60; i++) {
            order(random);
        }
        for (int count = 1; count <= 40; count += 3) {
            walk(keys(random, count));
            timeline(random, keys(random, count));
        }
    }

    private static void assign(Random random) {
        Map<String, Integer> partitions = new TreeMap<>();
        int topics = 1 + random.nextInt(4);
        for (int i = 0; i < topics; i++) {
            partitions.put(NAMES[random.nextInt(NAMES.length)], random.nextInt(9));
        }
        List<String> wanted = new ArrayList<>(partitions.keySet());
        if (random.nextInt(5) == 0) {
            wanted.add("missing");
        }
        boolean sameForAll = random.nextInt(3) == 0;
        int share = random.nextInt(3);
        Map<String, Subscription> members = new TreeMap<>();
        int size = 1 + random.nextInt(6);
        for (int i = 0; i < size; i++) {
            List<String> subscribed = new ArrayList<>();
            for (String topic : wanted) {
                if (sameForAll || random.nextInt(3) > 0) {
                    subscribed.add(topic);
                }
            }
            Collections.shuffle(subscribed, random);
            Subscription subscription = new Subscription(subscribed);
            if (random.nextInt(2) < share) {
                subscription.setGroupInstanceId(java.util.Optional.of(NAMES[i] + random.nextInt(100) + "-" + i));
            }
            members.put(NAMES[random.nextInt(NAMES.length)] + "-" + random.nextInt(1000), subscription);
        }
        StringJoiner line = new StringJoiner(",", "[", "]");
        line.add("\"assign\"");
        StringJoiner counts = new StringJoiner(",", "{", "}");
        partitions.forEach((topic, count) -> counts.add(text(topic) + ":" + count));
        line.add(counts.toString());
        StringJoiner subscriptions = new StringJoiner(",", "{", "}");
        members.forEach((member, subscription) -> subscriptions.add(text(member) + ":["
            + subscription.groupInstanceId().map(GroupCases::text).orElse("null") + "," + texts(subscription.topics()) + "]"));
        line.add(subscriptions.toString());
        line.add(assigned(new RangeAssignor().assign(existing(partitions), members)));
        line.add(assigned(new RoundRobinAssignor().assign(existing(partitions), members)));
        System.out.println(line);
    }

    private static Map<String, Integer> existing(Map<String, Integer> partitions) {
        return new HashMap<>(partitions);
    }

    private static String assigned(Map<String, List<TopicPartition>> assignment) {
        StringJoiner all = new StringJoiner(",", "{", "}");
        new TreeMap<>(assignment).forEach((member, partitions) -> {
            Map<String, Set<Integer>> byTopic = new TreeMap<>();
            for (TopicPartition partition : partitions) {
                byTopic.computeIfAbsent(partition.topic(), __ -> new TreeSet<>()).add(partition.partition());
            }
            StringJoiner topics = new StringJoiner(",", "{", "}");
            byTopic.forEach((topic, indexes) -> topics.add(text(topic) + ":" + indexes.toString().replace(" ", "")));
            all.add(text(member) + ":" + topics);
        });
        return all.toString();
    }

    private static void hash(String value) {
        int partition = Utils.abs(value.hashCode()) % 50;
        System.out.println("[\"hash\"," + text(value) + "," + value.hashCode() + "," + partition + "]");
    }

    private static void order(Random random) {
        List<String> keys = new ArrayList<>(List.of(PROTOCOLS));
        Collections.shuffle(keys, random);
        keys = keys.subList(0, 2 + random.nextInt(6));
        walk(keys);
    }

    private static List<String> keys(Random random, int count) {
        Set<String> keys = new LinkedHashSet<>();
        while (keys.size() < count) {
            keys.add(Integer.toString(random.nextInt(1_000_000_000), 36));
        }
        return new ArrayList<>(keys);
    }

    private static void walk(List<String> keys) {
        Map<String, Integer> map = new HashMap<>();
        keys.forEach(key -> map.put(key, 1));
        System.out.println("[\"order\"," + texts(keys) + "," + texts(new ArrayList<>(map.keySet())) + "]");
    }

    /** The coordinators put an entry again whenever it changes, and often remove some. */
    private static void timeline(Random random, List<String> keys) {
        Map<String, Integer> map = new TimelineHashMap<>(new SnapshotRegistry(new LogContext()), 0);
        keys.forEach(key -> map.put(key, 1));
        keys.forEach(key -> map.put(key, 2));
        int most = keys.size();
        for (int i = random.nextInt(most); i > 0; i--) {
            map.remove(keys.remove(random.nextInt(keys.size())));
        }
        System.out.println("[\"timeline\"," + texts(keys) + "," + most + "," + texts(new ArrayList<>(map.keySet())) + "]");
    }

    private static String texts(List<String> values) {
        StringJoiner all = new StringJoiner(",", "[", "]");
        values.forEach(value -> all.add(text(value)));
        return all.toString();
    }

    private static String text(String value) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char unit : value.toCharArray()) {
            quoted.append(unit < 128 ? String.valueOf(unit) : String.format("\\u%04x", (int) unit));
        }
        return quoted.append('"').toString();
    }
}
