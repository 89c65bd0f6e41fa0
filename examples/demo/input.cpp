// SPDX-License-Identifier: Apache-2.0
#include "input.hpp"

#include <charconv>
#include <string_view>

namespace demo {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view white = " \t\r\v\f";
  const std::size_t begin = text.find_first_not_of(white);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white) - begin + 1);
}

}  // namespace

Input read_numbers(std::istream& lines) {
  Input input;
  std::string line;
  for (std::size_t count = 1; std::getline(lines, line); ++count) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#') continue;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc::result_out_of_range) {
      input.bad_lines.push_back({count, line, "too large for 64 bits"});
    } else if (error != std::errc() || end != text.data() + text.size()) {
      input.bad_lines.push_back({count, line, "not a whole number"});
    } else {
      input.numbers.push_back(number);
    }
  }
  return input;
}

}  // namespace demo
