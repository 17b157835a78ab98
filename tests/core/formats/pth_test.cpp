#include "core/formats/pth.h"

#include <doctest/doctest.h>

#include "core/formats/weights_file.h"
#include "tests/support/pth_sample.h"
#include "tests/support/refused.h"

using namespace purnet;
using test::ByteVector;
using test::PickleWriter;
using test::SampleTensor;

namespace {

const ByteVector six = test::bytes_of(std::vector<float>{0, 1, 2, 3, 4, 5});

NamedArrays decode(const ByteVector& bytes) { return decode_named_arrays(ByteSource(bytes, "test.pth")); }

// A checkpoint of one tensor over the storage "0" = 0 1 2 3 4 5, in both forms.
NamedArrays decode_one(const SampleTensor& tensor, const ByteVector& storage = six) {
    const NamedArrays zip = decode(test::zip_pth(test::state_dict_pickle({tensor}, false), {{"0", storage}}));
    const NamedArrays legacy = decode(test::legacy_pth(test::state_dict_pickle({tensor}, true), {{"0", storage}}, {tensor.count}));
    REQUIRE(zip.size() == 1);
    REQUIRE(legacy.size() == 1);
    CHECK(zip[0].array.bytes == legacy[0].array.bytes);
    CHECK(zip[0].array.shape == legacy[0].array.shape);
    return zip;
}
std::vector<float> values(const SampleTensor& tensor) { return to_float32(decode_one(tensor).at(tensor.name)); }

// What a pickle says when it stands alone in a checkpoint without storages.
void refuse_pickle(const ByteVector& pickle, const std::string& part) {
    REFUSED(decode(test::zip_pth(pickle, {{"0", six}})), part);
    REFUSED(decode(test::legacy_pth(pickle, {}, {})), part);
}

}  // namespace

TEST_CASE("pth: tensors with any strides become C order") {
    CHECK(values({"w", "FloatStorage", "0", 6, 0, {2, 3}, {3, 1}}) == std::vector<float>{0, 1, 2, 3, 4, 5});
    CHECK(values({"w", "FloatStorage", "0", 6, 0, {3, 2}, {1, 3}}) == std::vector<float>{0, 3, 1, 4, 2, 5});
    CHECK(values({"w", "FloatStorage", "0", 6, 1, {2, 2}, {3, 1}}) == std::vector<float>{1, 2, 4, 5});
    CHECK(values({"w", "FloatStorage", "0", 6, 2, {2}, {3}}) == std::vector<float>{2, 5});
    CHECK(values({"w", "FloatStorage", "0", 6, 4, {3}, {0}}) == std::vector<float>{4, 4, 4});
    CHECK(values({"w", "FloatStorage", "0", 6, 5, {}, {}}) == std::vector<float>{5});
    CHECK(values({"w", "FloatStorage", "0", 6, 0, {6, 1}, {1, 77}}) == std::vector<float>{0, 1, 2, 3, 4, 5});
    CHECK(values({"w", "FloatStorage", "0", 6, 0, {0, 4}, {4, 1}}).empty());
}

TEST_CASE("pth: element types") {
    const ByteVector bytes{0x00, 0x3c, 0x00, 0xc0};  // 1, -2 as halves
    CHECK(to_float32(decode_one({"w", "HalfStorage", "0", 2, 0, {2}, {1}}, bytes).at("w")) == std::vector<float>{1, -2});
    CHECK(decode_one({"w", "BFloat16Storage", "0", 2, 0, {2}, {1}}, {0x80, 0x3f, 0, 0xc0}).at("w").dtype == FileDType::bf16);
    CHECK(to_int64(decode_one({"w", "ByteStorage", "0", 4, 0, {4}, {1}}, {1, 2, 3, 255}).at("w")) == std::vector<int64_t>{1, 2, 3, 255});
    CHECK(to_int64(decode_one({"w", "LongStorage", "0", 1, 0, {}, {}}, test::bytes_of(std::vector<int64_t>{-9})).at("w")) ==
          std::vector<int64_t>{-9});
    CHECK(decode_one({"w", "BoolStorage", "0", 2, 0, {2}, {1}}, {0, 1}).at("w").dtype == FileDType::boolean);
}

TEST_CASE("pth: order, shared storages, zip64") {
    const auto pickle =
        test::state_dict_pickle({{"z", "FloatStorage", "0", 6, 0, {6}, {1}}, {"a", "FloatStorage", "0", 6, 3, {3}, {1}}}, false);
    for (const bool wide : {false, true}) {
        const NamedArrays arrays = decode(test::zip_pth(pickle, {{"0", six}}, wide));
        REQUIRE(arrays.size() == 2);
        CHECK(arrays[0].name == "z");
        CHECK(to_float32(arrays.at("a")) == std::vector<float>{3, 4, 5});
    }
}

