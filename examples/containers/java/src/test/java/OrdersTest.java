import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.Container.ExecResult;
import org.testcontainers.containers.GenericContainer;

class OrdersTest {
    static class Kafkalite extends GenericContainer<Kafkalite> {
        Kafkalite() {
            super("kafkalite:0.1.0");
            withExposedPorts(9092).withEnv("KAFKALITE_TOPICS", "orders:3");
        }

        String bootstrapServers() {
            return getHost() + ":" + getMappedPort(9092);
        }

        @Override
        public void start() {
            super.start();
            try {
                // Waits for the broker, and sets the address that it advertises.
                ExecResult told = execInContainer("kafkalite", "advertise", bootstrapServers());
                assertEquals(0, told.getExitCode(), told.getStderr());
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    }

    @Test
    void ordersArrive() throws Exception {
        try (var kafka = new Kafkalite()) {
            kafka.start();
            Map<String, Object> settings = Map.of(
                "bootstrap.servers", kafka.bootstrapServers(), "group.id", "billing", "auto.offset.reset", "earliest");
            try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
                producer.send(new ProducerRecord<>("orders", "anna", "two apples")).get();
            }
            try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
                consumer.subscribe(List.of("orders"));
                var order = consumer.poll(Duration.ofSeconds(10)).iterator().next();
                assertEquals("two apples", order.value());
            }
        }
    }
}
