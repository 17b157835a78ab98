# make            build/purnet                    make test   all tests
# make demo       train, evaluate and show         make check  format, floors, warnings
# make fuzz       decoders on mutated files        make bench  ops against measured ceilings
# make soak       train and predict for an hour (MINUTES=60), memory and open files watched
# make ablations  PurNet without each of its parts, for hours (DATA=... INIT=... TEST=..., see scripts/ablations.sh)
# make mutants    defects put into CUDA kernels on purpose: which ones do the emulator's records miss?
# Options: CUDA=auto|0|1   CXX=g++|clang++   V=1 (show commands)   PREFIX=/usr/local (install)
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
# A job for each processor, where a GiB of memory is free for each; -jN on the command line wins. Not beside clean, which must come first.
ifeq ($(MAKELEVEL)$(filter clean,$(MAKECMDGOALS)),0)
JOBS := $(shell awk -v most=$$(nproc) '/^MemAvailable/ { free = int($$2 / 1048576); print free < 1 ? 1 : free < most ? free : most }' /proc/meminfo)
MAKEFLAGS += -j$(or $(JOBS),1)
endif
ifneq ($(V),1)
Q := @
endif

ifeq ($(origin CXX),default)
CXX := g++
endif
PREFIX ?= /usr/local
BUILD ?= build
# SANITIZE=address,undefined builds everything under the sanitizers, into a folder of its own.
ifdef SANITIZE
BUILD := build/sanitize
SANITIZE_FLAGS := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

include scripts/packages.mk

ARCH := $(shell uname -m)
OPTIMISE ?= -O2
CXXFLAGS += -std=c++20 $(OPTIMISE) -g1 -Wall -Wextra -Wno-missing-field-initializers -Werror -fno-math-errno -ffp-contract=off -fopenmp -pthread -MMD -MP -I. $(SANITIZE_FLAGS)
LDFLAGS += -fopenmp -pthread $(SANITIZE_FLAGS)
LDLIBS += -ldnnl -lpng -ljpeg -lz
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

# Rooms. *_cases.cpp are the op records: linked into tests and benchmarks only. *_simd.cpp are compiled once per instruction set.
find_sources = $(sort $(shell find $(1) -name '*.cpp' 2>/dev/null))
LIBRARY_ROOMS := kernels core data layers losses nets apps/run apps/salient
LIBRARY_ALL := $(call find_sources,$(LIBRARY_ROOMS))
RECORD_SOURCES := $(filter %_cases.cpp kernels/record/%,$(LIBRARY_ALL))
SIMD_SOURCES := $(filter %_simd.cpp,$(LIBRARY_ALL))
LIBRARY_SOURCES := $(filter-out $(RECORD_SOURCES) $(SIMD_SOURCES),$(LIBRARY_ALL))
PROGRAM_SOURCES := $(call find_sources,apps/purnet)
BENCH_SOURCES := $(call find_sources,apps/bench)
TEST_SOURCES := $(filter-out tests/emulator/% tests/device/% tests/gpu/% tests/fuzz/% tests/mutants/%,$(call find_sources,tests))

objects = $(patsubst %.cpp,$(BUILD)/obj/%.o,$(1))
ISAS := baseline
ISA_baseline :=
ifeq ($(ARCH),x86_64)
ISAS := baseline avx2 avx512
ISA_avx2 := -mavx2 -mfma -mf16c
ISA_avx512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c -mprefer-vector-width=512
endif
# clang warns where it does not vectorise a loop that is marked as fit for it; the loop is right all the same.
ISA_WARNINGS := $(if $(findstring clang,$(shell $(CXX) --version 2>/dev/null)),-Wno-pass-failed)
SIMD_OBJECTS := $(foreach isa,$(ISAS),$(patsubst %.cpp,$(BUILD)/obj/$(isa)/%.o,$(SIMD_SOURCES)))
LIBRARY_OBJECTS := $(call objects,$(LIBRARY_SOURCES)) $(SIMD_OBJECTS)
RECORD_OBJECTS := $(call objects,$(RECORD_SOURCES))
TEST_OBJECTS := $(call objects,$(TEST_SOURCES))
LIBRARY := $(BUILD)/libpurnet.a
# -O1: tests run once and compile a third faster so. The records' harness computes.
$(filter-out $(BUILD)/obj/tests/records/%,$(TEST_OBJECTS)): OPTIMISE := -O1

