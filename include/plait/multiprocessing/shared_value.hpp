// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Values and arrays in shared memory: Python's multiprocessing.Value, Array, RawValue and RawArray.

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <new>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>

#include "plait/detail/array_interface.hpp"
#include "plait/detail/shared_memory_handle.hpp"
#include "plait/errors.hpp"

namespace plait::detail {

// What can lie in memory that other processes see: its bytes are the value.
template <class T>
concept shared_by_bytes = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && !std::is_reference_v<T> &&
                          std::is_object_v<T> && alignof(T) <= 64;

}  // namespace plait::detail

namespace plait::multiprocessing {

struct SharedOptions {
  const detail::SharedLockHandle* lock = nullptr;  // a Lock or RLock to guard it; default: an RLock of its own
};

// ---- one value

// A T in shared memory, without a lock. A handle (plait/detail/shared_handle.hpp): copies, in whatever process, are of
// the same value. T's bytes are its value: arithmetic types, enums, structs of them. Reading and writing at the same
// time is a data race as between threads: use atomic(), or a lock.
//
//   mp::RawValue<long> hits;
//   hits.atomic().fetch_add(1);
template <class T>
class RawValue : public detail::SharedMemoryHandle {
  static_assert(detail::shared_by_bytes<T>,
                "plait: a value in shared memory must be trivially copyable and no pointer: what it refers to would "
                "not be there");

 public:
  using value_type = T;

  // T(args...); zero without. Throws OutOfSharedMemory.
  template <class... Args>
    requires std::constructible_from<T, Args...>
  explicit RawValue(Args&&... args) : RawValue(detail::LockOfMemory(), std::forward<Args>(args)...) {}
  explicit RawValue(detail::ArrivedHandle arrived) : SharedMemoryHandle(arrived, sizeof(T), false) {}

  // Throw RuntimeError: the handle was inherited by fork().
  [[nodiscard]] T& operator*() const { return value(); }
  [[nodiscard]] T* operator->() const { return &value(); }
  [[nodiscard]] T& value() const { return *std::launder(reinterpret_cast<T*>(data())); }

  // For changes without a lock. Only for types whose atomics need none.
  [[nodiscard]] std::atomic_ref<T> atomic() const
    requires std::atomic_ref<T>::is_always_lock_free
  {
    return std::atomic_ref<T>(value());
  }

 protected:
  template <class... Args>
  explicit RawValue(detail::LockOfMemory lock, Args&&... args) : SharedMemoryHandle(sizeof(T), lock) {
    new (static_cast<void*>(data())) T(std::forward<Args>(args)...);
  }
  RawValue(detail::ArrivedHandle arrived, bool has_lock) : SharedMemoryHandle(arrived, sizeof(T), has_lock) {}
};

// A T in shared memory with a lock, which travels with it. Changing it is not guarded by itself: hold the lock.
//
//   void count(mp::Value<int> counter) { std::scoped_lock held(counter.get_lock()); ++*counter; }
//   mp::Value<int> counter(0);
//   mp::Process p(count, counter);
//
// Differs from Python: T is a type, no typecode; a Value of integers does not wrap around what is too large, it does
// not compile or converts as C++ does; atomic() needs no lock.
template <class T>
class Value : public RawValue<T>, public detail::GuardedBy<detail::SharedLockHandle> {
 public:
  template <class... Args>
    requires std::constructible_from<T, Args...>
  explicit Value(Args&&... args) : Value(SharedOptions{}, std::forward<Args>(args)...) {}
  template <class... Args>
    requires std::constructible_from<T, Args...>
  explicit Value(const SharedOptions& options, Args&&... args)
      : Value(Made(), options.lock != nullptr ? *options.lock : RLock(), std::forward<Args>(args)...) {}
  explicit Value(detail::ArrivedHandle arrived) : RawValue<T>(arrived, true), GuardedBy(RawValue<T>::lock_of(*this)) {}

  [[nodiscard]] T& get_obj() const { return this->value(); }

