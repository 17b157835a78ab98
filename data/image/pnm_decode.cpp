// Netpbm's six forms: P1 P4 bitmap (1 = black), P2 P5 grey, P3 P6 RGB; even numbers binary, odd ones decimal text. Samples above 255 are
// two bytes, the high one first. Values are scaled from 0..maxval to 0..255 (16 bits: the high byte).
#include "data/image/codec.h"

namespace purnet::codec {
namespace {

class Reader {
public:
    explicit Reader(Bytes bytes) : bytes_(bytes) {}

    int64_t left() const { return static_cast<int64_t>(bytes_.size() - at_); }
    uint8_t byte() {
        require(at_ < bytes_.size(), "the PNM file ends early (a truncated file?)");
        return bytes_[at_++];
    }
    static bool is_space(uint8_t c) { return c == ' ' || (c >= 9 && c <= 13); }
    void skip_space() {
        while (at_ < bytes_.size()) {
            if (bytes_[at_] == '#')
                while (at_ < bytes_.size() && bytes_[at_] != '\n') ++at_;
            else if (is_space(bytes_[at_]))
                ++at_;
            else
                return;
        }
    }
    int64_t number(int64_t most, const char* what) {
        skip_space();
        int64_t value = 0;
        bool any = false;
        while (at_ < bytes_.size() && bytes_[at_] >= '0' && bytes_[at_] <= '9') {
            value = value * 10 + (bytes_[at_++] - '0');
            any = true;
            require(value <= most, "the PNM file has a ", what, " above ", most);
        }
        require(any, "the PNM file has no ", what, " where one belongs");
        return value;
    }
    int bit() {  // of P1: digits need no space between them
        skip_space();
        const uint8_t c = byte();
        require(c == '0' || c == '1', "the PBM file has something other than 0 and 1 among its pixels");
        return c - '0';
    }

private:
    Bytes bytes_;
    size_t at_ = 2;
};

}  // namespace

Image decode_pnm(Bytes bytes, Want want, const DecodeLimits& limits) {
    const int form = bytes[1] - '0';
    Reader reader(bytes);
    const int64_t width = reader.number(INT32_MAX, "width"), height = reader.number(INT32_MAX, "height");
    const bool bitmap = form == 1 || form == 4, text = form < 4;
    const int64_t most = bitmap ? 1 : reader.number(65535, "largest value");
    require(most >= 1, "the PNM file has the largest value 0");
    check_size(width, height, limits);
    const int channels = form == 3 || form == 6 ? 3 : 1;
    if (!text) require(Reader::is_space(reader.byte()), "the PNM file's header is malformed");
    const int64_t row_samples = width * channels;
    const int64_t row_bytes = form == 4 ? (width + 7) / 8 : row_samples * (!text && most > 255 ? 2 : 1);
    require(row_bytes * height <= reader.left(), "the PNM file ends early: ", width, " x ", height, " pixels don't fit into its ",
            bytes.size(), " bytes");
    const auto to_byte = [most](int64_t value) {
        if (most == 65535) return static_cast<uint8_t>(value >> 8);
        return static_cast<uint8_t>((std::min(value, most) * 255 + most / 2) / most);
    };
    Image image(static_cast<int>(width), static_cast<int>(height), channels_of(want));
    std::vector<uint8_t> row(static_cast<size_t>(row_samples));
    for (int y = 0; y < image.height; ++y) {
        int bits = 0;
        for (int64_t i = 0; i < row_samples; ++i) {
            uint8_t& to = row[static_cast<size_t>(i)];
            if (form == 1) {
                to = reader.bit() ? 0 : 255;
            } else if (form == 4) {
                if (i % 8 == 0) bits = reader.byte();
                to = (bits >> (7 - i % 8)) & 1 ? 0 : 255;
            } else if (text) {
                to = to_byte(reader.number(65535, "sample"));
            } else {
                const int64_t high = most > 255 ? int64_t{reader.byte()} << 8 : 0;
                to = to_byte(high | reader.byte());
            }
        }
        convert_row(row.data(), channels, image.width, want, image.row(y));
    }
    return image;
}

}  // namespace purnet::codec
