// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/shareable_list.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <list>
#include <random>
#include <utility>
#include <vector>

#include "plait/errors.hpp"
#include "plait/futures.hpp"
#include "plait/wire.hpp"
#include "shared_memory_fixture.hpp"

namespace plait::multiprocessing::shared_memory {
namespace {

using testing::ElementsAre;

using Item = ShareableList::Item;
using Bytes = ShareableList::Bytes;

Bytes bytes(std::string_view text) {
  const auto all = std::as_bytes(std::span(text));
  return {all.begin(), all.end()};
}
const Item none = std::monostate();

// A list whose name goes with it.
class OwnList : public ShareableList {
 public:
  using ShareableList::ShareableList;
  OwnList(std::initializer_list<Item> items) : ShareableList(items) {}
  OwnList(const OwnList&) = delete;
  OwnList& operator=(const OwnList&) = delete;
  ~OwnList() { shm().unlink(); }
};

std::vector<Item> items_of(const ShareableList& list) { return {list.begin(), list.end()}; }

static_assert(std::forward_iterator<ShareableList::Iterator> || std::input_iterator<ShareableList::Iterator>);
static_assert(std::ranges::input_range<ShareableList>);
static_assert(wire::Shippable<ShareableList>);
static_assert(!std::constructible_from<ShareableList, std::string>);  // neither a name nor a list of characters
static_assert(!std::constructible_from<ShareableList, const char*>);

TEST_F(Memory, ListOfEveryType) {
  const OwnList list({"spam", 42, 2.5, true, none, bytes("raw"), false, -7L, ""});
  EXPECT_EQ(list.size(), 9U);
  EXPECT_THAT(items_of(list), ElementsAre("spam", std::int64_t{42}, 2.5, true, none, bytes("raw"), false,
                                          std::int64_t{-7}, std::string()));
  EXPECT_EQ(list.get<std::string>(0), "spam");
  EXPECT_EQ(list.get<std::int64_t>(1), 42);
  EXPECT_EQ(list.get<double>(2), 2.5);
  EXPECT_EQ(list.get<bool>(3), true);
  EXPECT_EQ(list.get<std::monostate>(4), std::monostate());
  EXPECT_EQ(list.get<Bytes>(5), bytes("raw"));
}

TEST_F(Memory, ListOfExtremes) {
  constexpr auto least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
  const OwnList list({least, most, std::numeric_limits<double>::infinity(), -0.0, std::nan(""),
                      std::numeric_limits<double>::denorm_min()});
  EXPECT_EQ(list.get<std::int64_t>(0), least);
  EXPECT_EQ(list.get<std::int64_t>(1), most);
  EXPECT_TRUE(std::isinf(list.get<double>(2)));
  EXPECT_TRUE(std::signbit(list.get<double>(3)));
  EXPECT_TRUE(std::isnan(list.get<double>(4)));
  EXPECT_EQ(list.get<double>(5), std::numeric_limits<double>::denorm_min());
}

TEST_F(Memory, ListOfARange) {
  const std::vector<int> numbers{1, 2, 3};
  const OwnList from_vector(numbers);
  EXPECT_THAT(items_of(from_vector), ElementsAre(std::int64_t{1}, std::int64_t{2}, std::int64_t{3}));
  const OwnList from_view(numbers | std::views::transform([](int i) { return i / 2.0; }));
  EXPECT_THAT(items_of(from_view), ElementsAre(0.5, 1.0, 1.5));
  const OwnList named({.name = some_name("list")}, std::list<std::string>{"a", "b"});
  EXPECT_EQ(named.shm().name(), some_name("list"));
  EXPECT_THAT(items_of(named), ElementsAre("a", "b"));
}

TEST_F(Memory, ListThatIsEmpty) {
  const OwnList empty(std::vector<Item>{}), also(ShareableList::Options{});
  EXPECT_EQ(empty.size(), 0U);
  EXPECT_TRUE(also.empty());
  EXPECT_EQ(also.shm().size(), 16U);
  EXPECT_EQ(also.format(), "");
  EXPECT_EQ(also.count(none), 0U);
  EXPECT_THROW(static_cast<void>(also[0]), IndexError);
  EXPECT_EQ(ShareableList({.name = empty.shm().name()}).size(), 0U);
}

// A list is a range of items, too; but who copies it means the handle.
TEST_F(Memory, ListCopiedIsTheSameList) {
  ShareableList list({1, 2});
  ShareableList copy(list), braces{list};
  copy = list;
  for (const ShareableList& each : {copy, braces}) {
    EXPECT_EQ(each.shm().name(), list.shm().name());
    EXPECT_EQ(each.shm().buf().data(), list.shm().buf().data());
  }
  const ShareableList moved(std::move(copy));
  EXPECT_EQ(moved.shm().name(), list.shm().name());
  list.shm().unlink();
}

TEST_F(Memory, ListIndices) {
  const OwnList list({10, 20, 30});
  EXPECT_EQ(list.get<std::int64_t>(-1), 30);
  EXPECT_EQ(list.get<std::int64_t>(-3), 10);
  for (const std::ptrdiff_t beyond : {3, -4, 1000}) {
    EXPECT_THROW(static_cast<void>(list.get(beyond)), IndexError);
    EXPECT_THROW(static_cast<void>(list[beyond]), IndexError);
    EXPECT_THROW(list.set(beyond, 1), IndexError);
  }
  EXPECT_THROW(static_cast<void>(list.get(std::numeric_limits<std::ptrdiff_t>::min())), IndexError);
  EXPECT_THROW(static_cast<void>(list.get(std::numeric_limits<std::ptrdiff_t>::max())), IndexError);
}

TEST_F(Memory, ListItemsAreAssigned) {
  OwnList list({"spam", 42, none});
  list[0] = "eggs";
  list[1] = list.get<std::int64_t>(1) + 1;
  list[2] = list[0];
  EXPECT_THAT(items_of(list), ElementsAre("eggs", std::int64_t{43}, "eggs"));
  const Item item = list[2];
  EXPECT_EQ(item, Item("eggs"));
  EXPECT_TRUE(list[1] == Item(43));
  EXPECT_EQ(list[1].get<std::int64_t>(), 43);
}

TEST_F(Memory, ListSlotMayChangeItsType) {
  const OwnList list({1, "sixteen letters!", none});
  const std::vector<Item> all{std::int64_t{5}, 1.5, true, none, "seven77", bytes("eight888")};
  for (const Item& item : all) {
    for (std::ptrdiff_t i = 0; i < 3; ++i) {
      list.set(i, item);
      EXPECT_EQ(list.get(i), item) << item.index();
    }
  }
  list.set(1, std::string("sixteen letters again").substr(0, 16));
  EXPECT_EQ(list.get<std::string>(1), "sixteen letters ");
}

TEST_F(Memory, ListTooLongForItsSlotIsValueErrorAndChangesNothing) {
  const OwnList list({"spam", 1});
  EXPECT_THROW(list.set(0, "nine char"), ValueError);
  EXPECT_THROW(list.set(1, bytes("nine char")), ValueError);
  EXPECT_THAT(items_of(list), ElementsAre("spam", std::int64_t{1}));
  list.set(0, "eight888");
  EXPECT_EQ(list.get<std::string>(0), "eight888");
}

TEST_F(Memory, ListWrongTypeIsTypeError) {
  const OwnList list({1, "x"});
  EXPECT_THROW(static_cast<void>(list.get<double>(0)), TypeError);
  EXPECT_THROW(static_cast<void>(list.get<bool>(0)), TypeError);
  EXPECT_THROW(static_cast<void>(list.get<Bytes>(1)), TypeError);
}

// Where Python loses the zeroes at the end.
TEST_F(Memory, ListKeepsZeroesAtTheEnd) {
  std::vector<Item> items;
  for (std::size_t size = 0; size < 40; ++size) {
    for (std::size_t zeroes = 0; zeroes <= size; ++zeroes) {
      items.emplace_back(std::string(size - zeroes, 'x') + std::string(zeroes, '\0'));
      items.emplace_back(bytes(std::get<std::string>(items.back())));
    }
  }
  const OwnList list(items);
  EXPECT_EQ(items_of(list), items);
  EXPECT_EQ(items_of(ShareableList({.name = list.shm().name()})), items);
  const OwnList one({"12345678"});  // room for 16
  for (std::size_t size = 0; size <= 16; ++size) {
    one.set(0, std::string(size, '\0'));
    EXPECT_EQ(one.get<std::string>(0), std::string(size, '\0'));
  }
}

// Where Python counts characters, and cuts.
TEST_F(Memory, ListKeepsTextsBeyondAscii) {
  const OwnList list({"ééééééé", "日本語の文章", "🙂🙂🙂", "e"});
  EXPECT_THAT(items_of(list), ElementsAre("ééééééé", "日本語の文章", "🙂🙂🙂", "e"));
  EXPECT_THROW(list.set(3, "日本語"), ValueError);
  list.set(3, "日本");
  EXPECT_EQ(list.get<std::string>(3), "日本");
}

TEST_F(Memory, ListOfLongItems) {
  const std::string longest(9'999'999 / 8 * 8 - 1, 'x'), zeroes(999'999, '\0');
  const OwnList list({longest, zeroes});
  EXPECT_EQ(list.get<std::string>(0), longest);
  EXPECT_EQ(list.get<std::string>(1), zeroes);
  EXPECT_THROW(ShareableList({std::string(10'000'000, 'x')}), ValueError);
  EXPECT_THROW(ShareableList({std::string(1'000'000, '\0')}), ValueError);
  EXPECT_THROW(list.set(0, std::string(1'000'000, '\0')), ValueError);
  EXPECT_EQ(list.get<std::string>(0), longest);
}

TEST_F(Memory, ListCountAndIndex) {
  const OwnList list({1, "x", true, 1.0, 2.5, none, bytes("x"), 9007199254740993});
  EXPECT_EQ(list.count(1), 3U);
  EXPECT_EQ(list.count(true), 3U);
  EXPECT_EQ(list.count(1.0), 3U);
  EXPECT_EQ(list.count("x"), 1U);
  EXPECT_EQ(list.count(none), 1U);
  EXPECT_EQ(list.count("y"), 0U);
  EXPECT_EQ(list.count(std::nan("")), 0U);
  EXPECT_EQ(list.count(9007199254740992.0), 0U);  // the nearest double to that item
  EXPECT_EQ(list.count(std::numeric_limits<double>::infinity()), 0U);
  EXPECT_EQ(list.index(1), 0U);
  EXPECT_EQ(list.index(2.5), 4U);
  EXPECT_EQ(list.index(bytes("x")), 6U);
  EXPECT_THROW(static_cast<void>(list.index("y")), ValueError);
}

TEST_F(Memory, ListFormatIsPythons) {
  const OwnList list({"spam", 42, 2.5, true, none, bytes("12345678"), bytes(std::string_view("a\0", 2))});
  EXPECT_EQ(list.format(), "8sqdxxxxxxx?xxxxxx?x16s2sx");
}

TEST_F(Memory, ListAttachedByNameIsTheSameList) {
  const OwnList list({"a", 1});
  const ShareableList attached({.name = list.shm().name()});
  attached.set(1, 2);
  EXPECT_EQ(list.get<std::int64_t>(1), 2);
  EXPECT_EQ(error_of([] { ShareableList({.name = some_name("nolist")}); }), std::errc::no_such_file_or_directory);
  EXPECT_EQ(error_of([&] { ShareableList({.name = list.shm().name()}, {1}); }), std::errc::file_exists);
}

TEST_F(Memory, ListWhoseMemoryWasClosed) {
  ShareableList list({1, 2});
  const ShareableList copy = list;
  list.shm().close();
  EXPECT_EQ(list.size(), 2U);
  EXPECT_THROW(static_cast<void>(list.get(0)), ValueError);
  EXPECT_THROW(list.set(0, 1), ValueError);
  EXPECT_THROW(static_cast<void>(list.format()), ValueError);
  EXPECT_EQ(copy.get<std::int64_t>(1), 2);
  list.shm().unlink();
}

TEST_F(Memory, ListMovedFromIsNothing) {
  ShareableList list({1, 2});
  const ShareableList other = std::move(list);
  EXPECT_EQ(list.size(), 0U);  // NOLINT(bugprone-use-after-move): what is tested
  EXPECT_THROW(static_cast<void>(list.get(0)), IndexError);
  EXPECT_EQ(list.format(), "");
  EXPECT_EQ(other.size(), 2U);
  EXPECT_EQ(wire::loads<ShareableList>(wire::dumps(ShareableList())).size(), 0U);
  other.shm().unlink();
}

// ---- between processes ---------------------------------------------------------------------------------------------

void rewrite(ShareableList list) {
  list[0] = "from there";
  list.set(-1, list.get<std::int64_t>(1) * 2);
}
ShareableList make_list_there() { return ShareableList({"theirs", 1.5}); }

class ListBetweenProcesses : public MemoryByEveryMethod {};
PLAIT_FOR_EVERY_METHOD(ListBetweenProcesses);

TEST_P(ListBetweenProcesses, AsArgumentAndResult) {
  const OwnList list({"from here..", 21, none});
  ShareableList handle = list;
  EXPECT_EQ(code_of(rewrite, handle), 0);
  EXPECT_THAT(items_of(list), ElementsAre("from there", std::int64_t{21}, std::int64_t{42}));
  futures::ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  const ShareableList theirs = pool.submit(make_list_there).result();
  EXPECT_THAT(items_of(theirs), ElementsAre("theirs", 1.5));
  theirs.shm().unlink();
}

// ---- lists that somebody else has made, badly ----------------------------------------------------------------------

// What becomes of attaching to a segment of these 64-bit words: the number of items; -1: DecodeError.
int attached_to(const std::vector<std::int64_t>& words, std::size_t size) {
  const SharedMemory memory({.name = some_name("bad"), .create = true, .size = size});
  const auto bytes_of_words = std::as_bytes(std::span(words));
  std::ranges::copy(bytes_of_words.first(std::min(size, bytes_of_words.size())), memory.buf().begin());
  int items = -1;
  try {
    items = static_cast<int>(ShareableList({.name = memory.name()}).size());
  } catch (const DecodeError&) {
  }
  memory.unlink();
  return items;
}

TEST_F(Memory, ListHeadsThatAreNoneAreDecodeErrors) {
  constexpr auto huge = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(attached_to({0, 0}, 16), 0);
  EXPECT_EQ(attached_to({1, 0, 8, 0, 0, 0}, 41), 1);  // count, two offsets, slot, format, kind
  EXPECT_EQ(attached_to({}, 1), -1);
  EXPECT_EQ(attached_to({0}, 15), -1);
  EXPECT_EQ(attached_to({-1, 0}, 100), -1);
  EXPECT_EQ(attached_to({huge, 0}, 4096), -1);
  EXPECT_EQ(attached_to({std::int64_t{1} << 61, 0}, 4096), -1);
  EXPECT_EQ(attached_to({1, 0, 8, 0, 0, 0}, 40), -1);
  EXPECT_EQ(attached_to({1, 0, 0, 0, 0, 0}, 41), -1);
  EXPECT_EQ(attached_to({1, 0, 7, 0, 0, 0}, 41), -1);
  EXPECT_EQ(attached_to({1, 0, 9, 0, 0, 0}, 41), -1);
  EXPECT_EQ(attached_to({1, -8, 8, 0, 0, 0}, 41), -1);
  EXPECT_EQ(attached_to({1, 0, huge, 0, 0, 0}, 41), -1);
  EXPECT_EQ(attached_to({1, huge, 8, 0, 0, 0}, 41), -1);
  EXPECT_EQ(attached_to({2, 0, 16, 8, 0, 0, 0, 0}, 100), -1);
  EXPECT_EQ(attached_to({1, -huge - 1, -huge - 1, 0, 0, 0}, 41), -1);
}

// Every read and write of such a list is refused, or stays within its memory, which ends at a page that is not there.
TEST_F(Memory, ListOverwrittenAtRandomNeverLeadsOutOfItsMemory) {
  std::mt19937_64 random(2026);
  std::size_t attached = 0, refused = 0;
  const std::array<std::string_view, 12> formats{"q", "d",   "xxxxxxx?", "xxxxxx?x", "8s",  "16s",
                                                 "s", "99s", "5sx",      "9999999s", "-1s", "0sx"};
  for (int round = 0; round < 3000; ++round) {
    ShareableList list({"some text", 1, 2.5, bytes("bytes"), none, true, std::string("zero\0", 5)});
    const std::span<std::byte> memory = list.shm().buf();
    for (auto hits = random() % 6 + 1; hits != 0; --hits) {
      const auto at = random() % memory.size();
      switch (random() % 3) {
        case 0:
          memory[at] = static_cast<std::byte>(random());
          break;
        case 1: {  // a number that means something
          const std::array<std::int64_t, 6> numbers{
              0, -1, 8, static_cast<std::int64_t>(memory.size()), 7, std::numeric_limits<std::int64_t>::max()};
          std::memcpy(memory.data() + std::min(at / 8 * 8, memory.size() - 8), &numbers[random() % numbers.size()], 8);
          break;
        }
        default: {
          const std::string_view format = formats[random() % formats.size()];
          std::memcpy(memory.data() + std::min(at, memory.size() - 8), format.data(), format.size());
        }
      }
    }
    // The list that was attached before, and one that attaches now.
    std::vector<ShareableList> lists{list};
    try {
      lists.push_back(ShareableList({.name = list.shm().name()}));
      ++attached;
    } catch (const DecodeError&) {
      ++refused;
    }
    for (const ShareableList& each : lists) {
      for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(each.size()); ++i) {
        try {
          static_cast<void>(each.get(i));
        } catch (const DecodeError&) {
          ++refused;
        }
        each.set(i, i);
        EXPECT_EQ(each.get<std::int64_t>(i), i);
      }
    }
    list.shm().unlink();
  }
  EXPECT_GT(attached, 100U);
  EXPECT_GT(refused, 100U);
}

}  // namespace
}  // namespace plait::multiprocessing::shared_memory
