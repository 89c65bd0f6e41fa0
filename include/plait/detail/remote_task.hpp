// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A task that runs in another process: its encoded call on the way out, its encoded outcome on the way back, and
// the future's state that the outcome settles. The outcome is decoded by the thread that asks for it.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "plait/detail/descriptor_ticket.hpp"
#include "plait/detail/export.hpp"
#include "plait/detail/future_state.hpp"
#include "plait/detail/message.hpp"
#include "plait/detail/ref.hpp"
#include "plait/detail/task_memory.hpp"
#include "plait/detail/wire/call.hpp"

namespace plait::detail {

class RemoteTask;

// Where remote tasks go: a process pool, later a cluster. Counted, because a task that is not settled keeps it.
class PLAIT_EXPORT RemoteBackend : public Driver {
 public:
  virtual void retain() noexcept = 0;
  virtual void release() noexcept = 0;
  // Takes a new task, of which no other thread knows yet, with a reference of its own, to run it later. Throws what
  // `submit` is to throw; the task is then untouched.
  virtual void post(RemoteTask& task) = 0;
  // Has the callbacks of a task run, that was settled without being posted, where those of others are.
  virtual void run_callbacks(Ref<RemoteTask> task) noexcept = 0;

 protected:
  ~RemoteBackend() = default;
};

// The part of a remote task that knows only bytes.
class PLAIT_EXPORT RemoteTask {
 public:
  RemoteTask(const char* name, const void* code) noexcept : name_(name), code_(code) {}

  void retain() noexcept { state().retain(); }
  void release() noexcept { state().release(); }
  [[nodiscard]] virtual FutureState& state() noexcept = 0;

  // The call's bytes until the task is settled, then the outcome's.
  [[nodiscard]] Message& message() noexcept { return message_; }

  // What the task is to be settled with: an outcome that a worker wrote (an encoded value or exception), or an
  // exception of this process. By the task's runner, and to be followed by publish().
  void stage_outcome(Message outcome, bool is_error) noexcept {
    message_ = std::move(outcome);
    deposits_.withdraw();
    staged_ = is_error ? Staged::error : Staged::value;
  }
  virtual void stage_failure(std::exception_ptr error) noexcept = 0;
  // Settles the future with what was staged. False: callbacks are waiting, and the caller must see that
  // run_callbacks() is called by a thread in which foreign code may run.
  [[nodiscard]] virtual bool publish() noexcept = 0;
  virtual void run_callbacks() noexcept = 0;

  // What the task is called in an error: "is_prime (task 17)".
  [[nodiscard]] std::string describe() const;

  // For the pool: links of the queue that holds the task, and its number among the pool's tasks.
  RemoteTask* next = nullptr;
  std::uint64_t number = 0;

 protected:
  enum class Staged : std::uint8_t { nothing, value, error, failure };

  ~RemoteTask() = default;
  Message message_;
  Deposits deposits_;  // descriptors among the arguments; until there is an outcome
  Staged staged_ = Staged::nothing;

 private:
  const char* name_;
  const void* code_;
};

// The typed part.
template <class R>
class RemoteResult final : public ResultState<R>, public RemoteTask, public InTaskMemory {
 public:
  using ResultState<R>::retain;
  using ResultState<R>::release;

  template <class Call>
  RemoteResult(RemoteBackend& backend, const Call& call)
      : ResultState<R>(&backend), RemoteTask(call.name(), call.code()) {
    backend.retain();
  }

  // Encodes the call. Throws what a serializer of the user throws, EncodeError or OutOfSharedMemory.
  template <class Call>
  void encode(const Call& call) {
    PackingScope descriptors;
    message_ = Message(call.message_size());
    call.write(message_.room());
    deposits_ = descriptors.take_deposits();
  }

  [[nodiscard]] FutureState& state() noexcept override { return *this; }
  void stage_failure(std::exception_ptr error) noexcept override {
    this->store_exception(std::move(error));
    staged_ = Staged::failure;
  }
  [[nodiscard]] bool publish() noexcept override {
    if (staged_ != Staged::failure) return this->publish_encoded();
    message_.reset();
    return FutureState::publish();
  }
  void run_callbacks() noexcept override { FutureState::run_callbacks(); }

 protected:
  ~RemoteResult() override { static_cast<RemoteBackend*>(this->driver())->release(); }

  void materialize() noexcept override {
    try {
      if (staged_ == Staged::error) {
        this->store_exception(wire::decode_exception(message_.bytes()));
      } else if constexpr (std::is_void_v<R>) {
        this->store_value();
      } else {
        this->store_value(wire::decode<R>(message_.bytes(), message_.handles()));
      }
    } catch (...) {
      this->store_exception(std::current_exception());
    }
    message_.reset();
  }
};

// A task for `backend` made of a call. A call that cannot be encoded gives a task that has failed with the reason.
// `prepare` is given the task before it can be settled.
template <class Call, class Prepare>
Ref<RemoteResult<typename Call::Result>> make_remote_task(RemoteBackend& backend, const Call& call, Prepare prepare) {
  auto task = Ref<RemoteResult<typename Call::Result>>::adopt(new RemoteResult<typename Call::Result>(backend, call));
  prepare(*task);
  try {
    task->encode(call);
  } catch (...) {
    task->try_start();  // nobody else knows it: it runs, and fails
    task->stage_failure(std::current_exception());
    if (!task->publish()) backend.run_callbacks(task);
  }
  return task;
}
template <class Call>
auto make_remote_task(RemoteBackend& backend, const Call& call) {
  return make_remote_task(backend, call, [](auto&) {});
}

}  // namespace plait::detail
