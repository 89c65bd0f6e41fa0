// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Child processes of the family: started by the fork server, as a fresh image, or by fork; watched by pidfd.
// No SIGCHLD handler, nothing that the host's wait(-1) sees (but for `fork`). docs/design/processes.md.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace plait::process {

enum class StartMethod : std::uint8_t { forkserver, spawn, fork };

// How a child ended. `known` is false when somebody else took the status (or the fork server died).
struct ExitStatus {
  bool known = false;
  int signal = 0;  // the signal that killed it, or 0
  int code = 0;    // its exit code, when signal == 0

  // "was killed by signal 9 (SIGKILL)", "exited with code 99", "ended, its exit status is not known"
  [[nodiscard]] std::string describe() const;
};

class Estate;
class Supervisor;

// What a child runs: a function of the program or of a shared library (loaded there if need be), and one word for it.
// When it returns, the child flushes its own stdout and leaves by _exit(0); if it throws, with a message and _exit(1).
struct Entry {
  void (*run)(std::uint64_t argument) = nullptr;
  std::uint64_t argument = 0;
};

class Child {
 public:
  virtual ~Child() = default;
  [[nodiscard]] virtual pid_t pid() const noexcept = 0;
  // Readable once the child has died.
  [[nodiscard]] virtual int pidfd() const noexcept = 0;
  [[nodiscard]] virtual std::optional<ExitStatus> status() const noexcept = 0;
  // Sends a signal through the pidfd: never to another process that got the same pid. False: it is dead.
  virtual bool signal(int number) const noexcept = 0;
};

// Told once, on the supervisor's thread or one in hasten_report(), when the child has ended. What it held of shared
// objects is in order then; its blocks of the shared heap are reclaimed as soon as the listener has let go of `estate`
// and its children are dead.
class ExitListener {
 public:
  virtual void on_exit(Child& child, ExitStatus status, std::shared_ptr<Estate> estate) noexcept = 0;

 protected:
  ~ExitListener() = default;
};

// Starts a child, and returns when the system has: the child may run already, or have ended. In the child signals have
// their defaults and none is blocked, but SIGINT is ignored; standard input is /dev/null; it is killed when this
// process ends, whatever way. Thread-safe.
//
// Throws std::system_error naming the call when the system refuses (EAGAIN, EMFILE, …), and plait::RuntimeError that
// says what to do when the start method cannot work here (forkserver: threads exist and plait::init was not called;
// spawn: plait::init was not called). Then no child is left, and the listener is not called.
//
// The listener is kept alive until the child has ended. `owner` is the child's number for the shared heap. A child by
// fork is a direct one: the host's wait(-1) may take its status, SIGCHLD comes. Each child that lives, or whose Child
// is kept, costs one descriptor.
std::shared_ptr<Child> start(StartMethod method, Entry entry, std::uint32_t owner,
                             std::shared_ptr<ExitListener> listener);

// Waits until the child has died, at most until the deadline, and then tells its listener, in this thread, unless the
// supervisor's thread has begun to: so who waits for an end need not wait for two threads to wake one after the other.
// If the fork server has not told yet how it ended, the supervisor's thread will soon. Without descriptors or memory to
// wait by it returns at once.
void hasten_report(Child& child, std::optional<std::chrono::steady_clock::time_point> deadline) noexcept;

// While one lives, the thread that watches children stays, also while there are none: for who will start more of them.
// Not used in a forked copy of this process: there it does nothing.
class Watching {
 public:
  // Throws std::system_error.
  Watching();
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;
  ~Watching();

 private:
  Supervisor* supervisor_;
  std::uint64_t generation_;
};

// True in a child of the family.
[[nodiscard]] bool in_child() noexcept;

// What a child of the family knows of its beginning.
struct Origin {
  pid_t host = 0;                // the process that started it
  int lifeline = -1;             // shows a hang-up once that has died
  std::uint32_t owner = 0;       // its number for the shared heap
  std::uint64_t generation = 0;  // the fork generation in which it began; what is of an earlier one was its maker's
};
// nullptr in a process that is none.
[[nodiscard]] const Origin* origin() noexcept;

}  // namespace plait::process
