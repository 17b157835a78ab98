// Convolutions packed for inference on the device. Their kernels read weights as they lie in the contract's order (conv2d_operands.h), so
// packing is rounding to T and a copy; what follows the sum is the kernels' epilogue (kernels/tile/epilogue.h).
#include <algorithm>
#include <vector>

#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/conv2d_estimate.h"
#include "kernels/conv2d/conv2d_key.h"
#include "kernels/conv2d/conv2d_single_cuda.h"
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
class PackedOnDevice;

template <class T>
class MergedOnDevice : public MergedConv {
public:
    using Convolutions = std::vector<std::shared_ptr<const PackedOnDevice<T>>>;

    explicit MergedOnDevice(Convolutions convolutions)
        : convolutions_(std::move(convolutions)),
          widest_(widest(convolutions_)),
          way_(way_of_merged<T>(widest_, convolutions_.front()->pass(), count())),
          product_workspace_(way_.grid.times(count()).workspace()) {}

    void run(std::span<const PackedOperands> operands, void* workspace, const Context& context) const override;
    // Where operands are not aligned they run one after the other.
    size_t workspace() const override {
        size_t most = product_workspace_;
        for (const auto& convolution : convolutions_) most = std::max(most, convolution->workspace());
        return most;
    }
    std::string method() const override { return way_.name; }
    std::string key() const override { return key_of(as_one(widest_, count()), convolutions_.front()->pass()); }

private:
    int count() const { return static_cast<int>(convolutions_.size()); }
    static const Problem& widest(const Convolutions& convolutions) {
        const auto narrower = [](const auto& a, const auto& b) { return a->channels() < b->channels(); };
        return (*std::max_element(convolutions.begin(), convolutions.end(), narrower))->problem();
    }

    Convolutions convolutions_;
    Problem widest_;
    Way way_;
    size_t product_workspace_;
};

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
        const tile::Epilogue<T> epilogue = epilogue_with(before, after);
        const auto compute = pass_ == Pass::forward ? implicit::forward<T> : implicit::backward_data<T>;
        compute(problem_, static_cast<const T*>(x), static_cast<const T*>(weight_.data()), epilogue, static_cast<T*>(y), workspace, context,
                &way_);
    }
    size_t workspace() const override { return implicit::workspace<T>(problem_, pass_, &way_); }
    size_t bytes() const override { return weight_.bytes() + bias_.bytes(); }
    std::string method() const override { return way_.name; }

    bool merges_with(const PackedConv& other) const override {
        const auto* const same = dynamic_cast<const PackedOnDevice*>(&other);
        return same && pass_ == same->pass_ && own() && same->own() && in_one_launch(problem_, same->problem_, pass_, dtype_of<T>) &&
               weight_.device() == same->weight_.device();
    }
    std::unique_ptr<MergedConv> merge(const std::vector<std::shared_ptr<const PackedConv>>& all) const override {
        typename MergedOnDevice<T>::Convolutions convolutions;
        for (const auto& convolution : all) {
            require(merges_with(*convolution), "convolutions that are no launch of one kind were to be merged");
            convolutions.push_back(std::static_pointer_cast<const PackedOnDevice>(convolution));
        }
        require(all.size() >= 2 && all.size() <= most_merged, all.size(), " convolutions in one launch");
        return std::make_unique<MergedOnDevice<T>>(std::move(convolutions));
    }

    const Problem& problem() const { return problem_; }
    Pass pass() const { return pass_; }
    int64_t channels() const { return pass_ == Pass::forward ? problem_.o : problem_.c; }  // that are written
    Member<T> with(const PackedOperands& at) const {
        return {static_cast<const T*>(at.x),
                static_cast<const T*>(weight_.data()),
                epilogue_with(at.before, at.after),
                static_cast<T*>(at.y),
                channels() % 4 == 0 && tile::aligned_16(at.y, at.before, at.after),
                static_cast<int>(channels())};
    }

private:
    tile::Epilogue<T> epilogue_with(const void* before, const void* after) const {
        require((before != nullptr) == epilogue_.before && (after != nullptr) == epilogue_.after,
                "a packed convolution's operands are not those of its epilogue");
        return {static_cast<const float*>(bias_.data()), static_cast<const T*>(before), static_cast<const T*>(after), epilogue_.slope,
                epilogue_.top};
    }

    bool own() const { return way_.library == Library::none; }

    Problem problem_;
    Pass pass_;
    Epilogue epilogue_;
    Way way_;
    Block weight_, bias_;
};

template <class T>
void MergedOnDevice<T>::run(std::span<const PackedOperands> operands, void* workspace, const Context& context) const {
    require(operands.size() == convolutions_.size(), "a launch of ", convolutions_.size(), " convolutions got operands of ",
            operands.size());
    Member<T> members[most_merged];
    bool aligned = true;
    for (size_t i = 0; i < operands.size(); ++i) {
        members[i] = convolutions_[i]->with(operands[i]);
        aligned = aligned && tile::aligned_16(operands[i].x);
    }
    const PackedOnDevice<T>& first = *convolutions_.front();
    if (aligned) return convolve_merged<T>(first.problem(), first.pass(), {members, operands.size()}, workspace, context, way_);
    for (size_t i = 0; i < operands.size(); ++i) {
        const PackedOperands& at = operands[i];
        convolutions_[i]->run(at.x, at.before, at.after, at.y, workspace, context);
    }
}

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
