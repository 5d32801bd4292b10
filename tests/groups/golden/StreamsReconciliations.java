import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.*;
import org.apache.kafka.coordinator.group.streams.*;

/**
 * Lets Apache Kafka reconcile random members of streams groups with their targets.
 *
 * Each line is one JSON array: the member [state, epoch, assigned, pending], the target's epoch, the target, the
 * processes of active, standby and warm-up tasks, what the member reports to own or null, and what it becomes [state,
 * epoch, previous epoch, assigned, pending], or null if it is fenced. The member's process is "p". Assigned and pending
 * tasks are [active {subtopology: {partition: epoch}}, standby {subtopology: [partitions]}, warm-up], others
 * {subtopology: [partitions]} in each role, and processes {subtopology: {partition: process or [processes]}}. The
 * arguments are a seed and the number of cases. To make the file again, with all jars of a broker on the class path:
 * java -cp CLASSPATH StreamsReconciliations.java 1 1500 | gzip -9n > streams_reconciliations.jsonl.gz
 */
public class StreamsReconciliations {
    private static final Random RANDOM = new Random();
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int TARGET_EPOCH = 9;

    private static final class Roles {
        final Map<String, Map<Integer, Integer>> active = new TreeMap<>();
        final Map<String, Set<Integer>> standby = new TreeMap<>();
        final Map<String, Set<Integer>> warmup = new TreeMap<>();

        void add(int role, String subtopology, int partition, int epoch) {
            if (role == 1) {
                active.computeIfAbsent(subtopology, name -> new TreeMap<>()).put(partition, epoch);
            } else if (role > 1) {
                (role == 2 ? standby : warmup).computeIfAbsent(subtopology, name -> new TreeSet<>()).add(partition);
            }
        }

        TasksTupleWithEpochs withEpochs() {
            return new TasksTupleWithEpochs(active, standby, warmup);
        }

        TasksTuple plain() {
            Map<String, Set<Integer>> plain = new TreeMap<>();
            active.forEach((name, epochs) -> plain.put(name, epochs.keySet()));
            return new TasksTuple(plain, standby, warmup);
        }
    }

    private static boolean oneIn(int cases) {
        return RANDOM.nextInt(cases) == 0;
    }

    private static int role() {
        return oneIn(2) ? 0 : oneIn(5) ? 3 : 1 + RANDOM.nextInt(2);
    }

    private static Object json(TasksTupleWithEpochs tasks) {
        return List.of(tasks.activeTasksWithEpochs(), tasks.standbyTasks(), tasks.warmupTasks());
    }

    private static Object json(TasksTuple tasks) {
        return tasks == null ? null : List.of(tasks.activeTasks(), tasks.standbyTasks(), tasks.warmupTasks());
    }

    private static void reconcile() throws Exception {
        Roles assigned = new Roles(), pending = new Roles(), target = new Roles(), owned = new Roles();
        Map<String, Map<Integer, String>> active = new TreeMap<>();
        Map<String, Map<Integer, Set<String>>> standby = new TreeMap<>(), warmup = new TreeMap<>();
        MemberState state = oneIn(20) ? MemberState.UNKNOWN : MemberState.values()[RANDOM.nextInt(3)];
        boolean isHonest = !oneIn(3);
        for (String subtopology : List.of("0", "1")) {
            for (int partition = 0; partition < 3; partition++) {
                int has = role();
                int gives = has == 0 && state == MemberState.UNREVOKED_TASKS ? role() : 0;
                assigned.add(has, subtopology, partition, 1 + RANDOM.nextInt(6));
                pending.add(gives, subtopology, partition, 1 + RANDOM.nextInt(6));
                target.add(oneIn(2) ? has : role(), subtopology, partition, 0);
                owned.add(isHonest && !oneIn(3) ? has : oneIn(4) ? gives : oneIn(4) ? role() : 0, subtopology, partition, 0);
                if (has == 1 || gives == 1 || oneIn(4)) {
                    String process = has == 1 || gives == 1 || oneIn(2) ? "p" : "q";
                    active.computeIfAbsent(subtopology, name -> new TreeMap<>()).put(partition, process);
                }
                for (int kind = 2; kind <= 3; kind++) {
                    Set<String> processes = new TreeSet<>();
                    if (has == kind || gives == kind || oneIn(6)) {
                        processes.add("p");
                    }
                    if (oneIn(5)) {
                        processes.add("q");
                    }
                    if (!processes.isEmpty()) {
                        (kind == 2 ? standby : warmup).computeIfAbsent(subtopology, name -> new TreeMap<>())
                            .put(partition, processes);
                    }
                }
            }
        }
        TasksTuple reported = oneIn(4) ? null : owned.plain();
        StreamsGroupMember member = StreamsGroupMember.Builder.withDefaults("m").setProcessId("p").setState(state)
            .setMemberEpoch(oneIn(3) ? TARGET_EPOCH : 7).setPreviousMemberEpoch(6)
            .setAssignedTasks(assigned.withEpochs()).setTasksPendingRevocation(pending.withEpochs()).build();
        Object answer;
        try {
            StreamsGroupMember next = new CurrentAssignmentBuilder(member)
                .withTargetAssignment(TARGET_EPOCH, target.plain())
                .withCurrentActiveTaskProcessId((name, task) -> active.getOrDefault(name, Map.of()).get(task))
                .withCurrentStandbyTaskProcessIds(
                    (name, task) -> standby.getOrDefault(name, Map.of()).getOrDefault(task, Set.of()))
                .withCurrentWarmupTaskProcessIds(
                    (name, task) -> warmup.getOrDefault(name, Map.of()).getOrDefault(task, Set.of()))
                .withOwnedAssignment(reported)
                .build();
            answer = List.of(next.state().value(), next.memberEpoch(), next.previousMemberEpoch(),
                json(next.assignedTasks()), json(next.tasksPendingRevocation()));
        } catch (org.apache.kafka.common.errors.FencedMemberEpochException fenced) {
            answer = null;
        }
        Object before = List.of(state.value(), member.memberEpoch(), json(assigned.withEpochs()), json(pending.withEpochs()));
        System.out.println(JSON.writeValueAsString(Arrays.asList(
            before, TARGET_EPOCH, json(target.plain()), List.of(active, standby, warmup), json(reported), answer)));
    }

    public static void main(String[] arguments) throws Exception {
        RANDOM.setSeed(Long.parseLong(arguments[0]));
        for (int i = 0; i < Integer.parseInt(arguments[1]); i++) {
            reconcile();
        }
    }
}
