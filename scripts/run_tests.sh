#!/bin/sh
# run_tests.sh BUILD: every test program; closes with "N passed, N failed, N skipped" over all test cases.
# A test case that prints "skipped:" (something it needs is absent) counts as skipped.
set -u
build=$1
log=$build/test.log
: >"$log"
passed=0 failed=0 skipped=0 status=0
for program in "$build/purnet_tests" "$build/emulator_tests" "$build/emulator_monitor_tests"; do
    [ -x "$program" ] || continue
    "$program" --no-version >"$log.one" 2>&1 || status=1
    cat "$log.one" >>"$log"
    grep -vE '^$|MESSAGE:|^={10,}' "$log.one" | tail -n 60
    line=$(grep -E '^\[doctest\] test cases:' "$log.one" | tail -n 1)
    if [ -z "$line" ]; then
        echo "$program ended without a summary" >&2
        failed=$((failed + 1))
        status=1
        continue
    fi
    p=$(echo "$line" | sed -E 's/.*\| *([0-9]+) passed.*/\1/')
    f=$(echo "$line" | sed -E 's/.*\| *([0-9]+) failed.*/\1/')
    s=$(grep -cE 'MESSAGE: skipped:' "$log.one")
    passed=$((passed + p - s))
    failed=$((failed + f))
    skipped=$((skipped + s))
done
rm -f "$log.one"
echo "the whole output: $log"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && exit "$status"
exit 1
