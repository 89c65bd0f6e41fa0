// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What a Future and its task share: status, outcome, who waits and who is to be told. FutureState is the compiled part,
// which knows no type; ResultState<T> adds the value.
//
// Everything that changes is in one 32-bit word, so that settling a future that nobody watches is one atomic operation,
// without lock or system call. docs/design/futures.md explains the word, the protocol and its invariants.

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "plait/deadline.hpp"
#include "plait/detail/export.hpp"
#include "plait/detail/ref.hpp"
#include "plait/errors.hpp"

namespace plait::detail {

class FutureState;

// Somebody who can make futures finish. A thread that waits for one lets it work before going to sleep.
class Driver {
 public:
  // Makes progress until done(context), or a bounded time has passed. Called without locks; may settle other futures.
  virtual void help(bool (*done)(const void*) noexcept, const void* context) noexcept = 0;

 protected:
  ~Driver() = default;
};

enum class Status : std::uint32_t { pending, running, cancelled, cancelled_and_notified, finished };

// Says on stderr that a callback threw; inside the handler of what it threw.
PLAIT_EXPORT void report_throwing_callback() noexcept;

// Is told once, when a future has finished or its cancelling was noticed by the executor: wait() and as_completed().
// Lives in the waiting call; FutureState links it into its list.
class Observer {
 public:
  // In the settling thread, which holds the state's list: brief, and no calls on the state but status(). Nobody uses
  // the observer after this any more.
  virtual void settled(FutureState& state) noexcept = 0;

 protected:
  ~Observer() = default;

 private:
  friend FutureState;
  Observer* next_ = nullptr;
  Observer* previous_ = nullptr;
  bool linked_ = false;
};

// A done-callback. Owned by the state until it has run.
class Callback {
 public:
  virtual ~Callback() = default;
  virtual void call(FutureState& state) = 0;

