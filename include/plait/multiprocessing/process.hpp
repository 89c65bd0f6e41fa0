// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Process: a function, or run() of a subclass, in a process of its own. Python's multiprocessing.Process, with
// current_process(), parent_process() and active_children().
//
//   void crawl(std::string url);
//   Process p(crawl, "https://example.org");
//   p.start();
//   p.join();
//   p.exitcode();   // 0
//
// What is here: Process; ShippableProcess, the base of subclasses that any start method takes; ParentProcess.
// docs/design/process-objects.md tells how it works.

#include <sys/types.h>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "plait/deadline.hpp"
#include "plait/detail/export.hpp"
#include "plait/detail/process_target.hpp"
#include "plait/errors.hpp"
#include "plait/multiprocessing/context.hpp"

namespace plait::detail {
class ProcessState;
struct ProcessAccess;
}  // namespace plait::detail

namespace plait::multiprocessing {

// A handle of a process: of one that it owns, if it was made from a target or by a subclass; or just of one that runs,
// if it comes from current_process() or active_children(). Moving a handle moves the ownership.
//
// Target and arguments must be shippable, as those of ProcessPoolExecutor::submit (plait/wire.hpp): what cannot travel
// does not compile. They are kept by value, arguments as the parameter types of the target ("test" becomes a
// std::string), and encoded by start(). What the target returns is dropped, and need not be shippable. What only a copy
// of the program can run, captures included, is for forked().
//
// The child has standard input from /dev/null, the working directory of its maker, and its signals at their defaults,
// but an interrupt of the terminal (Ctrl-C) does not reach it. When run() returns the child ends as a program does: it
// waits for its own threads and processes, runs what was registered by std::atexit in it (not what its maker had
// registered), and flushes standard output. An exception that leaves run() is printed to standard error, with the stack
// where it was thrown. When the process that started it dies, whatever way, the child is killed.
//
// The destructor of the owner joins a running process; a daemonic one is terminated (and killed if that takes more than
// a second). The end of the program does the same with all its processes. Held by std::shared_ptr when started, any
// Process lives until its process has ended, so that it may be started and forgotten:
//   std::make_shared<Process>(crawl, url)->start();
//
// Everything but moving and destroying is thread-safe. A handle that was moved from throws RuntimeError. In a process
// forked from the one that made it a handle can tell its name, and otherwise throws AssertionError; its destructor does
// nothing. Each process costs its maker one descriptor until it has ended and its Process is closed or destroyed.
//
// Differs from Python: dropping the object joins; the child ends when its parent does, be it daemonic or not, so
// children of one that was terminated are not orphans; SystemExit takes a number only, and what the child is not asked
// to do by interrupt() it does not do on Ctrl-C.
class PLAIT_EXPORT Process : public std::enable_shared_from_this<Process> {
 public:
  struct Options {
    std::string name = {};                // default: Process-N, in a child Process-1:N; see name()
    std::optional<bool> daemon = {};      // default: as the process that makes it
    std::optional<Context> context = {};  // default: get_context(), when it is started
  };

  // For subclasses; by itself such a process does nothing.
  Process();
  explicit Process(Options options);
  // Not started yet.
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, Options> && !std::derived_from<std::remove_cvref_t<F>, Process>)
  explicit Process(F&& f, Args&&... args) : Process(Options{}, std::forward<F>(f), std::forward<Args>(args)...) {}
  template <class F, class... Args>
  explicit Process(Options options, F&& f, Args&&... args)
      : Process(std::move(options), detail::make_process_target(std::forward<F>(f), std::forward<Args>(args)...)) {}

