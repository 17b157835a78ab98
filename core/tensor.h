// Tensor: a contiguous array on a device, shared by its copies. Copying a Tensor shares memory; clone() does not.
#pragma once

#include <memory>

#include "core/shape.h"
#include "kernels/runtime/device.h"
#include "kernels/runtime/dtype.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/table.h"

namespace purnet {

struct Parameter;

class Tensor {
public:
    Tensor() = default;

    static Tensor empty(const Shape& shape, DType dtype, Device device = {});
    static Tensor zeros(const Shape& shape, DType dtype, Device device = {});
    // Copies `count` host elements and converts them to dtype.
    static Tensor from(const float* values, const Shape& shape, DType dtype = DType::f32, Device device = {});
    static Tensor from(const double* values, const Shape& shape, DType dtype = DType::f32, Device device = {});
    static Tensor from(const int32_t* values, const Shape& shape, Device device = {});
    // Shape and type without memory: what an operation yields while a Plan traces a network.
    static Tensor symbolic(const Shape& shape, DType dtype, Device device);

    bool defined() const { return impl_ != nullptr; }
    bool is_symbolic() const { return impl_ && !impl_->storage; }
    explicit operator bool() const { return defined(); }

    const Shape& shape() const { return impl_->shape; }
    int64_t size(int axis) const { return impl_->shape[axis]; }
    int64_t count() const { return impl_->shape.count(); }
    size_t bytes() const { return static_cast<size_t>(count()) * size_of(dtype()); }
    DType dtype() const { return impl_->dtype; }
    Device device() const { return impl_->device; }
    Key key() const { return {device().type, dtype()}; }
    Context context() const { return {device(), nullptr}; }

    void* raw() const;
    // Host memory of this element type; throws where the type differs or the data is not on the host.
    template <class T>
    T* data() const {
        check_host(dtype_of<T>);
        return static_cast<T*>(raw());
    }

    // The same memory with another shape, or a contiguous part of it beginning at element `offset`. Not recorded on a tape.
    Tensor view(const Shape& shape) const { return part(0, shape, true); }
    Tensor part(int64_t offset, const Shape& shape) const { return part(offset, shape, false); }

    Tensor clone() const;
    // A copy on the device and of the type given (floating-point types convert into each other); itself when nothing changes.
    Tensor to(Device device, DType dtype) const;
    Tensor to(Device device) const { return to(device, dtype()); }
    void copy_from(const Tensor& source) const;
    void fill_zero() const;
    // The one value of a tensor of count 1, from any device.
    double item() const;
    std::vector<float> to_floats() const;
    std::vector<double> to_doubles() const;

    // Somebody else holds this tensor, a copy or a view of it.
    bool shares_memory() const { return impl_.use_count() > 1 || impl_->storage.use_count() > 1; }

    struct Impl {
        std::shared_ptr<Block> storage;
        size_t offset = 0;  // in bytes
        Shape shape;
        DType dtype = DType::f32;
        Device device;
        // Where it came from: written by core/op.cpp, read by tapes and plans.
        Parameter* parameter = nullptr;
        uint64_t graph = 0;  // id of the tape or trace that knows it
        int node = -1;
        int output = 0;
    };
    Impl& impl() const { return *impl_; }

private:
    Tensor part(int64_t offset, const Shape& shape, bool whole) const;
    void check_host(DType wanted) const;

    std::shared_ptr<Impl> impl_;
};

}  // namespace purnet
