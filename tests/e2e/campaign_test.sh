#!/usr/bin/env bash
# tests/campaign in a tree of its own, whose suites and fuzzers are scripts that say what they were given: the numbers and the
# environment arrive, figures are written when all passed and only then, a failure says how to repeat it.
# usage: campaign_test.sh REPOSITORY
set -euo pipefail
source "$(dirname "$0")/expect.sh"
repository=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree" "$out" "$err"' EXIT

# --- the real campaigns: listed, and every name in them is one the script knows
run "$repository/tests/campaign" list
expect_status 0
expect_out '^base  '
expect_out '^fuzz  '
run "$repository/tests/campaign" list --json
expect_status 0
python3 - "$out" <<'TXT' || fail "not the promised list"
import json, sys
presets = {"asan", "campaign", "tsan", "fuzz", "fuzz_fast", "debug", "release"}
for campaign in json.load(open(sys.argv[1])):
    assert campaign["name"] and campaign["what"] and campaign["preset"] in presets, campaign
    assert sum(kind in campaign for kind in ("suites", "fuzzers", "scripts")) == 1, campaign
    assert bool(campaign.get("seconds") or campaign.get("cases")) != ("scripts" in campaign), campaign
    assert campaign["last"] is None or campaign["last"]["figures"] is not None, campaign
TXT
run "$repository/tests/campaign" bsae
expect_status 1
expect_err "no campaign 'bsae'; did you mean 'base'\?"
run "$repository/tests/campaign" base --seconds 0
expect_status 2
run "$repository/tests/campaign" --help
expect_status 0
expect_out 'tests/campaigns.json'

# --- a small tree with the real script
mkdir -p "$tree/tests/support" "$tree/tests/fuzz/corpus/ok" "$tree/deploy"
cp "$repository/tests/campaign" "$tree/tests"
cp "$repository/tests/support/script.py" "$tree/tests/support"
cp "$repository/deploy/install" "$tree/deploy"
cat >"$tree/CMakePresets.json" <<'TXT'
{"version": 6,
 "configurePresets": [{"name": "tiny", "generator": "Ninja", "binaryDir": "${sourceDir}/build/tiny"}],
 "buildPresets": [{"name": "tiny", "configurePreset": "tiny"}]}
TXT
cat >"$tree/CMakeLists.txt" <<'TXT'
cmake_minimum_required(VERSION 3.25)
project(tiny LANGUAGES NONE)
enable_testing()
add_test(NAME base_map COMMAND sh ${CMAKE_SOURCE_DIR}/suite.sh)
add_test(NAME base_bad COMMAND sh -c "echo case of seed 77 failed; exit 3")
add_test(NAME other COMMAND false)
set_tests_properties(base_map PROPERTIES ENVIRONMENT "TDB_SUITE=base_map;TDB_REPO=${CMAKE_SOURCE_DIR}")
foreach(name ok crash canary)
    configure_file(${name}.sh tests/fuzz/fuzz_${name} COPYONLY)
