import java.util.*;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.coordinator.group.api.streams.assignor.*;
import org.apache.kafka.coordinator.group.streams.assignor.*;

/**
 * Computes random histories of streams groups with the task assignor of Apache Kafka's broker.
 *
 * Each line is one JSON array: the number of standby replicas, the subtopologies [[id, tasks, stateful]...], the members
 * in the order in which they were put into Kafka's map [[id, process, active, standby, offsets]...], what Kafka assigns
 * {member: [active, standby]}. Tasks are {subtopology: [partitions]}, offsets {subtopology: {partition: offset}}. The
 * arguments are a seed and the number of histories. To make the file again, with all jars of a broker on the class path:
 * java -cp CLASSPATH StreamsAssignments.java 1 140 | gzip -9n > streams_assignments.jsonl.gz
 */
public class StreamsAssignments {
    private static final List<String> IDS = List.of("0", "1", "2", "10", "a", "\u00e9t\u00e9", "\uffee", "\ud83d\ude80");
    private static final Random RANDOM = new Random();

    private record Subtopology(int tasks, boolean stateful) { }

    private static final class Member {
        final String process;
        Map<String, Set<Integer>> active = new TreeMap<>();
        Map<String, Set<Integer>> standby = new TreeMap<>();
        Map<String, Map<Integer, Long>> offsets = new TreeMap<>();

        Member(String process) {
            this.process = process;
        }
    }

    private static final class Topology implements TopologyDescriber {
        private final List<String> order;
        private final Map<String, Subtopology> subtopologies;

        Topology(Map<String, Subtopology> subtopologies) {
            this.subtopologies = subtopologies;
            order = new ArrayList<>(new TreeSet<>(subtopologies.keySet()));
        }

        @Override public List<String> subtopologies() {
            return order;
        }

        @Override public int maxNumInputPartitions(String id) {
            return subtopologies.get(id).tasks();
        }

        @Override public boolean isStateful(String id) {
            return subtopologies.get(id).stateful();
        }
    }

    private static String text(String plain) {
        return plain.chars().mapToObj(unit -> unit < 128 ? "" + (char) unit : String.format("\\u%04x", unit))
            .collect(Collectors.joining("", "\"", "\""));
    }

    private static <K, V> String json(Map<K, V> map, Function<K, String> key, Function<V, String> value) {
        return map.entrySet().stream().map(entry -> key.apply(entry.getKey()) + ":" + value.apply(entry.getValue()))
            .collect(Collectors.joining(",", "{", "}"));
    }

    private static String tasks(Map<String, Set<Integer>> tasks) {
        return json(tasks, StreamsAssignments::text, held -> new TreeSet<>(held).toString().replace(" ", ""));
    }

    private static String offsets(Map<String, Map<Integer, Long>> offsets) {
        return json(offsets, StreamsAssignments::text, map -> json(map, partition -> "\"" + partition + "\"", String::valueOf));
    }

    private static <T> T any(Collection<T> items) {
        return new ArrayList<>(items).get(RANDOM.nextInt(items.size()));
    }

    private static boolean oneOf(int count) {
        return RANDOM.nextInt(count) == 0;
    }

    private static int size() {
        return 1 + (oneOf(3) ? RANDOM.nextInt(20) : RANDOM.nextInt(6));
    }

    /** The member, back in the same process under another id, knows only what it finds on its disk. */
    private static Member restarted(Member before) {
        Member after = new Member(before.process);
        List.of(before.active, before.standby).forEach(tasks -> tasks.forEach((id, held) -> held.forEach(partition -> {
            if (!oneOf(4)) {
                after.offsets.computeIfAbsent(id, __ -> new TreeMap<>()).put(partition, (long) RANDOM.nextInt(4));
            }
        })));
        return after;
    }

    private static void report(Member member, Topology topology) {
        member.offsets = new TreeMap<>();
        for (int i = RANDOM.nextInt(5); i > 0; i--) {
            String id = any(topology.subtopologies());
            int partition = RANDOM.nextInt(topology.maxNumInputPartitions(id));
            member.offsets.computeIfAbsent(id, __ -> new TreeMap<>()).put(partition, (long) RANDOM.nextInt(4));
        }
    }

    private static void loseSome(Map<String, Set<Integer>> tasks) {
        tasks.values().forEach(held -> held.removeIf(__ -> oneOf(3)));
        tasks.values().removeIf(Set::isEmpty);
    }

