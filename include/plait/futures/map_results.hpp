// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What Executor::map returns: the results of the calls, in the order of the input.

#include <cstddef>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/detail/map_stream.hpp"

namespace plait::futures {

// A single-pass range, used by one thread. Its elements are R&; for a callable that returns T& they are T&, and for one
// that returns nothing std::monostate&. An element is valid until the next ++.
//
// begin() and ++ wait for the next result. They throw the exception of the call whose turn it is, TimeoutError when
// the timeout of map has passed, and what the input ranges and the executor's submit throw where those are pulled
// lazily. After an exception, and when the range is destroyed, calls that have not begun are cancelled; running ones go
// on, and nobody waits for them. The executor must outlive the iteration of a lazy map, as must ranges given as
// lvalues.
//
// Differs from Python: begin() waits already, not only ++; with chunksize the results that precede an exception in its
// chunk still come, where Python drops the whole chunk.
//
//   for (int page : pool.map(get_html, urls)) show(page);
template <class R>
class [[nodiscard]] MapResults {
 public:
  class Iterator;

  // For executors.
  explicit MapResults(std::unique_ptr<detail::MapStream<R>> stream) noexcept : stream_(std::move(stream)) {}

  Iterator begin() {
    advance();
    return Iterator(*this);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

  // All of them, Python's list(results); for void it only waits.
  auto list();

 private:
  void advance();

  std::unique_ptr<detail::MapStream<R>> stream_;  // nullptr: at the end
  detail::Stored<R>* current_ = nullptr;
};

template <class R>
void MapResults<R>::advance() {
  current_ = nullptr;
  if (stream_ == nullptr) return;
  try {
    current_ = stream_->next();
  } catch (...) {
    stream_.reset();
    throw;
  }
  if (current_ == nullptr) stream_.reset();
}

template <class R>
auto MapResults<R>::list() {
  if constexpr (std::is_void_v<R>) {
    for ([[maybe_unused]] auto& nothing : *this) {
    }
  } else {
    std::vector<std::remove_const_t<detail::Stored<R>>> all;
    for (advance(); current_ != nullptr; advance()) all.push_back(std::move(*current_));
    return all;
  }
}

template <class R>
class MapResults<R>::Iterator {
 public:
  using value_type = detail::Stored<R>;
  using difference_type = std::ptrdiff_t;

  auto& operator*() const noexcept {
    if constexpr (std::is_reference_v<R>) {
      return **results_->current_;
    } else {
      return *results_->current_;
    }
  }
  Iterator& operator++() {
    results_->advance();
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const noexcept { return results_->current_ == nullptr; }

 private:
  friend MapResults;
  explicit Iterator(MapResults& results) noexcept : results_(&results) {}
  MapResults* results_;
};

}  // namespace plait::futures