 private:
  friend FutureState;
  std::unique_ptr<Callback> next_;
};

// Thread-safe. Counted by references; whoever calls a member holds one during the call, so that a state whose future
// was dropped outlives the thread that is just settling it. The creator has the first reference.
//
// The outcome (value, exception, or its encoded form) is written by one thread before it publishes. That thread has the
// right to do so either because it is the task's runner (status running), or by try_claim().
class PLAIT_EXPORT FutureState {
 public:
  FutureState(const FutureState&) = delete;
  FutureState& operator=(const FutureState&) = delete;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  // The same for a new state, unknown to all other threads: without a locked operation.
  void retain_new() noexcept {
    references_.store(references_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void release() noexcept {
    // acq_rel: the last one to let go sees everything that the others did before they let go
    if (single_reference() || references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

  Status status() const noexcept { return status_of(word_.load(std::memory_order_acquire)); }
  bool done() const noexcept { return status() >= Status::cancelled; }
  bool running() const noexcept { return status() == Status::running; }
  bool finished() const noexcept { return status() == Status::finished; }
  bool cancelled() const noexcept {
    auto now = status();
    return now == Status::cancelled || now == Status::cancelled_and_notified;
  }
  // Finished, or cancelled and the executor knows: what wait() and as_completed() call done.
  bool settled() const noexcept { return status() >= Status::cancelled_and_notified; }

  // True: the task will never start. Wakes waiters and runs the callbacks here.
  bool cancel() noexcept;
  // For the executor, before the task runs. False: it was cancelled, observers have been told.
  // Throws RuntimeError when the future is already running or settled.
  bool set_running_or_notify_cancel();
  // What pools use: the same, false also when the future is running or settled, so that no task runs twice. From here
  // on only the caller can settle it.
  bool try_start() noexcept;
  // The same for a new state, pending and unknown to all other threads: without a locked operation.
  void start_new() noexcept {
    word_.store(with_status(word_.load(std::memory_order_relaxed), Status::running) | claimed,
                std::memory_order_relaxed);
  }
  // For an executor that will not run the task any more: cancels if it is still pending, and tells observers. False: it
  // was running or finished.
  bool cancel_and_notify() noexcept;
  // Only the caller has a reference and nobody has asked for anything: what becomes of the future is nobody's concern.
  bool unwatched() const noexcept { return single_reference() && word_.load(std::memory_order_relaxed) == 0; }

  // Settles with an exception and runs the callbacks. Throws InvalidStateError when settled or cancelled.
  void set_exception(std::exception_ptr error);

  // Waits until done(). First lets the driver help, or spins for a moment, then sleeps. False: the deadline has passed.
  // Throws what before_sleep throws.
  bool wait(Deadline deadline);
  // The same until there is an outcome to look at. Throws TimeoutError; CancelledError.
  void wait_for_outcome(Deadline deadline);
  // The exception of a finished state, nullptr when it has a value. Decodes first if need be.
  std::exception_ptr exception() { return decoded_error(); }
  // Decodes what is finished here and now, without a locked operation, if the caller has the only reference; else
  // leaves it to who looks at the outcome. For who knows that this reference is used by no other thread meanwhile.
  void decode_alone() noexcept;

  // Calls back when done, here and now if it is already. A callback that throws is reported on stderr.
  void add_done_callback(std::unique_ptr<Callback> callback);
  // Runs the callbacks that a publish_… call left to its caller; each once, in the order added.
  void run_callbacks() noexcept;

  // False: already settled(), the observer will not be told. Each successful add needs a remove before the observer
  // goes, if it cannot know that its settled() is over; when remove returns nobody uses the observer any more. Both
  // take constant time.
  bool add_observer(Observer& observer) noexcept;
  void remove_observer(Observer& observer) noexcept;

  Driver* driver() const noexcept { return driver_; }
  // What a thread does before it sleeps for this state without a deadline, lest it wait for itself: a worker of a
  // thread pool runs the pool's task here, if nobody has begun it. Throws RuntimeError: tasks wait for one another too
  // deep.
  virtual void before_sleep() {}
  // Whether that does anything in this thread: in others, no state need be asked.
  static bool this_thread_runs_tasks() noexcept;
  static void set_this_thread_runs_tasks(bool runs) noexcept;

  // For the runner, or after a successful try_claim, once the outcome is stored: settles and wakes. False: callbacks
  // are waiting, the caller must see to it that run_callbacks() is called.
  [[nodiscard]] bool publish() noexcept { return publish_with(0); }

 protected:
  // The driver must outlive the state: the derived class keeps it.
  explicit FutureState(Driver* driver = nullptr) noexcept : driver_(driver) {}
  virtual ~FutureState();

  // The right to settle from any thread. False: settled or cancelled, or somebody else has claimed it.
  [[nodiscard]] bool try_claim() noexcept;
  // Gives the right back, when storing the outcome has failed.
  void unclaim() noexcept;
  void store_exception(std::exception_ptr error) noexcept { error_ = std::move(error); }
  // What was stored, for who stored it.
  const std::exception_ptr& stored_exception() const noexcept { return error_; }

  // As publish(): the derived class has the outcome in encoded form, materialize() will store it.
  [[nodiscard]] bool publish_encoded() noexcept;

  // Called once, by the first thread that looks at value or exception of a state published by publish_encoded; others
  // wait. Stores the value, or an exception.
  virtual void materialize() noexcept {}
  // The last reference has gone.
  virtual void destroy() noexcept { delete this; }

  // Makes the outcome of a finished state readable to this thread; the value is there if it returns nullptr.
  const std::exception_ptr& decoded_error() {
    // acquire: pairs with the release in decode(), or in publish_with()
    if (word_.load(std::memory_order_acquire) & encoded) decode();
    return error_;
  }
  [[noreturn]] static void throw_settled_twice();

 private:
  using Word = std::uint32_t;
  static constexpr Word status_mask = 7;
  static constexpr Word encoded = 8;      // finished, and materialize() has not ended
  static constexpr Word decoding = 16;    // a thread is in materialize()
  static constexpr Word claimed = 32;     // a thread is storing the outcome
  static constexpr Word waited_for = 64;  // threads may sleep on the word
  static constexpr Word observed = 128;   // the list of observers is not empty
  static constexpr Word callbacks = 256;  // nor that of callbacks
  static constexpr Word locked = 512;     // a thread holds both lists

  static constexpr Status status_of(Word word) noexcept { return static_cast<Status>(word & status_mask); }
  static constexpr Word with_status(Word word, Status status) noexcept {
    return (word & ~status_mask) | static_cast<Word>(status);
  }

  bool single_reference() const noexcept {
    // acquire: pairs with the release of those who let go, whose last calls must be seen
    return references_.load(std::memory_order_acquire) == 1;
  }
  void call(Callback& callback) noexcept;
  bool publish_with(Word flags) noexcept;
  Word start(Word also) noexcept;
  void notify_observers() noexcept;
  bool sleep_until(bool (*over)(Word) noexcept, Deadline deadline) noexcept;
  void wake_sleepers() noexcept;
  void decode() noexcept;
  void lock_lists() noexcept;
  bool unlock_lists_unless(bool (*refuse)(Word) noexcept) noexcept;
  void unlock_lists() noexcept;
  void unlink(Observer& observer) noexcept;

  std::atomic<Word> word_{0};
  std::atomic<std::uint32_t> references_{1};
  Driver* const driver_;
  std::exception_ptr error_;             // written before publishing (or in materialize), then constant
  Observer* observers_ = nullptr;        // doubly linked, guarded by `locked`
  std::unique_ptr<Callback> callbacks_;  // last added first, guarded by `locked`
};

// Storage for the outcome's value: T, a pointer for T&, nothing for void.
template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, std::monostate,
                                  std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

template <class T>
class PLAIT_EXPORT ResultState : public FutureState {
 public:
  explicit ResultState(Driver* driver = nullptr) noexcept : FutureState(driver) {}

  // Settles with a value made of `value`, and runs the callbacks. Throws InvalidStateError when settled or cancelled,
  // and what constructing the value throws: the state is then as before.
  template <class... U>
  void set_value(U&&... value);

  // The value of a finished state; rethrows its exception. Decodes first if need be.
  Stored<T>& value() {
    if (const auto& error = decoded_error()) std::rethrow_exception(error);
    return *value_;
  }

 protected:
  // For the runner: the value, before publish().
  template <class... U>
  void store_value(U&&... value) {
    if constexpr (std::is_reference_v<T>) {
      value_.emplace(std::addressof(value)...);
    } else {
      value_.emplace(std::forward<U>(value)...);
    }
  }

  const Stored<T>& stored_value() const noexcept { return *value_; }

 private:
  std::optional<Stored<T>> value_;
};

template <class T>
template <class... U>
void ResultState<T>::set_value(U&&... value) {
  if (!try_claim()) throw_settled_twice();
  try {
    store_value(std::forward<U>(value)...);
  } catch (...) {
    unclaim();
    throw;
  }
  if (!publish()) run_callbacks();
}

}  // namespace plait::detail
