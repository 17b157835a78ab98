#include "data/drawn/drawn.h"

#include <doctest/doctest.h>

#include <cmath>

#include "data/source/dataset.h"
#include "kernels/runtime/error.h"
#include "tests/support/refused.h"
#include "tests/support/temporary_folder.h"

namespace purnet {

TEST_CASE("drawn: a picture is a function of seed, index and size") {
    const DrawnPicture a = draw_picture(1, 5, 64, 48), again = draw_picture(1, 5, 64, 48);
    CHECK(a.rgb == again.rgb);
    CHECK(a.mask == again.mask);
    CHECK((a.rgb.width == 64 && a.rgb.height == 48 && a.mask.channels == 1));
    CHECK(draw_picture(1, 6, 64, 48).rgb != a.rgb);
    CHECK(draw_picture(2, 5, 64, 48).rgb != a.rgb);
}

TEST_CASE("drawn: objects are there, differ from the ground, and vary in size and place") {
    int empty = 0, plain = 0;
    double least = 1, most = 0, leftmost = 1, rightmost = 0;
    const int count = 120, side = 48;
    for (uint64_t i = 0; i < count; ++i) {
        const DrawnPicture picture = draw_picture(3, i, side, side);
        double inside = 0, x_sum = 0;
        double colour[2][3] = {};
        for (int y = 0; y < side; ++y)
            for (int x = 0; x < side; ++x) {
                const uint8_t m = *picture.mask.at(x, y);
                REQUIRE((m == 0 || m == 255));
                inside += m / 255;
                x_sum += m / 255 * x;
                for (int c = 0; c < 3; ++c) colour[m / 255][c] += picture.rgb.at(x, y)[c];
            }
        const double share = inside / (side * side);
        least = std::min(least, share), most = std::max(most, share);
        if (inside == 0) {
            ++empty;
            continue;
        }
        leftmost = std::min(leftmost, x_sum / inside / side), rightmost = std::max(rightmost, x_sum / inside / side);
        double difference = 0;
        for (int c = 0; c < 3; ++c) difference += std::abs(colour[1][c] / inside - colour[0][c] / (side * side - inside));
        plain += difference < 30;
    }
    CHECK(empty == 0);
    CHECK(plain < count / 20);
    CHECK((least < 0.08 && most > 0.25 && most < 0.8));
    CHECK((leftmost < 0.3 && rightmost > 0.7));
}

TEST_CASE("drawn: a written folder is a data set") {
    const test::TemporaryFolder folder;
    write_drawn(folder / "set", 1, 10, 3, 40, 32);
    const DataSet data = open_data((folder / "set").string());
    REQUIRE(data.size() == 3);
    CHECK(data.name(2) == "00012");
    CHECK(data.read_mask(1) == draw_picture(1, 11, 40, 32).mask);
    CHECK(data.read_image(1).width == 40);
    REFUSED(draw_picture(1, 1, 4, 40), "sides of 8 to 4096 pixels, not 4 x 40");
    REFUSED(write_drawn("/proc/none", 1, 0, 1, 40, 40), "/proc/none/images: can't be made");
}

}  // namespace purnet
