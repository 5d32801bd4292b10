/* Latency of a broker, seen through two plain sockets and frames made by hand, so that the client adds next to nothing.
 *
 *   wire_latency ack  HOST PORT TOPIC WARM_UP COUNT BYTES
 *   wire_latency flow HOST PORT TOPIC RATE WARM_UP COUNT BYTES
 *
 * ack:  one Produce request at a time (acks=all, one record); the time from the write to the whole reply.
 * flow: a producer thread sends one record at each tick of RATE per second, whether or not the reply to the last one
 *       is there; a consumer thread long-polls with Fetch. A record carries the moment of its write, and the
 *       latency ends when the consumer has read the whole reply that holds it.
 *
 * Fetch v11 is, like Produce v7 in wire.h, the last but one before the flexible encodings. One line of JSON. */
#include "wire.h"

static size_t fetch_frame(uint8_t *bytes, int64_t offset)
{
	uint8_t *at = put_header(bytes, 1, 11);
	at = put(put(put(at, -1, 4), 500, 4), 1, 4); /* no replica, max wait, min bytes */
	at = put(put(at, FETCH_BYTES, 4), 0, 1);
	at = put(put(at, 0, 4), -1, 4); /* no session */
	at = put_string(put(at, 1, 4), topic);
	at = put(put(put(at, 1, 4), 0, 4), -1, 4); /* partition 0, any leader epoch */
	at = put(put(put(at, offset, 8), -1, 8), FETCH_BYTES, 4);
	at = put_string(put(at, 0, 4), "");
	put(bytes, at - bytes - 4, 4);
	return (size_t)(at - bytes);
}

/* ---- what is measured ---- */

static int ascending(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

static void report(int64_t *latencies, long count)
{
	qsort(latencies, (size_t)count, sizeof *latencies, ascending);
	printf("{\"p50_ms\": %.6f, \"p99_ms\": %.6f, \"p999_ms\": %.6f, \"max_ms\": %.6f, \"count\": %ld}\n",
	       (double)latencies[count / 2] / 1e6, (double)latencies[count * 99 / 100] / 1e6,
	       (double)latencies[count * 999 / 1000] / 1e6, (double)latencies[count - 1] / 1e6, count);
}

static int ack(long warm_up, long count, size_t bytes)
{
	produce_frame *frame = new_produce_frame(bytes);
	inbox *in = calloc(1, sizeof *in);
	int connection = dial();
	wait_for_leader(connection, in, frame);
	int64_t *latencies = malloc((size_t)count * sizeof *latencies);
	for (long i = -warm_up; i < count; i++) {
		size_t size;
		int64_t start = now_ns();
		write_all(connection, frame->bytes, frame->size);
		const uint8_t *reply = next_frame(connection, in, true, &size);
		int64_t end = now_ns();
		check_produced(reply);
		if (i >= 0)
			latencies[i] = end - start;
	}
	report(latencies, count);
	return 0;
}

typedef struct {
	long records;
	size_t bytes;
	double rate;
	int connection;
	inbox in;
	produce_frame *frame;
} flow_producer;

static void *send_at_rate(void *opaque)
{
	flow_producer *me = opaque;
	int64_t start = now_ns() + 50000000;
	long answered = 0;
	size_t size;
	for (long sent = 0; sent < me->records; sent++) {
		int64_t due = start + (int64_t)((double)sent / me->rate * 1e9);
		struct timespec until = {due / 1000000000, due % 1000000000};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		int64_t moment = now_ns();
		memcpy(me->frame->value, &moment, sizeof moment);
		seal(me->frame);
		write_all(me->connection, me->frame->bytes, me->frame->size);
		for (const uint8_t *reply; (reply = next_frame(me->connection, &me->in, false, &size)); answered++)
			check_produced(reply);
	}
	for (; answered < me->records; answered++)
		check_produced(next_frame(me->connection, &me->in, true, &size));
	return NULL;
}

/* Where the batches of a Fetch reply for one partition start; *end is where they stop. */
static const uint8_t *fetched_batches(const uint8_t *reply, const uint8_t **end)
{
	int error = (int)take(reply + 8, 2);
	const uint8_t *at = reply + 4 + 4 + 2 + 4 + 4 + 2 + strlen(topic) + 4 + 4;
	if (error == 0)
		error = (int)take(at, 2);
	if (error != 0)
		die("Fetch: error %d", error);
	at += 2 + 8 + 8 + 8;
	int64_t aborted = take(at, 4);
	at += 4 + (aborted > 0 ? aborted * 16 : 0) + 4;
	int64_t size = take(at, 4);
	at += 4;
	*end = at + (size > 0 ? size : 0);
	return at;
}

static int flow(double rate, long warm_up, long count, size_t bytes)
{
	if (bytes < sizeof(int64_t))
		die("a record must hold its moment: 8 bytes or more");
	static flow_producer producer;
	producer.records = warm_up + count;
	producer.rate = rate;
	producer.frame = new_produce_frame(bytes);
	producer.connection = dial();
	wait_for_leader(producer.connection, &producer.in, producer.frame);
	/* Every batch holds one record of the same size, so the record's value is always at the same place. */
	ptrdiff_t value_at = producer.frame->value - (producer.frame->checked_from - 21);

	int connection = dial();
	inbox *in = calloc(1, sizeof *in);
	uint8_t request[512];
	int64_t *latencies = malloc((size_t)count * sizeof *latencies);
	pthread_t thread;
	pthread_create(&thread, NULL, send_at_rate, &producer);
	int64_t next = 1; /* offset 0 was written while waiting for the leader */
	while (next <= producer.records) {
		size_t size;
		write_all(connection, request, fetch_frame(request, next));
		const uint8_t *end, *reply = next_frame(connection, in, true, &size);
		int64_t arrived = now_ns();
		for (const uint8_t *batch = fetched_batches(reply, &end); end - batch >= BATCH_HEADER;) {
			int64_t offset = take(batch, 8), moment;
			ptrdiff_t batch_size = 12 + (ptrdiff_t)take(batch + 8, 4);
			if (batch_size > end - batch)
				break;
			if (offset >= next) {
				memcpy(&moment, batch + value_at, sizeof moment);
				if (offset > warm_up && offset <= producer.records)
					latencies[offset - warm_up - 1] = arrived - moment;
				next = offset + 1;
			}
			batch += batch_size;
		}
	}
	pthread_join(thread, NULL);
	report(latencies, count);
	return 0;
}

int main(int count, char **words)
{
	alarm(LIMIT_S);
	if (count < 8)
		die("usage: see the first lines of wire_latency.c");
	host = words[2];
	port = atoi(words[3]);
	topic = words[4];
	if (strcmp(words[1], "ack") == 0 && count == 8)
		return ack(atol(words[5]), atol(words[6]), (size_t)atol(words[7]));
	if (strcmp(words[1], "flow") == 0 && count == 9)
		return flow(atof(words[5]), atol(words[6]), atol(words[7]), (size_t)atol(words[8]));
	die("usage: see the first lines of wire_latency.c");
}
