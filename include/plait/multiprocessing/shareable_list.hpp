// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// ShareableList: a list of fixed length in shared memory with a name, whose items are numbers, texts, bytes or nothing.
// Python's multiprocessing.shared_memory.ShareableList, in the same bytes, so that a Python process can attach to ours
// by name, and we to its.
//
//   using plait::multiprocessing::shared_memory::ShareableList;
//   ShareableList list({"spam", 42, 2.5, true, std::monostate()});
//   list[1] = list.get<std::int64_t>(1) + 1;
//   list.shm().unlink();

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "plait/detail/export.hpp"
#include "plait/multiprocessing/shared_memory.hpp"

namespace plait::detail {
class ListLayout;
}

namespace plait::multiprocessing::shared_memory {

// A handle of a list; copies share the list, and their mapping. It can be sent anywhere, as a SharedMemory: it travels
// by its name. Nothing is locked: a reader may see half of what somebody else writes (then perhaps DecodeError), so
// guard it. Within that, handles are as thread-safe as SharedMemory's. The memory lives and is unlinked as that of
// SharedMemory: unlinking it is yours, `list.shm().unlink()`, or a SharedMemoryManager's.
//
// A slot of the list has room for what it was made with: 8 bytes, or for a text or bytes of n bytes n rounded up to the
// next multiple of 8 that is more than n. Whatever fits may be put into it, of another type too.
//
// Differs from Python: the room for a text is counted in bytes, not characters, so that none is cut; bytes and texts
// that end with zeroes come back whole (where Python reads them, without those zeroes; where Python wrote them, they
// were lost); what does not fit is always ValueError. Texts are UTF-8 for Python, and any bytes for us. A list that
// another program has made is checked before it is used: DecodeError instead of reading beyond its memory.
class PLAIT_EXPORT ShareableList {
 public:
  using Bytes = std::vector<std::byte>;
  // Python's None, bool, int, float, str, bytes.
  using Item = std::variant<std::monostate, bool, std::int64_t, double, std::string, Bytes>;

  struct Options {
    std::optional<std::string> name = {};  // of the segment; default: one by chance
    bool track = true;                     // as of SharedMemory, when one is created
  };

  // Ranges that a list can be made of: of what Items can be made of. Not a list, for to make one of that is to copy the
  // handle; nor a text.
  template <class R>
  static consteval bool is_sequence() {
    if constexpr (std::derived_from<std::remove_cvref_t<R>, ShareableList> ||
                  std::convertible_to<R, std::string_view>) {
      return false;
    } else {
      return std::convertible_to<std::ranges::range_reference_t<R>, Item>;
    }
  }

  // What list[i] is: an item in its place, to be read as an Item or assigned to.
  class Reference {
   public:
    operator Item() const { return list_->get(index_); }  // NOLINT(google-explicit-constructor): as a reference does
    template <class T>
    [[nodiscard]] T get() const {
      return list_->get<T>(index_);
    }
    // NOLINTNEXTLINE(misc-unconventional-assign-operator): assigns to the item, also through a const reference
    const Reference& operator=(const Item& item) const {
      list_->set(index_, item);
      return *this;
    }
    Reference& operator=(const Reference& other) {  // NOLINT(bugprone-unhandled-self-assignment): copies the item
      list_->set(index_, other);
      return *this;
    }
    Reference(const Reference&) = default;
    friend bool operator==(const Reference& a, const Item& b) { return Item(a) == b; }

   private:
    friend class ShareableList;
    Reference(const ShareableList& list, std::ptrdiff_t index) noexcept : list_(&list), index_(index) {}
    const ShareableList* list_;
    std::ptrdiff_t index_;
  };

  // Gives items by value, as they are at that moment.
  class Iterator;

  // Nothing: no list. (Python's is an empty one: `ShareableList(Options{})`.)
  ShareableList() noexcept;
  // Creates a list. Throws as SharedMemory's constructor, and ValueError: an item has 10^7 bytes or more, or ends with
  // a zero and has 10^6 or more, for which Python's layout has no room.
  ShareableList(std::initializer_list<Item> items)  // NOLINT(google-explicit-constructor): as of a container
      : ShareableList(Options{}, std::span<const Item>(items.begin(), items.size())) {}
  ShareableList(Options options, std::initializer_list<Item> items)
      : ShareableList(std::move(options), std::span<const Item>(items.begin(), items.size())) {}
  // NOLINTBEGIN(bugprone-forwarding-reference-overload): is_sequence leaves lists out
  template <std::ranges::input_range R>
    requires(is_sequence<R>())
  explicit ShareableList(R&& items) : ShareableList(Options{}, std::forward<R>(items)) {}
  // NOLINTEND(bugprone-forwarding-reference-overload)
  template <std::ranges::input_range R>
    requires(is_sequence<R>())
  ShareableList(Options options, R&& items)
      : ShareableList(std::move(options), std::span<const Item>(collect(items))) {}
  ShareableList(Options options, std::span<const Item> items);
  // Attaches to the list of that name; without a name creates an empty one. Throws as SharedMemory's constructor;
  // DecodeError: the segment is no such list.
  explicit ShareableList(Options options);

