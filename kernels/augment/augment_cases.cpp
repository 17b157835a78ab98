#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/augment/augment.h"
#include "kernels/record/operands.h"
#include "kernels/record/pairwise.h"
#include "kernels/runtime/memory.h"

namespace purnet::augment {
namespace {

using namespace record;

constexpr double unit = 1048576;  // of places, a pixel

// One picture by the contract, pixel by pixel. Every number here is a whole one below 2^53.
class ReferencePicture {
public:
    ReferencePicture(const Problem& p, const uint8_t* change) : h_(p.h), w_(p.w), places_(static_cast<size_t>(p.h)) {
        std::memcpy(&change_, change, sizeof change_);
        std::memcpy(places_.data(), change + sizeof change_, places_.size() * sizeof(Place));
    }

    // The index of M(y, x) in what is given.
    int64_t mirrored(int64_t y, int64_t x) const { return y * w_ + (change_.flip ? w_ - 1 - x : x); }

    bool find(int64_t q, int64_t p, double& x, double& y) const {
        const auto at = static_cast<double>(p);
        x = (at + 0.5) * unit;
        y = (static_cast<double>(q) + 0.5) * unit;
        if (change_.warps) {
            x = static_cast<double>(places_[static_cast<size_t>(q)].x) + at * static_cast<double>(change_.dx);
            y = static_cast<double>(places_[static_cast<size_t>(q)].y) + at * static_cast<double>(change_.dy);
        }
        return !(x < 0 || y < 0 || x >= static_cast<double>(w_) * unit || y >= static_cast<double>(h_) * unit);
    }

    double colour(const uint8_t* pixel, int c) const {
        if (!change_.recolours) return pixel[c];
        const double v[3] = {static_cast<double>(change_.level[pixel[0]]), static_cast<double>(change_.level[pixel[1]]),
                             static_cast<double>(change_.level[pixel[2]])};
        const double grey = std::floor((9798 * v[0] + 19235 * v[1] + 3735 * v[2] + 16384) / 32768);
        return std::clamp(grey + std::floor(((v[c] - grey) * change_.saturation + 512) / 1024), 0.0, 255.0);
    }