TEST_CASE("pth: files that PyTorch itself wrote") {
    const std::string folder = "tests/goldens/formats/";
    for (const std::string name : {"zip.pth", "legacy.pth", "nested.pth", "from_python.safetensors"}) {
        CAPTURE(name);
        const NamedArrays arrays = load_named_arrays(folder + name);
        const bool copies = name == "from_python.safetensors";
        CHECK(arrays.size() == (copies ? 8 : 9));
        CHECK(to_float32(arrays.at("weight")) == std::vector<float>{-1, -0.5, 0, 0.5, 1, 1.5});
        CHECK(to_float32(arrays.at("transposed")) == std::vector<float>{-1, 0.5, -0.5, 1, 0, 1.5});
        CHECK(arrays.at("transposed").shape == std::vector<int64_t>{3, 2});
        CHECK(to_float32(arrays.at("sliced")) == std::vector<float>{-1, 0, 0.5, 1.5});
        CHECK(to_float32(arrays.at("parameter")) == std::vector<float>{1, 2});
        CHECK(arrays.at("half").dtype == FileDType::f16);
        CHECK(arrays.at("brain").dtype == FileDType::bf16);
        CHECK(to_float32(arrays.at("half")) == std::vector<float>{1, -2, 0.5});
        CHECK(to_float32(arrays.at("brain")) == std::vector<float>{1, -2, 0.5});
        CHECK(to_int64(arrays.at("count")) == std::vector<int64_t>{7});
        CHECK(arrays.at("empty").shape == std::vector<int64_t>{0, 4});
        if (!copies) CHECK(to_float32(arrays.at("tied")) == std::vector<float>{-1, -0.5, 0, 0.5, 1, 1.5});
        CHECK(arrays.metadata.count("pth.entry") == (name == "nested.pth" ? 1u : 0u));
    }
    CHECK(load_named_arrays(folder + "nested.pth").metadata.at("pth.entry") == "state_dict");
}

TEST_CASE("pth: the state dict is found where it usually lies") {
    const SampleTensor tensor{"w", "FloatStorage", "0", 6, 0, {6}, {1}};
    const auto file = [&](const std::vector<std::string>& names) {
        PickleWriter out;
        out.op('}').op('(').text("epoch").integer(3);
        for (const auto& name : names) put_state_dict(out.text(name), {tensor}, false);
        return test::zip_pth(out.op('u').stop(), {{"0", six}});
    };
    CHECK(decode(file({"model"})).metadata.at("pth.entry") == "model");
    CHECK(decode(file({"model", "state_dict"})).metadata.at("pth.entry") == "state_dict");
    CHECK(decode(file({"generator"})).metadata.at("pth.entry") == "generator");
    REFUSED(decode(file({"generator", "critic"})), "several dictionaries of tensors ('generator', 'critic')");
    REFUSED(decode(file({})), "holds no tensors");

    PickleWriter nested;
    nested.op('}').text("model").op('}').text("state_dict");
    put_state_dict(nested, {tensor}, false).op('s').op('s');
    CHECK(decode(test::zip_pth(nested.stop(), {{"0", six}})).metadata.at("pth.entry") == "model.state_dict");
}

TEST_CASE("pth: an OrderedDict as Python 2 wrote it, a parameter, torch.Size, views") {
    PickleWriter out;
    out.global("collections", "OrderedDict").op(']').op('(').op(']').op('(').op('U').op(1).raw("w");
    out.global("torch._utils", "_rebuild_parameter").op('(');
    out.global("torch._utils", "_rebuild_tensor").op('(');
    // the persistent id's last part: a view of three elements from the second on
    out.op('(').text("storage").global("torch.cuda", "FloatStorage").text("0").text("cuda:0").integer(6);
    out.op('(').text("view").integer(1).integer(3).op('t').op('t').op('Q');
    out.integer(1).global("torch", "Size").integers({2}).op(0x85).op('R').integers({1}).op('t').op('R');
    out.op(0x88).op('N').op('t').op('R');
    out.op('e').op('e').op(0x85).op('R');
    const NamedArrays arrays = decode(test::legacy_pth(out.stop(), {{"0", six}}, {6}));
    CHECK(to_float32(arrays.at("w")) == std::vector<float>{2, 3});
}

