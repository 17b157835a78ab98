// docs/ops.md is what the records say, and says why wherever a twin is absent.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "kernels/runtime/error.h"
#include "tests/emulator/support_table.h"

namespace purnet::test {
namespace {

using namespace record;

// An op with twins of two directions for these keys alone.
OpRecord op_with(std::vector<Key> forward, std::vector<Key> backward, std::vector<Absent> absent) {
    const auto has = [](std::vector<Key> keys) {
        return [keys](Key key) { return std::find(keys.begin(), keys.end(), key) != keys.end(); };
    };
    const Case both{.label = "n1",
                    .directions = {{.name = "forward", .available = has(forward)}, {.name = "backward", .available = has(backward)}}};
    return {.name = "square", .formula = "y = x x", .cases = [both] { return std::vector{both}; }, .absent = std::move(absent)};
}

std::string refused(const OpRecord& op) {
    try {
        support_table({op});
    } catch (const Error& e) {
        return e.what();
    }
    return "";
}

}  // namespace

TEST_CASE("support: docs/ops.md is what the records say") {
    std::ifstream file("docs/ops.md");
    const std::string document{std::istreambuf_iterator<char>(file), {}};
    REQUIRE_MESSAGE(!document.empty(), "docs/ops.md cannot be read: run the tests from the root of the tree");
    CHECK_MESSAGE(document == support_table(), "docs/ops.md is not what the records say: make docs");
}

TEST_CASE("support: a hole without a reason is refused, and so is a reason without a hole") {
    const Key reference{DeviceType::reference, DType::f64}, cpu{DeviceType::cpu, DType::f32}, cpu_bf16{DeviceType::cpu, DType::bf16},
        cuda{DeviceType::cuda, DType::f32}, cuda_bf16{DeviceType::cuda, DType::bf16};
    const std::vector<Key> all{reference, cpu, cuda, cuda_bf16}, no_cuda_bf16{reference, cpu, cuda};
    CHECK(refused(op_with(all, all, no_bf16_on_cpus())) == "");
    const std::string hole = refused(op_with(all, no_cuda_bf16, no_bf16_on_cpus()));
    CHECK_MESSAGE(hole.find("square backward, CUDA bf16: no twin, and no reason") != std::string::npos, hole);
    CHECK(hole.find("forward") == std::string::npos);
    const std::string stale = refused(op_with(all, all, {{cpu_bf16, "slow"}, {cuda, "nobody wrote it"}}));
    CHECK_MESSAGE(stale.find("square backward, CUDA float32: a twin, and a reason") != std::string::npos, stale);
    const std::string table = support_table({op_with(no_cuda_bf16, no_cuda_bf16, {{cuda_bf16, "slow"}, {cpu_bf16, "slower"}})});
    CHECK_MESSAGE(table.find("| square | backward | yes | yes | - (1) | yes | - (2) |") != std::string::npos, table);
    CHECK_MESSAGE(table.find("\n1. slower\n2. slow\n") != std::string::npos, table);
}

}  // namespace purnet::test