 private:
  struct Made {};
  template <class... Args>
  Value(Made, const detail::SharedLockHandle& lock, Args&&... args)
      : RawValue<T>(detail::LockOfMemory{&lock}, std::forward<Args>(args)...), GuardedBy(lock) {}
};

// ---- arrays

// Elements of type T in shared memory, without a lock; their number is fixed. A handle like RawValue: an array of any
// size goes to another process without being copied, also where the parameter is a view of it. It is a contiguous
// range.
//
//   double mean_of_part(std::span<const double> samples, Part part);
//   mp::RawArray<double> samples(1 << 27);                  // 1 GiB
//   for (double mean : pool.map(plait::partial(mean_of_part, samples), parts)) …
template <class T>
class RawArray : public detail::SharedMemoryHandle, public detail::ArrayInterface<RawArray<T>, T> {
  static_assert(detail::shared_by_bytes<T>,
                "plait: elements in shared memory must be trivially copyable and no pointers: what they refer to would "
                "not be there");

 public:
  using value_type = T;

  // So many zeros. Throws ValueError: less than 0; OutOfSharedMemory.
  explicit RawArray(std::ptrdiff_t size) : RawArray(detail::LockOfMemory(), size) {}
  // Copies of the elements.
  explicit RawArray(std::initializer_list<T> elements) : RawArray(detail::LockOfMemory(), elements) {}
  template <std::ranges::sized_range R>
    requires(std::convertible_to<std::ranges::range_reference_t<R>, T> && !std::derived_from<R, SharedMemoryHandle>)
  explicit RawArray(const R& elements) : RawArray(detail::LockOfMemory(), elements) {}
  explicit RawArray(detail::ArrivedHandle arrived) : RawArray(arrived, false) {}

  // Throw RuntimeError: the handle was inherited by fork().
  [[nodiscard]] std::size_t size() const { return size_in_bytes() / sizeof(T); }
  [[nodiscard]] T* data() const { return reinterpret_cast<T*>(SharedMemoryHandle::data()); }

 protected:
  RawArray(detail::LockOfMemory lock, std::ptrdiff_t size)
      : SharedMemoryHandle(detail::checked_array_size(size, sizeof(T)), lock) {}
  template <std::ranges::sized_range R>
  RawArray(detail::LockOfMemory lock, const R& elements)
      : RawArray(lock, static_cast<std::ptrdiff_t>(std::ranges::size(elements))) {
    std::ranges::copy(elements, data());
  }
  RawArray(detail::ArrivedHandle arrived, bool has_lock) : SharedMemoryHandle(arrived, {}, has_lock) {
    if (size_in_bytes() % sizeof(T) != 0) throw DecodeError("plait: this handle is of a shared array of another type");
  }
};

// An array in shared memory with a lock, which travels with it. Changing it is not guarded by itself: hold the lock.
//
//   mp::Array<int> numbers({1, 2, 3});
//   { std::scoped_lock held(numbers.get_lock()); for (int& n : numbers) n *= 2; }
//
// Differs from Python: T is a type, no typecode; [] does not check, at() does.
template <class T>
class Array : public RawArray<T>, public detail::GuardedBy<detail::SharedLockHandle> {
 public:
  explicit Array(std::ptrdiff_t size) : Array(SharedOptions{}, size) {}
  explicit Array(std::initializer_list<T> elements) : Array(SharedOptions{}, elements) {}
  template <std::ranges::sized_range R>
    requires(std::convertible_to<std::ranges::range_reference_t<R>, T> &&
             !std::derived_from<R, detail::SharedMemoryHandle>)
  explicit Array(const R& elements) : Array(SharedOptions{}, elements) {}
  template <class Elements>
  Array(const SharedOptions& options, const Elements& elements)
      : Array(Made(), options.lock != nullptr ? *options.lock : RLock(), elements) {}
  explicit Array(detail::ArrivedHandle arrived) : RawArray<T>(arrived, true), GuardedBy(RawArray<T>::lock_of(*this)) {}

  [[nodiscard]] std::span<T> get_obj() const { return this->span(); }

 private:
  struct Made {};
  template <class Elements>
  Array(Made, const detail::SharedLockHandle& lock, const Elements& elements)
      : RawArray<T>(detail::LockOfMemory{&lock}, elements), GuardedBy(lock) {}
};

// The name for what is mostly passed around for its content.
template <class T>
using shared_array = RawArray<T>;

}  // namespace plait::multiprocessing
