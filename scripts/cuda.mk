# The CUDA part: every kernels/**/*.cu by nvcc (CUDA=1), and the same files by the host compiler for the emulator, always.
#
# CUDA=auto   with a toolkit and a device on this machine      CUDA=1   with a toolkit      CUDA=0   never
CUDA ?= auto
CUDA_HOME ?= $(firstword $(wildcard /usr/local/cuda /opt/cuda /usr/lib/cuda))
NVCC ?= $(firstword $(shell command -v nvcc 2>/dev/null) $(wildcard $(CUDA_HOME)/bin/nvcc))
CUDA_SOURCES := $(sort $(shell find kernels -name '*.cu'))
CUDA_OBJECTS_ALL := $(patsubst %.cu,$(BUILD)/cuda/%.o,$(CUDA_SOURCES))
DEVICE_TEST_SOURCES := $(sort $(shell find tests/device -name '*.cu'))
DEVICE_TEST_CUDA := $(patsubst %.cu,$(BUILD)/cuda/%.o,$(DEVICE_TEST_SOURCES))

ifneq ($(filter-out auto 0 1,$(CUDA))$(filter-out 1,$(words $(CUDA))),)
$(error CUDA='$(CUDA)' means nothing: CUDA=auto, CUDA=1 or CUDA=0)
endif
ifeq ($(CUDA),auto)
CUDA_ON := $(if $(NVCC),$(if $(wildcard /dev/nvidia0 /dev/nvidiactl),1))
else ifeq ($(CUDA),1)
CUDA_ON := 1
ifeq ($(NVCC),)
$(error CUDA=1, but there is no nvcc: set CUDA_HOME=/path/to/toolkit, or build with CUDA=0)
endif
endif

# Machine code for sm_80 and sm_90a; PTX of compute_80 for everything newer or between, compiled by the driver.
CUDA_TARGETS ?= -gencode arch=compute_80,code=[sm_80,compute_80] -gencode arch=compute_90a,code=sm_90a
NVCCFLAGS += -std=c++20 -O3 -lineinfo -I. $(CUDA_TARGETS) -Werror all-warnings \
    -Xcompiler -Wall,-Wextra,-Werror,-Wno-unused-parameter,-Wno-unknown-pragmas,-Wno-missing-field-initializers,-fopenmp,-pthread \
    -Xptxas -v

# What compiles the CUDA part, and for which targets: where that changes, all of it is compiled anew.
$(BUILD)/cuda/compiler.txt: FORCE
	@mkdir -p $(@D)
	@release=$$($(NVCC) --version 2>/dev/null | sed -n 's/.*release \([0-9.]*\),.*/\1/p'); \
	case "$$release" in \
	    '') echo "error: $(NVCC) does not say which CUDA it is of" >&2; exit 1 ;; \
	    ?.* | 10.* | 11.* | 12.[0-3]) \
	        echo "error: $(NVCC) is of CUDA $$release, and 12.4 or newer is needed: set CUDA_HOME=/path/to/toolkit, or build with CUDA=0" >&2; \
	        exit 1 ;; \
	esac; \
	echo "$(NVCC) $$release $(NVCCFLAGS)" | cmp -s - $@ || echo "$(NVCC) $$release $(NVCCFLAGS)" > $@

# What the assembler says of registers and spills goes to a log beside the object.
$(BUILD)/cuda/%.o: %.cu $(BUILD)/cuda/compiler.txt
	@mkdir -p $(@D)
	@echo "  nvcc   $<"
	$(Q)$(CCACHE) $(NVCC) $(NVCCFLAGS) -MD -MP -c $< -o $@ 2> $(@:.o=.log) || { cat $(@:.o=.log) >&2; exit 1; }

# The ladders of kernels/lab belong to the tests, the emulator's and gpu_tests: no program has them.
CUDA_OBJECTS_LINKED := $(filter-out $(BUILD)/cuda/kernels/lab/%,$(CUDA_OBJECTS_ALL))
CUDA_RUNTIME := -L$(CUDA_HOME)/lib64 -lcudart_static -ldl -lrt
ifeq ($(CUDA_ON),1)
CUDA_OBJECTS := $(CUDA_OBJECTS_LINKED)
CUDA_LIBRARIES := $(CUDA_RUNTIME)
# Of the installed library. Kernels enter their tables when the program starts and no name leads to them: whole, or the linker leaves
# them out.
CUDA_LIBRARY := $(BUILD)/libpurnet_cuda.a
CUDA_LIBRARY_FLAGS := -Wl,--whole-archive -lpurnet_cuda -Wl,--no-whole-archive
$(CUDA_LIBRARY): $(CUDA_OBJECTS)
	@echo "  ar     $@"
	$(Q)rm -f $@ && ar rcs $@ $^
endif

