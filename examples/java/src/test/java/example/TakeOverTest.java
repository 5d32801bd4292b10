package example;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * One reader of the ad clicks works, one stands by; when the first falls, the other goes on at once.
 * Each wait ends with what it waits for, and fails after half a minute; no session of 45 seconds is waited for.
 */
class TakeOverTest {
    @AutoClose
    private final Kafkalite kafka = new Kafkalite();
    private Reader anna;
    private Reader ben;

    @BeforeEach
    void twoReadersOfOnePartition() {
        kafka.post("/topics", Map.of("name", "clicks"));
        anna = new Reader(kafka, "anna");
        ben = new Reader(kafka, "ben");
        JsonNode group = kafka.post("/await/stable", Map.of("group", "billing", "members", 2));
        assertEquals("anna", group.at("/owners/clicks-0").asText(), "the first by name has the partition");

        kafka.post("/produce", Map.of("topic", "clicks", "values", List.of("one", "two")));
        kafka.post("/await/committed", Map.of("group", "billing", "topic", "clicks"));
        assertEquals(List.of("one", "two"), anna.clicks);
    }

    @AfterEach
    void stop() {
        anna.close();
        ben.close();
    }

    @Test
    void byFencing() {
        kafka.post("/groups/billing/fence", Map.of("member", "anna"));
        kafka.post("/await/stable", Map.of("group", "billing", "members", 1));
        benGoesOn();
    }

    @Test
    void byTheClock() {
        anna.close(); // Static members do not leave: her partition stays assigned for a session of 45 seconds.
        kafka.post("/clock/advance", Map.of("seconds", 46, "keep_alive", List.of("ben")));
        kafka.post("/await/stable", Map.of("group", "billing", "members", 1));
        benGoesOn();
    }

    /** He begins where Anna has committed: nothing is lost, and nothing is read twice. */
    private void benGoesOn() {
        kafka.post("/produce", Map.of("topic", "clicks", "values", List.of("three")));
        JsonNode group = kafka.post("/await/committed", Map.of("group", "billing", "topic", "clicks"));
        assertEquals("ben", group.at("/owners/clicks-0").asText());
        assertEquals(List.of("three"), ben.clicks);
    }
}
