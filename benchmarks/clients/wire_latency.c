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
 * Produce v7 and Fetch v11 (Kafka's protocol guide): the last but one before the flexible encodings. One line of JSON. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_S = 300, BATCH_HEADER = 61, FETCH_BYTES = 1 << 20, REPLY_BYTES = FETCH_BYTES + 65536 };
enum { UNKNOWN_TOPIC_OR_PARTITION = 3, LEADER_NOT_AVAILABLE = 5, NOT_LEADER_OR_FOLLOWER = 6 };

static const char *host, *topic;
static int port;

static _Noreturn void die(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	_exit(1);
}

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- bytes ---- */

static uint8_t *put(uint8_t *at, int64_t value, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		*at++ = (uint8_t)(value >> (8 * i));
	return at;
}

static int64_t take(const uint8_t *at, int bytes)
{
	uint64_t value = 0;
	for (int i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	int unused = 64 - 8 * bytes;
	return (int64_t)(value << unused) >> unused;
}

static uint8_t *put_string(uint8_t *at, const char *text)
{
	size_t length = strlen(text);
	at = put(at, (int64_t)length, 2);
	memcpy(at, text, length);
	return at + length;
}

static uint8_t *put_varint(uint8_t *at, int64_t value)
{
	uint64_t zigzag = (uint64_t)(value << 1) ^ (uint64_t)(value >> 63);
	for (; zigzag >= 0x80; zigzag >>= 7)
		*at++ = (uint8_t)(zigzag | 0x80);
	*at++ = (uint8_t)zigzag;
	return at;
}

static uint32_t crc32c(const uint8_t *from, const uint8_t *to)
{
	static uint32_t table[256];
	if (table[1] == 0)
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t value = i;
			for (int bit = 0; bit < 8; bit++)
				value = value >> 1 ^ (value & 1 ? 0x82f63b78u : 0);
			table[i] = value;
		}
	uint32_t crc = ~0u;
	while (from < to)
		crc = crc >> 8 ^ table[(crc ^ *from++) & 0xff];
	return ~crc;
}

/* ---- frames ---- */

typedef struct {
	uint8_t bytes[16384];
	size_t size;
	uint8_t *checked_from; /* what the batch's CRC covers starts here and ends with the frame */
	uint8_t *value;	       /* of the one record */
} produce_frame;

static uint8_t *put_header(uint8_t *at, int key, int version)
{
	at = put(at, 0, 4); /* the size, later */
	at = put(at, key, 2);
	at = put(at, version, 2);
	at = put(at, 7, 4);
	return put_string(at, "latency");
}

static void seal(produce_frame *frame)
{
	uint8_t *end = frame->bytes + frame->size;
	put(frame->checked_from - 4, crc32c(frame->checked_from, end), 4);
}

static produce_frame *new_produce_frame(size_t bytes)
{
	produce_frame *frame = malloc(sizeof *frame);
	uint8_t *at = put_header(frame->bytes, 0, 7);
	at = put(at, -1, 2); /* no transaction */
	at = put(at, -1, 2); /* acks=all */
	at = put(at, 30000, 4);
	at = put_string(put(at, 1, 4), topic);
	at = put(put(at, 1, 4), 0, 4);
	uint8_t *records_size = at;
	uint8_t *batch = at += 4;
	struct timespec wall;
	clock_gettime(CLOCK_REALTIME, &wall);
	int64_t timestamp = (int64_t)wall.tv_sec * 1000;
	at = put(put(at, 0, 8), 0, 4); /* base offset; length, later */
	at = put(at, -1, 4);	       /* leader epoch */
	at = put(at, 2, 1);	       /* magic */
	at = put(at, 0, 4);	       /* CRC, later */
	frame->checked_from = at;
	at = put(put(at, 0, 2), 0, 4); /* attributes, last offset delta */
	at = put(put(at, timestamp, 8), timestamp, 8);
	at = put(put(put(at, -1, 8), -1, 2), -1, 4); /* no producer id, epoch, sequence */
	at = put(at, 1, 4);
	uint8_t varint[10];
	size_t length = 4 + (size_t)(put_varint(varint, (int64_t)bytes) - varint) + bytes + 1;
	at = put_varint(at, (int64_t)length);
	at = put_varint(put(put_varint(put_varint(put(at, 0, 1), 0), 0), 1, 1), (int64_t)bytes); /* 1: null key */
	frame->value = at;
	memset(at, 'v', bytes);
	at = put(at + bytes, 0, 1); /* no headers */
	put(batch + 8, at - batch - 12, 4);
	put(records_size, at - batch, 4);
	frame->size = (size_t)(at - frame->bytes);
	put(frame->bytes, (int64_t)frame->size - 4, 4);
	seal(frame);
	return frame;
}

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

/* ---- sockets ---- */

static int dial(void)
{
	int connection = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, host, &address.sin_addr);
	if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0)
		die("connect: %s", strerror(errno));
	setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return connection;
}

static void write_all(int connection, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = send(connection, bytes, size, MSG_NOSIGNAL);
		if (written <= 0)
			die("send: %s", strerror(errno));
		bytes += written;
		size -= (size_t)written;
	}
}

typedef struct {
	uint8_t bytes[REPLY_BYTES];
	size_t filled, taken;
} inbox;

/* Returns the next whole frame without its size, or NULL when `wait` is false and it is not there yet. */
static const uint8_t *next_frame(int connection, inbox *in, bool wait, size_t *size)
{
	for (;;) {
		size_t there = in->filled - in->taken;
		if (there >= 4) {
			size_t frame = (size_t)take(in->bytes + in->taken, 4);
			if (frame > REPLY_BYTES - 4)
				die("a reply of %zu bytes", frame);
			if (there >= frame + 4) {
				const uint8_t *start = in->bytes + in->taken + 4;
				in->taken += frame + 4;
				*size = frame;
				return start;
			}
		}
		memmove(in->bytes, in->bytes + in->taken, there);
		in->filled = there;
		in->taken = 0;
		ssize_t got = recv(connection, in->bytes + in->filled, REPLY_BYTES - in->filled, wait ? 0 : MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return NULL;
		if (got <= 0)
			die("the broker closed the connection: %s", got == 0 ? "end of stream" : strerror(errno));
		in->filled += (size_t)got;
	}
}

static int produce_error(const uint8_t *reply)
{
	return (int)take(reply + 4 + 4 + 2 + strlen(topic) + 4 + 4, 2);
}

static void check_produced(const uint8_t *reply)
{
	if (produce_error(reply) != 0)
		die("Produce: error %d", produce_error(reply));
}

/* A new topic may have no leader for a moment. */
static void wait_for_leader(int connection, inbox *in, const produce_frame *frame)
{
	for (;;) {
		size_t size;
		write_all(connection, frame->bytes, frame->size);
		int error = produce_error(next_frame(connection, in, true, &size));
		if (error == 0)
			return;
		if (error != UNKNOWN_TOPIC_OR_PARTITION && error != LEADER_NOT_AVAILABLE && error != NOT_LEADER_OR_FOLLOWER)
			die("Produce: error %d", error);
		usleep(20000);
	}
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
