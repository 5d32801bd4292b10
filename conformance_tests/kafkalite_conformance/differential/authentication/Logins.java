import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Connects with the settings of each file in a folder, and prints file name, a tab, and how it went. */
public class Logins {
    public static void main(String[] arguments) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(6);
        List<Path> files;
        try (Stream<Path> found = Files.list(Path.of(arguments[0]))) {
            files = found.sorted().toList();
        }
        List<Future<String>> outcomes = files.stream().map(file -> pool.submit(() -> attempt(file))).toList();
        for (int index = 0; index < files.size(); index++) {
            System.out.println(files.get(index).getFileName() + "\t" + outcomes.get(index).get());
        }
        pool.shutdown();
    }

    private static String exchange(Properties settings) throws Exception {
        TopicPartition partition = new TopicPartition("t-" + UUID.randomUUID(), 0);
        settings.put("max.block.ms", "20000");
        StringSerializer writes = new StringSerializer();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, writes, writes)) {
            producer.send(new ProducerRecord<>(partition.topic(), "value")).get();
        }
        settings.put("auto.offset.reset", "earliest");
        StringDeserializer reads = new StringDeserializer();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, reads, reads)) {
            consumer.assign(List.of(partition));
            for (int attempt = 0; attempt < 20; attempt++) {
                for (ConsumerRecord<String, String> read : consumer.poll(Duration.ofSeconds(1))) {
                    return read.value().equals("value") ? "works" : "another record is read";
                }
            }
            return "nothing is read";
        }
    }

    private static String attempt(Path file) throws Exception {
        Properties settings = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            settings.load(reader);
        }
        try (Admin admin = Admin.create(settings)) {
            admin.listTopics().names().get();
            return exchange(settings);
        } catch (ExecutionException failure) {
            return causes(failure.getCause());
        } catch (KafkaException failure) { // a client that gets no access token does not even start
            return causes(failure);
        }
    }

    private static String causes(Throwable failure) {
        StringBuilder text = new StringBuilder();
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            text.append(cause.getClass().getSimpleName()).append(": ").append(cause.getMessage()).append("; ");
        }
        return text.toString().replace('\n', ' ');
    }
}
