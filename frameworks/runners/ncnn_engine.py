"""ncnn on the level-1 map converted by pnnx; float32 throughout, Winograd and packed layouts on (its defaults)."""
import ncnn
import numpy as np

from .common import Absent, model_file, normalised


class NcnnEngine:
    def __init__(self, variant, options, data):
        if options.task != "level1":
            raise Absent("runs inference only")
        if options.isa:
            raise Absent("has no switch for the instruction set")
        if len(data["input"]) != 1:
            raise Absent("takes one picture at a time")
        if variant == "int8":
            raise Absent("not converted")
        self.net = ncnn.Net()
        opt = self.net.opt
        opt.num_threads = options.threads
        opt.use_fp16_packed = opt.use_fp16_storage = opt.use_fp16_arithmetic = opt.use_bf16_storage = False
        opt.use_winograd_convolution = variant != "direct"
        opt.use_sgemm_convolution = True
        name = "check" if options.attention else "level1"
        if self.net.load_param(model_file(options, name + ".ncnn.param")) or self.net.load_model(model_file(options, name + ".ncnn.bin")):
            raise RuntimeError(f"ncnn can't load {name}.ncnn")
        self.version, self.precision = ncnn.__version__, "f32"
        self.detail = f"float32, {'no ' if variant == 'direct' else ''}Winograd, {options.threads} threads"
        self.picture = np.ascontiguousarray(normalised(data["input"], options.backbone)[0])
        self.x = ncnn.Mat(self.picture)  # borrows the memory of the array
        self.names = ["out0", "out1"] if options.attention else ["out0"]

    def run(self):
        extractor = self.net.create_extractor()
        extractor.input("in0", self.x)
        self.out = []
        for name in self.names:
            status, value = extractor.extract(name)
            if status:
                raise RuntimeError(f"ncnn: extract {name} gives {status}")
            self.out.append(value)

    def outputs(self):
        found = {"map": np.array(self.out[0]).reshape(1, self.x.h, self.x.w)}
        if len(self.out) > 1:
            found["ap"] = np.array(self.out[1])[None].transpose(0, 2, 3, 1)
        return found


def open_engine(variant, options, data):
    return NcnnEngine(variant, options, data)
