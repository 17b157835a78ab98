"""Writes the level-1 map of a weights file in the other frameworks' forms: ONNX (opset 17), OpenVINO IR, ncnn through pnnx.

    convert.py --weights W.safetensors --size 320 --batch 1 --out DIR [--calibration PICTURES.npy]

`level1.*` gives the map alone (what is timed), `check.*` also A_P of level 1 (what is compared). Everything stays float32, but with
--calibration (uint8 K,H,W,3) `level1-int8.*` and `check-int8.*` come too: ONNX Runtime's static quantisation and OpenVINO's (NNCF).
"""
import argparse
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import torch

from purnet_torch.model import Level1
from purnet_torch.weights import load, normalise


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


def to_int8_onnx(stem, pictures):
    from onnxruntime import quantization as q
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(q.CalibrationDataReader):
        def __init__(self):
            self.left = iter(pictures)

        def get_next(self):
            x = next(self.left, None)
            return None if x is None else {"input": x}

    prepared = stem.with_name(stem.name + "-prepared.onnx")
    quant_pre_process(str(stem.with_suffix(".onnx")), str(prepared))
    q.quantize_static(
        str(prepared), str(stem.with_name(stem.name + "-int8.onnx")), Reader(), quant_format=q.QuantFormat.QDQ, per_channel=True,
        activation_type=q.QuantType.QUInt8, weight_type=q.QuantType.QInt8)
    prepared.unlink()


def to_int8_openvino(stem, pictures):
    import nncf
    import openvino as ov
    model = ov.Core().read_model(stem.with_suffix(".xml"))
    quantised = nncf.quantize(model, nncf.Dataset(pictures), preset=nncf.QuantizationPreset.MIXED, subset_size=len(pictures))
    ov.save_model(quantised, stem.with_name(stem.name + "-int8.xml"), compress_to_fp16=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--size", default="320", help="N or HxW")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--calibration", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    height, _, width = options.size.partition("x")
    options.out.mkdir(parents=True, exist_ok=True)
    net = load(options.weights)
    x = torch.zeros(options.batch, 3, int(height), int(width or height))
    pictures = []
    if options.calibration:
        pictures = [np.repeat(normalise(p[None], net.backbone).numpy(), options.batch, 0) for p in np.load(options.calibration)]
    with torch.no_grad():
        for name, attention in (("level1", False), ("check", net.promotion)):
            module, stem = Level1(net, attention).eval(), options.out / name
            to_onnx(module, x, str(stem.with_suffix(".onnx")))
            to_openvino(str(stem.with_suffix(".onnx")), str(stem.with_suffix(".xml")))
            if options.batch == 1:
                to_ncnn(module, x, stem)
            if pictures:
                to_int8_onnx(stem, pictures)
                to_int8_openvino(stem, pictures)
            print(f"{stem}: written")


if __name__ == "__main__":
    main()
