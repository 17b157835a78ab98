# gpu_parts.sh: what the parts of gpu_check.sh do, which reads this file; $build, $report, $skipped are its.

# The cases of gpu_tests are in exactly one part each: `every_case_once` holds it.
test_parts="probe records ways plan steps lab libraries"
cases_of() {
    case $1 in
        probe) echo 'device probe*' ;;
        records) echo 'device records*' ;;
        ways) echo 'device ways*,device tf32*' ;;
        plan) echo 'device plan*,device input*' ;;
        steps) echo 'device step*,device tape*' ;;
        lab) echo 'device lab*' ;;
        libraries) echo 'device libraries*' ;;
    esac
}

# The names of the test cases that gpu_tests would run.
listed() { "$build/gpu_tests" --list-test-cases "$@" | grep -vE '^(\[doctest\]|=+$|computing on )' | sort; }

every_case_once() {
    listed >"$report/cases.txt"
    for group in $test_parts; do
        listed -tc="$(cases_of $group)" >"$report/cases-of-part.txt"
        [ -s "$report/cases-of-part.txt" ] || echo "(no case at all in part $group)"
        cat "$report/cases-of-part.txt"
    done | sort >"$report/cases-of-parts.txt"
    [ -s "$report/cases.txt" ] || { echo "gpu_tests lists no case"; return 1; }
    if ! diff "$report/cases.txt" "$report/cases-of-parts.txt"; then
        echo "a case of gpu_tests (<) is in no part, or one (>) in two: see cases_of in scripts/gpu_parts.sh"
        return 1
    fi
    echo "$(wc -l <"$report/cases.txt") cases, each in one part"
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

# The training that is interrupted and gone on with, and its steps.
steps="40 10 10"
all_steps=60
same="--preset demo --steps $steps --val-fraction 0 --seed 3 --log-every 1"
train_some() { "$build/purnet" train --data "$report/drawn" $same "$@"; }

# losses RUN: "step loss" of each step of its log.
losses() { sed -n 's/^{"type":"train",.*"step":\([0-9]*\),"loss":\([0-9.e+-]*\),.*/\1 \2/p' "$1/log.jsonl" 2>/dev/null; }
last_step() { losses "$1" | awk 'BEGIN { step = 0 } { step = $1 } END { print step }'; }

# interrupt RUN OPTION...: begins that training and ends it by a signal after its first step. Fails where there was nothing left to
# interrupt. (SIGTERM: what a shell starts in the background ignores SIGINT.)
interrupt() {
    run=$1
    shift
    rm -rf "$run"
    "$build/purnet" train --data "$report/drawn" $same --out "$run" "$@" &
    child=$!
    until [ "$(last_step "$run")" -gt 0 ] || ! kill -0 $child 2>/dev/null; do sleep 0.02; done
    kill -TERM $child 2>/dev/null
    wait $child
    code=$?
    if [ $code != 143 ]; then
        echo "a run that gets SIGTERM ends with 143; this one ended with $code"
        return 1
    fi
    before=$(last_step "$run")
    if [ "$before" -ge $all_steps ]; then
        echo "the signal came after the last step: nothing was interrupted"
        return 1
    fi
    echo "interrupted in step $before of $all_steps"
}

# resume RUN OPTION...: goes on to the end, without a step lost or done twice.
resume() {
    run=$1
    shift
    "$build/purnet" train --resume --out "$run" "$@" || return 1
    if ! losses "$run" | awk -v all=$all_steps '$1 != NR { exit 1 } END { if (NR != all) exit 1 }'; then
        echo "the log of $run does not hold steps 1 to $all_steps once each"
        return 1
    fi
}

# resume_here PRECISION: an interrupted run ends with the bits of one that was not.
resume_here() {
    rm -rf "$report/whole-$1"
    train_some --device cuda --precision "$1" --out "$report/whole-$1" &&
        interrupt "$report/parts-$1" --device cuda --precision "$1" &&
        resume "$report/parts-$1" --device cuda &&
        cmp "$report/whole-$1/final.safetensors" "$report/parts-$1/final.safetensors"
}

# same_losses SHARE RUN OTHER FROM: after step FROM the losses of both differ by that share at most.
same_losses() {
    losses "$2" >"$report/losses.txt"
    losses "$3" | awk -v share="$1" -v from="$4" -v file="$report/losses.txt" '
        BEGIN { while ((getline line < file) > 0) { split(line, f, " "); wanted[f[1]] = f[2] } }
        $1 > from {
            compared++
            difference = ($2 - wanted[$1]) / wanted[$1]
            if (difference < 0) difference = -difference
            if (difference > worst) { worst = difference; at = $1 }
        }
        END {
            printf "%d losses after step %d, the largest difference %.2g of one, in step %d; %s are allowed\n", compared, from, worst, at, share
            exit !(compared > 0 && worst <= share)
        }'
}

# A run begun on the device, in bf16, goes on on the CPU, in float32, as one does that stays; and one begun on the CPU on the device.
resume_on_cpu() {
    rm -rf "$report/stayed"
    train_some --device cuda --precision bf16 --out "$report/stayed" &&
        interrupt "$report/moved" --device cuda --precision bf16 &&
        resume "$report/moved" --device cpu &&
        same_losses 0.1 "$report/stayed" "$report/moved" "$before"
}
resume_from_cpu() {
    rm -rf "$report/stayed-there"
    train_some --device cpu --out "$report/stayed-there" &&
        interrupt "$report/moved-here" --device cpu &&
        resume "$report/moved-here" --device cuda &&
        same_losses 0.02 "$report/stayed-there" "$report/moved-here" "$before"
}

# Whole networks, each in a process of its own, so that its peak of memory is its own.
measure_networks() {
    rm -f "$report"/nets-*.json
    for row in inference.resnet50.bf16 inference.resnet50.f32 inference.light.bf16 inference.light.f32 \
        training.resnet50.bf16 training.resnet50.f32 training.light.bf16; do
        "$build/bench" nets --device cuda --filter $row --json "$report/nets-$row.json" || return 1
    done
    # And with a launch for each convolution (core/plan/merge.h).
    PURNET_MERGE=0 "$build/bench" nets --device cuda --filter inference.resnet50.bf16 --json "$report/apart.json"
}

# figure FILE ROW KEY: what a report of bench says of a row.
figure() {
    awk -v name="\"name\": \"$2\"" -v key="\"$3\":" '
        /{/ { here = value = "" }
        index($0, name) { here = 1 }
        index($0, key) { value = $2; sub(",", "", value) }
        /}/ { if (here && value != "") { print value; exit } here = value = "" }' "$1" 2>/dev/null
}

# goal WHAT FILE ROW KEY below|from LIMIT UNIT: a line of the summary: what was measured beside what was wanted.
goal() {
    value=$(figure "$report/$2" "$3" "$4")
    awk -v what="$1" -v value="$value" -v order="$5" -v limit="$6" -v unit="$7" 'BEGIN {
        met = order == "below" ? value + 0 < limit + 0 : value + 0 >= limit + 0
        printf "| %s | %s | %s %s%s | %s |\n", what, value == "" ? "not measured" : sprintf("%.3g", value) unit, order, limit, unit,
            value == "" ? "" : met ? "met" : "not met"
    }'
}
goals() {
    printf '\n| goal | measured | wanted | |\n|---|---|---|---|\n'
    goal "training step, ResNet-50, bf16, batch 8, 320 x 320" nets-training.resnet50.bf16.json training.resnet50.bf16.320.b8 median_ms below 15 " ms"
    goal "level-1 map, ResNet-50, bf16, batch 1, 320 x 320" nets-inference.resnet50.bf16.json inference.resnet50.bf16.320.b1 median_ms below 1 " ms"
    for layer in feature_upscore2 'layer2.*.conv2' 'layer3.*.conv2' 'layer4.*.conv2'; do
        for pass in forward backward_data backward_weights; do
            goal "$layer $pass, bf16, batch 8, share of the best product" ways-bf16.json "$layer $pass" gflops_share from 0.6 ""
        done
    done
    echo "| most memory of that training step | $(figure "$report/nets-training.resnet50.bf16.json" training.resnet50.bf16.320.b8 peak_mb) MB" \
        "| 0.7 of PyTorch's at most | PyTorch is not measured here |"
}

# Small cases of kernels of every kind, both types of activations, by the compute-sanitizer of the toolkit.
sanitize() {
    sanitizer=${COMPUTE_SANITIZER:-compute-sanitizer}
    if [ -z "${COMPUTE_SANITIZER:-}" ] && ! command -v compute-sanitizer >/dev/null; then
        sanitizer=${CUDA_HOME:-/usr/local/cuda}/bin/compute-sanitizer
    fi
    if ! command -v "$sanitizer" >/dev/null; then
        echo "there is no compute-sanitizer in PATH, nor $sanitizer"
        return $skipped
    fi
    for tool in memcheck racecheck synccheck; do
        for record in batch_norm structural promotion conv2d.forward.n1 conv2d.backward_weights.n1 conv_transpose2d; do
            PURNET_RECORD=$record "$sanitizer" --tool $tool --error-exitcode 1 "$build/gpu_tests" -tc="$(cases_of records)" || return 1
        done
    done
}
