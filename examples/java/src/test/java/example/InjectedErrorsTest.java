package example;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A producer survives what brokers do in a bad hour, and what it was told is delivered is there just once. */
class InjectedErrorsTest {
    @AutoClose
    private final Kafkalite kafka = new Kafkalite();
    private KafkaProducer<String, String> producer;

    @BeforeEach
    void aProducerThatHasSentAClick() throws Exception {
        kafka.post("/topics", Map.of("name", "clicks"));
        var settings = Map.<String, Object>of(
            "bootstrap.servers", kafka.bootstrap, "retry.backoff.ms", 10, "request.timeout.ms", 2000);
        producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        assertEquals(0, send("first"));
    }

    @AfterEach
    void stop() {
        producer.close();
    }

    @Test
    void aRefusedClickIsSentAgain() throws Exception {
        kafka.post("/faults", Map.of(
            "name", "moving", "api", "Produce", "error", "NOT_LEADER_OR_FOLLOWER", "topic", "clicks", "times", 3));
        assertEquals(1, send("second"));
        assertEquals(3, kafka.get("/faults/moving").get("fired").size());
        assertEquals(List.of("first", "second"), clicks());
    }

    @Test
    void aClickWhoseReplyIsLostIsNotThereTwice() throws Exception {
        kafka.post("/faults", Map.of("name", "lost", "api", "Produce", "disconnect", true, "on", "reply", "times", 1));
        assertEquals(1, send("second"));
        assertEquals(1, kafka.get("/faults/lost").get("fired").size());
        assertEquals(List.of("first", "second"), clicks());
    }

    @Test
    void aClickArrivesLateAndJustOnceWhenTheBrokerIsSlowOrSaysNothing() throws Exception {
        for (var act : List.of(Map.entry("delay", 0.1), Map.entry("throttle", 0.1), Map.entry("drop", true))) {
            String name = act.getKey();
            kafka.post("/faults", Map.of("name", name, "api", "Produce", "times", 1, name, act.getValue()));
            send(name);
            assertEquals(1, kafka.get("/faults/" + name).get("fired").size());
        }
        assertEquals(List.of("first", "delay", "throttle", "drop"), clicks());
    }

    @Test
    void aClickIsOnItsWayAsLongAsTheTestSays() throws Exception {
        kafka.post("/faults", Map.of("name", "held", "api", "Produce", "hold", true, "times", 1));
        var sent = producer.send(new ProducerRecord<>("clicks", "second"));
        kafka.post("/await/fired", Map.of("fault", "held"));
        assertEquals(List.of("first"), clicks());
        kafka.post("/faults/held/release", Map.of());
        assertEquals(1, sent.get().offset());
    }

    /** Sends a click; gives the offset at which it was delivered, once the producer knows. */
    private long send(String click) throws Exception {
        return producer.send(new ProducerRecord<>("clicks", click)).get().offset();
    }

    private List<String> clicks() {
        return kafka.get("/topics/clicks/records").get("records").findValuesAsText("value");
    }
}