TEST_CASE("pth: a pickle that wants to call something is refused by name") {
    for (const auto& [module, name] : {std::pair<std::string, std::string>{"os", "system"},
                                       {"posix", "system"},
                                       {"builtins", "eval"},
                                       {"builtins", "exec"},
                                       {"builtins", "getattr"},
                                       {"subprocess", "Popen"},
                                       {"torch", "load"}}) {
        const std::string part = "asks for '" + module + "." + name + "'";
        refuse_pickle(PickleWriter().global(module, name).text("touch /tmp/purnet-was-here").op(0x85).op('R').stop(), part);
        refuse_pickle(PickleWriter().text(module).text(name).op(0x93).text("x").op(0x85).op('R').stop(), part);  // STACK_GLOBAL
        // beside a good state dict, and inside the persistent id of a storage
        PickleWriter beside;
        put_state_dict(beside.op('}').text("state_dict"), {{"w", "FloatStorage", "0", 6, 0, {6}, {1}}}, false).op('s');
        refuse_pickle(beside.text("x").global(module, name).text("y").op(0x85).op('R').op('s').stop(), part);
        refuse_pickle(PickleWriter().op('(').text("storage").global(module, name).text("0").text("cpu").integer(6).op('t').op('Q').stop(),
                      part);
    }
    // Instructions that would make objects of a class by other ways.
    refuse_pickle(PickleWriter().op('(').raw("ios\nsystem\n").stop(), "the instruction");
    refuse_pickle(PickleWriter().op('(').text("x").op('o').stop(), "the instruction 111");
    refuse_pickle(PickleWriter().op(0x82).op(1).stop(), "the instruction 130");
    refuse_pickle(PickleWriter().raw("P0\n").stop(), "the instruction 80");
}

TEST_CASE("pth: pickles that are no good pickles") {
    const auto tuple_args = [](PickleWriter& out) -> PickleWriter& { return out.global("torch._utils", "_rebuild_tensor_v2").op('('); };
    PickleWriter few, no_storage;
    refuse_pickle(tuple_args(few).op('t').op('R').stop(), "too few arguments");
    refuse_pickle(tuple_args(no_storage).integer(1).integer(0).integers({1}).integers({1}).op('t').op('R').stop(), "no storage");
    refuse_pickle(PickleWriter().stop(), "does not hold exactly one value");
    refuse_pickle(PickleWriter().op('N').op('N').stop(), "does not hold exactly one value");
    refuse_pickle(PickleWriter().op('N').op('(').stop(), "does not hold exactly one value");
    refuse_pickle(PickleWriter().op('0').stop(), "empty stack");
    refuse_pickle(PickleWriter().op('N').op('(').op('0').stop(), "empty stack");
    refuse_pickle(PickleWriter().op('t').stop(), "closes a mark that was not set");
    refuse_pickle(PickleWriter().get(3).stop(), "recalls value 3");
    refuse_pickle(PickleWriter().op('N').op('N').op('a').stop(), "appends to something that is no list");
    refuse_pickle(PickleWriter().op('N').op('N').op('N').op('s').stop(), "no dictionary");
    refuse_pickle(PickleWriter().op('}').op('(').op('N').op('u').stop(), "a key without a value");
    refuse_pickle(PickleWriter().op('N').op(')').op('R').stop(), "calls something that is no function");
    refuse_pickle(PickleWriter().global("torch", "FloatStorage").op(')').op('R').stop(), "which is no function");
    refuse_pickle(PickleWriter().op('N').op('N').op('b').stop(), "sets attributes");
    refuse_pickle(PickleWriter().text("module").op('Q').stop(), "outside of it that is no storage");
    refuse_pickle(PickleWriter().op(0x80).op(9).op('N').stop(), "unknown protocol 9");
    refuse_pickle(PickleWriter().op('N').stop(), "holds no dictionary of tensors");
}

