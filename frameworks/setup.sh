#!/bin/sh
# Makes build/peers, the isolated environment of the comparison (make bench-peers). Nothing is installed outside it.
set -e
cd "$(dirname "$0")/.."
command -v python3 > /dev/null || { echo "setup.sh: python3 is missing: apt-get install python3 python3-venv" >&2; exit 1; }
python3 -m venv build/peers || { echo "setup.sh: no venv module: apt-get install python3-venv" >&2; exit 1; }
build/peers/bin/pip install --quiet --disable-pip-version-check -r frameworks/requirements.txt
build/peers/bin/pip list --disable-pip-version-check 2> /dev/null | grep -i -E '^(torch|numpy|onnx|onnxruntime|openvino|ncnn|pnnx|safetensors) '
