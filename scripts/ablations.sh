#!/bin/sh
# ablations.sh PURNET: trains PurNet with and without each of its parts, all with the same options and numbers of steps, several seeds,
# and writes one table about them. Hours of work that may be interrupted at any moment: called again with the same variables it goes on
# where it stopped and leaves what is finished as it is. Variables:
#   DATA    sources to train on, with blanks between them (as --data)
#   INIT    ImageNet weights of EfficientNet-Lite0
#   TEST    a folder with images/ and masks/ that the networks at the end of each run are scored on; empty: held-out figures alone
#   RUNS    where the runs go (runs/ablations);  SEEDS ("1 2");  FORMS ("baseline ssl pa ra pm full full-mean")
#   STEPS   of stage 1, 2 and 3 ("1500 110 400"); forms without attentions train in one stage of all of them
#   MORE    further options of train, for instance "--threads 1"
# A form is a value of --ablation; full-mean is full with --promotion-gain mean.
set -eu
purnet=$1
: "${DATA:?is what to train on}" "${INIT:?is a file with ImageNet weights}"
: "${TEST=}" "${RUNS:=runs/ablations}" "${SEEDS:=1 2}" "${FORMS:=baseline ssl pa ra pm full full-mean}" "${STEPS:=1500 110 400}" "${MORE=}"

folders=
for seed in $SEEDS; do # the first seed of all forms first: half of the time gives a whole table
    for form in $FORMS; do
        run=$RUNS/$form-$seed
        folders="$folders $run"
        if [ ! -e "$run/done" ]; then
            if [ -e "$run/last.safetensors" ]; then
                "$purnet" train --resume --out "$run"
            else
                options="--ablation ${form%-mean}"
                [ "$form" = "${form%-mean}" ] || options="$options --promotion-gain mean"
                # shellcheck disable=SC2086 # lists of words
                "$purnet" train --preset light --size 128 --steps $STEPS $options --seed "$seed" --data $DATA --init "$INIT" \
                    --superpixel-cache "$RUNS/superpixels" --validate-every 1000000 --save-every 50 --out "$run" $MORE
            fi
            touch "$run/done"
        fi
        if [ -n "$TEST" ] && [ ! -e "$run/scores.json" ]; then
            # Equal steps, no choice among networks: the one at the end.
            "$purnet" predict --weights "$run/final.safetensors" --if-exists overwrite --out "$run/maps" "$TEST/images"
            "$purnet" eval --pred "$run/maps" --gt "$TEST/masks" --json "$run/scores.json"
            rm -r "$run/maps"
        fi
    done
    # shellcheck disable=SC2086
    "$purnet" report --table "$RUNS/table.md" $folders
    # shellcheck disable=SC2086
    "$purnet" report --out "$RUNS/report.html" $folders
done
cat "$RUNS/table.md"
