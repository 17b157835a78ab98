# make mutants: every building block and comparison of the kernels made wrong in turn (docs/emulator.md, tests/mutants/driver.h). The
# emulator's third variant: under the monitor, from copies of the kernels whose comparisons are numbered. MUTANTS="--keep --only FILE":
# arguments of the program.
MUTANTS ?=
MUTATED := $(BUILD)/mutants
MUTATED_SOURCES := $(MUTATED)/sources
# The rewritten files: everything with code for the device but the instructions themselves and the lab.
MUTATED_FILES := $(sort $(shell grep -lrE '__(device|global)__' kernels --include='*.h' --include='*.cu' | grep -vE '^kernels/(lab|runtime)/|^kernels/tile/ptx'))
MUTATED_KERNELS := $(filter-out kernels/lab/%,$(CUDA_SOURCES)) $(sort $(shell find tests/emulator -name '*.cu'))
# Left out: the lab, what counts or compares ways at length, and what has a place for whole networks, but for what reaches tiles and launches
# that the records do not.
MUTATED_TESTS := $(filter-out tests/emulator/main.cpp tests/emulator/lab% tests/emulator/costs% tests/emulator/records_test.cpp \
    tests/emulator/libraries% tests/emulator/support% $(shell grep -l tests/device/place.h tests/emulator/*.cpp),$(call find_sources,tests/emulator tests/mutants)) \
    tests/emulator/place.cpp tests/emulator/moments_test.cpp $(patsubst %,tests/device/%_test.cpp,merged sums tf32)
MUTATED_OBJECTS := $(patsubst %.cu,$(MUTATED)/%.cu.o,$(MUTATED_KERNELS)) $(patsubst %.cpp,$(MUTATED)/%.o,$(MUTATED_TESTS))
MUTATED_FLAGS := $(EMULATOR_FLAGS_monitored) -DPURNET_EMULATOR_MUTANTS

# A copy that stays as it was keeps its time, and its objects theirs.
$(MUTATED)/places.txt: $(MUTATED_FILES) scripts/number_comparisons.awk
	@mkdir -p $(sort $(dir $(addprefix $(MUTATED)/fresh/,$(MUTATED_FILES)) $(addprefix $(MUTATED_SOURCES)/,$(MUTATED_FILES))))
	$(Q)awk -v to=$(MUTATED)/fresh -f scripts/number_comparisons.awk $(MUTATED_FILES) > $@
	$(Q)for file in $(MUTATED_FILES); do \
	    cmp -s $(MUTATED)/fresh/$$file $(MUTATED_SOURCES)/$$file || cp $(MUTATED)/fresh/$$file $(MUTATED_SOURCES)/$$file; done
$(addprefix $(MUTATED_SOURCES)/,$(MUTATED_FILES)): $(MUTATED)/places.txt ;

# Warnings are the business of the other variants: a comparison with a number in it looks strange.
MUTATED_COMPILE = $(CXX) $(CPPFLAGS) -Itests/emulator/include -I$(MUTATED_SOURCES) $(EMULATOR_CXXFLAGS) -w $(MUTATED_FLAGS)
$(patsubst %.cu,$(MUTATED)/%.cu.o,$(filter $(MUTATED_FILES),$(MUTATED_KERNELS))): $(MUTATED)/%.cu.o: $(MUTATED_SOURCES)/%.cu | packages
	@mkdir -p $(@D)
	@echo "  c++    $< (mutants)"
	$(Q)$(MUTATED_COMPILE) $(EMULATOR_KERNEL_FLAGS_monitored) -include tests/mutants/compared.h -O1 -x c++ -c $< -o $@
$(patsubst %.cu,$(MUTATED)/%.cu.o,$(filter-out $(MUTATED_FILES),$(MUTATED_KERNELS))): $(MUTATED)/%.cu.o: %.cu $(MUTATED)/places.txt | packages
	@mkdir -p $(@D)
	@echo "  c++    $< (mutants)"
	$(Q)$(MUTATED_COMPILE) $(EMULATOR_KERNEL_FLAGS_monitored) -include tests/mutants/compared.h -O1 -x c++ -c $< -o $@
$(MUTATED)/%.o: %.cpp | packages
	@mkdir -p $(@D)
	@echo "  c++    $< (mutants)"
	$(Q)$(CXX) $(CPPFLAGS) $(EMULATOR_CXXFLAGS) $(MUTATED_FLAGS) -c $< -o $@
$(MUTATED)/mutants: $(MUTATED_OBJECTS) $(BUILD)/obj/tests/records/harness.o $(RECORD_OBJECTS) $(LIBRARY)
	@echo "  link   $@"
	$(Q)$(CXX) $(filter-out $(SANITIZE_FLAGS),$(LDFLAGS)) $^ $(LDLIBS) -ldl -o $@
-include $(MUTATED_OBJECTS:.o=.d)

.PHONY: mutants
mutants: $(MUTATED)/mutants
	$(Q)$(MUTATED)/mutants $(MUTATED) tests/mutants/survivors.txt $(MUTANTS)
