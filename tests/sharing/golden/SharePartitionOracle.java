package kafka.server.share;

import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.internals.ShareAcquireMode;
import org.apache.kafka.common.TopicIdPartition;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.coordinator.group.ShareGroupAutoOffsetResetStrategy;
import org.apache.kafka.coordinator.group.modern.share.ShareGroupConfigProvider;
import org.apache.kafka.server.partition.PartitionListener;
import org.apache.kafka.server.share.PartitionMetadataProvider;
import org.apache.kafka.server.share.acknowledge.ShareAcknowledgementBatch;
import org.apache.kafka.server.share.dlq.ShareGroupDLQManager;
import org.apache.kafka.server.share.dlq.ShareGroupDLQRecordParameter;
import org.apache.kafka.server.share.fetch.ShareAcquiredRecords;
import org.apache.kafka.server.share.persister.*;
import org.apache.kafka.server.storage.log.FetchIsolation;
import org.apache.kafka.server.storage.log.FetchPartitionData;
import org.apache.kafka.server.util.timer.Timer;
import org.apache.kafka.server.util.timer.TimerTask;
import org.apache.kafka.server.util.timer.TimerTaskEntry;
import org.apache.kafka.storage.internals.log.LogOffsetMetadata;

/**
 * Lets random members of a share group loose on Apache Kafka's own SharePartition, on a clock of its own, and writes
 * down what it does. What it stores is stored at once and never fails; there is no dead letter queue.
 *
 * Each line is one JSON array, of the step, its arguments, what came of it, and the state afterwards:
 *
 *   ["scenario", seed, [delivery limit, most locks, lock ms]]
 *   ["acquire", [member, record limit?, batch size, most records, offset, [[first, last]]], [[first, last, count]], state]
 *   ["acknowledge", [member, [[first, last, [types]]]], error or 0, state]
 *   ["release", [member], error or 0, state], ["advance", [ms], 0, state], ["trim", [offset], 0, state]
 *   ["restart", [start offset, [[first, last, state, count]]], 0, state]
 *
 * A state is [start offset, next offset to fetch, whether records can be acquired, count of finished records, what was
 * written as [start offset, count, [[first, last, state, count]]]].
 *
 * The arguments are the first seed, and the numbers of scenarios and of steps in each. To make the file again, compile
 * this with all jars of a broker on the class path, and run it with them and the directory of the class:
 * java -cp DIRECTORY:JARS kafka.server.share.SharePartitionOracle 1 150 60 | gzip -9n > share_partition.jsonl.gz
 */
public class SharePartitionOracle {
    private static final Uuid TOPIC = new Uuid(1, 2);
    private static final TopicIdPartition PARTITION = new TopicIdPartition(TOPIC, new TopicPartition("t", 0));
    private static final String[] MEMBERS = {"m0", "m1", "m2"};

    private static class Clock implements Time {
        long now = 1_700_000_000_000L;
        @Override public long milliseconds() { return now; }
        @Override public long nanoseconds() { return now * 1_000_000; }
        @Override public long hiResClockMs() { return now; }
        @Override public void sleep(long ms) { now += ms; }
        @Override public void waitObject(Object obj, java.util.function.Supplier<Boolean> condition, long deadlineMs) { throw new UnsupportedOperationException(); }
        @Override public org.apache.kafka.common.utils.Timer timer(long timeoutMs) { throw new UnsupportedOperationException(); }
        @Override public org.apache.kafka.common.utils.Timer timer(java.time.Duration timeout) { throw new UnsupportedOperationException(); }
    }

    private class Timers implements Timer {
        private final PriorityQueue<Map.Entry<Long, TimerTaskEntry>> queue = new PriorityQueue<>(
            Comparator.comparingLong((Map.Entry<Long, TimerTaskEntry> entry) -> entry.getValue().expirationMs).thenComparing(Map.Entry::getKey));
        private long order;
        @Override public void add(TimerTask task) { queue.add(Map.entry(order++, new TimerTaskEntry(task, clock.now + task.delayMs))); }
        @Override public boolean advanceClock(long ms) {
            clock.now += ms;
            while (!queue.isEmpty() && queue.peek().getValue().expirationMs <= clock.now) {
                TimerTaskEntry entry = queue.poll().getValue();
                if (!entry.cancelled()) entry.timerTask.run();
            }
            return true;
        }
        @Override public int size() { return queue.size(); }
        @Override public void close() { }
    }

