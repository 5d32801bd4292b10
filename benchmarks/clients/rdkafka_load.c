/* librdkafka at full speed, and librdkafka joining a group. Prints one line of JSON.
 *
 *   rdkafka_load produce BOOTSTRAP TOPIC MESSAGES BYTES
 *   rdkafka_load consume BOOTSTRAP TOPIC PARTITIONS MESSAGES [ISOLATION_LEVEL]
 *   rdkafka_load transact BOOTSTRAP TOPIC TRANSACTIONS MESSAGES BYTES
 *   rdkafka_load join    BOOTSTRAP TOPIC GROUP DELAY_MS HEARTBEAT_MS
 *   rdkafka_load rate    BOOTSTRAP TOPIC PARTITIONS RATE MESSAGES BYTES
 *
 * The environment variable LOAD_SETTINGS holds further settings of all clients, NAME=VALUE a line.
 *
 * The clock of produce starts after a first message was acknowledged and stops when the last one is. The clock of
 * consume starts at the first message that arrives. `transact` commits so many transactions of so many messages each,
 * one after the other, and prints the median and the 99th percentile of their times, after a tenth as many that do not
 * count. `join` wants a topic of four partitions; see join(). `rate` produces RATE messages a second, and consumes them:
 * it prints the quantiles of the times from the call to the acknowledgement and to the arrival at the consumer, after a
 * fifth of the messages that does not count. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rdkafka_api.h"

enum { LIMIT_S = 300, MEMBERS = 4, FULL_BATCH = 5000 };

static _Noreturn void die(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	_exit(1);
}

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char error[512];
	if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK)
		die("%s=%s: %s", name, value, error);
}

static void set_all(rd_kafka_conf_t *conf, const char *lines)
{
	char *copy = strdup(lines), *rest = copy;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		char *equals = strchr(line, '=');
		if (equals == NULL)
			continue;
		*equals = '\0';
		set(conf, line, equals + 1);
	}
	free(copy);
}

static rd_kafka_t *client(int type, rd_kafka_conf_t *conf)
{
	const char *settings = getenv("LOAD_SETTINGS");
	if (settings != NULL)
		set_all(conf, settings);
	char error[512];
	rd_kafka_t *made = rd_kafka_new(type, conf, error, sizeof error);
	if (made == NULL)
		die("%s", error);
	return made;
}

/* ---- produce ---- */

static long delivered, failed;

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
	(void)producer, (void)opaque;
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		delivered++;
	else if (failed++ == 0)
		fprintf(stderr, "delivery failed: %s\n", rd_kafka_err2str(message->err));
}

static void send_all(rd_kafka_t *producer, rd_kafka_topic_t *topic, char *payload, size_t bytes, long messages)
{
	long target = delivered + failed + messages;
	for (long sent = 0; sent < messages;) {
		if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, 0, payload, bytes, NULL, 0, NULL) == 0) {
			if (++sent % 1000 == 0)
				rd_kafka_poll(producer, 0);
		} else if (rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
			rd_kafka_poll(producer, 10);
		} else {
			die("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
		}
	}
	rd_kafka_flush(producer, LIMIT_S * 1000);
	if (failed > 0 || delivered != target)
		die("%ld delivered, %ld failed, %ld wanted", delivered, failed, target);
}

static int produce(const char *bootstrap, const char *topic_name, long messages, size_t bytes)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	set(conf, "bootstrap.servers", bootstrap);
	set(conf, "queue.buffering.max.messages", "500000");
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, conf);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, topic_name, NULL);
	char *payload = malloc(bytes);
	for (size_t i = 0; i < bytes; i++)
		payload[i] = (char)('a' + i % 26);

	send_all(producer, topic, payload, bytes, 1);
	double start = now_s();
	send_all(producer, topic, payload, bytes, messages);
	printf("{\"seconds\": %.6f, \"messages\": %ld}\n", now_s() - start, messages);

	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(producer);
	free(payload);
	return 0;
}

/* ---- transact ---- */

static void check(rd_kafka_error_t *error)
{
	if (error != NULL)
		die("transaction: %s", rd_kafka_error_string(error));
}

