"""Runs the engine and the frameworks on the same weights and the same picture: outputs first, then time.

    compare.py [--task level1|train] [--weights W.safetensors | --form light --width 48] [--size 320] [--batch 1] [--threads 2]
               [--contestants NAME,...] [--rounds 5] [--runs 5] [--isa avx2] [--image PHOTO] [--calibration FOLDER]
               [--launch "taskset -c 0,1"] [--name NAME] [--out docs/results]

--size, --batch and --threads take lists (160,320): every combination is a table. Contestants take turns in every round; all but
the one whose turn it is are stopped. Writes OUT/NAME.md, .json and .svg. Exit 1 when a contestant breaks or computes something else.
"""
import argparse
import hashlib
import itertools
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

import numpy as np

import machine
import report
from contestant import Contestant, Failed, Refused, seconds_of

HERE = pathlib.Path(__file__).resolve().parent
WORK = HERE.parent / "build" / "compare"
LEVEL1 = "purnet-f32,purnet-bf16,purnet-int8,torch-eager,torch-channels-last,torch-compile,torch-bf16,torch-compile-bf16,onnxruntime-f32,onnxruntime-int8,openvino-f32,openvino-default,openvino-int8,ncnn-winograd,ncnn-direct"
TRAIN = "purnet-f32,torch-eager,torch-channels-last,torch-compile,torch-bf16"
ISA = {"avx2": {"PURNET_ISA": "avx2", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}}


def photograph(path, height, width):
    from PIL import Image
    return np.asarray(Image.open(path).convert("RGB").resize((width, height), Image.BILINEAR))


def picture(path, height, width, batch):
    """uint8 batch,H,W,3: a photograph, or a drawn one; later pictures of the batch are mirrored and shifted."""
    if path:
        image = photograph(path, height, width)
    else:
        y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
        disc = (x - 0.55) ** 2 + (y - 0.45) ** 2 < 0.06
        waves = np.stack([np.sin(17 * x + 5 * y), np.sin(11 * y - 7 * x), np.cos(23 * x * y)], -1)
        image = (127.5 + 70 * waves + 50 * disc[..., None] * (1, -0.6, 0.3)).clip(0, 255).astype(np.uint8)
    turned = [np.roll(image[:, ::-1] if k % 2 else image, 37 * k, 1) for k in range(batch)]
    return np.ascontiguousarray(np.stack(turned))


