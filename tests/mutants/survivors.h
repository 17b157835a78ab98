// tests/mutants/survivors.txt: which mutants live, and why. Places are named by the text of their line, which outlives edits around it:
//
//     kernels/tile/reduce.h: __syncthreads();  // a result of the call before may still be read
//         barrier deleted
//         equivalent: no run can tell the mutant from the kernel, because ...
//
// The first line may end its file's name with #2: the second line of that text in the file. The second may hold several changes, between
// semicolons. The reason begins with `equivalent:` (such a mutant is no defect) or `unseen:` (it is one, and here is why nothing shows it).
// Blocks are separated by empty lines; lines that begin with # are comments.
#pragma once

#include <string>
#include <vector>

#include "tests/mutants/places.h"

namespace purnet::mutants {

struct Reason {
    std::string place;   // "kernels/tile/reduce.h: __syncthreads();"
    std::string change;  // "barrier deleted", "comparison 2 off by one"
    std::string text;
    int line = 0;
    bool equivalent = false;
    bool used = false;
};

std::vector<Reason> read_reasons(const std::string& path);
// The reason given for such a mutant, null where there is none; marks it as used.
Reason* reason_for(std::vector<Reason>& reasons, const Place& place, const std::string& change);
// The first two lines of a block for it.
std::string block_for(const Place& place, const std::string& change);

}  // namespace purnet::mutants