    double bilinear(const uint8_t* rgb, double x, double y, int c) const {
        const double left = std::floor(x / unit - 0.5), above = std::floor(y / unit - 0.5);
        const double fx = std::floor((x / unit - 0.5 - left) * 256), fy = std::floor((y / unit - 0.5 - above) * 256);
        const auto value = [&](double column, double row) {
            const auto inside_x = static_cast<int64_t>(std::clamp(column, 0.0, static_cast<double>(w_ - 1)));
            const auto inside_y = static_cast<int64_t>(std::clamp(row, 0.0, static_cast<double>(h_ - 1)));
            return colour(rgb + 3 * mirrored(inside_y, inside_x), c);
        };
        const double sum = value(left, above) * (256 - fx) * (256 - fy) + value(left + 1, above) * fx * (256 - fy) +
                           value(left, above + 1) * (256 - fx) * fy + value(left + 1, above + 1) * fx * fy;
        return std::floor(sum / 65536 + 0.5);
    }

private:
    int64_t h_, w_;
    Change change_;
    std::vector<Place> places_;
};

void reference_forward(const Problem& p, const uint8_t* rgb, const uint8_t* mask, const uint16_t* labels, const uint8_t* changes,
                       uint8_t* out_rgb, uint8_t* out_mask, int32_t* out_labels, const Context&) {
    const int64_t area = p.h * p.w;
    for (int64_t n = 0; n < p.images; ++n, rgb += 3 * area, mask += area, labels += labels ? area : 0) {
        const ReferencePicture picture(p, changes + static_cast<size_t>(n) * change_bytes(p.h));
        double x = 0, y = 0;
        for (int64_t q = 0; q < p.h; ++q)
            for (int64_t c = 0; c < 3 * p.w; ++c)
                *out_rgb++ = picture.find(q, c / 3, x, y) ? static_cast<uint8_t>(picture.bilinear(rgb, x, y, static_cast<int>(c % 3))) : 0;
        for (int64_t j = 0; j < p.out_h; ++j)
            for (int64_t k = 0; k < p.out_w; ++k) {
                const auto shown = [](int64_t i, int64_t in, int64_t out) {
                    return static_cast<int64_t>(
                        std::floor((static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out)));
                };
                const bool inside = picture.find(shown(j, p.h, p.out_h), shown(k, p.w, p.out_w), x, y);
                const int64_t from =
                    inside ? picture.mirrored(static_cast<int64_t>(std::floor(y / unit)), static_cast<int64_t>(std::floor(x / unit))) : 0;
                *out_mask++ = inside ? mask[from] : 0;
                if (labels) *out_labels++ = inside ? labels[from] : 0;
            }
    }
}

// How a case's pictures are turned. `mixed`: another way and other colours for each.
enum Way : int64_t { still, cropped, turned, borders, mixed };
constexpr const char* ways[] = {"still", "cropped", "turned", "borders", "mixed"};

std::vector<uint8_t> change_of(const Problem& p, int64_t way, bool flip, bool recolours, uint64_t number) {
    auto next = [state = number * 2654435761u + 12345]() mutable {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<double>(state >> 11) * 0x1p-53;
    };
    Change change{.flip = flip, .warps = way != still, .recolours = recolours, .saturation = static_cast<int32_t>(2048 * next())};
    for (uint8_t& level : change.level) level = static_cast<uint8_t>(256 * next());
    std::vector<Place> places(static_cast<size_t>(p.h));
    const double h = static_cast<double>(p.h), w = static_cast<double>(p.w);
    double dx = 1, dy = 0, row_x = 0, row_y = 1, x = 0.5, y = 0.5;  // still
    if (way == cropped) {
        dx = 0.7 + 0.3 * next(), row_y = 0.7 + 0.3 * next();
        x = dx / 2 + (1 - dx) * w * next(), y = row_y / 2 + (1 - row_y) * h * next();
    } else if (way == turned) {
        const double angle = 6.28 * next(), scale = 0.4 + next();
        dx = scale * std::cos(angle), dy = scale * std::sin(angle), row_x = -dy, row_y = dx;
        x = w / 2 - dx * (w - 1) / 2 - row_x * (h - 1) / 2, y = h / 2 - dy * (w - 1) / 2 - row_y * (h - 1) / 2;
    }
    const auto fixed = [](double value) { return static_cast<int64_t>(std::llround(value * unit)); };
    change.dx = fixed(dx), change.dy = fixed(dy);
    for (size_t q = 0; q < places.size(); ++q)
        places[q] = {fixed(x + static_cast<double>(q) * row_x), fixed(y + static_cast<double>(q) * row_y)};
    if (way ==
        borders) {  // rows that come from one row each, at the edges of the area and of pixels, and by the least that places can tell off
        const int64_t whole = fixed(1), half = whole / 2, x_of[] = {-whole, -1, 0, 1, half - 1, half, whole - 1, whole, whole + 1},
                      y_of[] = {-1, 0, 1, half - 1, half, fixed(h) - half, fixed(h) - 1, fixed(h), fixed(h) + 1, fixed(h / 2)};
        change.dx = whole, change.dy = 0;
        for (size_t q = 0; q < places.size(); ++q) places[q] = {x_of[q % std::size(x_of)], y_of[q % std::size(y_of)]};
    }
    std::vector<uint8_t> bytes(change_bytes(p.h));
    std::memcpy(bytes.data(), &change, sizeof change);
    std::memcpy(bytes.data() + sizeof change, places.data(), places.size() * sizeof(Place));
    return bytes;
}

struct Form {
    int64_t way = mixed;
    bool flip = false, recolours = false, labels = true;
};

Case make_case(const Problem& p, const Form& form, bool real_layer = false) {
    const auto bytes = [](std::string name, Role role, std::vector<int64_t> shape) {
        return Operand{.name = std::move(name),
                       .role = role,
                       .kind = Kind::uint8,
                       .shape = std::move(shape),
                       .fill = Fill::labels,
                       .limit = 256,
                       .differentiable = false};
    };
    // A change has parts, so numbers drawn byte by byte are none: they are made here, and put there by each run.
    std::vector<uint8_t> changes;
    for (int64_t n = 0; n < p.images; ++n) {
        const bool other = form.way == mixed;
        const std::vector<uint8_t> one = change_of(p, other ? n % mixed : form.way, other ? n % 2 == 1 : form.flip,
                                                   other ? n % 3 > 0 : form.recolours, static_cast<uint64_t>(n + p.h * 31 + p.w));
        changes.insert(changes.end(), one.begin(), one.end());
    }
    Direction forward{.name = "forward",
                      .operands = {bytes("rgb", Role::input, {p.images, p.h, p.w, 3}), bytes("mask", Role::input, {p.images, p.h, p.w}),
                                   workspace(changes.size()), bytes("out_rgb", Role::output, {p.images, p.h, p.w, 3}),
                                   bytes("out_mask", Role::output, {p.images, p.out_h, p.out_w})}};
    if (form.labels) {
        forward.operands.push_back(bytes("labels", Role::input, {p.images, p.h, p.w, 2}));
        forward.operands.push_back({.name = "out_labels",
                                    .role = Role::output,
                                    .kind = Kind::int32,
                                    .shape = {p.images, p.out_h, p.out_w},
                                    .differentiable = false});
    }
    forward.run = [=](Key key, const Pointers& at, const Context& context) {
        copy_bytes(at[2], context.device, changes.data(), Device{}, changes.size());
        table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], form.labels ? at[5] : nullptr, at[2], at[3], at[4],
                                                       form.labels ? at[6] : nullptr, context);
    };
    forward.available = [](Key key) { return table().has(&Kernels::forward, key); };
    const int64_t pixels = p.images * p.h * p.w, out_pixels = p.images * p.out_h * p.out_w;
    forward.flops = 160.0 * static_cast<double>(pixels);
    forward.bytes = static_cast<double>((form.labels ? 9 : 7) * pixels + (form.labels ? 5 : 1) * out_pixels);
    return {.label = concat("n", p.images, " h", p.h, " w", p.w, " oh", p.out_h, " ow", p.out_w, " ", ways[form.way],
                            form.flip ? " flip" : "", form.recolours ? " colours" : "", form.labels ? "" : " unlabelled"),
            .real_layer = real_layer,
            .directions = {std::move(forward)},
            .gradient = false};
}

