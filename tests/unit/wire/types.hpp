// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Types of every kind that travels.

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "plait/wire.hpp"

namespace wire_test {

enum class Colour : std::uint8_t { red, green };

struct Point {
  double x = 0, y = 0;
  bool operator==(const Point&) const = default;
};
struct Padded {
  char tag = 0;
  double value = 0;
  bool operator==(const Padded&) const = default;
};
struct Empty {
  bool operator==(const Empty&) const = default;
};

// Contains itself.
struct Tree {
  int value = 0;
  std::vector<Tree> children;
  bool operator==(const Tree&) const = default;
};
struct Chain {
  std::unique_ptr<Chain> next;
};

class Private {
 public:
  explicit Private(std::string name) : name_(std::move(name)) {}
  bool operator==(const Private&) const = default;

 private:
  friend class plait::wire::Access;
  Private() = default;
  template <class A>
  void serialize(A& ar) {
    ar(name_);
  }
  std::string name_;
};

struct SavedAndLoaded {
  int twice = 0;
  template <class A>
  void save(A& ar) const {
    ar(twice / 2);
  }
  template <class A>
  void load(A& ar) {
    int half = 0;
    ar(half);
    twice = half * 2;
  }
  bool operator==(const SavedAndLoaded&) const = default;
};

struct Foreign {
  explicit Foreign(int n = 0) : value(n) {}
  int value;
  bool operator==(const Foreign&) const = default;
};
template <class A>
void serialize(A& ar, Foreign& foreign) {
  ar(foreign.value);
}

// A class hierarchy that says what it is made of, C array included.
struct Base {
  int id = 0;
  template <class A>
  void serialize(A& ar) {
    ar(id);
  }
  bool operator==(const Base&) const = default;
};
struct Derived : Base {
  char tag[4] = {};
  template <class A>
  void serialize(A& ar) {
    ar(static_cast<Base&>(*this), tag);
  }
  bool operator==(const Derived&) const = default;
};

struct Nested {
  std::string name;
  std::map<std::string, std::vector<Point>> tracks;
  std::optional<Colour> colour;
  std::variant<std::monostate, int, std::string> extra;
  bool operator==(const Nested&) const = default;
};

struct NoDefault {
  const int a;
  std::string b;
  explicit operator bool() const { return a != 0; }
  bool operator==(const NoDefault&) const = default;
};

}  // namespace wire_test
