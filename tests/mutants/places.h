// The mutants there are, and the one of this run. A place is a call of a building block or a comparison in the kernels; a mutant is one
// change there. Places make themselves known when a thread of a kernel passes them: what kernels a record reaches is seen, not guessed.
#pragma once

#include <string>
#include <vector>

namespace purnet::mutants {

struct Place {
    std::string kind;  // barrier, collective, fence, wait, mask, comparison
    std::string file;
    int line = 0;
    int ordinal = 0;     // of a comparison, in its line; 0: a building block
    std::string text;    // of the line
    int occurrence = 1;  // of this text in its file
    std::string name() const;
};

struct Mutant {
    int place = 0;
    std::string change;
};

// What the awk script found: comparisons by their numbers, and calls of building blocks. Once, first.
void read_places(const std::string& path);

const std::vector<Place>& places();  // grows while places make themselves known
const std::vector<Mutant>& mutants();
std::string name_of(const Mutant& mutant);  // "kernels/tile/reduce.h:44 barrier deleted"

// From here to the next call the mutants whose places are passed are noted; taken by reached().
void begin_survey();
std::vector<int> reached();

// A mutant in a word without blanks that means the same in every process of one program, and back. Reading one makes its place known.
std::string key_of(int mutant);
int mutant_of_key(const std::string& key);
// Numbers of the comparisons that the host made in this process; and those of another process.
std::vector<int> compared_by_host();
void host_compares(int number);

// Makes that one the mutant of this process.
void choose(int mutant);

// Places of the awk script's list that no thread of a kernel ever passed. Comparisons that only the host makes are not among them.
std::vector<Place> never_reached();

}  // namespace purnet::mutants
