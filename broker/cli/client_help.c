/* See client_help.h. */
#include "broker/cli/client_help.h"

const char client_help_common[] =
    "  --json             for programs\n"
    "CONNECTION:\n"
    "  --server HOST:PORT the server, 127.0.0.1:9092 without it; or set TDB_SERVER\n"
    "  --timeout DURATION how long an answer is waited for, 10s without it\n"
    "  -X KEY=VALUE       a property of librdkafka; may be repeated\n";

const char client_help_http[] =
    "  --json             for programs: a row is a line\n"
    "CONNECTION:\n"
    "  --server URL       the server; else TDB_URL, else http://127.0.0.1:8080\n"
    "  --timeout DURATION how long a statement may take; else as the server is set\n";

const char client_help_topic_create_usage[] =
    "TOPIC [--partitions N] [--replication N]\n"
    "           [--config KEY=VALUE ...] [--if-not-exists] [--json] [CONNECTION]";

const char client_help_topic_create[] =
    "  TOPIC              up to 249 of letters, digits, '.', '_' and '-'\n"
    "  --partitions N     without it: as the server is set\n"
    "  --replication N    copies of each partition; without it: as the server is set\n"
    "  --config KEY=VALUE set from the start; may be repeated\n"
    "  --if-not-exists    succeed when the topic is there already\n";

const char client_help_topic_create_examples[] =
    "  tdb topic create orders --partitions 4\n"
    "  tdb topic create clicks --config retention.ms=86400000\n";

const char client_help_topic_list_usage[] = "[--internal] [--json] [CONNECTION]";

const char client_help_topic_list[] = "  --internal         those whose names begin with __, too\n";

const char client_help_topic_list_examples[] =
    "  tdb topic list\n"
    "  tdb topic list --json | jq -r '.topics[].topic'\n";

const char client_help_topic_describe_usage[] = "TOPIC [--json] [CONNECTION]";

const char client_help_topic_describe[] = "  TOPIC              its name\n";

const char client_help_topic_describe_examples[] = "  tdb topic describe orders\n";

const char client_help_topic_delete_usage[] = "TOPIC ... [--if-exists] [--json] [CONNECTION]";

const char client_help_topic_delete[] =
    "  TOPIC ...          the names; all their records are gone\n"
    "  --if-exists        succeed when a topic is not there\n";

const char client_help_topic_delete_examples[] = "  tdb topic delete orders clicks\n";

const char client_help_topic_config_usage[] = "TOPIC [KEY=VALUE ...] [--all] [--json] [CONNECTION]";

const char client_help_topic_config[] =
    "  TOPIC              its name\n"
    "  KEY=VALUE ...      set these, keep the others; KEY= resets one\n"
    "  --all              show what is not set on the topic itself, too\n";

const char client_help_topic_config_notes[] =
    "\nWithout KEY=VALUE nothing is changed. All keys are changed, or none is.\n";

const char client_help_topic_config_examples[] =
    "  tdb topic config orders\n"
    "  tdb topic config orders retention.ms=604800000\n"
    "  tdb topic config orders retention.ms=\n";

const char client_help_produce_usage[] =
    "TOPIC [FILE ...] [--key-separator TEXT | --key-field FIELD]\n"
    "           [--time-field FIELD] [--json-envelope] [--header KEY=VALUE ...]\n"
    "           [--partition N] [--compression CODEC] [--acks N] [--idempotent]\n"
    "           [--json] [CONNECTION]";

