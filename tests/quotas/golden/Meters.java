import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.metrics.MetricConfig;
import org.apache.kafka.common.metrics.Quota;
import org.apache.kafka.common.metrics.stats.Rate;
import org.apache.kafka.common.metrics.stats.TokenBucket;

/**
 * Prints what Kafka's own meters say of random use, for kafka-4.4.0-meters.tsv: the meter, the run, its bound, the time
 * in milliseconds, the value recorded, and the throttle time. `java -cp 'libs/*' Meters.java`, with Kafka's jars.
 */
public class Meters {
    private static final Random RANDOM = new Random(7);

    public static void main(String[] arguments) {
        for (boolean isRate : new boolean[] {true, false}) {
            for (int run = 0; run < 10; run++) {
                double bound = run % 4 == 3 ? 0.5 + RANDOM.nextInt(5) : 100 + RANDOM.nextInt(5000);
                play(isRate, run, bound);
            }
        }
    }

    private static void play(boolean isRate, int run, double bound) {
        MetricConfig config = new MetricConfig().timeWindow(1, TimeUnit.SECONDS).samples(11).quota(new Quota(bound, true));
        Rate rate = new Rate();
        TokenBucket bucket = new TokenBucket();
        long start = 1_700_000_000_000L;
        long now = start;
        for (int i = 0; i < 40; i++) {
            now += pause();
            double value = isRate ? RANDOM.nextInt(3 * (int) Math.max(1, bound)) : RANDOM.nextInt(12);
            if (RANDOM.nextInt(12) == 0) {
                value = -value;
            }
            long throttle;
            if (isRate) {
                rate.record(config, value, now);
                double measured = rate.measure(config, now);
                throttle = measured > bound ? Math.round((measured - bound) / bound * rate.windowSize(config, now)) : 0;
            } else {
                bucket.record(config, value, now);
                double left = bucket.measure(config, now);
                throttle = left < 0 ? Math.round(-left / bound * 1000) : 0;
            }
            String meter = isRate ? "rate" : "bucket";
            System.out.println(String.join("\t", meter, run + "", bound + "", now - start + "", value + "", throttle + ""));
        }
    }

    private static int pause() {
        int kind = RANDOM.nextInt(10);
        if (kind < 4) {
            return RANDOM.nextInt(300);
        }
        if (kind < 7) {
            return RANDOM.nextInt(2500);
        }
        return kind == 7 ? 0 : kind == 8 ? 1000 : RANDOM.nextInt(14000);
    }
}
