// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A task that runs in another process: its encoded call on the way out, its encoded outcome on the way back, and
// the future's state that the outcome settles. The outcome is decoded by the thread that asks for it.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <utility>

#include "plait/detail/export.hpp"
#include "plait/detail/future_state.hpp"
#include "plait/detail/message.hpp"
#include "plait/detail/ref.hpp"
#include "plait/detail/wire/call.hpp"

namespace plait::detail {

class RemoteTask;

// Where remote tasks go: a process pool, later a cluster. Counted, because a task that is not settled keeps it.
class PLAIT_EXPORT RemoteBackend : public Driver {
 public:
  virtual void retain() noexcept = 0;
  virtual void release() noexcept = 0;
  // Takes the task to run it later. Throws what `submit` is to throw; the task is then untouched.
  virtual void post(Ref<RemoteTask> task) = 0;

 protected:
  ~RemoteBackend() = default;
};

// The part of a remote task that knows only bytes.
class PLAIT_EXPORT RemoteTask {
 public:
  RemoteTask(RemoteBackend& backend, const char* name, const void* code) noexcept
      : backend_(&backend), name_(name), code_(code) {}

  void retain() noexcept { state().retain(); }
  void release() noexcept { state().release(); }
  [[nodiscard]] virtual FutureState& state() noexcept = 0;

  // The call's bytes until the task is settled, then the outcome's.
  [[nodiscard]] Message& message() noexcept { return message_; }

  // Settles with an outcome that a worker wrote: an encoded value, or an encoded exception. False when callbacks
  // are waiting that the caller must have run by run_callbacks() in a thread where that is allowed.
  [[nodiscard]] virtual bool settle(Message outcome, bool is_error) noexcept = 0;
  // Settles with an exception of this process.
  [[nodiscard]] virtual bool fail(std::exception_ptr error) noexcept = 0;
  virtual void run_callbacks() noexcept = 0;

  // What the task is called in an error: "is_prime (task 17)".
  [[nodiscard]] std::string describe() const;

  // For the pool: links of the queue that holds the task, and its number among the pool's tasks.
  RemoteTask* next = nullptr;
  std::uint64_t number = 0;

 protected:
  ~RemoteTask() = default;
  Message message_;
  Ref<RemoteBackend> backend_;
  bool outcome_is_error_ = false;

 private:
  const char* name_;
  const void* code_;
};

// The typed part.
template <class R>
class RemoteResult final : public ResultState<R>, public RemoteTask {
 public:
  template <class Call>
  RemoteResult(RemoteBackend& backend, const Call& call)
      : ResultState<R>(&backend), RemoteTask(backend, call.name(), call.code()) {}

  // Encodes the call. Throws what a serializer of the user throws, EncodeError or OutOfSharedMemory.
  template <class Call>
  void encode(const Call& call) {
    message_ = Message(call.size());
    call.write(message_.bytes());
  }

  [[nodiscard]] FutureState& state() noexcept override { return *this; }
  [[nodiscard]] bool settle(Message outcome, bool is_error) noexcept override {
    message_ = std::move(outcome);
    outcome_is_error_ = is_error;
    return this->publish_encoded();
  }
  [[nodiscard]] bool fail(std::exception_ptr error) noexcept override {
    message_.reset();
    return this->publish_exception(std::move(error));
  }
  void run_callbacks() noexcept override { FutureState::run_callbacks(); }

 protected:
  void materialize() noexcept override {
    try {
      if (outcome_is_error_) {
        this->store_exception(wire::decode_exception(message_.bytes()));
      } else if constexpr (std::is_void_v<R>) {
        this->store_value();
      } else {
        this->store_value(wire::decode<R>(message_.bytes()));
      }
    } catch (...) {
      this->store_exception(std::current_exception());
    }
    message_.reset();
  }
};

// A task for `backend` made of a call. A call that cannot be encoded gives a task that has failed with the reason.
template <class Call>
Ref<RemoteResult<typename Call::Result>> make_remote_task(RemoteBackend& backend, const Call& call) {
  auto task = Ref<RemoteResult<typename Call::Result>>::adopt(new RemoteResult<typename Call::Result>(backend, call));
  try {
    task->encode(call);
  } catch (...) {
    if (!task->fail(std::current_exception())) task->run_callbacks();
  }
  return task;
}

}  // namespace plait::detail
