# `make cuda-order`: reads the PTX of kernels that may begin while the launch ahead of them still runs (kernels/tile/ptx.h,
# "Launches that overlap"), with `=== FILE` ahead of each file's. An error for each kernel that
#   - does not wait (griddepcontrol.wait), or lets dependents come anywhere but right behind its wait;
#   - above its first wait, in the order of the text, touches memory that is not its own (all but parameters, shared and local memory),
#     calls a function, or ends;
#   - loads memory as if it never changed (ld.global.nc): such a load may be moved across the wait.
# The last line counts the kernels. Exit code 1: there is an error, or no kernel was there to be read.
function wrong(what) {
    printf "%s: %s: %s\n", file, kernel, what
    ++errors
}

/^=== / { file = $2 }
/\.entry / {
    kernel = $0
    sub(/^.*\.entry +/, "", kernel)
    sub(/\(.*$/, "", kernel)
    waits = 0
    behind = 0
    ++kernels
}
kernel == "" { next }
{ sub(/^[ \t]*(@!?%p[0-9]+[ \t]+)?/, "") }
/^(\/\/|\.loc|$)/ { next }
/^griddepcontrol\.wait/ {
    ++waits
    behind = 1
    next
}
/^griddepcontrol\.launch_dependents/ {
    if (!behind) wrong("lets dependents come before it waits: " $0)
    behind = 0
    next
}
/^(ld|ldu)\.global.*\.nc[.\]]/ { wrong("a load as of memory that never changes: " $0) }
!waits && /^(ld|st|ldu|atom|red|cp|prefetch|mbarrier|multimem|wgmma|tex|suld|sust)[.]/ &&
    !/^(ld|st)\.(volatile\.)?(param|shared|local|const)/ && !/^mbarrier\.init/ && !/^prefetch\.(param|tensormap)/ && !/^cp\.async\.(commit|wait)/ {
    wrong("touched before the wait: " $0)
}
!waits && /^call/ { wrong("calls a function before the wait: " $0) }
!waits && /^(ret|exit);/ { wrong("ends before the wait") }
/^}/ {
    if (!waits) wrong("never waits")
    kernel = ""
}
END {
    printf "%d kernels read, %d errors\n", kernels, errors
    exit errors > 0 || kernels == 0
}
