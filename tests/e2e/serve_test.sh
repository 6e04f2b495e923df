#!/usr/bin/env bash
# tdb serve as an operator runs it: ready, one server per directory, an orderly end, kill -9 and again, and what it says when it
# cannot start.  usage: serve_test.sh TDB
set -euo pipefail
source "$(dirname "$0")/expect.sh"
tdb=$1
export TDB_LISTEN=127.0.0.1:0 TDB_HTTP_LISTEN=127.0.0.1:0
work=$(mktemp -d)
log=$work/log
trap 'rm -rf "$out" "$err" "$work"; [ -z "${server:-}" ] || kill -9 "$server" 2>/dev/null || true' EXIT

start() {
    rm -f "$log" # of the server before
    "$tdb" serve --data "$work/data" "$@" 2>"$log" &
    server=$!
    for _ in $(seq 200); do
        grep -qs ' ready' "$log" && return
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    command="tdb serve $*"
    cp "$log" "$err"
    fail "it does not get ready"
}

finish() {
    kill -"$1" "$server"
    status=0
    wait "$server" || status=$?
    server=
}

for runtime in auto epoll; do
    start --runtime "$runtime" --shards 3 --memory 96MiB
    command="tdb serve --runtime $runtime"
    cp "$log" "$err"
    expect_err 'shards=3'
    expect_err 'durable writes form=(linked|dsync|thread)'

    run "$tdb" serve --data "$work/data"
    expect_status 1
    expect_err 'another tdb has this data directory'

    port=$(sed -n 's/.* ready kafka=\([^ ]*\) .*/\1/p' "$log")
    run "$tdb" serve --shards 3 --memory 96MiB --data "$work/other" --listen "$port"
    expect_status 1
    expect_err 'the address is in use; --listen'

    port=$(sed -n 's/.* ready .* http=\([^ ]*\) .*/\1/p' "$log")
    for shards in 1 3; do
        run "$tdb" serve --shards $shards --memory 96MiB --data "$work/other" --http.listen "$port"
        expect_status 1
        expect_err "the address is in use; --http.listen takes another.*path=$port"
    done

    finish TERM
    command="tdb serve, SIGTERM"
    expect_status 0
    cp "$log" "$err"
    expect_err 'stopped'
done

start
finish KILL # the lock goes with the process
start
finish INT
command="tdb serve, SIGINT"
expect_status 0
[ "$(ls "$work/data" | tr '\n' ' ')" = "groups.tab groups.tab.old journal lock node.meta p reserve " ] ||
    fail "something stayed behind in the data directory: $(ls "$work/data")"

# SIGHUP: the settings are read again and log.level applies; a file that is wrong changes nothing. Of signals that wait, the one
# with the lowest number is taken first: SIGHUP before SIGTERM.
wait_for() {
    for _ in $(seq 200); do
        grep -q "$1" "$log" && return
        sleep 0.05
    done
    cp "$log" "$err"
    fail "the log never says '$1'"
}
printf 'log:\n  level: info\n' >"$work/tdb.yaml"
start --config "$work/tdb.yaml"
command="tdb serve, SIGHUP"
kill -HUP "$server"
wait_for 'settings read again'
printf 'log:\n  level: loud\n' >"$work/tdb.yaml"
kill -HUP "$server"
wait_for 'tdb.yaml:2:10: .*loud'
printf 'log:\n  level: error\n' >"$work/tdb.yaml"
kill -HUP "$server"
finish TERM
expect_status 0
! grep -q 'stopp' "$log" || fail "log.level error lets an info line through"

run "$tdb" serve --data "$work/missing/data"
expect_status 1
expect_err 'cannot make the data directory.*missing/data.*NOT_FOUND'

touch "$work/file"
run "$tdb" serve --data "$work/file"
expect_status 1
expect_err 'cannot open the lock'

run "$tdb" serve --shards 2 --memory 1MiB --data "$work/data"
expect_status 1
expect_err 'each needs at least 16 MiB'

run "$tdb" serve --listen 0.0.0.0:0 --insecure --data "$work/other"
expect_status 1
expect_err 'add --advertise HOST:PORT'

run "$tdb" serve --http.listen 0.0.0.0:0 --data "$work/other"
expect_status 1
expect_err 'add --insecure'

run "$tdb" serve --http.listen localhost
expect_status 2
expect_err 'http.listen.*or off'

run "$tdb" serve --listen 127.0.0.1:4711 --http.listen 127.0.0.1:4711 --data "$work/other"
expect_status 1
expect_err 'both have the port of 127.0.0.1:4711'

start --http.listen off
finish TERM
command="tdb serve --http.listen off"
expect_status 0
cp "$log" "$err"
expect_err ' http=off '

run "$tdb" serve --help
expect_status 0
expect_out '^usage: tdb serve'

run "$tdb" serve --shrads 2
expect_status 2
expect_err 'did you mean --shards'

run env TDB_RUNTIME=kqueue "$tdb" serve
expect_status 2
expect_err 'TDB_RUNTIME'

run bash -c "ulimit -n 100; '$tdb' serve --data '$work/data'"
expect_status 1
expect_err 'cannot start: .*(descriptors|open files)'
