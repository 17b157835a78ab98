// cuBLASLt and cuDNN as ways of convolutions and linear layers: libraries that stand in for them (tests/emulator/libraries) are found,
// asked, refused, and compute what our own kernels compute.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "kernels/conv2d/conv2d_ways.h"
#include "kernels/linear/linear.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/choices.h"
#include "kernels/runtime/cuda/libraries.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/warning.h"
#include "tests/device/place.h"
#include "tests/emulator/device.h"
#include "tests/emulator/libraries/fake_cublaslt.h"
#include "tests/emulator/libraries/fake_cudnn.h"

namespace purnet::test {
namespace {

using conv2d::Pass;
using conv2d::Problem;
using conv2d::implicit::Library;

std::string folder(const std::string& kind) {
    return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "emulator" / "libraries" / kind).string();
}

std::vector<std::string>& warnings() {
    static std::vector<std::string> list;
    return list;
}

// What a stand-in exports for tests; null where there is none.
template <class Fake>
Fake* control(const std::string& file, const char* symbol) {
    void* const open = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    return open ? static_cast<Fake*>(dlsym(open, symbol)) : nullptr;
}

// While alive the stand-ins of one kind are found and warnings are kept.
class Standing {
public:
    explicit Standing(const std::string& kind)
        : cublaslt_(control<FakeCublasLt>(folder(kind) + "/libcublasLt.so.13", "purnet_fake_cublaslt")),
          cudnn_(control<FakeCudnn>(folder(kind) + "/libcudnn.so.9", "purnet_fake_cudnn")) {
        place();
        warnings().clear();
        cuda::look_for_libraries_in(folder(kind));
        before_ = set_warning_sink([](const std::string& sentence) { warnings().push_back(sentence); });
        reset();
    }
    ~Standing() {
        reset();
        cuda::look_for_libraries_in("");
        set_warning_sink(before_);
        choices::measure(false);
        choices::know({});
    }
    FakeCublasLt& cublaslt() const {
        REQUIRE(cublaslt_ != nullptr);
        return *cublaslt_;
    }
    FakeCudnn& cudnn() const {
        REQUIRE(cudnn_ != nullptr);
        return *cudnn_;
    }

private:
    void reset() const {
        if (cublaslt_) *cublaslt_ = {};
        if (cudnn_) *cudnn_ = {};
    }

    FakeCublasLt* cublaslt_;
    FakeCudnn* cudnn_;
    WarningSink before_;
};

LibraryReport report(const std::string& name) {
    for (const LibraryReport& library : accelerator_libraries())
        if (library.name == name) return library;
    return {};
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

template <class T>
std::vector<T> sparse(int64_t count, int64_t seed) {
    std::vector<T> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i)
        values[i] = T(static_cast<float>(static_cast<int>(((i + static_cast<size_t>(seed)) * 0x9e3779b97f4a7c15ull >> 40) % 5) - 2));
    return values;
}

template <class T>
std::vector<float> floats(const DeviceArray<T>& values) {
    std::vector<float> list;
    for (size_t i = 0; i < values.size(); ++i) list.push_back(static_cast<float>(values[i]));
    return list;
}

// One pass of the op's table, with a bias where one is wanted.
template <class T>
std::vector<float> run(const Problem& p, Pass pass, bool with_bias = false, void* stream = nullptr) {
    const Key key{DeviceType::cuda, dtype_of<T>};
    const Context context{place().device, stream};
    const conv2d::Kernels& kernels = *conv2d::table().find(key);
    const DeviceArray<T> x(sparse<T>(p.x_count(), 1)), weight(sparse<T>(p.weight_count(), 2)), y(sparse<T>(p.y_count(), 3));
    const DeviceArray<float> bias(sparse<float>(p.o, 4)), dweight(static_cast<size_t>(p.weight_count()));
    const DeviceArray<T> out(static_cast<size_t>(pass == Pass::forward ? p.y_count() : p.x_count()));
    const Block scratch(context.device, conv2d::workspace(key, p, pass));
    if (pass == Pass::forward)
        kernels.forward(p, x.get(), weight.get(), with_bias ? bias.get() : nullptr, out.get(), scratch.data(), context);
    else if (pass == Pass::backward_data)
        kernels.backward_data(p, y.get(), weight.get(), out.get(), scratch.data(), context);
    else
        kernels.backward_weights(p, x.get(), y.get(), dweight.get(), nullptr, scratch.data(), context);
    return pass == Pass::backward_weights ? floats(dweight) : floats(out);
}

template <class T>
std::vector<float> run_linear(const linear::Problem& p) {
    const Key key{DeviceType::cuda, dtype_of<T>};
    const Context context{place().device, nullptr};
    const DeviceArray<T> x(sparse<T>(p.n * p.i, 1)), weight(sparse<T>(p.o * p.i, 2)), y(static_cast<size_t>(p.n * p.o));
    const Block scratch(context.device, linear::workspace(key, p, Pass::forward));
    linear::table().find(key)->forward(p, x.get(), weight.get(), nullptr, y.get(), scratch.data(), context);
    return floats(y);
}

// Every choice there is, for the library.
void choose(const std::string& name) {
    choices::Known known = choices::known();
    for (auto& [key, way] : known)
        if (has(key, "or a library")) way = name;
    choices::know(known);
}

const Problem problem{.n = 2, .h = 5, .w = 4, .c = 24, .o = 40};
const Problem wide{.h = 5, .w = 4, .c = 8, .o = 16, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}};

}  // namespace

