// SPDX-License-Identifier: Apache-2.0
//
// Bytes that may be anything: a DecodeError or a value, never more. AddressSanitizer looks on.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "run.hpp"
#include "types.hpp"

namespace plait::wire {
namespace {

using namespace wire_test;

struct Everything {
  std::string text;
  std::vector<int> numbers;
  std::vector<std::string> words;
  std::vector<bool> flags;
  std::map<int, std::string> map;
  std::unordered_set<std::string> set;
  std::optional<Nested> nested;
  Tree tree;
  std::unique_ptr<Padded> pointer;
  std::bitset<20> bits;
  std::forward_list<Empty> empties;
  std::array<bool, 4> array;
  std::deque<Private> privates;
  std::filesystem::path path;
  Derived derived;
};

std::vector<std::byte> sample() {
  return dumps(Everything{"text",
                          {1, 2, 3},
                          {"a", "bc"},
                          {true, false, true},
                          {{1, "x"}, {2, "y"}},
                          {"p", "q"},
                          Nested{"n", {{"t", {{1, 2}}}}, Colour::red, 5},
                          Tree{1, {{2, {}}}},
                          std::make_unique<Padded>(),
                          77,
                          {Empty(), Empty()},
                          {true, false, true, true},
                          {Private("x")},
                          "/tmp",
                          Derived()});
}

template <class T>
void read_nonsense(std::span<const std::byte> bytes) {
  try {
    (void)loads<T>(bytes);
  } catch (const DecodeError&) {
  }
}

std::mt19937_64 seeded(const char* test) {
  const char* given = std::getenv("PLAIT_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device()();
  std::printf("%s: PLAIT_TEST_SEED=%llu\n", test, static_cast<unsigned long long>(seed));
  return std::mt19937_64(seed);
}

TEST(Decode, EveryTruncationIsRefused) {
  const auto bytes = sample();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW((void)loads<Everything>(cut), DecodeError) << size;
  }
}

TEST(Decode, BytesLeftOverAreRefused) {
  auto bytes = dumps(std::string("x"));
  bytes.push_back(std::byte{});
  EXPECT_THROW((void)loads<std::string>(bytes), DecodeError);
}

TEST(Decode, ChangedBytesGiveAValueOrDecodeError) {
  auto random = seeded("ChangedBytes");
  const auto good = sample();
  for (int round = 0; round < 5'000; ++round) {
    auto bytes = good;
    for (auto changes = 1 + random() % 4; changes > 0; --changes) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    read_nonsense<Everything>(bytes);
  }
}

TEST(Decode, RandomBytesGiveAValueOrDecodeError) {
  auto random = seeded("RandomBytes");
  for (int round = 0; round < 5'000; ++round) {
    std::vector<std::byte> bytes(random() % 200);
    const auto mask = static_cast<unsigned char>(random() % 3 == 0 ? 0xff : 0x03);  // small counts get further
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & mask);
    read_nonsense<Everything>(bytes);
    read_nonsense<std::vector<std::vector<std::string>>>(bytes);
    read_nonsense<std::map<std::string, Tree>>(bytes);
    Result result;
    EXPECT_THROW(run_call(bytes, result), DecodeError);
    EXPECT_NE(decode_exception(bytes), nullptr);
  }
}

TEST(Decode, HugeCountsAreRefusedBeforeAnythingIsAllocated) {
  for (const std::uint64_t count : {std::uint64_t{1} << 62, ~std::uint64_t{0}, std::uint64_t{1000}}) {
    const auto bytes = dumps(count);
    EXPECT_THROW((void)loads<std::vector<double>>(bytes), DecodeError);
    EXPECT_THROW((void)loads<std::vector<bool>>(bytes), DecodeError);
    EXPECT_THROW((void)loads<std::vector<Empty>>(bytes), DecodeError);
    EXPECT_THROW((void)loads<std::string>(bytes), DecodeError);
    EXPECT_THROW((void)loads<std::list<int>>(bytes), DecodeError);
    EXPECT_THROW((void)loads<std::unordered_set<int>>(bytes), DecodeError);
  }
}

TEST(Decode, MemoryStaysInProportionToTheMessage) {
  using Big = std::array<std::string, 1000>;  // 32 kB each, announced by the byte
  std::vector<std::byte> bytes(100'008, std::byte{0xff});
  const std::uint64_t count = 100'000;
  std::memcpy(bytes.data(), &count, sizeof count);
  EXPECT_THROW((void)loads<std::vector<Big>>(bytes), DecodeError);  // and not 3 GB first
}

TEST(Decode, BooleansAndAlternativesAreChecked) {
  EXPECT_THROW((void)loads<bool>(dumps('\2')), DecodeError);
  EXPECT_THROW((void)loads<std::optional<int>>(dumps('\2')), DecodeError);
  EXPECT_THROW((void)(loads<std::variant<int, char>>(dumps(std::tuple(2U, 'x')))), DecodeError);
}

}  // namespace
}  // namespace plait::wire
