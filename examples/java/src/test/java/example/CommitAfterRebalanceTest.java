package example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Who takes too long for a click loses it to another reader, and cannot commit it any more. */
class CommitAfterRebalanceTest {
    @AutoClose
    private final Kafkalite kafka = new Kafkalite();

    @Test
    void aClickWhoseCommitFailsIsReadAgain() {
        kafka.post("/produce", Map.of("topic", "clicks", "values", List.of("one")));
        try (var anna = Reader.consumer(kafka, "anna"); var ben = Reader.consumer(kafka, "ben")) {
            assertEquals(List.of("one"), read(anna));
            kafka.post("/groups/billing/expire", Map.of("member", "anna"));
            assertEquals(List.of("one"), read(ben));

            assertThrows(CommitFailedException.class, anna::commitSync);

            ben.commitSync();
            var group = kafka.post("/await/committed", Map.of("group", "billing", "topic", "clicks"));
            assertEquals(1, group.at("/committed/clicks-0/offset").asLong());
        }
    }

    private static List<String> read(KafkaConsumer<String, String> consumer) {
        consumer.subscribe(List.of("clicks"));
        var clicks = consumer.poll(Duration.ofSeconds(10));
        return clicks.records(clicks.partitions().iterator().next()).stream().map(click -> click.value()).toList();
    }
}
