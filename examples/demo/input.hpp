// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Numbers from a file or standard input, one a line. A bad line is reported and costs no good one.

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>
#include <vector>

namespace demo {

struct GoodLine {
  std::size_t line = 0;  // counted from 1
  std::int64_t number = 0;
};

struct BadLine {
  std::size_t line = 0;
  std::string text;  // fit to be printed
  std::string problem;
};

struct Input {
  std::vector<GoodLine> numbers;
  std::vector<BadLine> bad_lines;
  std::string read_error;  // why reading ended before the end; empty: it did not
};

// Blank lines and lines that begin with '#' are passed over; white space around a number is allowed.
Input read_numbers(std::istream& lines);

}  // namespace demo
