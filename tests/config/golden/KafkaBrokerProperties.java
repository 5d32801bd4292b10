// Prints name, type and default of every public broker property of the Kafka on the class path, tab separated:
// java -cp 'LIBS/*' KafkaBrokerProperties.java > kafka_broker_properties.tsv

import java.util.TreeSet;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.server.config.AbstractKafkaConfig;

public class KafkaBrokerProperties {
    public static void main(String[] arguments) {
        ConfigDef definitions = AbstractKafkaConfig.CONFIG_DEF;
        for (String name : new TreeSet<>(definitions.names())) {
            ConfigDef.ConfigKey key = definitions.configKeys().get(name);
            if (key.internalConfig) {
                continue;
            }
            String value = key.hasDefault() ? ConfigDef.convertToString(key.defaultValue, key.type) : null;
            System.out.println(name + "\t" + key.type + "\t" + (value == null ? "null" : value));
        }
    }
}
