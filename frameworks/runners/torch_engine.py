"""PyTorch: level-1 map and training step, eager, channels_last, compiled, bf16 autocast, and float64 (the reference)."""
import contextlib
import json

import numpy as np
import torch

from purnet_torch.model import Level1
from purnet_torch.training import Trainer
from purnet_torch.weights import load, normalise

from .common import Absent, has_bf16

VARIANTS = ("eager", "channels-last", "compile", "bf16", "compile-bf16", "f64")


class TorchEngine:
    def __init__(self, variant, options, data):
        if variant not in VARIANTS:
            raise Absent(f"no such variant: {', '.join(VARIANTS)}")
        if "bf16" in variant and not has_bf16():
            raise Absent("this CPU has no bf16 instructions")
        torch.set_num_threads(options.threads)
        torch.set_num_interop_threads(1)
        self.version = torch.__version__
        self.precision = "bf16" if "bf16" in variant else "f64" if variant == "f64" else "f32"
        self.dtype = torch.float64 if variant == "f64" else torch.float32
        self.channels_last = "channels-last" in variant
        self.compiled = "compile" in variant
        self.detail = f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
        self.net = load(options.weights).to(self.dtype)
        self.x = normalise(data["input"], self.net.backbone, self.dtype)
        if self.channels_last:
            self.net, self.x = (t.to(memory_format=torch.channels_last) for t in (self.net, self.x))

    def cast(self):
        return torch.autocast("cpu", torch.bfloat16) if self.precision == "bf16" else contextlib.nullcontext()

    def compile(self, module):
        if not self.compiled:
            return module
        return torch.compile(module)


class TorchLevel1(TorchEngine):
    def __init__(self, variant, options, data):
        super().__init__(variant, options, data)
        torch.set_grad_enabled(False)
        if self.compiled:
            torch._inductor.config.freezing = True  # constants folded, weights packed: the documented setting for inference
        self.module = self.compile(Level1(self.net, with_attention=options.attention))

    def run(self):
        with self.cast():
            self.out = self.module(self.x)

    def outputs(self):
        probability, attention = self.out if isinstance(self.out, tuple) else (self.out, None)
        found = {"map": probability.float().squeeze(1).numpy()}
        if attention is not None:
            found["ap"] = attention.float().permute(0, 2, 3, 1).contiguous().numpy()
        return found


class TorchTrain(TorchEngine):
    """A step of stage 3, recipe `paper`: forward, all losses, backward, update."""
    def __init__(self, variant, options, data):
        super().__init__(variant, options, data)
        n, h, w = data["mask"].shape
        self.mask = torch.from_numpy(data["mask"]).to(self.dtype).view(n, 1, h, w)
        self.labels = torch.from_numpy(data["labels"]).view(n, 1, h, w)
        self.parameters = dict(self.net.named_parameters())
        self.trainer = Trainer(self.net, "paper", 3)
        self.forward = self.compile(self.net)
        self.trainer.forward_losses = self.losses
        self.history = []

    def losses(self, x, g, labels):
        from purnet_torch.losses import losses
        with self.cast():
            out = self.forward(x)
        return losses({k: [t.to(self.dtype) for t in v] for k, v in out.items()}, g, labels, **self.trainer.options)

    def run(self):
        parts = self.trainer.step(self.x, self.mask, self.labels)
        self.history.append({name: float(v.detach().sum()) for name, v in parts.items()})

    def check(self, folder):
        """Losses of two steps; how far the first update moved every parameter."""
        before = {n: p.detach().clone() for n, p in self.parameters.items()}
        self.run()
        moved = {n: (p.detach() - before[n]).double().norm().item() for n, p in self.parameters.items()}
        self.run()
        (folder / "train.json").write_text(json.dumps({"losses": self.history, "update_l2": moved}))


def open_engine(variant, options, data):
    return (TorchTrain if options.task == "train" else TorchLevel1)(variant, options, data)
