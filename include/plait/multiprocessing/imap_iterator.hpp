// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// IMapIterator: the results of Pool::imap and imap_unordered, one after another.

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "plait/deadline.hpp"
#include "plait/detail/imap_stream.hpp"

namespace plait::multiprocessing {

// A single-pass range, and as in Python something to call next() of. Move-only, and used by one thread. Elements are
// R&, for functions that return nothing std::monostate&; one is valid until the next.
//
// begin(), ++ and next() wait for the next result. They throw the exception of a call: with chunksize 1 when its turn
// comes, and the results after it can still be had; otherwise after the results that precede it in its chunk, and that
// is the end. What the input throws comes after the results of what was before it, and is the end, too.
// AsyncResult::get tells what else there is.
//
// Destroyed, it cancels calls that have not begun.
//
//   for (int page : pool.imap_unordered(get_html, urls)) show(page);
//
//   auto pages = pool.imap(get_html, urls);
//   while (auto page = pages.next(5s)) show(*page);
template <class R>
class [[nodiscard]] IMapIterator {
 public:
  class Iterator;

  // For pools.
  explicit IMapIterator(std::shared_ptr<detail::ImapStream<R>> stream) noexcept : stream_(std::move(stream)) {}
  IMapIterator(IMapIterator&&) noexcept = default;
  IMapIterator& operator=(IMapIterator&& other) noexcept {
    std::swap(stream_, other.stream_);
    std::swap(current_, other.current_);
    return *this;
  }
  ~IMapIterator() {
    if (stream_ != nullptr) stream_->abandon();
  }

  // nullopt: that was all. Throws TimeoutError: not in time; it may be called again, nothing is lost.
  // Differs from Python, which raises StopIteration at the end.
  std::optional<detail::Stored<R>> next(Deadline timeout = {}) {
    detail::Stored<R>* const value = stream_->next(timeout);
    return value != nullptr ? std::optional(std::move(*value)) : std::nullopt;
  }

  Iterator begin() {
    current_ = stream_->next({});
    return Iterator(*this);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  std::shared_ptr<detail::ImapStream<R>> stream_;
  detail::Stored<R>* current_ = nullptr;
};

template <class R>
class IMapIterator<R>::Iterator {
 public:
  using value_type = detail::Stored<R>;
  using difference_type = std::ptrdiff_t;

  detail::Stored<R>& operator*() const noexcept { return *results_->current_; }
  detail::Stored<R>* operator->() const noexcept { return results_->current_; }
  Iterator& operator++() {
    results_->current_ = results_->stream_->next({});
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const noexcept { return results_->current_ == nullptr; }

 private:
  friend IMapIterator;
  explicit Iterator(IMapIterator& results) noexcept : results_(&results) {}
  IMapIterator* results_;
};

}  // namespace plait::multiprocessing
