#!/usr/bin/env bash
# tdb log as a person and a program run it: events in, out by offset and by time, a writer killed again and again, a second
# process, a rotten byte, wrong flags, wrong events.
# usage: log_test.sh TDB REPOSITORY
set -euo pipefail
source "$(dirname "$0")/expect.sh"
tdb=$1
events=$2/deploy/sample/earthquakes.jsonl
work=$(mktemp -d)
trap 'rm -rf "$out" "$err" "$work"; kill -9 $(jobs -p) 2>/dev/null || true' EXIT

# Oldest first, as events come.
tac "$events" >"$work/events"

for runtime in auto epoll; do
    run "$tdb" log append "$work/$runtime" --group 1 --jsonl "$work/events" --time properties.time --runtime "$runtime"
    expect_status 0
    expect_out 'group 1: 1707 records in [0-9]+ batches, .* offsets 0..1706'
    expect_out 'durable +p50 .* p99'
    run "$tdb" log read "$work/$runtime" --group 1 --offset 1706 --runtime "$runtime"
    expect_status 0
    expect_out '^1706 +2018-02-07T01:26:13.840Z +- +\{"type":"Feature","properties":\{"mag":2,'
    run "$tdb" log verify "$work/$runtime" --runtime "$runtime"
    expect_status 0
    expect_out '^clean$'
done
data=$work/auto

# Every record is the line it came from, whatever the place it is read from.
run "$tdb" log read "$data" --group 1 --json
expect_status 0
cp "$out" "$work/all"
run "$tdb" log read "$data" --group 1 --offset 333 --max 400 --json
expect_status 0
cp "$out" "$work/some"
run "$tdb" log read "$data" --group 1 --time 2018-02-05T00:00:00Z --json
expect_status 0
cp "$out" "$work/late"
run "$tdb" log read "$data" --group 1 --time=1517788800000 --json
expect_status 0
cmp -s "$out" "$work/late" || fail "a time as text and in milliseconds differ"
python3 - "$work" <<'PYTHON'
import json
import sys
work = sys.argv[1]
lines = open(work + "/events").read().splitlines()
times = [json.loads(line)["properties"]["time"] for line in lines]
for name, first, last in (("all", 0, 1707), ("some", 333, 733), ("late", next(i for i, t in enumerate(times) if t >= 1517788800000), 1707)):
    got = json.load(open(f"{work}/{name}"))
    assert got["group"] == 1 and got["faults_count"] == 0, (name, got["faults_count"])
    assert got["records_count"] == last - first == len(got["records"]), (name, got["records_count"])
    assert got["next_offset"] == last, name
    for i, record in enumerate(got["records"], first):
        assert record == {"offset": i, "timestamp": times[i], "key": None, "value": lines[i]}, (name, i, record)
PYTHON

# A second append goes on behind the first; what is there is shown.
run "$tdb" log append "$data" --group 1 --jsonl "$work/events" --json
expect_status 0
expect_out '"records":1707.*"first_offset":1707,"next_offset":3414'
run "$tdb" log dump "$data" --entries
expect_status 0
expect_out '^node$'
expect_out '^  group 1: topic [0-9a-f]{32}, partition 0$'
expect_out 'next offset 3414'
run "$tdb" log dump "$data" --entries --json
expect_status 0
python3 - "$out" <<'PYTHON'
import json
import sys
dump = json.load(open(sys.argv[1]))
(group,) = dump["groups"]
assert group["group"] == 1 and group["next_offset"] == 3414, group
entries = [item for item in group["log"] if "index" in item]
assert [e["index"] for e in entries] == list(range(group["first_index"], group["last_index"] + 1))
assert sum(e["records"] for e in entries) == 3414
assert all(f["decision"] == "F1" for f in dump["frames"]), dump["frames"]
assert dump["faults_count"] == 0
PYTHON

