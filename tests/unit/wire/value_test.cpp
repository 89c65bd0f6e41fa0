// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "run.hpp"
#include "types.hpp"

namespace plait::wire {
namespace {

using namespace wire_test;

template <class T>
T round_trip(const T& value) {
  return loads<T>(dumps(value));
}
template <class T>
void expect_same(const T& value) {
  EXPECT_TRUE(round_trip(value) == value);
}

static_assert(Shippable<Tree> && Shippable<Chain> && Shippable<Private> && Shippable<Foreign> && Shippable<Derived>);
static_assert(!Shippable<int*> && !Shippable<std::vector<int*>> && !Shippable<std::string_view> && !Shippable<void*>);
static_assert(!Shippable<std::span<int>> && !Shippable<std::reference_wrapper<int>> && !Shippable<std::tuple<int&>>);
static_assert(!Shippable<std::unique_ptr<int[]>> && !Shippable<std::function<void()>>);
static_assert(flat<Point> && flat<std::array<Point, 3>> && flat<std::complex<float>> && flat<std::chrono::seconds>);
static_assert(!flat<Padded> && !flat<bool> && !flat<std::string> && !flat<std::array<bool, 2>>);

TEST(Values, ScalarsKeepTheirValue) {
  expect_same(true);
  expect_same('x');
  expect_same(std::numeric_limits<std::int64_t>::min());
  expect_same(std::numeric_limits<std::uint64_t>::max());
  expect_same(-0.5F);
  expect_same(std::numeric_limits<double>::infinity());
  expect_same(1.0L / 3);
  expect_same(Colour::green);
  expect_same(std::byte{7});
  EXPECT_TRUE(std::isnan(round_trip(std::nan(""))));
  EXPECT_EQ(dumps(7).size(), 4U);
}

TEST(Values, StringsKeepTheirCharacters) {
  expect_same(std::string());
  expect_same(std::string("a\0b", 3));
  expect_same(std::u16string(u"grün"));
  expect_same(std::wstring(1000, L'ß'));
}

TEST(Values, VectorsKeepTheirElements) {
  expect_same(std::vector<int>{});
  expect_same(std::vector<double>{1, 2, 3});
  expect_same(std::vector<Point>{{1, 2}, {3, 4}});
  expect_same(std::vector<Padded>{{'a', 1}, {'b', 2}});
  expect_same(std::vector<std::string>{"", "a", std::string(100, 'x')});
  expect_same(std::vector<std::vector<std::vector<char>>>{{{'a'}, {}}, {}});
  expect_same(std::vector<bool>{});
  expect_same(std::vector<bool>{true, false, true, true, false, false, true, false, true});
  expect_same(std::vector<std::complex<double>>{{1, 2}, {3, 4}});
  expect_same(std::vector<std::chrono::nanoseconds>{std::chrono::nanoseconds(5)});
  expect_same(std::vector<std::array<bool, 3>>{{true, false, true}});
}

TEST(Values, ElementsWithoutBytesKeepTheirNumber) {
  expect_same(std::vector<Empty>(1000));
  expect_same(std::list<std::tuple<>>(3));
  EXPECT_EQ(dumps(std::vector<Empty>(1000)).size(), 8U + 1000U);
  EXPECT_EQ(dumps(Empty()).size(), 0U);
}

TEST(Values, ContainersKeepTheirElements) {
  expect_same(std::deque<std::string>{"a", "b"});
  expect_same(std::list<int>{3, 1, 2});
  expect_same(std::forward_list<std::string>{"x", "y", "z"});
  expect_same(std::forward_list<int>{});
  expect_same(std::set<std::string>{"b", "a"});
  expect_same(std::multiset<int>{1, 1, 2});
  expect_same(std::unordered_set<int>{5, 6, 7});
  expect_same(std::unordered_multiset<std::string>{"a", "a"});
  expect_same(std::map<std::string, int>{{"a", 1}, {"b", 2}});
  expect_same(std::multimap<int, std::string>{{1, "first"}, {1, "second"}});
  expect_same(std::unordered_map<std::string, std::vector<int>>{{"a", {1, 2}}});
  expect_same(std::unordered_multimap<int, int>{{1, 2}, {1, 3}});
  expect_same(std::array<std::string, 2>{"a", "b"});
  expect_same(std::array<int, 0>{});
}

TEST(Values, VocabularyTypesKeepTheirValue) {
  expect_same(std::pair<int, std::string>(1, "a"));
  expect_same(std::tuple<int, std::string, double>(1, "a", 2.5));
  expect_same(std::optional<std::string>());
  expect_same(std::optional<std::string>("x"));
  expect_same(std::optional<std::optional<int>>(std::optional<int>()));
  expect_same(std::variant<int, std::string>("x"));
  expect_same(std::monostate());
  expect_same(std::complex<float>(1, -2));
  expect_same(std::bitset<70>("1011"));
  expect_same(std::filesystem::path("/tmp/ü x"));
  expect_same(std::chrono::milliseconds(-3));
  expect_same(std::chrono::duration<double>(0.5));
  expect_same(std::chrono::system_clock::now());
}

TEST(Values, SmartPointersCarryTheirValueOrNull) {
  EXPECT_EQ(*round_trip(std::make_unique<std::string>("x")), "x");
  EXPECT_EQ(round_trip(std::unique_ptr<int>()), nullptr);
  EXPECT_EQ(*round_trip(std::make_shared<const int>(3)), 3);
  EXPECT_EQ(round_trip(std::shared_ptr<Point>()), nullptr);
}

TEST(Values, ClassesTravelByTheirSerializers) {
  expect_same(Private("x"));
  expect_same(std::vector<Private>{Private("x"), Private("y")});
  expect_same(SavedAndLoaded{6});
  expect_same(Foreign(4));
  Derived derived;
  derived.id = 7;
  derived.tag[2] = 'x';
  expect_same(derived);
}

// The example in plait/wire.hpp.
class Account {
 public:
  template <class A>
  void serialize(A& ar) {
    ar(owner_, balance_);
  }
  bool operator==(const Account&) const = default;

