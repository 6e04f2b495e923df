#!/usr/bin/env bash
# tdb topic, produce, consume and cluster as a person and a program run them: against librdkafka's mock cluster, which holds
# records, and against a small server that holds topics and settings (tests/support/kafka_admin.py).
# usage: client_test.sh TDB MOCK_BROKER REPOSITORY
set -euo pipefail
source "$(dirname "$0")/expect.sh"
tdb=$1
mock_broker=$2
repository=$3
events=$repository/deploy/sample/earthquakes.jsonl
work=$(mktemp -d)
trap 'rm -rf "$out" "$err" "$work"; kill -9 $(jobs -p) 2>/dev/null || true' EXIT
unset TDB_SERVER

# The first line of a file that a server just started writes to.
first_line() {
    for _ in $(seq 200); do
        if [ "$(wc -l <"$1")" -gt 0 ]; then
            head -1 "$1"
            return
        fi
        sleep 0.05
    done
    echo "FAIL: $1 stays empty" >&2
    exit 1
}

mkfifo "$work/mock.in" "$work/admin.in"
exec {mock}<>"$work/mock.in" {admin}<>"$work/admin.in"
"$mock_broker" 2 lines:1 keyed:4 quakes:1 copies:4 large:1 slow:1 follow:2 <"$work/mock.in" >"$work/mock.out" 2>/dev/null &
python3 "$repository/tests/support/kafka_admin.py" <"$work/admin.in" >"$work/admin.out" &
records=$(first_line "$work/mock.out")
topics=$(first_line "$work/admin.out")

# Let the mock cluster do something, and wait until it has.
mock() {
    local before
    before=$(wc -l <"$work/mock.out")
    echo "$*" >&"$mock"
    for _ in $(seq 200); do
        [ "$(wc -l <"$work/mock.out")" -gt "$before" ] && return
        sleep 0.02
    done
    fail "the mock cluster does not answer"
}

# --- help and wrong usage -------------------------------------------------------------------------
for words in "topic create" "topic list" "topic describe" "topic delete" "topic config" produce consume "cluster info"; do
    # shellcheck disable=SC2086
    run "$tdb" $words --help
    expect_status 0
    expect_no_err
    expect_out "^usage: tdb $words"
    expect_out '^examples:$'
    expect_out '^  tdb '
    awk 'length > 80 { exit 1 }' "$out" || fail "a line of help is longer than 80 columns"
done
run "$tdb" topic
expect_status 2
run "$tdb" topic --help
expect_status 0
expect_out '^  describe '
run "$tdb" topic desribe
expect_status 2
expect_err "did you mean 'describe'"

# arguments | what is said
while IFS='|' read -r arguments said; do
    # shellcheck disable=SC2086
    run "$tdb" $arguments
    expect_status 2
    expect_no_out
    expect_err "$said"
    awk 'length > 100 { exit 1 }' "$err" || fail "a complaint is longer than 100 columns"
done <<'ROWS'
produce|^TOPIC: is needed
consume|^TOPIC: is needed
consume a b|^b: is one argument too many
consume a*b|^a\*b: is no name of a topic
consume a --form 1|^--form: is no flag; did you mean --from\?
consume a --from yesterday|^--from: takes start, end, an offset
consume a --from|^--from: needs start, end
consume a --count x|^--count: takes a whole number
consume a --count 1 --count 2|^--count: is given too often
consume a --follow=yes|^--follow: takes no value
consume a --follow --until end|^--follow: and --until exclude each other
consume a --until tomorrow|^--until: takes end
consume a --timeout 10|^--timeout: takes a duration
consume a -X foo|^-X: takes KEY=VALUE
consume a -X foo=bar|No such configuration property: "foo"
consume a -X fetch.wait.max.ms=x|fetch.wait.max.ms
consume a --server=|^--server: needs HOST:PORT
produce a --key-field x --key-separator y|^--key-field: and --key-separator exclude
produce a --json-envelope --key-field x|^--json-envelope: names key and time itself
produce a --header x|^--header: takes KEY=VALUE
produce a --partition -1|^--partition: takes a whole number
produce a --acks 2|^--acks: takes 0, 1 or all
produce a --acks 1 --idempotent|^--idempotent: needs --acks all
produce a --compression lzma|^--compression: takes none, gzip
topic create|^TOPIC: is needed
topic create a/b|^a/b: is no name for a topic
topic create a --partitions 0|^--partitions: takes 1 or more
topic create a --config x|^--config: takes KEY=VALUE
topic config a retention.ms|^retention.ms: takes KEY=VALUE
topic config a x=1 x=2|^x: is given twice
topic delete|^TOPIC: is needed
topic list x|^x: is one argument too many
ROWS

