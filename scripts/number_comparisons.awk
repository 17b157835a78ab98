# Copies of kernel sources in which every comparison carries a number, so that one program can hold all mutants of them
# (tests/mutants/compared.h):      a < b      becomes      a <PURNET_COMPARED(less, 3007)> b
# The built-in operator's place in the expression stays: < and == have two signs that bind alike, one before and one after the number.
#
#     awk -v to=FOLDER -f number_comparisons.awk FILES > places
#
# places: a line for each comparison and for each call of a building block, fields separated by tabs:
#     comparison  number  file  line  ordinal-in-line  text of the line         call  -  file  line  -  text of the line
# A file's numbers begin at 1000 times its position, so that an edit of one file moves no number of another.
#
# It relies on the format that scripts/check.sh demands: blanks around operators, none around the brackets of templates. Left alone are
# comparisons that must be constants (constexpr, static_assert, `if constexpr`, between square brackets or the brackets of a template) and the headers of loops under
# a plain `#pragma unroll`, which run over a thread's registers: their bounds are sizes of types.

function begin_file() {
    ++file_number
    number = file_number * 1000
    target = to "/" FILENAME
    depth = skip_depth = 0
    skip_statement = unrolled = 0
    line_number = 0
    print "#line 1 \"" FILENAME "\"" > target
}

function trimmed(text) {
    sub(/^[ \t]+/, "", text)
    sub(/[ \t]+$/, "", text)
    return text
}

# The line with its comparisons numbered. `header` counts the parentheses of a loop's header or an `if constexpr` that stays as it is.
function numbered(line, result, i, c, three, four, in_string, square, header, round, angle, before, name, closing, code, ordinal) {
    code = line " "
    result = ""
    in_string = square = round = angle = header = ordinal = 0
    before = ""
    for (i = 1; i <= length(code); ++i) {
        c = substr(code, i, 1)
        if (in_string) {
            if (c == "\\") { result = result c substr(code, ++i, 1); continue }
            if (c == "\"") in_string = 0
            result = result c
            continue
        }
        if (c == "\"") in_string = 1
        if (substr(code, i, 2) == "//") { result = result substr(code, i); break }
        if (substr(code, i, 14) == "if constexpr (" || (unrolled && substr(code, i, 5) == "for (")) header = round + 1
        if (c == "(") ++round
        if (c == ")") { if (header == round) header = 0; --round }
        # The brackets of templates: no blank after the first, none before the last.
        if (c == "<" && (before ~ /[A-Za-z0-9_]/ || result ~ /template $/) && substr(code, i + 1, 1) !~ /[ =]/ && result !~ /operator$/) ++angle
        if (c == ">" && angle && before !~ /[ -]/) --angle
        before = c
        if (c == "[") ++square
        if (c == "]") --square
        if (c == "{") ++depth
        if (c == "}") { --depth; if (skip_depth && depth < skip_depth) skip_depth = 0 }
        name = ""
        if (c == " ") {
            three = substr(code, i, 3)
            four = substr(code, i, 4)
            if (three == " < ") { name = "less"; closing = ">" }
            else if (three == " > ") { name = "greater"; closing = ">" }
            else if (four == " <= ") { name = "less_equal"; closing = ">" }
            else if (four == " >= ") { name = "greater_equal"; closing = ">" }
            else if (four == " == ") { name = "equal"; closing = "==" }
            else if (four == " != ") { name = "not_equal"; closing = "==" }
        }
        if (name != "") {
            ++ordinal
            if (!header && !square && !angle && !skip_depth && !skip_statement) {
                ++number
                print "comparison\t" number "\t" FILENAME "\t" line_number "\t" ordinal "\t" trimmed(line)
                result = result " " (closing == "==" ? "==" : "<") "PURNET_COMPARED(" name ", " number ")" closing
                i += (three == " < " || three == " > ") ? 1 : 2
                continue
            }
        }
        result = result c
    }
    sub(/ $/, "", result)
    return result
}

FNR == 1 { begin_file() }

{
    ++line_number
    code = $0
    sub(/\/\/.*/, "", code)
    if (code ~ /constexpr|static_assert/ && code !~ /if constexpr/) {
        if (code ~ /\) (const )?\{[ ]*$/)
            skip_depth = depth + 1  # a function: to its last brace
        else
            skip_statement = 1  # to its semicolon
    }
    if (code ~ /^[ \t]*#/)
        print $0 > target
    else
        print numbered($0) > target
    if (skip_statement && code ~ /;[ ]*$/) skip_statement = 0
    if (code ~ /^[ \t]*#pragma unroll[ ]*$/)
        unrolled = 1
    else if (code !~ /^[ \t]*$/)
        unrolled = 0
    if (code ~ /__sync(threads|warp)|__threadfence|__shfl_|__(ballot|any|all|match_any|reduce_[a-z]+)_sync|ptx::(barrier_|copy_async_|mbarrier_|fence_|wgmma_(fence|commit|wait)|load_acquire|store_release|wait_for_(flag|launches))/)
        print "call\t-\t" FILENAME "\t" line_number "\t-\t" trimmed($0)
}
