#include "kernels/conv2d/conv2d_onednn.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "kernels/runtime/error.h"
#include "kernels/runtime/onednn.h"
#include "kernels/runtime/parallel.h"

namespace purnet::conv2d::onednn {
namespace {

using dnnl::memory;
using Dims = memory::dims;
using purnet::onednn::at, purnet::onednn::describe, purnet::onednn::describe_backward;

constexpr auto f32 = memory::data_type::f32;
constexpr size_t line = 64;

size_t rounded(size_t bytes) { return (bytes + line - 1) / line * line; }

// One prepared call: the primitive and where its pieces lie in the workspace.
struct Prepared {
    std::string name;
    dnnl::primitive primitive, reorder;
    memory::desc x, y, bias;
    memory::desc weight;   // as the caller has it
    memory::desc blocked;  // as the primitive wants it
    memory::desc scratchpad, reorder_scratchpad;
    bool reordered = false;
    size_t blocked_at = 0, reorder_at = 0, workspace = 0;

    void lay_out(const dnnl::primitive_desc_base& pd) {
        scratchpad = pd.query_md(dnnl::query::scratchpad_md);
        blocked_at = rounded(scratchpad.get_size());
        reorder_at = blocked_at + (reordered ? rounded(blocked.get_size()) : 0);
        workspace = reorder_at + (reordered ? rounded(reorder_scratchpad.get_size()) : 0);
    }
    void prepare_reorder(const memory::desc& from, const memory::desc& to) {
        reordered = from != to;
        if (!reordered) return;
        dnnl::primitive_attr attr;
        attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
        const dnnl::reorder::primitive_desc pd(purnet::onednn::engine(), from, purnet::onednn::engine(), to, attr);
        reorder = dnnl::reorder(pd);
        reorder_scratchpad = pd.scratchpad_desc();
    }
};

Prepared prepare(const Problem& p, Pass pass, bool biased) {
    Prepared r;
    const Dims strides{p.stride, p.stride}, dilates{p.dilation - 1, p.dilation - 1};
    const Dims before{p.pads.top, p.pads.left}, after{p.pads.bottom, p.pads.right};
    const Dims weight_dims = p.groups == 1 ? Dims{p.o, p.c, p.kh, p.kw} : Dims{p.groups, p.o / p.groups, p.c / p.groups, p.kh, p.kw};
    r.x = memory::desc({p.n, p.c, p.h, p.w}, f32, memory::format_tag::nhwc);
    r.y = memory::desc({p.n, p.o, p.out_h(), p.out_w()}, f32, memory::format_tag::nhwc);
    r.weight = memory::desc(weight_dims, f32, p.groups == 1 ? memory::format_tag::ohwi : memory::format_tag::gohwi);
    r.bias = biased ? memory::desc({p.o}, f32, memory::format_tag::a) : memory::desc();
    const memory::desc any(weight_dims, f32, memory::format_tag::any);
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const auto direct = dnnl::algorithm::convolution_direct;
    const auto hint =
        describe<dnnl::convolution_forward>(attr, dnnl::prop_kind::forward_training, direct, r.x, any,
                                            pass == Pass::forward ? r.bias : memory::desc(), r.y, strides, dilates, before, after);
    if (pass == Pass::forward) {
        r.name = hint.impl_info_str();
        r.primitive = dnnl::convolution_forward(hint);
        r.blocked = hint.weights_desc();
        r.prepare_reorder(r.weight, r.blocked);
        r.lay_out(hint);
    } else if (pass == Pass::backward_data) {
        const auto pd =
            describe_backward<dnnl::convolution_backward_data>(attr, hint, direct, r.x, any, r.y, strides, dilates, before, after);
        r.name = pd.impl_info_str();
        r.primitive = dnnl::convolution_backward_data(pd);
        r.blocked = pd.weights_desc();
        r.prepare_reorder(r.weight, r.blocked);
        r.lay_out(pd);
    } else {
        const auto pd = describe_backward<dnnl::convolution_backward_weights>(attr, hint, direct, r.x, any, r.bias, r.y, strides, dilates,
                                                                              before, after);
        r.name = pd.impl_info_str();
        r.primitive = dnnl::convolution_backward_weights(pd);
        r.blocked = pd.diff_weights_desc();
        r.prepare_reorder(r.blocked, r.weight);
        r.lay_out(pd);
    }
    return r;
}

// Everything that a prepared call depends on.
using CacheKey = std::array<int64_t, 17>;

std::shared_ptr<const Prepared> prepared(const Problem& p, Pass pass, bool biased) {
    static std::mutex mutex;
    static std::map<CacheKey, std::shared_ptr<const Prepared>> cache;
    const CacheKey key{p.n,           p.h,         p.w,           p.c,          p.o,        p.kh,     p.kw,          p.stride,
                       p.pads.top,    p.pads.left, p.pads.bottom, p.pads.right, p.dilation, p.groups, int64_t(pass), int64_t(biased),
                       thread_count()};
    const std::scoped_lock lock(mutex);
    if (cache.size() > 1024) cache.clear();  // pictures of ever new sizes: users hold what they run
    auto& entry = cache[key];
    if (!entry) {
        auto fresh = std::make_shared<Prepared>();
        try {
            *fresh = prepare(p, pass, biased);
        } catch (const dnnl::error& error) {
            fresh->name = concat("ref: ", error.message);
        }
        entry = std::move(fresh);
    }
    return entry;
}

char* offset(void* workspace, size_t bytes) { return static_cast<char*>(workspace) + bytes; }

void reorder(const Prepared& r, const memory::desc& from_desc, const void* from, const memory::desc& to_desc, void* to, void* workspace) {
    r.reorder.execute(purnet::onednn::stream(), {{DNNL_ARG_FROM, at(from_desc, from)},
                                                 {DNNL_ARG_TO, at(to_desc, to)},
                                                 {DNNL_ARG_SCRATCHPAD, at(r.reorder_scratchpad, offset(workspace, r.reorder_at))}});
}

const void* weights_for(const Prepared& r, const float* weight, void* workspace) {
    if (!r.reordered) return weight;
    void* blocked = offset(workspace, r.blocked_at);
    reorder(r, r.weight, weight, r.blocked, blocked, workspace);
    return blocked;
}

}  // namespace

std::string implementation(const Problem& problem, Pass pass) {
    const std::string name = prepared(problem, pass, false)->name;
    return name.rfind("ref", 0) == 0 || name.find(":ref") != std::string::npos ? std::string() : name;
}

size_t workspace(const Problem& problem, Pass pass) {
    return std::max(prepared(problem, pass, false)->workspace, pass == Pass::backward_data ? 0 : prepared(problem, pass, true)->workspace);
}

void forward(const Problem& problem, const float* x, const float* weight, const float* bias, float* y, void* workspace) {
    const auto held = prepared(problem, Pass::forward, bias != nullptr);
    const Prepared& r = *held;
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, at(r.x, x)},
                                              {DNNL_ARG_WEIGHTS, at(r.blocked, weights_for(r, weight, workspace))},
                                              {DNNL_ARG_DST, at(r.y, y)},
                                              {DNNL_ARG_SCRATCHPAD, at(r.scratchpad, workspace)}};
    if (bias) arguments.emplace(DNNL_ARG_BIAS, at(r.bias, bias));
    r.primitive.execute(purnet::onednn::stream(), arguments);
    purnet::onednn::stream().wait();
}

