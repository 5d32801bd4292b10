import java.util.*;
import java.util.stream.Collectors;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.*;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;

/**
 * Computes random histories of groups with the assignors of Apache Kafka's broker.
 *
 * Each line is one JSON array: assignor, topics in Kafka's order [[id, partitions]...], members in Kafka's order
 * [[id, instance id, topics, assigned so far]...], what Kafka assigns {member: {topic: [partitions]}}. The arguments are
 * a seed and the number of histories. To make the file again, with all jars of a broker on the class path:
 * java -cp CLASSPATH ConsumerAssignments.java 1 150 | gzip -9n > consumer_assignments.jsonl.gz
 */
public class ConsumerAssignments {
    private static final Random RANDOM = new Random();

    private record Member(String instance, Set<Uuid> topics) { }

    private static String hex(Uuid id) {
        return String.format("%016x%016x", id.getMostSignificantBits(), id.getLeastSignificantBits());
    }

    private static String json(Map<Uuid, Set<Integer>> partitions) {
        return partitions.entrySet().stream()
            .filter(entry -> !entry.getValue().isEmpty())
            .map(entry -> "\"" + hex(entry.getKey()) + "\":" + new TreeSet<>(entry.getValue()).toString().replace(" ", ""))
            .collect(Collectors.joining(",", "{", "}"));
    }

    private static Uuid uuid() {
        return new Uuid(RANDOM.nextLong(), RANDOM.nextLong());
    }

    private static Set<Uuid> some(List<Uuid> topics) {
        Set<Uuid> chosen = topics.stream().filter(topic -> RANDOM.nextInt(3) > 0).collect(Collectors.toSet());
        return chosen.isEmpty() ? Set.of(topics.get(0)) : chosen;
    }

    private static void history(ConsumerGroupPartitionAssignor assignor, boolean alike) {
        Map<Uuid, Integer> counts = new HashMap<>();
        for (int i = RANDOM.nextInt(4); i >= 0; i--) {
            counts.put(uuid(), RANDOM.nextInt(12) + 1);
        }
        Map<String, Member> members = new HashMap<>();
        Map<String, Map<Uuid, Set<Integer>>> assigned = new HashMap<>();
        for (int step = 0; step < 8; step++) {
            List<Uuid> topics = new ArrayList<>(counts.keySet());
            int change = RANDOM.nextInt(6);
            if (change == 0) {
                counts.merge(topics.get(RANDOM.nextInt(topics.size())), 1 + RANDOM.nextInt(3), Integer::sum);
            } else if (change == 1 && members.size() > 1) {
                String gone = members.keySet().stream().skip(RANDOM.nextInt(members.size())).findFirst().get();
                members.remove(gone);
                assigned.remove(gone);
            } else if (change == 2 && !alike && !members.isEmpty()) {
                members.replaceAll((id, member) -> RANDOM.nextInt(2) == 0 ? member : new Member(member.instance(), some(topics)));
            }
            for (int i = change > 2 || members.isEmpty() ? RANDOM.nextInt(3) : -1; i >= 0; i--) {
                String instance = RANDOM.nextInt(4) == 0 ? "i" + RANDOM.nextInt(1000) : null;
                members.put("m" + RANDOM.nextInt(100_000), new Member(instance, alike ? new HashSet<>(topics) : some(topics)));
            }
            if (members.isEmpty()) {
                continue;
            }
            boolean same = members.values().stream().map(Member::topics).distinct().count() == 1;
            Map<String, MemberSubscriptionAndAssignmentImpl> specs = new HashMap<>();
            Map<Uuid, Map<Integer, String>> owners = new HashMap<>();
            members.forEach((id, member) -> {
                Map<Uuid, Set<Integer>> before = assigned.getOrDefault(id, Map.of());
                before.forEach((topic, partitions) -> partitions.forEach(partition ->
                    owners.computeIfAbsent(topic, __ -> new HashMap<>()).put(partition, id)));
                specs.put(id, new MemberSubscriptionAndAssignmentImpl(
                    Optional.empty(), Optional.ofNullable(member.instance()), member.topics(),
                    new Assignment(Collections.unmodifiableMap(new HashMap<>(before)))));
            });
            GroupSpec spec = new GroupSpecImpl(
                specs, same ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS, owners);
            StringJoiner given = new StringJoiner(",", "[", "]");
            for (String id : spec.memberIds()) {
                Member member = members.get(id);
                given.add("[\"" + id + "\"," + (member.instance() == null ? "null" : "\"" + member.instance() + "\"") + ","
                    + member.topics().stream().map(topic -> "\"" + hex(topic) + "\"").collect(Collectors.joining(",", "[", "]")) + ","
                    + json(specs.get(id).partitions()) + "]");
            }
            Set<Uuid> order = new HashSet<>(members.get(spec.memberIds().iterator().next()).topics());
            order.addAll(counts.keySet());
            List<Uuid> ordered = new ArrayList<>(new HashSet<>(members.get(spec.memberIds().iterator().next()).topics()));
            counts.keySet().stream().filter(topic -> !ordered.contains(topic)).forEach(ordered::add);
            GroupAssignment result = assignor.assign(spec, new SubscribedTopicDescriber() {
                @Override public int numPartitions(Uuid topic) {
                    return counts.getOrDefault(topic, -1);
                }

                @Override public Set<String> racksForPartition(Uuid topic, int partition) {
                    return Set.of();
                }
            });
            Map<String, String> answers = new TreeMap<>();
            members.keySet().forEach(id -> {
                Map<Uuid, Set<Integer>> partitions = result.members().containsKey(id) ? result.members().get(id).partitions() : Map.of();
                Map<Uuid, Set<Integer>> plain = new HashMap<>();
                partitions.forEach((topic, held) -> plain.put(topic, new TreeSet<>(held)));
                assigned.put(id, plain);
                answers.put(id, json(plain));
            });
            System.out.println("[\"" + assignor.name() + "\","
                + ordered.stream().map(topic -> "[\"" + hex(topic) + "\"," + counts.get(topic) + "]").collect(Collectors.joining(",", "[", "]"))
                + "," + given + ","
                + answers.entrySet().stream().map(e -> "\"" + e.getKey() + "\":" + e.getValue()).collect(Collectors.joining(",", "{", "}")) + "]");
        }
    }

    public static void main(String[] args) {
        System.setProperty("log4j2.level", "OFF");
        RANDOM.setSeed(Long.parseLong(args[0]));
        for (int i = Integer.parseInt(args[1]); i > 0; i--) {
            history(i % 3 == 0 ? new RangeAssignor() : new UniformAssignor(), RANDOM.nextBoolean());
        }
    }
}
