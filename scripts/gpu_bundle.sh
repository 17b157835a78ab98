#!/bin/sh
# gpu_bundle.sh BUILD: BUILD/gpu-bundle.tar.gz, with the programs of `make gpu-check`, the libraries they need beside the system's, and
# the sources they were made of. On a machine with a driver:  tar xf gpu-bundle.tar.gz && gpu-bundle/run.sh
set -eu
build=$1
folder=$build/gpu-bundle
most=60000000  # bytes
refuse() {
    echo "gpu_bundle.sh: $1 was built without CUDA: call make gpu-bundle, which builds it with CUDA and then calls this script" >&2
    exit 1
}
lacks_cuda() { "$@" --device cuda 2>&1 </dev/null | grep -q 'built without CUDA'; }
if lacks_cuda "$build/purnet" info; then refuse "$build/purnet"; fi
if lacks_cuda "$build/bench" ways --filter none; then refuse "$build/bench"; fi
rm -rf "$folder"
mkdir -p "$folder/build/lib"
for program in purnet bench gpu_tests; do
    strip -o "$folder/build/$program" "$build/$program"
done
# What an ordinary system has by itself stays out.
ldd "$build/purnet" "$build/bench" "$build/gpu_tests" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
    grep -vE '/(libc|libm|libdl|librt|libpthread|ld-linux[^/]*)\.so' | xargs -I '{}' cp -L '{}' "$folder/build/lib/"
# The tree as the programs were made of it: what git knows of, as it lies there; else all but what was built.
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -z | tar -c --null --files-from - | tar -x -C "$folder"
else
    tar -c --exclude="./$build" --exclude=./build . | tar -x -C "$folder"
fi
cat >"$folder/run.sh" <<'RUN'
#!/bin/sh
# run.sh [REPORT [PART...]]: the report goes to ./gpu-report unless named.
report=$(realpath -m "${1:-gpu-report}")
[ $# = 0 ] || shift
cd "$(dirname "$0")" || exit 1
LD_LIBRARY_PATH=$PWD/build/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec scripts/gpu_check.sh build "$report" "$@"
RUN
chmod +x "$folder/run.sh"
tar -C "$build" -czf "$build/gpu-bundle.tar.gz" gpu-bundle
rm -rf "$folder"
size=$(wc -c <"$build/gpu-bundle.tar.gz")
if [ "$size" -ge $most ]; then
    echo "gpu_bundle.sh: $build/gpu-bundle.tar.gz has $size bytes, and is to stay below $most" >&2
    exit 1
fi
echo "$build/gpu-bundle.tar.gz: $size bytes"
