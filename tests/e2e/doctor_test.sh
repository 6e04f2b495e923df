#!/usr/bin/env bash
# tdb doctor as a person runs it: on the sample events, on both runtimes, on a full and a missing directory, with a wrong file.
# usage: doctor_test.sh TDB REPOSITORY
set -euo pipefail
source "$(dirname "$0")/expect.sh"
tdb=$1
events=$2/deploy/sample/earthquakes.jsonl
work=$(mktemp -d)
trap 'rm -rf "$out" "$err" "$work"' EXIT

for runtime in auto epoll; do
    run "$tdb" doctor --events "$events" --data "$work/data" --runtime "$runtime" --memory 128MiB
    expect_status 0
    expect_out 'events of .*: 1707 in 18 batches, 1.1 MiB'
    expect_out 'durable writes, one at a time'
    expect_out '<- used'
    expect_out 'every byte as it was appended'
    for codec in gzip snappy lz4 zstd; do
        expect_out "$codec +0\.[0-9]+ of the size"
    done
    [ ! -e "$work/data" ] || fail "it left $work/data behind"
done

mkdir "$work/kept"
run "$tdb" doctor --json --events "$events" --data "$work/kept"
expect_status 0
python3 - "$out" <<'PYTHON'
import json
import sys
report = json.load(open(sys.argv[1]))
assert report["events"]["count"] == 1707, report
assert report["events"]["bytes"] == 1128705, report
assert set(report["events"]["codecs"]) == {"gzip", "snappy", "lz4", "zstd"}, report
assert report["durable_form"] in report["durable_4k_ns"], report
PYTHON
[ -z "$(ls -A "$work/kept")" ] || fail "something stayed behind: $(ls -A "$work/kept")"

run "$tdb" doctor --data "$work/missing/data"
expect_status 1
expect_err 'cannot make the data directory .*No such file'

run "$tdb" doctor --events "$work/none"
expect_status 1
expect_err 'cannot read .*/none: No such file'

run "$tdb" doctor --events "$work" --data "$work/data"
expect_status 1
expect_err 'one event per line'

run "$tdb" doctor --dta "$work/data"
expect_status 2
expect_err 'did you mean --data'

# Ctrl-C while it measures: an orderly end.
for _ in {1..40}; do cat "$events"; done > "$work/many"
run timeout --preserve-status -s INT 0.3 "$tdb" doctor --events "$work/many" --data "$work/kept"
expect_status 1
expect_err 'tdb: interrupted'
[ -z "$(ls -A "$work/kept")" ] || fail "something stayed behind: $(ls -A "$work/kept")"

# A disk that is full: a file may grow to 64 KiB and no further.
run bash -c "ulimit -f 64; '$tdb' doctor --data '$work/kept'"
expect_status 1
expect_err "cannot measure in $work/kept: "
[ -z "$(ls -A "$work/kept")" ] || fail "something stayed behind: $(ls -A "$work/kept")"