# --- no server ------------------------------------------------------------------------------------
for words in "topic create a" "consume a" "produce a"; do
    # shellcheck disable=SC2086
    run "$tdb" $words --server 127.0.0.1:1
    expect_status 1
    expect_no_out
    expect_err '^tdb: cannot reach 127.0.0.1:1: .*Connection refused$'
    expect_err "^Is 'tdb serve' running there\? Another server: --server HOST:PORT, or TDB_SERVER.$"
done
run env TDB_SERVER=127.0.0.1:1 "$tdb" topic list
expect_status 1
expect_err 'cannot reach 127.0.0.1:1:'
export TDB_SERVER=$records

# --- lines in, lines out --------------------------------------------------------------------------
printf 'one\n\ntwo\r\n  three\xff' >"$work/lines"
run "$tdb" produce lines "$work/lines"
expect_status 0
expect_no_err
expect_out '^3 records to lines, 14 B in '
expect_out '^ +0 +3  0\.\.2$'
run "$tdb" consume lines
expect_status 0
expect_no_err
printf 'one\ntwo\n  three\xff\n' | cmp -s - "$out" || fail "not the lines that were produced"
run "$tdb" consume lines --json
expect_status 0
expect_out '"offset":0,.*"key":null,"value":"one","headers":\[\]}$'
expect_out '"offset":2,.*"value":{"hex":"20207468726565ff"}'
seq 5 >"$work/more"
run "$tdb" produce lines --json "$work/more" - --acks 0
expect_status 0
expect_out '^\{"topic":"lines","records":5,"bytes":5,"failed":0,"duration_ns":[0-9]+,"partitions":\[\{"partition":0,"records":5,'
# acks=0 waits for nobody: look until they are there.
for _ in $(seq 100); do
    [ "$("$tdb" consume lines | wc -l)" -eq 8 ] && break
    sleep 0.05
done
# from | what comes
while IFS='|' read -r flags want; do
    # shellcheck disable=SC2086
    run "$tdb" consume lines $flags
    expect_status 0
    [ "$(tr '\n' ' ' <"$out")" = "$want" ] || fail "wanted $want"
done <<'ROWS'
--from 5|3 4 5 
--from=-2|4 5 
--from -2|4 5 
--from end|
--from 8|
--from 3 --count 2|1 2 
--from 3 --count 0|
--from start --count 1|one 
--from 6 --partition 0 --partition 0|4 5 
--from @-10s --count 1 --until end|
ROWS
run "$tdb" consume lines --from 9
expect_status 1
expect_err 'offset 9 is behind the end of lines: partition 0 ends at 8'
run "$tdb" consume lines --partition 1
expect_status 1
expect_err 'topic lines has the partitions 0 to 0; there is no 1'
run "$tdb" produce lines "$work/missing"
expect_status 1
expect_err 'missing: No such file or directory'

# --- keys, headers, times, JSON -------------------------------------------------------------------
printf 'a:1\nb:2\nc:3\nd:4\na:5\n:6\n' >"$work/keyed"
run "$tdb" produce keyed "$work/keyed" --key-separator : --header from=test --header 'note=a=b'
expect_status 0
run "$tdb" consume keyed --key --key-separator =
expect_status 0
[ "$(sort "$out" | tr '\n' ' ')" = "=6 a=1 a=5 b=2 c=3 d=4 " ] || fail "keys are lost"
# Java's murmur2 spreads these keys so over four partitions: a is in 3 (toPositive(murmur2("a")) % 4, by Kafka's own source).
run "$tdb" consume keyed --json
python3 - "$out" <<'PYTHON' || fail "records are not what was produced"
import json
import sys

def murmur2(data):
    m, h = 0x5BD1E995, 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & 0xFFFFFFFF
        k = (k ^ k >> 24) * m & 0xFFFFFFFF
        h = h * m & 0xFFFFFFFF ^ k
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & 0xFFFFFFFF
    h = (h ^ h >> 13) * m & 0xFFFFFFFF
    return h ^ h >> 15

