"""One contestant. README.md of this folder defines what goes in and out; `purnet bench --serve` speaks the same.

    runner.py --engine torch-eager --task level1 --weights W.safetensors --data DIR --threads 2
"""
import argparse
import importlib
import json
import pathlib
import sys
import time

import numpy as np

from runners.common import Absent, peak_mb

MODULES = {"torch": "torch_engine", "onnxruntime": "ort_engine", "openvino": "openvino_engine", "ncnn": "ncnn_engine"}


def say(**fields):
    print(json.dumps(fields), flush=True)


def timed(engine):
    start = time.perf_counter()
    engine.run()
    return (time.perf_counter() - start) * 1e3


def write(folder, outputs):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in outputs.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(value, np.float32))


def serve(engine, warmup):
    say(event="first", ms=timed(engine))
    for _ in range(warmup):
        engine.run()
    say(event="ready", version=engine.version, precision=engine.precision, detail=engine.detail)
    for line in sys.stdin:
        words = line.split()
        if words == ["go"]:
            say(ms=timed(engine))
        elif words == ["memory"]:
            say(peak_mb=peak_mb())
        elif words[:1] == ["dump"] and len(words) == 2:
            write(words[1], engine.outputs())
            say(event="dumped")
        elif words == ["quit"]:
            return
        else:
            say(error=f"unknown request {line.strip()!r}: go, memory, dump DIR or quit")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", required=True, help="FRAMEWORK-VARIANT, as torch-eager, onnxruntime-f32, openvino-default, ncnn-winograd")
    parser.add_argument("--task", choices=("level1", "train"), default="level1")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--backbone", default="resnet50", help="of the weights; the torch engines see it in the file")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with input.npy; for training also mask.npy and labels.npy")
    parser.add_argument("--models", default="", help="folder that convert.py wrote")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--isa", default="", choices=("", "avx2"), help="compare.py limits the instructions through the environment; those that can't be limited decline")
    parser.add_argument("--check", type=pathlib.Path, help="write the outputs (with A_P; for training the losses) to this folder and exit")
    options = parser.parse_args()
    options.attention = options.check is not None
    framework, _, variant = options.engine.partition("-")
    if framework not in MODULES:
        parser.error(f"engine {options.engine!r}: frameworks are {', '.join(MODULES)}")
    names = ("input", "mask", "labels") if options.task == "train" else ("input",)
    data = {name: np.load(options.data / f"{name}.npy") for name in names}
    try:
        engine = importlib.import_module("runners." + MODULES[framework]).open_engine(variant, options, data)
    except Absent as reason:
        say(event="absent", reason=str(reason))
        return
    except ImportError as error:
        say(event="absent", reason=f"not installed: {error}")
        return
    if options.check is None:
        serve(engine, options.warmup)
        return
    options.check.mkdir(parents=True, exist_ok=True)
    if options.task == "train":
        engine.check(options.check)
    else:
        engine.run()
        write(options.check, engine.outputs())
    say(event="checked", version=engine.version, precision=engine.precision, detail=engine.detail)


if __name__ == "__main__":
    main()
