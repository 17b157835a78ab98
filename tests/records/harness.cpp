#include "tests/records/harness.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>

#include "kernels/runtime/memory.h"

namespace purnet::test {
namespace {

using namespace record;

size_t canary_bytes = 256;
void (*before_run)(int) = nullptr;
constexpr int canary_value = 0xA5;
constexpr Key reference_key{DeviceType::reference, DType::f64};

// A stream of numbers for each operand of each case: independent of order and of the standard library.
class Numbers {
public:
    explicit Numbers(const std::string& seed) {
        for (unsigned char c : seed) state_ = (state_ ^ c) * 0x100000001B3u;
    }
    uint64_t next() {
        uint64_t z = state_ += 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }
    double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
    int64_t below(int64_t limit) { return static_cast<int64_t>(next() % static_cast<uint64_t>(limit)); }

private:
    uint64_t state_ = 0xCBF29CE484222325u;
};

bool floating(const Operand& operand) { return operand.kind == Kind::activation || operand.kind == Kind::parameter; }
bool read(const Operand& operand) { return operand.role == Role::input || operand.role == Role::updated; }
bool written(const Operand& operand) { return operand.role == Role::output || operand.role == Role::updated; }

double round_to(double value, DType type) {
    if (type == DType::f32) return static_cast<float>(value);
    if (type == DType::bf16) return static_cast<float>(bf16(static_cast<float>(value)));
    return value;
}

double load(const void* data, DType type, int64_t i) {
    switch (type) {
        case DType::f32: return static_cast<const float*>(data)[i];
        case DType::f64: return static_cast<const double*>(data)[i];
        case DType::bf16: return static_cast<float>(static_cast<const bf16*>(data)[i]);
        case DType::i32: return static_cast<const int32_t*>(data)[i];
        case DType::u8: return static_cast<const uint8_t*>(data)[i];
    }
    return 0;
}

void store(void* data, DType type, int64_t i, double value) {
    switch (type) {
        case DType::f32: static_cast<float*>(data)[i] = static_cast<float>(value); break;
        case DType::f64: static_cast<double*>(data)[i] = value; break;
        case DType::bf16: static_cast<bf16*>(data)[i] = bf16(static_cast<float>(value)); break;
        case DType::i32: static_cast<int32_t*>(data)[i] = static_cast<int32_t>(value); break;
        case DType::u8: static_cast<uint8_t*>(data)[i] = static_cast<uint8_t>(value); break;
    }
}

using Values = std::vector<double>;

Values fill_operand(const Operand& operand, const std::string& seed, Mode mode, const Direction& direction, DType type) {
    Numbers numbers(seed + "/" + operand.name);
    Values values(static_cast<size_t>(operand.count()));
    // Small integers, sparse enough that the longest accumulation of products stays below 2^24 (and an output of bf16 below 2^8).
    constexpr int64_t largest = 2;
    const double room = (type == DType::bf16 ? 0x1p8 : 0x1p24) / static_cast<double>(operand.multiple);
    const double density = std::min(1.0, std::sqrt(room / (static_cast<double>(direction.reduction) * largest * largest)));
    for (double& v : values) {
        switch (operand.fill) {
            case Fill::any:
                if (mode == Mode::exact)
                    v = numbers.unit() < density ? static_cast<double>((numbers.below(2 * largest + 1) - largest) * operand.multiple) : 0;
                else
                    v = operand.scale * (2 * numbers.unit() - 1);
                break;
            case Fill::positive:
                v = mode == Mode::exact ? static_cast<double>(1 + numbers.below(2)) : operand.scale * (0.5 + numbers.unit());
                break;
            case Fill::probability: v = mode == Mode::exact ? static_cast<double>(numbers.below(2)) : numbers.unit(); break;
            case Fill::labels: v = static_cast<double>(numbers.below(std::max<int64_t>(operand.limit, 1))); break;
            case Fill::zero: v = 0; break;
        }
        if (floating(operand)) v = round_to(v, type);
    }
    return values;
}

// All operands of one run on the reference device.
class ReferenceRun {
public:
    ReferenceRun(const Direction& direction, const std::vector<Values>& inputs) : ReferenceRun(direction, inputs, Unrun{}) {
        direction.run(reference_key, pointers, Context{{DeviceType::reference, 0}, nullptr});
    }
    // The S of the bound of twins that compute another way, from absolute values, for a direction with such twins; nothing where this one
    // adds up products.
    static std::optional<ReferenceRun> magnitude(const Direction& direction, const std::vector<Values>& absolute, Key twin) {
        ReferenceRun run(direction, absolute, Unrun{});
        if (!direction.magnitude(twin, run.pointers)) return std::nullopt;
        return run;
    }
    Values values(const Direction& direction, size_t i) const {
        const Operand& operand = direction.operands[i];
        Values out(static_cast<size_t>(operand.count()));
        for (int64_t k = 0; k < operand.count(); ++k)
            out[static_cast<size_t>(k)] = load(storage[i].data(), operand.dtype(reference_key.dtype), k);
        return out;
    }

private:
    struct Unrun {};
    ReferenceRun(const Direction& direction, const std::vector<Values>& inputs, Unrun) {
        for (size_t i = 0; i < direction.operands.size(); ++i) {
            const Operand& operand = direction.operands[i];
            const DType type = operand.dtype(reference_key.dtype);
            storage.emplace_back(static_cast<size_t>(std::max<int64_t>(operand.count(), 1)) * size_of(type), static_cast<char>(0xFF));
            if (read(operand))
                for (int64_t k = 0; k < operand.count(); ++k) store(storage.back().data(), type, k, inputs[i][static_cast<size_t>(k)]);
        }
        for (auto& bytes : storage) pointers.push_back(bytes.data());
    }

