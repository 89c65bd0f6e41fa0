// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// ListProxy, ArrayProxy and ValueProxy: what list(), Array() and Value() of a manager give (dummy/manager.hpp). They
// are handles, of which copies share one object. Each call is one step for other threads; several in a row are not, as
// in Python, so guard these by a lock. All is given and taken by value: an item that was fetched is a copy, but for one
// that is itself a handle, such as a proxy, which leads to the same object.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <mutex>
#include <ranges>
#include <utility>
#include <vector>

#include "plait/detail/sequence_index.hpp"
#include "plait/errors.hpp"
#include "plait/multiprocessing/dummy/synchronize.hpp"

namespace plait::multiprocessing::dummy::managers {
class SyncManager;
}

namespace plait::detail {

template <class T>
struct Guarded {
  template <class... Args>
  explicit Guarded(Args&&... args) : value(std::forward<Args>(args)...) {}
  std::mutex mutex;
  T value;
};

// A handle of something that threads use one after another.
template <class T>
class GuardedHandle : public DummyHandle<Guarded<T>> {
 protected:
  explicit GuardedHandle(T value) : DummyHandle<Guarded<T>>(std::in_place, std::move(value)) {}

  template <class Use>
  auto locked(Use use) const {
    const std::scoped_lock held(this->object().mutex);
    return use(this->object().value);
  }
  // What was there is destroyed after the lock was let go, for its destructor may want it.
  void replace(T by) const {
    locked([&by](T& value) { std::swap(value, by); });
  }
};

// What proxy[key] is: the item in its place, to be read or assigned to.
template <class Proxy, class Key, class T>
class ItemReference {
 public:
  ItemReference(Proxy proxy, Key key) : proxy_(std::move(proxy)), key_(std::move(key)) {}
  ItemReference(const ItemReference&) = default;
  ~ItemReference() = default;

  [[nodiscard]] T get() const { return proxy_.item(key_); }
  operator T() const { return get(); }  // NOLINT(google-explicit-constructor): as a reference does
  // NOLINTNEXTLINE(misc-unconventional-assign-operator): assigns to the item, also through a const reference
  const ItemReference& operator=(T item) const {
    proxy_.set(key_, std::move(item));
    return *this;
  }
  ItemReference& operator=(const ItemReference& other) {  // NOLINT(bugprone-unhandled-self-assignment): of the item
    proxy_.set(key_, other.get());
    return *this;
  }
  friend bool operator==(const ItemReference& a, const T& b) { return a.get() == b; }
  friend bool operator==(const ItemReference& a, const ItemReference& b) { return a.get() == b.get(); }

 private:
  Proxy proxy_;
  Key key_;
};

// What lists and arrays have in common. Indices below 0 count from the end.
template <class Self, class T>
class SequenceProxy : public GuardedHandle<std::vector<T>> {
 public:
  using value_type = T;

  [[nodiscard]] std::size_t size() const {
    return this->locked([](const auto& items) { return items.size(); });
  }
  [[nodiscard]] bool empty() const { return size() == 0; }

  // The item; and putting one in its place. Throw IndexError: there is none.
  [[nodiscard]] T get(std::ptrdiff_t index) const {
    return this->locked([&](const auto& items) -> T { return items[place(index, items)]; });
  }
  void set(std::ptrdiff_t index, T item) const {
    this->locked([&](auto& items) {
      auto at = items.begin() + static_cast<std::ptrdiff_t>(place(index, items));
      if constexpr (std::same_as<T, bool>) {
        *at = item;
      } else {
        std::swap(*at, item);  // the old one is destroyed after the lock was let go
      }
    });
  }
  // The same. Throws when it is used.
  [[nodiscard]] ItemReference<Self, std::ptrdiff_t, T> operator[](std::ptrdiff_t index) const {
    return {static_cast<const Self&>(*this), index};
  }

  // Copies of the items [from, to); what is outside is cut.
  [[nodiscard]] std::vector<T> slice(std::ptrdiff_t from, std::ptrdiff_t to) const {
    return this->locked([&](const auto& items) {
      const Slice part = slice_of(from, to, items.size());
      const auto first = items.begin() + static_cast<std::ptrdiff_t>(part.begin);
      return std::vector<T>(first, first + static_cast<std::ptrdiff_t>(part.size));
    });
  }
  // A snapshot, also to iterate over: `for (auto item : list.copy())`.
  [[nodiscard]] std::vector<T> copy() const {
    return this->locked([](const auto& items) { return items; });
  }

 protected:
  using GuardedHandle<std::vector<T>>::GuardedHandle;

  static std::size_t place(std::ptrdiff_t index, const std::vector<T>& items) {
    return place_of(index, items.size(), Self::kind);
  }

 private:
  template <class, class, class>
  friend class ItemReference;
  [[nodiscard]] T item(std::ptrdiff_t index) const { return get(index); }
};

}  // namespace plait::detail

namespace plait::multiprocessing::dummy::managers {

struct SortOptions {
  bool reverse = false;
};

// Python's list, shared. Items are copied and compared while the list is locked, so these must not use it.
//
//   auto list = manager.list({3, 1});
//   list.append(2);
//   list.sort();
//   list[0] = list[-1] - 3;
//   for (int number : list.copy()) std::cout << number;
template <class T>
class ListProxy : public detail::SequenceProxy<ListProxy<T>, T> {
  using Base = detail::SequenceProxy<ListProxy<T>, T>;

