#!/bin/sh
# gpu_check.sh BUILD REPORT: everything that only a CUDA device can show, in parts of minutes each. A part that has passed is not run
# again: after an interruption the same command goes on where it was; delete REPORT to begin anew. Exit 1 where a part failed.
# FULL=1 also runs the layers whose float64 reference takes minutes.
set -u
build=$1
report=$2
mkdir -p "$report"
status=0

# part NAME COMMAND...: its output in REPORT/NAME.log, REPORT/NAME.passed when it ended well.
part() {
    name=$1
    shift
    if [ -e "$report/$name.passed" ]; then
        echo "$name: passed before"
        return
    fi
    echo "$name: $*"
    begin=$(date +%s)
    if "$@" >"$report/$name.log" 2>&1; then
        echo "$(($(date +%s) - begin)) s" >"$report/$name.passed"
        echo "$name: passed, $(cat "$report/$name.passed")"
    else
        echo "$name: FAILED, exit $?; the end of $report/$name.log:"
        tail -n 15 "$report/$name.log"
        status=1
    fi
}

# train_twice PRECISION: the same steps twice, and once more kernel by kernel, from the same start: the same bits.
train_twice() {
    for run in a b kernels; do
        graph=--graph
        [ $run = kernels ] && graph=--no-graph
        rm -rf "$report/twice-$1-$run"
        "$build/purnet" train --device cuda --precision "$1" --data "$report/drawn" --preset demo --steps 3 3 3 --val-fraction 0 \
            --seed 3 $graph --out "$report/twice-$1-$run" || return 1
    done
    cmp "$report/twice-$1-a/final.safetensors" "$report/twice-$1-b/final.safetensors" &&
        cmp "$report/twice-$1-a/final.safetensors" "$report/twice-$1-kernels/final.safetensors"
}

# train_both_ways PRECISION: the same steps with launches that overlap and without, from the same start: the same bits. The log has the
# pictures a second of both, of steps that are launched as one and so small that launches count.
train_both_ways() {
    for overlap in 1 0; do
        rm -rf "$report/overlap-$1-$overlap"
        PURNET_PDL=$overlap "$build/purnet" train --device cuda --precision "$1" --data "$report/drawn" --preset demo --steps 100 100 100 \
            --val-fraction 0 --log-every 20 --seed 3 --out "$report/overlap-$1-$overlap" || return 1
    done
    for overlap in 1 0; do
        echo "PURNET_PDL=$overlap: $(grep -o '"pictures_per_second":[0-9.]*' "$report/overlap-$1-$overlap/log.jsonl" | tail -n 1)"
    done
    cmp "$report/overlap-$1-1/final.safetensors" "$report/overlap-$1-0/final.safetensors"
}

# A run begun on the device, in bf16, goes on on the CPU.
resume_elsewhere() {
    rm -rf "$report/moved"
    "$build/purnet" train --device cuda --precision bf16 --data "$report/drawn" --preset demo --steps 6 3 3 \
        --val-fraction 0 --save-every 2 --out "$report/moved" &
    run=$!
    until [ -e "$report/moved/last.safetensors" ] || ! kill -0 $run 2>/dev/null; do sleep 0.1; done
    kill -INT $run 2>/dev/null
    wait $run
    "$build/purnet" train --device cpu --resume --out "$report/moved"
}

sanitize() {
    if ! command -v compute-sanitizer; then
        echo "compute-sanitizer is not on this machine: not run"
        return 0
    fi
    for tool in memcheck racecheck synccheck; do
        PURNET_RECORD=batch_norm compute-sanitizer --tool $tool --error-exitcode 1 "$build/gpu_tests" -tc='device records*' || return 1
        PURNET_RECORD=structural compute-sanitizer --tool $tool --error-exitcode 1 "$build/gpu_tests" -tc='device records*' || return 1
        PURNET_RECORD=conv2d.forward.n1 compute-sanitizer --tool $tool --error-exitcode 1 "$build/gpu_tests" -tc='device records*' || return 1
    done
}

if ! "$build/gpu_tests" --list-test-cases >"$report/device.txt" 2>&1; then
    cat "$report/device.txt"
    exit 1
fi
head -n 1 "$report/device.txt"
if [ "${FULL:-0}" != 0 ]; then
    PURNET_TEST_FULL=1
    export PURNET_TEST_FULL
fi
part probe env PURNET_PROBE="$report/lanes" "$build/gpu_tests" -tc='device probe*'
part draw "$build/purnet" draw --count 24 --size 96 --seed 5 --out "$report/drawn"
part records "$build/gpu_tests" -tc='device records*'
part plan "$build/gpu_tests" -tc='device plan*'
part steps "$build/gpu_tests" -tc='device step*'
part twice-f32 train_twice f32
part twice-bf16 train_twice bf16
part overlap-f32 train_both_ways f32
part overlap-bf16 train_both_ways bf16
part resume resume_elsewhere
part sanitizer sanitize
# Against NVIDIA's libraries, where they are: of a toolkit, or of a PyTorch that python3 knows.
if [ -z "${PURNET_LIBRARIES:-}" ]; then
    PURNET_LIBRARIES=$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2>/dev/null)
    export PURNET_LIBRARIES
fi
part libraries "$build/gpu_tests" -tc='device libraries*'
part ways-f32 "$build/bench" ways --device cuda --json "$report/ways-f32.json"
part ways-bf16 "$build/bench" ways --device cuda --precision bf16 --json "$report/ways-bf16.json"
# Launches one after the other first, then overlapping, beside the ratio to the former.
for precision in f32 bf16; do
    part bench-$precision-in-order env PURNET_PDL=0 "$build/bench" ops --device cuda --precision $precision --seconds 0.1 \
        --json "$report/ops-$precision-in-order.json"
    part bench-$precision "$build/bench" ops --device cuda --precision $precision --seconds 0.1 --json "$report/ops-$precision.json" \
        --compare "$report/ops-$precision-in-order.json"
done
echo "the report: $report"
exit $status
