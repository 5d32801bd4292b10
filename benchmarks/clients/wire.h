/* Produce frames made by hand and plain sockets: what the raw-socket clients share. A program sets host, port and topic.
 *
 * Produce v7 (Kafka's protocol guide): the last but one before the flexible encodings. */
#ifndef WIRE_H
#define WIRE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
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
	uint8_t *partition;    /* of the topic; four bytes */
	uint8_t *value;	       /* of the one record */
} produce_frame;

static uint8_t *put_header(uint8_t *at, int key, int version)
{
	at = put(at, 0, 4); /* the size, later */
	at = put(at, key, 2);
	at = put(at, version, 2);
	at = put(at, 7, 4);
	return put_string(at, "benchmark");
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
	frame->partition = at = put(at, 1, 4);
	at = put(at, 0, 4);
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
static bool has_no_leader_yet(int error)
{
	return error == UNKNOWN_TOPIC_OR_PARTITION || error == LEADER_NOT_AVAILABLE || error == NOT_LEADER_OR_FOLLOWER;
}

static void wait_for_leader(int connection, inbox *in, const produce_frame *frame)
{
	for (;;) {
		size_t size;
		write_all(connection, frame->bytes, frame->size);
		int error = produce_error(next_frame(connection, in, true, &size));
		if (error == 0)
			return;
		if (!has_no_leader_yet(error))
			die("Produce: error %d", error);
		usleep(20000);
	}
}

#endif