TEST_CASE("libraries: cuBLASLt is found, or what is wrong is said") {
    {
        const Standing good("good");
        const LibraryReport found = report("cublasLt");
        CHECK(found.version == "13.1.0");
        CHECK(has(found.detail, folder("good") + "/libcublasLt.so.13"));
        CHECK(report("cuDNN").version == "9.13.0");
        CHECK(has(report("cuDNN").detail, folder("good") + "/libcudnn.so.9"));
        CHECK(has(chosen_accelerator_text(), "; cublasLt 13.1.0; cuDNN 9.13.0"));
    }
    const auto refusal = [](const std::string& kind, const std::string& name = "cublasLt") {
        const Standing standing(kind);
        const LibraryReport found = report(name);
        CHECK(found.version.empty());
        CHECK(!has(chosen_accelerator_text(), name));
        CHECK(conv2d::implicit::libraries_for(name == "cuDNN" ? wide : problem, Pass::forward, DType::f32).empty());
        return found.detail;
    };
    CHECK(has(refusal("old"), "libcublasLt.so.12 is version 11.11.3, too old: 12.0 is the oldest"));
    CHECK(has(refusal("new"), "libcublasLt.so.13 is version 14.0.0, too new: 13 is the newest"));
    CHECK(has(refusal("damaged"), "libcublasLt.so.13 has no cublasLtMatmul"));
    CHECK(has(refusal("old", "cuDNN"), "libcudnn.so.9 is older than version 9.0, the oldest that is known here (it says 8907)"));
    CHECK(has(refusal("new", "cuDNN"), "libcudnn.so.9 is version 10.0.0, too new: 9 is the newest"));
    CHECK(refusal("no such folder", "cuDNN") == "there is no libcudnn.so.9 where it was looked for");
    CHECK(refusal("no such folder") == "there is no libcublasLt.so.13 where it was looked for");
    const Standing sick("good");
    sick.cublaslt().fail_create = 1;
    CHECK(has(report("cublasLt").detail,
              "version 13.1.0, cannot be used: cublasLtCreate: not initialized, says the fake (CUBLAS_STATUS_NOT_INITIALIZED)"));
    sick.cudnn().fail_create = 1001;
    cuda::look_for_libraries_in(folder("good"));
    CHECK(has(report("cuDNN").detail, "version 9.13.0, cannot be used: cudnnCreate: other, says the fake (1001): a reason"));
}

TEST_CASE("libraries: a file that is no library is named in the loader's words") {
    const std::filesystem::path here = std::filesystem::temp_directory_path() / concat("purnet_no_library_", ::getpid());
    std::filesystem::create_directories(here);
    { std::ofstream(here / "libcublasLt.so.13") << "no library"; }
    {
        const Standing standing("none");
        cuda::look_for_libraries_in(here.string());
        CHECK(has(report("cublasLt").detail, (here / "libcublasLt.so.13").string()));
        CHECK(report("cublasLt").version.empty());
    }
    std::filesystem::remove_all(here);
}

