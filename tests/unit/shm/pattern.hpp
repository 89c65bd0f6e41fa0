// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Blocks of random sizes that can tell whether they were disturbed.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>

namespace plait::shm::tests {

inline constexpr std::size_t kib = 1024;
inline constexpr std::size_t mib = 1024 * kib;
inline constexpr std::size_t gib = 1024 * mib;

// A block that can tell whether it was disturbed: its size and a seed, and bytes derived from that all over it.
struct Pattern {
  static constexpr std::size_t least = 2 * sizeof(std::uint64_t);

  static void write(void* block, std::size_t size, std::uint64_t seed) {
    const std::uint64_t head[2] = {size, seed};
    std::memcpy(block, head, sizeof head);
    for (std::size_t at = least; at < size; at += step(size)) static_cast<unsigned char*>(block)[at] = byte(seed, at);
  }
  static bool intact(const void* block) {
    std::uint64_t head[2];
    std::memcpy(head, block, sizeof head);
    for (std::size_t at = least; at < head[0]; at += step(head[0])) {
      if (static_cast<const unsigned char*>(block)[at] != byte(head[1], at)) return false;
    }
    return true;
  }

 private:
  static std::size_t step(std::size_t size) { return size < 1000 ? 1 : 61; }
  static unsigned char byte(std::uint64_t seed, std::size_t at) { return static_cast<unsigned char>(seed + at); }
};

// Mostly small, now and then large.
inline std::size_t random_size(std::mt19937_64& random) {
  const unsigned kind = static_cast<unsigned>(random() % 100);
  if (kind < 70) return Pattern::least + random() % 2000;
  if (kind < 97) return Pattern::least + random() % (200 * kib);
  return Pattern::least + random() % (3 * mib);
}

}  // namespace plait::shm::tests
