#include "kernels/runtime/arithmetic.h"

#include <atomic>

namespace purnet {
namespace {

std::atomic<bool> tf32 = false;

}  // namespace

bool tf32_allowed() { return tf32; }

AllowTf32::AllowTf32(bool allowed) : before_(tf32.exchange(allowed)) {}
AllowTf32::~AllowTf32() { tf32 = before_; }

}  // namespace purnet
