// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A value that can be sent, and counts how often one was moved in this thread: a result that was taken from its task.

namespace plait::tests {

class CountsMoves {
 public:
  CountsMoves() = default;
  explicit CountsMoves(int value) noexcept : value_(value) {}
  CountsMoves(CountsMoves&& other) noexcept : value_(other.value_) { ++moves_here; }
  CountsMoves& operator=(CountsMoves&& other) noexcept {
    value_ = other.value_;
    ++moves_here;
    return *this;
  }
  ~CountsMoves() = default;

  [[nodiscard]] int value() const noexcept { return value_; }

  template <class A>
  void serialize(A& ar) {
    ar(value_);
  }

  static inline thread_local int moves_here = 0;

 private:
  int value_ = 0;
};

inline CountsMoves counting_moves(int value) { return CountsMoves(value); }

}  // namespace plait::tests
