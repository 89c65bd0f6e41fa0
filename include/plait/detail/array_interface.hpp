// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What Value and Array are besides their memory, be it shared by processes or by threads (dummy): the calls of an array
// over its data() and size(), and those of the lock that guards a value or an array.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "plait/detail/export.hpp"
#include "plait/detail/sequence_index.hpp"
#include "plait/errors.hpp"
#include "plait/until.hpp"

namespace plait::detail {

// In bytes. Throws ValueError: less than 0; OutOfSharedMemory: more than there can be.
PLAIT_EXPORT std::size_t checked_array_size(std::ptrdiff_t size, std::size_t element_size);

// A base of Self, which has data() and size(); its calls throw what these throw.
template <class Self, class T>
class ArrayInterface {
 public:
  [[nodiscard]] bool empty() const { return self().size() == 0; }
  [[nodiscard]] T* begin() const { return self().data(); }
  [[nodiscard]] T* end() const { return self().data() + self().size(); }
  [[nodiscard]] std::span<T> span() const { return {self().data(), self().size()}; }
  // Without a check.
  [[nodiscard]] T& operator[](std::size_t index) const { return self().data()[index]; }
  // A negative index counts from the end, as in Python. Throws IndexError: there is no such element.
  [[nodiscard]] T& at(std::ptrdiff_t index) const { return self().data()[place_of(index, self().size(), "an array")]; }
  // The elements [from, to), with Python's rules for slices: negative ones count from the end, what is outside is cut.
  [[nodiscard]] std::span<T> slice(std::ptrdiff_t from, std::ptrdiff_t to) const {
    const Slice part = slice_of(from, to, self().size());
    return span().subspan(part.begin, part.size);
  }

  // Of arrays of char, as Python's 'c': the text up to the first NUL, all bytes, and setting the text, with a NUL after
  // it if there is room. Throws ValueError: it is longer than the array.
  [[nodiscard]] std::string value() const
    requires std::same_as<T, char>
  {
    return std::string(begin(), std::find(begin(), end(), '\0'));
  }
  [[nodiscard]] std::string raw() const
    requires std::same_as<T, char>
  {
    return std::string(begin(), end());
  }
  void set_value(std::string_view text) const
    requires std::same_as<T, char>
  {
    if (text.size() > self().size()) throw ValueError("the text is longer than the array");
    std::ranges::copy(text, begin());
    if (text.size() < self().size()) (*this)[text.size()] = '\0';
  }

 private:
  [[nodiscard]] const Self& self() const noexcept { return static_cast<const Self&>(*this); }
};

// The lock, which does not guard by itself: for std::scoped_lock and std::unique_lock, also as the object itself.
template <class L>
class GuardedBy {
 public:
  [[nodiscard]] const L& get_lock() const noexcept { return lock_; }
  bool acquire(const Until& until = {}) const { return lock_.acquire(until); }
  void release() const { lock_.release(); }
  void lock() const { lock_.lock(); }
  [[nodiscard]] bool try_lock() const { return lock_.try_lock(); }
  void unlock() const { lock_.unlock(); }

 protected:
  explicit GuardedBy(L lock) : lock_(std::move(lock)) {}

 private:
  L lock_;
};

}  // namespace plait::detail
