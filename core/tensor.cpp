#include "core/tensor.h"

#include <cstring>

namespace purnet {
namespace {

template <class From, class To>
void convert(const void* from, void* to, int64_t count) {
    const auto* a = static_cast<const From*>(from);
    auto* b = static_cast<To*>(to);
    for (int64_t i = 0; i < count; ++i) {
        if constexpr (std::is_same_v<From, bf16>)
            b[i] = static_cast<To>(static_cast<float>(a[i]));
        else if constexpr (std::is_same_v<To, bf16>)
            b[i] = bf16(static_cast<float>(a[i]));
        else
            b[i] = static_cast<To>(a[i]);
    }
}

template <class From>
void convert_to(DType to_type, const void* from, void* to, int64_t count) {
    switch (to_type) {
        case DType::f32: return convert<From, float>(from, to, count);
        case DType::f64: return convert<From, double>(from, to, count);
        case DType::bf16: return convert<From, bf16>(from, to, count);
        case DType::i32:
            if constexpr (!std::is_same_v<From, bf16>) return convert<From, int32_t>(from, to, count);
            break;
        case DType::u8: break;
    }
    fail("no conversion to ", name_of(to_type));
}

void convert_host(DType from_type, const void* from, DType to_type, void* to, int64_t count) {
    switch (from_type) {
        case DType::f32: return convert_to<float>(to_type, from, to, count);
        case DType::f64: return convert_to<double>(to_type, from, to, count);
        case DType::bf16: return convert_to<bf16>(to_type, from, to, count);
        case DType::i32: return convert_to<int32_t>(to_type, from, to, count);
        case DType::u8: return convert_to<uint8_t>(to_type, from, to, count);
    }
}

template <class T>
Tensor from_host(const T* values, const Shape& shape, DType dtype, Device device) {
    const Tensor host = Tensor::empty(shape, dtype, device.on_host() ? device : Device{});
    convert_host(dtype_of<T>, values, dtype, host.raw(), shape.count());
    return host.to(device);
}

}  // namespace

Tensor Tensor::symbolic(const Shape& shape, DType dtype, Device device) {
    Tensor t;
    t.impl_ = std::make_shared<Impl>();
    t.impl_->shape = shape;
    t.impl_->dtype = dtype;
    t.impl_->device = device;
    return t;
}

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
    Tensor t = symbolic(shape, dtype, device);
    t.impl_->storage = std::make_shared<Block>(device, static_cast<size_t>(shape.count()) * size_of(dtype));
    return t;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
    Tensor t = empty(shape, dtype, device);
    if (!t.impl_->storage->zero()) t.fill_zero();
    return t;
}

Tensor Tensor::from(const float* values, const Shape& shape, DType dtype, Device device) { return from_host(values, shape, dtype, device); }
Tensor Tensor::from(const double* values, const Shape& shape, DType dtype, Device device) {
    return from_host(values, shape, dtype, device);
}
Tensor Tensor::from(const int32_t* values, const Shape& shape, Device device) { return from_host(values, shape, DType::i32, device); }

void* Tensor::raw() const {
    require(defined(), "an undefined tensor has no data");
    require(!is_symbolic(), "a tensor of a traced network has no data");
    return static_cast<char*>(impl_->storage->data()) + impl_->offset;
}

void Tensor::check_host(DType wanted) const {
    require(defined() && dtype() == wanted, "tensor of ", defined() ? name_of(dtype()) : "no type", " read as ", name_of(wanted));
    require(device().on_host(), "tensor on ", name_of(device()), " read from the host");
}

Tensor Tensor::part(int64_t offset, const Shape& shape, bool whole) const {
    require(offset >= 0 && (whole ? shape.count() == count() : offset + shape.count() <= count()), "no view of ", shape, " at element ",
            offset, " of a tensor of ", impl_->shape);
    Tensor t = symbolic(shape, dtype(), device());
    t.impl_->storage = impl_->storage;
    t.impl_->offset = impl_->offset + static_cast<size_t>(offset) * size_of(dtype());
    return t;
}

Tensor Tensor::clone() const {
    Tensor t = empty(shape(), dtype(), device());
    t.copy_from(*this);
    return t;
}

Tensor Tensor::to(Device to_device, DType to_dtype) const {
    if (to_device == device() && to_dtype == dtype()) return *this;
    Tensor t = empty(shape(), to_dtype, to_device);
    t.copy_from(*this);
    return t;
}

void Tensor::copy_from(const Tensor& source) const {
    require(source.count() == count(), "copy of a tensor of ", source.shape(), " into one of ", shape());
    if (source.dtype() == dtype()) {
        copy_bytes(raw(), device(), source.raw(), source.device(), bytes());
        return;
    }
    if (source.device().on_host() && device().on_host()) {
        convert_host(source.dtype(), source.raw(), dtype(), raw(), count());
        return;
    }
    const Tensor here = source.to(Device{});
    const Tensor converted = empty(shape(), dtype());
    convert_host(here.dtype(), here.raw(), dtype(), converted.raw(), count());
    copy_bytes(raw(), device(), converted.raw(), Device{}, bytes());
}

void Tensor::fill_zero() const { fill_bytes(raw(), device(), 0, bytes()); }

double Tensor::item() const {
    require(count() == 1, "item() of a tensor of ", shape());
    return to(Device{}, DType::f64).data<double>()[0];
}

std::vector<float> Tensor::to_floats() const {
    const Tensor host = to(Device{}, DType::f32);
    return {host.data<float>(), host.data<float>() + count()};
}

std::vector<double> Tensor::to_doubles() const {
    const Tensor host = to(Device{}, DType::f64);
    return {host.data<double>(), host.data<double>() + count()};
}

}  // namespace purnet