    private static void history(int mostMembers) {
        Map<String, Subtopology> subtopologies = new HashMap<>();
        for (int i = 1 + RANDOM.nextInt(3); i > 0; i--) {
            subtopologies.put(any(IDS), new Subtopology(size(), RANDOM.nextBoolean()));
        }
        int standbys = RANDOM.nextInt(3);
        List<String> processes = new ArrayList<>();
        for (int i = 1 + RANDOM.nextInt(oneOf(2) ? mostMembers / 4 : mostMembers); i > 0; i--) {
            processes.add("p" + RANDOM.nextInt(100_000));
        }
        boolean alone = oneOf(3);
        Map<String, Member> members = new LinkedHashMap<>();
        for (int step = 0; step < 6; step++) {
            int change = RANDOM.nextInt(8);
            if (change == 0) {
                subtopologies.computeIfPresent(any(subtopologies.keySet()),
                    (__, old) -> new Subtopology(old.tasks() + 1 + RANDOM.nextInt(3), old.stateful()));
            } else if (change == 1 && subtopologies.size() < 4) {
                subtopologies.put(any(IDS), new Subtopology(size(), RANDOM.nextBoolean()));
            } else if (change == 2 && subtopologies.size() > 1) {
                subtopologies.remove(any(subtopologies.keySet()));
            } else if (change == 3) {
                standbys = RANDOM.nextInt(3);
            } else if (change == 4) {
                for (int i = RANDOM.nextInt(3); i >= 0 && members.size() > 1; i--) {
                    members.remove(any(members.keySet()));
                }
            } else if (change == 5 && !members.isEmpty()) {
                String process = any(members.values()).process;
                for (String id : List.copyOf(members.keySet())) {
                    if (members.get(id).process.equals(process)) {
                        members.put("m" + RANDOM.nextInt(100_000), restarted(members.remove(id)));
                    }
                }
            }
            for (int i = change > 5 || members.isEmpty() ? RANDOM.nextInt(mostMembers / 2) : -1; i >= 0 && members.size() < mostMembers; i--) {
                members.put("m" + RANDOM.nextInt(100_000), new Member(alone ? "p" + RANDOM.nextInt(100_000) : any(processes)));
            }
            Topology topology = new Topology(subtopologies);
            members.values().stream().filter(__ -> oneOf(6)).forEach(member -> report(member, topology));
            print(standbys, topology, members);
        }
    }

    private static void print(int standbys, Topology topology, Map<String, Member> members) {
        Map<String, MemberMetadataAndStateImpl> specs = new HashMap<>();
        StringJoiner given = new StringJoiner(",", "[", "]");
        members.forEach((id, member) -> {
            specs.put(id, new MemberMetadataAndStateImpl(Optional.empty(), Optional.empty(), member.process, Map.of(),
                member.active, member.standby, Map.of(), member.offsets, Map.of()));
            given.add("[" + text(id) + "," + text(member.process) + "," + tasks(member.active) + "," + tasks(member.standby)
                + "," + offsets(member.offsets) + "]");
        });
        GroupAssignment result = new StickyTaskAssignor().assign(
            new GroupSpecImpl(specs, AssignmentConfigsImpl.DEFAULT.withNumStandbyReplicas(standbys)), topology);
        Map<String, MemberAssignment> answers = new TreeMap<>(result.members());
        System.out.println("[" + standbys + ","
            + topology.subtopologies().stream().map(id -> "[" + text(id) + "," + topology.maxNumInputPartitions(id) + ","
                + topology.isStateful(id) + "]").collect(Collectors.joining(",", "[", "]"))
            + "," + given + ","
            + json(answers, StreamsAssignments::text, answer -> "[" + tasks(new TreeMap<>(answer.activeTasks())) + ","
                + tasks(new TreeMap<>(answer.standbyTasks())) + "]") + "]");
        boolean halfDone = oneOf(4);
        boolean twice = oneOf(12);
        members.forEach((id, member) -> {
            Map<String, Set<Integer>> before = member.active;
            member.active = new TreeMap<>();
            answers.get(id).activeTasks().forEach((subtopology, held) -> member.active.put(subtopology, new TreeSet<>(held)));
            member.standby = new TreeMap<>();
            answers.get(id).standbyTasks().forEach((subtopology, held) -> member.standby.put(subtopology, new TreeSet<>(held)));
            if (halfDone) {
                loseSome(member.active);
                loseSome(member.standby);
            }
            if (twice) {
                // What a member has not given up yet may be another's already.
                before.forEach((subtopology, held) -> member.active.computeIfAbsent(subtopology, __ -> new TreeSet<>()).addAll(held));
            }
            if (!oneOf(3)) {
                member.offsets = new TreeMap<>();
            }
        });
    }

    public static void main(String[] args) {
        System.setProperty("log4j2.level", "OFF");
        RANDOM.setSeed(Long.parseLong(args[0]));
        for (int i = Integer.parseInt(args[1]); i > 0; i--) {
            history(i % 8 == 0 ? 40 : 12);
        }
    }
}
