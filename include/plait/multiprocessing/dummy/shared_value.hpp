// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Value, Array, RawValue and RawArray between threads, with the interface of those between processes
// (multiprocessing/shared_value.hpp): handles, of which copies share one object.

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <ranges>
#include <span>
#include <utility>
#include <variant>

#include "plait/detail/array_interface.hpp"
#include "plait/multiprocessing/dummy/synchronize.hpp"

namespace plait::multiprocessing::dummy {

// The lock of a Value or an Array: a Lock or an RLock.
class GuardingLock : public detail::DummyLockable<GuardingLock> {
 public:
  GuardingLock() : lock_(RLock()) {}
  GuardingLock(const Lock* lock) : lock_(*lock) {}   // NOLINT(google-explicit-constructor): reads as an option
  GuardingLock(const RLock* lock) : lock_(*lock) {}  // NOLINT(google-explicit-constructor)

  void release() const {
    std::visit([](const auto& lock) { lock.release(); }, lock_);
  }
  [[nodiscard]] bool locked() const {
    return std::visit([](const auto& lock) { return lock.locked(); }, lock_);
  }

 private:
  friend DummyLockable;
  bool take_within(const Until& until) const {
    return std::visit([&until](const auto& lock) { return lock.acquire(until); }, lock_);
  }
  std::variant<Lock, RLock> lock_;
};

struct SharedOptions {
  GuardingLock lock = {};  // a pointer to the Lock or RLock that guards it; default: an RLock of its own
};

namespace detail_of_dummy {

template <class T>
struct One {
  template <class... Args>
  explicit One(Args&&... args) : value(std::forward<Args>(args)...) {}
  T value;
};

// Not a vector: of bools it would have no elements.
template <class T>
struct Many {
  explicit Many(std::size_t count) : elements(std::make_unique<T[]>(count)), size(count) {}
  std::unique_ptr<T[]> elements;
  std::size_t size;
};

}  // namespace detail_of_dummy

template <class T>
class RawValue : public detail::DummyHandle<detail_of_dummy::One<T>> {
  using Base = detail::DummyHandle<detail_of_dummy::One<T>>;

 public:
  using value_type = T;

  // T(args...); zero without.
  template <class... Args>
    requires std::constructible_from<T, Args...>
  explicit RawValue(Args&&... args) : Base(std::in_place, std::forward<Args>(args)...) {}

  [[nodiscard]] T& operator*() const noexcept { return value(); }
  [[nodiscard]] T* operator->() const noexcept { return &value(); }
  [[nodiscard]] T& value() const noexcept { return this->object().value; }
  [[nodiscard]] std::atomic_ref<T> atomic() const
    requires std::atomic_ref<T>::is_always_lock_free
  {
    return std::atomic_ref<T>(value());
  }
};

template <class T>
class Value : public RawValue<T>, public detail::GuardedBy<GuardingLock> {
 public:
  template <class... Args>
    requires std::constructible_from<T, Args...>
  explicit Value(Args&&... args) : Value(SharedOptions{}, std::forward<Args>(args)...) {}
  template <class... Args>
    requires std::constructible_from<T, Args...>
  explicit Value(const SharedOptions& options, Args&&... args)
      : RawValue<T>(std::forward<Args>(args)...), GuardedBy(options.lock) {}

  [[nodiscard]] T& get_obj() const noexcept { return this->value(); }
};

template <class T>
class RawArray : public detail::DummyHandle<detail_of_dummy::Many<T>>, public detail::ArrayInterface<RawArray<T>, T> {
  using Base = detail::DummyHandle<detail_of_dummy::Many<T>>;

 public:
  using value_type = T;

  // So many zeros. Throws ValueError: less than 0.
  explicit RawArray(std::ptrdiff_t size)
      : Base(std::in_place, detail::checked_array_size(size, sizeof(T)) / sizeof(T)) {}
  // Copies of the elements.
  explicit RawArray(std::initializer_list<T> elements) : RawArray(std::span<const T>(elements)) {}
  template <std::ranges::sized_range R>
    requires(std::convertible_to<std::ranges::range_reference_t<R>, T> && !std::derived_from<R, Base>)
  explicit RawArray(const R& elements) : Base(std::in_place, static_cast<std::size_t>(std::ranges::size(elements))) {
    std::ranges::copy(elements, data());
  }

  [[nodiscard]] std::size_t size() const noexcept { return this->object().size; }
  [[nodiscard]] T* data() const noexcept { return this->object().elements.get(); }
};

template <class T>
class Array : public RawArray<T>, public detail::GuardedBy<GuardingLock> {
 public:
  explicit Array(std::ptrdiff_t size) : Array(SharedOptions{}, size) {}
  explicit Array(std::initializer_list<T> elements) : Array(SharedOptions{}, elements) {}
  template <std::ranges::sized_range R>
    requires(std::convertible_to<std::ranges::range_reference_t<R>, T> &&
             !std::derived_from<R, detail::GuardedBy<GuardingLock>>)
  explicit Array(const R& elements) : Array(SharedOptions{}, elements) {}
  template <class Elements>
  Array(const SharedOptions& options, const Elements& elements) : RawArray<T>(elements), GuardedBy(options.lock) {}

  [[nodiscard]] std::span<T> get_obj() const noexcept { return this->span(); }
};

template <class T>
using shared_array = RawArray<T>;

}  // namespace plait::multiprocessing::dummy
