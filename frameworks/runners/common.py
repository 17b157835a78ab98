"""What the runners share. Imports no framework: a contestant's start-up and memory are its own."""
import pathlib

import numpy as np

CONSTANTS = {  # (RGB - mean) / deviation, per channel, on 0..255; as in purnet_torch/weights.py
    "resnet50": ((0.4923, 0.4634, 0.3974), (0.2737, 0.2659, 0.2836)),
    "vgg16": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


class Absent(Exception):
    """This contestant can't run here; the message says why."""


def normalised(rgb_u8, backbone):
    """uint8 N,H,W,3 to float32 N,3,H,W."""
    x = np.ascontiguousarray(rgb_u8.transpose(0, 3, 1, 2)).astype(np.float32)
    if backbone == "light":
        return (x - 127) / 128
    mean, deviation = (np.array(v, np.float32).reshape(3, 1, 1) for v in CONSTANTS[backbone])
    return (x / 255 - mean) / deviation


def cpu_flags():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":")[1].split())
    return set()


def has_bf16():
    return bool(cpu_flags() & {"avx512_bf16", "amx_bf16"})


def peak_mb():
    """Peak resident memory of this process."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return float("nan")


def model_file(options, name):
    path = pathlib.Path(options.models) / name
    if not path.exists():
        raise Absent("needs pictures to calibrate with (--calibration)" if "int8" in name else f"{name} was not made: convert.py says why")
    return str(path)
