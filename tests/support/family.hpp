// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The processes that belong to one run of a test program: itself, its fork server, workers, helper programs, and
// whatever any of them left behind. Parentage does not tell (orphans are adopted by others), so membership is a mark in
// the environment that the program was started with: it survives fork, exec and the death of the parent.

#include <sys/types.h>

#include <string>
#include <vector>

namespace plait::tests {

struct FamilyMember {
  pid_t pid;
  unsigned long long start_time;  // with the pid: identity of a process
  std::string name;
  char state;  // as in /proc/PID/stat

  friend bool operator==(const FamilyMember& a, const FamilyMember& b) {
    return a.pid == b.pid && a.start_time == b.start_time;
  }
};

// Gives this program its mark, by executing it once more with the mark in its environment. Returns in a marked program.
// First thing in main, before there are threads.
void join_family(char** argv);

// All living members but this process; zombies too (state 'Z'), when they are its children. Waits until a fork server's
// spare child has become another or has left, which takes it a moment after the last start.
std::vector<FamilyMember> family();

// The contents of a (small) file, empty when it cannot be read. For /proc.
std::string read_file(const std::string& path);

}  // namespace plait::tests
