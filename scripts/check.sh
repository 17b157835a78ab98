#!/bin/sh
# check.sh: what needs no compiler. Format (where clang-format is installed), the directions of the floors from the include
# lines, and the source rules of docs/architecture.md. Warnings are errors in every build.
set -u
failed=0
say() { echo "check: $*" >&2; failed=1; }

# Floors from the ground up; a file may include its own floor and those before it.
floors="kernels core data layers losses nets apps/run apps/salient apps"
floor_of() {
    case "$1" in
        kernels/*) echo 1 ;; core/*) echo 2 ;; data/*) echo 3 ;; layers/*) echo 4 ;;
        losses/*) echo 5 ;; nets/*) echo 6 ;; apps/run/*) echo 7 ;;
        apps/salient/*) echo 8 ;; apps/*) echo 9 ;; *) echo 0 ;;
    esac
}
sources=$(git ls-files 'kernels/*' 'core/*' 'data/*' 'layers/*' 'losses/*' 'nets/*' 'apps/*' | grep -E '\.(h|cpp|cu|cuh)$')
grep -HnE '^#include "' $sources | sed -E 's/^([^:]+):([0-9]+):#include "([^"]+)".*/\1 \2 \3/' | {
    bad=0
    while read -r file line include; do
        from=$(floor_of "$file")
        to=$(floor_of "$include")
        if [ "$to" = 0 ]; then
            echo "check: $file:$line: include \"$include\" is not written from the repository's root" >&2
            bad=1
        elif [ "$to" -gt "$from" ]; then
            echo "check: $file:$line: $include lies on a higher floor (order: $floors)" >&2
            bad=1
        elif [ "$from" = 7 ] && [ "$to" -ge 4 ] && [ "$to" -le 6 ]; then
            echo "check: $file:$line: apps/run serves every system and knows no network: $include" >&2
            bad=1
        fi
    done
    exit $bad
} || failed=1

# PTX lives in kernels/tile alone, and kernels know nothing of the emulator.
ptx=$(git ls-files 'kernels/*.cu' 'kernels/*.cuh' 'kernels/*.h' | grep -v '^kernels/tile/' | xargs grep -lE '\basm\b *(volatile)? *\(' 2>/dev/null)
[ -z "$ptx" ] || say "inline PTX outside kernels/tile: $ptx"
emulator=$(git ls-files 'kernels/*' | xargs grep -liE 'PURNET_EMULAT' 2>/dev/null)
[ -z "$emulator" ] || say "a kernel knows the emulator: $emulator"

# Op records are linked into tests and benchmarks only, the lab into tests; files compiled per instruction set use no library templates.
cases=$(grep -lE '#include "[^"]*_cases' $sources 2>/dev/null)
[ -z "$cases" ] || say "a record is included: $cases"
lab=$(grep -l '#include "kernels/lab/' $sources 2>/dev/null | grep -vE '^kernels/lab/')
[ -z "$lab" ] || say "the lab is included: $lab"
simd=$(git ls-files '*_simd.cpp' | xargs grep -lE '#include <(algorithm|vector|string|functional|memory|map|cmath)>' 2>/dev/null)
[ -z "$simd" ] || say "a library template in a file compiled per instruction set: $simd"

if command -v clang-format >/dev/null 2>&1; then
    git ls-files '*.h' '*.cpp' '*.cu' '*.cuh' | xargs clang-format --dry-run -Werror || say "run: make format"
else
    echo "check: clang-format is not installed, format not checked"
fi

[ "$failed" = 0 ] && echo "check: floors, source rules and format are in order"
exit "$failed"