records = [json.loads(line) for line in open(sys.argv[1])]
assert len(records) == 6
for r in records:
    assert r["headers"] == [{"key": "from", "value": "test"}, {"key": "note", "value": "a=b"}], r
    if r["key"]:
        assert r["partition"] == (murmur2(r["key"].encode()) & 0x7FFFFFFF) % 4, r
assert [r["value"] for r in records if r["key"] == "a"] == ["1", "5"]
PYTHON
run "$tdb" produce keyed "$work/lines" --key-separator :
expect_status 1
expect_err "lines:1: lacks the key separator ':'; nothing from here on is produced"
expect_out '^0 records to keyed'

for codec in none gzip snappy lz4 zstd; do
    run "$tdb" produce quakes "$events" --key-field properties.code --time-field properties.time --compression "$codec" --idempotent
    expect_status 0
    expect_out '^1707 records to quakes, 1\.1 MiB'
done
run "$tdb" consume quakes --from 3414 --count 1707
expect_status 0
cmp -s "$out" "$events" || fail "not the events that were produced"
run "$tdb" consume quakes --from 6828 --json
python3 - "$out" "$events" <<'PYTHON' || fail "keys and times are not those of the events"
import json
import sys
records = [json.loads(line) for line in open(sys.argv[1])]
events = open(sys.argv[2]).read().splitlines()
assert len(records) == len(events)
for i, (record, line) in enumerate(zip(records, events)):
    event = json.loads(line)["properties"]
    assert record == {"partition": 0, "offset": 6828 + i, "timestamp": event["time"], "key": event["code"], "value": line,
                      "headers": []}, record
PYTHON
printf '{"id":1}\n{"id":2}\n{"di":3}\n{"id":4}\n' >"$work/wrong"
run "$tdb" produce quakes "$work/wrong" --key-field id
expect_status 1
expect_err "wrong:3: has no field 'id'; nothing from here on is produced"
expect_out '^2 records to quakes'

# What consume prints can be produced again, partitions, times, bytes and all.
printf '{"key":{"hex":"00ff"},"value":null,"headers":{"h":{"hex":"fe"},"n":null},"timestamp":"2018-02-06T12:30:00Z"}\n' >"$work/envelope"
run "$tdb" produce keyed "$work/envelope" --json-envelope --partition 2
expect_status 0
"$tdb" consume keyed --json | sort >"$work/keyed.json"
grep -q '"timestamp":1517920200000,"key":{"hex":"00ff"},"value":null,"headers":\[{"key":"h","value":{"hex":"fe"}},{"key":"n","value":null}\]}' \
    "$work/keyed.json" || fail "the envelope is not what came out"
"$tdb" consume keyed --json | "$tdb" produce copies --json-envelope >/dev/null
"$tdb" consume copies --json | sort >"$work/copies.json"
cmp -s "$work/keyed.json" "$work/copies.json" || fail "the copy differs"
printf '{"value":1,"partition":9}\n' >"$work/envelope"
run "$tdb" produce copies "$work/envelope" --json-envelope
expect_status 1
expect_err 'envelope:1: there is no partition 9'

# --- no consumer group ----------------------------------------------------------------------------
run "$tdb" consume keyed -X debug=protocol
expect_status 0
expect_err 'Sent FetchRequest'
for api in FindCoordinator JoinGroup OffsetCommit OffsetFetch; do
    ! grep -q "Sent $api" "$err" || fail "a $api request was sent"
done

# --- trouble --------------------------------------------------------------------------------------
printf 'small\nlarge\n' >"$work/large"
mock fail 0 10
run "$tdb" produce large "$work/large"
expect_status 1
expect_err 'large:1: Message size too large$'
expect_err '^Let the topic take larger ones: tdb topic config large max.message.bytes=BYTES$'
expect_out '^0 records to large'
expect_out '^2 not acknowledged$'
# A server that is away for a moment is waited for.
mkfifo "$work/slow"
"$tdb" produce slow "$work/slow" --idempotent >"$out" 2>"$err" &
producer=$!
command="tdb produce, the server away for a moment"
exec {slow}>"$work/slow"
echo first >&"$slow"
sleep 0.3
mock down
echo second >&"$slow"
sleep 0.3
mock up
exec {slow}>&-
status=0
wait "$producer" || status=$?
expect_status 0
expect_out '^2 records to slow'
run "$tdb" consume slow
[ "$(tr '\n' ' ' <"$out")" = "first second " ] || fail "a record is lost, or there twice"
# And not for ever.
"$tdb" produce slow "$work/slow" --timeout 1s >"$out" 2>"$err" &
producer=$!
command="tdb produce, the server away"
exec {slow}>"$work/slow"
sleep 0.3
mock down
echo third >&"$slow"
status=0
wait "$producer" || status=$?
exec {slow}>&-
expect_status 1
expect_err 'slow:1: the server acknowledged nothing for 1 s'
expect_out '^1 not acknowledged$'
mock up