static int ascending(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

static int transact(const char *bootstrap, const char *topic_name, long transactions, long messages, size_t bytes)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	set(conf, "bootstrap.servers", bootstrap);
	set(conf, "transactional.id", topic_name);
	set(conf, "linger.ms", "0");
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, conf);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, topic_name, NULL);
	char *payload = calloc(bytes, 1);
	double *times = malloc(sizeof *times * (size_t)transactions);

	check(rd_kafka_init_transactions(producer, LIMIT_S * 1000));
	double start = 0;
	for (long i = -transactions / 10; i < transactions; i++) {
		double begun = now_s();
		if (i == 0)
			start = begun;
		check(rd_kafka_begin_transaction(producer));
		for (long sent = 0; sent < messages; sent++)
			if (rd_kafka_produce(topic, 0, 0, payload, bytes, NULL, 0, NULL) != 0)
				die("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
		check(rd_kafka_commit_transaction(producer, LIMIT_S * 1000));
		if (i >= 0)
			times[i] = now_s() - begun;
	}
	double seconds = now_s() - start;
	if (failed > 0)
		die("%ld deliveries failed", failed);
	qsort(times, (size_t)transactions, sizeof *times, ascending);
	printf("{\"seconds\": %.6f, \"messages\": %ld, \"p50_ms\": %.4f, \"p99_ms\": %.4f}\n", seconds,
	       transactions * messages, times[transactions / 2] * 1e3, times[transactions * 99 / 100] * 1e3);

	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(producer);
	free(times);
	free(payload);
	return 0;
}

/* ---- consume ---- */

static int consume(const char *bootstrap, const char *topic_name, int partitions, long messages, const char *isolation)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	set(conf, "bootstrap.servers", bootstrap);
	set(conf, "group.id", "benchmark-without-commits");
	set(conf, "enable.auto.commit", "false");
	set(conf, "fetch.queue.backoff.ms", "5");
	set(conf, "isolation.level", isolation);
	rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, conf);
	rd_kafka_poll_set_consumer(consumer);
	rd_kafka_topic_partition_list_t *assigned = rd_kafka_topic_partition_list_new(partitions);
	for (int partition = 0; partition < partitions; partition++)
		rd_kafka_topic_partition_list_add(assigned, topic_name, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(consumer, assigned);
	rd_kafka_topic_partition_list_destroy(assigned);
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);

	static rd_kafka_message_t *batch[FULL_BATCH];
	long consumed = 0, bytes = 0;
	double start = 0;
	while (consumed < messages) {
		/* It waits for as many as it is asked for, so never ask for more than will come. */
		size_t wanted = messages - consumed < FULL_BATCH ? (size_t)(messages - consumed) : FULL_BATCH;
		ssize_t count = rd_kafka_consume_batch_queue(queue, 1000, batch, wanted);
		if (count < 0)
			die("consume: %s", rd_kafka_err2str(rd_kafka_last_error()));
		if (start == 0 && count > 0)
			start = now_s();
		for (ssize_t i = 0; i < count; i++) {
			if (batch[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR)
				die("consume: %s", rd_kafka_err2str(batch[i]->err));
			consumed++;
			bytes += (long)batch[i]->len;
			rd_kafka_message_destroy(batch[i]);
		}
	}
	printf("{\"seconds\": %.6f, \"messages\": %ld, \"bytes\": %ld}\n", now_s() - start, consumed, bytes);
	fflush(stdout);
	/* The process ends here on purpose: closing would wait for the fetch that is under way. */
	_exit(0);
}

/* ---- join ---- */

typedef struct {
	const char *bootstrap, *topic, *group, *heartbeat_ms;
	atomic_int partitions; /* what it owns now; -1 while a rebalance has taken everything from it */
	pthread_t thread;
} member;

static pthread_mutex_t assigned_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t assigned_changed = PTHREAD_COND_INITIALIZER;
static atomic_bool leaving;

static void on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
			 void *opaque)
{
	member *me = opaque;
	bool owns = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
	rd_kafka_assign(consumer, owns ? partitions : NULL);
	pthread_mutex_lock(&assigned_lock);
	me->partitions = owns ? partitions->cnt : -1;
	pthread_cond_broadcast(&assigned_changed);
	pthread_mutex_unlock(&assigned_lock);
}

