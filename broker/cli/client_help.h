/* What `--help` says of each client command: its arguments, they a line each, examples. Lines of 80
 * columns at most, which tests/e2e/client_test.sh checks. */
#ifndef BROKER_CLI_CLIENT_HELP_H
#define BROKER_CLI_CLIENT_HELP_H

/* Of the flags that every command has: of those that speak Kafka, of those that speak HTTP. */
extern const char client_help_common[];
extern const char client_help_http[];

/* Of `tdb topic create`. */
extern const char client_help_topic_create_usage[];
extern const char client_help_topic_create[];
extern const char client_help_topic_create_examples[];

/* Of `tdb topic list`. */
extern const char client_help_topic_list_usage[];
extern const char client_help_topic_list[];
extern const char client_help_topic_list_examples[];

/* Of `tdb topic describe`. */
extern const char client_help_topic_describe_usage[];
extern const char client_help_topic_describe[];
extern const char client_help_topic_describe_examples[];

/* Of `tdb topic delete`. */
extern const char client_help_topic_delete_usage[];
extern const char client_help_topic_delete[];
extern const char client_help_topic_delete_examples[];

/* Of `tdb topic config`. */
extern const char client_help_topic_config_usage[];
extern const char client_help_topic_config[];
extern const char client_help_topic_config_notes[];
extern const char client_help_topic_config_examples[];

/* Of `tdb produce`. */
extern const char client_help_produce_usage[];
extern const char client_help_produce[];
extern const char client_help_produce_examples[];

/* Of `tdb consume`. */
extern const char client_help_consume_usage[];
extern const char client_help_consume[];
extern const char client_help_consume_notes[];
extern const char client_help_consume_examples[];

/* Of `tdb cluster info`. */
extern const char client_help_cluster_info_usage[];
extern const char client_help_cluster_info[];
extern const char client_help_cluster_info_examples[];

/* Of `tdb sql`. */
extern const char client_help_sql_usage[];
extern const char client_help_sql[];
extern const char client_help_sql_notes[];
extern const char client_help_sql_examples[];

/* Of `tdb subscribe`. */
extern const char client_help_subscribe_usage[];
extern const char client_help_subscribe[];
extern const char client_help_subscribe_connection[];
extern const char client_help_subscribe_notes[];
extern const char client_help_subscribe_examples[];

/* Of `tdb view list`. */
extern const char client_help_view_list_usage[];
extern const char client_help_view_list[];
extern const char client_help_view_list_examples[];

/* Of `tdb view describe`. */
extern const char client_help_view_describe_usage[];
extern const char client_help_view_describe[];
extern const char client_help_view_describe_notes[];
extern const char client_help_view_describe_examples[];

/* Of `tdb view drop`. */
extern const char client_help_view_drop_usage[];
extern const char client_help_view_drop[];
extern const char client_help_view_drop_notes[];
extern const char client_help_view_drop_examples[];

/* Of `tdb errors`. */
extern const char client_help_errors_usage[];
extern const char client_help_errors[];
extern const char client_help_errors_notes[];
extern const char client_help_errors_examples[];

#endif
