// What is being computed right now, for messages: layers and ops enter a scope while they run, and an error below says in
// which op, with which shapes, in which layer it happened. A scope costs two pointers; texts are made when asked for.
//
//     LayerScope layer("decoder.up1");
//     OpScope op("conv2d forward", [&] { return concat(problem); });
#pragma once

#include <memory>
#include <string>

namespace purnet {

class NamedScope {
public:
    NamedScope(const NamedScope&) = delete;
    NamedScope& operator=(const NamedScope&) = delete;

protected:
    enum class Kind { layer, op };
    using Text = std::string (*)(const void*);
    NamedScope(Kind kind, const char* name, const void* describer, Text text);
    ~NamedScope();

private:
    friend std::string scope_text();
    friend void set_scope_observer(void (*)(const char*), void (*)());

    Kind kind_;
    const char* name_;
    const void* describer_;
    Text text_;
    NamedScope* outer_;
};

class LayerScope : NamedScope {
public:
    explicit LayerScope(const char* path) : NamedScope(Kind::layer, path, nullptr, nullptr) {}
};

class OpScope : NamedScope {
public:
    explicit OpScope(const char* name) : NamedScope(Kind::op, name, nullptr, nullptr) {}
    // describe() gives the shapes; it is called only for a message, and must live as long as the scope.
    template <class Describe>
    OpScope(const char* name, const Describe& describe)
        : NamedScope(Kind::op, name, std::addressof(describe), [](const void* d) { return (*static_cast<const Describe*>(d))(); }) {}
};

// "conv2d forward (n 2, ...) in layer decoder.up1": the innermost op, and those around it up to one that says its shapes. "" outside all.
std::string scope_text();

// A profiler that is told when scopes begin and end; the CUDA room passes them on as NVTX ranges.
void set_scope_observer(void (*begin)(const char* name), void (*end)());

}  // namespace purnet
