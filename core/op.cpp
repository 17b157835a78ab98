#include "core/op.h"

#include "core/tape.h"
#include "kernels/runtime/current_stream.h"
#include "kernels/runtime/scope.h"

namespace purnet {
namespace {

thread_local OpObserver* observer = nullptr;

// "8x40x40x64, 64x3x3x64 -> 8x40x40x64"
std::string shapes_of(const OpCall& call) {
    std::ostringstream text;
    const char* comma = "";
    for (const Tensor& input : call.inputs)
        if (input) {
            text << comma << input.shape();
            comma = ", ";
        }
    comma = " -> ";
    for (const OpCall::Output& output : call.outputs) {
        text << comma << output.shape;
        comma = ", ";
    }
    return text.str();
}

}  // namespace

OpObserver* set_op_observer(OpObserver* next) {
    OpObserver* previous = observer;
    observer = next;
    return previous;
}

std::vector<Tensor> apply(OpCall call) {
    if (observer) return observer->observe(std::move(call));
    Device device;
    for (const Tensor& input : call.inputs)
        if (input) {
            device = input.device();
            break;
        }
    const auto text = [&call] { return shapes_of(call); };
    const OpScope op(call.name.data(), text);
    std::vector<Tensor> outputs;
    std::vector<const void*> in;
    std::vector<void*> out;
    for (const Tensor& input : call.inputs) {
        require(!input || input.device() == device, call.name, ": operands lie on ", name_of(device), " and ",
                input ? name_of(input.device()) : "");
        in.push_back(input ? input.raw() : nullptr);
    }
    if (call.view) {
        outputs.push_back(call.inputs.front().view(call.outputs.front().shape));
        if (Tape* tape = detail::current_tape()) detail::record(*tape, std::move(call), outputs);
        return outputs;
    }
    for (const OpCall::Output& output : call.outputs) {
        outputs.push_back(Tensor::empty(output.shape, output.dtype, device));
        out.push_back(outputs.back().raw());
    }
    const Block workspace(device, call.workspace());
    call.forward(Arguments(in.data(), out.data(), workspace.data()), current_context(device));
    if (Tape* tape = detail::current_tape()) detail::record(*tape, std::move(call), outputs);
    return outputs;
}

}  // namespace purnet
