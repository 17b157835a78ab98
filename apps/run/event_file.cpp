#include "apps/run/event_file.h"

#include <unistd.h>

#include <bit>
#include <chrono>
#include <cstring>

#include "apps/run/crc32c.h"
#include "data/image/encode.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

// The four kinds of protocol-buffer fields that occur here.
class Message {
public:
    Message& number(uint32_t field, uint64_t value) {
        varint(field << 3);
        varint(value);
        return *this;
    }
    Message& real(uint32_t field, double value) {
        varint(field << 3 | 1);
        fixed(std::bit_cast<uint64_t>(value), 8);
        return *this;
    }
    Message& real32(uint32_t field, float value) {
        varint(field << 3 | 5);
        fixed(std::bit_cast<uint32_t>(value), 4);
        return *this;
    }
    Message& bytes(uint32_t field, std::string_view value) {
        varint(field << 3 | 2);
        varint(value.size());
        data_ += value;
        return *this;
    }
    Message& message(uint32_t field, const Message& value) { return bytes(field, value.data_); }

    const std::string& data() const { return data_; }

private:
    void varint(uint64_t value) {
        for (; value >= 128; value >>= 7) data_ += static_cast<char>(value | 128);
        data_ += static_cast<char>(value);
    }
    void fixed(uint64_t value, int count) {
        for (int i = 0; i < count; ++i) data_ += static_cast<char>(value >> (8 * i));
    }

    std::string data_;
};

Message event_now() {
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    return Message().real(1, now.count());
}

std::string little_endian(uint64_t value, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
}

uint32_t checksum(const std::string& bytes) { return masked_crc32c({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}); }

std::filesystem::path new_name(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    require(std::filesystem::is_directory(folder), folder.string(), ": the folder for TensorBoard's files cannot be made (",
            error.message(), ")");
    char host[256] = "localhost";
    ::gethostname(host, sizeof host - 1);
    const int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    const std::string name = "events.out.tfevents." + std::to_string(seconds) + "." + host + "." + std::to_string(::getpid());
    for (int number = 0;; ++number) {
        const std::filesystem::path path = folder / (number ? name + "." + std::to_string(number) : name);
        if (!std::filesystem::exists(path)) return path;
    }
}

}  // namespace

EventFile::EventFile(const std::filesystem::path& folder, std::optional<int64_t> resumed_at) : file_(new_name(folder)) {
    record(event_now().bytes(3, "brain.Event:2").data());
    constexpr uint64_t start = 1;
    if (resumed_at) record(event_now().number(2, static_cast<uint64_t>(*resumed_at)).message(7, Message().number(1, start)).data());
}

void EventFile::record(const std::string& event) {
    const std::string length = little_endian(event.size(), 8);
    file_.append(length + little_endian(checksum(length), 4) + event + little_endian(checksum(event), 4));
}

void EventFile::scalars(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
    Message summary;
    for (const auto& [tag, value] : values) summary.message(1, Message().bytes(1, tag).real32(2, static_cast<float>(value)));
    record(event_now().number(2, static_cast<uint64_t>(step)).message(5, summary).data());
}

void EventFile::image(std::string_view tag, int64_t step, const Image& image) {
    const std::vector<uint8_t> png = encode_png(image);
    const Message picture = Message()
                                .number(1, static_cast<uint64_t>(image.height))
                                .number(2, static_cast<uint64_t>(image.width))
                                .number(3, static_cast<uint64_t>(image.channels))
                                .bytes(4, {reinterpret_cast<const char*>(png.data()), png.size()});
    record(event_now()
               .number(2, static_cast<uint64_t>(step))
               .message(5, Message().message(1, Message().bytes(1, tag).message(4, picture)))
               .data());
}

}  // namespace purnet
