// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// concurrent.futures.Executor: the interface of everything that runs tasks, wherever it does.
//
// Code that takes an `Executor&` runs on threads and on processes alike. So what it submits must be shippable, that is,
// make sense in another process (plait/wire.hpp says what is); the compiler checks it and says what to do. A
// ThreadPoolExecutor used under its own name takes anything callable.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "plait/deadline.hpp"
#include "plait/detail/export.hpp"
#include "plait/detail/local_task.hpp"
#include "plait/detail/map_stream.hpp"
#include "plait/detail/remote_task.hpp"
#include "plait/errors.hpp"
#include "plait/futures/future.hpp"
#include "plait/futures/map_results.hpp"

namespace plait::futures {

struct ShutdownOptions {
  bool wait = true;             // return when the accepted tasks have run
  bool cancel_futures = false;  // but cancel those that have not begun, and were not handed to a process
};

struct MapOptions {
  Deadline timeout = {};                       // until when results are waited for, counted from the call of map
  std::ptrdiff_t chunksize = 1;                // calls in one task; threads ignore it
  std::optional<std::ptrdiff_t> buffersize{};  // how many tasks may be submitted ahead of the results taken
};

// All members are thread-safe, and may be called by tasks and by done-callbacks.
//
// Differs from Python: map is lazy, default_buffersize tasks ahead, when no range has a known length. With processes,
// tasks are handed to workers ahead of their turn, short ones by the hundred; they count as running from then on, so
// that neither cancel() nor cancel_futures takes them back. What shutdown cancels is done for wait() and
// as_completed().
class PLAIT_EXPORT Executor {
 public:
  // How many tasks map submits ahead when the length of its input is not known and no buffersize is given.
  static constexpr std::ptrdiff_t default_buffersize = 1024;

  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  // Of each executor: shutdown({.wait = true}), what Python's `with` does.
  virtual ~Executor();

  // Has f(args...) called, and does not wait for it; with processes it may wait for a worker process to be started.
  // Callable and arguments are copied, or moved from rvalues. An exception of the call, or in encoding it, is in the
  // future. Throws RuntimeError after shutdown and while the program exits; BrokenExecutor; std::system_error when no
  // worker at all can be started. Nothing has been submitted then.
  template <class F, class... Args>
  auto submit(F&& f, Args&&... args) -> Future<wire::CallResult<F, Args...>>;

  // Calls f(x, y, …) for the elements of the ranges, until the shortest ends; the results come in that order, as a lazy
  // range: see MapResults. All calls are submitted before this returns if the length of a range is known, and as
  // results are taken otherwise, or with `buffersize`: then at most so many tasks are submitted and not yet taken, and
  // the input may be infinite. Results that are there before all is submitted are taken then. With processes
  // `chunksize` calls make one task, which is much faster when calls are short. Throws ValueError: buffersize < 1, or
  // chunksize < 1 with processes; and as submit.
  //   for (int page : executor.map({.timeout = 5s}, get_html, urls)) show(page);
  template <class F, std::ranges::input_range... Ranges>
  auto map(MapOptions options, F&& f, Ranges&&... ranges)
      -> MapResults<wire::CallResult<F, detail::MapArgument<Ranges>...>>;
  template <class F, std::ranges::input_range... Ranges>
  auto map(F&& f, Ranges&&... ranges) {
    return map(MapOptions{}, std::forward<F>(f), std::forward<Ranges>(ranges)...);
  }

  // No task is taken from here on; those taken run, or are cancelled, and with `wait` this returns when that is done
  // and the workers have ended. Repeatable. A call in a task or done-callback never waits, since that would be for
  // itself.
  virtual void shutdown(ShutdownOptions options = {}) = 0;

 protected:
  Executor() = default;

  // For executors of your own. Where the tasks go as bytes; nullptr: they run in this process, by post().
  virtual detail::RemoteBackend* backend() noexcept { return nullptr; }
  // Takes the task, with a reference of its own, to run it later; throws what submit is to throw.
  virtual void post(detail::LocalTask& task);

