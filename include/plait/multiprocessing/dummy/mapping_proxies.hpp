// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// DictProxy and NamespaceProxy: what dict() and Namespace() of a manager give. Handles, as the proxies of
// sequence_proxies.hpp, which tells what one step is.

#include <any>
#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <list>
#include <map>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/detail/export.hpp"
#include "plait/errors.hpp"
#include "plait/multiprocessing/dummy/sequence_proxies.hpp"

namespace plait::detail {

// `key` as the error should show it, empty if it cannot be shown.
[[noreturn]] PLAIT_EXPORT void throw_no_key(const std::string& key);
[[noreturn]] PLAIT_EXPORT void throw_no_attribute(std::string_view name);
[[noreturn]] PLAIT_EXPORT void throw_other_attribute(std::string_view name);

template <class K>
std::string shown_key(const K& key) {
  if constexpr (std::convertible_to<const K&, std::string_view>) {
    return "'" + std::string(std::string_view(key)) + "'";
  } else if constexpr (std::is_arithmetic_v<K>) {
    return std::to_string(key);
  } else {
    return {};
  }
}

// A map that knows in which order its keys came.
template <class K, class V>
class OrderedMap {
  struct Place {  // of an entry of the map, which does not move
    const K* key;
    V* value;
  };
  struct Entry {
    V value;
    typename std::list<Place>::iterator place = {};
  };

 public:
  OrderedMap() = default;
  OrderedMap(const OrderedMap&) = delete;
  OrderedMap& operator=(const OrderedMap&) = delete;
  OrderedMap(OrderedMap&& other) noexcept { swap(other); }
  OrderedMap& operator=(OrderedMap&& other) noexcept {
    swap(other);
    return *this;
  }
  ~OrderedMap() = default;

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  // nullptr: there is no such key.
  [[nodiscard]] V* find(const K& key) {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second.value;
  }
  // A new key, the last. It is not there yet.
  V& add(K key, V value) {
    const auto added = entries_.emplace(std::move(key), Entry{std::move(value)}).first;
    V& kept = added->second.value;
    try {
      added->second.place = order_.insert(order_.end(), Place{&added->first, &kept});
    } catch (...) {
      entries_.erase(added);
      throw;
    }
    return kept;
  }
  // nullopt: there is no such key.
  std::optional<V> take(const K& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::nullopt;
    return take(found).second;
  }
  // It is not empty.
  std::pair<K, V> take_last() { return take(entries_.find(*order_.back().key)); }
  // visit(key, value), in order.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Place& place : order_) visit(*place.key, std::as_const(*place.value));
  }

 private:
  // Iterators of both stay valid, but for the ends, of which none is kept.
  void swap(OrderedMap& other) noexcept {
    entries_.swap(other.entries_);
    order_.swap(other.order_);
  }
  std::pair<K, V> take(typename std::map<K, Entry, std::less<>>::iterator entry) {
    order_.erase(entry->second.place);
    auto node = entries_.extract(entry);
    return {std::move(node.key()), std::move(node.mapped().value)};
  }

  std::map<K, Entry, std::less<>> entries_;
  std::list<Place> order_;  // of all of them
};

}  // namespace plait::detail

namespace plait::multiprocessing::dummy::managers {

// Python's dict, shared: its keys are in the order in which they came. They are compared by <. Keys and values are
// copied and compared while the dictionary is locked, so these must not use it.
//
//   auto ages = manager.dict<std::string, int>({{"Ann", 31}});
//   ages["Bob"] = 27;
//   int eve = ages.setdefault("Eve", 18);
//   for (auto [name, age] : ages.items()) std::cout << name << age;
template <class K, class V>
class DictProxy : public detail::GuardedHandle<detail::OrderedMap<K, V>> {
  using Map = detail::OrderedMap<K, V>;
  using Base = detail::GuardedHandle<Map>;

 public:
  using key_type = K;
  using mapped_type = V;

  [[nodiscard]] std::size_t size() const {
    return this->locked([](const Map& map) { return map.size(); });
  }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] bool contains(const K& key) const {
    return this->locked([&](Map& map) { return map.find(key) != nullptr; });
  }

  // Throws KeyError: there is no such key.
  [[nodiscard]] V at(const K& key) const {
    if (std::optional<V> value = get(key)) return *std::move(value);
    detail::throw_no_key(detail::shown_key(key));
  }
  // nullopt, or the default: there is none.
  [[nodiscard]] std::optional<V> get(const K& key) const {
    return this->locked([&](Map& map) {
      const V* const value = map.find(key);
      return value == nullptr ? std::nullopt : std::optional<V>(*value);
    });
  }
  [[nodiscard]] V get(const K& key, V fallback) const {
    std::optional<V> value = get(key);
    return value ? *std::move(value) : std::move(fallback);
  }
  void set(K key, V value) const {
    this->locked([&](Map& map) {
      if (V* const known = map.find(key)) {
        std::swap(*known, value);  // the old one is destroyed after the lock was let go
      } else {
        map.add(std::move(key), std::move(value));
      }
    });
  }
  // To be read, as at(), or assigned to, as set().
  [[nodiscard]] detail::ItemReference<DictProxy, K, V> operator[](K key) const { return {*this, std::move(key)}; }
  // The value; it is given that first if the key is new.
  V setdefault(K key, V value) const {
    return this->locked([&](Map& map) -> V {
      if (const V* const known = map.find(key)) return *known;
      return map.add(std::move(key), std::move(value));
    });
  }
  // set() for each of them.
  template <std::ranges::input_range R>
    requires std::convertible_to<std::ranges::range_reference_t<R>, std::pair<K, V>>
  void update(R&& pairs) const {
    for (std::pair<K, V> pair : pairs) set(std::move(pair.first), std::move(pair.second));
  }
  void update(std::initializer_list<std::pair<K, V>> pairs) const { update(std::vector(pairs)); }
  void update(const DictProxy& other) const { update(other.items()); }

