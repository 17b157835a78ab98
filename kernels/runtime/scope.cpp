#include "kernels/runtime/scope.h"

#include "kernels/runtime/current_layer.h"

namespace purnet {
namespace {
thread_local NamedScope* innermost = nullptr;
thread_local const char* innermost_layer = nullptr;
void (*observe_begin)(const char*) = nullptr;
void (*observe_end)() = nullptr;
}  // namespace

NamedScope::NamedScope(Kind kind, const char* name, const void* describer, Text text)
    : kind_(kind), name_(name), describer_(describer), text_(text), outer_(innermost) {
    innermost = this;
    if (kind == Kind::layer) innermost_layer = name;
    if (observe_begin) observe_begin(name);
}

NamedScope::~NamedScope() {
    innermost = outer_;
    if (observe_end) observe_end();
    if (kind_ == Kind::op) return;
    const NamedScope* outer = outer_;
    while (outer && outer->kind_ == Kind::op) outer = outer->outer_;
    innermost_layer = outer ? outer->name_ : nullptr;
}

std::string scope_text() {
    std::string ops, layers;
    bool has_shapes = false;
    for (const NamedScope* s = innermost; s; s = s->outer_) {
        if (s->kind_ == NamedScope::Kind::layer) {
            layers = layers.empty() ? s->name_ : std::string(s->name_) + "." + layers;
        } else if (!has_shapes) {
            // One without shapes is a part of the one around it, which has them.
            ops += (ops.empty() ? "" : " in ") + std::string(s->name_);
            has_shapes = s->text_ != nullptr;
            if (has_shapes) ops += " (" + s->text_(s->describer_) + ")";
        }
    }
    if (layers.empty()) return ops;
    return ops.empty() ? "layer " + layers : ops + " in layer " + layers;
}

const char* current_layer() { return innermost_layer; }

void set_scope_observer(void (*begin)(const char*), void (*end)()) {
    observe_begin = begin;
    observe_end = end;
}

}  // namespace purnet
