#!/bin/sh
# run_tests.sh BUILD: every test program; closes with "N passed, N failed, N skipped" over all test cases.
# A test case that prints "skipped:" (something it needs is absent) counts as skipped.
set -u
build=$1
log=$build/test.log
: >"$log"
passed=0 failed=0 skipped=0 status=0

# Adds a finished program's log, $log.NAME, to the sum.
count() {
    part=$log.$1
    cat "$part" >>"$log"
    grep -vE '^$|MESSAGE:|^={10,}' "$part" | tail -n 60
    line=$(grep -E '^\[doctest\] test cases:' "$part" | tail -n 1)
    s=$(grep -cE 'MESSAGE: skipped:' "$part")
    rm -f "$part"
    if [ -z "$line" ]; then
        echo "$1 ended without a summary" >&2
        failed=$((failed + 1))
        status=1
        return
    fi
    p=$(echo "$line" | sed -E 's/.*\| *([0-9]+) passed.*/\1/')
    f=$(echo "$line" | sed -E 's/.*\| *([0-9]+) failed.*/\1/')
    passed=$((passed + p - s))
    failed=$((failed + f))
    skipped=$((skipped + s))
}

if [ -x "$build/purnet_tests" ]; then
    "$build/purnet_tests" --no-version >"$log.purnet_tests" 2>&1 || status=1
    count purnet_tests
fi
# The emulators compute on one thread each: side by side.
other=
if [ -x "$build/emulator_monitor_tests" ]; then
    "$build/emulator_monitor_tests" --no-version >"$log.emulator_monitor_tests" 2>&1 &
    other=$!
fi
if [ -x "$build/emulator_tests" ]; then
    "$build/emulator_tests" --no-version >"$log.emulator_tests" 2>&1 || status=1
    count emulator_tests
fi
if [ -n "$other" ]; then
    wait "$other" || status=1
    count emulator_monitor_tests
fi
echo "the whole output: $log"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && exit "$status"
exit 1