    /** Keeps the state by offset. */
    private class Store implements Persister {
        long startOffset = PartitionFactory.UNINITIALIZED_START_OFFSET;
        final TreeMap<Long, int[]> states = new TreeMap<>();
        final List<String> written = new ArrayList<>();

        List<PersisterStateBatch> batches() {
            List<PersisterStateBatch> result = new ArrayList<>();
            long first = -1, last = -2;
            int[] previous = null;
            for (Map.Entry<Long, int[]> entry : states.tailMap(Math.max(startOffset, 0)).entrySet()) {
                if (previous != null && entry.getKey() == last + 1 && Arrays.equals(previous, entry.getValue())) {
                    last = entry.getKey();
                    continue;
                }
                if (previous != null) result.add(new PersisterStateBatch(first, last, (byte) previous[0], (short) previous[1]));
                first = last = entry.getKey();
                previous = entry.getValue();
            }
            if (previous != null) result.add(new PersisterStateBatch(first, last, (byte) previous[0], (short) previous[1]));
            return result;
        }

        @Override public CompletableFuture<ReadShareGroupStateResult> readState(ReadShareGroupStateParameters request) {
            return CompletableFuture.completedFuture(new ReadShareGroupStateResult.Builder().setTopicsData(List.of(
                new TopicData<>(PARTITION.topicId(), List.of(PartitionFactory.newPartitionAllData(0, 0, startOffset, (short) 0, "", batches()))))).build());
        }

        @Override public CompletableFuture<WriteShareGroupStateResult> writeState(WriteShareGroupStateParameters request) {
            PartitionStateBatchData data = request.groupTopicPartitionData().topicsData().get(0).partitions().get(0);
            startOffset = data.startOffset();
            for (PersisterStateBatch batch : data.stateBatches())
                for (long offset = batch.firstOffset(); offset <= batch.lastOffset(); offset++)
                    states.put(offset, new int[] {batch.deliveryState(), batch.deliveryCount()});
            states.headMap(startOffset).clear();
            written.add("[" + data.startOffset() + "," + data.deliveryCompleteCount() + "," + text(data.stateBatches()) + "]");
            return CompletableFuture.completedFuture(new WriteShareGroupStateResult.Builder().setTopicsData(List.of(
                new TopicData<>(PARTITION.topicId(), List.of(PartitionFactory.newPartitionErrorData(0, (short) 0, ""))))).build());
        }

        @Override public CompletableFuture<InitializeShareGroupStateResult> initializeState(InitializeShareGroupStateParameters request) { throw new UnsupportedOperationException(); }
        @Override public CompletableFuture<DeleteShareGroupStateResult> deleteState(DeleteShareGroupStateParameters request) { throw new UnsupportedOperationException(); }
        @Override public CompletableFuture<ReadShareGroupStateSummaryResult> readSummary(ReadShareGroupStateSummaryParameters request) { throw new UnsupportedOperationException(); }
        @Override public void stop() { }
    }

    private static class Metadata implements PartitionMetadataProvider {
        @Override public long offsetForEarliestTimestamp(TopicIdPartition partition, int epoch) { return 0; }
        @Override public long offsetForLatestTimestamp(TopicIdPartition partition, int epoch) { return 0; }
        @Override public long offsetForTimestamp(TopicIdPartition partition, long timestamp, int epoch) { return 0; }
        @Override public LogOffsetMetadata endOffsetMetadata(TopicIdPartition partition, FetchIsolation isolation) { throw new UnsupportedOperationException(); }
        @Override public int leaderEpoch(TopicIdPartition partition) { return 0; }
        @Override public boolean addPartitionListener(TopicIdPartition partition, PartitionListener listener) { return true; }
        @Override public void removePartitionListener(TopicIdPartition partition, PartitionListener listener) { }
    }

    private static class NoDeadLetters implements ShareGroupDLQManager {
        @Override public CompletableFuture<Void> enqueue(ShareGroupDLQRecordParameter record) { throw new UnsupportedOperationException(); }
        @Override public void stop() { }
    }

    private class Limits extends ShareGroupConfigProvider {
        Limits() { super(null); }
        @Override public int recordLockDurationMsOrDefault(String group, int other) { return lockMs; }
        @Override public int deliveryCountLimitOrDefault(String group, int other) { return deliveries; }
        @Override public int partitionMaxRecordLocksOrDefault(String group, int other) { return locks; }
        @Override public boolean isRenewAcknowledgeEnabled(String group) { return true; }
        @Override public ShareGroupAutoOffsetResetStrategy autoOffsetReset(String group) { return ShareGroupAutoOffsetResetStrategy.EARLIEST; }
        @Override public Optional<String> errorsDLQTopicName(String group) { return Optional.empty(); }
    }