include scripts/cuda.mk
include scripts/mutants.mk

.PHONY: FORCE all test fuzz soak ablations bench-peers bench-compare demo check format bench docs install clean library
all: packages $(BUILD)/purnet
library: $(LIBRARY)

$(BUILD)/obj/%.o: %.cpp | packages
	@mkdir -p $(@D)
	@echo "  c++    $<"
	$(Q)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c $< -o $@

# Only this object knows the commit: elsewhere every commit would be another command line to compile.
$(BUILD)/version.txt: FORCE | packages
	@echo "$(VERSION) $(CXX) $(CXXFLAGS)" | cmp -s - $@ || echo "$(VERSION) $(CXX) $(CXXFLAGS)" > $@
$(BUILD)/obj/apps/run/version.o: $(BUILD)/version.txt
$(BUILD)/obj/apps/run/version.o: CPPFLAGS += -DPURNET_VERSION='"$(VERSION)"' -DPURNET_BUILD_FLAGS='"-std=c++20 $(OPTIMISE)$(if $(SANITIZE), sanitizers $(SANITIZE))"'

define simd_rule
$(BUILD)/obj/$(1)/%.o: %.cpp | packages
	@mkdir -p $$(@D)
	@echo "  c++    $$< ($(1))"
	$(Q)$(CXX) $(CPPFLAGS) $(filter-out -O2 -ffp-contract=off,$(CXXFLAGS)) -O3 -ffp-contract=fast -fno-trapping-math -fopenmp-simd $(ISA_WARNINGS) $(ISA_$(1)) -DPURNET_ISA_NAME=$(1) -DPURNET_ISA_$(1) -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call simd_rule,$(isa))))

$(LIBRARY): $(LIBRARY_OBJECTS)
	@echo "  ar     $@"
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/purnet: $(call objects,$(PROGRAM_SOURCES)) $(CUDA_OBJECTS) $(LIBRARY) $(BUILD)/linked.txt
	@echo "  link   $@"
	$(Q)$(CXX) $(LDFLAGS) $(filter-out %.txt,$^) $(LDLIBS) $(CUDA_LIBRARIES) -o $@

# It starts the programs.
$(BUILD)/purnet_tests: $(TEST_OBJECTS) $(RECORD_OBJECTS) $(LIBRARY) $(BUILD)/linked.txt | $(BUILD)/purnet $(BUILD)/bench
	@echo "  link   $@"
	$(Q)$(CXX) $(LDFLAGS) $(filter-out %.txt,$^) $(LDLIBS) $(CUDA_LIBRARIES) -o $@

$(BUILD)/bench: $(call objects,$(BENCH_SOURCES)) $(RECORD_OBJECTS) $(CUDA_OBJECTS) $(LIBRARY) $(BUILD)/linked.txt
	@echo "  link   $@"
	$(Q)$(CXX) $(LDFLAGS) $(filter-out %.txt,$^) $(LDLIBS) $(CUDA_LIBRARIES) -o $@

# Every decoder on FUZZ_COUNT mutated files of each format, under the sanitizers (tests/fuzz/fuzz.h). Only the rooms that decode
# files are built so: the whole library would take far longer.
FUZZ_COUNT ?= 10000
FUZZ_OBJECTS := $(call objects,$(call find_sources,tests/fuzz) $(filter core/formats/% data/image/% data/source/% kernels/runtime/%,$(LIBRARY_SOURCES)))
build/sanitize/fuzz_formats: $(FUZZ_OBJECTS)
	@echo "  link   $@"
	$(Q)$(CXX) $(LDFLAGS) $^ $(LDLIBS) -o $@
