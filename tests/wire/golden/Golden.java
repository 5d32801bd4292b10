import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BinaryNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

/**
 * Lets Kafka's own classes write messages, and read damaged ones, for the tests of our codec.
 *
 * Reads lines "message lowest-version highest-version"; see regenerate.py for how it is run. Prints three files, with
 * form feeds between them:
 *   errors    code, name and whether it is retriable, of every error code;
 *   messages  message, version, JSON of the values, bytes in hexadecimal; the values are made from the message's own
 *             definition: filled, with nulls, and untouched;
 *   damaged   message, version, damaged bytes, and what Kafka writes after it has read them, or "refused".
 */
public class Golden {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final ObjectMapper MAPPER = new ObjectMapper().configure(JsonParser.Feature.ALLOW_COMMENTS, true);
    private static final HexFormat HEX = HexFormat.of();
    private static final String[] PACKAGES = {
        "org.apache.kafka.common.message.", "org.apache.kafka.coordinator.group.generated.",
        "org.apache.kafka.coordinator.transaction.generated.", "org.apache.kafka.coordinator.share.generated.",
        "org.apache.kafka.common.metadata."};

    private final String name;
    private final short version;
    private final Random random;
    private final Map<String, JsonNode> commonStructs = new HashMap<>();
    private final Class<?> type;
    private final JsonNode definition;

    private Golden(String name, short version) throws Exception {
        this.name = name;
        this.version = version;
        this.random = new Random(31L * name.hashCode() + version);
        this.type = find(name.endsWith("Request") || name.endsWith("Response") ? name + "Data" : name);
        InputStream resource = Golden.class.getResourceAsStream("/common/message/" + name + ".json");
        if (resource == null) resource = Golden.class.getResourceAsStream("/common/metadata/" + name + ".json");
        this.definition = MAPPER.readTree(resource);
        for (JsonNode common : definition.path("commonStructs")) {
            commonStructs.put(common.get("name").asText(), common);
        }
    }

