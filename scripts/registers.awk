# The table of `make cuda-registers`: what the assembler said (-Xptxas -v) of each kernel, a row for all instances of one in one file.
# Read is `=== LOG` and then the log's lines, demangled, for each log.
# Shared memory is the static one; what a launch asks for dynamically the assembler does not see.
function finish(   at) {
    if (kernel == "") return
    at = file ": " kernel
    if (!(at in instances)) order[++rows] = at
    if (!((at, target, full) in seen)) {
        seen[at, target, full] = 1
        if (!(target in targets)) { targets[target] = ++columns; name[columns] = target }
        if (!counted[at, full]++) ++instances[at]
        if (!((at, target) in least) || registers < least[at, target]) least[at, target] = registers
        if (registers > most[at, target]) most[at, target] = registers
        if (shared > static[at]) static[at] = shared
        if (spilled) {
            spills[at, target] += spilled
            ++spilling
            list = list "- " target ", " spilled " bytes stored: `" full "`\n"
        }
        ++kernels
    }
    kernel = ""
}

/^=== / {
    finish()
    file = $2
    sub(/^.*kernels\//, "", file)
    sub(/\.log$/, ".cu", file)
}
/Compiling entry function/ {
    finish()
    target = $NF
    gsub(/'/, "", target)
    full = $0
    sub(/^.*entry function '/, "", full)
    sub(/' for 'sm_.*$/, "", full)
    kernel = full
    gsub(/\(anonymous namespace\)::/, "", kernel)
    sub(/^void /, "", kernel)
    sub(/[<(].*$/, "", kernel)
    sub(/^.*::/, "", kernel)
    shared = spilled = 0
}
/bytes stack frame/ { spilled = $5 }
/: Used [0-9]+ registers/ {
    registers = $5
    if (match($0, /[0-9]+ bytes smem/)) shared = substr($0, RSTART, RLENGTH) + 0
}
END {
    finish()
    printf "| kernel | instances | static shared memory, bytes |"
    for (c = 1; c <= columns; ++c) printf " registers, %s | spilled |", name[c]
    printf "\n|---|---|---|"
    for (c = 1; c <= columns; ++c) printf "---|---|"
    printf "\n"
    for (r = 1; r <= rows; ++r) {
        at = order[r]
        printf "| %s | %d | %d |", at, instances[at], static[at]
        for (c = 1; c <= columns; ++c) {
            t = name[c]
            if (!((at, t) in least)) printf " | |"
            else if (least[at, t] == most[at, t]) printf " %d | %d |", most[at, t], spills[at, t]
            else printf " %d to %d | %d |", least[at, t], most[at, t], spills[at, t]
        }
        printf "\n"
    }
    printf "\n%d kernels, instances and targets counted one by one; %s\n", kernels, spilling ? spilling " spill:\n" : "none spills."
    if (spilling) printf "\n%s", list
}
