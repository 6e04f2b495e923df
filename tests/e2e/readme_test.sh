#!/usr/bin/env bash
# Every command that a README shows runs. README files put commands in ```sh blocks, one per line; a trailing "# ..." is a
# comment.
# usage: readme_test.sh REPOSITORY
set -euo pipefail
cd "$1"
export PATH="$TDB_BUILD:$PATH" # `tdb` in a README is the program just built

count=0
while IFS= read -r readme; do
    while IFS= read -r line; do
        shown=${line%%  #*}
        shown=${shown%"${shown##*[! ]}"}
        case "$shown" in
        "") continue ;;
        ./tests/run*) continue ;;         # this test is part of it
        ./deploy/quickstart*) continue ;; # .ci/run runs it
        "./bench/run list" | "./tests/campaign list"*) ;;
        ./bench/run* | ./tests/campaign*)
            echo "SKIP: e2e_readme: $readme: $shown: measures for minutes, run it by hand"
            continue
            ;;
        esac
        count=$((count + 1))
        if ! output=$(timeout 60 bash -c "$shown" </dev/null 2>&1); then
            echo "FAIL: $readme shows: $shown" >&2
            tail -20 <<<"$output" >&2
            exit 1
        fi
    done < <(awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' "$readme")
done < <(git ls-files '*README.md')
echo "ran $count commands"
[ "$count" -gt 0 ]
