"""ONNX Runtime on the exported level-1 map."""
import onnxruntime as ort

from .common import Absent, model_file, normalised


class OrtEngine:
    def __init__(self, variant, options, data):
        if options.task != "level1":
            raise Absent("runs inference only")
        if options.isa:
            raise Absent("has no switch for the instruction set")
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        settings.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.version, self.precision = ort.__version__, "int8" if variant == "int8" else "f32"
        self.detail = f"CPU provider, all optimisations, {options.threads} threads"
        name = ("check" if options.attention else "level1") + ("-int8" if variant == "int8" else "")
        self.session = ort.InferenceSession(model_file(options, name + ".onnx"), settings, ["CPUExecutionProvider"])
        self.feed = {self.session.get_inputs()[0].name: normalised(data["input"], options.backbone)}

    def run(self):
        self.out = self.session.run(None, self.feed)

    def outputs(self):
        found = {"map": self.out[0][:, 0]}
        if len(self.out) > 1:
            found["ap"] = self.out[1].transpose(0, 2, 3, 1)
        return found


def open_engine(variant, options, data):
    return OrtEngine(variant, options, data)
