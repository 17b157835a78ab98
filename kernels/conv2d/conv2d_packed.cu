// Convolutions packed for inference on the device. Their kernels read weights as they lie in the contract's order (conv2d_operands.h), so
// packing is rounding to T and a copy; what follows the sum is the kernels' epilogue (kernels/tile/epilogue.h).
#include <algorithm>
#include <vector>

#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/runtime/memory.h"

namespace purnet::conv2d::implicit {
namespace {

template <class T>
Block on_device(const Device& device, const float* values, int64_t count) {
    const std::vector<T> converted(values, values + count);
    Block block(device, converted.size() * sizeof(T));
    copy_bytes(block.data(), device, converted.data(), Device{}, block.bytes());
    return block;
}

template <class T>
class PackedOnDevice : public PackedConv {
public:
    PackedOnDevice(const Problem& problem, Pass pass, const Epilogue& epilogue, const float* weight, const float* bias,
                   const Context& context)
        : problem_(problem), pass_(pass), epilogue_(epilogue), way_(way_of<T>(problem, pass, epilogue == Epilogue{} && !bias)) {
        MemoryScope scope("packed weights");
        weight_ = on_device<T>(context.device, weight, problem.weight_count());
        if (bias) bias_ = on_device<float>(context.device, bias, pass == Pass::forward ? problem.o : problem.c);
    }

    void run(const void* x, const void* before, const void* after, void* y, void* workspace, const Context& context) const override {
        require((before != nullptr) == epilogue_.before && (after != nullptr) == epilogue_.after,
                "a packed convolution's operands are not those of its epilogue");
        const tile::Epilogue<T> epilogue{static_cast<const float*>(bias_.data()), static_cast<const T*>(before),
                                         static_cast<const T*>(after), epilogue_.slope, epilogue_.top};
        const auto compute = pass_ == Pass::forward ? implicit::forward<T> : implicit::backward_data<T>;
        compute(problem_, static_cast<const T*>(x), static_cast<const T*>(weight_.data()), epilogue, static_cast<T*>(y), workspace, context,
                &way_);
    }
    size_t workspace() const override { return implicit::workspace<T>(problem_, pass_, &way_); }
    size_t bytes() const override { return weight_.bytes() + bias_.bytes(); }
    std::string method() const override { return way_.name; }

private:
    Problem problem_;
    Pass pass_;
    Epilogue epilogue_;
    Way way_;
    Block weight_, bias_;
};

}  // namespace

template <class T>
std::unique_ptr<PackedConv> make_packed(const Problem& problem, Pass pass, const Epilogue& epilogue, const float* weight, const float* bias,
                                        const Context& context) {
    check(problem);
    return std::make_unique<PackedOnDevice<T>>(problem, pass, epilogue, weight, bias, context);
}

template std::unique_ptr<PackedConv> make_packed<float>(const Problem&, Pass, const Epilogue&, const float*, const float*, const Context&);
template std::unique_ptr<PackedConv> make_packed<bf16>(const Problem&, Pass, const Epilogue&, const float*, const float*, const Context&);

}  // namespace purnet::conv2d::implicit
