import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.annotation.EnableKafka;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.config.TopicBuilder;
import org.springframework.kafka.core.ConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaAdmin;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.core.ProducerFactory;
import org.springframework.kafka.transaction.KafkaTransactionManager;

/**
 * Copies words in capitals with Spring: SpringTransactions BOOTSTRAP INPUT OUTPUT GROUP.
 *
 * <p>KafkaAdmin makes both topics, and changes the output's partitions and settings. A transactional KafkaTemplate
 * commits apple and pear to the input, rolls rotten back, and commits plum. A listener copies each record in one
 * transaction with its offset; it fails once after it has sent PLUM. The program prints READY once it has sent all, and
 * ends with its standard input.
 */
public final class SpringTransactions {
    private SpringTransactions() {
    }

    public static void main(String[] arguments) throws Exception {
        try (AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext()) {
            context.getEnvironment().getSystemProperties().putAll(Map.of(
                "kafka.bootstrap", arguments[0],
                "kafka.input", arguments[1],
                "kafka.output", arguments[2],
                "kafka.group", arguments[3]));
            context.register(Beans.class);
            context.refresh();

            KafkaAdmin admin = context.getBean(KafkaAdmin.class);
            admin.setModifyTopicConfigs(true);
            admin.createOrModifyTopics(
                TopicBuilder.name(arguments[2]).partitions(2).config("retention.ms", "222222222").build());

            @SuppressWarnings("unchecked")
            KafkaTemplate<String, String> template = context.getBean(KafkaTemplate.class);
            sendAll(template, arguments[1], List.of("apple", "pear"));
            try {
                template.executeInTransaction(operations -> {
                    operations.send(arguments[1], "rotten").join();
                    throw new IllegalStateException("rolled back");
                });
            } catch (IllegalStateException expected) {
                System.out.println("ROLLED BACK");
            }
            sendAll(template, arguments[1], List.of("plum"));
            System.out.println("READY");
            while (System.in.read() >= 0) {
                continue;
            }
        }
    }

    private static void sendAll(KafkaTemplate<String, String> template, String topic, List<String> values) {
        template.executeInTransaction(operations -> {
            values.forEach(value -> operations.send(topic, value));
            return null;
        });
    }

    @Configuration
    @EnableKafka
    static class Beans {
        @Value("${kafka.bootstrap}")
        private String bootstrap;

        @Bean
        KafkaAdmin admin() {
            KafkaAdmin admin = new KafkaAdmin(Map.of("bootstrap.servers", bootstrap));
            admin.setFatalIfBrokerNotAvailable(true);
            return admin;
        }

        @Bean
        NewTopic input(@Value("${kafka.input}") String name) {
            return TopicBuilder.name(name).partitions(1).build();
        }

        @Bean
        NewTopic output(@Value("${kafka.output}") String name) {
            return TopicBuilder.name(name).partitions(1).config("retention.ms", "111111111").build();
        }

        @Bean
        ProducerFactory<String, String> producers(@Value("${kafka.group}") String group) {
            DefaultKafkaProducerFactory<String, String> factory = new DefaultKafkaProducerFactory<>(Map.of(
                ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap,
                ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class,
                ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, StringSerializer.class));
            factory.setTransactionIdPrefix(group + "-");
            return factory;
        }

        @Bean
        KafkaTemplate<String, String> template(ProducerFactory<String, String> producers) {
            return new KafkaTemplate<>(producers);
        }

        @Bean
        KafkaTransactionManager<String, String> transactions(ProducerFactory<String, String> producers) {
            return new KafkaTransactionManager<>(producers);
        }

        @Bean
        ConsumerFactory<String, String> consumers() {
            return new DefaultKafkaConsumerFactory<>(Map.of(
                ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap,
                ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class,
                ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class,
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest",
                ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed"));
        }

        @Bean
        ConcurrentKafkaListenerContainerFactory<String, String> kafkaListenerContainerFactory(
                ConsumerFactory<String, String> consumers, KafkaTransactionManager<String, String> transactions) {
            ConcurrentKafkaListenerContainerFactory<String, String> factory =
                new ConcurrentKafkaListenerContainerFactory<>();
            factory.setConsumerFactory(consumers);
            factory.getContainerProperties().setKafkaAwareTransactionManager(transactions);
            return factory;
        }

        @Bean
        Copier copier(KafkaTemplate<String, String> template, @Value("${kafka.output}") String output) {
            return new Copier(template, output);
        }
    }

    static class Copier {
        private final AtomicBoolean hasFailed = new AtomicBoolean();
        private final KafkaTemplate<String, String> template;
        private final String output;

        Copier(KafkaTemplate<String, String> template, String output) {
            this.template = template;
            this.output = output;
        }

        @KafkaListener(topics = "${kafka.input}", groupId = "${kafka.group}")
        void copy(ConsumerRecord<String, String> record) {
            template.send(output, 0, null, record.value().toUpperCase()).join();
            if (record.value().equals("plum") && hasFailed.compareAndSet(false, true)) {
                throw new IllegalStateException("the first attempt fails");
            }
        }
    }
}
