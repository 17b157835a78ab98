#include "kernels/conv2d/conv2d_methods.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/conv2d/conv2d_choice.h"
#include "kernels/conv2d/conv2d_depthwise.h"
#include "kernels/conv2d/conv2d_depthwise_simd.h"
#include "kernels/conv2d/conv2d_gemm.h"
#include "kernels/conv2d/conv2d_onednn.h"
#include "kernels/conv2d/conv2d_plain.h"
#include "kernels/conv2d/conv2d_wgrad.h"
#include "kernels/runtime/isa.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/parallel.h"
#include "kernels/winograd/winograd.h"
#include "kernels/winograd/winograd_wgrad.h"

namespace purnet::conv2d {
namespace {

constexpr size_t line = 64;
size_t rounded(size_t bytes) { return (bytes + line - 1) / line * line; }

int64_t tile_of(Method method) {
    return method == Method::winograd2 ? 2 : method == Method::winograd3 ? 3 : method == Method::winograd4 ? 4 : 0;
}

bool is_winograd(Method method) { return tile_of(method) > 0; }

winograd::Problem as_winograd(const Problem& p, Pass pass, Method method) {
    const int64_t tile = tile_of(method);
    if (tile == 3) return {p.n, p.out_h(), p.out_w(), p.o, p.h, p.w, p.c, p.pads.top, p.pads.left, 1, tile};
    if (pass != Pass::backward_data) return {p.n, p.h, p.w, p.c, p.out_h(), p.out_w(), p.o, p.pads.top, p.pads.left, p.dilation, tile};
    // The same with flipped filters, seen from dx: dy[h + top - ky d] = dy[h - (2d - top) + (2 - ky) d].
    return {p.n, p.out_h(), p.out_w(), p.o, p.h, p.w, p.c, 2 * p.dilation - p.pads.top, 2 * p.dilation - p.pads.left, p.dilation, tile};
}

winograd::Filters filters(const Problem& p, Pass pass, const float* weight) {
    if (pass == Pass::forward) return {weight, 9 * p.c, 1, p.c, false};
    return {weight, 1, p.kh * p.kw * p.c, p.c, p.stride == 1};
}

// Cycles of one thread for the product without transforms.
double direct_estimate(const Problem& p) {
    const double rate = isa() == Isa::avx512 ? 27 : isa() == Isa::avx2 ? 14 : 3.3;
    return p.flops() / 2 / rate + static_cast<double>(p.weight_count());
}

// The forms of Winograd's algorithm that compute this.
std::vector<Method> winograd_methods(const Problem& p, Pass pass) {
    if (p.groups != 1 || p.c < 16 || p.o < 16) return {};
    if (p.kh == 3 && p.kw == 3 && p.stride == 1) return {Method::winograd2, Method::winograd4};
    const bool doubling = pass == Pass::backward_data && p.kh == 4 && p.kw == 4 && p.stride == 2 && p.dilation == 1;
    if (doubling && p.c % winograd::doubling_channels == 0) return {Method::winograd3};
    return {};
}

double winograd_estimate(const winograd::Problem& p, Pass pass) {
    return pass == Pass::backward_weights ? winograd::filter_gradient_estimate(p) : winograd::estimate(p);
}

// Winograd where it saves a tenth at least: rounding is its price.
Method product_method(const Problem& p, Pass pass) {
    Method best = Method::gemm;
    double time = 0.9 * direct_estimate(p);
    for (Method method : winograd_methods(p, pass))
        if (const double t = winograd_estimate(as_winograd(p, pass, method), pass); t < time) best = method, time = t;
    return best;
}

// Rows of `columns` values that already hold the sums.
void finish_rows(int64_t rows, int64_t columns, float* out, const gemm::Finish& finish) {
    const auto apply = gemm::functions().finish;
    parallel_for(rows, 1 + 16384 / columns, [&](int64_t begin, int64_t end) {
        gemm::Finish f = finish;
        if (f.before) f.before += begin * columns;
        if (f.after) f.after += begin * columns;
        apply(end - begin, columns, out + begin * columns, columns, f);
    });
}

bool finishes_anything(const gemm::Finish& f) { return f.before || f.after || f.slope != 1 || f.top < __builtin_inff(); }

class PackedOnCpu : public PackedConv {
public:
    PackedOnCpu(const Problem& problem, Pass pass, const Epilogue& epilogue, const float* weight, const float* bias)
        : problem_(problem),
          pass_(pass),
          epilogue_(epilogue),
          isa_(isa()),
          threads_(thread_count()),
          method_(packed_method(problem, pass)) {
        MemoryScope scope("packed weights");
        const int64_t outputs = pass == Pass::forward ? problem.o : problem.c;
        packed_ = Block(Device{}, packed_bytes(method_, problem, pass));
        if (bias || !weight) bias_ = Block(Device{}, static_cast<size_t>(outputs) * sizeof(float));
        if (bias) std::memcpy(bias_.data(), bias, bias_.bytes());
        if (!weight) return;
        // What is kept in files has no byte that nobody has written.
        std::memset(static_cast<char*>(packed_.data()) + packed_.bytes() - line, 0, line);
        pack(method_, problem, pass, weight, static_cast<float*>(packed_.data()));
    }