TEST_CASE("pth: pickles that would fill memory or time") {
    // a million marks; a text of 4 GB in 20 bytes; 8 EB; a number of 2 GB
    refuse_pickle(PickleWriter().raw(std::string(1'000'000, '(')).stop(), "more than 10000 marks");
    refuse_pickle(PickleWriter().raw("X\xff\xff\xff\xff").raw("abc").stop(), "");
    REFUSED(decode(test::zip_pth(PickleWriter().raw("X\xff\xff\xff\xff").stop(), {})), "ends too early");
    REFUSED(decode(test::zip_pth(PickleWriter().raw("\x8d\xff\xff\xff\xff\xff\xff\xff\x7f").stop(), {})), "ends too early");
    REFUSED(decode(test::zip_pth(PickleWriter().raw("\x8b\xff\xff\xff\x7f").stop(), {})), "ends too early");
    refuse_pickle(PickleWriter().raw(std::string(600'000, 'N')).stop(), "more than 500000 values");
    refuse_pickle(PickleWriter().op('N').raw(std::string(600'000, '2')).stop(), "stacks more than 500000 values");
    // the same list of 1000 pairs made into a dictionary again and again
    PickleWriter copies;
    copies.op('N').op('N').op(0x86).put(0).op('0').op(']').op('(');
    for (int i = 0; i < 1000; ++i) copies.get(0);
    copies.op('e').put(1).op('0').global("collections", "OrderedDict").put(2).op('0').op('(');
    for (int i = 0; i < 2000; ++i) copies.get(2).get(1).op(0x85).op('R');
    refuse_pickle(copies.op('t').stop(), "copies more than 500000 values");
    // a dictionary that holds itself under every name that is searched
    PickleWriter cycle;
    cycle.op('}').put(0).op('(').text("state_dict").get(0).text("model").get(0);
    refuse_pickle(cycle.op('u').stop(), "no dictionary of tensors near its top");
    // a dictionary of 100,000 entries that are all one dictionary of 100,000 entries
    PickleWriter square;
    square.op('}').put(0).op('(');
    for (int i = 0; i < 100'000; ++i) square.op('U').op(0).op('N');
    square.op('u').op('0').op('}').op('(').op('U').op(0).put(1).get(0);
    for (int i = 0; i < 100'000; ++i) square.get(1).get(0);
    refuse_pickle(square.op('u').stop(), "holds no tensors");
    // lists inside lists, and calls inside calls, a hundred thousand deep: nothing here recurses
    PickleWriter deep;
    deep.raw(std::string(100'000, ']'));
    deep.raw(std::string(99'999, 'a'));
    refuse_pickle(deep.stop(), "holds no dictionary of tensors");
    PickleWriter rebuild;
    rebuild.global("torch._tensor", "_rebuild_from_type_v2").put(0).op('N').op(')').op(0x87).get(0).op('N');
    refuse_pickle(rebuild.stop(), "");
}

TEST_CASE("pth: calls inside calls do not recurse") {
    PickleWriter out;
    out.global("torch._tensor", "_rebuild_from_type_v2").put(0).op('N').op(')').op(0x87).put(1).op('0');
    out.get(0).get(0).op('N').get(1).op(0x87).op('R');
    refuse_pickle(out.stop(), "makes a tensor by something that makes none");
}

TEST_CASE("pth: tensors that reach outside their storage are refused") {
    const auto refuse = [](const SampleTensor& tensor, const std::string& part, const ByteVector& storage = six) {
        REFUSED(decode(test::zip_pth(test::state_dict_pickle({tensor}, false), {{"0", storage}})), part);
        REFUSED(decode(test::legacy_pth(test::state_dict_pickle({tensor}, true), {{"0", storage}}, {tensor.count})), part);
    };
    constexpr int64_t huge = int64_t{1} << 61, most = INT64_MAX;
    refuse({"w", "FloatStorage", "0", 6, 0, {7}, {1}}, "reaches outside of its storage of 6 elements");
    refuse({"w", "FloatStorage", "0", 6, 1, {2, 3}, {3, 1}}, "reaches outside");
    refuse({"w", "FloatStorage", "0", 6, 6, {}, {}}, "reaches outside");
    refuse({"w", "FloatStorage", "0", 6, most, {1}, {1}}, "reaches outside");
    refuse({"w", "FloatStorage", "0", 6, most, {2}, {most}}, "reaches outside");
    refuse({"w", "FloatStorage", "0", 6, 0, {2}, {most}}, "reaches outside");
    refuse({"w", "FloatStorage", "0", 6, 0, {3, 3}, {most / 2, most / 2}}, "reaches outside");
    refuse({"w", "FloatStorage", "0", 6, -1, {1}, {1}}, "negative offset");
    refuse({"w", "FloatStorage", "0", 6, 0, {-1}, {1}}, "negative size or stride");
    refuse({"w", "FloatStorage", "0", 6, 5, {2}, {-1}}, "negative size or stride");
    refuse({"w", "FloatStorage", "0", 6, 0, {2}, {1, 1}}, "another number of strides");
    refuse({"w", "FloatStorage", "0", 6, 0, std::vector<int64_t>(33, 1), std::vector<int64_t>(33, 1)}, "33 dimensions");
    refuse({"w", "FloatStorage", "0", 6, 0, {huge, huge}, {0, 0}}, "more than 2^62 bytes");
    refuse({"w", "FloatStorage", "0", 6, 0, {1 << 20}, {0}}, "a file of this size does not justify");
    refuse({"w", "FloatStorage", "0", most, 0, {1}, {1}}, "a storage of 9223372036854775807 elements");
    refuse({"w", "FloatStorage", "0", -6, 0, {1}, {1}}, "a storage of -6 elements");
    refuse({"w", "FloatStorage", "0", huge / 4, 0, {1}, {1}}, "storage '0'");
}

TEST_CASE("pth: many tensors over one small storage can't fill memory together") {
    std::vector<SampleTensor> tensors;
    for (int i = 0; i < 40; ++i) tensors.push_back({"w" + std::to_string(i), "FloatStorage", "0", 6, 0, {1 << 15}, {0}});
    REFUSED(decode(test::zip_pth(test::state_dict_pickle(tensors, false), {{"0", six}})), "a file of this size does not justify");
}

TEST_CASE("pth: storages that do not fit are refused") {
    const SampleTensor tensor{"w", "FloatStorage", "0", 6, 0, {6}, {1}};
    const auto zip = test::state_dict_pickle({tensor}, false), legacy = test::state_dict_pickle({tensor}, true);
    REFUSED(decode(test::zip_pth(zip, {})), "the bytes of storage '0' are missing");
    REFUSED(decode(test::zip_pth(zip, {{"0", {1, 2, 3}}})), "storage '0' has 3 bytes, but its pickle says 24");
    REFUSED(decode(test::legacy_pth(legacy, {}, {})), "the bytes of storage '0' are missing");
    REFUSED(decode(test::legacy_pth(legacy, {{"0", six}}, {5})), "storage '0' has 5 elements, but its pickle says 6");
    REFUSED(decode(test::legacy_pth(legacy, {{"1", six}}, {6})), "a storage '1' that nothing refers to");
    REFUSED(decode(test::legacy_pth(legacy, {{"0", six}, {"0", six}}, {6, 6})), "two storages '0'");
    REFUSED(decode(test::legacy_pth(legacy, {{"0", {1, 2, 3}}}, {6})), "needs 24 bytes, but 3 are left");
    auto longer = test::legacy_pth(legacy, {{"0", six}}, {6});
    longer.push_back(0);
    REFUSED(decode(longer), "1 bytes follow the last storage");
    const auto twice = test::state_dict_pickle({tensor, {"v", "LongStorage", "0", 6, 0, {1}, {1}}}, false);
    REFUSED(decode(test::zip_pth(twice, {{"0", six}})), "describes the storage '0' in two ways");
    const auto doubled = test::state_dict_pickle({tensor, tensor}, false);
    REFUSED(decode(test::zip_pth(doubled, {{"0", six}})), "two tensors named 'w'");
}

TEST_CASE("pth: every truncation of either form is an error of one sentence") {
    const SampleTensor tensor{"w", "FloatStorage", "0", 6, 0, {6}, {1}};
    for (const ByteVector& whole : {test::zip_pth(test::state_dict_pickle({tensor}, false), {{"0", six}}),
                                    test::zip_pth(test::state_dict_pickle({tensor}, false), {{"0", six}}, true),
                                    test::legacy_pth(test::state_dict_pickle({tensor}, true), {{"0", six}}, {6})}) {
        REQUIRE(decode(whole).size() == 1);
        for (size_t length = 0; length < whole.size(); ++length) {
            const ByteVector part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
            const std::string message = test::message_of([&] { decode(part); });
            CAPTURE(length);
            REQUIRE(message.starts_with("test.pth: "));
        }
    }
}

TEST_CASE("pth: files of another byte order or kind are refused") {
    const auto pickle = test::state_dict_pickle({{"w", "FloatStorage", "0", 6, 0, {6}, {1}}}, false);
    auto entries = test::pth_entries(pickle, {{"0", six}});
    entries[1].second = {'b', 'i', 'g'};
    REFUSED(decode(test::zip_file(entries)), "big-endian");
    entries.erase(entries.begin() + 1);
    CHECK(decode(test::zip_file(entries)).size() == 1);
    auto script = entries;
    script.emplace_back("archive/constants.pkl", ByteVector{});
    REFUSED(decode(test::zip_file(script)), "a TorchScript program");
    auto second = entries;
    second.emplace_back("other/data.pkl", pickle);
    REFUSED(decode(test::zip_file(second)), "two checkpoints");
    REFUSED(decode(test::zip_file({{"a.npy", six}})), "not a weights file: it is a zip file without the data.pkl");
}
