# System packages: what the build needs, found by their headers. Missing ones are installed where we may, else the command is printed.
PACKAGES_NEEDED := g++:g++ \
    oneapi/dnnl/dnnl.hpp:libdnnl-dev \
    stb/stb_image.h:libstb-dev \
    doctest/doctest.h:doctest-dev \
    CLI/CLI.hpp:libcli11-dev \
    nlohmann/json.hpp:nlohmann-json3-dev \
    zlib.h:zlib1g-dev \
    png.h:libpng-dev \
    jpeglib.h:libjpeg-dev

.PHONY: packages
packages: $(BUILD)/packages.ok
$(BUILD)/packages.ok: scripts/packages.mk scripts/packages.sh
	@mkdir -p $(@D)
	@CXX="$(CXX)" scripts/packages.sh $(PACKAGES_NEEDED)
	@touch $@
