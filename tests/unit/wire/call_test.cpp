// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>

#include "run.hpp"
#include "types.hpp"

namespace plait::wire {
namespace {

using namespace wire_test;

std::int64_t twice(std::int64_t n) { return 2 * n; }
int never_throws(int n) noexcept { return n + 1; }
std::string greet(const std::string& name, std::string&& greeting) { return greeting + ", " + name; }
void nothing() {}
const std::string& first(const std::vector<std::string>& words) {
  static std::string kept;
  return kept = words.at(0);
}
double sum(std::span<const double> numbers) {
  double total = 0;
  for (const double n : numbers) total += n;
  return total;
}
std::size_t length(std::string_view text) { return text.size(); }
bool is_aligned(char, std::string_view, std::span<const double> numbers) {
  return reinterpret_cast<std::uintptr_t>(numbers.data()) % alignof(double) == 0;
}
int unwrap(std::unique_ptr<int> n) { return *n; }
std::unique_ptr<int> wrap(int n) { return std::make_unique<int>(n); }
int apply(int (*f)(int) noexcept, int n) { return f(n); }

struct Counter {
  int base = 0;
  int plus(int n) const { return base + n; }
  int add(int n) noexcept { return base += n; }
  virtual std::string name() const { return "Counter"; }
  virtual ~Counter() = default;
  template <class A>
  void serialize(A& ar) {
    ar(base);
  }
};
struct Special : Counter {
  std::string name() const override { return "Special"; }
};
struct Scale {
  double factor;
  double operator()(double x) const { return factor * x; }
};
struct Overloaded {
  int operator()(int n) const { return n; }
  std::string operator()(const std::string& s) const { return s + s; }
};
struct MoveOnly {
  std::unique_ptr<int> value;
  int operator()() && { return *value; }
};

TEST(Call, FunctionsRunWithConvertedArguments) {
  EXPECT_EQ(run(twice, 3), 6);
  EXPECT_EQ(run(&twice, short{4}), 8);
  EXPECT_EQ(run(never_throws, 1), 2);
  EXPECT_EQ(run(greet, "you", "hello"), "hello, you");
  EXPECT_EQ(run(first, std::vector<std::string>{"a", "b"}), "a");
  static_assert(std::is_same_v<CallResult<decltype(first), std::vector<std::string>>, std::string>);
}

TEST(Call, VoidAsksForNoRoom) {
  Result result;
  run_call(encoded_call(nothing), result);
  EXPECT_EQ(result.asked, 1);
  EXPECT_TRUE(result.bytes.empty());
}

TEST(Call, SmallCallsAreSmall) { EXPECT_LE(encoded_call(never_throws, 1).size(), 40U); }

TEST(Call, LambdasAndFunctionObjects) {
  EXPECT_EQ(run([](int a, int b) { return a - b; }, 5, 3), 2);
  EXPECT_EQ(run([](auto a, const auto& b) { return a + b; }, "x", std::string("y")), "xy");
  EXPECT_EQ(run([](int n) mutable { return ++n; }, 1), 2);
  EXPECT_EQ(run(std::plus<>(), 2, 3), 5);
  EXPECT_EQ(run(Scale{2.5}, 4), 10);
  EXPECT_EQ(run(Overloaded(), "ab"), "abab");
  EXPECT_EQ(run(Overloaded(), 3), 3);
  EXPECT_EQ(run(MoveOnly{std::make_unique<int>(3)}), 3);
  const auto kept = [](int n) { return n; };
  EXPECT_EQ(run(kept, 7), 7);
}

TEST(Call, MembersRunOnACopyOfTheirObject) {
  Counter counter;
  counter.base = 10;
  EXPECT_EQ(run(&Counter::plus, counter, 5), 15);
  EXPECT_EQ(run(&Counter::add, counter, 5), 15);
  EXPECT_EQ(counter.base, 10);
  EXPECT_EQ(run(&Counter::base, counter), 10);
  EXPECT_EQ(run(&Counter::name, counter), "Counter");
  EXPECT_EQ(run(&Counter::name, Special()), "Special");
  EXPECT_EQ(run(&std::string::size, std::string("abc")), 3U);
}

TEST(Call, MoveOnlyArgumentsAndResults) {
  EXPECT_EQ(run(unwrap, std::make_unique<int>(5)), 5);
  EXPECT_EQ(*run(wrap, 6), 6);
}

TEST(Call, ViewsSeeTheMessage) {
  EXPECT_EQ(run(sum, std::vector<double>{1, 2, 3}), 6);
  EXPECT_EQ(run(sum, std::array<double, 2>{1, 2}), 3);
  EXPECT_EQ(run(length, "four"), 4U);
  EXPECT_EQ(run(length, std::string(1000, 'x')), 1000U);
  EXPECT_TRUE(run(is_aligned, 'x', "odd", std::vector<double>{1}));
}

TEST(Call, ViewsOfAMisalignedMessageAreCopies) {
  const auto call = encoded_call(sum, std::vector<double>{1, 2, 3});
  std::vector<std::byte> shifted(call.size() + 1);
  std::ranges::copy(call, shifted.begin() + 1);
  Result result;
  run_call(std::span(shifted).subspan(1), result);
  EXPECT_EQ(decode<double>(result.bytes), 6);
}

TEST(Call, CallablesAreArgumentsToo) {
  EXPECT_EQ(run(apply, never_throws, 3), 4);
  EXPECT_EQ(run([](auto f, int n) { return f(n); }, [](int n) { return n * n; }, 4), 16);
  EXPECT_EQ(run([](auto f, int n) { return f(n); }, twice, 4), 8);
  EXPECT_EQ(run([](bool (*f)()) { return f == nullptr; }, nullptr), true);
}

TEST(Call, ArgumentsAreReadWhenTheCallIsWritten) {
  std::vector<int> numbers{1};
  const auto call = make_call([](const std::vector<int>& v) { return v.size(); }, numbers);
  numbers.push_back(2);
  std::vector<std::byte> bytes(call.size());
  call.write(bytes);
  Result result;
  run_call(bytes, result);
  EXPECT_EQ(decode<std::size_t>(result.bytes), 2U);
}

TEST(Call, NullFunctionIsRefused) {
  int (*none)(int) = nullptr;
  EXPECT_THROW((void)make_call(none, 1).size(), EncodeError);
  int (Counter::*no_member)(int) const = nullptr;
  EXPECT_THROW((void)make_call(no_member, Counter(), 1).size(), EncodeError);
}

struct Unwilling {
  enum Way { counting, writing, reading } way = counting;
  explicit Unwilling(Way w = counting) : way(w) {}
  template <class A>
  void serialize(A& ar) {
    if (std::is_same_v<A, SizeCounter> && way == counting) throw std::domain_error("counting");
    ar(way);
    if (A::is_reading && way == reading) throw std::domain_error("reading");
    if (std::is_same_v<A, Writer> && way == writing) throw std::domain_error("writing");
  }
};

TEST(Call, WhatSerializersThrowComesOut) {
  const auto take = [](const Unwilling&) {};
  EXPECT_THROW((void)make_call(take, Unwilling(Unwilling::counting)).size(), std::domain_error);
  EXPECT_THROW(encoded_call(take, Unwilling(Unwilling::writing)), std::domain_error);
  EXPECT_THROW(run(take, Unwilling(Unwilling::reading)), std::domain_error);
  const auto give = [](Unwilling::Way way) { return Unwilling(way); };
  EXPECT_THROW(run(give, Unwilling::counting), std::domain_error);
  EXPECT_THROW(run(give, Unwilling::writing), std::domain_error);
  EXPECT_THROW(run(give, Unwilling::reading), std::domain_error);
}

TEST(Call, IsNotRunWhenItsBytesAreCutShort) {
  const auto call = encoded_call([](const std::string&) { ADD_FAILURE() << "was run"; }, "text");
  for (std::size_t size = 0; size < call.size(); ++size) {
    Result result;
    EXPECT_THROW(run_call(std::span(call).first(size), result), DecodeError);
    EXPECT_EQ(result.asked, 0);
  }
}

TEST(Call, SaysWhatItCalls) {
  const auto describe = [](const auto& call) { return describe_callable(call.name(), call.code()); };
  EXPECT_EQ(describe(make_call(twice, 1)), "plait::wire::(anonymous namespace)::twice");
  EXPECT_EQ(describe(make_call(partial(twice, 1))), "plait::wire::(anonymous namespace)::twice");
  const auto call = make_call([] {});
  EXPECT_NE(describe(call).find("lambda"), std::string::npos) << describe(call);
  EXPECT_EQ(call.code(), nullptr);
}

}  // namespace
}  // namespace plait::wire
