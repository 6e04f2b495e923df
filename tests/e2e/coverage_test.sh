#!/usr/bin/env bash
# tests/coverage_report counts with the real gcov and gcovr: a folder at its floor passes, one line under it fails, and the
# unreached lines are named.  usage: coverage_test.sh REPOSITORY
set -euo pipefail
source "$(dirname "$0")/expect.sh"
repository=$1
if ! command -v gcovr >/dev/null; then
    echo "SKIP: e2e_coverage: gcovr is not installed: deploy/install test"
    exit 0
fi
tree=$(mktemp -d)
trap 'rm -rf "$tree" "$out" "$err"' EXIT
mkdir -p "$tree/tests/support" "$tree/base/rt" "$tree/build/coverage"
cp "$repository/tests/coverage_report" "$tree/tests"
cp "$repository/tests/support/script.py" "$tree/tests/support"

run "$tree/tests/coverage_report" --report
expect_status 1
expect_err 'holds no counts: run without --report'
run "$tree/tests/coverage_report" --reprot
expect_status 1
expect_err 'usage: tests/coverage_report'

# 19 counted lines in base/, one of which only a program with arguments reaches; base/rt has no floor.
{
    echo 'int base_odd(int x);'
    echo 'int base_odd(int x) {'
    echo '    if (x > 1) {'
    echo '        x++;'
    echo '    }'
    for _ in $(seq 15); do echo '    x++;'; done
    echo '    return x; }'
} >"$tree/base/odd.c"
echo 'int rt_never(void); int rt_never(void) { return 1; }' >"$tree/base/rt/never.c"
echo 'int base_odd(int x); int main(int argc, char **argv) { (void)argv; return base_odd(argc) == 0; }' >"$tree/tests/main.c"
(cd "$tree/build/coverage" && gcc --coverage -O0 -fprofile-update=atomic -ffile-prefix-map="$tree/=" \
    "$tree/base/odd.c" "$tree/base/rt/never.c" "$tree/tests/main.c" -o program)

"$tree/build/coverage/program"
run "$tree/tests/coverage_report" --report
expect_status 1
expect_out '^base +19 +18 +94\.7 %  floor 95 %: UNDER$'
expect_out '^base/rt +1 +0 +0\.0 %$'
expect_out '^all +20 +18 +90\.0 %$'
expect_out '^  base/odd\.c +94\.7 %  4$'
expect_err '^tests/coverage_report: under the floor: base$'

"$tree/build/coverage/program" more
run "$tree/tests/coverage_report" --report
expect_status 0
expect_out '^base +19 +19 +100\.0 %  floor 95 %: ok$'