# --- following, and signals -----------------------------------------------------------------------
"$tdb" consume follow --follow --from end >"$work/followed" 2>"$err" &
follower=$!
command="tdb consume --follow"
sleep 0.5
printf 'x\ny\nz\n' | "$tdb" produce follow --partition 1 >/dev/null
for _ in $(seq 100); do
    [ "$(wc -l <"$work/followed")" -eq 3 ] && break
    sleep 0.05
done
kill -INT "$follower"
status=0
wait "$follower" || status=$?
cp "$work/followed" "$out"
expect_status 0
expect_err '^interrupted: 3 records, 3 B, of 1 partitions$'
[ "$(tr '\n' ' ' <"$out")" = "x y z " ] || fail "not what was appended"
"$tdb" produce follow "$work/slow" >"$out" 2>"$err" &
producer=$!
command="tdb produce, interrupted"
exec {slow}>"$work/slow"
echo last >&"$slow"
sleep 0.3
kill -TERM "$producer"
status=0
wait "$producer" || status=$?
exec {slow}>&-
expect_status 0
expect_out '^1 records to follow'
# A reader that has enough ends it without a word; a full disk is said.
command="tdb consume | head"
status=$( ("$tdb" consume quakes 2>"$err" || echo $? >"$work/status") | head -1 >"$out"; cat "$work/status")
[ "$status" -eq 141 ] || fail "status $status, want 141"
expect_no_err
if [ -e /dev/full ]; then
    status=0
    "$tdb" consume quakes >/dev/full 2>"$err" || status=$?
    expect_status 1
    expect_err '^tdb: cannot write the result'
fi
# On a terminal nothing that a record holds reaches it unescaped.
printf 'red \033[31m "quoted"\n' | "$tdb" produce follow --partition 0 >/dev/null
python3 - "$tdb" >"$out" <<'PYTHON'
import pty
import sys
pty.spawn([sys.argv[1], "consume", "follow", "--partition", "0", "--from", "-1"])
PYTHON
expect_out 'red \\u001b\[31m "quoted"'
expect_out '^1 records, 18 B, of 1 partitions'

# Progress is shown on a terminal, and gone at the end.
(echo a; sleep 0.6; echo b) >"$work/slow" &
python3 - "$tdb" "$work/slow" >"$out" <<'PYTHON'
import pty
import sys
pty.spawn([sys.argv[1], "produce", "follow", sys.argv[2], "--partition", "0"])
PYTHON
command="tdb produce on a terminal"
tr '\r' '\n' <"$out" | grep -q '^1 records, 1 B, [0-9.]*/s' || fail "no progress is shown"
expect_out '2 records to follow, 2 B in '

# --- the cluster ----------------------------------------------------------------------------------
run "$tdb" cluster info
expect_status 0
expect_out '^topics      7$'
expect_out '^         2  127\.0\.0\.1:[0-9]+$'
run "$tdb" cluster info --json
python3 -c 'import json, sys; info = json.load(open(sys.argv[1])); assert [n["node"] for n in info["nodes"]] == [1, 2], info' "$out" ||
    fail "two nodes are wanted"