    std::vector<std::vector<char>> storage;
    Pointers pointers;
};

// One run of a twin on its device; every buffer is a block of its own with a canary behind it.
class TwinRun {
public:
    TwinRun(const Direction& direction, Key key, const std::vector<Values>& inputs, int workspace_byte) : direction_(direction), key_(key) {
        const Device device{key.device, 0};
        Pointers pointers;
        for (size_t i = 0; i < direction.operands.size(); ++i) {
            const Operand& operand = direction.operands[i];
            const DType type = operand.dtype(key.dtype);
            const size_t bytes = static_cast<size_t>(operand.count()) * size_of(type);
            std::vector<char> host(bytes + canary_bytes, static_cast<char>(operand.role == Role::workspace ? workspace_byte : 0xFF));
            if (read(operand))
                for (int64_t k = 0; k < operand.count(); ++k) store(host.data(), type, k, inputs[i][static_cast<size_t>(k)]);
            std::memset(host.data() + bytes, canary_value, canary_bytes);
            blocks_.emplace_back(device, host.size());
            copy_bytes(blocks_.back().data(), device, host.data(), Device{}, host.size());
            before_.push_back(std::move(host));
            pointers.push_back(blocks_.back().data());
        }
        direction.run(key, pointers, Context{device, nullptr});
        for (size_t i = 0; i < blocks_.size(); ++i) {
            after_.emplace_back(before_[i].size());
            copy_bytes(after_[i].data(), Device{}, blocks_[i].data(), device, after_[i].size());
        }
    }
    std::string damage() const {
        for (size_t i = 0; i < after_.size(); ++i) {
            const Operand& operand = direction_.operands[i];
            const size_t bytes = after_[i].size() - canary_bytes;
            for (size_t k = 0; k < canary_bytes; ++k)
                if (static_cast<unsigned char>(after_[i][bytes + k]) != canary_value) return "wrote behind operand " + operand.name;
            if (operand.role == Role::input && std::memcmp(after_[i].data(), before_[i].data(), bytes) != 0)
                return "changed its input " + operand.name;
        }
        return {};
    }
    double value(size_t i, int64_t k) const { return load(after_[i].data(), direction_.operands[i].dtype(key_.dtype), k); }
    bool same_bits(const TwinRun& other, size_t i) const { return after_[i] == other.after_[i]; }

private:
    const Direction& direction_;
    Key key_;
    std::vector<Block> blocks_;
    std::vector<std::vector<char>> before_, after_;
};

std::string index_text(const std::vector<int64_t>& shape, int64_t flat) {
    std::string text;
    for (size_t axis = shape.size(); axis-- > 0;) {
        text = std::to_string(flat % shape[axis]) + (text.empty() ? "" : ",") + text;
        flat /= shape[axis];
    }
    return "(" + text + ")";
}

std::vector<Values> outputs_of(const ReferenceRun& run, const Direction& direction) {
    std::vector<Values> result(direction.operands.size());
    for (size_t i = 0; i < result.size(); ++i)
        if (written(direction.operands[i])) result[i] = run.values(direction, i);
    return result;
}

std::vector<Values> absolute_values(const Direction& direction, std::vector<Values> inputs) {
    for (size_t i = 0; i < inputs.size(); ++i)
        if (floating(direction.operands[i]))
            for (double& v : inputs[i]) v = std::fabs(v);
    return inputs;
}

// S or D of the bounds: per output of the direction, per element.
std::vector<Values> sensitivities(const Direction& direction, const std::vector<Values>& inputs, const std::vector<Values>& wanted,
                                  double u_in) {
    if (direction.multilinear) return outputs_of(ReferenceRun(direction, absolute_values(direction, inputs)), direction);
    std::vector<Values> result(direction.operands.size());
    for (int trial = 0; trial < 4; ++trial) {
        Numbers numbers("perturbation" + std::to_string(trial));
        std::vector<Values> moved = inputs;
        for (size_t i = 0; i < moved.size(); ++i)
            if (floating(direction.operands[i]))
                for (double& v : moved[i]) v *= 1 + (numbers.next() & 1 ? u_in : -u_in);
        const std::vector<Values> shifted = outputs_of(ReferenceRun(direction, moved), direction);
        for (size_t i = 0; i < result.size(); ++i) {
            result[i].resize(wanted[i].size(), 0);
            for (size_t k = 0; k < wanted[i].size(); ++k) result[i][k] = std::max(result[i][k], std::fabs(shifted[i][k] - wanted[i][k]));
        }
    }
    return result;
}

// What the reference says of one direction of a case: the same for every twin of a type, and far dearer than most twins.
struct Expectation {
    std::string of;
    std::vector<Values> inputs, outputs;
    std::vector<Values> slack;  // S or D; empty until a twin asks for it
};

// The last one is kept: instruction sets that run one after the other share it.
Expectation& expectation(const std::string& seed, const Direction& direction, DType dtype, Mode mode) {
    static Expectation kept;
    const std::string of = concat(seed, " ", name_of(dtype), " ", static_cast<int>(mode));
    if (kept.of == of) return kept;
    kept = {};
    for (const Operand& operand : direction.operands)
        kept.inputs.push_back(read(operand) ? fill_operand(operand, seed, mode, direction, operand.dtype(dtype)) : Values());
    kept.outputs = outputs_of(ReferenceRun(direction, kept.inputs), direction);
    kept.of = of;
    return kept;
}

std::vector<Values> slack_for(Key twin, Expectation& expected, const Direction& direction, double u_in) {
    if (direction.multilinear && direction.magnitude)
        if (const auto own = ReferenceRun::magnitude(direction, absolute_values(direction, expected.inputs), twin))
            return outputs_of(*own, direction);
    if (expected.slack.empty()) expected.slack = sensitivities(direction, expected.inputs, expected.outputs, u_in);
    return expected.slack;
}

std::string reproducer(const OpRecord& op, const Case& c, const std::string& direction, const std::string& what) {
    return "PURNET_RECORD='" + op.name + "." + direction + "." + c.label + "' (" + what + "): ";
}

}  // namespace

void set_before_run(void (*function)(int)) { before_run = function; }
void set_canaries(bool on) { canary_bytes = on ? 256 : 0; }

double cost(const Direction& direction) {
    double bytes = direction.bytes;
    if (bytes == 0)
        for (const Operand& operand : direction.operands)
            if (operand.role != Role::workspace) bytes += 4.0 * static_cast<double>(operand.count());
    return std::max(direction.flops, bytes);
}

bool small_enough(const Case& c) {
    static const bool full = std::getenv("PURNET_TEST_FULL") != nullptr;
    double most = 0;
    for (const Direction& d : c.directions) most = std::max(most, cost(d));
    return full || most < 3e7;
}

Outcome check_twin(const OpRecord& op, const Case& c, const Direction& direction, Key key, Mode mode) {
    Outcome outcome;
    if (!direction.available(key) || (mode == Mode::exact && !direction.multilinear)) return outcome;
    outcome.ran = true;
    const std::string name = reproducer(
        op, c, direction.name, concat(name_of(Device{key.device, 0}), " ", name_of(key.dtype), mode == Mode::exact ? " exact" : " real"));
    if (!direction.available(reference_key)) {
        outcome.failure = name + "no reference";
        return outcome;
    }
    Expectation& expected = expectation(op.name + c.label + direction.name, direction, key.dtype, mode);
    const std::vector<Values>& inputs = expected.inputs;
    if (before_run) before_run(0);
    const TwinRun first(direction, key, inputs, 0xFF);
    if (before_run) before_run(1);
    const TwinRun second(direction, key, inputs, 0x3C);
    if (std::string damage = first.damage(); !damage.empty()) {
        outcome.failure = name + damage;
        return outcome;
    }
    const double u_acc = 0x1p-24;
    std::vector<Values> slack;
    if (mode == Mode::real) slack = slack_for(key, expected, direction, u_acc);
    for (size_t i = 0; i < direction.operands.size(); ++i) {
        const Operand& operand = direction.operands[i];
        if (!written(operand)) continue;
        if (!first.same_bits(second, i)) {
            outcome.failure = name + "two runs differ in " + operand.name;
            return outcome;
        }
        const Values& reference = expected.outputs[i];
        const DType type = operand.dtype(key.dtype);
        const double u_out = !floating(operand) ? 0 : type == DType::bf16 ? 0x1p-8 : 0x1p-24;
        double magnitude = 0;
        for (double v : reference) magnitude = std::max(magnitude, std::fabs(v));
        const double k_length = static_cast<double>(direction.reduction), growth = std::min(k_length, 6 * std::sqrt(k_length));
        int64_t worst = -1, failures = 0;
        double worst_ratio = 0, worst_bound = 0;
        for (int64_t k = 0; k < operand.count(); ++k) {
            const double r = reference[static_cast<size_t>(k)], got = first.value(i, k);
            double bound = 0;
            if (mode == Mode::real && floating(operand)) {
                const double s = slack[i][static_cast<size_t>(k)];
                bound = direction.multilinear ? u_out * std::fabs(r) + growth * u_acc * s
                                              : u_out * std::fabs(r) + direction.rounding * (u_acc * std::fabs(r) + s) + u_acc * magnitude;
                bound += 1e-37;  // denormal results
            }
            const double error = std::fabs(got - r);
            if (error <= bound) {
                if (bound > 0) outcome.worst_ratio = std::max(outcome.worst_ratio, error / bound);
                continue;
            }
            if (std::isnan(r) && std::isnan(got)) {
                outcome.failure = name + operand.name + ": the reference itself is NaN";
                return outcome;
            }
            ++failures;  // a NaN comes here: no comparison with it is true
            const double ratio = std::isnan(got) ? INFINITY : error / std::max(bound, 1e-300);
            if (worst < 0 || ratio > worst_ratio) {
                worst = k;
                worst_ratio = ratio;
                worst_bound = bound;
            }
        }
        if (failures) {
            outcome.failure =
                concat(name, operand.name, index_text(operand.shape, worst), " got ", first.value(i, worst), " wanted ",
                       reference[static_cast<size_t>(worst)], " bound ", worst_bound, "; ", failures, " of ", operand.count(), " wrong");
            outcome.worst_ratio = worst_ratio;
            return outcome;
        }
    }
    return outcome;
}

Outcome check_gradients(const OpRecord& op, const Case& c) {
    Outcome outcome;
    const Direction& forward = c.directions.front();
    if (!forward.available(reference_key)) {
        outcome.ran = true;
        outcome.failure = reproducer(op, c, forward.name, "gradient") + "no reference";
        return outcome;
    }
    std::map<std::string, size_t> position;
    for (size_t i = 0; i < forward.operands.size(); ++i) position[forward.operands[i].name] = i;
    std::vector<Values> inputs;
    for (const Operand& operand : forward.operands)
        inputs.push_back(read(operand) ? fill_operand(operand, op.name + c.label + "gradient", Mode::real, forward, DType::f64) : Values());
    const ReferenceRun base(forward, inputs);
    // The scalar is the sum of outputs times these.
    std::map<std::string, Values> cotangents;
    for (const Operand& operand : forward.operands)
        if (operand.role == Role::output && floating(operand) && operand.differentiable) {
            Operand like = operand;
            like.fill = Fill::any;
            like.scale = 1;
            cotangents[operand.name] = fill_operand(like, op.name + c.label + "cotangent", Mode::real, forward, DType::f64);
        }
    for (size_t d = 1; d < c.directions.size(); ++d) {
        const Direction& backward = c.directions[d];
        const std::string name = reproducer(op, c, backward.name, "gradient");
        std::vector<Values> operands;
        std::map<std::string, Values> used = cotangents;
        for (auto& [output, values] : used) std::fill(values.begin(), values.end(), 0);
        bool derivative = false;
        for (const Operand& operand : backward.operands) {
            Values values;
            if (read(operand)) {
                const bool is_cotangent = operand.name.size() > 1 && operand.name[0] == 'd' && cotangents.count(operand.name.substr(1)) &&
                                          !position.count(operand.name);
                if (is_cotangent) {
                    values = used[operand.name.substr(1)] = cotangents[operand.name.substr(1)];
                } else {
                    const auto at = position.find(operand.name);
                    if (at == position.end()) {
                        outcome.ran = true;
                        outcome.failure = name + "operand " + operand.name + " is neither the forward's nor a derivative of its output";
                        return outcome;
                    }
                    values = read(forward.operands[at->second]) ? inputs[at->second] : base.values(forward, at->second);
                }
            } else if (operand.role == Role::output && operand.name.size() > 1 && operand.name[0] == 'd' &&
                       position.count(operand.name.substr(1))) {
                derivative = true;
            }
            operands.push_back(std::move(values));
        }
        if (!derivative) continue;
        outcome.ran = true;
        const ReferenceRun result(backward, operands);
        auto scalar_at = [&](size_t input, const Values& direction, double step) {
            std::vector<Values> moved = inputs;
            for (size_t k = 0; k < direction.size(); ++k) moved[input][k] += step * direction[k];
            const ReferenceRun run(forward, moved);
            double sum = 0;
            for (const auto& [output, cotangent] : used) {
                const Values y = run.values(forward, position[output]);
                for (size_t k = 0; k < y.size(); ++k) sum += y[k] * cotangent[k];
            }
            return sum;
        };
        for (size_t i = 0; i < backward.operands.size(); ++i) {
            const Operand& operand = backward.operands[i];
            if (operand.role != Role::output || operand.name[0] != 'd' || !position.count(operand.name.substr(1))) continue;
            const size_t input = position[operand.name.substr(1)];
            const Values gradient = result.values(backward, i);
            if (gradient.size() != inputs[input].size()) {
                outcome.failure = name + operand.name + " has another size than " + forward.operands[input].name;
                return outcome;
            }
            double scale = 0;
            for (double g : gradient) scale = std::max(scale, std::fabs(g));
            // Tiny operands: every coordinate; larger ones: random directions.
            const int64_t coordinates = gradient.size() <= 24 ? static_cast<int64_t>(gradient.size()) : 0;
            for (int64_t trial = 0; trial < coordinates + 2; ++trial) {
                Values direction(gradient.size(), 0);
                Numbers numbers(operand.name + std::to_string(trial));
                if (trial < coordinates)
                    direction[static_cast<size_t>(trial)] = 1;
                else
                    for (double& v : direction) v = 2 * numbers.unit() - 1;
                double analytic = 0, absolute = 0;
                for (size_t k = 0; k < gradient.size(); ++k) {
                    analytic += gradient[k] * direction[k];
                    absolute += std::fabs(gradient[k] * direction[k]);
                }
                constexpr double h = 1e-5;
                // Fourth-order difference: truncation far below rounding for smooth ops.
                const double numeric = (8 * (scalar_at(input, direction, h) - scalar_at(input, direction, -h)) -
                                        (scalar_at(input, direction, 2 * h) - scalar_at(input, direction, -2 * h))) /
                                       (12 * h);
                const double bound = 1e-6 * (absolute + scale) + 1e-9;
                const double error = std::fabs(numeric - analytic);
                outcome.worst_ratio = std::max(outcome.worst_ratio, error / bound);
                if (!(error <= bound)) {
                    outcome.failure =
                        concat(name, operand.name, trial < coordinates ? concat(" coordinate ", trial) : " along a random direction",
                               ": backward says ", analytic, ", differences say ", numeric, ", bound ", bound);
                    return outcome;
                }
            }
        }
    }
    return outcome;
}

}  // namespace purnet::test