  // A process that will be started by fork, whatever the start method of the program is. Its target may be anything
  // callable, as std::thread's, and its arguments anything that can be copied or moved: both are simply there in the
  // copy of the program. What fork means for programs with threads is told with Context.
  //   auto p = Process::forked([&] { table.index(); });
  // Throws ValueError: the options have a context of another method.
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, Options>)
  [[nodiscard]] static Process forked(F&& f, Args&&... args) {
    return forked(Options{}, std::forward<F>(f), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  [[nodiscard]] static Process forked(Options options, F&& f, Args&&... args) {
    return Process(by_fork(std::move(options)),
                   detail::make_forked_target(std::forward<F>(f), std::forward<Args>(args)...));
  }

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  virtual ~Process();

  // Returns when the process is there; it may have ended already. Throws, and leaves nothing behind, so that it may be
  // called again: AssertionError: it was started before, the object was made in another process, or this process is
  // daemonic and so may have no children; TypeError: a subclass that is no ShippableProcess, by another method than
  // fork; EncodeError, OutOfSharedMemory and what a serializer throws; RuntimeError: the start method cannot work here
  // (see Context); std::system_error: EAGAIN, EMFILE, ….
  void start();

  // What the process does: calls the target, if there is one and it was not called before. To be overridden.
  virtual void run();

  // Waits until it has ended, or until the deadline: exitcode() tells. Any number of times, in several threads. Throws
  // AssertionError: it was not started, or not by this process; ValueError: closed.
  void join(Deadline deadline = {});

  // From the return of start() until its end. True for current_process(). Throws AssertionError: it is another
  // process's child; ValueError: closed.
  [[nodiscard]] bool is_alive() const;

  // nullopt before its end; then 0, 1 after an uncaught exception, n & 0xff after exit(n) or SystemExit(n), -s after
  // signal s. If the status went to somebody else (with fork: to the program's own wait(-1)), nullopt though it has
  // ended. Throws ValueError: closed; AssertionError: it is another process's.
  [[nodiscard]] std::optional<int> exitcode() const;

  // nullopt before start(). Throw ValueError: closed.
  [[nodiscard]] std::optional<pid_t> pid() const;
  [[nodiscard]] std::optional<pid_t> ident() const { return pid(); }

  // Names need not differ. The default is that of the class: Process-N, Spider-N of a ShippableProcess<Spider>, and
  // ForkProcess-N, SpawnProcess-N, ForkServerProcess-N if a context was given. N counts the Process objects of the
  // process; those made in its N-th child are Process-N:1, Process-N:2, ….
  [[nodiscard]] std::string name() const;
  void set_name(std::string name);

  [[nodiscard]] bool daemon() const;
  // Throws AssertionError: it was started; ValueError: closed.
  void set_daemon(bool daemon);

  // A descriptor that is readable once the process has ended, for poll and the like; it stays the Process's own.
  // Throws ValueError: not started, or closed.
  [[nodiscard]] int sentinel() const;

  // Secret bytes by which the processes of a program know each other; 32 random ones in the first process, inherited.
  [[nodiscard]] std::string authkey() const;
  void set_authkey(std::string key);

  // SIGTERM and SIGKILL; nothing if it has ended. No destructor is run in it. Throw AssertionError: it was not started,
  // or not by this process; ValueError: closed.
  void terminate();
  void kill();
  // SIGINT. A handler that the child has installed is called; without one, the process dies of it: exitcode() is -2.
  // Throws as terminate(). Differs from Python, which raises KeyboardInterrupt there: exit code 1.
  void interrupt();

  // Gives its descriptor back. From here on all but name(), set_name(), repr() and close() throw ValueError.
  // Throws ValueError: it runs; AssertionError: it is another process's.
  void close();

  // "<Process name='Process-1' pid=4711 parent=4700 stopped exitcode=-SIGKILL daemon>"
  [[nodiscard]] std::string repr() const;

  // Of the same process.
  friend bool operator==(const Process& a, const Process& b) noexcept { return a.state_ == b.state_; }

 protected:
  Process(Options options, const char* class_name);

 private:
  friend detail::ProcessAccess;
  template <class Derived>
  friend class ShippableProcess;

  Process(Options options, std::unique_ptr<detail::ProcessTarget> target);
  explicit Process(std::shared_ptr<detail::ProcessState> state) noexcept;  // owns nothing

  // Bytes from which the child makes this object; they begin with the address of a Remake.
  using Remake = std::unique_ptr<Process>(wire::Reader& in);
  [[nodiscard]] virtual wire::MessageSize message_size() const;
  virtual void encode(const wire::MessageRoom& out) const;
  template <class Out>
  void put_head(Out& out) const;
  static std::unique_ptr<Process> remake(wire::Reader& in);
  [[noreturn]] void refuse_subclass() const;

  static Options by_fork(Options options);
  [[nodiscard]] detail::ProcessState& state() const;
  void let_go() noexcept;

  // Pointers only: ShippableProcess relies on there being no padding at the end.
  std::shared_ptr<detail::ProcessState> state_;
  std::unique_ptr<detail::ProcessTarget> target_;
  detail::ProcessState* owned_ = nullptr;  // state_, or nullptr
};

// Base of subclasses that every start method takes: for forkserver and spawn the object has to travel, so it is made
// again in the child by its default constructor and what it is made of, as of any shippable class. (A subclass of
// Process itself can be started by fork only, which copies it.)
//
//   struct Spider : ShippableProcess<Spider> {
//     std::string url;
//     explicit Spider(std::string where = {}) : url(std::move(where)) {}
//     void run() override { crawl(url); }
//     template <class A>
//     void serialize(A& ar) { ar(url); }
//   };
//
// A class without members of its own needs no serialize. Name, daemon and authkey travel by themselves. What has
// changed in the child stays there. start() throws TypeError for a class derived further from Derived.
template <class Derived>
class ShippableProcess : public Process {
 public:
  ShippableProcess() : ShippableProcess(Options{}) {}
  explicit ShippableProcess(Options options) : Process(std::move(options), wire::callable_name<Derived>()) {}

 private:
  [[nodiscard]] wire::MessageSize message_size() const final {
    if (typeid(*this) != typeid(Derived)) refuse_subclass();
    wire::SizeCounter size;
    put(size);
    return size.size();
  }
  void encode(const wire::MessageRoom& out) const final {
    wire::Writer writer(out);
    put(writer);
    writer.finish();
  }

  static constexpr bool is_serializable() {
    return wire::HasSerialize<Derived> || wire::HasSaveLoad<Derived> || wire::HasAdlSerialize<Derived>;
  }
  template <class Out>
  void put(Out& out) const {
    static_assert(std::derived_from<Derived, ShippableProcess>, "plait: write `struct X : ShippableProcess<X>`");
    static_assert(
        is_serializable() || sizeof(Derived) == sizeof(ShippableProcess),
        "plait: this process class has members; give it `template <class A> void serialize(A& ar) { ar(...); }` "
        "with all of them, or derive it from plait::multiprocessing::Process to be started by fork only");
    static_assert(
        requires { wire::Access::construct<Derived>(); },
        "plait: a ShippableProcess must be default-constructible, to be made in the child; a private constructor will "
        "do "
        "with `friend class plait::wire::Access;`");
    wire::put_code(out, wire::locate_code(reinterpret_cast<const void*>(&remake)));
    if constexpr (is_serializable()) wire::put(out, static_cast<const Derived&>(*this));
  }
  static std::unique_ptr<Process> remake(wire::Reader& in) {
    std::unique_ptr<Derived> made(new Derived(wire::Access::construct<Derived>()));
    if constexpr (is_serializable()) wire::get_into(in, *made);
    return made;
  }
};

// The process that started this one.
class PLAIT_EXPORT ParentProcess {
 public:
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] pid_t ident() const noexcept { return pid_; }
  [[nodiscard]] bool is_alive() const noexcept;
  // Waits until it has died, or until the deadline. A child seldom lives to see that: it is killed at that moment.
  void join(Deadline deadline = {}) const noexcept;

 private:
  friend detail::ProcessAccess;
  ParentProcess(std::string name, pid_t pid, int lifeline) noexcept
      : name_(std::move(name)), pid_(pid), lifeline_(lifeline) {}

  std::string name_;
  pid_t pid_;
  int lifeline_;
};

// This process: the one of that name that was started, or, in the first process of the program, "MainProcess"; a worker
// of a Pool is ForkServerPoolWorker-N and the like, one of an executor Worker-N. After os::fork() it is, as in Python,
// a process of the same name.
[[nodiscard]] PLAIT_EXPORT Process current_process();

// The process that started this one; nullopt in the first process of the program.
[[nodiscard]] PLAIT_EXPORT std::optional<ParentProcess> parent_process();

// The processes that this one has started and that live, in the order of their starts; not the workers of pools.
[[nodiscard]] PLAIT_EXPORT std::vector<Process> active_children();

}  // namespace plait::multiprocessing