    public static void main(String[] arguments) throws Exception {
        for (Errors error : Errors.values()) {
            System.out.println(error.code() + "\t" + error + "\t" + (error.exception() instanceof RetriableException));
        }
        List<String[]> asked = new ArrayList<>();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) asked.add(line.split(" "));
        for (boolean damaged : new boolean[] {false, true}) {
            System.out.print('\f');
            for (String[] words : asked) {
                for (int version = Integer.parseInt(words[1]); version <= Integer.parseInt(words[2]); version++) {
                    Golden golden = new Golden(words[0], (short) version);
                    if (damaged) golden.printDamaged(); else golden.printMessages();
                }
            }
        }
    }

    private void printMessages() throws Exception {
        for (boolean nulls : new boolean[] {false, true}) {
            JsonNode values = struct(definition.get("fields"), nulls);
            System.out.println(name + "\t" + version + "\t" + values + "\t" + HEX.formatHex(bytes(read(values))));
        }
        Message untouched = (Message) type.getConstructor().newInstance();
        try {
            System.out.println(name + "\t" + version + "\t" + write(untouched) + "\t" + HEX.formatHex(bytes(untouched)));
        } catch (Exception noDefaults) {
            return;
        }
    }

    private void printDamaged() throws Exception {
        for (int i = 0; i < 3; i++) {
            byte[] damaged = damage(bytes(read(struct(definition.get("fields"), i == 1))));
            String again;
            try {
                ByteBufferAccessor readable = new ByteBufferAccessor(ByteBuffer.wrap(damaged));
                Message message = (Message) type.getConstructor(
                    org.apache.kafka.common.protocol.Readable.class, short.class).newInstance(readable, version);
                dropUnknownTags(message);
                again = HEX.formatHex(bytes(message));
            } catch (Exception refusal) {
                again = "refused";
            }
            System.out.println(name + "\t" + version + "\t" + HEX.formatHex(damaged) + "\t" + again);
        }
    }

    /** Changes one byte, inserts one, takes one out, or cuts the end off. */
    private byte[] damage(byte[] whole) {
        if (whole.length == 0) return new byte[] {0};
        int at = random.nextInt(whole.length);
        byte[] values = {0, 1, 2, 3, 126, 127, -128, -1};
        byte value = values[random.nextInt(values.length)];
        byte[] damaged;
        switch (random.nextInt(6)) {
            case 0:
                return Arrays.copyOf(whole, at);
            case 1:
                damaged = Arrays.copyOf(whole, whole.length + 1);
                System.arraycopy(whole, at, damaged, at + 1, whole.length - at);
                damaged[at] = value;
                return damaged;
            case 2:
                damaged = Arrays.copyOf(whole, whole.length - 1);
                System.arraycopy(whole, at + 1, damaged, at, whole.length - at - 1);
                return damaged;
            default:
                damaged = whole.clone();
                damaged[at] = value;
                return damaged;
        }
    }

    /** Kafka keeps the tagged fields that it does not know and would write them again; ours does not. */
    private static void dropUnknownTags(Object message) throws Exception {
        message.getClass().getMethod("unknownTaggedFields").invoke(message);
        ((Message) message).unknownTaggedFields().clear();
        for (java.lang.reflect.Field field : message.getClass().getDeclaredFields()) {
            if (java.lang.reflect.Modifier.isStatic(field.getModifiers()) || field.getName().startsWith("_")) continue;
            field.setAccessible(true);
            Object value = field.get(message);
            if (value instanceof Message) dropUnknownTags(value);
            if (value instanceof Iterable && !(value instanceof java.nio.file.Path)) {
                for (Object element : (Iterable<?>) value) if (element instanceof Message) dropUnknownTags(element);
            }
        }
    }

    private Message read(JsonNode values) throws Exception {
        return (Message) converter().getMethod("read", JsonNode.class, short.class).invoke(null, values, version);
    }

    private JsonNode write(Message message) throws Exception {
        return (JsonNode) converter().getMethod("write", type, short.class).invoke(null, message, version);
    }

    private Class<?> converter() throws Exception {
        return Class.forName(type.getName() + "JsonConverter");
    }

    private byte[] bytes(Message message) {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    private static Class<?> find(String name) throws ClassNotFoundException {
        for (String prefix : PACKAGES) {
            try {
                return Class.forName(prefix + name);
            } catch (ClassNotFoundException elsewhere) {
                continue;
            }
        }
        throw new ClassNotFoundException(name);
    }

    private boolean within(String versions) {
        if (versions == null || versions.isEmpty() || versions.equals("none")) return false;
        String[] ends = versions.split("-");
        int low = Integer.parseInt(ends[0].replace("+", ""));
        int high = versions.endsWith("+") ? Short.MAX_VALUE : Integer.parseInt(ends[ends.length - 1]);
        return low <= version && version <= high;
    }

    private ObjectNode struct(JsonNode fields, boolean nulls) {
        ObjectNode made = NODES.objectNode();
        for (JsonNode field : fields) {
            if (!within(field.path("versions").asText(field.path("taggedVersions").asText()))) continue;
            String key = field.get("name").asText();
            key = Character.toLowerCase(key.charAt(0)) + key.substring(1);
            boolean isNull = nulls && within(field.path("nullableVersions").asText(""));
            made.set(key, isNull ? NODES.nullNode() : value(field, field.get("type").asText(), nulls));
        }
        return made;
    }

    private JsonNode value(JsonNode field, String type, boolean nulls) {
        if (type.startsWith("[]")) {
            ArrayNode array = NODES.arrayNode();
            for (int i = nulls ? 1 : 2; i > 0; i--) array.add(value(field, type.substring(2), nulls));
            return array;
        }
        switch (type) {
            case "bool": return NODES.booleanNode(random.nextBoolean());
            case "int8": return NODES.numberNode((byte) random.nextInt());
            case "int16": return NODES.numberNode((short) random.nextInt());
            case "uint16": return NODES.numberNode(random.nextInt(1 << 16));
            case "int32": return NODES.numberNode(random.nextInt());
            case "int64": return NODES.numberNode(random.nextLong());
            case "float64": return NODES.numberNode(random.nextInt(1 << 20) / 64.0);
            case "string": return NODES.textNode(nulls ? "" : text());
            case "uuid": return NODES.textNode(new Uuid(random.nextLong(), random.nextLong()).toString());
            case "bytes": case "records":
                byte[] bytes = new byte[nulls ? 0 : 1 + random.nextInt(12)];
                random.nextBytes(bytes);
                return new BinaryNode(bytes);
            default:
                JsonNode common = commonStructs.get(type);
                return struct((common == null ? field : common).get("fields"), nulls);
        }
    }

    /** Short words as a rule; now and then one whose length takes two bytes, or that is not ASCII. */
    private String text() {
        switch (random.nextInt(12)) {
            case 0: return "n".repeat(127 + random.nextInt(3));
            case 1: return "größe-\u2603-\ud83d\ude00";
            default: return Integer.toString(random.nextInt(1 << 20), 36);
        }
    }
}
