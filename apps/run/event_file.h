// TensorBoard event files without TensorFlow: scalars and pictures by step.
//
// A record is: u64 length, u32 masked CRC-32C of these 8 bytes, the payload, u32 masked CRC-32C of the payload, little endian. The
// payload is an Event in protocol-buffer encoding: 1 double wall_time, 2 int64 step, 3 string file_version ("brain.Event:2", first
// record only), 5 Summary, 7 SessionLog (status START tells the reader to drop what an earlier, interrupted run wrote at and after
// this step). Summary: repeated 1 Value { 1 tag, 2 float simple_value, 4 Image { 1 height, 2 width, 3 channels, 4 PNG bytes } }.
// Sources: tensorflow/tsl/lib/io/record_writer, tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/run/append_file.h"
#include "data/image/image.h"

namespace purnet {

class EventFile {
public:
    // A new file events.out.tfevents.SECONDS.HOST.PID in the folder, which is made if absent. `resumed_at`: the first step this run
    // writes where an earlier one wrote into the same folder.
    explicit EventFile(const std::filesystem::path& folder, std::optional<int64_t> resumed_at = std::nullopt);

    // Tags group by their first part: "train/loss", "val/MAE", "lr/backbone".
    void scalar(std::string_view tag, int64_t step, double value) { scalars(step, {{std::string(tag), value}}); }
    void scalars(int64_t step, const std::vector<std::pair<std::string, double>>& values);
    // 8-bit grey, RGB or RGBA.
    void image(std::string_view tag, int64_t step, const Image& image);

    bool flush() { return file_.flush(); }
    const std::filesystem::path& path() const { return file_.path(); }

private:
    void record(const std::string& event);

    AppendFile file_;
};

}  // namespace purnet