 private:
  friend class plait::wire::Access;
  std::string owner_;
  long balance_ = 0;
};

TEST(Values, ExampleOfTheHeader) {
  expect_same(Account());
  expect_same(std::map<std::string, std::vector<Account>>{{"bank", std::vector<Account>(3)}});
}

TEST(Values, AggregatesTravelByTheirFields) {
  expect_same(Point{1, 2});
  expect_same(Padded{'x', 2});
  expect_same(NoDefault{3, "b"});
  expect_same(Nested{"n", {{"a", {{1, 2}}}, {"b", {}}}, Colour::green, "text"});
  expect_same(Tree{1, {{2, {}}, {3, {{4, {}}}}}});
}

TEST(Values, BlocksAreAlignedInTheMessage) {
  const std::tuple<char, std::vector<double>> value('x', {1, 2});
  EXPECT_EQ(dumps(value).size(), 1U + 8U + 7U + 16U);
  expect_same(value);
}

TEST(Values, BlocksThatLieMisalignedAreCopied) {
  const std::vector<double> numbers{1, 2, 3};
  const auto bytes = dumps(numbers);
  std::vector<std::byte> shifted(bytes.size() + 1);
  std::ranges::copy(bytes, shifted.begin() + 1);
  EXPECT_EQ(loads<std::vector<double>>(std::span(shifted).subspan(1)), numbers);
  const auto wide = dumps(std::u32string(U"abc"));
  std::ranges::copy(wide, shifted.begin() + 1);
  EXPECT_EQ(loads<std::u32string>(std::span(shifted).subspan(1, wide.size())), U"abc");
}

TEST(Values, NestedTooDeepIsRefusedBothWays) {
  Chain chain;
  for (int level = 1; level < max_nesting; ++level) {
    Chain longer;
    longer.next = std::make_unique<Chain>(std::move(chain));
    chain = std::move(longer);
  }
  EXPECT_NO_THROW(round_trip(chain));
  Chain deeper;
  deeper.next = std::make_unique<Chain>(std::move(chain));
  EXPECT_THROW((void)dumps(deeper), EncodeError);
  const std::vector<std::byte> nonsense(100'000, std::byte{1});
  EXPECT_THROW((void)loads<Chain>(nonsense), DecodeError);
}

struct ThrowsWhenMade {
  explicit ThrowsWhenMade(int n = 0) : text("x") {
    if (n != 0) throw n;
  }
  template <class A>
  void serialize(A& ar) {
    ar(text);
  }
  std::string text;
};

TEST(Values, VariantWithoutValueIsRefused) {
  std::variant<std::string, ThrowsWhenMade> value("x");
  EXPECT_ANY_THROW(value.emplace<1>(1));
  ASSERT_TRUE(value.valueless_by_exception());
  EXPECT_THROW((void)dumps(value), EncodeError);
}

struct Growing {
  explicit Growing(std::string t = "") : text(std::move(t)) {}
  template <class A>
  void serialize(A& ar) {
    if constexpr (std::is_same_v<A, Writer>) ar(text);
    ar(text);
  }
  std::string text;
};

TEST(Values, SerializerThatChangesItsMindIsRefused) { EXPECT_THROW((void)dumps(Growing("x")), EncodeError); }

TEST(Values, LargeVectorsTravelWhole) {
  std::vector<double> numbers(1 << 20);
  std::iota(numbers.begin(), numbers.end(), 0.0);
  expect_same(numbers);
}

}  // namespace
}  // namespace plait::wire
