// What a test can tell the library of fake_cublaslt.cpp to do, and ask it. Found by name: purnet_fake_cublaslt.
#pragma once

namespace purnet::test {

struct FakeCublasLt {
    int fail_matmul = 0;     // status of cublasLtMatmul
    int fail_heuristic = 0;  // of cublasLtMatmulAlgoGetHeuristic
    int fail_create = 0;     // of cublasLtCreate
    int products = 0;        // computed so far
    void* stream = nullptr;  // of the last one
};

}  // namespace purnet::test
