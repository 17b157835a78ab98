#!/bin/sh
# demo.sh PURNET: draws pictures with known masks, trains a narrow PurNet through its three stages, evaluates it on held-out
# pictures, predicts photographs with it and with the shipped network, and leaves demo/report.html. Each command is printed, so
# that it can be typed with own data.
set -eu
purnet=$1
show() {
    printf '\n$ %s\n' "$*"
    "$@"
}
rm -rf demo
mkdir -p demo
show "$purnet" draw --count 480 --size 160 --seed 1 --out demo/train
show "$purnet" draw --count 60 --size 160 --seed 2 --out demo/test
show "$purnet" train --data demo/train --val demo/test --out demo/run --preset demo
show "$purnet" predict --weights demo/run/best.safetensors --out demo/maps demo/test/images
show "$purnet" eval --pred demo/maps --gt demo/test/masks --json demo/scores.json
show "$purnet" predict --weights demo/run/best.safetensors --output mask,sheet --out demo/photos docs/photos
show "$purnet" predict --output mask,cutout,sheet --out demo/shipped docs/photos
show "$purnet" report demo/run --scores demo/scores.json --pictures demo/test --photos docs/photos --beside weights/salient-light.safetensors \
    --out demo/report.html
printf '\nOpen demo/report.html in a browser: curves, figures, pictures, attention and error maps. The network of this run has seen\ndrawings only; what the shipped one sees in the photographs lies in demo/shipped.\n'
