#!/usr/bin/env bash
# tdb log as a person runs it: events in, out by offset and by time, killed in the middle, a second process, a rotten byte,
# wrong flags.
# usage: log_test.sh TDB REPOSITORY
set -euo pipefail
source "$(dirname "$0")/expect.sh"
tdb=$1
events=$2/deploy/sample/earthquakes.jsonl
work=$(mktemp -d)
trap 'rm -rf "$out" "$err" "$work"' EXIT

for runtime in auto epoll; do
    run "$tdb" log append "$work/$runtime" --group 1 --jsonl "$events" --time properties.time --runtime "$runtime"
    expect_status 0
    expect_out 'group 1: 1707 records in 18 batches, .* offsets 0..1706'
    run "$tdb" log read "$work/$runtime" --group 1 --offset 1706
    expect_status 0
    expect_out '^1706 .*2018-01-31T01:49:59.650Z'
    run "$tdb" log verify "$work/$runtime"
    expect_status 0
    expect_out '^clean$'
done

# By time: the first record of a batch that reaches it.
run "$tdb" log read "$work/auto" --group 1 --time 2018-02-05T00:00:00Z --max 1
expect_status 0
run "$tdb" log dump "$work/auto"
expect_status 0
expect_out 'entries 1..18'

# Killed on the way: what was acknowledged is there, and nothing is wrong.
mkfifo "$work/pipe"
{
    head -850 "$events"
    exec sleep 60
} >"$work/pipe" &
feeder=$!
"$tdb" log append "$work/auto" --group 2 --jsonl "$work/pipe" --progress >"$work/acked" &
writer=$!
for _ in $(seq 200); do
    [ -s "$work/acked" ] && break
    sleep 0.05
done

# Meanwhile a second writer is refused, and a reader is not.
run "$tdb" log append "$work/auto" --group 1 --jsonl "$events"
expect_status 1
expect_err 'another|in use|lock'
run "$tdb" log read "$work/auto" --group 1 --offset 0 --max 1
expect_status 0
expect_out '^0 '
{ kill -9 "$writer" && wait "$writer"; } 2>/dev/null || true
kill "$feeder"
acked=$(tail -1 "$work/acked")
run "$tdb" log read "$work/auto" --group 2 --offset "$acked" --max 1
expect_status 0
expect_out "^$acked "
run "$tdb" log verify "$work/auto"
expect_status 0
expect_out '^clean$'

# Wrong use is answered with what is right.
run "$tdb" log append
expect_status 2
run "$tdb" log read "$work/auto" --grup 1
expect_status 2
expect_err 'did you mean --group'
run "$tdb" log verify "$work/none"
expect_status 1