# Whether the programs have the CUDA part, and what they are linked with: where that changes, they are linked anew.
LINKED := CUDA=$(CUDA_ON) $(LDFLAGS) $(LDLIBS) $(CUDA_LIBRARIES)
$(BUILD)/linked.txt: FORCE | packages
	@echo "$(LINKED)" | cmp -s - $@ || echo "$(LINKED)" > $@

# Compiles the whole CUDA part and links nothing: what a machine with a toolkit and no device can check.
.PHONY: cuda-compile
cuda-compile:
ifeq ($(NVCC),)
	@echo "cuda-compile: no nvcc on this machine"
else
	$(Q)$(MAKE) --no-print-directory $(CUDA_OBJECTS_ALL) $(DEVICE_TEST_CUDA)
endif

# Registers, static shared memory and spills of every kernel (docs/gpu.md), for each target of a build and for the PTX as a driver compiles
# it for a newer device: a compile of its own, as long as the first.
.PHONY: cuda-registers
cuda-registers: override CUDA_TARGETS := -gencode arch=compute_80,code=[sm_80,sm_120] -gencode arch=compute_90a,code=sm_90a
cuda-registers:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/registers CUDA_TARGETS='$(CUDA_TARGETS)' cuda-compile
	$(Q)for log in $(patsubst %.cu,$(BUILD)/registers/cuda/%.log,$(CUDA_SOURCES)); do echo "=== $$log"; cat $$log; done | \
	    c++filt | awk -f scripts/registers.awk

# What the compiler made of launches that overlap, kernel by kernel (docs/gpu.md). The ladders of kernels/lab are launched in order.
.PHONY: cuda-order
CUDA_ORDER := $(patsubst %.cu,$(BUILD)/order/%.ptx,$(filter-out kernels/lab/%,$(CUDA_SOURCES)))
$(BUILD)/order/%.ptx: CUDA_TARGETS := -arch=compute_90a
$(BUILD)/order/%.ptx: %.cu
	@mkdir -p $(@D)
	@echo "  nvcc   $< (PTX)"
	$(Q)$(CCACHE) $(NVCC) $(filter-out -lineinfo,$(NVCCFLAGS)) -MD -MP -ptx $< -o $@
ifeq ($(NVCC),)
cuda-order:
	@echo "cuda-order: no nvcc on this machine"
else
cuda-order: $(CUDA_ORDER)
	$(Q)for file in $^; do echo "=== $$file"; cat $$file; done | awk -f scripts/launch_order.awk
endif

