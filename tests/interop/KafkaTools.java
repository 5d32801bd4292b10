import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import org.apache.kafka.common.utils.internals.Exit;

/**
 * Runs Kafka's command-line tools one after the other in one JVM: a line of input, class and arguments in, one of output
 * out.
 */
public final class KafkaTools {
    private static final class Exited extends Error {
        final int status;

        final int printedBefore;

        Exited(int status, int printedBefore) {
            super("exit " + status, null, false, false);
            this.status = status;
            this.printedBefore = printedBefore;
        }
    }

    /** What came of the present tool: some catch what the exit procedure throws. */
    private static Exited exited;
    private static ByteArrayOutputStream printed;

    private static void exit(int status) {
        if (exited == null) {
            exited = new Exited(status, printed.size());
        }
        throw exited;
    }

    public static void main(String[] unused) throws Exception {
        PrintStream answers = System.out;
        Exit.setExitProcedure((status, message) -> exit(status));
        Exit.setHaltProcedure((status, message) -> exit(status));
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split("\t", -1);
            exited = null;
            System.setIn(new ByteArrayInputStream(Base64.getDecoder().decode(words[0])));
            printed = new ByteArrayOutputStream();
            PrintStream both = new PrintStream(printed, true, StandardCharsets.UTF_8);
            System.setOut(both);
            System.setErr(both);
            int status = run(words[1], Arrays.copyOfRange(words, 2, words.length), both);
            int length = exited == null ? printed.size() : exited.printedBefore;
            byte[] text = Arrays.copyOf(printed.toByteArray(), length);
            answers.println(status + "\t" + Base64.getEncoder().encodeToString(text));
            answers.flush();
        }
    }

    private static int run(String tool, String[] arguments, PrintStream out) throws Exception {
        try {
            Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException wrapped) {
            if (exited == null) {
                out.println(wrapped.getCause());
                return 1;
            }
        }
        return exited == null ? 0 : exited.status;
    }
}
