// What a test can tell the library of fake_cudnn.cpp to do, and ask it. Found by name: purnet_fake_cudnn.
#pragma once

namespace purnet::test {

struct FakeCudnn {
    int fail_execute = 0;      // status of cudnnBackendExecute
    int fail_graph = 0;        // of the operation graph's finalizing: not a convolution that it takes
    int fail_create = 0;       // of cudnnCreate
    bool only_others = false;  // no engine that computes as is meant
    int convolutions = 0;      // computed so far
    int descriptors = 0;       // that live
    void* stream = nullptr;    // of the last one
};

}  // namespace purnet::test
