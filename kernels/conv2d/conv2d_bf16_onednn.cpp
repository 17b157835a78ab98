#include <cfloat>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <vector>

#include "kernels/conv2d/conv2d_bf16.h"
#include "kernels/conv2d/conv2d_bf16_simd.h"
#include "kernels/round_bf16/round_bf16.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/onednn.h"
#include "kernels/runtime/parallel.h"

namespace purnet::conv2d {
namespace {

using dnnl::memory;
using onednn::at, onednn::describe, onednn::describe_backward;
using Dims = memory::dims;
using Type = memory::data_type;

size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

// The library's sets are bits: one contains all that came before it.
bool library_has([[maybe_unused]] unsigned set) {
#if defined(__x86_64__)
    onednn::engine();  // which sets the library's limit
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & set) == set;
#else
    return false;
#endif
}

bool has_slope(const Epilogue& epilogue) { return epilogue.slope != 1; }
bool has_top(const Epilogue& epilogue) { return epilogue.top < FLT_MAX; }

// What the library would run, and the memory it wants.
struct Description {
    dnnl::primitive_desc_base primitive;
    memory::desc x, y, weight, bias, sum;
};

// Bias and epilogue by the library as well; without one, sums alone.
dnnl::primitive_attr attributes(const Epilogue* epilogue, const memory::desc& sum) {
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (!epilogue) return attr;
    dnnl::post_ops after;
    const auto append = [&](dnnl::algorithm algorithm, float alpha, float beta) {
#if DNNL_VERSION_MAJOR >= 3
        after.append_eltwise(algorithm, alpha, beta);
#else
        after.append_eltwise(1.0f, algorithm, alpha, beta);
#endif
    };
    if (epilogue->before) after.append_binary(dnnl::algorithm::binary_add, sum);
    if (has_slope(*epilogue)) append(dnnl::algorithm::eltwise_relu, epilogue->slope, 0);
    if (has_top(*epilogue)) append(dnnl::algorithm::eltwise_clip, -FLT_MAX, epilogue->top);
    if (epilogue->after) after.append_binary(dnnl::algorithm::binary_add, sum);
    attr.set_post_ops(after);
    return attr;
}

// Nothing where the library has no more than its reference loops.
std::optional<Description> description(const Problem& p, Pass pass, Type y, const Epilogue* epilogue) {
    const Dims strides{p.stride, p.stride}, dilates{p.dilation - 1, p.dilation - 1};
    const Dims before{p.pads.top, p.pads.left}, after{p.pads.bottom, p.pads.right};
    const Dims small{p.n, p.o, p.out_h(), p.out_w()}, large{p.n, p.c, p.h, p.w};
    const bool forward = pass == Pass::forward;
    const memory::desc weight({p.o, p.c, p.kh, p.kw}, Type::bf16, memory::format_tag::any);
    const auto direct = dnnl::algorithm::convolution_direct;
    Description d;
    d.x = memory::desc(forward ? large : small, Type::bf16, memory::format_tag::nhwc);
    d.y = memory::desc(forward ? small : large, y, memory::format_tag::nhwc);
    d.sum = memory::desc(forward ? small : large, Type::f32, memory::format_tag::nhwc);
    if (epilogue) d.bias = memory::desc({forward ? p.o : p.c}, Type::f32, memory::format_tag::a);
    const dnnl::primitive_attr attr = attributes(epilogue, d.sum);
    try {
        if (forward)
            d.primitive = describe<dnnl::convolution_forward>(attr, dnnl::prop_kind::forward_inference, direct, d.x, weight, d.bias, d.y,
                                                              strides, dilates, before, after);
        else
            d.primitive = describe_backward<dnnl::convolution_backward_data>(
                attr,
                describe<dnnl::convolution_forward>(attr, dnnl::prop_kind::forward_training, direct,
                                                    memory::desc(large, Type::bf16, memory::format_tag::nhwc), weight, memory::desc(), d.x,
                                                    strides, dilates, before, after),
                direct, d.y, weight, d.x, strides, dilates, before, after);
    } catch (const dnnl::error&) {
        return std::nullopt;
    }
    const std::string name = d.primitive.impl_info_str();
    if (name.rfind("ref", 0) == 0 || name.find(":ref") != std::string::npos) return std::nullopt;
    d.weight = d.primitive.query_md(dnnl::query::weights_md);
    return d;
}

class PackedBf16 : public PackedConv {
public:
    PackedBf16(const Problem& p, Pass pass, const Epilogue& epilogue, DType y, const float* weight, const float* bias)
        : epilogue_(epilogue),
          y_(y),
          forward_(pass == Pass::forward),
          outputs_(forward_ ? p.o : p.c),
          rows_((forward_ ? p.y_count() : p.x_count()) / outputs_),
          isa_(isa()),
          threads_(thread_count()) {
        MemoryScope scope("packed weights");
        std::optional<Description> found;
        if (forward_) found = description(p, pass, y == DType::bf16 ? Type::bf16 : Type::f32, &epilogue);
        whole_ = found.has_value();
        if (!found) found = description(p, pass, Type::f32, nullptr);
        require(found.has_value(), "conv2d: sizes that the library cannot do in bf16");
        description_ = *found;
        primitive_ = dnnl::primitive(description_.primitive.get());
        scratchpad_ = description_.primitive.query_md(dnnl::query::scratchpad_md);

        bias_ = Block(Device{}, static_cast<size_t>(outputs_) * sizeof(float));
        if (bias)
            std::memcpy(bias_.data(), bias, bias_.bytes());
        else
            std::memset(bias_.data(), 0, bias_.bytes());
        weight_ = Block(Device{}, description_.weight.get_size());
        if (!weight) return;
        std::vector<bf16> nearest(static_cast<size_t>(p.weight_count()));
        round_bf16::table().get(&round_bf16::Kernels::forward, "forward", {DeviceType::cpu, DType::bf16})({p.weight_count()}, weight,
                                                                                                          nearest.data(), Context{});
        const dnnl::memory::desc given({p.o, p.c, p.kh, p.kw}, Type::bf16, dnnl::memory::format_tag::ohwi);
        dnnl::memory from = at(given, nearest.data()), to = at(description_.weight, weight_.data());
        dnnl::reorder(from, to).execute(onednn::stream(), from, to);
        onednn::stream().wait();
    }

