// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Progress on standard error: a live bar on a terminal, a plain line for each quarter otherwise.

#include <cstddef>
#include <string>

namespace demo {

class Progress {
 public:
  Progress(std::string name, std::size_t total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void advance();

 private:
  void draw_bar() const;

  std::string name_;
  std::size_t total_;
  std::size_t done_ = 0;
  bool terminal_;
};

}  // namespace demo
