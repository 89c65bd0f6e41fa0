// SPDX-License-Identifier: Apache-2.0
//
// How many processors the machine has, and how many this process may use.

#include <plait/os.hpp>

#include <cstdio>

int main() {
  std::printf("%d\n", plait::os::cpu_count());
  std::printf("%d\n", plait::os::process_cpu_count());
}