// `done`: how often the library has computed; `stream`: where, at last.
template <class T>
void check_way(const std::string& name, const Problem& p, Pass pass, int& done, void* const& stream) {
    INFO(name, " ", dtype_of<T> == DType::f32 ? "float32" : "bf16", " pass ", static_cast<int>(pass), " kernel ", p.kh);
    choices::know({});
    done = 0;
    const std::vector<float> own = run<T>(p, pass);
    CHECK(std::count(own.begin(), own.end(), 0.0f) < static_cast<int64_t>(own.size()));
    CHECK(done == 0);  // nobody measures, nobody tells: never
    choices::measure(true);
    CHECK(run<T>(p, pass) == own);
    choices::measure(false);
    CHECK(done >= 6);
    choose(name);
    done = 0;
    int somewhere = 0;
    CHECK(run<T>(p, pass, false, &somewhere) == own);
    CHECK(done == 1);
    CHECK(stream == &somewhere);
    CHECK(conv2d::implicit::way_of<T>(p, pass).name == name);
    CHECK(conv2d::implicit::way_of<T>(p, pass, false).library == Library::none);
    choose("own");
    CHECK(run<T>(p, pass) == own);
    CHECK(done == 1);
}

TEST_CASE("libraries: cuBLASLt computes where choices name it, every pass, the same as our own kernels") {
    const Standing standing("good");
    for (const Pass pass : {Pass::forward, Pass::backward_data, Pass::backward_weights}) {
        check_way<float>("cublasLt", problem, pass, standing.cublaslt().products, standing.cublaslt().stream);
        check_way<bf16>("cublasLt", problem, pass, standing.cublaslt().products, standing.cublaslt().stream);
    }
    CHECK(warnings().empty());
}

TEST_CASE("libraries: cuDNN computes where choices name it, every pass, the same as our own kernels") {
    const Standing standing("good");
    FakeCudnn& fake = standing.cudnn();
    for (const Problem& p : {wide, Problem{.n = 2, .h = 7, .w = 6, .c = 8, .o = 16, .kh = 3, .kw = 2, .stride = 2, .pads = {1, 0, 2, 1}},
                             Problem{.h = 6, .w = 7, .c = 8, .o = 8, .kh = 3, .kw = 3, .pads = {2, 2, 2, 2}, .dilation = 2, .groups = 8}})
        for (const Pass pass : {Pass::forward, Pass::backward_data, Pass::backward_weights}) {
            check_way<float>("cuDNN", p, pass, fake.convolutions, fake.stream);
            // What a call makes it destroys.
            const int before = fake.descriptors;
            choose("cuDNN");
            run<float>(p, pass);
            CHECK(fake.convolutions == 2);
            CHECK(fake.descriptors == before);
            if (pass == Pass::backward_weights)
                CHECK(!conv2d::implicit::has_kernel(Library::cudnn, p, pass, DType::bf16));
            else
                check_way<bf16>("cuDNN", p, pass, fake.convolutions, fake.stream);
        }
    CHECK(standing.cublaslt().products == 0);
    CHECK(warnings().empty());
}

TEST_CASE("libraries: a launch behind one's work does not overlap with it") {
    const Standing standing("good");
    choices::measure(true);
    run<float>(problem, Pass::forward);
    choices::measure(false);
    const Key key{DeviceType::cuda, DType::f32};
    const Context context{place().device, nullptr};
    const DeviceArray<float> x(sparse<float>(problem.x_count(), 1)), weight(sparse<float>(problem.weight_count(), 2));
    const DeviceArray<float> y(static_cast<size_t>(problem.y_count()));
    choose("cublasLt");
    const Block scratch(context.device, conv2d::workspace(key, problem, Pass::forward));
    choose("own");
    REQUIRE(conv2d::workspace(key, problem, Pass::forward) <= scratch.bytes());
    // Of the launches of one by our own kernels, which others by `ahead` have gone before, how many may overlap with them.
    const auto overlapping = [&](const std::string& ahead) {
        uint64_t before = 0;
        for (const std::string& name : {std::string("own"), ahead, std::string("own")}) {
            choose(name);
            before = emulator::counters().overlapping;
            conv2d::table().find(key)->forward(problem, x.get(), weight.get(), nullptr, y.get(), scratch.data(), context);
        }
        return emulator::counters().overlapping - before;
    };
    const uint64_t behind_own = overlapping("own");
    CHECK(behind_own >= 1);
    standing.cublaslt().products = 0;
    CHECK(overlapping("cublasLt") == behind_own - 1);
    CHECK(standing.cublaslt().products == 1);
}

