"""OpenVINO on the exported level-1 map: float32 where asked for; `default` leaves the precision to it (bf16 on CPUs that have it)."""
import openvino as ov

from .common import Absent, model_file, normalised


class OpenVinoEngine:
    def __init__(self, variant, options, data):
        if options.task != "level1":
            raise Absent("runs inference only")
        core = ov.Core()
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": options.threads}
        if variant == "f32":
            settings["INFERENCE_PRECISION_HINT"] = "f32"
        name = ("check" if options.attention else "level1") + ("-int8" if variant == "int8" else "")
        compiled = core.compile_model(core.read_model(model_file(options, name + ".xml")), "CPU", settings)
        hint = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self.version = ov.get_version().split("-")[0]
        self.precision = "int8" if variant == "int8" else {"f32": "f32", "bf16": "bf16", "f16": "f16"}.get(hint, hint)
        self.detail = f"latency hint, precision {hint}, {compiled.get_property('INFERENCE_NUM_THREADS')} threads"
        self.request = compiled.create_infer_request()
        self.x = ov.Tensor(normalised(data["input"], options.backbone))
        self.request.set_input_tensor(self.x)

    def run(self):
        self.request.infer()

    def outputs(self):
        found = {"map": self.request.get_output_tensor(0).data[:, 0].copy()}
        if len(self.request.model_outputs) > 1:
            found["ap"] = self.request.get_output_tensor(1).data.transpose(0, 2, 3, 1).copy()
        return found


def open_engine(variant, options, data):
    return OpenVinoEngine(variant, options, data)
