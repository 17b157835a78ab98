// What kernels other than convolutions move, and which turns of shared memory they take.
//
// Numbers are formulas of how a kernel walks its operands, by what its header says. Those above 1 that come again and again:
//   - of columns (kernels/tile/columns.h): parameters lie at any address, so that a thread reads a vector's constants one by one, and the
//     lanes of one such request, a vector apart, meet every sector that the whole vector's would (`apart`);
//   - the sums of columns go to shared memory element by element in the source, a vector apart (`apart` turns). In nvcc's code they are
//     vectors (st.shared.v4), which take one turn in float32 and two in bf16;
//   - rows that are no whole sectors (`ragged`), which no network of ours has: those of the records do.
#include "tests/emulator/costs.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "kernels/binary/binary.h"
#include "kernels/overlap/overlap.h"
#include "kernels/pool/pool.h"
#include "kernels/record/record.h"
#include "kernels/resize/resize.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/structural/structural.h"
#include "tests/records/walk.h"

namespace purnet::test {
namespace {

constexpr Context on_device{{DeviceType::cuda, 0}, nullptr};
constexpr DType types[] = {DType::f32, DType::bf16};

double bytes_of(DType type) { return static_cast<double>(size_of(type)); }
// Elements of 16 bytes: what a lane moves at once, and how far neighbouring lanes' elements of one index lie apart.
double apart(DType type) { return 16 / bytes_of(type); }

// Values in [-1, 1], or in [0, 1] where the operand is to have no negative ones; labels and bytes in turn.
void fill(const record::Operand& operand, DType type, char* at) {
    for (int64_t i = 0; i < operand.count(); ++i) {
        float v = static_cast<float>(i * 17 % 61) / 30.0f - 1.0f;
        if (operand.fill != record::Fill::any) v = std::fabs(v);
        if (type == DType::f32) reinterpret_cast<float*>(at)[i] = v;
        if (type == DType::bf16) reinterpret_cast<bf16*>(at)[i] = bf16(v);
        if (type == DType::i32) reinterpret_cast<int32_t*>(at)[i] = static_cast<int32_t>(i % std::max<int64_t>(operand.limit, 1));
        if (type == DType::u8) at[i] = static_cast<char>(i % 251);
    }
}

// The sums of columns on their way to shared memory, which nothing else there costs more than a turn.
std::vector<Apart> sums_of_columns(DType type) { return {{"tile/columns.h", true, apart(type)}}; }

// Once each, and what is left over behind the vectors of `vector` elements once more where it begins within a sector.
double with_rest(int64_t count, int64_t vector, int64_t element) {
    return 1 + (count % vector != 0 && (count - count % vector) * element % 32 != 0) / std::ceil(static_cast<double>(count * element) / 32);
}

// A direction of a case of a record, by its name: "op.direction.case".
void check_record(const std::string& name, DType dtype, const Movement& wanted) {
    for (const record::OpRecord& op : record::all()) {
        if (name.compare(0, op.name.size() + 1, op.name + ".") != 0) continue;
        for (const record::Case& c : op.cases())
            for (const record::Direction& direction : c.directions) {
                if (full_name(op, direction, c) != name) continue;
                Arrays arrays;
                record::Pointers pointers;
                std::vector<std::unique_ptr<DeviceArray<char>>> workspaces;
                for (const record::Operand& operand : direction.operands) {
                    const DType type = operand.dtype(dtype);
                    const size_t bytes = static_cast<size_t>(operand.count()) * size_of(type);
                    if (operand.role == record::Role::workspace) {
                        workspaces.push_back(std::make_unique<DeviceArray<char>>(bytes));
                        pointers.push_back(workspaces.back()->get());
                    } else {
                        pointers.push_back(arrays.add(operand.name, bytes));
                        fill(operand, type, static_cast<char*>(pointers.back()));
                    }
                }
                arrays.check(concat(name, " ", name_of(dtype)), wanted, [&] {
                    direction.run({DeviceType::cuda, dtype}, pointers, on_device);
                });
                return;
            }
    }
    FAIL("no record ", name);
}

}  // namespace

TEST_CASE("costs: elementwise kernels move each element once") {
    for (const DType type : types) {
        check_record("add.forward.n1000", type, {{{"a", 1}, {"b", 1}, {"y", 0, 1}}});
        check_record("activation.forward.relu n100003", type, {{{"x", 1}, {"y", 0, 1}}});
        check_record("activation.backward.relu n100003", type, {{{"y", 1}, {"dy", 1}, {"dx", 0, 1}}});
        check_record("activation.backward.prelu n100003", type, {{{"x", 1}, {"dy", 1}, {"dx", 0, 1}}, 1, 1});  // with the slope's sum
        check_record("rectify.forward.n2048 scale100", type, {{{"x", 1}, {"e", 1}, {"y", 0, 1}}});
        check_record("rectify.backward.n2048 scale100", type, {{{"x", 1}, {"e", 1}, {"dy", 1}, {"dx", 0, 1}, {"de", 0, 1}}});
    }
    for (const char* guarded : {"", "_guarded"}) {
        check_record(concat("optimiser.sgd", guarded, ".n4104"), DType::f32, {{{"g", 1}, {"v", 1, 1}, {"p", 1, 1}}});
        check_record(concat("optimiser.adamw", guarded, ".n4104"), DType::f32, {{{"g", 1}, {"m", 1, 1}, {"s", 1, 1}, {"p", 1, 1}}});
    }
    check_record("optimiser.ema.n4104", DType::f32, {{{"p", 1}, {"a", 1, 1}}});
    check_record("optimiser.restore.n4104", DType::f32, {{{"w", 1}, {"p", 1, 1}}});
    const auto vectors_of_4 = [](int64_t element) { return with_rest(10007, 4, element); };
    check_record("round_bf16.forward.n10007", DType::bf16, {{{"x", vectors_of_4(4)}, {"y", 0, vectors_of_4(2)}}});
}

// Of eight elements in bf16 a lane writes two words of four bytes, neighbours of which are eight bytes apart.
TEST_CASE("costs: quantising reads each element once and writes a sector for each word of a lane") {
    for (const DType type : types) {
        const int64_t vector = static_cast<int64_t>(apart(type)), words = vector / 4;
        const double y = static_cast<double>(words) + (with_rest(10007, vector, 1) - 1);
        check_record("quantise.forward.n10007 scale0.015625 zero127", type,
                     {{{"x", with_rest(10007, vector, static_cast<int64_t>(size_of(type)))}, {"y", 0, y}}, static_cast<double>(words)});
    }
}

// A block's warps leave one word of shared memory each. Behind the vectors that are spread three elements follow, by one lane.
TEST_CASE("costs: sums of a buffer read it once") {
    for (const DType type : types)
        for (const char* direction : {"sum", "squared_norm", "all_finite"})
            check_record(concat("reduce.", direction, ".n100003"), type, {{{"x", 1}}, 1, 1});
    for (const DType type : types)
        check_record("reduce.spread.n100003", type, {{{"dx", 0, 1 + 2 / std::ceil(100003 * bytes_of(type) / 32)}}});
}

// A product's gradients need both operands: dy is read for each of the two. An operand of channels is read element by element, a vector
// apart, so that 8 lanes ask for the four sectors of all their channels each time; its gradient is a sum of columns.
TEST_CASE("costs: binary operations read each operand once, and the gradient twice") {
    for (const DType type : types) {
        const double once = with_rest(5 * 431 * 17, static_cast<int64_t>(apart(type)), static_cast<int64_t>(size_of(type)));
        check_record("binary.forward.mul same n5 r431 c17", type, {{{"a", once}, {"b", once}, {"y", 0, once}}});
        check_record("binary.backward.mul same n5 r431 c17", type,
                     {{{"a", once}, {"b", once}, {"dy", 2 * once}, {"da", 0, once}, {"db", 0, once}}});
        check_record("binary.forward.sub scalar n5 r431 c17", type, {{{"a", once}, {"y", 0, once}}});
        check_record("binary.backward.mul scalar n5 r431 c17", type, {{{"a", once}, {"dy", 2 * once}, {"da", 0, once}}, 1, 1});
        const binary::Problem p{binary::Operation::mul, binary::Broadcast::channel, 2, 64, 64};
        Arrays arrays;
        void* a = arrays.add("a", 128 * 64 * size_of(type));
        void* dy = arrays.add("dy", 128 * 64 * size_of(type));
        void* y = arrays.add("y", 128 * 64 * size_of(type));
        void* b = arrays.add("b", 64 * size_of(type));
        void* db = arrays.add("db", 64 * size_of(type));
        const DeviceArray<char> workspace(binary::workspace_bytes(p));
        const binary::Kernels& kernels = *binary::table().find({DeviceType::cuda, type});
        const double b_times = 128 / 4 / 2 * apart(type);  // two blocks of 64 rows, four of which are a warp's
        arrays.check(concat("binary by channel ", name_of(type)), {{{"a", 1}, {"dy"}, {"y", 0, 1}, {"b", b_times}}, 4},
                     [&] { kernels.forward(p, a, b, y, on_device); });
        arrays.check(concat("binary by channel, backward ", name_of(type)),
                     {{{"a", 1}, {"dy", 2}, {"y", 0, 1}, {"b", b_times}, {"db", 0, 1}}, 4, 1, 0, sums_of_columns(type)},
                     [&] { kernels.backward(p, a, b, dy, y, db, workspace.get(), on_device); });
    }
}

// The sums, then the gradient. In bf16 a lane's eight gradients in float32 are two vectors, neighbours of which lie 32 bytes apart.
TEST_CASE("costs: the overlap loss reads its operands twice") {
    for (const DType type : types) {
        const overlap::Problem p{.images = 1, .pixels = 8192};
        Arrays arrays;
        void* z = arrays.add("z", 8192 * size_of(type));
        void* g = arrays.add("g", 8192 * size_of(type));
        void* dz = arrays.add("dz", 8192 * sizeof(float));
        const DeviceArray<float> loss(1);
        const DeviceArray<char> workspace(overlap::workspace_bytes(p));
        const double vectors = apart(type) / 4;
        arrays.check(concat("overlap ", name_of(type)), {{{"z", 2}, {"g", 2}, {"dz", 0, vectors}}, vectors, 1}, [&] {
            overlap::table().find({DeviceType::cuda, type})->forward(p, z, g, loss.get(), dz, workspace.get(), on_device);
        });
    }
}

// Blocks begin where a grid cuts the sum, within a sector or not: up to a sector more for each.
TEST_CASE("costs: losses read each operand once and write each gradient once") {
    constexpr double cuts = 0.002;
    for (const DType type : types) {
        const auto check = [&](const char* name, const std::vector<Times>& times) {
            check_record(name, type, {.arrays = times, .turns = 1, .slack = cuts});
        };
        check("bce.forward.n10007 flowing clamp scale20", {{"z", 1}, {"g", 1}, {"ze", 1}});
        check("bce.backward.n10007 flowing clamp scale20", {{"z", 1}, {"g", 1}, {"ze", 1}, {"dz", 0, 1}, {"dze", 0, 1}});
        check("error_loss.forward.bce n10007 scale12", {{"ze", 1}, {"zo", 1}, {"g", 1}});
        check("error_loss.backward.bce n10007 scale12", {{"ze", 1}, {"zo", 1}, {"g", 1}, {"dze", 0, 1}});
        check("error_loss.entropy.bce n10007 scale12", {{"zo", 1}, {"g", 1}});
    }
}

// The passes of docs/gpu.md, "What is predicted": statistics read x once, the map reads and writes each operand once, the backward
// reads all of them twice, for its sums and for the gradients.
TEST_CASE("costs: batch norm passes over its maps as often as docs/gpu.md says") {
    for (const DType type : types) {
        const double v = apart(type);
        const std::vector<Apart> sums = sums_of_columns(type);
        // Each warp of the statistics reads the shift, the first row of its tile, a line of 128 bytes; so does finish.
        const auto with_shift = [&](double rows, double columns) {
            const double tiles = std::ceil(columns * bytes_of(type) / 128),
                         chunks = static_cast<double>(row_chunks(static_cast<int64_t>(rows), static_cast<int64_t>(columns)));
            return (tiles * chunks * 8 * 4 + tiles * 4) / (rows * columns * bytes_of(type) / 32);
        };
        check_record("batch_norm.forward.training relu r64 c64", type, {{{"x", 2 + with_shift(64, 64)}, {"y", 0, 1}}, v, 1, 0, sums});
        check_record("batch_norm.apply.training relu r64 c64", type, {{{"x", 1}, {"y", 0, 1}}, v});
        check_record("batch_norm.backward.training relu r64 c64", type, {{{"x", 2}, {"dy", 2}, {"dx", 0, 1}}, v, 1, 0, sums});
        check_record("batch_norm.apply.fixed prelu after r64 c64", type, {{{"x", 1}, {"after", 1}, {"y", 0, 1}}, v});
        check_record("batch_norm.backward.fixed relu before r300 c64", type,
                     {{{"x", 2}, {"dy", 2}, {"before", 2}, {"dx", 0, 1}, {"dbefore", 0, 1}}, v, 1, 0, sums});
    }
}

// 64 rows of 40 channels, in bf16 80 bytes, are one part. Of its three planes, 160 bytes each, 8 warps read the shift, which is the first,
// one reads all three, and finish the first: 4 times what there is.
TEST_CASE("costs: batch norm from moments reads its map once") {
    for (const DType type : types) {
        const double tiles = std::ceil(40 * bytes_of(type) / 128);
        check_record("batch_norm.forward_from_moments.training relu r64 c40", type,
                     {{{"x", 1}, {"y", 0, 1}, {"moments", (8 + 3 + 1) / 3.0}}, 40 * 4 / 32 / tiles, 1, 0, sums_of_columns(DType::f32)});
    }
}

// 192 rows of 40 channels: three parts. Constants in float32 as above; the means of the sums are doubles, of which a tile of 32 columns
// and one of 8 ask for 10 sectors where three would do, one of 40 for 5 and not for two.
TEST_CASE("costs: batch norm backward from sums reads its maps once") {
    for (const DType type : types) {
        const double constants = type == DType::f32 ? 10 / 3.0 : 5;
        check_record("batch_norm.backward_from_sums.training relu6 r192 c40", type,
                     {{{"x", 1}, {"dy", 1}, {"sums", 1}, {"dx", 0, 1}}, constants, 1, 0, sums_of_columns(DType::f32)});
    }
}

// Maps of 64 rows of 72 columns: tiles of 32 (float32) or 64 columns and one of 8, in bf16 rows of 144 bytes.
TEST_CASE("costs: softmax over pixels and promotion read f twice, for the statistics and for the map") {
    for (const DType type : types) {
        const double row = type == DType::bf16 ? ragged(64, 144, 128) : 1;
        const std::vector<Apart> sums = sums_of_columns(type), statistics{{"column_softmax.h", true, apart(type)}};
        const double tiles = std::ceil(72 * bytes_of(type) / 128), constants = 72 * 4 / 32 / tiles;  // a request for each tile
        check_record("softmax.forward.o1 l64 i72 scale1", type, {{{"x", 2 * row}, {"y", 0, row}}, constants, 1, 0, statistics});
        check_record("softmax.backward.o1 l64 i72 scale1", type,
                     {{{"y", 2 * row}, {"dy", 2 * row}, {"dx", 0, row}}, constants, 1, 0, sums});
        check_record("promotion.forward.n1 r64 c72 gain1 scale1", type,
                     {{{"target", row}, {"f", 2 * row}, {"y", 0, row}}, constants, 1, 0, statistics});
        check_record("promotion.backward.n1 r64 c72 gain1 scale1", type,
                     {{{"target", 2 * row}, {"f", 2 * row}, {"dy", 2 * row}, {"dtarget", 0, row}, {"df", 0, row}}, constants, 1, 0, sums});
        check_record("promotion.attention.n1 r64 c72 gain1 scale1", type,
                     {{{"f", 2 * row}, {"attention", 0, row}}, constants, 1, 0, statistics});
        // The global mean has no constants; its gradient has those of dy, in its type.
        check_record("pool.global.global n1 r64 c72", type, {{{"x", row}}, row, 1, 0, sums});
        check_record("pool.global_backward.global n1 r64 c72", type, {{{"dx", 0, row}}, any});
    }
}

// A warp a row, its lanes side by side, an element each: requests of 32 elements.
TEST_CASE("costs: softmax over channels reads a row once for its maximum and sum and once for the result") {
    for (const DType type : types) {
        const int element = static_cast<int>(size_of(type));
        const double row = ragged(7, 1000 * element, 32 * element), most = type == DType::bf16 ? any : 1;
        check_record("softmax.forward.o7 l1000 i1 scale1", type, {{{"x", 2 * row}, {"y", 0, row}}, most});
        check_record("softmax.backward.o7 l1000 i1 scale1", type, {{{"y", 2 * row}, {"dy", 2 * row}, {"dx", 0, row}}, most});
    }
}

// Rows of 24 elements from parts of 8 and 16: in bf16 of 16 and 32 bytes, half of the latter across a border of sectors.
TEST_CASE("costs: concat reads and writes each element once") {
    for (const DType type : types) {
        const double row = type == DType::bf16 ? 2.5 / 1.5 : 1;
        check_record("concat.forward.r200 c8 c16", type, {{{"part0", 1}, {"part1", 1}, {"y", 0, row}}, row});
        check_record("concat.backward.r200 c8 c16", type, {{{"dy", row}, {"dpart0", 0, 1}, {"dpart1", 0, 1}}, row});
    }
}

// A vector of bytes is two words in the emulator's code where it is 8 bytes long and one load in nvcc's, so that in bf16 sectors
// are counted twice. The look-ups in shared memory fall on the banks as the picture has it.
TEST_CASE("costs: normalising reads each byte once and writes each element once") {
    for (const DType type : types) {
        const double words = type == DType::bf16 ? 2 : 1;
        check_record("normalise.forward.n10007 c3 scale255", type,
                     {.arrays = {{"x", words}, {"y", 0, 1}}, .sectors = words, .turns = any, .slack = 0.002});
    }
}

// Colours are read and written channel by channel, three times the same sectors, which the first cache has. Where a change warps, four
// pixels are read for one, and as the picture is turned.
TEST_CASE("costs: augmenting reads and writes each byte of mask and labels once, those of the picture a channel at a time") {
    check_record("augment.forward.n2 h13 w64 oh13 ow64 still", DType::f32,
                 {{{"rgb", 3}, {"out_rgb", 0, 3}, {"mask", 1}, {"out_mask", 0, 1}, {"labels", 1}, {"out_labels", 0, 1}}, any});
}

// Sectors of x that the lanes of a warp, 32 samples of a row of the result, ask for in a row of their sums: those of one weight each time.
double horizontal_sectors(int64_t h, int64_t in, int64_t channels, int64_t out) {
    const double scale = static_cast<double>(in) / static_cast<double>(out), stretch = std::max(scale, 1.0);
    double touched = 0;
    for (int64_t row = 0; row < h; ++row)
        for (int64_t first = 0; first < out * channels; first += 32)
            for (int64_t t = 0, more = 1; more; ++t) {
                more = 0;
                std::set<int64_t> sectors;
                for (int64_t at = first; at < std::min(first + 32, out * channels); ++at) {
                    const double centre = (static_cast<double>(at / channels) + 0.5) * scale;
                    const int64_t low = std::max<int64_t>(static_cast<int64_t>(centre - stretch + 0.5), 0);
                    const int64_t high = std::min(static_cast<int64_t>(centre + stretch + 0.5), in);
                    if (low + t < high) sectors.insert(((row * in + low + t) * channels + at % channels) / 32);
                }
                touched += static_cast<double>(sectors.size());
                more = !sectors.empty();
            }
    return touched;
}

// Bytes are read one by one, each time those of one weight: neighbours come from the first cache. What is written is vectors of 16 bytes,
// four words in the emulator's code.
TEST_CASE("costs: resizing a picture") {
    check_record("resize_picture.forward.h37 w53 c3 oh20 ow32", DType::f32,
                 {{{"x", horizontal_sectors(37, 53, 3, 32) / std::ceil(37 * 53 * 3 / 32.0)}, {"y", 0, 4}}, any});
}

// 256 channels, so that the lanes of a request lie on one pixel. Along an axis from 3 to 6: of each output two inputs are read, whatever
// their weight; the backward asks the outputs 0 to 2, 1 to 4 and 3 to 5.
TEST_CASE("costs: resizing reads four places for an element, and backward those that read it") {
    for (const DType type : types) {
        const resize::Problem p{.n = 1, .h = 3, .w = 3, .c = 256, .out_h = 6, .out_w = 6};
        Arrays arrays;
        void* x = arrays.add("x", 9 * 256 * size_of(type));
        void* y = arrays.add("y", 36 * 256 * size_of(type));
        const resize::Kernels& kernels = *resize::table().find({DeviceType::cuda, type});
        arrays.check(concat("resize forward ", name_of(type)), {{{"x", 4.0 * 36 / 9}, {"y", 0, 1}}},
                     [&] { kernels.forward(p, x, y, nullptr, on_device); });
        arrays.check(concat("resize backward ", name_of(type)), {{{"y", 10.0 * 10 / 36}, {"x", 0, 1}}},
                     [&] { kernels.backward(p, y, x, nullptr, on_device); });
    }
}

// 256 channels, again. From 6 to 3 by windows of three in steps of two and a pad of one: 8 pairs of a window and a place along an axis.
TEST_CASE("costs: pooling reads a place as often as windows cover it") {
    for (const DType type : types) {
        const pool::Problem p{.n = 1, .h = 6, .w = 6, .c = 256, .out_h = 3, .out_w = 3, .kernel = 3, .stride = 2, .top = 1, .left = 1};
        Arrays arrays;
        void* x = arrays.add("x", 36 * 256 * size_of(type));
        void* y = arrays.add("y", 9 * 256 * size_of(type));
        auto* tap = static_cast<uint8_t*>(arrays.add("tap", 9 * 256));
        const pool::Kernels& kernels = *pool::table().find({DeviceType::cuda, type});
        const double pairs = 8 * 8, forward = pairs / 36, backward = pairs / 9;
        const double words = apart(type) / 4;  // of taps: four bytes each, in bf16 two a lane that lie side by side
        const std::string what = concat("pool ", name_of(type), " ");
        arrays.check(what + "maximum", {.arrays = {{"x", forward}, {"y", 0, 1}, {"tap", 0, words}}, .sectors = words},
                     [&] { kernels.maximum(p, x, y, tap, on_device); });
        arrays.check(what + "maximum, backward", {.arrays = {{"y", backward}, {"tap", words * backward}, {"x", 0, 1}}, .sectors = words},
                     [&] { kernels.maximum_backward(p, tap, y, x, on_device); });
        arrays.check(what + "average", {{{"x", forward}, {"y", 0, 1}, {"tap"}}}, [&] { kernels.average(p, x, y, on_device); });
        arrays.check(what + "average, backward", {{{"y", backward}, {"x", 0, 1}, {"tap"}}},
                     [&] { kernels.average_backward(p, y, x, on_device); });
    }
}

// Segments of 16 pixels, each of another region. Labels are read for their largest, with the sums, and by the gradient. A row of pairs
// leaves out its own region, whereupon the monitor pairs that lane with what the others read next.
TEST_CASE("costs: the structural loss reads z twice, g once and labels three times") {
    for (const DType type : types) {
        const structural::Problem p{.images = 1, .pixels = 1024};
        Arrays arrays;
        void* z = arrays.add("z", 1024 * size_of(type));
        void* g = arrays.add("g", 1024 * size_of(type));
        auto* labels = static_cast<int32_t*>(arrays.add("labels", 1024 * sizeof(int32_t)));
        void* dz = arrays.add("dz", 1024 * sizeof(float));
        for (int32_t i = 0; i < 1024; ++i) labels[i] = i % 128;
        const DeviceArray<float> loss(1);
        const DeviceArray<char> workspace(structural::workspace_bytes(p));
        arrays.check(
            concat("structural ", name_of(type)), {.arrays = {{"z", 2}, {"g", 1}, {"labels", 3}, {"dz", 0, 1}}, .sectors = any, .turns = 1},
            [&] {
                structural::table().find({DeviceType::cuda, type})->forward(p, z, g, labels, loss.get(), dz, workspace.get(), on_device);
            });
    }
}

}  // namespace purnet::test
#endif
