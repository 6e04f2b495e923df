#!/usr/bin/env bash
# tdb as a person calls it: version, help, a wrong name, a full disk.  usage: cli_test.sh TDB
set -euo pipefail
source "$(dirname "$0")/expect.sh"
tdb=$1

run "$tdb" --version
expect_status 0
expect_out '^tdb [0-9]+\.[0-9]+\.[0-9]+$'

run "$tdb" --help
expect_status 0
expect_out '^usage: tdb COMMAND'
expect_out '--version'

run "$tdb"
expect_status 2
expect_err '^usage: tdb COMMAND'

run "$tdb" --verson
expect_status 2
expect_err "no command '--verson'; did you mean '--version'\?"

run "$tdb" zzzzzz
expect_status 2
expect_err "no command 'zzzzzz'$"
expect_err "Try 'tdb --help'"

run bash -c "'$tdb' --help > /dev/full"
expect_status 1
expect_err 'cannot write the result'
