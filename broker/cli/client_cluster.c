/* `tdb cluster info`: what the servers say of themselves. */
#include <inttypes.h>
#include <string.h>

#include "broker/cli/client_int.h"
#include "broker/cli/text.h"

static void cluster_table(const struct client_cluster *cluster, size_t partitions_count, FILE *out);
static void cluster_json(const struct client_cluster *cluster, size_t partitions_count, FILE *out);

enum client_exit client_cluster_info(struct client *c, int argc, char **argv)
{
    enum client_exit status = client_begin(c, NULL, 0, 0, 0, argc, argv);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    status = client_connect(c, CLIENT_KAFKA_CONSUMER, NULL, 0);
    if (status == CLIENT_EXIT_OK) {
        struct client_cluster cluster;
        size_t partitions_count = 0;
        if (client_kafka_describe(&c->kafka, &c->arena, NULL, &cluster) != ERR_OK) {
            return client_end(c, client_fail(c, "%s: %s", c->server, c->kafka.why));
        }
        client_kafka_identify(&c->kafka, &c->arena, &cluster);
        for (size_t i = 0; i < cluster.topics_count; i++) {
            partitions_count += cluster.topics[i].partitions_count;
        }
        if (c->is_json) {
            cluster_json(&cluster, partitions_count, c->out);
        } else {
            cluster_table(&cluster, partitions_count, c->out);
        }
    }
    return client_end(c, status);
}

static void cluster_table(const struct client_cluster *cluster, size_t partitions_count, FILE *out)
{
    const char *id = cluster->id != NULL ? cluster->id : "-";
    fputs("cluster     ", out);
    cli_text_put(out, id, strlen(id));
    fprintf(out, "\ncontroller  %" PRId32 "\n", cluster->controller);
    fprintf(out, "topics      %zu\npartitions  %zu\n\n", cluster->topics_count, partitions_count);
    fprintf(out, "%10s  %s\n", "node", "address");
    for (size_t i = 0; i < cluster->brokers_count; i++) {
        const struct client_broker *broker = &cluster->brokers[i];
        fprintf(out, "%10" PRId32 "  ", broker->id);
        cli_text_put(out, broker->host, strlen(broker->host));
        fprintf(out, ":%d\n", broker->port);
    }
}

static void cluster_json(const struct client_cluster *cluster, size_t partitions_count, FILE *out)
{
    fputc('{', out);
    if (cluster->id != NULL) {
        cli_text_put_member(out, "cluster", cluster->id);
    } else {
        fputs("\"cluster\":null", out);
    }
    fprintf(out, ",\"controller\":%" PRId32 ",\"topics\":%zu,\"partitions\":%zu,\"nodes\":[",
            cluster->controller, cluster->topics_count, partitions_count);
    for (size_t i = 0; i < cluster->brokers_count; i++) {
        const struct client_broker *broker = &cluster->brokers[i];
        fprintf(out, "%s{\"node\":%" PRId32 ",", i > 0 ? "," : "", broker->id);
        cli_text_put_member(out, "host", broker->host);
        fprintf(out, ",\"port\":%d}", broker->port);
    }
    fputs("]}\n", out);
}