const char client_help_produce[] =
    "  TOPIC              its name; the server may make a topic at its first record\n"
    "  FILE ...           one record a line; -, or none: standard input. Empty lines\n"
    "                     are passed over\n"
    "  --key-separator TEXT  the line is KEY TEXT VALUE\n"
    "  --key-field FIELD  the line is JSON, and this member is the key; a.b for a\n"
    "                     member of a member. The value is the whole line\n"
    "  --time-field FIELD likewise the record's time: milliseconds since 1970, or a\n"
    "                     text like 2018-02-06T12:30:00Z\n"
    "  --json-envelope    the line is an object with \"value\" and perhaps \"key\",\n"
    "                     \"headers\", \"partition\", \"timestamp\": as consume --json\n"
    "                     prints it. {\"hex\":\"00ff\"} stands for bytes, null for null\n"
    "  --header KEY=VALUE of every record; may be repeated\n"
    "  --partition N      to this one; else the key decides, as with Java's clients\n"
    "  --compression CODEC  none, gzip, snappy, lz4 or zstd\n"
    "  --acks N           0: do not wait; 1: for the leader; all (the default)\n"
    "  --idempotent       nothing twice when the connection breaks in between\n";

const char client_help_produce_examples[] =
    "  tdb produce orders orders.jsonl --key-field customer.id --compression zstd\n"
    "  echo 'k:hello' | tdb produce greetings --key-separator :\n"
    "  tdb consume orders --json | tdb produce copies --json-envelope\n";

const char client_help_consume_usage[] =
    "TOPIC [--partition N ...] [--from FROM] [--count N]\n"
    "           [--follow | --until end] [--key] [--key-separator TEXT]\n"
    "           [--json] [CONNECTION]";

const char client_help_consume[] =
    "  TOPIC              its name\n"
    "  --partition N      this one; may be repeated. Without it: all\n"
    "  --from FROM        start (the default); end; an offset; -N: the last N of each\n"
    "                     partition; @TIME: from this time on: milliseconds since\n"
    "                     1970, a text like 2018-02-06T12:30:00Z, or -5m, which is\n"
    "                     five minutes ago\n"
    "  --count N          no more than N records\n"
    "  --follow           go on at the end and wait for more\n"
    "  --until end        stop at what was the end at the beginning (the default)\n"
    "  --key              print the key before the value\n"
    "  --key-separator TEXT  between them; a tab without it\n";

const char client_help_consume_notes[] =
    "\nValues are printed as they are, a line each; on a terminal control characters\n"
    "are escaped. --json prints a line for each record: partition, offset, timestamp,\n"
    "key, value, headers. Partitions are read directly, without a consumer group:\n"
    "nothing is committed.\n";

const char client_help_consume_examples[] =
    "  tdb consume orders --from -10 --json\n"
    "  tdb consume orders --from @-5m --follow\n"
    "  tdb consume orders --partition 0 --from 1000 --count 1\n";

const char client_help_cluster_info_usage[] = "[--json] [CONNECTION]";

const char client_help_cluster_info[] = "";

const char client_help_cluster_info_examples[] = "  tdb cluster info --server broker1:9092\n";

const char client_help_sql_usage[] = "[-c SQL ...] [--csv | --json] [--expanded] [CONNECTION]";

const char client_help_sql[] = "  -c SQL             run this and end; may be repeated\n"
                               "  --csv              rows as CSV, names first\n"
                               "  --expanded         a row's columns below each other\n";

const char client_help_sql_notes[] =
    "\nOn a terminal it is a shell: a statement ends with ';' and may have many lines,\n"
    "\\? says what else there is, Ctrl-C gives a line or a query up, Ctrl-D ends it.\n"
    "SUBSCRIBE NAME, or SUBSCRIBE SELECT ..., prints what changes until Ctrl-C, as\n"
    "'tdb subscribe' does.\n"
    "Otherwise statements are read from standard input, up to the first that fails.\n";

const char client_help_sql_examples[] = "  tdb sql\n"
                                        "  tdb sql -c \"SELECT count(*) FROM orders\"\n"
                                        "  tdb sql --csv < report.sql > report.csv\n";

const char client_help_subscribe_usage[] =
    "NAME | SELECT [--from FROM | --from-token TOKEN]\n"
    "           [--limit N] [--credit N] [--slow WHAT] [--csv | --json]\n"
    "           [--expanded] [CONNECTION]";

