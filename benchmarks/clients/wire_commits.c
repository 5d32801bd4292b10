/* Acknowledged produce requests a second: many connections at once, or one request for each of many partitions.
 *
 *   wire_commits many HOST PORT TOPIC CONNECTIONS PARTITIONS SECONDS BYTES
 *   wire_commits each HOST PORT TOPIC PARTITIONS BYTES
 *
 * many: every connection has one request of one record under way (acks=all) and sends the next one when the reply is
 *       there. Connection i writes to partition i % PARTITIONS. The first second is not counted.
 * each: one connection writes one record to every partition in turn, with up to WINDOW requests under way, and again
 *       where a partition has no leader yet.
 *
 * One thread, so that the client takes as little as possible from what the broker may use. One line of JSON. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/epoll.h>

#include "wire.h"

enum { WINDOW = 64, MOST_CONNECTIONS = 1024, SMALL_REPLY = 4096, WARM_UP_S = 1 };

typedef struct {
	int connection;
	size_t filled;
	produce_frame *frame;
	uint8_t reply[SMALL_REPLY];
} producer;

/* Reads what is there; tells whether the whole reply is. */
static bool has_reply(producer *one)
{
	ssize_t got = recv(one->connection, one->reply + one->filled, SMALL_REPLY - one->filled, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return false;
	if (got <= 0)
		die("the broker closed the connection: %s", got == 0 ? "end of stream" : strerror(errno));
	one->filled += (size_t)got;
	return one->filled >= 4 && one->filled >= (size_t)take(one->reply, 4) + 4;
}

static int many(int connections, int partitions, double seconds, size_t bytes)
{
	static producer producers[MOST_CONNECTIONS];
	if (connections > MOST_CONNECTIONS)
		die("at most %d connections", MOST_CONNECTIONS);
	int waiting = epoll_create1(0);
	inbox *in = calloc(1, sizeof *in);
	for (int i = 0; i < connections; i++) {
		producer *one = &producers[i];
		one->frame = new_produce_frame(bytes);
		put(one->frame->partition, i % partitions, 4);
		one->connection = dial();
		if (i < partitions)
			wait_for_leader(one->connection, in, one->frame);
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
		epoll_ctl(waiting, EPOLL_CTL_ADD, one->connection, &event);
	}
	for (int i = 0; i < connections; i++)
		write_all(producers[i].connection, producers[i].frame->bytes, producers[i].frame->size);
	int64_t start = now_ns() + (int64_t)WARM_UP_S * 1000000000, end = start + (int64_t)(seconds * 1e9), now = 0;
	long commits = 0;
	while ((now = now_ns()) < end) {
		struct epoll_event events[MOST_CONNECTIONS];
		int ready = epoll_wait(waiting, events, MOST_CONNECTIONS, 1000);
		for (int i = 0; i < ready; i++) {
			producer *one = events[i].data.ptr;
			if (!has_reply(one))
				continue;
			check_produced(one->reply + 4);
			one->filled = 0;
			commits += now >= start;
			write_all(one->connection, one->frame->bytes, one->frame->size);
		}
	}
	printf("{\"seconds\": %.6f, \"messages\": %ld}\n", (double)(now - start) / 1e9, commits);
	return 0;
}

static int each(int partitions, size_t bytes)
{
	produce_frame *frame = new_produce_frame(bytes);
	inbox *in = calloc(1, sizeof *in);
	int connection = dial(), under_way[WINDOW], *to_do = malloc((size_t)partitions * sizeof *to_do);
	int left = partitions;
	for (int i = 0; i < partitions; i++)
		to_do[i] = partitions - 1 - i;
	long sent = 0, answered = 0;
	int64_t start = now_ns();
	while (left > 0 || sent > answered) {
		if (left > 0 && sent - answered < WINDOW) {
			int partition = to_do[--left];
			under_way[sent++ % WINDOW] = partition;
			put(frame->partition, partition, 4);
			write_all(connection, frame->bytes, frame->size);
			continue;
		}
		size_t size;
		const uint8_t *reply = next_frame(connection, in, true, &size);
		int partition = under_way[answered++ % WINDOW];
		if (has_no_leader_yet(produce_error(reply))) {
			to_do[left++] = partition;
			usleep(1000);
			continue;
		}
		check_produced(reply);
	}
	printf("{\"seconds\": %.6f, \"messages\": %d}\n", (double)(now_ns() - start) / 1e9, partitions);
	return 0;
}

int main(int count, char **words)
{
	alarm(LIMIT_S);
	if (count < 7)
		die("usage: see the first lines of wire_commits.c");
	host = words[2];
	port = atoi(words[3]);
	topic = words[4];
	if (strcmp(words[1], "many") == 0 && count == 9)
		return many(atoi(words[5]), atoi(words[6]), atof(words[7]), (size_t)atol(words[8]));
	if (strcmp(words[1], "each") == 0 && count == 7)
		return each(atoi(words[5]), (size_t)atol(words[6]));
	die("usage: see the first lines of wire_commits.c");
}
