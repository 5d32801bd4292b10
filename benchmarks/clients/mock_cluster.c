/* librdkafka's mock cluster as a server: prints its bootstrap servers, then serves until SIGTERM.
 *
 * The cluster lives inside a client instance; clients of other processes reach it by its address as any broker. */
#include <signal.h>
#include <stdio.h>

#include "rdkafka_api.h"

typedef struct rd_kafka_mock_cluster_s rd_kafka_mock_cluster_t;
rd_kafka_mock_cluster_t *rd_kafka_mock_cluster_new(rd_kafka_t *, int brokers);
void rd_kafka_mock_cluster_destroy(rd_kafka_mock_cluster_t *);
const char *rd_kafka_mock_cluster_bootstraps(const rd_kafka_mock_cluster_t *);
void rd_kafka_mock_group_initial_rebalance_delay_ms(rd_kafka_mock_cluster_t *, int32_t delay_ms);

int main(void)
{
	char error[512];
	sigset_t stop;
	int number;

	/* Before the library starts its threads, so that they all leave the signal to this one. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);

	rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), error, sizeof(error));
	rd_kafka_mock_cluster_t *cluster = client != NULL ? rd_kafka_mock_cluster_new(client, 1) : NULL;
	if (cluster == NULL) {
		fprintf(stderr, "there is no mock cluster\n");
		return 1;
	}
	/* As for the other brokers: a group need not wait for further members before its first rebalance. */
	rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
	puts(rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	sigwait(&stop, &number);
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(client);
	return 0;
}
