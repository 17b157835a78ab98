"""Parameters: by rule from their names (tests and speed need no file), or from a safetensors file."""
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from .model import PurNet

NORMALISATION = {  # mean and deviation of RGB / 255
    "resnet50": ((0.4923, 0.4634, 0.3974), (0.2737, 0.2659, 0.2836)),
    "vgg16": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "light": ((127 / 255,) * 3, (128 / 255,) * 3),
}


def normalise(rgb_u8, backbone, dtype=torch.float32):
    """uint8 N,H,W,3 to the network's input N,3,H,W."""
    x = torch.from_numpy(np.ascontiguousarray(rgb_u8)).to(dtype).permute(0, 3, 1, 2).contiguous()
    if backbone == "light":
        return (x - 127) / 128
    mean, deviation = (torch.tensor(v, dtype=torch.float32).to(dtype).view(3, 1, 1) for v in NORMALISATION[backbone])
    return (x / 255 - mean) / deviation


def rule_uniform(name, count):
    """count values in [0, 1): splitmix64 seeded by the FNV-1a hash of the name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        x = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return (x >> np.uint64(40)) / 2.0**24


def bilinear_line(kernel):
    f = (kernel + 1) // 2
    return 1 - np.abs(np.arange(kernel) - (f - (0.5 if kernel % 2 == 0 else 1))) / f


def rule_value(name, shape):
    u = rule_uniform(name, int(np.prod(shape))).reshape(shape)
    s = 2 * u - 1
    if name.endswith("running_mean"):
        return 0.1 * s
    if name.endswith("running_var"):
        return 0.5 + u
    if len(shape) == 4 and shape[2] >= 4 and shape[2] % 2 == 0:
        value = 0.02 * s
        diagonal = np.arange(min(shape[:2]))
        value[diagonal, diagonal] += np.outer(bilinear_line(shape[2]), bilinear_line(shape[3]))
        return value
    if len(shape) == 4:
        return s * (8 if shape[0] == 1 else 1) * np.sqrt(6 / np.prod(shape[1:]))
    if name.endswith(".bias"):
        return 0.1 * s
    if tuple(shape) == (1,):
        return 0.25 + 0.1 * s
    gain = 0.25 if name.endswith("bn3.weight") else 1 if name.startswith(("layer", "lite0.")) else 0.5
    return gain * (1 + 0.2 * s)


@torch.no_grad()
def fill_by_rule(net):
    for name, tensor in net.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            tensor.copy_(torch.from_numpy(rule_value(name, tuple(tensor.shape)).astype(np.float32)))
    return net


def form_of(names, shape_of):
    """The arguments of PurNet that a state dict was made with, from its names and shapes."""
    backbone = "light" if "lite0._conv_stem.weight" in names else "vgg16" if "vgg.features.0.weight" in names else "resnet50"
    return {
        "backbone": backbone,
        "width": shape_of("convert1.0.weight")[0],
        "promotion": "oa_convert1.0.weight" in names,
        "rectification": "ea_convert1.0.weight" in names,
        "stage1": "feature_upscore1_2.0.weight" not in names,
    }


def load(path):
    """The network of a safetensors file, in inference mode."""
    with safe_open(path, "pt") as file:
        form = form_of(set(file.keys()), lambda name: file.get_slice(name).get_shape())
        form["promotion_gain"] = (file.metadata() or {}).get("promotion_gain", "one")
    with torch.device("meta"):
        net = PurNet(**form)
    state = load_file(path)
    for name, tensor in net.state_dict().items():
        if name.endswith("num_batches_tracked") and name not in state:
            state[name] = torch.zeros((), dtype=torch.int64)
        elif tensor.dtype == torch.float32 and state[name].dtype != torch.float32:
            state[name] = state[name].float()
    net.load_state_dict(state, assign=True)
    return net.eval()
