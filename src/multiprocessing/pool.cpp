// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <stdexcept>

#include "multiprocessing/worker_birth.hpp"
#include "os/fork_generation.hpp"
#include "plait/detail/pool_core.hpp"
#include "plait/errors.hpp"
#include "plait/multiprocessing/pool.hpp"
#include "plait/os.hpp"
#include "threading/thread_state.hpp"

namespace plait::detail {
namespace {

std::size_t checked_size(std::optional<int> processes) {
  const int size = processes ? *processes : os::process_cpu_count();
  if (size >= 1) return static_cast<std::size_t>(size);
  throw ValueError("Number of processes must be at least 1, not " + std::to_string(size) +
                   "; leave it out for one per processor");
}

ProcessPoolConfig config_of(ProcessBackendOptions&& options, std::size_t size) {
  ProcessPoolConfig config;
  config.kind = PoolKind::pool;
  config.max_workers = size;
  config.start_method = std::move(options.start_method);
  config.initializer = std::move(options.initializer);
  config.birth = worker_birth(config.kind, config.start_method);
  config.farewell = worker_farewell();
  if (options.maxtasksperchild) {
    if (*options.maxtasksperchild < 1) {
      throw ValueError("maxtasksperchild must be at least 1, not " + std::to_string(*options.maxtasksperchild) +
                       "; leave it out to keep workers as long as the pool");
    }
    config.max_tasks_per_child = static_cast<std::uint64_t>(*options.maxtasksperchild);
  }
  return config;
}

std::string next_thread_prefix() {
  static std::atomic<unsigned> counter{0};
  return "ThreadPool-" + std::to_string(counter.fetch_add(1, std::memory_order_relaxed) + 1);
}

}  // namespace

PoolCore::PoolCore(std::size_t size, const char* class_name) noexcept
    : size_(size), class_name_(class_name), generation_(os::fork_generation()) {}

bool PoolCore::inherited() const noexcept { return generation_ != os::fork_generation(); }

void PoolCore::check_running() const {
  if (inherited()) return;  // the back end says so
  const std::scoped_lock lock(mutex_);
  if (state_ != State::RUN) throw ValueError("Pool not running: it was closed or terminated");
}

void PoolCore::close() {
  if (inherited()) return;
  {
    const std::scoped_lock lock(mutex_);
    if (state_ != State::RUN) return;
    state_ = State::CLOSE;
    if (!streams_.empty()) return;
  }
  shut_down(false);
}

void PoolCore::terminate() {
  if (inherited()) return;
  {
    const std::scoped_lock lock(mutex_);
    state_ = State::TERMINATE;
    streams_.clear();
  }
  stop(std::make_exception_ptr(CancelledError("the pool was terminated before the task had begun")));
}

void PoolCore::join() {
  if (inherited()) return;
  std::vector<std::shared_ptr<PoolStream>> streams;
  {
    const std::scoped_lock lock(mutex_);
    if (state_ == State::RUN) throw ValueError("Pool is still running: join() comes after close() or terminate()");
    for (const auto& [address, stream] : streams_) {
      if (auto alive = stream.lock()) streams.push_back(std::move(alive));
    }
  }
  for (const auto& stream : streams) stream->submit_rest();
  shut_down(true);
}

void PoolCore::add(const std::shared_ptr<PoolStream>& stream) {
  const std::scoped_lock lock(mutex_);
  streams_.emplace_back(stream.get(), stream);
}

void PoolCore::remove(const PoolStream* stream) noexcept {
  if (inherited()) return;
  {
    const std::scoped_lock lock(mutex_);
    const auto erased = std::erase_if(streams_, [stream](const auto& one) { return one.first == stream; });
    if (erased == 0 || !streams_.empty() || state_ != State::CLOSE) return;
  }
  shut_down(false);
}

std::string PoolCore::repr() const {
  constexpr std::array names{"RUN", "CLOSE", "TERMINATE"};
  const std::scoped_lock lock(mutex_);
  return std::string("<plait.multiprocessing.pool.") + class_name_ +
         " state=" + names[static_cast<std::size_t>(state_)] + " pool_size=" + std::to_string(size_) + ">";
}

std::size_t PoolCore::chunksize(std::optional<std::ptrdiff_t> wanted, std::size_t length) const {
  if (!wanted) return std::max<std::size_t>(1, (length + 4 * size_ - 1) / (4 * size_));
  if (*wanted >= 1) return static_cast<std::size_t>(*wanted);
  throw ValueError("chunksize must be at least 1, not " + std::to_string(*wanted) +
                   ": it is the number of calls in a task; leave it out for the default");
}

std::size_t PoolCore::buffersize(std::ptrdiff_t wanted) {
  if (wanted >= 1) return static_cast<std::size_t>(wanted);
  throw ValueError("buffersize must be at least 1, not " + std::to_string(wanted) +
                   ": it is the number of tasks submitted ahead of the results taken; leave it out for the default");
}

ProcessBackend::ProcessBackend(ProcessBackendOptions options)
    : PoolCore(checked_size(options.processes), "Pool"),
      pool_(ProcessPool::create(config_of(std::move(options), size()))) {}

void ProcessBackend::shut_down(bool wait) { pool_->shutdown(wait, false); }

void ProcessBackend::stop(std::exception_ptr cause) { pool_->terminate(std::move(cause)); }

ThreadBackend::ThreadBackend(std::optional<int> processes, std::function<void()> initializer)
    : PoolCore(checked_size(processes), "ThreadPool"),
      pool_(ThreadPool::create({.max_workers = size(),
                                .name_prefix = next_thread_prefix(),
                                .name_thread = &ThreadState::name_this_thread,
                                .initializer = std::move(initializer),
                                .kind = PoolKind::pool})) {}

ThreadBackend::~ThreadBackend() {
  if (inherited()) (void)pool_.detach();  // its threads are the parent's, they cannot be joined here: left as it is
}

void ThreadBackend::shut_down(bool wait) { pool_->shutdown(wait, false); }

void ThreadBackend::stop(std::exception_ptr cause) { pool_->terminate(cause); }

}  // namespace plait::detail

namespace plait::multiprocessing {

Pool::Pool(const PoolOptions& options)
    : BasicPool(std::make_shared<detail::ProcessBackend>(detail::ProcessBackendOptions{
          .processes = options.processes,
          .initializer = options.initializer.encoded_call(),
          .maxtasksperchild = options.maxtasksperchild,
          .start_method = (options.context ? *options.context : get_context()).get_start_method()})) {}

ThreadPool::ThreadPool(const ThreadPoolOptions& options)
    : BasicPool(std::make_shared<detail::ThreadBackend>(options.processes, options.initializer.call())) {}

}  // namespace plait::multiprocessing
