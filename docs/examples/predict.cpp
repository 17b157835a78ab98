// The installed library in twenty lines: weights and a photograph in, a mask out.
//     g++ predict.cpp $(pkg-config --cflags --libs purnet) -o predict && ./predict weights.safetensors photo.jpg mask.png
#include <cstdio>

#include "apps/salient/predictor.h"
#include "core/formats/atomic_file.h"
#include "data/image/decode.h"
#include "data/image/encode.h"
#include "kernels/resize/resize_bytes.h"

int main(int count, char** words) try {
    purnet::require(count == 4, "use: predict WEIGHTS PHOTO MASK.png");
    purnet::Predictor predictor(words[1]);  // once; any number of pictures after that, from any thread

    const purnet::Image photo = purnet::read_rgb(words[2]);  // or bytes of your own: R, G, B interleaved, rows from the top
    const std::vector<float> map = predictor.map(photo.pixels.data(), photo.width, photo.height);

    purnet::Image mask(photo.width, photo.height, 1);
    purnet::map_to_bytes(map.data(), predictor.size(), predictor.size(), mask.pixels.data(), mask.height, mask.width);
    purnet::atomic_write(words[3], purnet::encode_png(mask));
    return 0;
} catch (const purnet::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