# Killed again and again, at any moment: all that was acknowledged is there, is what was sent, and the log goes on behind it.
for _ in {1..12}; do cat "$work/events"; done >"$work/many"
total=0
for round in 1 2 3 4 5; do
    rm -f "$work/acked"
    "$tdb" log append "$data" --group 2 --jsonl "$work/many" --progress >"$work/acked" 2>"$err" &
    writer=$!
    for _ in $(seq 1000); do
        [ -s "$work/acked" ] && break
        sleep 0.02
    done
    sleep "0.00$((round * 2 - 1))"
    kill -9 "$writer" 2>/dev/null || true
    wait "$writer" 2>/dev/null || true
    command="tdb log append, killed in round $round"
    [ -s "$work/acked" ] || fail "nothing was acknowledged"
    run "$tdb" log verify "$data"
    expect_status 0
    expect_out '^clean$'
    run "$tdb" log read "$data" --group 2 --offset "$total" --json
    expect_status 0
    total=$(python3 - "$out" "$work" "$total" <<'PYTHON'
import json
import sys
got = json.load(open(sys.argv[1]))
lines = open(sys.argv[2] + "/many").read().splitlines()
first = int(sys.argv[3])
acked = [int(line) for line in open(sys.argv[2] + "/acked").read().split("\n")[:-1] if line.isdigit()]
assert got["next_offset"] > acked[-1], (got["next_offset"], acked[-1])
for i, record in enumerate(got["records"]):
    assert record["offset"] == first + i and record["value"] == lines[i], (first, i)
print(got["next_offset"])
PYTHON
    ) || fail "what was acknowledged is not what is there"
done

# A writer has the directory: a second one and a server are refused, readers are not, and see what is acknowledged.
mkfifo "$work/pipe"
"$tdb" log append "$data" --group 3 --jsonl - --progress <"$work/pipe" >"$work/acked" 2>"$work/interrupted" &
writer=$!
exec 9>"$work/pipe"
head -100 "$work/events" >&9
for _ in $(seq 200); do
    [ -s "$work/acked" ] && break
    sleep 0.02
done
run "$tdb" log append "$data" --group 1 --jsonl "$work/events"
expect_status 1
expect_err 'another tdb has this directory'
run timeout 10 "$tdb" serve --listen 127.0.0.1:0 --data "$data"
expect_status 1
expect_err 'another tdb has this data directory'
run "$tdb" log read "$data" --group 3 --offset "$(tail -1 "$work/acked")" --max 1
expect_status 0
expect_out "^$(tail -1 "$work/acked") "
run "$tdb" log verify "$data"
expect_status 0
kill -INT "$writer" # its input is silent: it ends nevertheless, and says how far it came
status=0
wait "$writer" || status=$?
command="tdb log append, SIGINT"
expect_status 1
exec 9>&-
grep -q '^tdb: interrupted$' "$work/interrupted" || fail "it does not say that it was interrupted"
grep -q 'group 3: 100 records' "$work/acked" || fail "it does not say what was appended"

# A wrong line ends it and is named; what stands before it is appended.
{
    head -2 "$work/events"
    echo '{"properties":{"time":"yesterday"}}'
    head -1 "$work/events"
} >"$work/wrong"
run "$tdb" log append "$data" --group 4 --jsonl "$work/wrong" --time properties.time
expect_status 1
expect_err "$work/wrong:3: field 'properties.time' is neither milliseconds since 1970 nor a time"
expect_out 'group 4: 2 records in 1 batches'
printf '{"a":1}\n\n{"a":\n' >"$work/wrong"
run "$tdb" log append "$data" --group 4 --jsonl "$work/wrong" --time a
expect_status 1
expect_err "$work/wrong:3: is not JSON"
expect_out 'group 4: 1 records in 1 batches, .* offsets 2..2'
run "$tdb" log append "$data" --group 4 --jsonl "$work/wrong" --time b
expect_status 1
expect_err "$work/wrong:1: has no field 'b'"
expect_out 'group 4: 0 records'
printf '{"t":"2018-02-07T01:26:13.840Z"}\r\n{"t":"2018-02-07 02:26:14+01:00"}' >"$work/times" # no line end at the end
run "$tdb" log append "$data" --group 5 --jsonl "$work/times" --time t
expect_status 0
run "$tdb" log read "$data" --group 5
expect_out '^0 +2018-02-07T01:26:13.840Z'
expect_out '^1 +2018-02-07T01:26:14.000Z +- +\{"t":"2018-02-07 02:26:14\+01:00"\}$'
printf 'plain text, \x1b[31mred\x1b[0m \xff\n' | "$tdb" log append "$data" --group 6 --jsonl - >/dev/null
run "$tdb" log read "$data" --group 6
expect_out 'plain text, \\u001b\[31mred'
run "$tdb" log read "$data" --group 6 --json
python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["records"][0]["value"]["hex"].startswith("706c61696e")' "$out" ||
    fail "a value that is no text is not given as bytes"

