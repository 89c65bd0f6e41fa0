// SPDX-License-Identifier: Apache-2.0
// A static object of a program starts a process, which starts one itself: the first, forked before the library's own
// static objects are made, is no less a child of plait's. Ends with 0 if both did as they should.
#include <unistd.h>

#include <exception>
#include <optional>

#include "plait/multiprocessing.hpp"

namespace {

namespace mp = plait::multiprocessing;

std::optional<int> code_of(void (*f)()) {
  mp::Process process({.context = mp::get_context("forkserver")}, f);
  process.start();
  process.join();
  return process.exitcode();
}

void grandchild() { throw plait::SystemExit(5); }
void child() { throw plait::SystemExit(code_of(grandchild) == 5 ? 3 : 4); }

const std::optional<int> code_before_main = code_of(child);

}  // namespace

int main() { return code_before_main == 3 ? 0 : 1; }
