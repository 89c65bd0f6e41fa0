// SPDX-License-Identifier: Apache-2.0
#include "os/output.hpp"

#include <stdio_ext.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "os/error.hpp"

namespace plait::os {

void flush_output() noexcept {
  const std::ios_base::Init made;  // who is here before main() may come before the streams
  try {
    std::cout.flush();
  } catch (...) {  // a stream that was set to throw: its error is for those who write to it
  }
  std::fflush(stdout);
}

void discard_output() noexcept { __fpurge(stdout); }

void write_text(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = retry_interrupted([&] { return write(fd, text.data(), text.size()); });
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace plait::os
