#!/bin/sh
# run_tests.sh BUILD: every test program; closes with "N passed, N failed, N skipped" over all test cases.
# A test case that prints "skipped:" (something it needs is absent) counts as skipped.
set -u
build=$1
log=$build/test.log
: >"$log"
passed=0 failed=0 skipped=0 status=0 parts=

# A shell lets what it started in the background outlive Ctrl-C.
stop() {
    for part in $parts; do kill "${part#*:}" 2>/dev/null; done
    wait
    exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM

# start PART PROGRAM ARGUMENT...: runs the program in the background, if it was built, as soon as fewer than two others run.
start() {
    [ -x "$build/$2" ] || return 0
    finish 1
    part=$1 program=$build/$2
    shift 2
    "$program" --no-version "$@" >"$log.$part" 2>&1 &
    parts="$parts $part:$!"
}

# Adds the logs of what was started to the sum as it ends, until at most so many still run.
finish() {
    while [ "$(running)" -gt "$1" ]; do
        left=
        for part in $parts; do
            if grep -qs '^State:[[:space:]]*[^Z[:space:]]' "/proc/${part#*:}/status"; then
                left="$left $part"
            else
                wait "${part#*:}" || status=1
                count "${part%:*}"
            fi
        done
        [ "$left" = "$parts" ] && sleep 1
        parts=$left
    done
}
running() {
    set -- $parts
    echo $#
}

# Adds a finished part's log, $log.PART, to the sum.
count() {
    output=$log.$1
    cat "$output" >>"$log"
    grep -vE '^$|MESSAGE:|^={10,}' "$output" | tail -n 60
    line=$(grep -E '^\[doctest\] test cases:' "$output" | tail -n 1)
    s=$(grep -cE 'MESSAGE: skipped:' "$output")
    rm -f "$output"
    if [ -z "$line" ]; then
        echo "$1 ended without a summary" >&2
        failed=$((failed + 1))
        status=1
        return
    fi
    if echo "$line" | grep -qE 'cases: +0 '; then
        echo "$1 ran no test" >&2
        failed=$((failed + 1))
    fi
    p=$(echo "$line" | sed -E 's/.*\| *([0-9]+) passed.*/\1/')
    f=$(echo "$line" | sed -E 's/.*\| *([0-9]+) failed.*/\1/')
    passed=$((passed + p - s))
    failed=$((failed + f))
    skipped=$((skipped + s))
}

# The emulators compute on one thread each, and the last program often on one: two at a time, the longest first, the monitored one in two.
export OMP_WAIT_POLICY=passive  # waiting threads leave the cores to the others
start emulator emulator_tests
start monitored_devices emulator_monitor_tests --test-case='device *'
start monitored emulator_monitor_tests --test-case-exclude='device *'
start purnet_tests purnet_tests
finish 0
echo "the whole output: $log"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && exit "$status"
exit 1
