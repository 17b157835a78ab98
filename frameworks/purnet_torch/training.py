"""Parameter groups and the step of both recipes."""
import torch

from .losses import losses
from .model import EXTRACTOR

FOLLOWS = {"oa_": ("promotion",), "ea_": ("rectification", "error"), "": ("main", "structural")}  # recipe "code": whose loss moves a group


def group_of(name):
    return "extractor" if name.startswith(EXTRACTOR) else name[:3] if name[:3] in ("oa_", "ea_") else "main"


class Trainer:
    """One stage of one recipe: SGD with momentum 0.9 over `steps` steps."""
    def __init__(self, net, recipe="paper", stage=3, steps=1000, error_form="bce", structural=True):
        self.net, self.recipe, self.stage, self.steps, self.step_number = net, recipe, stage, steps, 0
        self.options = dict(recipe=recipe, stage=stage, error_form=error_form, structural=structural)
        self.frozen = stage == 2 and recipe == "paper"
        self.optimiser = torch.optim.SGD(self.groups(), momentum=0.9)
        self.train_mode()

    def train_mode(self):
        self.net.train()
        if self.frozen:  # what does not learn keeps its batch norms' statistics
            for name, module in self.net.named_children():
                if group_of(name + ".") in ("extractor", "main"):
                    module.eval()

    def rate_and_decay(self, name):
        """Learning rate at step 0, weight decay, whether the rate falls; None where the parameter is fixed."""
        group = group_of(name)
        if self.frozen and group in ("extractor", "main"):
            return None
        if self.recipe == "paper":
            return (1e-3 if group == "extractor" else 1e-2), 5e-4, True
        rate = 1e-3 if group == "extractor" or (group == "main" and self.stage > 1) else 1e-2
        bias = name.endswith(".bias")
        return rate * (2 if bias else 1), (0.0 if bias else 5e-4), group == "extractor"

    def groups(self):
        found = {}
        for name, parameter in self.net.named_parameters():
            key = self.rate_and_decay(name)
            parameter.requires_grad_(key is not None)
            if key is not None:
                found.setdefault(key, []).append(parameter)
        return [{"params": p, "lr": k[0], "initial": k[0], "weight_decay": k[1], "falls": k[2]} for k, p in found.items()]

    def set_rates(self):
        factor = (1 - self.step_number / self.steps) ** 0.9
        for group in self.optimiser.param_groups:
            group["lr"] = group["initial"] * (factor if group["falls"] else 1)

    def forward_losses(self, x, g, labels):
        return losses(self.net(x), g, labels, **self.options)

    def backward(self, parts):
        if self.recipe == "paper" or self.stage == 1:
            sum(v.sum() for v in parts.values()).backward()
            return
        named = [(n, p) for n, p in self.net.named_parameters() if p.requires_grad]
        for prefix, followed in FOLLOWS.items():  # each group follows its own loss alone
            own = [p for n, p in named if (group_of(n) == prefix if prefix else group_of(n) in ("extractor", "main"))]
            total = sum(parts[name].sum() for name in followed if name in parts)
            if own:
                for parameter, gradient in zip(own, torch.autograd.grad(total, own, retain_graph=True)):
                    parameter.grad = gradient

    def step(self, x, g, labels):
        """Losses before the update."""
        self.set_rates()
        self.optimiser.zero_grad(set_to_none=True)
        parts = self.forward_losses(x, g, labels)
        self.backward(parts)
        self.optimiser.step()
        self.step_number += 1
        return parts