  // Takes it out. Throws KeyError: there is none, and no default.
  V pop(const K& key) const {
    if (std::optional<V> value = take(key)) return *std::move(value);
    detail::throw_no_key(detail::shown_key(key));
  }
  V pop(const K& key, V fallback) const {
    std::optional<V> value = take(key);
    return value ? *std::move(value) : std::move(fallback);
  }
  // The one that came last. Throws KeyError: it is empty.
  std::pair<K, V> popitem() const {
    return this->locked([](Map& map) {
      if (map.size() == 0) throw KeyError("popitem: the dictionary is empty");
      return map.take_last();
    });
  }
  // `del dict[key]`. Throws KeyError: there is none.
  void del(const K& key) const { static_cast<void>(pop(key)); }
  void clear() const { this->replace(Map()); }

  // Snapshots, in order; copy() in that of a map.
  [[nodiscard]] std::vector<K> keys() const {
    return collect<K>([](const K& key, const V&) { return key; });
  }
  [[nodiscard]] std::vector<V> values() const {
    return collect<V>([](const K&, const V& value) { return value; });
  }
  [[nodiscard]] std::vector<std::pair<K, V>> items() const {
    return collect<std::pair<K, V>>([](const K& key, const V& value) { return std::pair(key, value); });
  }
  [[nodiscard]] std::map<K, V> copy() const {
    std::vector<std::pair<K, V>> all = items();
    return {std::move_iterator(all.begin()), std::move_iterator(all.end())};
  }

 private:
  friend class SyncManager;
  template <class, class, class>
  friend class detail::ItemReference;

  DictProxy() : Base(Map()) {}
  [[nodiscard]] V item(const K& key) const { return at(key); }
  std::optional<V> take(const K& key) const {
    return this->locked([&](Map& map) { return map.take(key); });
  }
  template <class T, class Make>
  std::vector<T> collect(Make make) const {
    return this->locked([&](const Map& map) {
      std::vector<T> all;
      all.reserve(map.size());
      map.for_each([&](const K& key, const V& value) { all.push_back(make(key, value)); });
      return all;
    });
  }
};

// Attributes of any types, by their names.
//
//   auto shared = manager.Namespace();
//   shared.setattr("rounds", 10);
//   int rounds = shared.getattr<int>("rounds");
class NamespaceProxy : public detail::GuardedHandle<std::map<std::string, std::any, std::less<>>> {
  using Attributes = std::map<std::string, std::any, std::less<>>;

 public:
  // A literal or a view is kept as a std::string.
  template <class T>
  void setattr(std::string name, T&& value) const {
    std::any kept;
    if constexpr (std::is_convertible_v<T&&, std::string_view>) {
      kept = std::string(std::string_view(value));
    } else {
      kept = std::forward<T>(value);
    }
    locked([&](Attributes& all) { all[std::move(name)].swap(kept); });
  }
  // Throws AttributeError: there is none; TypeError: it is no T.
  template <class T>
  [[nodiscard]] T getattr(std::string_view name) const {
    if (std::optional<T> value = find<T>(name)) return *std::move(value);
    detail::throw_no_attribute(name);
  }
  // The default: there is none. Throws TypeError.
  template <class T>
  [[nodiscard]] T getattr(std::string_view name, T fallback) const {
    std::optional<T> value = find<T>(name);
    return value ? *std::move(value) : std::move(fallback);
  }
  // Of a text: as setattr() keeps texts.
  [[nodiscard]] std::string getattr(std::string_view name, const char* fallback) const {
    return getattr<std::string>(name, fallback);
  }
  [[nodiscard]] bool hasattr(std::string_view name) const {
    return locked([&](const Attributes& all) { return all.contains(name); });
  }
  // Throws AttributeError: there is none.
  void delattr(std::string_view name) const {
    locked([&](Attributes& all) {
      const auto found = all.find(name);
      if (found == all.end()) detail::throw_no_attribute(name);
      return all.extract(found);  // destroyed after the lock was let go
    });
  }

 private:
  friend class SyncManager;
  NamespaceProxy() : GuardedHandle(Attributes()) {}

  template <class T>
  std::optional<T> find(std::string_view name) const {
    return locked([&](Attributes& all) -> std::optional<T> {
      const auto found = all.find(name);
      if (found == all.end()) return std::nullopt;
      if (const T* const value = std::any_cast<T>(&found->second)) return *value;
      detail::throw_other_attribute(name);
    });
  }
};

}  // namespace plait::multiprocessing::dummy::managers