def make_data(folder, options, height, width, batch):
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "input.npy", picture(options.image, height, width, batch))
    if options.calibration:
        paths = sorted(p for p in options.calibration.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))[:64]
        np.save(folder / "calibration.npy", np.stack([photograph(p, height, width) for p in paths]))
    if options.task != "train":
        return
    y, x = np.mgrid[0:height, 0:width]
    discs = [((x - width * (0.35 + 0.08 * k)) / width) ** 2 + ((y - height * 0.5) / height) ** 2 < 0.05 for k in range(batch)]
    np.save(folder / "mask.npy", np.stack(discs).astype(np.float32))
    cells = (y * 16 // height) * 16 + x * 16 // width  # 256 regions, as superpixels are asked for
    np.save(folder / "labels.npy", np.repeat(cells[None].astype(np.int32), batch, 0))


def differences(folder, reference, task):
    """How far a contestant's outputs are from the reference's, and what that breaks."""
    if task == "train":
        got, want = (json.loads((f / "train.json").read_text()) for f in (folder, reference))
        steps = [max(abs(g[n] / w[n] - 1) for n in w) for g, w in zip(got["losses"], want["losses"], strict=True)]
        moved = want["update_l2"]
        floor = 1e-3 * float(np.median(list(moved.values())))
        updates = [abs(got["update_l2"][n] - v) / max(v, floor) for n, v in moved.items()]
        found = {"loss_step0": steps[0], "loss_step1": steps[1], "update_median": float(np.median(updates)), "update_worst": max(updates)}
        return found, {"loss_step0": 1e-5, "loss_step1": 1e-3, "update_median": 1e-3, "update_worst": 1e-1}
    found, limits = {}, {"map": 1e-4, "ap": 1e-3}
    for name in ("map", "ap"):
        if not (reference / f"{name}.npy").exists():
            continue
        if not (folder / f"{name}.npy").exists():
            found[name] = float("nan")
            continue
        got, want = np.load(folder / f"{name}.npy").astype(np.float64), np.load(reference / f"{name}.npy").astype(np.float64)
        if got.shape != want.shape:
            raise Failed(f"{name} has shape {got.shape}, not {want.shape}")
        found[name] = float(np.abs(got - want).max() / (np.abs(want).max() if name == "ap" else 1))
        if name == "map":
            found["map_mean"] = float(np.abs(got - want).mean())
    return found, limits


def judge(found, limits, precision):
    """What is wrong with the outputs, in words; None when nothing is."""
    if precision not in ("f32", "f64"):
        limits = {"map_mean": 0.02} if "map" in found else {"loss_step0": 2e-2, "loss_step1": 5e-2}
    wrong = [f"{n} {found[n]:.2g} above {v:g}" for n, v in limits.items() if n in found and not found[n] <= v]
    return "computes something else: " + ", ".join(wrong) if wrong else None


class Session:
    """One combination of size, batch and threads."""
    def __init__(self, options, weights, backbone, size, batch, threads):
        self.options, self.weights = options, weights
        height, _, width = size.partition("x")
        self.height, self.width, self.batch, self.threads = int(height), int(width or height), batch, threads
        self.folder = WORK / f"{options.task}-{backbone}-{size}-{batch}"
        make_data(self.folder, options, self.height, self.width, batch)
        calibration = [self.folder / "calibration.npy"] if options.calibration else []
        self.models = WORK / f"models-{size}-{batch}-{digest(weights, *calibration)}"
        inputs = [self.folder / f"{name}.npy" for name in (("input", "mask", "labels") if options.task == "train" else ("input",))]
        self.wanted = WORK / f"reference-{options.task}-{digest(weights, *inputs)}"
        common = ["--task", options.task, "--weights", str(weights), "--data", str(self.folder), "--threads", str(threads)]
        runner = [sys.executable, str(HERE / "runner.py"), *common, "--backbone", backbone, "--models", str(self.models), "--warmup", str(options.warmup)]
        self.environment = {**os.environ, **ISA.get(options.isa, {}), "OMP_NUM_THREADS": str(threads), "PURNET_THREADS": str(threads), "TORCHINDUCTOR_CACHE_DIR": str(WORK / "inductor")}
        self.contestants = []
        for name in options.contestants.split(","):
            framework, _, variant = name.partition("-")
            if framework == "purnet":
                command = [*shlex.split(options.purnet), "bench", "--serve", *common, "--precision", variant, "--warmup", str(options.warmup)]
                if variant == "int8" and options.calibration:
                    command += ["--calibration", str(self.folder / "calibration.npy")]
            else:
                command = [*runner, "--engine", name, "--isa", options.isa]
            self.contestants.append(Contestant(name, command, self.environment, shlex.split(options.launch)))
        self.reference = Contestant("reference", [*runner, "--engine", "torch-f64"], self.environment)
        self.rows = {c.name: {"name": c.name} for c in self.contestants}
        self.predict = []
        if self.height == self.width:
            self.predict = [*shlex.split(options.launch), *shlex.split(options.purnet), "predict", "-q", "--weights", str(weights), "--size", str(self.height), "--precision", "f32", "--device", "cpu", "--if-exists", "overwrite"]
        self.predict_s = []

    def convert(self):
        if self.options.task == "train" or self.models.exists():
            return
        half_made = self.models.with_name(self.models.name + ".part")
        command = [sys.executable, str(HERE / "convert.py"), "--weights", str(self.weights), "--size", f"{self.height}x{self.width}", "--batch", str(self.batch), "--out", str(half_made)]
        if self.options.calibration:
            command += ["--calibration", str(self.folder / "calibration.npy")]
        if subprocess.run(command).returncode:
            raise SystemExit("compare.py: convert.py failed, see above")
        half_made.rename(self.models)

    def guarded(self, contestant, action):
        """The action's result; what goes wrong is written into the row, and the contestant is out."""
        try:
            return action()
        except Refused as reason:
            self.rows[contestant.name]["absent"] = str(reason)
        except (Failed, OSError, subprocess.TimeoutExpired) as error:
            self.rows[contestant.name]["error"] = str(error)
        contestant.stop()
        self.contestants.remove(contestant)
        note(f"{contestant.name}: {self.rows[contestant.name].get('absent') or self.rows[contestant.name].get('error')}")
        return None

    def check(self):
        if not self.wanted.exists():
            half_made = self.wanted.with_name(self.wanted.name + ".part")
            self.reference.run_once("--check", str(half_made))
            half_made.rename(self.wanted)

        def compare(contestant):
            folder = self.folder / contestant.name
            for stale in folder.glob("*.*"):
                stale.unlink()
            about = contestant.run_once("--check", str(folder))
            found, limits = differences(folder, self.wanted, self.options.task)
            self.rows[contestant.name] |= {"difference": found, **{k: about[k] for k in ("version", "precision", "detail")}}
            wrong = judge(found, limits, about["precision"])
            if wrong:
                raise Failed(wrong)
            note(f"{contestant.name}: " + ", ".join(f"{k} {v:.1e}" for k, v in found.items()))

        for contestant in list(self.contestants):
            self.guarded(contestant, lambda: compare(contestant))

    def measure(self):
        options = self.options
        for row in self.rows.values():
            row |= {"ms": [], "start_s": []}

        def begin(c):
            self.rows[c.name]["start_s"].append(c.start())
            if c.about.get("launched"):  # of ours on a GPU: whether these are the times of one CUDA graph
                self.rows[c.name]["launched"] = c.about["launched"]
            c.sleep()

        def turn(c):
            c.wake()
            self.rows[c.name]["ms"].append(c.turn(options.runs))
            c.sleep()

        def finish(c):
            c.wake()
            self.rows[c.name]["peak_mb"] = max(c.ask("memory")["peak_mb"], self.rows[c.name].get("peak_mb", 0))
            if options.task == "level1":
                folder = self.folder / c.name / "timed"
                c.ask(f"dump {folder}")
                got, want = np.load(folder / "map.npy"), np.load(self.wanted / "map.npy")
                wrong = judge({"map": float(np.abs(got - want).max()), "map_mean": float(np.abs(got - want).mean())}, {"map": 1e-4}, c.about["precision"])
                if wrong:
                    raise Failed("the timed program " + wrong)
            c.stop()

        def extra_start(c):
            self.rows[c.name]["start_s"].append(c.start(wait_ready=False))
            c.stop()
            if c.name == "purnet-f32" and self.predict:
                self.start_of_predict()

        together = options.task == "level1"  # several training steps at once would not fit into memory
        if together:
            self.each(begin)
        for number in range(options.rounds):
            self.each((lambda c: (begin(c), turn(c), finish(c))) if not together else turn)
            note(f"round {number + 1} of {options.rounds}")
        if together:
            self.each(finish)
            for _ in range(options.starts - 1):
                self.each(extra_start)

    def start_of_predict(self):
        """Seconds of a whole `purnet predict`, process creation to process end: picture from disk, mask to disk, packed weights from the last such start."""
        from PIL import Image
        photo, packed = self.folder / "photo.png", self.folder / "packed"
        command = [*self.predict, "--packed", str(packed), "--out", str(self.folder / "mask.png"), str(photo)]
        if not self.predict_s:
            Image.fromarray(np.load(self.folder / "input.npy")[0]).save(photo)
            shutil.rmtree(packed, ignore_errors=True)
            seconds_of(command, self.environment)  # keeps the packed weights
            if not any(packed.glob("*.packed")):
                note("purnet predict kept no packed weights: its start is not measured")
                self.predict = []
                return
        self.predict_s.append(seconds_of(command, self.environment))

    def each(self, action):
        for contestant in list(self.contestants):
            self.guarded(contestant, lambda: action(contestant))

    def close(self):
        for contestant in self.contestants:
            contestant.stop()

    def result(self):
        return {"size": [self.height, self.width], "batch": self.batch, "threads": self.threads, "rows": list(self.rows.values()), "predict_s": self.predict_s}


def note(text):
    print(time.strftime("%H:%M:%S"), text, flush=True)


def digest(*paths):
    """Of the files' contents: what was made from them is made once."""
    together = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            together.update(hashlib.file_digest(file, "sha256").digest())
    return together.hexdigest()[:12]


def weights_by_rule(form, width):
    path = WORK / f"rule-{form}-{width}.safetensors"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, str(HERE / "make_weights.py"), "--form", form, "--width", str(width), "--out", str(path)], check=True)
    return path