void backward_data(const Problem& problem, const float* dy, const float* weight, float* dx, void* workspace) {
    const auto held = prepared(problem, Pass::backward_data, false);
    const Prepared& r = *held;
    r.primitive.execute(purnet::onednn::stream(), {{DNNL_ARG_DIFF_DST, at(r.y, dy)},
                                                   {DNNL_ARG_WEIGHTS, at(r.blocked, weights_for(r, weight, workspace))},
                                                   {DNNL_ARG_DIFF_SRC, at(r.x, dx)},
                                                   {DNNL_ARG_SCRATCHPAD, at(r.scratchpad, workspace)}});
    purnet::onednn::stream().wait();
}

void backward_weights(const Problem& problem, const float* x, const float* dy, float* dweight, float* dbias, void* workspace) {
    const auto held = prepared(problem, Pass::backward_weights, dbias != nullptr);
    const Prepared& r = *held;
    void* blocked = r.reordered ? offset(workspace, r.blocked_at) : static_cast<void*>(dweight);
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, at(r.x, x)},
                                              {DNNL_ARG_DIFF_DST, at(r.y, dy)},
                                              {DNNL_ARG_DIFF_WEIGHTS, at(r.blocked, blocked)},
                                              {DNNL_ARG_SCRATCHPAD, at(r.scratchpad, workspace)}};
    if (dbias) arguments.emplace(DNNL_ARG_DIFF_BIAS, at(r.bias, dbias));
    r.primitive.execute(purnet::onednn::stream(), arguments);
    if (r.reordered) reorder(r, r.blocked, blocked, r.weight, dweight, workspace);
    purnet::onednn::stream().wait();
}

}  // namespace purnet::conv2d::onednn
