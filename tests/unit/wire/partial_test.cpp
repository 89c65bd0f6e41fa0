// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "run.hpp"

namespace plait {
namespace {

using wire::run;

long scaled(long k, long x) { return k * x; }
std::string joined(const std::string& a, std::string_view b) { return a + std::string(b); }
int take(std::unique_ptr<int> p, int n) { return *p + n; }
std::size_t size_of(const char* text) { return std::string_view(text).size(); }
struct Adder {
  int base;
  int add(int n) const { return base + n; }
};

TEST(Partial, CallsWithBoundArgumentsFirst) {
  const auto triple = partial(scaled, 3);
  EXPECT_EQ(triple(4), 12);
  EXPECT_EQ(partial(scaled, 3, 5)(), 15);
  EXPECT_EQ(partial(triple, 5)(), 15);
  EXPECT_EQ(triple.func(), &scaled);
  EXPECT_EQ(triple.args(), std::tuple(3L));
}

TEST(Partial, BindsValuesOfTheParametersTypes) {
  EXPECT_EQ(partial(joined, "a", "b")(), "ab");
  static_assert(std::is_same_v<decltype(partial(joined, "a")), Partial<decltype(&joined), std::string>>);
  static_assert(std::is_same_v<decltype(partial(scaled, 3)), Partial<decltype(&scaled), long>>);
  EXPECT_EQ(partial(std::plus<>(), "a")(std::string("b")), "ab");
}

TEST(Partial, TakesWhatOnlyWorksLocally) {
  int calls = 0;
  const auto count = partial([&calls](int n) { return calls += n; }, 2);
  count();
  EXPECT_EQ(count(), 4);
  EXPECT_EQ(partial([](const char* text) { return size_of(text); })("abc"), 3U);
  int n = 1;
  partial([](int& x) { ++x; }, std::ref(n))();
  EXPECT_EQ(n, 2);
}

TEST(Partial, GivesItsValuesAwayAsAnRvalue) {
  EXPECT_EQ(partial(take, std::make_unique<int>(3))(4), 7);
  auto kept = partial([](const std::unique_ptr<int>& p) { return *p; }, std::make_unique<int>(3));
  EXPECT_EQ(kept(), 3);
  EXPECT_EQ(kept(), 3);
}

TEST(Partial, Travels) {
  EXPECT_EQ(run(partial(scaled, 3), 4), 12);
  EXPECT_EQ(run(partial(partial(scaled, 3), 4)), 12);
  EXPECT_EQ(run(partial(joined, "a"), "b"), "ab");
  EXPECT_EQ(run(partial(take, std::make_unique<int>(3)), 4), 7);
  EXPECT_EQ(run(partial(&Adder::add, Adder{3}), 4), 7);
  EXPECT_EQ(run([](const auto& f, int n) { return f(n); }, partial(scaled, 3), 4), 12);
}

}  // namespace
}  // namespace plait
