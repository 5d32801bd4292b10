package example;

import static java.util.regex.Pattern.compile;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** A broker of the test's own: a process that keeps everything in memory and ends with {@link #close}. */
final class Kafkalite implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    final String bootstrap;
    private final String controls;
    private final Process process;
    private final HttpClient http = HttpClient.newHttpClient();

    Kafkalite() {
        String program = Optional.ofNullable(System.getenv("KAFKALITE")).orElse("kafkalite");
        try {
            process = new ProcessBuilder(
                    program, "serve", "--quiet", "--in-memory", "--listen", "127.0.0.1:0", "--controls", "127.0.0.1:0")
                .redirectError(Redirect.INHERIT)
                .start();
            BufferedReader said = process.inputReader();
            bootstrap = find(compile("is listening on (\\S+),"), said);
            controls = find(compile("Controls are at (\\S+)"), said);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static String find(Pattern wanted, BufferedReader said) throws IOException {
        for (String line = said.readLine(); line != null; line = said.readLine()) {
            var found = wanted.matcher(line);
            if (found.find()) {
                return found.group(1);
            }
        }
        throw new IOException("kafkalite did not start");
    }

    /** Looks at something, such as {@code /groups/billing}. */
    JsonNode get(String path) {
        return send(HttpRequest.newBuilder().GET(), path);
    }

    /** Does something, such as {@code /groups/billing/fence}, or waits for it, such as {@code /await/stable}. */
    JsonNode post(String path, Map<String, ?> body) {
        var json = BodyPublishers.ofString(JSON.valueToTree(body).toString());
        return send(HttpRequest.newBuilder().POST(json).header("Content-Type", "application/json"), path);
    }

    private JsonNode send(HttpRequest.Builder request, String path) {
        try {
            var answer = http.send(request.uri(URI.create(controls + path)).build(), BodyHandlers.ofString());
            JsonNode body = JSON.readTree(answer.body());
            if (answer.statusCode() != 200) {
                throw new AssertionError(path + ": " + body.get("error").asText());
            }
            return body;
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    @Override
    public void close() {
        process.destroy();
        process.onExit().join();
    }
}
