#include "kernels/gemm/gemm.h"

namespace purnet::gemm {

Functions functions() {
    return {PURNET_PICK(gemm_packed_floats), PURNET_PICK(gemm_pack_b), PURNET_PICK(gemm_pack_a),   PURNET_PICK(gemm_run),
            PURNET_PICK(gemm_next_panel),    PURNET_PICK(gemm_finish), PURNET_PICK(gemm_tile_rows)};
}

}  // namespace purnet::gemm
