"""Holds purnet_torch against float64 goldens of the specification.

    build/peers/bin/python frameworks/verify.py GOLDEN_PURNET_FOLDER [--only infer,forms,losses,train,optimiser]

Prints each deviation relative to the largest value; exit 1 when one is above 1e-7 (what is stored as float32) or 1e-9.
"""
import argparse
import json
import pathlib
import sys

import numpy as np
import torch

from purnet_torch import losses as L
from purnet_torch.model import PurNet
from purnet_torch.training import Trainer
from purnet_torch.weights import fill_by_rule, normalise

FORMS = {
    "vgg16": dict(backbone="vgg16"),
    "light48": dict(backbone="light", width=48),
    "baseline": dict(promotion=False, rectification=False),
    "pa": dict(rectification=False),
    "ra": dict(promotion=False),
}
failures = []


def report(name, deviation, limit):
    good = deviation <= limit  # NaN is not
    print(f"{'ok  ' if good else 'FAIL'} {name}: {deviation:.2e}")
    if not good:
        failures.append(name)


def deviation(got, want):
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    assert got.shape == want.shape, (got.shape, want.shape)
    largest = np.abs(want).max()
    return float(np.abs(got - want).max() / (largest if largest else 1))


def make(**form):
    return fill_by_rule(PurNet(**form)).double().eval()


def verify_infer(folder):
    net = make()
    report("parameters 35,528,122", abs(sum(p.numel() for p in net.parameters()) - 35528122), 0)
    report("parameters of stage 1 25,951,448", abs(sum(p.numel() for p in PurNet(stage1=True).parameters()) - 25951448), 0)
    for case in ("infer_odd", "infer_320"):
        x = normalise(np.load(folder / case / "input_rgb_u8.npy"), "resnet50", torch.float64)
        with torch.no_grad():
            out = net(x)
            probability, attention = net.level1(x)
        report(f"{case}: level1 equals forward", max((probability - out["z"][0].sigmoid()).abs().max(), (attention - out["ap"][0]).abs().max()).item(), 1e-12)
        for kind in ("z", "zp", "zo", "ze", "ap"):
            for i, value in enumerate(out[kind], 1):
                file = folder / case / f"{kind}{i}.npy"
                if file.exists():
                    want = np.load(file)
                    report(f"{case}/{kind}{i}", deviation(value.permute(0, 2, 3, 1).numpy().reshape(want.shape), want), 1e-7)


def verify_forms(folder):
    numbers = json.loads((folder / "forms/numbers.json").read_text())
    rgb = np.load(folder / "infer_odd/input_rgb_u8.npy")
    for name, form in FORMS.items():
        net = make(**form)
        report(f"forms/{name}: parameters", abs(sum(p.numel() for p in net.parameters()) - numbers[name]["parameters"]), 0)
        report(f"forms/{name}: tensors", abs(len(net.state_dict()) - numbers[name]["tensors"]), 0)
        with torch.no_grad():
            z = torch.stack(net(normalise(rgb, net.backbone, torch.float64))["z"]).squeeze(2)
        report(f"forms/{name}", deviation(z, np.load(folder / f"forms/{name}_z.npy")), 1e-7)


def verify_losses(folder):
    folder = folder / "losses"
    values = json.loads((folder / "values.json").read_text())
    data = {n: torch.from_numpy(np.load(folder / f"{n}.npy")).unsqueeze(1) for n in ("z", "ze", "zo", "g", "labels", "confident_z", "confident_g")}
    cases = {
        "bce": lambda z, ze, zo, g, y: L.weighted_bce(z, g),
        "ibce_paper": lambda z, ze, zo, g, y: L.weighted_bce(z, g, ze),
        "ibce_code": lambda z, ze, zo, g, y: L.weighted_bce(z, g, ze, "code"),
        "error_bce": lambda z, ze, zo, g, y: L.error_loss(ze, zo, g),
        "error_kl": lambda z, ze, zo, g, y: L.error_loss(ze, zo, g, "kl"),
        "structural_paper": lambda z, ze, zo, g, y: L.structural_loss(z, g, y),
        "structural_code": lambda z, ze, zo, g, y: L.structural_loss(z, g, y, "code"),
        "structural_confident": lambda z, ze, zo, g, y: L.structural_loss(z, g, y),
    }
    assert set(cases) == set(values), set(cases) ^ set(values)
    for name, function in cases.items():
        start = "confident_" if name == "structural_confident" else ""
        z, ze, zo = (data[n].clone().requires_grad_() for n in (start + "z", "ze", "zo"))
        loss = function(z, ze, zo, data[start + "g"], data["labels"])
        loss.backward()
        report(f"losses/{name}", deviation(loss.item(), values[name]), 1e-9)
        for kind, variable in (("z", z), ("ze", ze), ("zo", zo)):
            file = folder / f"{name}_grad_{kind}.npy"
            if file.exists():
                gradient = torch.zeros_like(variable) if variable.grad is None else variable.grad
                report(f"losses/{name} d{kind}", deviation(gradient.squeeze(1), np.load(file)), 1e-9)