const char client_help_subscribe[] =
    "  NAME               of a stream or a view\n"
    "  SELECT             in quotes: columns and WHERE over one stream or view\n"
    "  --from FROM        of a stream: earliest, latest (the default), or a time:\n"
    "                     2018-02-06T12:30:00Z, -5m, or milliseconds since 1970. Of a\n"
    "                     view all its rows come first, then what changes\n"
    "  --from-token TOKEN behind what an earlier subscription printed\n"
    "  --limit N          end behind N rows and changes; what comes at once is not\n"
    "                     divided\n"
    "  --credit N         rows that are on the way at most\n"
    "  --slow WHAT        when rows are not read: block (the default), or disconnect\n"
    "  --csv              as CSV, names first\n"
    "  --expanded         a row's columns below each other\n";

const char client_help_subscribe_connection[] =
    "  --json             for programs: a change is a line\n"
    "CONNECTION:\n"
    "  --server URL       the server; else TDB_URL, else http://127.0.0.1:8080\n"
    "  --timeout DURATION how long a server that went away is tried; else for ever\n";

const char client_help_subscribe_notes[] =
    "\nBefore each row stands what became of it: + it is one more, - one less, u the\n"
    "row of its key is this one now, d there is none of its key any more. --json\n"
    "prints {\"op\":\"snapshot\"} before rows that are all there are.\n"
    "\nA server that went away is tried again, and it goes on where it was: nothing is\n"
    "missing, nothing comes twice. Ctrl-C ends it and prints the token that goes on\n"
    "behind what was printed.\n";

const char client_help_subscribe_examples[] =
    "  tdb subscribe totals\n"
    "  tdb subscribe \"SELECT place, mag FROM quakes WHERE mag > 4\" --from -1h\n"
    "  tdb subscribe orders --json | jq -c .row\n";

const char client_help_view_list_usage[] = "[--csv | --json] [CONNECTION]";

const char client_help_view_list[] = "  --csv              rows as CSV, names first\n";

const char client_help_view_list_examples[] = "  tdb view list\n"
                                              "  tdb view list --json | jq -r .name\n";

const char client_help_view_describe_usage[] = "NAME [--json] [CONNECTION]";

const char client_help_view_describe[] =
    "  NAME               of the view, as 'tdb view list' shows it\n";

const char client_help_view_describe_notes[] =
    "\nThe statement that makes it, and the stream it reads as it was then; its\n"
    "columns; how it is kept up. --json prints a line for the statement, then one for\n"
    "each column.\n";

const char client_help_view_describe_examples[] = "  tdb view describe totals\n";

const char client_help_view_drop_usage[] = "NAME ... [--if-exists] [--json] [CONNECTION]";

const char client_help_view_drop[] =
    "  NAME ...           the views; their rows are gone, what they read stays\n"
    "  --if-exists        succeed when a view is not there\n";

const char client_help_view_drop_notes[] =
    "\nA view is made by a statement: tdb sql -c \"CREATE MATERIALIZED VIEW ...\".\n";

const char client_help_view_drop_examples[] = "  tdb view drop totals\n";

const char client_help_errors_usage[] = "[--stream NAME] [--limit N] [--csv | --json] [CONNECTION]";

const char client_help_errors[] = "  --stream NAME      of this one alone\n"
                                  "  --limit N          no more than N; 100 without it\n"
                                  "  --csv              rows as CSV, names first\n";

const char client_help_errors_notes[] =
    "\nA value that does not fit its column is NULL there and an error here: stream,\n"
    "place of the record, column, SQLSTATE, path, and how the value begins. A row\n"
    "that a view cannot fold is one, too, under the view's name. Queries and views\n"
    "find them: what neither has read has none.\n";

const char client_help_errors_examples[] = "  tdb errors --stream orders --limit 20\n"
                                           "  tdb errors --json | jq -r .code | sort | uniq -c\n";
