// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// BasicPool: the members of Pool and ThreadPool (multiprocessing/pool.hpp), which differ only in what runs the calls.

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/detail/imap_stream.hpp"
#include "plait/detail/pool_calls.hpp"
#include "plait/detail/pool_core.hpp"
#include "plait/detail/pool_result.hpp"
#include "plait/multiprocessing/async_result.hpp"
#include "plait/multiprocessing/imap_iterator.hpp"

namespace plait::multiprocessing {

// What an error_callback may be: it is called with the exception, as a std::exception_ptr or as a std::exception. In
// the second case one that is not derived from std::exception comes as an Error that says so.
class ErrorCallback {
 public:
  ErrorCallback() = default;
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, ErrorCallback> &&
             (std::invocable<F&, std::exception_ptr> || std::invocable<F&, const std::exception&>))
  ErrorCallback(F function) {  // NOLINT(google-explicit-constructor): reads as an option
    if constexpr (std::invocable<F&, std::exception_ptr>) {
      call_ = std::move(function);
    } else {
      call_ = [function = std::move(function)](const std::exception_ptr& error) mutable {
        try {
          std::rethrow_exception(error);
        } catch (const std::exception& known) {
          std::invoke(function, known);
        } catch (...) {
          std::invoke(function, Error("an exception that is not a std::exception"));
        }
      };
    }
  }

  [[nodiscard]] const std::function<void(const std::exception_ptr&)>& call() const noexcept { return call_; }

 private:
  std::function<void(const std::exception_ptr&)> call_;
};

// Options of apply_async, for a function that returns T: what is called with the value (with nothing, if T is void), or
// with the exception.
template <class T>
struct ApplyAsyncOptions {
  typename detail::CallbackOf<T>::type callback = {};
  ErrorCallback error_callback = {};
};

struct PoolMapOptions {
  std::optional<std::ptrdiff_t> chunksize = {};  // calls in one task; default: the length / (4 · workers), rounded up
};

// Options of map_async and starmap_async; T is the list of the results, void for functions that return nothing.
template <class T>
struct MapAsyncOptions {
  std::optional<std::ptrdiff_t> chunksize = {};
  typename detail::CallbackOf<T>::type callback = {};
  ErrorCallback error_callback = {};
};

struct ImapOptions {
  std::ptrdiff_t chunksize = 1;
  std::ptrdiff_t buffersize = 1024;  // how many tasks may be submitted ahead of the results taken
};

template <class T>
inline constexpr bool is_pool_options = false;
template <class T>
inline constexpr bool is_pool_options<ApplyAsyncOptions<T>> = true;
template <class T>
inline constexpr bool is_pool_options<MapAsyncOptions<T>> = true;
template <>
inline constexpr bool is_pool_options<PoolMapOptions> = true;
template <>
inline constexpr bool is_pool_options<ImapOptions> = true;

template <class F>
concept PoolFunction = !is_pool_options<std::remove_cvref_t<F>>;

// All members are thread-safe, and may be called by callbacks, which however must not wait for other results of the
// pool. Functions of a map get the elements of a range as arguments, those of a starmap the parts of tuples. All throw
// ValueError when the pool was closed or terminated, and for a chunksize less than 1; what the input and encoding
// arguments throw; std::system_error when not even one worker can be started; futures::BrokenExecutor when an
// initializer has failed.
template <class Backend>
class BasicPool {
  template <class F, class... Args>
  using Result = typename Backend::template Result<F, Args...>;
  template <class F, class Range, class Spread>
  using Source = detail::CallSourceOf<Backend, F, std::views::all_t<Range>, Spread>;
  template <class F, class Range, class Spread>
  using List = typename detail::ListOf<typename Source<F, Range, Spread>::Result>::type;
  // Nothing at all when F is no callable, but the first argument of one that stands where options could be.
  template <class F, class... Args>
  struct ApplyOptionsFor {
    struct None {
      None() = delete;
    };
    using type = None;
  };
  template <class F, class... Args>
    requires std::is_invocable_v<std::decay_t<F>, Args...>
  struct ApplyOptionsFor<F, Args...> {
    using type = ApplyAsyncOptions<Result<F, Args...>>;
  };
  using Whole = detail::WholeElement;
  using Tuple = detail::SpreadElement;