def verify_train(folder, steps):
    rgb, mask, labels = (np.load(folder / "batch" / f"{n}.npy") for n in ("input_rgb_u8", "mask", "labels"))
    x = normalise(rgb, "resnet50", torch.float64)
    size = x.shape[2:]
    g, labels = torch.from_numpy(mask).double().reshape(-1, 1, *size), torch.from_numpy(labels).reshape(-1, 1, *size)
    for case in sorted(folder.glob("train_stage*")):
        expected = json.loads((case / "expected.json").read_text())
        stage, recipe = int(case.name[11]), case.name.split("_")[2]
        net = make(stage1=stage == 1)
        trainer = Trainer(net, recipe, stage)
        trainer.set_rates()
        parts = trainer.forward_losses(x, g, labels)
        worst = max(deviation(parts[n].detach(), v) for n, v in expected["losses"].items())
        report(f"{case.name}: losses {sorted(expected['losses'])}", worst, 1e-9)
        assert set(parts) == set(expected["losses"]), (set(parts), set(expected["losses"]))
        trainer.backward(parts)
        state, parameters = net.state_dict(), dict(net.named_parameters())
        report(f"{case.name}: running", max(abs(state[n].norm().item() / v - 1) for n, v in expected["running"].items()), 1e-9)
        norms = {n: None if p.grad is None else p.grad.norm().item() for n, p in parameters.items()}
        fixed = {n for n, v in expected["gradient_l2"].items() if v is None}
        report(f"{case.name}: fixed parameters", len(fixed ^ {n for n, v in norms.items() if v is None}), 0)
        # a bias before a batch norm has no gradient but rounding noise: compared to 0
        report(f"{case.name}: gradient norms", max(abs(norms[n] - v) / max(v, 1e-3) for n, v in expected["gradient_l2"].items() if v is not None), 1e-9)
        stored = []
        for file in case.glob("grad_*.npy"):
            want, got = np.load(file).ravel(), parameters[file.stem[5:]].grad.ravel().numpy()
            stored.append(deviation(got if got.size <= 20000 else got[::got.size // 4096], want))
        report(f"{case.name}: {len(stored)} gradients whole", max(stored), 1e-7)
        trainer.optimiser.step()
        trainer.step_number = 1
        for k in range(1, steps):
            parts = trainer.step(x, g, labels)
            worst = max(abs(parts[n].sum().item() / v - 1) for n, v in expected["trace"][k].items())
            report(f"{case.name}: trace {k}", worst, 1e-8)
        if steps == 10:
            worst = max(abs(p.norm().item() / expected["parameter_l2_after"][n] - 1) for n, p in parameters.items())
            report(f"{case.name}: parameters after ten steps", worst, 1e-8)


def verify_optimiser(folder):
    expected = json.loads((folder / "optimiser/expected.json").read_text())
    for case, vectors in expected.items():
        stage, recipe = int(case[5]), case.split("_")[1]
        trainer = Trainer(PurNet(stage1=stage == 1), recipe, stage)
        worst, fixed = 0.0, 0
        for name, record in vectors.items():
            key = trainer.rate_and_decay(name)
            if record is None or record.get("steps") is None:
                fixed += key is not None
                continue
            if key is None:
                fixed += 1
                continue
            p = torch.nn.Parameter(torch.tensor(record["start"], dtype=torch.float64))
            trainer.optimiser = torch.optim.SGD([{"params": [p], "lr": key[0], "initial": key[0], "weight_decay": key[1], "falls": key[2]}], momentum=0.9)
            for k, step in enumerate(record["steps"]):
                trainer.step_number = k
                trainer.set_rates()
                p.grad = torch.tensor(step["gradient"], dtype=torch.float64)
                trainer.optimiser.step()
                worst = max(worst, deviation(p.detach(), step["parameter"]), deviation(trainer.optimiser.state[p]["momentum_buffer"], step["momentum"]))
        report(f"optimiser/{case}: {len(vectors)} vectors", worst, 1e-12)
        report(f"optimiser/{case}: fixed", fixed, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", type=pathlib.Path)
    parser.add_argument("--only", default="infer,forms,losses,optimiser,train")
    parser.add_argument("--steps", type=int, default=2, help="training steps compared (10: the parameters after them too)")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for part in options.only.split(","):
        if part == "train":
            verify_train(options.golden, options.steps)
        else:
            {"infer": verify_infer, "forms": verify_forms, "losses": verify_losses, "optimiser": verify_optimiser}[part](options.golden)
    print(f"{len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
