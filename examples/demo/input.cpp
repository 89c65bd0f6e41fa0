// SPDX-License-Identifier: Apache-2.0
#include "input.hpp"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <string_view>
#include <system_error>

namespace demo {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view white = " \t\r\v\f";
  const std::size_t begin = text.find_first_not_of(white);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white) - begin + 1);
}

// Without what a terminal would not show, or obey, and not too long.
std::string printable(std::string_view text) {
  constexpr std::size_t most = 80;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string shown;
  for (const char c : text.substr(0, most)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte != 0x7f) {
      shown += c;
    } else {
      shown += {'\\', 'x', digits[byte / 16], digits[byte % 16]};
    }
  }
  return text.size() > most ? shown + "..." : shown;
}

// Null, or what is wrong with it.
const char* parse(std::string_view text, std::int64_t& number) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return "too large for 64 bits";
  if (error != std::errc() || end != text.data() + text.size()) return "not a whole number";
  return nullptr;
}

}  // namespace

Input read_numbers(std::istream& lines) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  Input input;
  std::string line;
  errno = 0;
  for (std::size_t count = 1; std::getline(lines, line); ++count) {
    if (count == 1 && line.starts_with(byte_order_mark)) line.erase(0, byte_order_mark.size());
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#') continue;
    std::int64_t number = 0;
    if (const char* const problem = parse(text, number)) {
      input.bad_lines.push_back({count, printable(text), problem});
    } else {
      input.numbers.push_back({count, number});
    }
  }
  const bool failed = lines.bad() || (&lines == &std::cin && std::ferror(stdin) != 0);
  if (failed) input.read_error = std::generic_category().message(errno != 0 ? errno : EIO);
  return input;
}

}  // namespace demo