    void run(const void* x, const void* before, const void* after, void* y, void* workspace, const Context&) const override {
        require(isa() == isa_ && thread_count() == threads_, "a convolution packed for ", purnet::name_of(isa_), " and ", threads_,
                " threads is run under ", purnet::name_of(isa()), " and ", thread_count());
        require((before != nullptr) == epilogue_.before && (after != nullptr) == epilogue_.after,
                "a packed convolution's operands are not those of its epilogue");
        const gemm::Finish finish{.bias = static_cast<const float*>(bias_.data()),
                                  .before = static_cast<const float*>(before),
                                  .after = static_cast<const float*>(after),
                                  .slope = epilogue_.slope,
                                  .top = epilogue_.top};
        conv2d::run(method_, problem_, pass_, static_cast<const float*>(x), static_cast<const float*>(packed_.data()), finish,
                    static_cast<float*>(y), static_cast<float*>(workspace));
    }
    size_t workspace() const override { return scratch_bytes(method_, problem_, pass_); }
    size_t bytes() const override { return packed_.bytes() + bias_.bytes(); }
    std::string method() const override { return name_of(method_); }
    std::vector<Block*> memory() override { return {&packed_, &bias_}; }

private:
    Problem problem_;
    Pass pass_;
    Epilogue epilogue_;
    Isa isa_;
    int threads_;
    Method method_;
    Block packed_, bias_;
};

}  // namespace

const char* name_of(Method method) {
    switch (method) {
        case Method::plain: return "plain";
        case Method::depthwise: return "depthwise";
        case Method::gemm: return "gemm";
        case Method::winograd2: return "winograd 2x2";
        case Method::winograd3: return "winograd 3x3";
        case Method::winograd4: return "winograd 4x4";
        case Method::library: return "library";
    }
    return "?";
}

Method own_method_for(const Problem& p, Pass pass) {
    const int64_t in = p.c / p.groups, out = p.o / p.groups;
    if (p.depthwise() && p.kh * p.kw <= most_depthwise_taps) return Method::depthwise;
    if ((in < 4 && out < 4) || (p.groups == 1 && out == 1 && p.kh * p.kw == 1)) return Method::plain;
    return product_method(p, pass);
}

Method method_for(const Problem& p, Pass pass) {
    const int64_t in = p.c / p.groups, out = p.o / p.groups;
    const Method own = own_method_for(p, pass);
    if (own == Method::depthwise || own == Method::plain) return own;
    const bool library = isa() != Isa::baseline && onednn::available(p, pass);
    // Few channels on a side: gathering costs as much as it saves.
    if (pass == Pass::backward_weights && library && std::min(in * p.kh * p.kw, out) < 64) return Method::library;
    // Three input channels: the library's kernel for first layers needs no gathering.
    if (pass == Pass::forward && in < 8 && library) return Method::library;
    return own;
}

std::vector<Method> packable_methods(const Problem& p, Pass pass) {
    const Method method = own_method_for(p, pass);
    if (method != Method::gemm && !is_winograd(method)) return {method};
    std::vector<Method> methods = winograd_methods(p, pass);
    methods.insert(methods.begin(), Method::gemm);
    return methods;
}

int64_t winograd_tile(const Problem& problem, Pass pass) {
    // The library takes no other pass from Winograd's algorithm, and answers slowly.
    return tile_of(pass == Pass::backward_weights ? method_for(problem, pass) : own_method_for(problem, pass));
}

int64_t winograd_multiple(const Problem& problem, Pass pass) {
    const int64_t tile = winograd_tile(problem, pass);
    return tile == 4 ? 576 : tile ? 4 : 1;
}

size_t packed_bytes(Method method, const Problem& p, Pass pass) {
    switch (method) {
        case Method::gemm: return rounded(implicit::packed_floats(p, pass) * sizeof(float));
        case Method::depthwise:
        case Method::plain: return rounded(static_cast<size_t>(p.weight_count()) * sizeof(float));
        case Method::winograd2:
        case Method::winograd3:
        case Method::winograd4: return rounded(winograd::packed_floats(as_winograd(p, pass, method)) * sizeof(float));
        case Method::library: break;
    }
    fail("conv2d: the library's weights are not packed here");
}

size_t scratch_bytes(Method method, const Problem& p, Pass pass) {
    if (method == Method::gemm) return rounded(implicit::scratch_floats(p, pass) * sizeof(float));
    if (is_winograd(method)) return rounded(winograd::scratch_floats(as_winograd(p, pass, method)) * sizeof(float));
    return 0;
}

void pack(Method method, const Problem& p, Pass pass, const float* weight, float* packed) {
    if (method == Method::gemm) return implicit::pack(p, pass, weight, packed);
    if (method == Method::depthwise) return depthwise::pack(p, weight, packed);
    if (is_winograd(method)) return winograd::pack(as_winograd(p, pass, method), filters(p, pass, weight), packed);
    std::copy_n(weight, p.weight_count(), packed);
}

void run(Method method, const Problem& p, Pass pass, const float* source, const float* packed, const gemm::Finish& finish, float* out,
         float* scratch) {
    if (method == Method::gemm) return implicit::run(p, pass, source, packed, finish, out, scratch);
    if (method == Method::depthwise) return depthwise::run(p, pass, source, packed, finish, out);
    if (is_winograd(method)) return winograd::run(as_winograd(p, pass, method), source, packed, finish, out, scratch);
    if (pass == Pass::forward) {
        plain::forward(p, source, packed, finish.bias, out);
        if (finishes_anything(finish)) finish_rows(p.n * p.out_h() * p.out_w(), p.o, out, finish);
    } else {
        plain::backward_data(p, source, packed, finish.bias, out);
        if (finishes_anything(finish)) finish_rows(p.n * p.h * p.w, p.c, out, finish);
    }
}

size_t backward_weights_scratch_bytes(Method method, const Problem& p) {
    if (method == Method::gemm) return rounded(wgrad::scratch_floats(p) * sizeof(float));
    if (method == Method::depthwise) return rounded(depthwise::backward_weights_scratch_floats(p) * sizeof(float));
    if (is_winograd(method))
        return rounded(winograd::filter_gradient_scratch_floats(as_winograd(p, Pass::backward_weights, method)) * sizeof(float));
    return 0;
}

void backward_weights(Method method, const Problem& p, const float* x, const float* dy, float* dweight, float* scratch) {
    if (method == Method::gemm) return wgrad::run(p, x, dy, dweight, scratch);
    if (method == Method::depthwise) return depthwise::backward_weights(p, x, dy, dweight, scratch);
    if (is_winograd(method)) return winograd::filter_gradient(as_winograd(p, Pass::backward_weights, method), x, dy, dweight, scratch);
    plain::backward_weights(p, x, dy, dweight);
}

std::unique_ptr<PackedConv> make_packed(const Problem& problem, Pass pass, const Epilogue& epilogue, const float* weight,
                                        const float* bias) {
    return std::make_unique<PackedOnCpu>(problem, pass, epilogue, weight, bias);
}

}  // namespace purnet::conv2d