  ShareableList(const ShareableList& other);
  ShareableList(ShareableList&& other) noexcept;
  ShareableList& operator=(const ShareableList& other);
  ShareableList& operator=(ShareableList&& other) noexcept;
  ~ShareableList();

  // The item; indices below 0 count from the end. Throws IndexError: there is no such item; DecodeError: what lies
  // there is none; ValueError: the list's memory was closed; and get<T>() TypeError: the item is not a T.
  [[nodiscard]] Item get(std::ptrdiff_t index) const;
  template <class T>
  [[nodiscard]] T get(std::ptrdiff_t index) const {
    Item item = get(index);
    if (T* const wanted = std::get_if<T>(&item)) return std::move(*wanted);
    throw_other_type(index, item, Item(T()));
  }
  // Puts an item in its place. Throws IndexError; ValueError: it does not fit, or the memory was closed; then the list
  // is as it was.
  void set(std::ptrdiff_t index, const Item& item) const;
  // Throws IndexError when it is there, the rest when it is used.
  [[nodiscard]] Reference operator[](std::ptrdiff_t index) const;

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] Iterator begin() const noexcept;
  [[nodiscard]] Iterator end() const noexcept;

  // How many items are equal to it, and where the first is. Numbers are compared as numbers, so that true, 1 and 1.0
  // are equal, as in Python. index() throws ValueError: none is. Both throw as get().
  [[nodiscard]] std::size_t count(const Item& item) const;
  [[nodiscard]] std::size_t index(const Item& item) const;

  // The packing formats of all items as Python's struct knows them: "8sqd". Throws DecodeError, ValueError.
  [[nodiscard]] std::string format() const;

  // The memory that the list is in: its name, unlink(), and close(), after which the items cannot be reached by this
  // handle.
  [[nodiscard]] SharedMemory& shm() noexcept { return shm_; }
  [[nodiscard]] const SharedMemory& shm() const noexcept { return shm_; }

  // For plait/wire.hpp. What arrives is attached, and checked: throws as the constructors.
  template <class A>
  void serialize(A& ar) {
    ar(shm_);
    if constexpr (A::is_reading) read_layout();
  }

 private:
  template <class R>
  static std::vector<Item> collect(R&& items) {
    std::vector<Item> collected;
    for (auto&& item : items) collected.push_back(std::forward<decltype(item)>(item));
    return collected;
  }
  [[noreturn]] static void throw_other_type(std::ptrdiff_t index, const Item& is, const Item& wanted);
  void read_layout();
  [[nodiscard]] std::size_t checked(std::ptrdiff_t index, const char* what) const;
  [[nodiscard]] std::span<std::byte> memory() const;

  SharedMemory shm_;
  std::shared_ptr<const detail::ListLayout> layout_;  // nullptr: no list
};

class ShareableList::Iterator {
 public:
  using value_type = Item;
  using difference_type = std::ptrdiff_t;

  Iterator() noexcept = default;
  Item operator*() const { return list_->get(index_); }
  Iterator& operator++() noexcept {
    ++index_;
    return *this;
  }
  Iterator operator++(int) noexcept { return std::exchange(*this, Iterator(*list_, index_ + 1)); }
  friend bool operator==(const Iterator& a, const Iterator& b) noexcept { return a.index_ == b.index_; }

 private:
  friend class ShareableList;
  Iterator(const ShareableList& list, std::ptrdiff_t index) noexcept : list_(&list), index_(index) {}
  const ShareableList* list_ = nullptr;
  std::ptrdiff_t index_ = 0;
};

inline ShareableList::Iterator ShareableList::begin() const noexcept { return {*this, 0}; }
inline ShareableList::Iterator ShareableList::end() const noexcept {
  return {*this, static_cast<std::ptrdiff_t>(size())};
}

}  // namespace plait::multiprocessing::shared_memory