# A rotten byte: named with file, position and entry; the reader goes on behind it.
cp -r "$work/epoll" "$work/rotten"
run "$tdb" log dump "$work/rotten" --entries --json
read -r file pos <<<"$(python3 - "$out" <<'PYTHON'
import json
import sys
entry = [item for item in json.load(open(sys.argv[1]))["groups"][0]["log"] if item.get("index") == 5][0]
print(entry["file"], entry["pos"])
PYTHON
)"
printf '\xff' | dd of="$work/rotten/$file" bs=1 seek=$((pos + 500)) conv=notrunc 2>/dev/null
run "$tdb" log verify "$work/rotten"
expect_status 1
expect_out "^$file at $pos, group 1, entry 5: "
run "$tdb" log verify "$work/rotten" --json
expect_status 1
python3 - "$out" "$file" "$pos" <<'PYTHON'
import json
import sys
report = json.load(open(sys.argv[1]))
assert report["ok"] is False and report["faults_count"] == len(report["faults"]) > 0, report
assert any(f["file"] == sys.argv[2] and f["pos"] == int(sys.argv[3]) and f["group"] == 1 and f["index"] == 5 for f in report["faults"]), report
PYTHON
run "$tdb" log read "$work/rotten" --group 1 --json
expect_status 1
expect_err "^tdb: $file at $pos, group 1, entry 5: "
python3 - "$out" "$work/all" <<'PYTHON' || fail "the reader does not go on behind what it cannot read"
import json
import sys
rotten, sound = (json.load(open(name)) for name in sys.argv[1:])
assert rotten["faults_count"] == 1
assert rotten["next_offset"] == 1707
assert 1600 <= rotten["records_count"] < 1707
assert all(record in sound["records"] for record in rotten["records"])
PYTHON

# Repair: what is lost is named, given up only when that is accepted, and then everything goes on: in the journal, in a segment,
# and where whole frames are gone, so that the group does not know what it has answered.
damage() { # DIR p|journal|frames: a byte of group 1's entry 5; or of its last two frames all that names what was in the first
    run "$tdb" log dump "$1" --entries --json
    python3 - "$out" "$@" <<'PYTHON'
import json
import sys
dump, work, where = sys.argv[1:]
dump = json.load(open(dump))
places = []
if where == "frames":
    first, second = [f for f in dump["frames"] if f["records"] > 0][-2:]
    places = [(first["file"], first["pos"], bytes(first["bytes"])), (second["file"], second["pos"], bytes(4096))]
else:
    entry = [e for e in dump["groups"][0]["log"] if e.get("index") == 5][0]
    assert entry["file"].startswith(where + "/"), entry
    byte = open(f"{work}/{entry['file']}", "rb").read()[entry["pos"] + 500]
    places = [(entry["file"], entry["pos"] + 500, bytes([byte ^ 0xff]))]
for name, pos, data in places:
    with open(f"{work}/{name}", "r+b") as file:
        file.seek(pos)
        file.write(data)
PYTHON
}
for i in {1..6}; do cat "$work/events"; done >"$work/six"
run "$tdb" log append "$work/repair-p" --group 1 --jsonl "$work/six"
expect_status 0
cp -r "$work/epoll" "$work/repair-journal"
cp -r "$work/epoll" "$work/repair-frames"
for name in p journal frames; do
    damaged=$work/repair-$name
    damage "$damaged" "$name"
    run "$tdb" log verify "$damaged"
    expect_status 1
    expect_out 'group 1'
    run "$tdb" log repair "$damaged" --group 1
    expect_status 1
    expect_out '^group 1: entries [0-9]+\.\.[0-9]+, offsets [0-9]+\.\.[0-9]+ cannot be read$'
    expect_out '^nothing was changed; --accept-loss gives [0-9]+ entries up'
    if [ "$name" = frames ]; then
        expect_out '^group 1: it may have lost entries .*\(amnesiac\)'
        run "$tdb" log append "$damaged" --group 1 --jsonl "$work/events"
        expect_status 1
        expect_err 'the group is read-only \(tdb log repair\)'
    fi
    run "$tdb" log repair "$damaged" --group 1 --accept-loss --json
    expect_status 0
    cp "$out" "$work/repaired"
    run "$tdb" log verify "$damaged"
    expect_status 0
    expect_out '^clean$'
    run "$tdb" log read "$damaged" --group 1 --json
    expect_status 0
    python3 - "$out" "$work/repaired" "$work/six" "$work/events" "$name" <<'PYTHON' || fail "what is read after a repair is not what was left"
