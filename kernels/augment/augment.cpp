#include "kernels/augment/augment.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/runtime/parallel.h"

namespace purnet::augment {
namespace {

constexpr int64_t one = int64_t{1} << place_bits, half = one / 2;

void recolour(const Change& change, const uint8_t* from, uint8_t* to, int64_t pixels) {
    const auto moved = [factor = change.saturation](int v, int grey) {
        return static_cast<uint8_t>(std::clamp(grey + (((v - grey) * factor + 512) >> 10), 0, 255));
    };
    for (int64_t i = 0; i < pixels; ++i, from += 3, to += 3) {
        const int r = change.level[from[0]], g = change.level[from[1]], b = change.level[from[2]];
        const int grey = (9798 * r + 19235 * g + 3735 * b + 16384) >> 15;
        to[0] = moved(r, grey);
        to[1] = moved(g, grey);
        to[2] = moved(b, grey);
    }
}

// One picture of a batch, and where its pixels come from.
class Picture {
public:
    Picture(const Problem& p, const uint8_t* change) : h_(p.h), w_(p.w) {
        std::memcpy(&change_, change, sizeof change_);
        if (change_.warps) {
            places_.resize(static_cast<size_t>(h_));
            std::memcpy(places_.data(), change + sizeof change_, places_.size() * sizeof(Place));
        }
        if (change_.flip) {
            first_ = w_ - 1;
            step_ = -1;
        }
    }

    void colours(const uint8_t* rgb, uint8_t* out) const {
        std::vector<uint8_t> recoloured;
        if (change_.recolours && change_.warps) {
            recoloured.resize(static_cast<size_t>(h_ * w_ * 3));
            recolour(change_, rgb, recoloured.data(), h_ * w_);
            rgb = recoloured.data();
        }
        for (int64_t q = 0; q < h_; ++q, out += w_ * 3) {
            if (change_.warps) {
                bilinear_row(rgb, q, out);
                continue;
            }
            const uint8_t* from = rgb + (q * w_ + first_) * 3;
            if (!change_.flip)
                std::memcpy(out, from, static_cast<size_t>(w_) * 3);
            else
                for (int64_t p = 0; p < w_; ++p, from -= 3) std::copy_n(from, 3, out + 3 * p);
            if (change_.recolours) recolour(change_, out, out, w_);
        }
    }

    // Which pixel of the unchanged picture pixel (q, p) shows; -1: none.
    int64_t source_of(int64_t q, int64_t p) const {
        if (!change_.warps) return q * w_ + first_ + p * step_;
        const Place& place = places_[static_cast<size_t>(q)];
        const int64_t x = place.x + p * change_.dx, y = place.y + p * change_.dy;
        return inside(x, y) ? (y >> place_bits) * w_ + first_ + (x >> place_bits) * step_ : -1;
    }

private:
    bool inside(int64_t x, int64_t y) const { return x >= 0 && x < w_ * one && y >= 0 && y < h_ * one; }

    void bilinear_row(const uint8_t* rgb, int64_t q, uint8_t* out) const {
        int64_t x = places_[static_cast<size_t>(q)].x, y = places_[static_cast<size_t>(q)].y;
        for (int64_t p = 0; p < w_; ++p, x += change_.dx, y += change_.dy, out += 3) {
            if (!inside(x, y)) {
                std::fill_n(out, 3, uint8_t{0});
                continue;
            }
            const int64_t px = x - half, py = y - half;  // from the middles of pixels: down to -1/2
            const int64_t left = px >> place_bits, above = py >> place_bits;
            const int fx = static_cast<int>((px >> (place_bits - 8)) & 255), fy = static_cast<int>((py >> (place_bits - 8)) & 255);
            const int64_t x0 = first_ + std::max<int64_t>(left, 0) * step_, x1 = first_ + std::min(left + 1, w_ - 1) * step_;
            const uint8_t* const upper = rgb + std::max<int64_t>(above, 0) * w_ * 3;
            const uint8_t* const lower = rgb + std::min(above + 1, h_ - 1) * w_ * 3;
            for (int64_t c = 0; c < 3; ++c) {
                const int above_it = upper[x0 * 3 + c] * (256 - fx) + upper[x1 * 3 + c] * fx;
                const int below_it = lower[x0 * 3 + c] * (256 - fx) + lower[x1 * 3 + c] * fx;
                out[c] = static_cast<uint8_t>((above_it * (256 - fy) + below_it * fy + (1 << 15)) >> 16);
            }
        }
    }

    int64_t h_, w_;
    Change change_;
    std::vector<Place> places_;
    int64_t first_ = 0, step_ = 1;  // of a row's pixels, mirrored or not
};

void forward(const Problem& p, const uint8_t* rgb, const uint8_t* mask, const uint16_t* labels, const uint8_t* changes, uint8_t* out_rgb,
             uint8_t* out_mask, int32_t* out_labels, const Context&) {
    check(p);
    const int64_t area = p.h * p.w, out_area = p.out_h * p.out_w;
    std::vector<int64_t> column(static_cast<size_t>(p.out_w));
    for (int64_t k = 0; k < p.out_w; ++k) column[static_cast<size_t>(k)] = (2 * k + 1) * p.w / (2 * p.out_w);
    parallel_for(p.images, 1, [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
            const Picture picture(p, changes + static_cast<size_t>(n) * change_bytes(p.h));
            picture.colours(rgb + n * area * 3, out_rgb + n * area * 3);
            for (int64_t j = 0; j < p.out_h; ++j) {
                const int64_t q = (2 * j + 1) * p.h / (2 * p.out_h), to = n * out_area + j * p.out_w;
                for (int64_t k = 0; k < p.out_w; ++k) {
                    const int64_t from = picture.source_of(q, column[static_cast<size_t>(k)]);
                    out_mask[to + k] = from < 0 ? uint8_t{0} : mask[n * area + from];
                    if (labels) out_labels[to + k] = from < 0 ? 0 : labels[n * area + from];
                }
            }
        }
    });
}

}  // namespace

void check(const Problem& p) {
    const auto side = [](int64_t pixels) { return pixels >= 1 && pixels <= 16384; };
    require(side(p.h) && side(p.w) && side(p.out_h) && side(p.out_w) && p.images >= 1 && p.images <= 65535 &&
                p.images * std::max(p.h * p.w, p.out_h * p.out_w) < int64_t{1} << 31,
            "augment: can't take ", p.images, " pictures of ", p.h, " x ", p.w, " to masks of ", p.out_h, " x ", p.out_w);
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("augment", {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>}}});
    return kernels;
}

}  // namespace purnet::augment
