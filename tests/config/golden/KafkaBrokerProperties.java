// Prints every public broker property of the Kafka on the class path, tab separated: name, type, default,
// whether it may be changed at run time, and its validator.
// java -cp 'LIBS/*' KafkaBrokerProperties.java > kafka_broker_properties.tsv

import java.util.TreeSet;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.server.config.AbstractKafkaConfig;
import org.apache.kafka.server.config.DynamicBrokerConfig;

public class KafkaBrokerProperties {
    public static void main(String[] arguments) {
        ConfigDef definitions = AbstractKafkaConfig.CONFIG_DEF;
        for (String name : new TreeSet<>(definitions.names())) {
            ConfigDef.ConfigKey key = definitions.configKeys().get(name);
            if (key.internalConfig) {
                continue;
            }
            String value = key.hasDefault() ? ConfigDef.convertToString(key.defaultValue, key.type) : null;
            boolean dynamic = DynamicBrokerConfig.ALL_DYNAMIC_CONFIGS.contains(name);
            String validator = key.validator == null ? "" : key.validator.toString().replaceAll("\\s+", " ");
            System.out.println(String.join("\t", name, key.type.toString(), value == null ? "null" : value,
                dynamic ? "dynamic" : "read-only", validator));
        }
    }
}
