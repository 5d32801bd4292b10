package example;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

/** An ordinary consumer, as an application has it, on a thread of its own: it commits each click that it has read. */
final class Reader implements AutoCloseable {
    final String name;
    final List<String> clicks = new CopyOnWriteArrayList<>();
    private final KafkaConsumer<String, String> consumer;
    private final CompletableFuture<Void> running;

    Reader(Kafkalite kafka, String name) {
        this.name = name;
        consumer = consumer(kafka, name);
        running = CompletableFuture.runAsync(this::read);
    }

    static KafkaConsumer<String, String> consumer(Kafkalite kafka, String name) {
        return new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers", kafka.bootstrap,
                "group.id", "billing",
                "group.instance.id", name,
                "client.id", name,
                "auto.offset.reset", "earliest",
                "enable.auto.commit", false,
                "heartbeat.interval.ms", 100),
            new StringDeserializer(),
            new StringDeserializer());
    }

    private void read() {
        try (consumer) {
            consumer.subscribe(List.of("clicks"));
            while (true) {
                for (ConsumerRecord<String, String> click : consumer.poll(Duration.ofSeconds(10))) {
                    clicks.add(click.value());
                }
                consumer.commitSync();
            }
        } catch (WakeupException | FencedInstanceIdException end) {
            // It was stopped or fenced.
        }
    }

    @Override
    public void close() {
        consumer.wakeup();
        running.join();
    }
}
