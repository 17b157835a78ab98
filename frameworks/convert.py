"""Writes the level-1 map of a weights file in the other frameworks' forms: ONNX (opset 17), OpenVINO IR, ncnn through pnnx.

    convert.py --weights W.safetensors --size 320 --batch 1 --out DIR

`level1.*` gives the map alone (what is timed), `check.*` also A_P of level 1 (what is compared). Everything stays float32.
"""
import argparse
import pathlib
import subprocess
import sys
import warnings

import torch

from purnet_torch.model import Level1
from purnet_torch.weights import load


def to_onnx(module, x, path):
    names = ["map", "ap"] if module.with_attention else ["map"]
    torch.onnx.export(module, (x,), path, opset_version=17, dynamo=False, input_names=["input"], output_names=names)


def to_openvino(source, path):
    import openvino as ov
    ov.save_model(ov.convert_model(source), path, compress_to_fp16=False)


def to_ncnn(module, x, stem):
    script = stem.with_suffix(".pt")
    torch.jit.trace(module, x).save(str(script))
    import pnnx
    executable = pathlib.Path(pnnx.__file__).parent / "bin" / "pnnx"
    if not executable.exists():
        executable = pathlib.Path(sys.executable).with_name("pnnx")
    shape = "[" + ",".join(map(str, x.shape)) + "]"
    log = subprocess.run([executable, script.name, f"inputshape={shape}", "fp16=0", "optlevel=2"], cwd=stem.parent, capture_output=True, text=True)
    if log.returncode or not stem.with_suffix(".ncnn.param").exists():
        raise RuntimeError(f"pnnx failed ({log.returncode}): {log.stderr[-500:]}")
    for left in stem.parent.glob(stem.name + "*"):
        if not left.name.startswith((stem.name + ".ncnn.param", stem.name + ".ncnn.bin", stem.name + ".onnx", stem.name + ".xml", stem.name + ".bin")):
            left.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--size", default="320", help="N or HxW")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    height, _, width = options.size.partition("x")
    options.out.mkdir(parents=True, exist_ok=True)
    net = load(options.weights)
    x = torch.zeros(options.batch, 3, int(height), int(width or height))
    with torch.no_grad():
        for name, attention in (("level1", False), ("check", net.promotion)):
            module, stem = Level1(net, attention).eval(), options.out / name
            to_onnx(module, x, str(stem.with_suffix(".onnx")))
            to_openvino(str(stem.with_suffix(".onnx")), str(stem.with_suffix(".xml")))
            if options.batch == 1:
                to_ncnn(module, x, stem)
            print(f"{stem}: written")


if __name__ == "__main__":
    main()