    private final Random random;
    private final Clock clock = new Clock();
    private final Timers timers = new Timers();
    private final Store store = new Store();
    private final int deliveries, locks, lockMs;
    private final List<long[]> log = new ArrayList<>();
    private long logEnd, logStart;
    private final Map<String, List<long[]>> held = new HashMap<>();
    private SharePartition partition;
    private boolean hasFailed;

    SharePartitionOracle(int seed) {
        random = new Random(seed);
        deliveries = 2 + random.nextInt(5);
        locks = 8 + random.nextInt(40);
        lockMs = 200;
        System.out.println("[\"scenario\"," + seed + ",[" + deliveries + "," + locks + "," + lockMs + "]]");
        start();
    }

    private void start() {
        partition = new SharePartition("g", PARTITION, 0, locks, deliveries, lockMs, timers, clock, store, new Metadata(),
            key -> { }, new Limits(), null, () -> false, new NoDeadLetters());
        partition.maybeInitialize().join();
    }

    private static String text(List<PersisterStateBatch> batches) {
        return batches.stream().map(batch -> "[" + batch.firstOffset() + "," + batch.lastOffset() + "," + batch.deliveryState() + "," + batch.deliveryCount() + "]")
            .collect(Collectors.joining(",", "[", "]"));
    }

    private static String ranges(List<long[]> ranges) {
        return ranges.stream().map(Arrays::toString).collect(Collectors.joining(",", "[", "]"));
    }

    private void say(String step, String arguments, String result) {
        long next = partition.nextFetchOffset();
        String state = "[" + partition.startOffset() + "," + next + "," + partition.canAcquireRecords() + ","
            + partition.deliveryCompleteCount() + ",[" + String.join(",", store.written) + "]]";
        store.written.clear();
        System.out.println("[\"" + step + "\"," + arguments.replace(" ", "") + "," + result.replace(" ", "") + "," + state + "]");
    }

    private void acquire() {
        String member = MEMBERS[random.nextInt(MEMBERS.length)];
        boolean limited = random.nextInt(3) == 0;
        int batchSize = 1 + random.nextInt(12), most = 1 + random.nextInt(20);
        if (!partition.canAcquireRecords()) return;
        long offset = partition.nextFetchOffset();
        if (offset < logStart) {
            trim();
            return;
        }
        while (logEnd <= offset + 3) {
            long size = 1 + random.nextInt(8);
            log.add(new long[] {logEnd, logEnd + size - 1});
            logEnd += size;
        }
        List<long[]> read = new ArrayList<>();
        int count = 1 + random.nextInt(4);
        for (long[] batch : log) if (batch[1] >= offset && read.size() < count) read.add(batch);
        if (read.isEmpty()) return;
        List<ByteBuffer> buffers = new ArrayList<>();
        for (long[] batch : read) {
            SimpleRecord[] records = new SimpleRecord[(int) (batch[1] - batch[0] + 1)];
            Arrays.fill(records, new SimpleRecord("v".getBytes()));
            buffers.add(MemoryRecords.withRecords(batch[0], Compression.NONE, records).buffer());
        }
        ByteBuffer all = ByteBuffer.allocate(buffers.stream().mapToInt(ByteBuffer::remaining).sum());
        buffers.forEach(all::put);
        all.flip();
        FetchPartitionData data = new FetchPartitionData(Errors.NONE, logEnd, logStart, MemoryRecords.readableRecords(all),
            Optional.empty(), OptionalLong.empty(), Optional.empty(), OptionalInt.empty(), false);
        ShareAcquiredRecords acquired;
        try {
            acquired = partition.acquire(member, limited ? ShareAcquireMode.RECORD_LIMIT : ShareAcquireMode.BATCH_OPTIMIZED,
                batchSize, most, offset, data, FetchIsolation.HIGH_WATERMARK);
        } catch (IllegalArgumentException exception) {
            hasFailed = true; // Kafka's own: nothing is left of what was read
            return;
        }
        List<long[]> ranges = acquired.acquiredRecords().stream()
            .map(each -> new long[] {each.firstOffset(), each.lastOffset(), each.deliveryCount()}).collect(Collectors.toList());
        held.computeIfAbsent(member, key -> new ArrayList<>()).addAll(ranges);
        say("acquire", "[\"" + member + "\"," + limited + "," + batchSize + "," + most + "," + offset + "," + ranges(read) + "]", ranges(ranges));
    }

