#!/bin/sh
# gpu_bundle.sh BUILD: BUILD/gpu-bundle.tar.gz, with the programs of `make gpu-check`, the libraries they need beside the system's, and
# the script. On a machine with a driver:  tar xf gpu-bundle.tar.gz && gpu-bundle/run.sh
set -eu
build=$1
folder=$build/gpu-bundle
rm -rf "$folder"
mkdir -p "$folder/build/lib" "$folder/scripts" "$folder/weights"
for program in purnet bench gpu_tests; do
    strip -o "$folder/build/$program" "$build/$program"
done
# What an ordinary system has by itself stays out.
ldd "$build/purnet" "$build/bench" "$build/gpu_tests" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
    grep -vE '/(libc|libm|libdl|librt|libpthread|ld-linux[^/]*)\.so' | xargs -I '{}' cp -L '{}' "$folder/build/lib/"
cp scripts/gpu_check.sh "$folder/scripts/"
mkdir -p "$folder/tests/goldens"
cp -r tests/goldens/lanes "$folder/tests/goldens/"
cp weights/salient-light.safetensors "$folder/weights/"
cat >"$folder/run.sh" <<'RUN'
#!/bin/sh
# run.sh [REPORT]: the report goes to ./gpu-report unless named.
report=$(realpath -m "${1:-gpu-report}")
cd "$(dirname "$0")" || exit 1
LD_LIBRARY_PATH=$PWD/build/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec scripts/gpu_check.sh build "$report"
RUN
chmod +x "$folder/run.sh" "$folder/scripts/gpu_check.sh"
tar -C "$build" -czf "$build/gpu-bundle.tar.gz" gpu-bundle
rm -rf "$folder"
ls -l "$build/gpu-bundle.tar.gz"
