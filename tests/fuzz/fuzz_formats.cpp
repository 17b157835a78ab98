// fuzz_formats [--format NAME] [--count N] [--seed S] [--only INDEX] [--save FILE]
// Decodes N mutated files of each registered format (fuzz.h) under the sanitizers; one line a format; exit 1 where one
// failed. A failure prints the command that repeats it; --save writes the file of --only.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "core/formats/atomic_file.h"
#include "kernels/runtime/error.h"
#include "tests/fuzz/fuzz.h"

#ifdef __has_feature  // clang; g++ defines the macro itself
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif
#ifndef __SANITIZE_ADDRESS__
#error "the fuzz driver measures memory through AddressSanitizer: build it with `make fuzz`"
#endif

// Of the sanitizers' own interface (their header is not installed by every compiler).
extern "C" {
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, size_t), void (*on_free)(const volatile void*));
size_t __sanitizer_get_allocated_size(const volatile void* pointer);
void __sanitizer_set_death_callback(void (*callback)());
// UndefinedBehaviorSanitizer has no such callback of its own under g++: let it abort, and say so at the signal.
const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }
}

namespace purnet::fuzz {

std::vector<FuzzFormat>& formats() {
    static std::vector<FuzzFormat> all;
    return all;
}

namespace {

constexpr unsigned time_limit_s = 30;

// What runs now: for the message when the process dies inside a decoder.
struct Current {
    const char* format = nullptr;
    uint64_t index = 0, seed = 0;
} current;

void print_reproducer() {
    if (!current.format) return;
    std::fprintf(stderr, "%s: failed at mutation %llu; repeat: fuzz_formats --format %s --seed %llu --only %llu --save FILE\n",
                 current.format, static_cast<unsigned long long>(current.index), current.format,
                 static_cast<unsigned long long>(current.seed), static_cast<unsigned long long>(current.index));
}

// Live bytes of every allocation (operator new as well as malloc inside C libraries) while a decoder runs. Allocations made
// before and freed inside would make it fall below zero, which is harmless for a peak.
struct Memory {
    bool counting = false;
    int64_t live = 0, peak = 0;
} memory;

void on_malloc(const volatile void*, size_t size) {
    if (!memory.counting) return;
    memory.live += static_cast<int64_t>(size);
    memory.peak = std::max(memory.peak, memory.live);
}
void on_free(const volatile void* pointer) {
    if (memory.counting && pointer) memory.live -= static_cast<int64_t>(__sanitizer_get_allocated_size(pointer));
}

void on_alarm(int) {
    std::fprintf(stderr, "a decoder ran longer than %u s\n", time_limit_s);
    print_reproducer();
    ::_exit(1);
}

void on_abort(int) {
    print_reproducer();
    ::_exit(1);
}

struct Options {
    std::string format, save;
    uint64_t count = 10'000, seed = 1;
    int64_t only = -1;
};

enum class Outcome { accepted, refused, failed };

// Decodes one file and judges it.
Outcome judge(const FuzzFormat& format, const Bytes& file) {
    Outcome outcome = Outcome::accepted;
    memory = {true, 0, 0};
    ::alarm(time_limit_s);
    try {
        format.decode(file);
    } catch (const Error& error) {
        outcome = Outcome::refused;
        if (std::strchr(error.what(), '\n')) {
            std::fprintf(stderr, "a message of more than one line\n");
            outcome = Outcome::failed;
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "an exception that is no Error left the decoder: %s\n", error.what());
        outcome = Outcome::failed;
    } catch (...) {
        std::fprintf(stderr, "something that is no exception left the decoder\n");
        outcome = Outcome::failed;
    }
    ::alarm(0);
    memory.counting = false;
    const size_t allowed = format.justified ? format.justified(file.size()) : std::max<size_t>(size_t{64} << 20, 8 * file.size());
    if (memory.peak > static_cast<int64_t>(allowed)) {
        std::fprintf(stderr, "%lld bytes of memory for a file of %zu bytes, which justifies %zu\n", static_cast<long long>(memory.peak),
                     file.size(), allowed);
        outcome = Outcome::failed;
    }
    return outcome;
}

uint64_t hash_of(const std::string& text) {
    uint64_t h = 0xcbf29ce484222325u;
    for (const char c : text) h = (h ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
    return h;
}

Bytes mutation(const FuzzFormat& format, const std::vector<Bytes>& samples, uint64_t seed, uint64_t index) {
    Random random(hash_of(format.name) ^ Random(seed * 0x10001 + index).next());
    Bytes file = samples[random.below(samples.size())];
    mutate(file, samples[random.below(samples.size())], random);
    if (format.repair && random.below(2)) format.repair(file);
    return file;
}

bool run(const FuzzFormat& format, const Options& options) {
    const auto start = std::chrono::steady_clock::now();
    const auto seconds_since = [](auto then) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count(); };
    const std::vector<Bytes> samples = format.samples();
    for (size_t i = 0; i < samples.size(); ++i) {
        if (judge(format, samples[i]) != Outcome::accepted) {
            std::fprintf(stderr, "%s: sample %zu, which is not mutated, is not accepted\n", format.name.c_str(), i);
            return false;
        }
    }
    uint64_t counts[3] = {};
    int64_t peak = 0;
    double slowest = 0;
    const uint64_t first = options.only < 0 ? 0 : static_cast<uint64_t>(options.only);
    const uint64_t last = options.only < 0 ? options.count : first + 1;
    for (uint64_t i = first; i < last; ++i) {
        const Bytes file = mutation(format, samples, options.seed, i);
        if (!options.save.empty()) atomic_write(options.save, file);
        current = {format.name.c_str(), i, options.seed};
        const auto begin = std::chrono::steady_clock::now();
        const Outcome outcome = judge(format, file);
        slowest = std::max(slowest, seconds_since(begin));
        peak = std::max(peak, memory.peak);
        ++counts[static_cast<int>(outcome)];
        if (outcome == Outcome::failed) print_reproducer();
    }
    current.format = nullptr;
    std::printf("%-12s %llu mutations of %zu samples: %llu accepted, %llu refused, %llu failed; peak %.1f KiB, slowest %.1f ms, %.1f s\n",
                format.name.c_str(), static_cast<unsigned long long>(last - first), samples.size(),
                static_cast<unsigned long long>(counts[0]), static_cast<unsigned long long>(counts[1]),
                static_cast<unsigned long long>(counts[2]), static_cast<double>(peak) / 1024, slowest * 1e3, seconds_since(start));
    std::fflush(stdout);
    return counts[2] == 0;
}

int main_checked(int count, char** arguments) {
    Options options;
    for (int i = 1; i < count; i += 2) {
        const std::string key = arguments[i];
        require(i + 1 < count, key, " needs a value");
        const char* value = arguments[i + 1];
        if (key == "--format")
            options.format = value;
        else if (key == "--save")
            options.save = value;
        else if (key == "--count")
            options.count = std::strtoull(value, nullptr, 10);
        else if (key == "--seed")
            options.seed = std::strtoull(value, nullptr, 10);
        else if (key == "--only")
            options.only = std::strtoll(value, nullptr, 10);
        else
            fail("unknown option ", key);
    }
    require(options.save.empty() || (options.only >= 0 && !options.format.empty()), "--save needs --format and --only");
    __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    __sanitizer_set_death_callback(print_reproducer);
    std::signal(SIGALRM, on_alarm);
    std::signal(SIGABRT, on_abort);

    auto all = formats();
    std::sort(all.begin(), all.end(), [](const FuzzFormat& a, const FuzzFormat& b) { return a.name < b.name; });
    bool good = true, any = false;
    for (const FuzzFormat& format : all) {
        if (!options.format.empty() && options.format != format.name) continue;
        any = true;
        good = run(format, options) && good;
    }
    require(any, "no format is named ", options.format);
    return good ? 0 : 1;
}

}  // namespace
}  // namespace purnet::fuzz

int main(int count, char** arguments) {
    try {
        return purnet::fuzz::main_checked(count, arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "fuzz_formats: %s\n", error.what());
        return 2;
    }
}