 public:
  BasicPool(const BasicPool&) = delete;
  BasicPool& operator=(const BasicPool&) = delete;

  // f(args...) in a worker; waits for it. Throws what it throws, and what AsyncResult::get says.
  template <PoolFunction F, class... Args>
  Result<F, Args...> apply(F&& f, Args&&... args) {
    return std::move(apply_async(std::forward<F>(f), std::forward<Args>(args)...)).get();
  }

  // The same, and does not wait. One of the callbacks is called once, before the result is ready; those of one pool one
  // after another, in a thread of the pool, so a slow one delays others. What it throws is said on stderr.
  //   pool.apply_async({.callback = on_done, .error_callback = on_error}, long_time_task, 4);
  template <PoolFunction F, class... Args>
  auto apply_async(F&& f, Args&&... args) -> AsyncResult<Result<F, Args...>> {
    core_->check_running();
    return AsyncResult<Result<F, Args...>>(
        core_->submit([](auto&) {}, std::forward<F>(f), std::forward<Args>(args)...));
  }
  template <PoolFunction F, class... Args>
  auto apply_async(typename ApplyOptionsFor<F, Args...>::type options, F&& f, Args&&... args);

  // The list of f(x) for all elements; for functions that return nothing it only waits. All calls end, then the first
  // exception in the order of the input is thrown. `chunksize` calls make one task; after one that throws, the others
  // of its chunk are not made. A range of unknown length is walked first.
  template <PoolFunction F, std::ranges::input_range Range>
  auto map(PoolMapOptions options, F&& f, Range&& range) -> List<F, Range, Whole> {
    return run_map<Whole>(options.chunksize, std::forward<F>(f), std::forward<Range>(range));
  }
  template <PoolFunction F, std::ranges::input_range Range>
  auto map(F&& f, Range&& range) -> List<F, Range, Whole> {
    return map(PoolMapOptions{}, std::forward<F>(f), std::forward<Range>(range));
  }
  template <PoolFunction F, std::ranges::input_range Range>
  auto starmap(PoolMapOptions options, F&& f, Range&& range) -> List<F, Range, Tuple> {
    return run_map<Tuple>(options.chunksize, std::forward<F>(f), std::forward<Range>(range));
  }
  template <PoolFunction F, std::ranges::input_range Range>
  auto starmap(F&& f, Range&& range) -> List<F, Range, Tuple> {
    return starmap(PoolMapOptions{}, std::forward<F>(f), std::forward<Range>(range));
  }

  // The same, and do not wait. The callback gets the list. Of an empty range the result is ready at once, and the
  // callback is called here.
  template <PoolFunction F, std::ranges::input_range Range>
  auto map_async(MapAsyncOptions<List<F, Range, Whole>> options, F&& f, Range&& range)
      -> AsyncResult<List<F, Range, Whole>> {
    return run_map_async<Whole>(std::move(options), std::forward<F>(f), std::forward<Range>(range));
  }
  template <PoolFunction F, std::ranges::input_range Range>
  auto map_async(F&& f, Range&& range) -> AsyncResult<List<F, Range, Whole>> {
    return map_async({}, std::forward<F>(f), std::forward<Range>(range));
  }
  template <PoolFunction F, std::ranges::input_range Range>
  auto starmap_async(MapAsyncOptions<List<F, Range, Tuple>> options, F&& f, Range&& range)
      -> AsyncResult<List<F, Range, Tuple>> {
    return run_map_async<Tuple>(std::move(options), std::forward<F>(f), std::forward<Range>(range));
  }
  template <PoolFunction F, std::ranges::input_range Range>
  auto starmap_async(F&& f, Range&& range) -> AsyncResult<List<F, Range, Tuple>> {
    return starmap_async({}, std::forward<F>(f), std::forward<Range>(range));
  }

