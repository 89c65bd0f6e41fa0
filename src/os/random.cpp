// SPDX-License-Identifier: Apache-2.0
#include "os/random.hpp"

#include <sys/random.h>
#include <sys/types.h>

#include "os/error.hpp"

namespace plait::os {

void fill_with_random(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t filled = retry_interrupted([&] { return getrandom(bytes.data(), bytes.size(), 0); });
    if (filled < 0) throw_system_error("getrandom");
    bytes = bytes.subspan(static_cast<std::size_t>(filled));
  }
}

}  // namespace plait::os
