/* Shared by client_kafka.c and client_kafka_admin.c: how librdkafka's failures become ours. */
#ifndef BROKER_CLI_CLIENT_KAFKA_INT_H
#define BROKER_CLI_CLIENT_KAFKA_INT_H

#include <librdkafka/rdkafka.h>

#include "broker/cli/client_kafka.h"

/* Keep why a call failed: `text`, or the code's own text where that is NULL. Returns the code as
 * ours. */
enum err client_kafka_fail(struct client_kafka *k, rd_kafka_resp_err_t code, const char *text);

/* A code as ours. */
enum err client_kafka_err(rd_kafka_resp_err_t code);

/* Write `text`, escaped and without what librdkafka puts around it, to `out` of CLIENT_WHY_BYTES.
 */
void client_kafka_explain(char *out, const char *text);

/* What is left of k->timeout_ns since `began_ns`, in ms: 1 at least. */
int client_kafka_left_ms(const struct client_kafka *k, uint64_t began_ns);

#endif