  // The results one after another, in the order of the input or in that of completion. Lazy: no more than `buffersize`
  // tasks are submitted and not yet taken, so the input may be endless; a range given as an lvalue must outlive the
  // iteration. After close() the rest is submitted as results are taken, and by join() at once.
  // Throw ValueError: buffersize less than 1.
  template <PoolFunction F, std::ranges::input_range Range>
  auto imap(ImapOptions options, F&& f, Range&& range) {
    return run_imap<detail::OrderedWindow>(options, std::forward<F>(f), std::forward<Range>(range));
  }
  template <PoolFunction F, std::ranges::input_range Range>
  auto imap(F&& f, Range&& range) {
    return imap(ImapOptions{}, std::forward<F>(f), std::forward<Range>(range));
  }
  template <PoolFunction F, std::ranges::input_range Range>
  auto imap_unordered(ImapOptions options, F&& f, Range&& range) {
    return run_imap<detail::UnorderedWindow>(options, std::forward<F>(f), std::forward<Range>(range));
  }
  template <PoolFunction F, std::ranges::input_range Range>
  auto imap_unordered(F&& f, Range&& range) {
    return imap_unordered(ImapOptions{}, std::forward<F>(f), std::forward<Range>(range));
  }

  // No work is taken from here on; what was taken is done, then the workers end. Does not wait. Repeatable, and nothing
  // after terminate().
  void close() { core_->close(); }

  // Waits for that. Any number of times. Throws ValueError: neither close() nor terminate() was called.
  void join() { core_->join(); }

  // "<plait.multiprocessing.pool.Pool state=RUN pool_size=4>"
  [[nodiscard]] std::string repr() const { return core_->repr(); }

 protected:
  explicit BasicPool(std::shared_ptr<Backend> core) noexcept : core_(std::move(core)) {}
  ~BasicPool() = default;

  [[nodiscard]] detail::PoolCore& core() const noexcept { return *core_; }

 private:
  // Calls use(range, length), with a list of its elements if nobody knows the length.
  template <class Range, class Use>
  static auto with_length(Range&& range, Use use);
  template <class Spread, class F, class Range>
  auto run_map(std::optional<std::ptrdiff_t> chunksize, F&& f, Range&& range);
  template <class Spread, class T, class F, class Range>
  AsyncResult<T> run_map_async(MapAsyncOptions<T> options, F&& f, Range&& range);
  template <template <class> class Window, class F, class Range>
  auto run_imap(const ImapOptions& options, F&& f, Range&& range);

  // Submits all tasks of a source, which are `count`.
  template <class Outcome, class Submit>
  auto gather(std::size_t count, detail::PoolCallbacks<typename Outcome::Value> callbacks, Submit submit);
  template <class Part, class S>
  auto gather_list(S& source, std::size_t length,
                   detail::PoolCallbacks<typename detail::ListOf<typename S::Result>::type> callbacks);

  std::shared_ptr<Backend> core_;
};

template <class Backend>
template <class Outcome, class Submit>
auto BasicPool<Backend>::gather(std::size_t count, detail::PoolCallbacks<typename Outcome::Value> callbacks,
                                Submit submit) {
  using Gathered = detail::PoolResult<Outcome>;
  const auto result = detail::Ref<Gathered>::adopt(new Gathered(core_, core_->driver(), count, std::move(callbacks)));
  try {
    for (std::size_t i = 0; i < count; ++i) submit(result->preparation());
  } catch (...) {
    result->give_up();
    throw;
  }
  result->end_of_parts();
  return AsyncResult<typename Outcome::Value>(result);
}

template <class Backend>
template <PoolFunction F, class... Args>
auto BasicPool<Backend>::apply_async(typename ApplyOptionsFor<F, Args...>::type options, F&& f, Args&&... args) {
  core_->check_running();
  return gather<detail::SingleOutcome<Result<F, Args...>>>(
      1, {std::move(options.callback), options.error_callback.call()},
      [&](auto preparation) { core_->submit(preparation, std::forward<F>(f), std::forward<Args>(args)...); });
}