    void run(const void* x, const void* before, const void* after, void* y, void* workspace, const Context&) const override {
        require(isa() == isa_ && thread_count() == threads_, "a convolution packed for ", purnet::name_of(isa_), " and ", threads_,
                " threads is run under ", purnet::name_of(isa()), " and ", thread_count());
        require((before != nullptr) == epilogue_.before && (after != nullptr) == epilogue_.after,
                "a packed convolution's operands are not those of its epilogue");
        auto* sums = y_ == DType::f32 ? static_cast<float*>(y) : reinterpret_cast<float*>(static_cast<char*>(workspace) + sums_at());
        if (whole_)
            add_up(x, before, after, y, workspace);
        else {
            add_up(x, nullptr, nullptr, sums, workspace);
            finish(sums, static_cast<const float*>(before), static_cast<const float*>(after), y);
        }
    }
    size_t workspace() const override { return sums_at() + (whole_ || y_ == DType::f32 ? 0 : rounded(description_.sum.get_size())); }
    size_t bytes() const override { return weight_.bytes() + bias_.bytes(); }
    std::string method() const override { return "bf16"; }
    std::vector<Block*> memory() override { return {&weight_, &bias_}; }
    std::string layout() const override { return concat("bf16 ", description_.primitive.impl_info_str()); }

private:
    size_t sums_at() const { return rounded(scratchpad_.get_size()); }

    void add_up(const void* x, const void* before, const void* after, void* y, void* workspace) const {
        std::unordered_map<int, dnnl::memory> arguments{{forward_ ? DNNL_ARG_SRC : DNNL_ARG_DIFF_DST, at(description_.x, x)},
                                                        {DNNL_ARG_WEIGHTS, at(description_.weight, weight_.data())},
                                                        {forward_ ? DNNL_ARG_DST : DNNL_ARG_DIFF_SRC, at(description_.y, y)},
                                                        {DNNL_ARG_SCRATCHPAD, at(scratchpad_, workspace)}};
        if (whole_) arguments.emplace(DNNL_ARG_BIAS, at(description_.bias, bias_.data()));
        const auto summand = [&](int place, const void* p) {
            if (p) arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(place) | DNNL_ARG_SRC_1, at(description_.sum, p));
        };
        summand(0, before);
        summand(int{epilogue_.before} + int{has_slope(epilogue_)} + int{has_top(epilogue_)}, after);
        primitive_.execute(onednn::stream(), arguments);
        onednn::stream().wait();
    }

    void finish(const float* sums, const float* before, const float* after, void* y) const {
        const auto to_floats = PURNET_PICK(end_rows);
        const auto to_halves = PURNET_PICK(end_rows_halves);
        parallel_for(rows_, 1 + 16384 / outputs_, [&](int64_t begin, int64_t end) {
            const int64_t first = begin * outputs_;
            const Ending ending{static_cast<const float*>(bias_.data()), before ? before + first : nullptr, after ? after + first : nullptr,
                                epilogue_.slope, epilogue_.top};
            if (y_ == DType::f32)
                to_floats(end - begin, outputs_, sums + first, ending, static_cast<float*>(y) + first);
            else
                to_halves(end - begin, outputs_, sums + first, ending, static_cast<uint16_t*>(y) + first);
        });
    }

    Epilogue epilogue_;
    DType y_;
    bool forward_;
    int64_t outputs_, rows_;
    Isa isa_;
    int threads_;
    bool whole_ = false;  // the library does the epilogue too
    Description description_;
    dnnl::primitive primitive_;
    dnnl::memory::desc scratchpad_;
    Block weight_, bias_;
};

}  // namespace

std::string why_no_bf16() {
    const char* wish = std::getenv("PURNET_BF16");
    const bool emulate = wish && std::strcmp(wish, "emulate") == 0;
    require(!wish || !*wish || emulate, "PURNET_BF16=", wish, ": use emulate, or leave it out");
    if (isa() != Isa::avx512) return concat("bf16 needs AVX-512, ", purnet::name_of(isa()), " is in use");
    if (library_has(dnnl_cpu_isa_avx512_core_bf16) || (emulate && library_has(dnnl_cpu_isa_avx512_core))) return {};
    return "this CPU has no instructions for bf16 (AVX512_BF16 or AMX)";
}

bool can_bf16(const Problem& problem, Pass pass) {
    return problem.groups == 1 && pass != Pass::backward_weights && description(problem, pass, Type::f32, nullptr).has_value();
}

std::unique_ptr<PackedConv> pack_bf16(const Problem& problem, Pass pass, const Epilogue& epilogue, DType y, const float* weight,
                                      const float* bias) {
    if (const std::string reason = why_no_bf16(); !reason.empty()) fail("conv2d: ", reason);
    require(problem.groups == 1 && pass != Pass::backward_weights && (y == DType::f32 || y == DType::bf16),
            "conv2d: no bf16 convolution of ", problem.groups, " groups to ", purnet::name_of(y));
    return std::make_unique<PackedBf16>(problem, pass, epilogue, y, weight, bias);
}

}  // namespace purnet::conv2d
