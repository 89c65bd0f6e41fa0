// SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace demo {

Progress::Progress(std::string name, std::size_t total)
    : name_(std::move(name)), total_(total), terminal_(isatty(STDERR_FILENO) == 1) {
  if (terminal_) draw_bar();
}

Progress::~Progress() {
  if (terminal_) std::fprintf(stderr, "\r\033[K");
}

void Progress::advance() {
  ++done_;
  if (terminal_) {
    draw_bar();
  } else if (done_ * 4 / total_ != (done_ - 1) * 4 / total_) {
    std::fprintf(stderr, "%s: %zu of %zu\n", name_.c_str(), done_, total_);
  }
}

void Progress::draw_bar() const {
  constexpr std::size_t width = 40;
  const std::size_t filled = total_ == 0 ? width : done_ * width / total_;
  const std::string bar = std::string(filled, '#') + std::string(width - filled, '.');
  std::fprintf(stderr, "\r%-14s [%s] %zu/%zu", name_.c_str(), bar.c_str(), done_, total_);
  std::fflush(stderr);
}

}  // namespace demo