  // The result of map, when `submit` does the submitting of one call.
  template <class R, class Submit, class... Ranges>
  static MapResults<R> map_plainly(const MapOptions& options, Submit submit, Ranges&&... ranges);

 private:
  template <class R, class F, class... Ranges>
  MapResults<R> map_in_chunks(const MapOptions& options, F f, Ranges&&... ranges);
  // How many tasks map may have submitted and not taken. Throws ValueError.
  static std::size_t window_of(const MapOptions& options, bool sized);
  static void check_chunksize(std::ptrdiff_t chunksize);
};

template <class F, class... Args>
auto Executor::submit(F&& f, Args&&... args) -> Future<wire::CallResult<F, Args...>> {
  using R = wire::CallResult<F, Args...>;
  detail::Ref<detail::ResultState<R>> state;
  if (detail::RemoteBackend* remote = backend()) {
    auto task = detail::make_remote_task(*remote, wire::make_call(std::forward<F>(f), std::forward<Args>(args)...));
    if (!task->done()) remote->post(*task);
    state = std::move(task);
  } else {
    wire::check_shippable<F, Args...>();
    auto task = detail::make_local_task<R>(std::forward<F>(f), std::forward<Args>(args)...);
    post(*task);
    state = std::move(task);
  }
  return detail::FutureAccess::make(std::move(state));
}

template <class F, std::ranges::input_range... Ranges>
auto Executor::map(MapOptions options, F&& f, Ranges&&... ranges)
    -> MapResults<wire::CallResult<F, detail::MapArgument<Ranges>...>> {
  using R = wire::CallResult<F, detail::MapArgument<Ranges>...>;
  if (backend() != nullptr) {
    check_chunksize(options.chunksize);
    if (options.chunksize > 1) return map_in_chunks<R>(options, std::decay_t<F>(f), std::forward<Ranges>(ranges)...);
  }
  auto submit_one = [this, f = std::decay_t<F>(std::forward<F>(f))](auto&&... args) {
    return this->submit(f, std::forward<decltype(args)>(args)...);
  };
  return map_plainly<R>(options, std::move(submit_one), std::forward<Ranges>(ranges)...);
}

template <class R, class Submit, class... Ranges>
MapResults<R> Executor::map_plainly(const MapOptions& options, Submit submit, Ranges&&... ranges) {
  using Zip = detail::Zip<std::views::all_t<Ranges>...>;
  auto submit_next = [zip = Zip(std::views::all(std::forward<Ranges>(ranges))...),
                      submit = std::move(submit)]() mutable {
    std::optional<Future<R>> future;
    zip.next([&](auto&&... args) { future.emplace(submit(std::forward<decltype(args)>(args)...)); });
    return future;
  };
  using Stream = detail::PlainStream<R, decltype(submit_next)>;
  const std::size_t window = window_of(options, Zip::sized);
  return MapResults<R>(std::make_unique<Stream>(std::move(submit_next), window, options.timeout));
}

template <class R, class F, class... Ranges>
MapResults<R> Executor::map_in_chunks(const MapOptions& options, F f, Ranges&&... ranges) {
  using Zip = detail::Zip<std::views::all_t<Ranges>...>;
  using Calls = detail::ChunkCalls<F, detail::MapArgument<Ranges>...>;
  auto submit_next = [this, f = std::move(f), size = static_cast<std::size_t>(options.chunksize),
                      zip = Zip(std::views::all(std::forward<Ranges>(ranges))...)]() mutable {
    typename Calls::Vector calls;
    while (calls.size() < size &&
           zip.next([&](auto&&... args) { calls.emplace_back(std::forward<decltype(args)>(args)...); })) {
    }
    std::optional<Future<detail::ChunkResult<R>>> future;
    if (!calls.empty()) future.emplace(this->submit(Calls::template runner<R>, f, std::move(calls)));
    return future;
  };
  using Stream = detail::ChunkStream<R, decltype(submit_next)>;
  const std::size_t window = window_of(options, Zip::sized);
  return MapResults<R>(std::make_unique<Stream>(std::move(submit_next), window, options.timeout));
}

}  // namespace plait::futures
