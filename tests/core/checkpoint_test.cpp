#include "core/checkpoint.h"

#include <doctest/doctest.h>

#include <limits>

#include "core/formats/safetensors.h"
#include "tests/support/refused.h"
#include "tests/support/temporary_folder.h"

namespace purnet {
namespace {

struct Small {
    ParameterStore store;
    Parameter& kernel;
    Parameter& mean;
    Parameter& variance;

    explicit Small(DType dtype = DType::f32)
        : store(Device{}, dtype),
          kernel(store.add("a.weight", {2, 1, 3, 4}, FileLayout::channels_second)),
          mean(store.add("b.running_mean", {3}, FileLayout::as_is, true)),
          variance(store.add("b.running_var", {3}, FileLayout::as_is, true)) {}

    void number() {
        float value = 0;
        for (Parameter& p : store.all()) {
            std::vector<float> v(static_cast<size_t>(p.value.count()));
            for (float& x : v) x = ++value;
            p.value.copy_from(Tensor::from(v.data(), p.value.shape()));
        }
    }
};

}  // namespace

TEST_CASE("checkpoint: kernels turn between memory O,h,w,I and file O,I,h,w") {
    Small small;
    small.number();
    CHECK(file_shape(small.kernel) == Shape{2, 4, 1, 3});
    const std::vector<float> file = to_file_order(small.kernel, small.kernel.value.to_floats());
    for (size_t o = 0; o < 2; ++o)
        for (size_t i = 0; i < 4; ++i)
            for (size_t x = 0; x < 3; ++x) CHECK(file[(o * 4 + i) * 3 + x] == static_cast<float>(1 + (o * 3 + x) * 4 + i));
    CHECK(from_file_order(small.kernel, file) == small.kernel.value.to_floats());
}

TEST_CASE("checkpoint: a state written and read back is the same, with num_batches_tracked in its place") {
    const test::TemporaryFolder folder;
    Small from;
    from.number();
    write_safetensors(folder / "s.safetensors", state_of(from.store, 7));
    NamedArrays arrays = read_safetensors(folder / "s.safetensors");
    REQUIRE(arrays.size() == 4);
    CHECK(arrays[0].name == "a.weight");
    CHECK(arrays[0].array.shape == std::vector<int64_t>{2, 4, 1, 3});
    CHECK(arrays[3].name == "b.num_batches_tracked");
    CHECK(arrays[3].array.as<int64_t>()[0] == 7);
    Small to;
    const LoadReport report = load_state(to.store, std::move(arrays));
    CHECK(report.complete());
    CHECK(report.loaded == 3);
    CHECK(to.kernel.value.to_floats() == from.kernel.value.to_floats());
    CHECK(to.variance.value.to_floats() == from.variance.value.to_floats());
}

TEST_CASE("checkpoint: half precision, float64 and bf16 files load; missing and left over are told by name") {
    Small from;
    from.number();
    for (const FileDType type : {FileDType::f16, FileDType::f64, FileDType::bf16}) {
        NamedArrays arrays;
        for (const auto& [name, array] : state_of(from.store, 0))
            if (name != "b.running_mean")
                arrays.add(name == "b.running_var" ? "c.running_var" : name,
                           name == "b.num_batches_tracked" ? array : convert(array, type));
        Small to;
        const LoadReport report = load_state(to.store, std::move(arrays));
        CHECK(report.loaded == 1);
        CHECK(report.missing == std::vector<std::string>{"b.running_mean", "b.running_var"});
        CHECK(report.left_over == std::vector<std::string>{"c.running_var"});
        CHECK(to.kernel.value.to_floats() == from.kernel.value.to_floats());  // small integers: exact in each type
    }
    Small to;
    REFUSED(load_state_exactly(to.store, NamedArrays(), "x.pth"), "x.pth does not fit the network: loaded 0 tensors, 3 missing");
}

TEST_CASE("checkpoint: a wrong shape, an integer type, an infinity or NaN is refused and nothing is changed") {
    Small from;
    from.number();
    const auto spoiled = [&](auto&& spoil) {
        NamedArrays arrays = state_of(from.store, 0);
        for (size_t i = 0; i < arrays.size(); ++i)
            if (arrays[i].name == "b.running_var") spoil(arrays[i].array);
        return arrays;
    };
    Small to;
    REFUSED(load_state(to.store, spoiled([](Array& a) { a = Array(FileDType::f32, {4}); })),
            "tensor b.running_var is 4 where the network has 3");
    REFUSED(load_state(to.store, spoiled([](Array& a) { a = Array(FileDType::i64, {3}); })), "holds int64");
    REFUSED(load_state(to.store, spoiled([](Array& a) { a.as<float>()[1] = std::numeric_limits<float>::quiet_NaN(); })), "element 1");
    REFUSED(load_state(to.store, spoiled([](Array& a) { a.as<float>()[2] = std::numeric_limits<float>::infinity(); })), "element 2");
    REFUSED(load_state_exactly(to.store, spoiled([](Array& a) { a.as<float>()[1] = std::numeric_limits<float>::quiet_NaN(); }), "x.pth"),
            "x.pth: tensor b.running_var has a value that is no finite number");
    for (const float v : to.kernel.value.to_floats()) CHECK(v == 0);
}

}  // namespace purnet