static void *run_member(void *opaque)
{
	member *me = opaque;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	set(conf, "bootstrap.servers", me->bootstrap);
	set(conf, "group.id", me->group);
	set(conf, "heartbeat.interval.ms", me->heartbeat_ms);
	rd_kafka_conf_set_opaque(conf, me);
	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, conf);
	rd_kafka_poll_set_consumer(consumer);
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(topics, me->topic, RD_KAFKA_PARTITION_UA);
	rd_kafka_subscribe(consumer, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	while (!leaving) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 50);
		if (message != NULL)
			rd_kafka_message_destroy(message);
	}
	rd_kafka_consumer_close(consumer);
	rd_kafka_destroy(consumer);
	return NULL;
}

static bool each_owns_a_share(const member *members, int count)
{
	int owned = 0;
	for (int i = 0; i < count; i++) {
		if (members[i].partitions <= 0)
			return false;
		owned += members[i].partitions;
	}
	return owned == MEMBERS;
}

static void wait_until_stable(const member *members, int count)
{
	pthread_mutex_lock(&assigned_lock);
	while (!each_owns_a_share(members, count))
		pthread_cond_wait(&assigned_changed, &assigned_lock);
	pthread_mutex_unlock(&assigned_lock);
}

/* Time from the moment the fourth consumer is made until all four own one of the four partitions each. */
static int join(const char *bootstrap, const char *topic, const char *group, long delay_ms, const char *heartbeat_ms)
{
	static member members[MEMBERS];
	for (int i = 0; i < MEMBERS; i++)
		members[i] = (member){bootstrap, topic, group, heartbeat_ms, .partitions = -1};
	for (int i = 0; i < MEMBERS - 1; i++)
		pthread_create(&members[i].thread, NULL, run_member, &members[i]);
	wait_until_stable(members, MEMBERS - 1);
	usleep((useconds_t)(delay_ms * 1000));

	double start = now_s();
	pthread_create(&members[MEMBERS - 1].thread, NULL, run_member, &members[MEMBERS - 1]);
	wait_until_stable(members, MEMBERS);
	printf("{\"seconds\": %.6f}\n", now_s() - start);
	fflush(stdout);

	leaving = true;
	for (int i = 0; i < MEMBERS; i++)
		pthread_join(members[i].thread, NULL);
	return 0;
}

/* ---- rate ---- */

enum { COPIED = 2, TICK_NS = 1000000, QUIET_LIMIT_S = 20 };

typedef struct {
	double *times;
	long count, of;
} latencies;

static latencies acknowledged, arrived;
static long not_counted;

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void record(latencies *into, const rd_kafka_message_t *message)
{
	int64_t stamp[2]; /* the moment of the call, and the number of the message */
	memcpy(stamp, message->payload, sizeof stamp);
	if (stamp[1] >= not_counted && into->count < into->of)
		into->times[into->count++] = (double)(now_ns() - stamp[0]) / 1e6;
}

static void on_paced_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
	on_delivery(producer, message, opaque);
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		record(&acknowledged, message);
}

static void *poll_deliveries(void *producer)
{
	while (!leaving)
		rd_kafka_poll(producer, 100);
	return NULL;
}

typedef struct {
	rd_kafka_t *consumer;
	long messages;
} paced_consumer;

