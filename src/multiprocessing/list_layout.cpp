// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/list_layout.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "plait/errors.hpp"

namespace plait::detail {
namespace {

using Bytes = multiprocessing::shared_memory::ShareableList::Bytes;

enum class Kind : char { number = 0, text = 1, bytes = 2, none = 3 };

constexpr std::string_view int_format = "q", float_format = "d", bool_format = "xxxxxxx?", none_format = "xxxxxx?x";
constexpr std::size_t bool_at = 7;
constexpr std::size_t format_size = 8;

// Only a text or bytes has any; the view is of the item.
std::optional<std::string_view> text_of(const ListItem& item) noexcept {
  if (const auto* const text = std::get_if<std::string>(&item)) return *text;
  if (const auto* const bytes = std::get_if<Bytes>(&item)) {
    return std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  }
  return std::nullopt;
}

Kind kind_of(const ListItem& item) noexcept {
  switch (item.index()) {
    case 0:
      return Kind::none;
    case 4:
      return Kind::text;
    case 5:
      return Kind::bytes;
    default:
      return Kind::number;
  }
}

// Throws ValueError: there is no room for a number that large.
std::string text_format(std::string_view text, std::size_t room) {
  const bool ends_with_zero = !text.empty() && text.back() == '\0';
  std::string format = ends_with_zero ? std::to_string(text.size()) + "sx" : std::to_string(room) + "s";
  if (format.size() <= format_size) return format;
  throw ValueError(
      "ShareableList: an item of " + std::to_string(text.size()) + " bytes" +
      (ends_with_zero ? " that ends with a zero is too long: at most 999999" : " is too long: at most 9999999") +
      " have room in the layout");
}

std::string format_of(const ListItem& item, std::size_t room) {
  if (const auto text = text_of(item)) return text_format(*text, room);
  switch (item.index()) {
    case 0:
      return std::string(none_format);
    case 1:
      return std::string(bool_format);
    case 2:
      return std::string(int_format);
    default:
      return std::string(float_format);
  }
}

// A slot for it is the smallest multiple of 8 that leaves at least one zero after a text.
std::size_t room_for(const ListItem& item) {
  const auto text = text_of(item);
  const std::size_t room = text ? 8 * (text->size() / 8 + 1) : 8;
  static_cast<void>(format_of(item, room));
  return room;
}

template <class T>
T load(std::span<const std::byte> from) noexcept {
  T value;
  std::memcpy(&value, from.data(), sizeof value);
  return value;
}

// How a text lies in its slot.
struct TextFormat {
  std::size_t size = 0;
  bool exact = false;  // what it ends with is part of it, zeroes too
};
std::optional<TextFormat> parse_text_format(std::string_view format) noexcept {
  TextFormat parsed;
  const auto [rest, error] = std::from_chars(format.data(), format.data() + format.size(), parsed.size);
  const std::string_view letters(rest, static_cast<std::size_t>(format.data() + format.size() - rest));
  if (error != std::errc() || (letters != "s" && letters != "sx")) return std::nullopt;
  parsed.exact = letters == "sx";
  return parsed;
}

[[noreturn]] void refuse(const char* what) { throw DecodeError(std::string("ShareableList: ") + what); }

}  // namespace

ListLayout::ListLayout(std::span<const ListItem> items) : offsets_(1, 0) {
  offsets_.reserve(items.size() + 1);
  for (const ListItem& item : items) offsets_.push_back(offsets_.back() + room_for(item));
}

ListLayout::ListLayout(std::span<const std::byte> memory) {
  const char* const is_none = "this shared memory is no list";
  if (memory.size() < 2 * word) refuse(is_none);
  const auto count = load<std::int64_t>(memory);
  // An item takes at least an offset, a slot, a format and a kind.
  constexpr std::size_t least = 3 * word + 1;
  const std::size_t most = (memory.size() - 2 * word) / least;
  if (count < 0 || static_cast<std::uint64_t>(count) > most) refuse(is_none);
  const auto items = static_cast<std::size_t>(count);
  const std::size_t data_limit = memory.size() - (items + 2) * word - items * (word + 1);
  offsets_.reserve(items + 1);
  for (std::size_t i = 0; i <= items; ++i) {
    const auto offset = load<std::int64_t>(memory.subspan((i + 1) * word));
    if (offset < 0 || static_cast<std::uint64_t>(offset) > data_limit) refuse("an offset leads out of its memory");
    const auto value = static_cast<std::size_t>(offset);
    if (i != 0 && (value < offsets_.back() || value - offsets_.back() < word)) refuse("a slot is too small");
    offsets_.push_back(value);
  }
}

void ListLayout::write(std::span<std::byte> memory) const {
  const auto put = [&memory](std::size_t at, std::size_t value) {
    const auto number = static_cast<std::int64_t>(value);
    std::memcpy(memory.subspan(at, word).data(), &number, word);
  };
  put(0, count());
  for (std::size_t i = 0; i <= count(); ++i) put((i + 1) * word, offsets_[i]);
}

std::string ListLayout::format(std::span<const std::byte> memory, std::size_t index) const {
  std::array<char, format_size> format;
  std::memcpy(format.data(), memory.subspan(formats_at() + index * word, word).data(), format.size());
  return {format.data(), strnlen(format.data(), format.size())};
}

ListItem ListLayout::get(std::span<const std::byte> memory, std::size_t index) const {
  const std::string how = format(memory, index);
  const auto kind = static_cast<Kind>(memory[kinds_at() + index]);
  const std::span<const std::byte> here = slot(memory, index);
  if (kind == Kind::number && how == int_format) return load<std::int64_t>(here);
  if (kind == Kind::number && how == float_format) return load<double>(here);
  if (kind == Kind::number && how == bool_format) return here[bool_at] != std::byte{};
  if (kind == Kind::none && how == none_format) return std::monostate();
  const auto text = parse_text_format(how);
  if ((kind != Kind::text && kind != Kind::bytes) || !text) refuse("an item has no format that is known");
  if (text->size > here.size()) refuse("an item is longer than its slot");
  Bytes bytes(here.begin(), here.begin() + static_cast<std::ptrdiff_t>(text->size));
  while (!text->exact && !bytes.empty() && bytes.back() == std::byte{}) bytes.pop_back();
  if (kind == Kind::bytes) return bytes;
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void ListLayout::set(std::span<std::byte> memory, std::size_t index, const ListItem& item) const {
  const std::span<std::byte> here = slot(memory, index);
  const auto text = text_of(item);
  if (text && text->size() > here.size()) {
    throw ValueError("ShareableList: an item of " + std::to_string(text->size()) +
                     " bytes exceeds the available room of " + std::to_string(here.size()));
  }
  const std::string how = format_of(item, here.size());
  std::ranges::fill(here, std::byte{});
  if (text) {
    std::ranges::copy(std::as_bytes(std::span(*text)), here.begin());
  } else if (const auto* const number = std::get_if<std::int64_t>(&item)) {
    std::memcpy(here.data(), number, sizeof *number);
  } else if (const auto* const real = std::get_if<double>(&item)) {
    std::memcpy(here.data(), real, sizeof *real);
  } else if (const auto* const truth = std::get_if<bool>(&item)) {
    here[bool_at] = std::byte{*truth};
  }
  std::array<char, format_size> format{};
  std::ranges::copy(how, format.begin());
  std::memcpy(memory.subspan(formats_at() + index * word, word).data(), format.data(), format.size());
  memory[kinds_at() + index] = static_cast<std::byte>(kind_of(item));
}

}  // namespace plait::detail