    private void acknowledge() {
        String member = MEMBERS[random.nextInt(MEMBERS.length)];
        List<long[]> mine = held.getOrDefault(random.nextInt(8) == 0 ? MEMBERS[random.nextInt(MEMBERS.length)] : member, List.of());
        List<ShareAcknowledgementBatch> batches = new ArrayList<>();
        List<long[]> picked = new ArrayList<>();
        for (long[] range : mine) if (random.nextInt(2) == 0) picked.add(range);
        picked.sort(Comparator.comparingLong(range -> range[0]));
        long after = -1;
        for (long[] range : picked) {
            long first = range[0], last = range[1];
            int kind = random.nextInt(12);
            if (kind < 3) last = first + random.nextInt((int) (last - first + 1));
            else if (kind < 6) first = last - random.nextInt((int) (last - first + 1));
            else if (kind == 6) last += random.nextInt(4);
            if (first <= after) continue;
            after = last;
            List<Byte> types = new ArrayList<>();
            if (random.nextInt(3) == 0) for (long offset = first; offset <= last; offset++) types.add(type());
            else types.add(type());
            batches.add(new ShareAcknowledgementBatch(first, last, types));
            if (random.nextInt(3) > 0) mine.remove(range);
        }
        if (batches.isEmpty()) {
            if (random.nextInt(6) > 0) return;
            long first = random.nextInt((int) logEnd + 4);
            batches.add(new ShareAcknowledgementBatch(first, first + random.nextInt(6), List.of(type())));
        }
        String arguments = batches.stream().map(batch -> "[" + batch.firstOffset() + "," + batch.lastOffset() + "," + batch.acknowledgeTypes() + "]")
            .collect(Collectors.joining(",", "[\"" + member + "\",[", "]]"));
        CompletableFuture<Void> future;
        try {
            future = partition.acknowledge(member, batches);
        } catch (NullPointerException exception) {
            hasFailed = true; // Kafka's own: the start offset lies in a gap within the range, and a transition is never ended
            return;
        }
        say("acknowledge", arguments, error(future));
    }

    private byte type() {
        int kind = random.nextInt(10);
        return (byte) (kind < 4 ? 1 : kind < 7 ? 2 : kind == 7 ? 3 : kind == 8 ? 0 : 4);
    }

    private static String error(CompletableFuture<Void> future) {
        try {
            future.join();
            return "0";
        } catch (CompletionException exception) {
            return String.valueOf(Errors.forException(exception.getCause()).code());
        }
    }

    private void trim() {
        while (!log.isEmpty() && log.get(0)[1] < logStart) log.remove(0);
        if (logStart > partition.startOffset()) {
            partition.updateCacheAndOffsets(logStart);
            say("trim", "[" + logStart + "]", "0");
        }
    }

    void step() {
        int kind = random.nextInt(40);
        if (kind < 16) acquire();
        else if (kind < 29) acknowledge();
        else if (kind < 32) {
            String member = MEMBERS[random.nextInt(MEMBERS.length)];
            held.remove(member);
            say("release", "[\"" + member + "\"]", error(partition.releaseAcquiredRecords(member)));
        } else if (kind < 36) {
            int ms = random.nextInt(150);
            timers.advanceClock(ms);
            say("advance", "[" + ms + "]", "0");
        } else if (kind == 36 && logEnd > logStart) {
            logStart += random.nextInt(6);
            logStart = Math.min(logStart, logEnd);
        } else if (kind == 37 && log.size() > 3) {
            log.remove(random.nextInt(log.size() - 1));
        } else if (kind == 38) {
            timers.queue.clear();
            held.clear();
            start();
            say("restart", "[" + store.startOffset + "," + text(store.batches()) + "]", "0");
        }
    }

    public static void main(String[] arguments) {
        int first = Integer.parseInt(arguments[0]), scenarios = Integer.parseInt(arguments[1]), steps = Integer.parseInt(arguments[2]);
        for (int seed = first; seed < first + scenarios; seed++) {
            SharePartitionOracle oracle = new SharePartitionOracle(seed);
            for (int step = 0; step < steps && !oracle.hasFailed; step++) oracle.step();
        }
        System.exit(0);
    }
}