template <class Backend>
template <class Range, class Use>
auto BasicPool<Backend>::with_length(Range&& range, Use use) {
  if constexpr (std::ranges::sized_range<Range>) {
    const auto length = static_cast<std::size_t>(std::ranges::size(range));
    return use(std::views::all(std::forward<Range>(range)), length);
  } else {
    std::vector<std::ranges::range_value_t<Range>> all;
    for (auto&& element : range) all.emplace_back(std::forward<decltype(element)>(element));
    const std::size_t length = all.size();
    return use(std::views::all(std::move(all)) |
                   std::views::transform([](auto& element) -> auto&& { return std::move(element); }),
               length);
  }
}

template <class Backend>
template <class Spread, class F, class Range>
auto BasicPool<Backend>::run_map(std::optional<std::ptrdiff_t> chunksize, F&& f, Range&& range) {
  core_->check_running();
  auto function = detail::keep_function<Backend>(std::forward<F>(f));
  return with_length(std::forward<Range>(range), [&](auto view, std::size_t length) {
    using S = detail::CallSourceOf<Backend, F, decltype(view), Spread>;
    S source(*core_, std::move(function), std::move(view), core_->chunksize(chunksize, length));
    auto list = source.chunksize == 1 ? detail::map_all<detail::OneCall<S>>(source)
                                      : detail::map_all<detail::ManyCalls<S>>(source);
    if constexpr (!std::is_void_v<typename S::Result>) return list;
  });
}

template <class Backend>
template <class Part, class S>
auto BasicPool<Backend>::gather_list(
    S& source, std::size_t length, detail::PoolCallbacks<typename detail::ListOf<typename S::Result>::type> callbacks) {
  return gather<detail::ListOutcome<Part>>((length + source.chunksize - 1) / source.chunksize, std::move(callbacks),
                                           [&](auto preparation) { Part::submit(source, preparation); });
}

template <class Backend>
template <class Spread, class T, class F, class Range>
AsyncResult<T> BasicPool<Backend>::run_map_async(MapAsyncOptions<T> options, F&& f, Range&& range) {
  core_->check_running();
  auto function = detail::keep_function<Backend>(std::forward<F>(f));
  detail::PoolCallbacks<T> callbacks{std::move(options.callback), options.error_callback.call()};
  return with_length(std::forward<Range>(range), [&](auto view, std::size_t length) {
    using S = detail::CallSourceOf<Backend, F, decltype(view), Spread>;
    S source(*core_, std::move(function), std::move(view), core_->chunksize(options.chunksize, length));
    return source.chunksize == 1 ? gather_list<detail::OneCall<S>>(source, length, std::move(callbacks))
                                 : gather_list<detail::ManyCalls<S>>(source, length, std::move(callbacks));
  });
}

template <class Backend>
template <template <class> class Window, class F, class Range>
auto BasicPool<Backend>::run_imap(const ImapOptions& options, F&& f, Range&& range) {
  using S = Source<F, Range, Whole>;
  core_->check_running();
  const std::size_t limit = core_->buffersize(options.buffersize);
  S source(*core_, detail::keep_function<Backend>(std::forward<F>(f)), std::views::all(std::forward<Range>(range)),
           core_->chunksize(options.chunksize, 0));
  const auto begin = [&]<class Part>(std::type_identity<Part>) {
    auto stream = std::make_shared<detail::ImapStreamOf<S, Part, Window>>(core_, std::move(source), limit);
    stream->begin();
    return IMapIterator<typename S::Result>(std::move(stream));
  };
  return source.chunksize == 1 ? begin(std::type_identity<detail::OneCall<S>>())
                               : begin(std::type_identity<detail::ManyCalls<S>>());
}

}  // namespace plait::multiprocessing
