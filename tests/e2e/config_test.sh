#!/usr/bin/env bash
# tdb config as a person calls it: values and where they come from, complaints, JSON.  usage: config_test.sh TDB
set -euo pipefail
source "$(dirname "$0")/expect.sh"
tdb=$1
for name in $(compgen -e | grep '^TDB_'); do unset "$name"; done # what the test's own caller sets
folder=$(mktemp -d)
trap 'rm -rf "$folder" "$out" "$err"' EXIT
cd "$folder"

# Defaults, and nothing else said.
run "$tdb" config check
expect_status 0
expect_out '^data +\./data +default$'
expect_out '^log\.format +human +default$'
expect_no_err

# Each source outdoes the one before, and says so.
cat >tdb.yaml <<'YAML'
data: /var/lib/tdb
memory: 2GiB
shards: 2
log:
  level: debug
  format: json
YAML
run env TDB_SHARDS=3 TDB_LOG_LEVEL=warn "$tdb" config check --config tdb.yaml --shards 4 --runtime=epoll
expect_status 0
expect_out '^data +/var/lib/tdb +tdb\.yaml:1:7$'
expect_out '^memory +2GiB +tdb\.yaml:2:9$'
expect_out '^shards +4 +--shards$'
expect_out '^runtime +epoll +--runtime$'
expect_out '^log\.level +warn +TDB_LOG_LEVEL$'
expect_out '^log\.format +json +tdb\.yaml:6:11$'
expect_no_err

# All that is wrong at once, each with its place, and no table.
cat >wrong.yaml <<'YAML'
shards: no
lgo:
  level: debug
log.level: inof
memory: 64K
YAML
run env TDB_SIMD=avx3 "$tdb" config check --config=wrong.yaml --log-level debug --runtime
expect_status 1
expect_no_out
expect_err '^wrong\.yaml:1:9: shards takes a whole number from 0 to 256, not "no"$'
expect_err '^wrong\.yaml:2:1: there is no group "lgo"; did you mean log\?$'
expect_err '^wrong\.yaml:4:12: log\.level takes one of error, warn, info, debug, not "inof"; did you mean info\?$'
expect_err '^wrong\.yaml:5:9: memory takes a size .* not "64K"; say KiB'
expect_err '^TDB_SIMD: simd takes one of auto, scalar, sse42, avx2, avx512, not "avx3"; did you mean avx2\?$'
expect_err '^--log-level: is no flag; did you mean --log\.level\?$'
expect_err '^--runtime: runtime needs a value: one of auto, uring, epoll$'
[ "$(wc -l <"$err")" -eq 7 ] || fail "more than seven complaints"

# YAML that is none, or that could grow.
printf 'log:\n\tlevel: info\n' >tab.yaml
run "$tdb" config check --config tab.yaml
expect_status 1
expect_err '^tab\.yaml:2:1: not YAML: '
printf 'a: &a [x, x]\nb: &b [*a, *a]\n' >bomb.yaml
run "$tdb" config check --config bomb.yaml
expect_status 1
expect_err '^bomb\.yaml:1:4: anchors \(&\) and aliases \(\*\) are not accepted'

# Files that cannot be read, and a pipe that can.
run "$tdb" config check --config missing.yaml
expect_status 1
expect_err '^missing\.yaml: the file cannot be read: No such file or directory$'
run "$tdb" config check --config .
expect_status 1
expect_err '^\.: the file cannot be read: Is a directory$'
run "$tdb" config check --config
expect_status 1
expect_err '^--config: needs the name of a file$'
run bash -c "printf 'shards: 7' | '$tdb' config check --config /dev/stdin"
expect_status 0
expect_out '^shards +7 +/dev/stdin:1:9$'

# A variable that is nearly one of ours is worth a word, no more.
run env TDB_LOG_LEVL=debug TDB_BUILD=x "$tdb" config check
expect_status 0
expect_err '^TDB_LOG_LEVL: warning: .* did you mean TDB_LOG_LEVEL\?$'
[ "$(wc -l <"$err")" -eq 1 ] || fail "more than one complaint"

# What a file says cannot drive the terminal.
printf '"\\e[2J": 1\n' >terminal.yaml
run "$tdb" config check --config terminal.yaml
expect_status 1
expect_err 'there is no key "\\u001b\[2J"$'

# For programs.
json() {
    python3 -c "import json, sys; page = json.load(sys.stdin); sys.exit(0 if ($1) else 1)" <"$out" || fail "not in the JSON: $1"
}
run "$tdb" config check --json --config tdb.yaml
expect_status 0
json "page['ok'] and page['errors_count'] == 0 and page['problems'] == []"
json "{k['key']: k['value'] for k in page['keys']}['memory'] == 2 << 30"
json "{k['key']: k['from'] for k in page['keys']}['log.level'] == 'tdb.yaml:5:10'"
run "$tdb" config check --json --config wrong.yaml
expect_status 1
json "not page['ok'] and page['errors_count'] == 4"
json "page['problems'][0]['where'] == 'wrong.yaml:1:9' and page['problems'][0]['line'] == 1"

# Which keys there are; and usage.
run "$tdb" config keys
expect_status 0
expect_out '^data$'
expect_out '^    takes one of auto, uring, epoll; default auto$'
run "$tdb" config
expect_status 2
expect_err '^usage: tdb config check'
run "$tdb" config chekc
expect_status 2
run bash -c "'$tdb' config check > /dev/full"
expect_status 1
expect_err 'cannot write the result'
