#!/bin/sh
# gpu_check.sh BUILD REPORT [PART...]: everything that only a CUDA device can show, in parts of minutes each; with names, those parts alone.
# A part that has passed is not run again, as long as programs, device, driver and libraries are the same: after an interruption the same
# command goes on where it was. REPORT/summary.md says what passed, failed, and was skipped and why. Exit 1 where a part failed.
# FULL=1 also runs the layers whose float64 reference takes minutes.
set -u
build=$1
report=$2
shift 2
only=" $* "
mkdir -p "$report" || exit 1
status=0
any=0
skipped=77  # a part's exit status; the last line of its log is the reason

. "$(dirname "$0")/gpu_parts.sh"

# row NAME STATE HOW: a line of the summary.
row() {
    echo "$1: $2${3:+, $3}"
    echo "| $1 | $2 | ${3:-} |" >>"$report/summary.md"
}

passed() { [ "$(head -n 1 "$report/$1.passed" 2>/dev/null)" = "$tied" ]; }

# part NAME COMMAND...: its output in REPORT/NAME.log; in REPORT/NAME.passed, when it ended well, what that is tied to and how long it took.
part() {
    name=$1
    shift
    case $only in "  " | *" $name "*) ;; *) return ;; esac
    any=1
    if passed "$name"; then
        row "$name" passed "$(tail -n 1 "$report/$name.passed"), before"
        return
    fi
    rm -f "$report/$name.passed" "$report/$name.json"
    echo "$name: $*"
    begin=$(date +%s)
    "$@" >"$report/$name.log" 2>&1
    code=$?
    took="$(($(date +%s) - begin)) s"
    # Of the test cases that the log counts, so many were skipped.
    cases=$(sed -n 's/^\[doctest\] test cases: *\([0-9]*\).*/\1/p' "$report/$name.log" | tail -n 1)
    without=$(grep -c 'MESSAGE: skipped: ' "$report/$name.log")
    reason=$(sed -n 's/.*MESSAGE: skipped: //p' "$report/$name.log" | tail -n 1)
    if [ $code = $skipped ]; then
        row "$name" skipped "$(tail -n 1 "$report/$name.log")"
    elif [ $code != 0 ]; then
        row "$name" FAILED "exit $code, $took; the end of $report/$name.log:"
        tail -n 15 "$report/$name.log"
        status=1
    elif [ "$without" -gt 0 ] && [ "$without" -ge "${cases:-0}" ]; then
        row "$name" skipped "$reason"
    else
        [ "$without" = 0 ] || took="$took; $without of $cases cases skipped: $reason"
        printf '%s\n%s\n' "$tied" "$took" >"$report/$name.passed"
        row "$name" passed "$took"
    fi
}

# NVIDIA's libraries, where they are: of a toolkit, or of a PyTorch that python3 knows.
if [ -z "${PURNET_LIBRARIES:-}" ]; then
    PURNET_LIBRARIES=$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2>/dev/null)
    export PURNET_LIBRARIES
fi
if ! "$build/gpu_tests" device >"$report/device.txt" 2>&1; then
    cat "$report/device.txt"
    exit 1
fi
"$build/purnet" info --device cuda >"$report/info.txt" || exit 1
if [ "${FULL:-0}" != 0 ]; then
    PURNET_TEST_FULL=1
    export PURNET_TEST_FULL
fi
# What a passed part is tied to: another commit, build, device, driver or library, and it is run anew.
programs=$(cat "$build/purnet" "$build/bench" "$build/gpu_tests" "$0" "$(dirname "$0")/gpu_parts.sh" | sha256sum | cut -c 1-16)
tied="$("$build/purnet" --version | head -n 1), programs $programs, $(tail -n 1 "$report/device.txt")${PURNET_TEST_FULL:+, FULL=1}"
echo "$tied"
printf '# gpu-check\n\n%s\n\n| part | | |\n|---|---|---|\n' "$tied" >"$report/summary.md"

part cases every_case_once
part probe env PURNET_PROBE="$report/lanes" "$build/gpu_tests" -tc="$(cases_of probe)"
part draw "$build/purnet" draw --count 24 --size 96 --seed 5 --out "$report/drawn"
for group in records ways plan steps; do
    part $group "$build/gpu_tests" -tc="$(cases_of $group)"
done
# On a device that takes wgmma: the same records by the kernels of sm_80.
part records-sm80 env PURNET_SM90=0 "$build/gpu_tests" -tc="$(cases_of records)"
part twice-f32 train_twice f32
part twice-bf16 train_twice bf16
part overlap-f32 train_both_ways f32
part overlap-bf16 train_both_ways bf16
part resume-f32 resume_here f32
part resume-bf16 resume_here bf16
part resume-on-cpu resume_on_cpu
part resume-from-cpu resume_from_cpu
part sanitizer sanitize
part libraries "$build/gpu_tests" -tc="$(cases_of libraries)"
part lab env PURNET_LAB="$report/lab.md" "$build/gpu_tests" -tc="$(cases_of lab)"
part ways-f32 "$build/bench" ways --device cuda --json "$report/ways-f32.json"
part ways-tf32 "$build/bench" ways --device cuda --precision tf32 --json "$report/ways-tf32.json"
part ways-bf16 "$build/bench" ways --device cuda --precision bf16 --json "$report/ways-bf16.json"
# Launches one after the other first, then overlapping, beside the ratio to the former.
for precision in f32 bf16; do
    part bench-$precision-in-order env PURNET_PDL=0 "$build/bench" ops --device cuda --precision $precision --seconds 0.1 \
        --json "$report/bench-$precision-in-order.json"
    part bench-$precision "$build/bench" ops --device cuda --precision $precision --seconds 0.1 --json "$report/bench-$precision.json" \
        --compare "$report/bench-$precision-in-order.json"
done
part nets measure_networks
if passed nets && passed ways-bf16; then goals | tee -a "$report/summary.md"; fi
if [ $any = 0 ]; then
    echo "there is no part called$only" >&2
    exit 2
fi
echo "the report: $report/summary.md"
exit $status
