/* A Kafka server for tests of client commands: librdkafka's mock cluster in a process of its own.
 * It knows produce, fetch, offsets and metadata, and nothing of what changes topics.
 *
 *     mock_broker NODES [TOPIC:PARTITIONS ...]
 *
 * prints its addresses, then obeys the lines of its standard input, and ends with it:
 *
 *     down             no node takes connections any more, and all there are end
 *     up               they do again
 *     fail API CODE    the next request of that kind fails with that code of the protocol
 *
 * and answers each with "ok". */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void mock_broker_obey(rd_kafka_mock_cluster_t *cluster, const char *line);

int main(int argc, char **argv)
{
    char why[512];
    if (argc < 2) {
        fprintf(stderr, "usage: mock_broker NODES [TOPIC:PARTITIONS ...]\n");
        return 2;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (handle == NULL) {
        fprintf(stderr, "mock_broker: %s\n", why);
        return 1;
    }
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(handle, atoi(argv[1]));
    for (int i = 2; i < argc; i++) {
        char *colon = strchr(argv[i], ':');
        if (colon == NULL) {
            fprintf(stderr, "mock_broker: %s: needs TOPIC:PARTITIONS\n", argv[i]);
            return 2;
        }
        *colon = '\0';
        rd_kafka_mock_topic_create(cluster, argv[i], atoi(colon + 1), 1);
    }
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    char line[256];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        mock_broker_obey(cluster, line);
        printf("ok\n");
        fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(handle);
    return 0;
}

static void mock_broker_obey(rd_kafka_mock_cluster_t *cluster, const char *line)
{
    int api = 0;
    int code = 0;
    if (strcmp(line, "down\n") == 0) {
        rd_kafka_mock_broker_set_down(cluster, -1);
    } else if (strcmp(line, "up\n") == 0) {
        rd_kafka_mock_broker_set_up(cluster, -1);
    } else if (sscanf(line, "fail %d %d", &api, &code) == 2) {
        rd_kafka_mock_push_request_errors(cluster, (int16_t)api, 1, (rd_kafka_resp_err_t)code);
    } else {
        fprintf(stderr, "mock_broker: %s", line);
        exit(2);
    }
}