TEST_CASE("libraries: a call with an epilogue stays with our own kernels") {
    const Standing standing("good");
    FakeCublasLt& fake = standing.cublaslt();
    const std::vector<float> biased = run<float>(problem, Pass::forward, true);
    choices::measure(true);
    run<float>(problem, Pass::forward);
    choices::measure(false);
    choose("cublasLt");
    fake.products = 0;
    CHECK(run<float>(problem, Pass::forward, true) == biased);
    CHECK(fake.products == 0);
}

TEST_CASE("libraries: linear layers") {
    const Standing standing("good");
    const linear::Problem p{.n = 9, .i = 16, .o = 5};
    const std::vector<float> own = run_linear<float>(p);
    choices::measure(true);
    run_linear<float>(p);
    choices::measure(false);
    choose("cublasLt");
    standing.cublaslt().products = 0;
    CHECK(run_linear<float>(p) == own);
    CHECK(standing.cublaslt().products == 1);
}

TEST_CASE("libraries: one without a kernel for a problem is no candidate") {
    const Standing standing("good");
    standing.cublaslt().fail_heuristic = 15;
    FakeCudnn& fake = standing.cudnn();
    fake.fail_graph = 3000;
    const std::vector<float> own = run<float>(wide, Pass::forward);
    choices::measure(true);
    CHECK(run<float>(wide, Pass::forward) == own);
    run<float>(problem, Pass::forward);
    choices::measure(false);
    CHECK(choices::known().size() == 2);  // our own way is a single one for both
    for (const auto& [key, way] : choices::known()) CHECK((way != "cublasLt" && way != "cuDNN"));
    // Told all the same, our own kernels compute.
    choose("cuDNN");
    CHECK(run<float>(wide, Pass::forward) == own);
    CHECK(fake.convolutions == 0);
    CHECK(fake.descriptors == 0);
    CHECK(!conv2d::implicit::has_kernel(Library::cublaslt, problem, Pass::forward, DType::f32));
    fake.fail_graph = 0;
    fake.only_others = true;
    CHECK(!conv2d::implicit::has_kernel(Library::cudnn, wide, Pass::backward_data, DType::f32));
    CHECK(fake.descriptors == 0);
    // TF32 is what the others are refused for: of bf16 they compute what is meant.
    CHECK(conv2d::implicit::has_kernel(Library::cudnn, wide, Pass::backward_data, DType::bf16));
    CHECK(warnings().empty());
}

// The sentence, and what the op still gives.
std::string sentence_of_failure(const Problem& p, Pass pass, const std::string& name, int& fail, const int& done) {
    const std::vector<float> own = run<float>(p, pass);
    choices::measure(true);
    run<float>(p, pass);
    choices::measure(false);
    choose(name);
    for (const int status : {5000, 5000, 0}) {
        const int before = done;
        fail = status;
        CHECK(run<float>(p, pass) == own);
        CHECK(done == before);
    }
    return warnings().size() == 1 ? warnings().front() : concat(warnings().size(), " warnings");
}

TEST_CASE("libraries: one that fails is left out from there on, with a sentence, and our own kernels compute") {
    {
        const Standing standing("good");
        FakeCublasLt& fake = standing.cublaslt();
        CHECK(sentence_of_failure(problem, Pass::backward_data, "cublasLt", fake.fail_matmul, fake.products) ==
              "conv2d backward_data (2x5x4x24 to 40, kernel 1x1, stride 1, dilation 1, groups 1): cublasLtMatmul (24 x 40 x 40): other, "
              "says the fake "
              "(CUBLAS_STATUS_OTHER); from here on cublasLt is left out, and our own kernels compute");
    }
    const Standing standing("good");
    FakeCudnn& fake = standing.cudnn();
    CHECK(sentence_of_failure(wide, Pass::backward_weights, "cuDNN", fake.fail_execute, fake.convolutions) ==
          "conv2d backward_weights (1x5x4x8 to 16, kernel 3x3, stride 1, dilation 1, groups 1): cudnnBackendExecute: execution failed, "
          "says the fake "
          "(5000): a reason; from here on cuDNN is left out, and our own kernels compute");
    // The other one goes on.
    CHECK(conv2d::implicit::libraries_for(problem, Pass::forward, DType::f32).size() == 1);
}

TEST_CASE("libraries: one that fails while it is measured is not chosen") {
    const Standing standing("good");
    standing.cublaslt().fail_matmul = 13;
    choices::measure(true);
    run<float>(problem, Pass::forward);
    CHECK(warnings().size() == 1);
    for (const auto& [key, way] : choices::known()) CHECK(way != "cublasLt");
}

}  // namespace purnet::test
