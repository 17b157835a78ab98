// Pictures through the network as a stream: one thread gets, decodes and resizes them, the caller's runs the network, one thread renders
// and writes them, all at the same time. Where the network takes all cores, its threads decode and render, between two of its runs
// (gang.h), and the others read and write. A few pictures are in memory at once (two or three where they are large), however many come.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "apps/salient/predictor.h"

namespace purnet {

struct StreamPicture {
    size_t index = 0;  // of the caller
    Image rgb;
    std::function<Image()> decode = {};  // computes rgb, where that is not there yet; an empty picture is left out: it cannot be decoded
};

// Gets the next picture, or returns false: there are no more. Called by one thread. A call that waits for its input looks whether the
// stream was given up, because finishing failed, and returns false then.
using NextPicture = std::function<bool(StreamPicture&, const std::atomic<bool>& given_up)>;
// Computes what comes out of a picture and its map, by several threads at once for several pictures, and returns what writes it, if
// anything: that is called by one thread, in the order in which pictures came.
using WriteResult = std::function<void()>;
using FinishPicture = std::function<WriteResult(const StreamPicture&, const std::vector<float>& map)>;

struct PipelineResult {
    double network_seconds = 0;
    int batch = 1;  // the last one in use
};

// batch: pictures computed at once; 0: found on the way, see BatchChoice. An exception of either function ends the work and leaves
// through the caller.
PipelineResult run_pipeline(Predictor& predictor, int batch, const NextPicture& next, const FinishPicture& finish);

// How many pictures to compute at once. Fixed, or found out with the pictures themselves: 1, 2, 4 and 8 are tried upwards, two runs
// each (the first also plans and is not counted), as long as one more doubling saves at least a twentieth of the time and fits.
class BatchChoice {
public:
    // wanted 0: to be found, `most` at most.
    BatchChoice(int wanted, int most) : fixed_(wanted > 0), searching_(wanted == 0), most_(most), batch_(wanted ? wanted : 1) {}

    int batch() const { return batch_; }
    // The next batch when `ready` pictures are there and no more will come: one whose plan exists, where sizes are tried.
    int last_batch(int ready) const;
    void measured(int pictures, double seconds);

private:
    bool fixed_, searching_;
    int most_, batch_, best_ = 1, runs_ = 0;
    double best_seconds_ = 0;  // a picture
};

}  // namespace purnet