fuzz:
	$(Q)$(MAKE) --no-print-directory SANITIZE=address,undefined build/sanitize/fuzz_formats
	$(Q)build/sanitize/fuzz_formats --count $(FUZZ_COUNT)

test: all $(BUILD)/purnet_tests $(EMULATOR_PROGRAMS)
	$(Q)scripts/run_tests.sh $(BUILD)

bench-peers:
	$(Q)frameworks/setup.sh

# COMPARE="--task level1 --form light --width 48 --threads 1,2": one comparison with these options instead of the two standard ones
bench-compare: all
	$(Q)test -x build/peers/bin/python || frameworks/setup.sh
ifdef COMPARE
	$(Q)build/peers/bin/python frameworks/compare.py $(COMPARE)
else
	$(Q)build/peers/bin/python frameworks/compare.py --task level1
	$(Q)build/peers/bin/python frameworks/compare.py --task train
endif

# The layers of real networks too, on the CPU. Emulated kernels would take hours for those: they run every other case of the records, and
# every whole step under both programs.
test-full: export PURNET_TEST_FULL := 1
test-full: test

MINUTES ?= 60
soak: all
	$(Q)scripts/soak.sh $(BUILD)/purnet $(MINUTES)

ablations: all
	$(Q)scripts/ablations.sh $(BUILD)/purnet

demo: all
	$(Q)scripts/demo.sh $(BUILD)/purnet

bench: $(BUILD)/bench
	$(Q)$(BUILD)/bench ops

# By the emulator's program, which holds the CUDA twins with or without a toolkit.
docs: $(EMULATOR_PROGRAM_monitored)
	$(Q)$(EMULATOR_PROGRAM_monitored) support > docs/ops.md

format:
	$(Q)git ls-files '*.h' '*.cpp' '*.cu' '*.cuh' | xargs clang-format -i

check:
	$(Q)scripts/check.sh

# The program with manual pages and completion, and the library with its headers and a pkg-config file.
SHARE = $(DESTDIR)$(PREFIX)/share
install: all $(CUDA_LIBRARY)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include/purnet
	install -d $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d
	$(BUILD)/purnet manual --out $(SHARE)/man/man1
	$(BUILD)/purnet completion bash > $(SHARE)/bash-completion/completions/purnet
	$(BUILD)/purnet completion zsh > $(SHARE)/zsh/site-functions/_purnet
	$(BUILD)/purnet completion fish > $(SHARE)/fish/vendor_completions.d/purnet.fish
	install -m 755 $(BUILD)/purnet $(DESTDIR)$(PREFIX)/bin/purnet
	install -D -m 644 weights/salient-light.safetensors $(DESTDIR)$(PREFIX)/share/purnet/salient-light.safetensors
	install -m 644 $(LIBRARY) $(CUDA_LIBRARY) $(DESTDIR)$(PREFIX)/lib
	find $(LIBRARY_ROOMS) -name '*.h' ! -path 'kernels/record/*' ! -path 'kernels/lab/*' -exec install -D -m 644 '{}' '$(DESTDIR)$(PREFIX)/include/purnet/{}' ';'
	printf 'prefix=%s\nName: purnet\nDescription: PurNet engine: salient object detection\nVersion: %s\nCflags: -std=c++20 -fopenmp -I$${prefix}/include/purnet\nLibs: -L$${prefix}/lib %s -lpurnet -fopenmp -pthread %s\n' \
	    '$(PREFIX)' '$(VERSION)' '$(CUDA_LIBRARY_FLAGS)' '$(strip $(LDLIBS) $(CUDA_LIBRARIES))' > $(DESTDIR)$(PREFIX)/lib/pkgconfig/purnet.pc

clean:
	rm -rf build demo

-include $(patsubst %.o,%.d,$(LIBRARY_OBJECTS) $(RECORD_OBJECTS) $(TEST_OBJECTS) $(call objects,$(PROGRAM_SOURCES) $(BENCH_SOURCES)) $(FUZZ_OBJECTS))
