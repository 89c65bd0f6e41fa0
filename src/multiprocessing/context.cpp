// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/context.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "plait/errors.hpp"

namespace plait::multiprocessing {
namespace {

constexpr std::array<std::string_view, 3> methods{"forkserver", "spawn", "fork"};  // the default first

constexpr int not_fixed = -1;
constinit std::atomic<int> fixed{not_fixed};  // an index of `methods`; guards no other data, hence relaxed

int index_of(std::string_view method) {
  const auto found = std::ranges::find(methods, method);
  if (found != methods.end()) return static_cast<int>(found - methods.begin());
  throw ValueError("no start method \"" + std::string(method) + "\": use \"forkserver\", \"spawn\" or \"fork\"");
}

std::string name_of(int index) { return std::string(methods[static_cast<std::size_t>(index)]); }

}  // namespace

Context::Context() : Context(multiprocessing::get_start_method()) {}

Context::Context(std::string method) noexcept : method_(std::move(method)) {}

Context get_context(std::optional<std::string_view> method) {
  return method ? Context(name_of(index_of(*method))) : Context();
}

void set_start_method(std::string_view method) { set_start_method({.force = false}, method); }

void set_start_method(StartMethodOptions options, std::optional<std::string_view> method) {
  const int wanted = method ? index_of(*method) : not_fixed;
  if (options.force) {
    fixed.store(wanted, std::memory_order_relaxed);
    return;
  }
  int none = not_fixed;
  if (fixed.compare_exchange_strong(none, wanted, std::memory_order_relaxed)) return;
  throw RuntimeError("the start method is \"" + name_of(none) +
                     "\" already; set it once, before anything asks for it, or with {.force = true}");
}

std::string get_start_method() {
  int current = not_fixed;
  fixed.compare_exchange_strong(current, 0, std::memory_order_relaxed);
  return name_of(std::max(current, 0));
}

std::optional<std::string> get_start_method(GetStartMethodOptions options) {
  const int current = fixed.load(std::memory_order_relaxed);
  if (current == not_fixed && options.allow_none) return std::nullopt;
  return get_start_method();
}

std::vector<std::string> get_all_start_methods() { return {methods.begin(), methods.end()}; }

}  // namespace plait::multiprocessing