# The emulator, twice: under AddressSanitizer and UBSan, and with every access reported to the monitor (the compiler's
# ThreadSanitizer instrumentation with a runtime of our own: tests/emulator/engine/monitor.h). -O1 but for the engine: the instrumentation
# outweighs what -O2 gains, and these templates take long to compile.
EMULATED_SOURCES := $(CUDA_SOURCES) $(sort $(shell find tests/emulator -name '*.cu')) $(DEVICE_TEST_SOURCES)
EMULATOR_ENGINE := $(sort $(wildcard tests/emulator/engine/*.cpp))
EMULATOR_TESTS := $(filter-out $(EMULATOR_ENGINE) tests/emulator/libraries/%,$(call find_sources,tests/emulator tests/device))
EMULATOR_VARIANTS := sanitized monitored
EMULATOR_FLAGS_sanitized := -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all
EMULATOR_FLAGS_monitored := -DPURNET_EMULATOR_MONITOR
EMULATOR_KERNEL_FLAGS_monitored := -fsanitize=thread
EMULATOR_LINK_sanitized := -fsanitize=address,undefined
EMULATOR_PROGRAM_sanitized := $(BUILD)/emulator_tests
EMULATOR_PROGRAM_monitored := $(BUILD)/emulator_monitor_tests
EMULATOR_CXXFLAGS = $(filter-out $(SANITIZE_FLAGS),$(CXXFLAGS)) -fno-strict-aliasing -fno-omit-frame-pointer

# What stands in for NVIDIA's libraries there, by their file names, in a folder for each kind (tests/emulator/libraries).
FAKE_LIBRARIES :=
define fake_library
FAKE_LIBRARIES += $$(BUILD)/emulator/libraries/$(1)
$$(BUILD)/emulator/libraries/$(1): $(2) | packages
	@mkdir -p $$(@D)
	@echo "  c++    $$< ($(1))"
	$$(Q)$$(CXX) $$(CPPFLAGS) $$(EMULATOR_CXXFLAGS) $(3) -MF $$@.d -shared -fPIC $$< -o $$@
-include $$(BUILD)/emulator/libraries/$(1).d
endef
$(eval $(call fake_library,good/libcublasLt.so.13,tests/emulator/libraries/fake_cublaslt.cpp,))
$(eval $(call fake_library,good/libcudnn.so.9,tests/emulator/libraries/fake_cudnn.cpp,))
$(eval $(call fake_library,old/libcublasLt.so.12,tests/emulator/libraries/fake_cublaslt.cpp,-DFAKE_VERSION=111103))
$(eval $(call fake_library,new/libcublasLt.so.13,tests/emulator/libraries/fake_cublaslt.cpp,-DFAKE_VERSION=140000))
$(eval $(call fake_library,damaged/libcublasLt.so.13,tests/emulator/libraries/fake_cublaslt.cpp,-DFAKE_LACKS_MATMUL))
$(eval $(call fake_library,old/libcudnn.so.9,tests/emulator/libraries/fake_cudnn.cpp,-DFAKE_VERSION=8907))
$(eval $(call fake_library,new/libcudnn.so.9,tests/emulator/libraries/fake_cudnn.cpp,-DFAKE_VERSION=100000))

define emulator_rules
$$(patsubst %.cpp,$$(BUILD)/emulator/$(1)/%.o,$$(EMULATOR_TESTS)): OPTIMISE := -O1
EMULATOR_OBJECTS_$(1) := $$(patsubst %.cu,$$(BUILD)/emulator/$(1)/%.cu.o,$$(EMULATED_SOURCES)) \
    $$(patsubst %.cpp,$$(BUILD)/emulator/$(1)/%.o,$$(EMULATOR_ENGINE) $$(EMULATOR_TESTS))
$$(BUILD)/emulator/$(1)/%.cu.o: OPTIMISE := -O1
$$(BUILD)/emulator/$(1)/%.cu.o: %.cu | packages
	@mkdir -p $$(@D)
	@echo "  c++    $$< ($(1))"
	$$(Q)$$(CXX) $$(CPPFLAGS) -Itests/emulator/include $$(EMULATOR_CXXFLAGS) -Wno-unknown-pragmas $$(EMULATOR_FLAGS_$(1)) \
	    $$(EMULATOR_KERNEL_FLAGS_$(1)) -x c++ -c $$< -o $$@
$$(BUILD)/emulator/$(1)/%.o: %.cpp | packages
	@mkdir -p $$(@D)
	@echo "  c++    $$< ($(1))"
	$$(Q)$$(CXX) $$(CPPFLAGS) $$(EMULATOR_CXXFLAGS) $$(EMULATOR_FLAGS_$(1)) -c $$< -o $$@
$$(EMULATOR_PROGRAM_$(1)): $$(EMULATOR_OBJECTS_$(1)) $$(BUILD)/obj/tests/records/harness.o \
    $$(RECORD_OBJECTS) $$(LIBRARY) | $$(FAKE_LIBRARIES)
	@echo "  link   $$@"
	$$(Q)$$(CXX) $$(filter-out $$(SANITIZE_FLAGS),$$(LDFLAGS)) $$(EMULATOR_LINK_$(1)) $$^ $$(LDLIBS) -ldl -o $$@
-include $$(EMULATOR_OBJECTS_$(1):.o=.d)
endef
$(foreach variant,$(EMULATOR_VARIANTS),$(eval $(call emulator_rules,$(variant))))
EMULATOR_PROGRAMS := $(foreach variant,$(EMULATOR_VARIANTS),$(EMULATOR_PROGRAM_$(variant)))

# What needs a device. `make gpu-check` runs everything there is to see on one and leaves a report; `make gpu-bundle` packs it up for a
# machine that has a driver and nothing else (scripts/gpu_check.sh).
GPU_TEST_OBJECTS := $(call objects,$(call find_sources,tests/gpu tests/device)) $(DEVICE_TEST_CUDA)
$(BUILD)/gpu_tests: $(GPU_TEST_OBJECTS) $(BUILD)/obj/tests/records/harness.o $(RECORD_OBJECTS) $(CUDA_OBJECTS_ALL) $(LIBRARY)
	@echo "  link   $@"
	$(Q)$(CXX) $(LDFLAGS) $^ $(LDLIBS) $(CUDA_RUNTIME) -o $@
-include $(GPU_TEST_OBJECTS:.o=.d)

GPU_REPORT ?= build/gpu-report
.PHONY: gpu-programs gpu-check gpu-bundle
gpu-programs:
	$(Q)$(MAKE) --no-print-directory CUDA=1 $(BUILD)/purnet $(BUILD)/bench $(BUILD)/gpu_tests
gpu-check: gpu-programs
	$(Q)scripts/gpu_check.sh $(BUILD) $(GPU_REPORT)
gpu-bundle: gpu-programs
	$(Q)scripts/gpu_bundle.sh $(BUILD)

.PHONY: emulator
emulator: $(EMULATOR_PROGRAMS)
-include $(CUDA_OBJECTS_ALL:.o=.d) $(CUDA_ORDER:.ptx=.d)
