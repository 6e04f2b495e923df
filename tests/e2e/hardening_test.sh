#!/usr/bin/env bash
# The released program is built as hardened as CMakeLists.txt says: position-independent, relocations read-only and bound at start, no
# executable stack, stack protector, fortified calls.  usage: hardening_test.sh REPOSITORY
set -euo pipefail
source "$(dirname "$0")/expect.sh"
tdb=$1/build/release/tdb
if [ ! -x "$tdb" ]; then
    echo "SKIP: e2e_hardening: no release build: ./deploy/quickstart --once makes one"
    exit 0
fi

run readelf --wide --file-header --segments --dynamic "$tdb"
expect_status 0
expect_out 'Type: +DYN'
expect_out 'GNU_RELRO'
expect_out '(BIND_NOW|FLAGS_1.*NOW)'
expect_out 'FLAGS_1.* PIE'
expect_out 'GNU_STACK +0x0+ 0x0+ 0x0+ 0x0+ 0x0+ RW '

run objdump --disassemble=main "$tdb" # -fcf-protection: functions begin with a landing pad
expect_out 'endbr64'

run readelf --wide --dyn-syms "$tdb"
expect_out '__stack_chk_fail'
expect_out '__(v?snprintf|memcpy|fprintf|read|memset)_chk'

# What leaves no mark in the program: the flags it was compiled with.
command="compile_commands.json"
python3 - "$1/build/release/compile_commands.json" <<'PYTHON' 2>"$err" || fail 'a flag is missing'
import json
import sys
wanted = ["-O2", "-D_FORTIFY_SOURCE=3", "-fstack-protector-strong", "-fstack-clash-protection", "-fcf-protection=full", "-fPIE"]
filled = ["-ftrivial-auto-var-init=zero", "-fzero-call-used-regs=used-gpr"]
values = ("accumulator_bookend accumulator_extreme accumulator_real accumulator_sum aggregate_bookend aggregate_extreme aggregate_sum "
          "aggregate_tree aggregate_variance calendar_parse compare datetime expr_logic expr_rows "
          "function_arithmetic interval_parse key numeric numeric_text real rowconv rowconv_value text wide")
kernels = ("/base/crc32c.c", "/base/crc32c_x86.c", "/schemas/json/index.c", "/schemas/json/index_x86.c",
           "/schemas/json/lines.c", "/schemas/json/number.c", "/schemas/json/reader.c", "/storage/log/records.c",
           "/views/exec/aggregate.c", "/views/exec/table.c", *(f"/views/vec/{name}.c" for name in values.split()),
           *(f"/views/maint/{name}.c" for name in "delta fold fold_table show upkeep".split()),
           *(f"/views/store/{name}.c" for name in "state state_index state_read state_region state_rows state_version".split()))
for entry in json.load(open(sys.argv[1])):
    if entry["file"].endswith("_peer.cpp"):
        continue  # what a benchmark is held against, built as its makers advise
    flags = entry["command"].split()
    for flag in wanted + filled:
        assert flag in flags, (entry["file"], flag)
    skips = "-fzero-call-used-regs=skip" in flags
    assert skips == entry["file"].endswith(kernels), (entry["file"], "is it a kernel file?")
PYTHON