 public:
  void append(T item) const {
    this->locked([&](auto& items) { items.push_back(std::move(item)); });
  }
  template <std::ranges::input_range R>
    requires std::convertible_to<std::ranges::range_reference_t<R>, T>
  void extend(R&& more) const {
    std::vector<T> added;  // first, for a lazy range may look at this list
    for (auto&& item : more) added.push_back(std::forward<decltype(item)>(item));
    this->locked([&](auto& items) {
      items.insert(items.end(), std::move_iterator(added.begin()), std::move_iterator(added.end()));
    });
  }
  void extend(std::initializer_list<T> more) const { extend(std::vector<T>(more)); }
  void extend(const ListProxy& more) const { extend(more.copy()); }
  // Before the item with that index; an index that is too small or too large is one end.
  void insert(std::ptrdiff_t index, T item) const {
    this->locked([&](auto& items) { items.insert(at(items, clamped(index, items)), std::move(item)); });
  }

  // Takes it out. Throws IndexError: there is none.
  T pop(std::ptrdiff_t index = -1) const {
    return this->locked([&](auto& items) {
      const auto taken = at(items, Base::place(index, items));
      T item = std::move(*taken);
      items.erase(taken);
      return item;
    });
  }
  // `del list[index]`, `del list[from:to]`. The first throws IndexError: there is none.
  void del(std::ptrdiff_t index) const { static_cast<void>(pop(index)); }
  void del(std::ptrdiff_t from, std::ptrdiff_t to) const {
    std::vector<T> removed;
    this->locked([&](auto& items) {
      const detail::Slice part = detail::slice_of(from, to, items.size());
      const auto first = at(items, part.begin), last = at(items, part.begin + part.size);
      removed.assign(std::move_iterator(first), std::move_iterator(last));
      items.erase(first, last);
    });
  }
  void clear() const { this->replace({}); }

  // The first item that is equal. Throw ValueError: there is none.
  void remove(const T& item) const
    requires std::equality_comparable<T>
  {
    this->locked([&](auto& items) {
      const auto found = std::ranges::find(items, item);
      if (found == items.end()) throw ValueError("remove: the item is not in the list");
      T removed = std::move(*found);
      items.erase(found);
      return removed;
    });
  }
  // Its index, if it is among those [from, to).
  [[nodiscard]] std::size_t index(const T& item, std::ptrdiff_t from = 0,
                                  std::ptrdiff_t to = std::numeric_limits<std::ptrdiff_t>::max()) const
    requires std::equality_comparable<T>
  {
    return this->locked([&](const auto& items) {
      const detail::Slice part = detail::slice_of(from, to, items.size());
      const auto last = at(items, part.begin + part.size);
      const auto found = std::find(at(items, part.begin), last, item);
      if (found == last) throw ValueError("index: the item is not in the list");
      return static_cast<std::size_t>(found - items.begin());
    });
  }
  [[nodiscard]] std::size_t count(const T& item) const
    requires std::equality_comparable<T>
  {
    return this->locked([&](const auto& items) { return static_cast<std::size_t>(std::ranges::count(items, item)); });
  }
  [[nodiscard]] bool contains(const T& item) const
    requires std::equality_comparable<T>
  {
    return this->locked([&](const auto& items) { return std::ranges::find(items, item) != items.end(); });
  }

  void reverse() const {
    this->locked([](auto& items) { std::reverse(items.begin(), items.end()); });
  }
  // Stable, also when reversed. A comparison that throws leaves the list as it was.
  void sort(SortOptions options = {}) const
    requires std::strict_weak_order<std::less<>, T, T>
  {
    this->locked([&](auto& items) {
      std::vector<T> sorted = items;
      if (options.reverse) {
        std::stable_sort(sorted.begin(), sorted.end(), std::greater<>());
      } else {
        std::stable_sort(sorted.begin(), sorted.end(), std::less<>());
      }
      items.swap(sorted);
      return sorted;  // the old ones are destroyed after the lock was let go
    });
  }

 private:
  friend Base;
  friend class SyncManager;
  static constexpr const char* kind = "a list";
  explicit ListProxy(std::vector<T> items) : Base(std::move(items)) {}

  static auto at(auto& items, std::size_t place) { return items.begin() + static_cast<std::ptrdiff_t>(place); }
  static std::size_t clamped(std::ptrdiff_t index, const std::vector<T>& items) {
    return detail::clamped_place(index, items.size());
  }
};

// Items of a number that does not change.
//
//   auto array = manager.Array<double>(10);
//   array[3] = 0.5;
template <class T>
class ArrayProxy : public detail::SequenceProxy<ArrayProxy<T>, T> {
  using Base = detail::SequenceProxy<ArrayProxy<T>, T>;
  friend Base;
  friend class SyncManager;
  static constexpr const char* kind = "an array";
  explicit ArrayProxy(std::vector<T> items) : Base(std::move(items)) {}
};

// One value. To read it and then to set it is two steps: `value.set(value.get() + 1)` wants a lock around it.
template <class T>
class ValueProxy : public detail::GuardedHandle<T> {
 public:
  using value_type = T;

  [[nodiscard]] T get() const {
    return this->locked([](const T& value) { return value; });
  }
  [[nodiscard]] T value() const { return get(); }
  void set(T value) const { this->replace(std::move(value)); }

 private:
  friend class SyncManager;
  explicit ValueProxy(T value) : detail::GuardedHandle<T>(std::move(value)) {}
};

}  // namespace plait::multiprocessing::dummy::managers
