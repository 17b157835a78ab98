// Convolutions that read their input in a narrow form, bytes or bf16, and which values exist so.
//
// A value that such convolutions read exists in the narrow form; where anything else reads it too (sums, attention, outputs), also in
// float32. Its maker writes the narrow form when it can; else a step that converts follows the maker.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/plan/graph.h"
#include "core/plan/ranges.h"
#include "kernels/conv2d/conv2d.h"

namespace purnet {

// What a plan may store narrow. At most one of them; none: everything is float32.
struct NarrowForms {
    const Ranges* eight_bit = nullptr;  // eight_bit.h
    bool bf16 = false;                  // sixteen_bit.h
};

// A convolution, or the one whose data gradient a transposed convolution is.
struct ConvolutionForm {
    conv2d::Problem problem;
    conv2d::Pass pass = conv2d::Pass::forward;

    static std::optional<ConvolutionForm> of(const Step& step);
    bool forward() const { return pass == conv2d::Pass::forward; }
};

// A convolution with what follows it, in the terms of its epilogue, and the folded weights.
struct Fusion {
    ConvolutionForm form;
    std::vector<float> weight, bias;  // empty where they are packed already
    conv2d::Epilogue epilogue;
    int x = -1, before = -1, after = -1, output = -1;
    std::string name;
    std::optional<size_t> consumer;  // the step that disappears into it

    const float* weights() const { return weight.empty() ? nullptr : weight.data(); }
    const float* biases() const { return bias.empty() ? nullptr : bias.data(); }
};

// A convolution that was packed, as a step that writes `output`.
Step packed_step(std::shared_ptr<conv2d::PackedConv> packed, const Fusion& fusion, int x, int output);

class Narrow {
public:
    // Looks at a traced graph before anything is fused in it. Null where nothing is to be narrow. Throws where this machine cannot.
    static std::unique_ptr<Narrow> make(const Graph& graph, Device device, const NarrowForms& forms);
    virtual ~Narrow() = default;

    // Whether this convolution, not yet fused, reads the narrow form.
    virtual bool runs(const Graph& graph, const Step& convolution) const = 0;
    // The step that reads x's narrow form and, where they are not -1, `before` and `after`.
    virtual Step step(Graph& graph, const Fusion& fusion) = 0;
    // Narrow forms that no convolution writes are made behind their maker. After every convolution was replaced.
    void add_conversions(Graph& graph);

protected:
    explicit Narrow(DType type) : type_(type) {}
    // The last thing that a constructor does: which values are wanted in which form, by runs().
    void find_readers(const Graph& graph);
    bool exists(int value) const { return real_.contains(value); }     // in the narrow form
    bool also_real(int value) const { return real_.at(value); }        // of those: in float32 too
    int narrow(Graph& graph, int value);                               // the value that holds it
    virtual Step conversion(const Graph& graph, int value) const = 0;  // without inputs and outputs

    static constexpr int64_t fewest_channels = 16;  // below, converting costs what it saves

private:
    DType type_;
    std::map<int, bool> real_;
    std::map<int, int> narrow_;
};

}  // namespace purnet