endforeach()
TXT
cat >"$tree/suite.sh" <<'TXT'
echo "in $(basename "$PWD"), repository $(basename "$TDB_REPO")"
echo "SKIP: a_test: no data here"
echo "covered: $TDB_SUITE/model: ${TDB_SHARE_CASES:-any} cases in ${TDB_SHARE_SECONDS:-any} s (from seed $TDB_SEED)"
TXT
# What libFuzzer says (clang 14) when all went well, and on a crash.
cat >"$tree/ok.sh" <<'TXT'
#!/bin/sh
echo "given: $*"
printf '#2\tINITED cov: 3 ft: 4 corp: 1/1b exec/s: 0 rss: 31Mb\n#4096\tDONE   cov: 17 ft: 21 corp: 5/38b lim: 43 exec/s: 0\n'
echo 'stat::number_of_executed_units: 4096'
TXT
cat >"$tree/crash.sh" <<'TXT'
#!/bin/sh
[ ! -e taped ] || touch "$TDB_BUILD/fuzz_crash-7.tape"
echo "==1==ERROR: AddressSanitizer: heap-buffer-overflow"
echo "artifact_prefix='build/tiny/crashes/crash/'; Test unit written to build/tiny/crashes/crash/crash-0a1b"
exit 77
TXT
cp "$tree/crash.sh" "$tree/canary.sh"
cat >"$tree/script.sh" <<'TXT'
#!/bin/sh
echo "covered: script $1 in $(basename "$TDB_BUILD")"
[ "$1" = one ] || [ ! -e broken ] || exit 4
TXT
chmod +x "$tree"/*.sh
cat >"$tree/tests/campaigns.json" <<'TXT'
{
  "small": {"what": "one suite", "preset": "tiny", "suites": ["base_map", "base_none"], "seconds": 60, "last": null},
  "all": {"what": "and one that fails", "preset": "tiny", "suites": ["base_*"], "seconds": 60, "last": null},
  "fuzz": {"what": "fuzzers", "preset": "tiny", "fuzzers": ["fuzz_*"], "canary": "fuzz_canary", "seconds": 9, "last": null},
  "once": {"what": "scripts", "preset": "tiny", "scripts": ["./script.sh one", "./script.sh two"], "last": null}
}
TXT
printf 'build/\n__pycache__/\n' >"$tree/.gitignore"
git -C "$tree" -c init.defaultBranch=main init -q
git -C "$tree" add -A
git -C "$tree" -c user.name=t -c user.email=t@t commit -qm tree
hash=$(git -C "$tree" rev-parse --short HEAD)
figure() { # figure CAMPAIGN KEY: what its last run wrote
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]]["last"][sys.argv[3]])' \
        "$tree/tests/campaigns.json" "$1" "$2"
}

# --- numbers and environment arrive; figures are written
run "$tree/tests/campaign" small
expect_status 0
expect_out '^building: tiny$'
expect_out "^in tiny, repository $(basename "$tree")\$"
expect_out '^covered: base_map/model: any cases in 60 s \(from seed [0-9]+\)$'
expect_out '^  SKIP: a_test: no data here$'
expect_out '^figures written to tests/campaigns.json$'
[ "$(figure small commit)" = "$hash" ] || fail "commit is $(figure small commit), want $hash"
[ "$(figure small date)" = "$(date -u +%F)" ] || fail "date is $(figure small date)"
[[ "$(figure small figures)" = "['base_map/model: any cases in 60 s (from seed "* ]] || fail "figures: $(figure small figures)"
echo >>"$tree/suite.sh"
run "$tree/tests/campaign" small --cases 12 --seed 5
expect_status 0
expect_out '^covered: base_map/model: 12 cases in any s \(from seed 5\)$'
[ "$(figure small commit)" = "$hash+changes" ] || fail "commit is $(figure small commit)"
[ "$(figure small cases) $(figure small seed)" = "12 5" ] || fail "numbers were not kept"
run "$tree/tests/campaign" list
expect_out "passed 20..-..-.. at $hash\+changes, 12 cases each, seed 5\$"
expect_out '^ +base_map/model: 12 cases'

# --- a failure: the others run, nothing is written, and it can be repeated
run "$tree/tests/campaign" all --seconds 3 --seed 9
expect_status 1
expect_out '^covered: base_map/model: any cases in 3 s'
expect_out '^case of seed 77 failed$'
expect_err '^tests/campaign: base_bad failed with status 3\. To repeat:$'
expect_err '^  tests/campaign all --only base_bad --seconds 3 --seed 9$'
run "$tree/tests/campaign" all --only 'base_m*'
expect_status 0
run "$tree/tests/campaign" all --only base_none
expect_status 1
expect_err 'nothing to run: no base_none in build/tiny'
run figure all date
expect_status 1

# --- fuzzers: a crash is named; the canary must find its own
run "$tree/tests/campaign" fuzz --seed 4
expect_status 1
expect_out '^given: -seed=4 -max_total_time=9 .*-artifact_prefix=build/tiny/crashes/ok/ build/tiny/corpus/ok tests/fuzz/corpus/ok$'
expect_err '^  build/tiny/tests/fuzz/fuzz_crash build/tiny/crashes/crash/crash-0a1b$'
! grep -q tape "$err" || fail "a tape is told where there is none"
! grep -q canary "$err" || fail "the canary's planted crash is told as a failure"
touch "$tree/taped"
run "$tree/tests/campaign" fuzz --only fuzz_crash
expect_status 1
expect_err 'came before it: TDB_TAPE=build/tiny/fuzz_crash-7.tape build/tiny/tests/fuzz/fuzz_crash -runs=0$'
cp "$tree/ok.sh" "$tree/crash.sh"
run "$tree/tests/campaign" fuzz --cases 4096
expect_status 0
expect_out '^  fuzz_ok: 4096 inputs in [0-9.]+ s, 17 edges, corpus of 5$'
expect_out '^  fuzz_canary: planted crash found in'
run "$tree/tests/campaign" fuzz --only fuzz_ok
expect_status 0
expect_out '^no fuzz_canary among them'
cp "$tree/ok.sh" "$tree/canary.sh"
run "$tree/tests/campaign" fuzz
expect_status 1
expect_err 'fuzz_canary did not find its planted crash: the fuzzers are blind'

# --- scripts: run once, with the build's folder; no numbers
run "$tree/tests/campaign" once
expect_status 0
expect_out '^campaign once passed: 2 programs, once each$'
[ "$(figure once figures)" = "['script one in tiny', 'script two in tiny']" ] || fail "figures: $(figure once figures)"
run "$tree/tests/campaign" list
expect_out 'passed 20..-..-.. at .*, once each$'
touch "$tree/broken"
run "$tree/tests/campaign" once
expect_status 1
expect_err '^tests/campaign: script_two failed with status 4\. To repeat:$'
expect_err '^  tests/campaign once --only script_two$'
