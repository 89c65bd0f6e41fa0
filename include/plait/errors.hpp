// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The exceptions of plait, under Python's names and below one root, `plait::Error`.
//
// Catch `Error` for all of them, `RuntimeError` for misuse of an object in its present state, `BrokenExecutor` for an
// executor that can take no more work. Failures of the system are `std::system_error` naming the call. Every type here
// keeps its type and message when a task in another process throws it.

#include <sys/types.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include "plait/detail/export.hpp"

namespace plait {

// Root of every exception that plait itself throws.
class PLAIT_EXPORT Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An argument is of the right type but out of range: max_workers ≤ 0, chunksize < 1, …
class PLAIT_EXPORT ValueError : public Error {
 public:
  using Error::Error;
};

class PLAIT_EXPORT TypeError : public Error {
 public:
  using Error::Error;
};

// An index leads beyond the ends of what it indexes.
class PLAIT_EXPORT IndexError : public Error {
 public:
  using Error::Error;
};

// There is no such key in the dictionary.
class PLAIT_EXPORT KeyError : public Error {
 public:
  using Error::Error;
};

// The object has no attribute of that name.
class PLAIT_EXPORT AttributeError : public Error {
 public:
  using Error::Error;
};

// The object cannot do that in its present state, such as submit after shutdown.
class PLAIT_EXPORT RuntimeError : public Error {
 public:
  using Error::Error;
};

// A deadline has passed. What was waited for goes on.
class PLAIT_EXPORT TimeoutError : public Error {
 public:
  using Error::Error;
  TimeoutError() : Error("timed out") {}
};

// The future was cancelled before its task started.
class PLAIT_EXPORT CancelledError : public Error {
 public:
  using Error::Error;
  CancelledError() : Error("the future was cancelled") {}
};

// A future that is already settled was settled again.
class PLAIT_EXPORT InvalidStateError : public Error {
 public:
  using Error::Error;
};

class PLAIT_EXPORT AssertionError : public Error {
 public:
  using Error::Error;
};

class PLAIT_EXPORT EOFError : public Error {
 public:
  using Error::Error;
};

class PLAIT_EXPORT NotImplementedError : public RuntimeError {
 public:
  using RuntimeError::RuntimeError;
};

// Shared memory is exhausted. The operation had no effect, and works again once memory has been returned.
class PLAIT_EXPORT OutOfSharedMemory : public Error {
 public:
  using Error::Error;
};

// A value, a call or an exception could not be turned into bytes.
class PLAIT_EXPORT EncodeError : public Error {
 public:
  using Error::Error;
};

// Bytes are not what they should be: cut short, out of range, or from another program.
class PLAIT_EXPORT DecodeError : public Error {
 public:
  using Error::Error;
};

// A task in another process threw a type that this process does not know. what() is "TYPE: MESSAGE".
class PLAIT_EXPORT RemoteError : public Error {
 public:
  RemoteError(std::string type_name, std::string message, std::string traceback);

  const std::string& type_name() const noexcept { return type_name_; }
  const std::string& message() const noexcept { return message_; }
  // The worker's call stack where it was thrown, one frame a line; may be empty.
  const std::string& traceback() const noexcept { return traceback_; }

 private:
  std::string type_name_, message_, traceback_;
};

// Thrown in a thread, ends it without a report; where nobody expects it, an error like any other. As in Python it is
// not below Error, so that handlers of errors let it pass.
class PLAIT_EXPORT SystemExit : public std::exception {
 public:
  explicit SystemExit(int code = 0) : code_(code), message_("SystemExit: " + std::to_string(code)) {}

  int code() const noexcept { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  int code_;
  std::string message_;
};

// The executor is unusable: futures that were waiting carry this, and later submits throw it.
class PLAIT_EXPORT BrokenExecutor : public RuntimeError {
 public:
  using RuntimeError::RuntimeError;
};

namespace futures {

using plait::BrokenExecutor, plait::CancelledError, plait::InvalidStateError, plait::TimeoutError;

// An initializer of a ThreadPoolExecutor threw.
class PLAIT_EXPORT BrokenThreadPool : public BrokenExecutor {
 public:
  using BrokenExecutor::BrokenExecutor;
};

// A ProcessPoolExecutor can start no workers that stay alive.
class PLAIT_EXPORT BrokenProcessPool : public BrokenExecutor {
 public:
  using BrokenExecutor::BrokenExecutor;
};

// The process that ran this task died of it or in it. Only this task is lost; the pool goes on.
class PLAIT_EXPORT WorkerDied : public BrokenProcessPool {
 public:
  // How the worker ended. Of `signal` and `exit_code` only one counts: `signal` unless it is 0. When somebody else took
  // the status (`known` is false) neither does.
  struct Cause {
    pid_t pid = 0;
    int signal = 0;
    int exit_code = 0;
    bool known = true;
  };

  // `task`: readable name of what it ran.
  WorkerDied(Cause cause, std::string task);

  pid_t pid() const noexcept { return cause_.pid; }
  int signal() const noexcept { return cause_.signal; }
  int exit_code() const noexcept { return cause_.exit_code; }
  bool known() const noexcept { return cause_.known; }
  const std::string& task() const noexcept { return task_; }

 private:
  Cause cause_;
  std::string task_;
};

}  // namespace futures

namespace multiprocessing {

class PLAIT_EXPORT ProcessError : public Error {
 public:
  using Error::Error;
};

// recv_bytes_into: the message was longer than the room for it. It has been received, and is here.
class PLAIT_EXPORT BufferTooShort : public ProcessError {
 public:
  explicit BufferTooShort(std::string message)
      : ProcessError("buffer too short for a message of " + std::to_string(message.size()) + " bytes"),
        message_(std::move(message)) {}

  // The bytes that were received.
  const std::string& message() const noexcept { return message_; }

 private:
  std::string message_;
};

// acquire: the process that held the lock has died, perhaps in the middle of what the lock guards. Thrown once; the
// lock is not held. Acquire it again to go on; see multiprocessing::AcquireOptions for a way to be told that keeps it.
class PLAIT_EXPORT AbandonedLockError : public ProcessError {
 public:
  using ProcessError::ProcessError;
};

}  // namespace multiprocessing

namespace threading {

// To go on waiting for this lock would be to wait for ever: its owner waits, perhaps through others, for this thread.
// Thrown only with PLAIT_DEADLOCK=1, instead of hanging; the lock is not held.
class PLAIT_EXPORT DeadlockError : public RuntimeError {
 public:
  using RuntimeError::RuntimeError;
};

// The barrier was broken: by abort(), by reset() while threads waited, by a timeout, or by an action that threw.
class PLAIT_EXPORT BrokenBarrierError : public RuntimeError {
 public:
  using RuntimeError::RuntimeError;
};

}  // namespace threading

namespace queue {

// get: there was nothing, or nothing in time.
class PLAIT_EXPORT Empty : public Error {
 public:
  using Error::Error;
  Empty() : Error("get: the queue is empty") {}
};

// put: there was no room, or none in time.
class PLAIT_EXPORT Full : public Error {
 public:
  using Error::Error;
  Full() : Error("put: the queue is full") {}
};

// put: the queue was shut down. get: it was, and nothing is left in it.
class PLAIT_EXPORT ShutDown : public Error {
 public:
  using Error::Error;
  ShutDown() : Error("the queue was shut down") {}
};

}  // namespace queue
}  // namespace plait
