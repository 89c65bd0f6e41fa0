// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The sizes in which the shared heap cuts its small blocks: multiples of 64 up to 512, then four to each doubling, up
// to a quarter of a chunk. A request wastes at most a fifth of its block (above 64 bytes).

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace plait::shm {

using SizeClass = std::uint32_t;

inline constexpr std::size_t block_alignment = 64;
inline constexpr std::size_t largest_small_block = std::size_t{256} << 10;
inline constexpr SizeClass size_class_count = 8 + 4 * 9;

// The class whose blocks hold `size` bytes. Requires size <= largest_small_block.
constexpr SizeClass size_class_of(std::size_t size) noexcept {
  if (size <= 512) return size == 0 ? 0 : static_cast<SizeClass>((size - 1) / 64);
  const auto doubling = static_cast<unsigned>(std::bit_width(size - 1)) - 1;  // 2^doubling < size <= 2^(doubling + 1)
  const auto quarter = static_cast<unsigned>((size - 1) >> (doubling - 2)) & 3U;
  return 8 + 4 * (doubling - 9) + quarter;
}

constexpr std::size_t block_size_of(SizeClass size_class) noexcept {
  if (size_class < 8) return (size_class + 1) * std::size_t{64};
  const SizeClass step = size_class - 8;
  return (std::size_t{5} + step % 4) << (step / 4 + 7);
}

static_assert(block_size_of(size_class_count - 1) == largest_small_block);
static_assert(size_class_of(largest_small_block) == size_class_count - 1);
static_assert(size_class_of(512) == 7 && size_class_of(513) == 8 && block_size_of(8) == 640);
static_assert(size_class_of(1024) == 11 && block_size_of(11) == 1024 && size_class_of(1025) == 12);

// What the hot paths need of a class, without a division.
struct BlockGeometry {
  std::uint32_t size;    // of a block
  std::uint32_t count;   // blocks in a chunk
  std::uint32_t factor;  // floor(x / size) == (x / 64 * factor) >> 32, for every x below the size of a chunk
};

inline constexpr std::size_t chunk_size = std::size_t{1} << 20;

inline constexpr auto block_geometry = [] {
  std::array<BlockGeometry, size_class_count> table{};
  for (SizeClass c = 0; c < size_class_count; ++c) {
    const auto size = static_cast<std::uint32_t>(block_size_of(c));
    const std::uint32_t units = size / 64;
    const auto factor = units == 1 ? 0xFFFFFFFFU : static_cast<std::uint32_t>((std::uint64_t{1} << 32) / units + 1);
    table[c] = {size, static_cast<std::uint32_t>(chunk_size / size), factor};
  }
  return table;
}();

// The number of the block of class `size_class` in which the byte `offset` of a chunk lies.
constexpr std::uint32_t block_index_of(std::size_t offset, SizeClass size_class) noexcept {
  const std::uint32_t factor = block_geometry[size_class].factor;
  const auto units = static_cast<std::uint64_t>(offset / 64);
  return factor == 0xFFFFFFFFU ? static_cast<std::uint32_t>(units) : static_cast<std::uint32_t>(units * factor >> 32);
}

}  // namespace plait::shm