import json
import sys
got, repaired = (json.load(open(name)) for name in sys.argv[1:3])
assert repaired["needed"] and repaired["repaired"], repaired
lost = {o for r in repaired["unreadable"] for o in range(r["first_offset"], r["next_offset"])}
if repaired["lost_entries"] == 0 and "journal" in sys.argv[5]:
    lost = set()  # its block was in the segment already
lines = open(sys.argv[3] if repaired["next_offset"] > 1707 else sys.argv[4]).read().splitlines()
assert got["next_offset"] <= len(lines) == repaired["next_offset"], (repaired["next_offset"], len(lines))
assert [r["offset"] for r in got["records"]] == [o for o in range(len(lines)) if o not in lost]
assert all(r["value"] == lines[r["offset"]] for r in got["records"])
assert (len(lost) > 0) == (repaired["lost_entries"] > 0), repaired
PYTHON
    next=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["next_offset"])' "$work/repaired")
    run "$tdb" log append "$damaged" --group 1 --jsonl "$work/events"
    expect_status 0
    expect_out "offsets $next\.\."
    run "$tdb" log verify "$damaged"
    expect_status 0
    run "$tdb" log repair "$damaged" --group 1 --accept-loss
    expect_status 0
    expect_out '^group 1: nothing to repair$'
done
run "$tdb" log repair "$data"
expect_status 2
expect_err '^--group: is needed'
run "$tdb" log repair "$data" --group 99 --accept-loss
expect_status 1
expect_err "$data has no group 99"

# Wrong use is answered with what is right.
run "$tdb" log
expect_status 2
expect_err '^usage: tdb log COMMAND DIR'
for name in append read dump verify repair; do
    run "$tdb" log "$name" --help
    expect_status 0
    expect_out "^usage: tdb log $name DIR "
    expect_out '^  --json '
done
run "$tdb" log --help
expect_status 0
expect_out '  verify '
run "$tdb" log apend "$data"
expect_status 2
expect_err "no command 'apend'; did you mean 'append'\?"
run "$tdb" log append
expect_status 2
expect_err '^DIR: needs the directory of a log$'
expect_err '^usage: tdb log append DIR --group N --jsonl FILE'
run "$tdb" log append "$data" --jsonl "$events"
expect_status 2
expect_err '^--group: is needed'
run "$tdb" log append "$data" --group 1
expect_status 2
expect_err '^--jsonl: is needed'
run "$tdb" log append "$data" --group 0 --jsonl "$events"
expect_status 2
expect_err "the node's own group"
run "$tdb" log append "$data" --group --jsonl "$events"
expect_status 2
expect_err '^--group: needs the number of a group'
run "$tdb" log read "$data" --group seven
expect_status 2
expect_err '^--group: takes a whole number'
run "$tdb" log read "$data" --grup 1
expect_status 2
expect_err '^--grup: is no flag; did you mean --group\?'
expect_err '^usage: tdb log read DIR'
run "$tdb" log read "$data" --group 1 --time yesterday
expect_status 2
expect_err '^--time: takes milliseconds since 1970 or a time like'
run "$tdb" log read "$data" --group 1 --time 0 --offset 0
expect_status 2
expect_err 'exclude each other'
run "$tdb" log verify "$data" more
expect_status 2
expect_err '^more: is one argument too many'
run "$tdb" log verify "$data" --runtime kqueue
expect_status 2
expect_err '^--runtime: .*kqueue'
expect_err '^usage: tdb log verify DIR'
run "$tdb" log dump "$data" --entries=yes
expect_status 2
expect_err '^--entries: takes no value'

# What is not there, or is something else.
run "$tdb" log read "$data" --group 99
expect_status 1
expect_err "$data has no group 99"
for command in "read --group 1" "repair --group 1" verify dump; do
    run "$tdb" log ${command%% *} "$work/none" ${command#"${command%% *}"}
    expect_status 1
    expect_err "$work/none is not the directory of a log"
done
[ ! -e "$work/none" ] || fail "looking made the directory"
run "$tdb" log append "$work/none/log" --group 1 --jsonl "$events"
expect_status 1
expect_err "cannot make the directory $work/none/log: No such file"
run "$tdb" log append "$work/new" --group 1 --jsonl "$work/missing"
expect_status 1
expect_err "cannot read $work/missing: No such file"
[ ! -e "$work/new" ] || fail "wrong events made the directory"
run "$tdb" log append "$events" --group 1 --jsonl "$events"
expect_status 1
run bash -c "'$tdb' log read '$data' --group 1 >/dev/full"
expect_status 1
expect_err 'cannot write the result'
