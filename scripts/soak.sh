#!/bin/sh
# soak.sh PURNET [MINUTES]: trains and predicts side by side for MINUTES (60) and watches both processes: resident memory and open
# files must not grow. The training run draws its sides anew each step, validates and saves all the time; the prediction watches a
# folder whose pictures change all the time. A line a sample; exit code 1 when the last third of the time needed more than the
# second (the first is for caches to fill); 2 % and 4 MiB, and four files that happen to be open, are no growth.
set -eu
purnet=$1
minutes=${2:-60}
work=$(mktemp -d)
trainer= watcher=
end() {
    for process in $trainer $watcher; do kill "$process" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$purnet" draw --count 60 --size 96 --out "$work/drawn" 2>/dev/null
mkdir "$work/incoming"
"$purnet" train --data "$work/drawn" --preset demo --stage 3 --size 64 --multi-scale 48 64 80 --width 8 --batch 4 4 4 \
    --steps 1 1 100000000 --superpixels 30 --crop 0.2 --jitter 0.2 --rotate 10 --ema 0.99 --val-fraction 0.2 \
    --log-every 10 --validate-every 20 --save-every 20 --out "$work/run" 2>"$work/train.err" &
trainer=$!
"$purnet" predict --watch --settle 0.05 --output mask,cutout,overlay,sheet --refine --decontaminate --out "$work/maps" \
    "$work/incoming" 2>"$work/watch.err" &
watcher=$!

# of PROCESS KEY: a number of kilobytes from its status.
of() { sed -n "s/^$2:[[:space:]]*\([0-9]*\).*/\1/p" "/proc/$1/status"; }
files() { find "/proc/$1/fd" -type l 2>/dev/null | wc -l; }
alive() {
    kill -0 "$1" 2>/dev/null && return 0
    touch "$work/ended"
    echo "$2 ended:" >&2
    tail -n 5 "$3" >&2
    exit 1
}

# A sample a second at most, a hundred a third.
pause=$((minutes * 60 / 300))
[ "$pause" -ge 1 ] || pause=1
start=$(date +%s)
printf '%8s %12s %6s %14s %6s %8s %9s\n' seconds 'train KiB' files 'predict KiB' files steps pictures
while seconds=$(($(date +%s) - start)) && [ "$seconds" -lt $((minutes * 60)) ]; do
    for picture in "$work"/drawn/images/*; do  # four new ones each time
        case $(($(date +%N | sed 's/^0*//') % 15)) in 0) cp "$picture" "$work/incoming/" ;; esac
    done
    sleep "$pause"
    alive "$trainer" training "$work/train.err"
    alive "$watcher" prediction "$work/watch.err"
    steps=$(sed -n 's/^stage 3 step \([0-9]*\).*/\1/p' "$work/train.err" | tail -n 1)
    printf '%8s %12s %6s %14s %6s %8s %9s\n' "$seconds" "$(of "$trainer" VmRSS)" "$(files "$trainer")" "$(of "$watcher" VmRSS)" \
        "$(files "$watcher")" "${steps:-0}" "$(grep -c 'incoming' "$work/watch.err" || true)"
done | tee "$work/samples"

[ ! -e "$work/ended" ]
awk -v total=$((minutes * 60)) '
    NR > 1 {
        third = int(3 * $1 / total)
        for (i = 2; i <= 5; ++i) if ($i > most[third, i]) most[third, i] = $i
        count[third]++
    }
    END {
        split("x,memory of training,files of training,memory of prediction,files of prediction", name, ",")
        if (count[1] < 3 || count[2] < 3) { print "too few samples to tell"; exit 1 }
        for (i = 2; i <= 5; ++i) {
            room = i % 2 ? 4 : 0.02 * most[1, i] + 4096
            grown = most[2, i] > most[1, i] + room
            bad += grown
            printf "%-22s at most %d, then %d: %s\n", name[i], most[1, i], most[2, i], grown ? "GROWS" : "flat"
        }
        exit bad > 0
    }' "$work/samples"
