# Helpers of the scripts beside this file: run a command, then say what its status, output and complaints must be.
out=$(mktemp) err=$(mktemp) status=0 command=
trap 'rm -f "$out" "$err"' EXIT

run() {
    command="$*" status=0
    "$@" >"$out" 2>"$err" </dev/null || status=$?
}

fail() {
    echo "FAIL: $command: $1" >&2
    head -40 "$out" | cut -c1-300 | sed 's/^/  out: /' >&2
    head -40 "$err" | cut -c1-300 | sed 's/^/  err: /' >&2
    exit 1
}

expect_status() {
    [ "$status" -eq "$1" ] || fail "status $status, want $1"
}

expect_out() {
    grep -qE -- "$1" "$out" || fail "output lacks /$1/"
}

expect_err() {
    grep -qE -- "$1" "$err" || fail "complaint lacks /$1/"
}

expect_no_out() {
    [ ! -s "$out" ] || fail "output where none is wanted"
}

expect_no_err() {
    [ ! -s "$err" ] || fail "complaint where none is wanted"
}
