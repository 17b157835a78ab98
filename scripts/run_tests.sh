#!/bin/sh
# run_tests.sh BUILD: every test, with each instruction set that this CPU has; closes with "N passed, N failed, N skipped".
set -u
build=$1
"$build/purnet_tests" --no-version
