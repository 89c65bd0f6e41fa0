// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The bytes of a ShareableList, which are those of Python's:
//
//   int64 count │ count + 1 int64 offsets into the data │ data │ count × 8 bytes of format │ count × 1 byte of kind
//
//   item            kind  format       data (zeroes after it, to the end of the slot)
//   int, float      0     "q", "d"     8 bytes
//   bool            0     "xxxxxxx?"   the last of 8 bytes
//   None            3     "xxxxxx?x"   8 zeroes
//   str, bytes      1, 2  "<room>s"    the text; what is read ends before the zeroes at the end
//   … that ends     1, 2  "<size>sx"   the text. Python reads it too (without the zeroes), and since this does not end
//     with a zero                      with "s", gives the slot its full room again when it puts another text there
//
// All numbers are of the machine's byte order, and everything here was perhaps written by somebody else.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plait/multiprocessing/shareable_list.hpp"

namespace plait::detail {

using ListItem = multiprocessing::shared_memory::ShareableList::Item;

// Where things are in a list: read once, and checked, so that what is written there later cannot lead astray.
class ListLayout {
 public:
  // Of a list to be made of these items. Throws ValueError: one is too long.
  explicit ListLayout(std::span<const ListItem> items);
  // Of the list in this memory. Throws DecodeError: there is none.
  explicit ListLayout(std::span<const std::byte> memory);

  [[nodiscard]] std::size_t count() const noexcept { return offsets_.size() - 1; }
  [[nodiscard]] std::size_t size() const noexcept { return kinds_at() + count(); }

  // Writes count and offsets. `memory` has size() bytes.
  void write(std::span<std::byte> memory) const;
  // Throws DecodeError.
  [[nodiscard]] ListItem get(std::span<const std::byte> memory, std::size_t index) const;
  // Throws ValueError: it does not fit; then nothing is written.
  void set(std::span<std::byte> memory, std::size_t index, const ListItem& item) const;
  // The format as it stands there, without zeroes after it.
  [[nodiscard]] std::string format(std::span<const std::byte> memory, std::size_t index) const;

 private:
  static constexpr std::size_t word = 8;

  [[nodiscard]] std::size_t data_at() const noexcept { return (count() + 2) * word; }
  [[nodiscard]] std::size_t formats_at() const noexcept { return data_at() + offsets_.back(); }
  [[nodiscard]] std::size_t kinds_at() const noexcept { return formats_at() + count() * word; }
  [[nodiscard]] std::size_t room(std::size_t index) const noexcept { return offsets_[index + 1] - offsets_[index]; }
  template <class Byte>
  [[nodiscard]] std::span<Byte> slot(std::span<Byte> memory, std::size_t index) const {
    return memory.subspan(data_at() + offsets_[index], room(index));
  }

  std::vector<std::size_t> offsets_;  // count + 1, ascending; each slot has at least 8 bytes
};

}  // namespace plait::detail
