// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What multiprocessing's Pools stand on: their state, and two back ends that make tasks of calls: worker processes, and
// threads. Both are pools of src/pool, those of the executors.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/detail/export.hpp"
#include "plait/detail/local_task.hpp"
#include "plait/detail/map_stream.hpp"
#include "plait/detail/process_pool.hpp"
#include "plait/detail/remote_task.hpp"
#include "plait/detail/thread_pool.hpp"
#include "plait/wire.hpp"

namespace plait::detail {

// A lazy imap: it has input that was not submitted yet.
class PoolStream {
 public:
  virtual ~PoolStream() = default;
  // Submits all that is left.
  virtual void submit_rest() noexcept = 0;
};

// Thread-safe. Kept by the Pool and by what it has given out.
class PLAIT_EXPORT PoolCore {
 public:
  PoolCore(const PoolCore&) = delete;
  PoolCore& operator=(const PoolCore&) = delete;
  virtual ~PoolCore() = default;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Throws ValueError: closed or terminated.
  void check_running() const;
  // No work is taken from here on, but what lazy streams still have; when they have submitted it the pool is shut down.
  void close();
  // What has not begun fails with CancelledError.
  void terminate();
  // First submits what streams have. Throws ValueError: neither closed nor terminated.
  void join();
  [[nodiscard]] std::string repr() const;

  // A stream that has submitted all is to be removed.
  void add(const std::shared_ptr<PoolStream>& stream);
  void remove(const PoolStream* stream) noexcept;

  // Callbacks are called one after another, whichever thread calls them.
  [[nodiscard]] std::unique_lock<std::recursive_mutex> callbacks_lock() { return std::unique_lock(callbacks_mutex_); }

  // ceil(length / (4 · size)), at least 1. Throws ValueError: a chunksize less than 1.
  [[nodiscard]] std::size_t chunksize(std::optional<std::ptrdiff_t> wanted, std::size_t length) const;
  // Throws ValueError: less than 1.
  [[nodiscard]] static std::size_t buffersize(std::ptrdiff_t wanted);

 protected:
  PoolCore(std::size_t size, const char* class_name) noexcept;
  [[nodiscard]] bool inherited() const noexcept;

 private:
  enum class State : std::uint8_t { RUN, CLOSE, TERMINATE };

  // Of the back end: no more tasks; with `wait`, until all are done and the workers have gone.
  virtual void shut_down(bool wait) = 0;
  // Tasks that have not begun fail with `cause`.
  virtual void stop(std::exception_ptr cause) = 0;

  const std::size_t size_;
  const char* const class_name_;
  const std::uint64_t generation_;

  mutable std::mutex mutex_;  // guards the next two
  State state_ = State::RUN;
  std::vector<std::pair<const PoolStream*, std::weak_ptr<PoolStream>>> streams_;

  std::recursive_mutex callbacks_mutex_;
};

struct ProcessBackendOptions {
  std::optional<int> processes;
  std::shared_ptr<const InitialCall> initializer;  // may be null
  std::optional<int> maxtasksperchild;
  std::string start_method;
};

// Calls become tasks for worker processes.
class PLAIT_EXPORT ProcessBackend final : public PoolCore {
 public:
  // Throws ValueError: processes or maxtasksperchild < 1.
  explicit ProcessBackend(ProcessBackendOptions options);

  template <class F, class... Args>
  using Result = wire::CallResult<F, Args...>;
  // How the function of a map is kept.
  template <class F>
  using Function = std::decay_t<F>;
  template <class F, class... Args>
  using Calls = typename ChunkCalls<F, Args...>::Vector;
  template <class R>
  using Chunk = ChunkResult<R>;

  [[nodiscard]] Driver* driver() const noexcept { return pool_.get(); }

  // `prepare` is given the task's state before anybody can settle it.
  template <class Prepare, class F, class... Args>
  auto submit(Prepare prepare, F&& f, Args&&... args) -> Ref<ResultState<Result<F, Args...>>> {
    const auto call = wire::make_call(std::forward<F>(f), std::forward<Args>(args)...);
    auto task = make_remote_task(*pool_, call, prepare);
    if (!task->done()) pool_->post(*task);
    return task;
  }
  template <class R, class... Args, class Prepare, class F>
  Ref<ResultState<Chunk<R>>> submit_chunk(Prepare prepare, const F& f, Calls<F, Args...> calls) {
    return submit(prepare, ChunkCalls<F, Args...>::template runner<R>, f, std::move(calls));
  }

 private:
  void shut_down(bool wait) override;
  void stop(std::exception_ptr cause) override;

  Ref<ProcessPool> pool_;
};

template <class R>
struct LocalChunk {
  std::vector<typename ChunkResult<R>::Value> values;
  std::exception_ptr error;
};

template <class R>
std::exception_ptr error_of(const ChunkResult<R>& chunk) {
  return chunk.error.empty() ? nullptr : wire::decode_exception(chunk.error);
}
template <class R>
std::exception_ptr error_of(const LocalChunk<R>& chunk) {
  return chunk.error;
}

// Calls become tasks for threads.
class PLAIT_EXPORT ThreadBackend final : public PoolCore {
 public:
  // Throws ValueError: processes < 1.
  ThreadBackend(std::optional<int> processes, std::function<void()> initializer);
  ~ThreadBackend() override;

  template <class F, class... Args>
  using Result = std::decay_t<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>;
  template <class F>
  using Function = SharedCallable<std::decay_t<F>>;
  template <class F, class... Args>
  using Calls = std::vector<std::tuple<std::decay_t<Args>...>>;
  template <class R>
  using Chunk = LocalChunk<R>;

  [[nodiscard]] static Driver* driver() noexcept { return nullptr; }

  template <class Prepare, class F, class... Args>
  auto submit(Prepare prepare, F&& f, Args&&... args) -> Ref<ResultState<Result<F, Args...>>> {
    auto task = make_local_task<Result<F, Args...>>(std::forward<F>(f), std::forward<Args>(args)...);
    prepare(*task);
    pool_->post(*task);
    return task;
  }
  template <class R, class... Args, class Prepare, class F>
  Ref<ResultState<Chunk<R>>> submit_chunk(Prepare prepare, const F& f, Calls<F, Args...> calls) {
    auto run = [f, calls = std::move(calls)]() mutable {
      Chunk<R> result;
      try {
        run_calls<R>(f, calls, result.values);
      } catch (...) {
        result.error = std::current_exception();
      }
      return result;
    };
    return submit(prepare, std::move(run));
  }

 private:
  void shut_down(bool wait) override;
  void stop(std::exception_ptr cause) override;

  Ref<ThreadPool> pool_;
};

template <class Backend, class F>
typename Backend::template Function<F> keep_function(F&& f) {
  if constexpr (std::is_same_v<Backend, ThreadBackend>) {
    return {std::make_shared<std::decay_t<F>>(std::forward<F>(f))};
  } else {
    return std::forward<F>(f);
  }
}

}  // namespace plait::detail
