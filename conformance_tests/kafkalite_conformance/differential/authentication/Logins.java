import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;

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

    private static String attempt(Path file) throws Exception {
        Properties settings = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            settings.load(reader);
        }
        try (Admin admin = Admin.create(settings)) {
            admin.listTopics().names().get();
            return "works";
        } catch (ExecutionException failure) {
            StringBuilder text = new StringBuilder();
            for (Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
                text.append(cause.getClass().getSimpleName()).append(": ").append(cause.getMessage()).append("; ");
            }
            return text.toString().replace('\n', ' ');
        }
    }
}