std::vector<Case> cases() {
    std::vector<Case> list;
    list.push_back(make_case({1, 1, 1, 1, 1}, {.way = cropped, .flip = true, .recolours = true}));
    list.push_back(make_case({2, 13, 64, 13, 64}, {.way = still}));  // a copy
    list.push_back(make_case({9, 17, 65, 17, 65}, {}));              // a block and a pixel more
    list.push_back(make_case({5, 33, 21, 70, 67}, {}));              // masks larger than pictures
    list.push_back(make_case({4, 70, 67, 1, 2}, {}));
    for (const auto& row : pairwise({{still, cropped, turned, borders}, {0, 1}, {0, 1}, {0, 1}, {1, 3}, {1, 31, 64}, {24, 70}, {0, 1}})) {
        Problem p{row[4], row[6], row[5], row[6], row[5]};
        if (row[7]) p.out_h = (p.h + 1) / 2, p.out_w = (p.w * 3 + 3) / 4;
        add_drawn(list, make_case(p, {.way = row[0], .flip = row[1] != 0, .recolours = row[2] != 0, .labels = row[3] != 0}));
    }
    list.push_back(make_case({8, 320, 320, 320, 320}, {.way = turned, .flip = true, .recolours = true}, true));
    list.push_back(make_case({12, 192, 192, 192, 192}, {.way = cropped, .recolours = true}, true));
    return list;
}

const bool registered = [] {
    const char* const why_not = "bytes in, bytes out: the key of float32 alone";
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>});
    return record::add({.name = "augment",
                        .formula = "pictures, masks and region labels with drawn colours, mirrored, turned and cropped, in integers",
                        .cases = cases,
                        .gradient = false,
                        .absent = {{{DeviceType::cpu, DType::bf16}, why_not}, {{DeviceType::cuda, DType::bf16}, why_not}}});
}();

}  // namespace
}  // namespace purnet::augment