def form_of_file(path):
    with open(path, "rb") as file:
        names = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return "light" if "lite0._conv_stem.weight" in names else "vgg16" if "vgg.features.0.weight" in names else "resnet50"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=("level1", "train"), default="level1")
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--form", default="resnet50", help="without --weights: parameters by rule for this backbone")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--size", default="320")
    parser.add_argument("--batch", default="")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--contestants", default="")
    parser.add_argument("--purnet", default=str(HERE.parent / "build" / "purnet"), help="the engine's program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=None)
    parser.add_argument("--isa", default="", choices=("", "avx2"))
    parser.add_argument("--image")
    parser.add_argument("--calibration", type=pathlib.Path, help="folder of photographs for the int8 contestants, which run only with it (64 at most are read)")
    parser.add_argument("--launch", default="", help="a command put before every timed program: taskset, numactl, chrt")
    parser.add_argument("--name", default="")
    parser.add_argument("--out", type=pathlib.Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    train = options.task == "train"
    options.batch = options.batch or ("4" if train else "1")
    options.contestants = options.contestants or (TRAIN if train else LEVEL1)
    options.warmup = (0 if train else 3) if options.warmup is None else options.warmup
    if train:
        options.runs = min(options.runs, 2)
    return options


def main():
    options = parse()
    weights = options.weights or weights_by_rule(options.form, options.width)
    backbone = form_of_file(weights)
    sessions = []
    for size, batch, threads in itertools.product(options.size.split(","), options.batch.split(","), options.threads.split(",")):
        note(f"{options.task}, {backbone}, size {size}, batch {batch}, {threads} threads")
        session = Session(options, weights, backbone, size, int(batch), int(threads))
        try:
            session.convert()
            session.check()
            session.measure()
        finally:
            session.close()
        sessions.append(session.result())
    name = options.name or f"{machine.slug(options.isa)}-{options.task}-{backbone}"
    command = "frameworks/compare.py " + shlex.join(sys.argv[1:])
    result = {"task": options.task, "backbone": backbone, "weights": weights.name, "isa": options.isa, "command": command, "machine": machine.describe(HERE.parent), "sessions": sessions}
    options.out.mkdir(parents=True, exist_ok=True)
    for path in report.write(result, options.out / name):
        note(f"written: {path}")
    sys.exit(1 if any("error" in row for s in sessions for row in s["rows"]) else 0)


if __name__ == "__main__":
    main()
