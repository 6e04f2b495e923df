#!/usr/bin/env bash
# bench/run in a tree of its own: a benchmark is built and run, its rows become a table or one object, and are held against a
# kept baseline; what cannot be run is told. The figures come from saved runs, so that nothing here depends on the machine.
# usage: bench_test.sh REPOSITORY
set -euo pipefail
source "$(dirname "$0")/expect.sh"
repository=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree" "$out" "$err"' EXIT

# The real script, library and preset; of base/ what bench.c needs.
mkdir -p "$tree/bench/micro" "$tree/tests/support" "$tree/base" "$tree/deploy"
cp "$repository/bench/run" "$repository/bench/bench.cmake" "$tree/bench"
cp "$repository"/bench/micro/bench*.[ch] "$tree/bench/micro"
cp "$repository"/tests/support/{script.py,allocs.*} "$tree/tests/support"
cp "$repository"/base/{assert,compiler}.h "$repository/base/assert.c" "$tree/base"
cp "$repository/deploy/install" "$tree/deploy"
cp "$repository/CMakePresets.json" "$tree"
cat >"$tree/CMakeLists.txt" <<'TXT'
cmake_minimum_required(VERSION 3.25)
project(mini LANGUAGES C)
add_library(tdb_flags INTERFACE)
target_include_directories(tdb_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(tdb_flags INTERFACE _GNU_SOURCE)
add_library(base STATIC base/assert.c)
add_custom_target(tdb)
target_link_libraries(base PRIVATE tdb_flags)
add_subdirectory(bench)
TXT
cat >"$tree/bench/CMakeLists.txt" <<'TXT'
include(bench.cmake)
# tdb_bench(commented ABOUT "no benchmark" SOURCES micro/commented.c)
tdb_bench(spin ABOUT "counting, against counting" SOURCES micro/spin.c)
tdb_bench(crash SOURCES micro/crash.c)
tdb_bench(broken SOURCES micro/broken.c)
tdb_peers(beside ABOUT "a script, beside a peer")
TXT
cat >"$tree/bench/micro/spin.c" <<'TXT'
#include "bench/micro/bench.h"

static void spin(void *context, uint64_t ops_count)
{
    (void)context;
    for (uint64_t i = 0; i < ops_count; i++) {
        bench_keep(i);
    }
}

int main(int argc, char **argv)
{
    struct bench b;
    bench_init(&b, argc, argv);
    struct bench_side side = {.loop = spin};
    struct bench_pair pair = bench_pair(&b, "count", &side, &side, 3);
    bench_row(&b, &(struct bench_row){.name = "count", .value = pair.ours, .unit = "ns/op",
                                      .peer = "itself", .ratio = pair.ratio, .bar = "> 1000"});
    bench_row_allocs(&b, "count: allocations", &side);
    return bench_finish(&b);
}
TXT
echo 'int main(void) { __builtin_trap(); }' >"$tree/bench/micro/crash.c"
echo 'int main(void) { return undeclared; }' >"$tree/bench/micro/broken.c"

# --- which there are
run "$tree/bench/run" list
expect_status 0
expect_out '^spin +counting, against counting$'
expect_out '^crash$'
expect_out '^beside +a script, beside a peer$'
! grep -q commented "$out" || fail "a commented call is listed"
run "$tree/bench/run" --help
expect_status 0
expect_out 'bench/run NAME --compare'
run "$tree/bench/run" spim
expect_status 1
expect_err "no benchmark 'spim'; did you mean 'spin'\?"
expect_err '^There are: spin, crash, broken, beside$'
run "$tree/bench/run" spin --full
expect_status 1
expect_err 'full is for benchmarks against Apache Kafka'

# --- build, run, table; a missed bar is a figure
run "$tree/bench/run" spin --quick
expect_status 0
expect_err '^count: 3 pairs, ratio '
expect_out '^spin: .* cores, .* GiB, Linux '
expect_out '^count +[0-9.]+ +ns/op +itself +[0-9.]+ +> 1000 +MISSED$'
expect_out '^count: allocations +0 +allocs/op +<= 0 allocs/op +ok$'
expect_out '^1 of 2 rows missed their bar$'
run "$tree/bench/run" spin --quick --json
expect_status 0
[ "$(wc -l <"$out")" -eq 1 ] || fail "more than one line"
command="keys of the object"
python3 - "$out" <<'TXT' || fail "not the promised object"
import json, sys
run = json.load(open(sys.argv[1]))
assert list(run) == ["name", "machine", "rows"]
assert set(run["machine"]) == {"cpu", "cores", "memory", "kernel", "filesystem"}
assert [list(row) for row in run["rows"]] == [["case", "value", "unit", "peer", "ratio", "bar", "ok"]] * 2
assert run["rows"][0]["ok"] is False and run["rows"][1]["ok"] is True
TXT
run "$tree/bench/run" crash
expect_status 1
expect_err '^bench/run: crash failed: signal '
run "$tree/bench/run" broken
expect_status 1
expect_err 'undeclared'
expect_err '^bench/run: cmake --build .*: status 1 \(above\)$'

# --- the baseline, from saved runs
saved() { # saved CPU ROWS
    echo "{\"name\":\"spin\",\"machine\":{\"cpu\":\"$1\",\"cores\":2,\"memory\":\"8.0 GiB\",\"kernel\":\"6.1\",
        \"filesystem\":\"ext4\"},\"rows\":[$2]}"
}
row() { # row CASE VALUE UNIT PEER RATIO BAR
    echo "{\"case\":\"$1\",\"value\":$2,\"unit\":\"$3\",\"peer\":$4,\"ratio\":$5,\"bar\":$6,\"ok\":true}"
}
saved one "$(row latency 100 ns null null '"< 300 ns"'),$(row rate 5000 req/s '"epoll"' 1.0 '">= 0.9"'),
    $(row same 10 ns null null null),$(row allocs 0 allocs/op null null null),$(row left 1 ns null null null)" >"$tree/was.json"
saved one "$(row latency 110 ns null null '"< 300 ns"'),$(row rate 6000 req/s '"epoll"' 0.9 '">= 0.9"'),
    $(row same 10.4 ns null null null),$(row allocs 1 allocs/op null null null),$(row came 1 ns null null null)" >"$tree/now.json"
run "$tree/bench/run" spin --from "$tree/now.json" --compare
expect_status 1
expect_err 'no baseline of spin yet; keep one with: bench/run spin --keep'
run "$tree/bench/run" spin --keep --quick
expect_status 1
expect_err 'wants a whole run'
run "$tree/bench/run" spin --from "$tree/was.json" --keep
expect_status 0
run "$tree/bench/run" spin --from "$tree/was.json" --compare
expect_out '^Nothing moved by more than 5 % since the baseline of 20..-..-.., commit unknown$'
run "$tree/bench/run" spin --from "$tree/now.json" --compare
expect_status 0
expect_out '^Moved by more than 5 % since'
expect_out '^  worse   latency  value 100 -> 110 \(\+10.0 %\)$'
expect_out '^  better  rate     value 5,000 -> 6,000 \(\+20.0 %\)$'
expect_out '^  worse   rate     ratio 1 -> 0.9 \(-10.0 %\)$'
expect_out '^  worse   allocs   value 0 -> 1$'
expect_out '^  new     came$'
expect_out '^  gone    left$'
! grep -q '  same' <(sed -n '/^Moved/,$p' "$out") || fail "4 % is a move"
run "$tree/bench/run" spin --from "$tree/now.json" --compare --json
expect_out '"moved": \[\{"case": "latency", "figure": "value", "was": 100, "now": 110, "change": "worse"\}'
sed 's/"cpu":"one"/"cpu":"two"/' "$tree/now.json" >"$tree/other.json"
run "$tree/bench/run" spin --from "$tree/other.json" --compare
expect_out '^The baseline was kept on another machine: compare ratios, not values\.$'
run "$tree/bench/run" crash --from "$tree/now.json"
expect_status 1
expect_err "holds 'spin', not 'crash'"