static void *consume_paced(void *opaque)
{
	paced_consumer *me = opaque;
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(me->consumer);
	static rd_kafka_message_t *batch[FULL_BATCH];
	int64_t last = now_ns();
	for (long consumed = 0; consumed < me->messages;) {
		ssize_t count = rd_kafka_consume_batch_queue(queue, 1, batch, FULL_BATCH);
		for (ssize_t i = 0; i < count; i++) {
			if (batch[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR)
				die("consume: %s", rd_kafka_err2str(batch[i]->err));
			record(&arrived, batch[i]);
			rd_kafka_message_destroy(batch[i]);
		}
		consumed += count > 0 ? count : 0;
		if (count > 0)
			last = now_ns();
		else if (now_ns() - last > (int64_t)QUIET_LIMIT_S * 1000000000)
			die("%ld of %ld messages have arrived", consumed, me->messages);
	}
	return NULL;
}

static double quantile(latencies *of, double share)
{
	return of->times[(long)((double)(of->count - 1) * share)];
}

static int rate(const char *bootstrap, const char *topic_name, int partitions, long per_second, long messages,
		size_t bytes)
{
	if (bytes < 2 * sizeof(int64_t))
		die("a message takes at least %zu bytes", 2 * sizeof(int64_t));
	not_counted = messages / 5;
	acknowledged = arrived = (latencies){.of = messages};
	acknowledged.times = calloc((size_t)messages, sizeof(double));
	arrived.times = calloc((size_t)messages, sizeof(double));

	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	set(conf, "bootstrap.servers", bootstrap);
	set(conf, "group.id", "benchmark-without-commits");
	set(conf, "enable.auto.commit", "false");
	set(conf, "fetch.queue.backoff.ms", "5");
	paced_consumer consumer = {client(RD_KAFKA_CONSUMER, conf), messages};
	rd_kafka_poll_set_consumer(consumer.consumer);
	rd_kafka_topic_partition_list_t *assigned = rd_kafka_topic_partition_list_new(partitions);
	for (int partition = 0; partition < partitions; partition++)
		rd_kafka_topic_partition_list_add(assigned, topic_name, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(consumer.consumer, assigned);
	rd_kafka_topic_partition_list_destroy(assigned);

	conf = rd_kafka_conf_new();
	set(conf, "bootstrap.servers", bootstrap);
	set(conf, "queue.buffering.max.messages", "1000000");
	set(conf, "linger.ms", "1");
	rd_kafka_conf_set_dr_msg_cb(conf, on_paced_delivery);
	rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, conf);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, topic_name, NULL);
	pthread_t consuming, polling;
	pthread_create(&consuming, NULL, consume_paced, &consumer);
	pthread_create(&polling, NULL, poll_deliveries, producer);

	char *payload = calloc(bytes, 1);
	int64_t start = now_ns();
	for (long sent = 0; sent < messages;) {
		int64_t due = (now_ns() - start) / TICK_NS * TICK_NS;
		long target = (long)((double)due / 1e9 * (double)per_second);
		for (; sent < target && sent < messages; sent++) {
			int64_t stamp[2] = {now_ns(), sent};
			memcpy(payload, stamp, sizeof stamp);
			if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, COPIED, payload, bytes, NULL, 0, NULL) != 0)
				die("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
		}
		int64_t next = start + due + TICK_NS;
		struct timespec until = {next / 1000000000, next % 1000000000};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	}
	double seconds = (double)(now_ns() - start) / 1e9;
	rd_kafka_flush(producer, LIMIT_S * 1000);
	pthread_join(consuming, NULL);
	leaving = true;
	pthread_join(polling, NULL);
	if (failed > 0)
		die("%ld deliveries failed", failed);
	qsort(acknowledged.times, (size_t)acknowledged.count, sizeof(double), ascending);
	qsort(arrived.times, (size_t)arrived.count, sizeof(double), ascending);
	printf("{\"seconds\": %.6f, \"messages\": %ld, \"ack_p50_ms\": %.4f, \"ack_p99_ms\": %.4f, "
	       "\"flow_p50_ms\": %.4f, \"flow_p99_ms\": %.4f}\n",
	       seconds, messages, quantile(&acknowledged, 0.5), quantile(&acknowledged, 0.99), quantile(&arrived, 0.5),
	       quantile(&arrived, 0.99));
	fflush(stdout);
	_exit(0);
}

int main(int count, char **words)
{
	alarm(LIMIT_S);
	if (count == 6 && strcmp(words[1], "produce") == 0)
		return produce(words[2], words[3], atol(words[4]), (size_t)atol(words[5]));
	if (count == 7 && strcmp(words[1], "transact") == 0)
		return transact(words[2], words[3], atol(words[4]), atol(words[5]), (size_t)atol(words[6]));
	if ((count == 6 || count == 7) && strcmp(words[1], "consume") == 0)
		return consume(words[2], words[3], atoi(words[4]), atol(words[5]), count == 7 ? words[6] : "read_committed");
	if (count == 7 && strcmp(words[1], "join") == 0)
		return join(words[2], words[3], words[4], atol(words[5]), words[6]);
	if (count == 8 && strcmp(words[1], "rate") == 0)
		return rate(words[2], words[3], atoi(words[4]), atol(words[5]), atol(words[6]), (size_t)atol(words[7]));
	if (count == 2 && strcmp(words[1], "version") == 0)
		return puts(rd_kafka_version_str()) < 0;
	die("usage: see the first lines of rdkafka_load.c");
}
