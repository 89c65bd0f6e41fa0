// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdint>

extern "C" __attribute__((visibility("default"))) void plugin_entry(std::uint64_t argument) {
  _exit(static_cast<int>(argument));
}
