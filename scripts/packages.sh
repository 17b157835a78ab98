#!/bin/sh
# packages.sh HEADER:PACKAGE ... : says what was found; installs what is missing through apt where it may (root or sudo),
# else prints the exact command and fails. An entry without ".h" is a command.
set -u
missing=""
for entry in "$@"; do
    thing=${entry%%:*}
    package=${entry##*:}
    case "$thing" in
        *.h | *.hpp) echo "#include <$thing>" | ${CXX:-g++} -std=c++20 -E -x c++ - >/dev/null 2>&1 && continue ;;
        *) command -v "$thing" >/dev/null 2>&1 && continue ;;
    esac
    case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
done
if [ -n "$missing" ]; then
    echo "missing packages:$missing"
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "This system has no apt-get; install the equivalents of:$missing" >&2
        exit 1
    fi
    if [ "$(id -u)" = 0 ]; then as_root=""
    elif sudo -n true 2>/dev/null; then as_root="sudo"
    else
        echo "Run this, then make again:  sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing" >&2
        exit 1
    fi
    $as_root apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null || {
        echo "apt-get could not install:$missing" >&2
        exit 1
    }
fi
echo "compiler: $(${CXX:-g++} --version | head -n 1)"
echo "packages: $(for e in "$@"; do printf '%s ' "${e##*:}"; done)"