# --- topics and their settings --------------------------------------------------------------------
export TDB_SERVER=$topics
run "$tdb" topic list
expect_status 0
expect_out '^ +2 +1  orders$'
run "$tdb" topic list --json
expect_out '^\{"topics":\[\{"topic":"kept","partitions":1,"replication":1\},\{"topic":"orders","partitions":2,"replication":1\}\]\}$'
run "$tdb" topic describe kept
expect_status 0
expect_out '^config      retention.bytes=5000$'
expect_out '^ +0 +7 +10 +50  7 +7$'
run "$tdb" consume orders --from 5 --timeout 500ms
expect_status 1
expect_err '^tdb: nothing came for 500 ms'
expect_err '^tdb: 2 of 2 partitions begin later: partition 0 at offset 10$'
run "$tdb" consume orders --partition 1 --from @2018-02-06T12:30:00Z # nothing is that late
expect_status 0
expect_no_out
grep -q '^offsets orders 1517920200000$' "$work/admin.out" || fail "another time was asked for"
run "$tdb" topic describe orders --json
python3 -c 'import json, sys; t = json.load(open(sys.argv[1])); assert t["config"] == {} and t["partitions"][1]["next_offset"] == 50, t' \
    "$out" || fail "not the topic"
for words in "topic describe" "topic config" "topic delete" consume produce; do
    # Only a producer lets the server make a topic by asking for it.
    ! grep -q '^metadata ordres may-create$' "$work/admin.out" || fail "a reader may make topics"
    # shellcheck disable=SC2086
    run "$tdb" $words ordres --timeout 1s
    expect_status 1
    expect_err "^tdb: no topic 'ordres'; did you mean 'orders'\?$"
    expect_err "'tdb topic list' shows what there is"
done
asked=$(grep -c '^metadata ordres may-create$' "$work/admin.out")
[ "$asked" -gt 0 ] || fail "a producer does not ask for the topic"
[ "$asked" -lt 50 ] || fail "a producer asks without a pause"

run "$tdb" topic create new --partitions 4 --replication 1 --config retention.ms=9 --config cleanup.policy=compact
expect_status 0
expect_out '^created new$'
grep -q '^create new 4 1 cleanup.policy=compact retention.ms=9$' "$work/admin.out" || fail "not what was asked for"
run "$tdb" topic create plain --json
expect_status 0
expect_out '^\{"topic":"plain","created":true\}$'
grep -q '^create plain -1 -1$' "$work/admin.out" || fail "the server is not left to choose"
run "$tdb" topic create new
expect_status 1
expect_err '^tdb: topic new exists already$'
run "$tdb" topic create new --if-not-exists
expect_status 0
run "$tdb" topic create huge --partitions 1000
expect_status 1
expect_err 'topic huge: more than 100 \\u001b\[31mpartitions$'

# One key is changed, the others are kept; nothing that is a default is written down.
run "$tdb" topic config kept
expect_status 0
expect_out '^cleanup.policy   delete  topic$'
expect_out '^retention.bytes  5000    topic$'
[ "$(wc -l <"$out")" -eq 3 ] || fail "more than what is set on the topic"
run "$tdb" topic config kept --all
expect_out '^retention.ms +604800000 +default$'
run "$tdb" topic config kept retention.ms=5
expect_status 0
expect_out '^retention.ms  5 +topic$'
grep -q '^alter kept cleanup.policy=delete retention.bytes=5000 retention.ms=5$' "$work/admin.out" || fail "the others are not kept"
run "$tdb" topic config kept retention.bytes= retention.ms=7 --json
expect_status 0
expect_out '^\{"topic":"kept","configs":\[\{"name":"retention.bytes","value":"-1","source":"DEFAULT_CONFIG"\},\{"name":"retention.ms","value":"7","source":"DYNAMIC_TOPIC_CONFIG"\}\]\}$'
grep -q '^alter kept cleanup.policy=delete retention.ms=7$' "$work/admin.out" || fail "a key does not go back to its default"
run "$tdb" topic config kept retention.ms=soon
expect_status 1
expect_err 'topic kept: retention.ms is no number$'
alters=$(grep -c '^alter' "$work/admin.out")
run "$tdb" topic config kept retention.sm=1 cleanup.policy=compact
expect_status 1
expect_err "no topic has a setting 'retention.sm'; did you mean 'retention.ms'"
[ "$(grep -c '^alter' "$work/admin.out")" -eq "$alters" ] || fail "something was changed all the same"
run "$tdb" topic config orders
expect_status 0
expect_out '^nothing is set on orders itself; --all shows what holds for it$'

run "$tdb" topic delete new gone plain
expect_status 1
expect_out '^deleted new$'
expect_out '^deleted plain$'
expect_err "no topic 'gone'"
run "$tdb" topic delete gone --if-exists
expect_status 0
! grep -q '^refused' "$work/admin.out" || fail "a request that nobody serves"
