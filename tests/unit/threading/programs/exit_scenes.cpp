// SPDX-License-Identifier: Apache-2.0
// Programs that end in the ways of thread_exit_test.cpp; the scene is the first argument.
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "plait/threading/event.hpp"
#include "plait/threading/excepthook.hpp"
#include "plait/threading/local.hpp"
#include "plait/threading/lock.hpp"
#include "plait/threading/thread.hpp"
#include "plait/threading/timer.hpp"

namespace {

using namespace plait::threading;

void say(std::string_view text) { (void)!::write(STDOUT_FILENO, text.data(), text.size()); }

struct SayAtEnd {
  std::string text;
  ~SayAtEnd() { say(text); }
};

// ---- what the program waits for

Event& callback_ran() {
  static auto* const event = new Event;
  return *event;
}
void when_the_end_begins(std::function<void()> f) { register_atexit(std::move(f)); }
void let_go_when_the_end_begins() {
  when_the_end_begins([] { callback_ran().set(); });
}
void say_late(const char* text) {
  callback_ran().wait();
  say(text);
}

int joins() {
  let_go_when_the_end_begins();
  std::make_shared<Thread>(say_late, "thread ")->start();
  static const SayAtEnd later{"static object"};
  return 3;
}

int exit_joins() {
  let_go_when_the_end_begins();
  std::make_shared<Thread>(say_late, "thread ")->start();
  static const SayAtEnd later{"static object"};
  std::exit(3);
}

int joins_static() {
  let_go_when_the_end_begins();
  static Thread thread(say_late, "thread ");
  static const SayAtEnd later{"static object"};
  thread.start();
  return 3;
}

int joins_threads_of_threads() {
  let_go_when_the_end_begins();
  std::make_shared<Thread>([] {
    callback_ran().wait();
    std::make_shared<Thread>([] {
      say("second ");
      std::make_shared<Thread>(say, "third")->start();
    })->start();
  })->start();
  return 0;
}

int leaves_daemons() {
  Thread({.daemon = true}, [] { callback_ran().wait(); }).start();
  static const SayAtEnd later{"static object"};
  return 3;
}

int leaves_values_of_daemons() {
  static local<SayAtEnd> data([] { return SayAtEnd{"value"}; });
  Event made;
  Thread({.daemon = true}, [&] {
    static_cast<void>(data.get());
    made.set();
    for (;;) ::pause();
  }).start();
  made.wait();
  static const SayAtEnd later{"static object"};
  return 3;
}

// Daemons that use all of the module until the process is gone.
int leaves_busy_daemons() {
  static Lock& lock = *new Lock;
  static std::atomic<int> running = 0;
  for (int i = 0; i < 3; ++i) {
    Thread({.daemon = true}, [] {
      for (++running;; ++running) {
        const std::scoped_lock held(lock);
        auto name = current_thread().name();
        current_thread().set_name(name);
        (void)enumerate();
        excepthook = [name](const ExceptHookArgs&) {};
        try {
          Thread({.daemon = true}, [] { throw std::runtime_error("for the hook"); }).start();
        } catch (const plait::RuntimeError&) {  // the program ends, or is short of threads
        }
      }
    }).start();
  }
  while (running < 20) std::this_thread::yield();
  std::make_shared<Thread>([] {})->start();
  return 3;
}

int main_can_be_joined() {
  std::make_shared<Thread>([] {
    main_thread().join();
    say(main_thread().is_alive() ? "alive" : "joined");
  })->start();
  return 0;
}

int main_ends_by_pthread_exit() {
  register_atexit([] { say("callback"); });
  std::make_shared<Thread>([] {
    main_thread().join();
    say("thread ");
  })->start();
  pthread_exit(nullptr);
}

// ---- exit in a thread

int exit_in_a_thread() {
  Thread thread([] { std::exit(3); });
  thread.start();
  thread.join();
  say("main is told that it has ended");  // or not, if the process is gone before
  for (;;) ::pause();
}

int exit_in_a_thread_waits_for_others() {
  let_go_when_the_end_begins();
  std::make_shared<Thread>(say_late, "other thread")->start();
  Thread thread([] { std::exit(3); });
  thread.start();
  for (;;) ::pause();
}

int exit_in_a_thread_takes_over() {
  when_the_end_begins([] { say("callback "); });
  std::make_shared<Thread>([] {
    main_thread().join();  // main has begun to wait for us
    std::exit(4);
  })->start();
  return 3;
}

int exit_in_a_daemon() {
  Thread thread({.daemon = true}, [] { std::exit(3); });
  thread.start();
  for (;;) ::pause();
}

int exit_in_a_foreign_thread() {
  let_go_when_the_end_begins();
  std::make_shared<Thread>(say_late, "thread")->start();
  std::thread([] { std::exit(3); }).join();
  return 0;
}

// ---- start and register_atexit when the program ends

void try_to_start() {
  try {
    std::make_shared<Thread>(say, "late thread")->start();
  } catch (const plait::RuntimeError& error) {
    say(error.what());
  }
}

int start_in_a_callback() {
  register_atexit(try_to_start);
  return 0;
}

int start_after_the_join() {
  static const struct AtEnd {
    ~AtEnd() { try_to_start(); }
  } at_end;
  return 0;
}

int callbacks() {
  static int runs = 0;
  register_atexit([] { say("1 "); });
  register_atexit([] { throw std::runtime_error("in a callback"); });
  register_atexit([] {
    say("2 ");
    if (++runs > 1) say("again ");
    try {
      register_atexit([] {});
    } catch (const plait::RuntimeError& error) {
      say(error.what());
      say(" ");
    }
  });
  std::make_shared<Thread>([] {})->start();
  return 0;
}

// ---- fork

int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

// CPython's ThreadJoinOnShutdown.test_2 and 3: the child's end joins the child's threads, and only those.
int fork_and_join_in_the_child() {
  Event go_on;
  Thread busy([&] { go_on.wait(); });
  busy.start();
  const pid_t child = ::fork();
  if (child == 0) {
    let_go_when_the_end_begins();
    std::make_shared<Thread>(say_late, "thread of the child ")->start();
    std::exit(5);
  }
  const int status = wait_for(child);
  go_on.set();
  busy.join();
  say("end of main");
  return status;
}

int fork_in_a_thread_and_join_in_the_child() {
  int status = 0;
  Thread thread([&] {
    const pid_t child = ::fork();
    if (child == 0) {
      let_go_when_the_end_begins();
      std::make_shared<Thread>(say_late, "thread of the child ")->start();
      std::exit(current_thread() == main_thread() ? 5 : 6);
    }
    status = wait_for(child);
  });
  thread.start();
  thread.join();
  say("end of main");
  return status;
}

// The child's main thread returns from what it was started for: the process ends with its last thread.
int fork_in_a_thread_and_return() {
  std::atomic<int> status = 100;
  Thread thread([&] {
    const pid_t child = ::fork();
    if (child == 0) {
      register_atexit([] { say("callback "); });
      std::make_shared<Thread>([] {
        main_thread().join();
        say("thread of the child ");
      })->start();
      return;
    }
    status = wait_for(child);
  });
  thread.start();
  thread.join();
  say("end of main");
  return status;
}

// The forking thread is the child's main thread, though plait had not known it.
int fork_in_a_foreign_thread() {
  int status = 0;
  std::thread([&] {
    const pid_t child = ::fork();
    if (child == 0) {
      std::make_shared<Thread>([] {
        main_thread().join();
        say("thread of the child ");
      })->start();
      std::exit(5);
    }
    status = wait_for(child);
  }).join();
  say("end of main");
  return status;
}

// It is destroyed in the child, too, where the thread that waits is not; its stack is another's there.
int fork_with_a_static_timer() {
  static Timer timer(std::chrono::hours(1), [] {});
  timer.start();
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < 2; ++i) {
      Thread thread([] {
        volatile char stack[200'000];
        for (volatile char& byte : stack) byte = 'A';
      });
      thread.start();
      thread.join();
    }
    std::exit(5);
  }
  const int status = wait_for(child);
  timer.cancel();
  say("end of main");
  return status;
}

// ---- no memory for the stack of a thread

class NoAddressSpace {
 public:
  NoAddressSpace() {
    ::getrlimit(RLIMIT_AS, &before_);
    const rlimit none{.rlim_cur = 1, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &none);
  }
  ~NoAddressSpace() { ::setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

int refused() {
  Thread thread({.name = "wanted"}, say, "at last");
  const std::size_t before = active_count();
  {
    const NoAddressSpace none;
    try {
      thread.start();
    } catch (const plait::RuntimeError& error) {
      say(error.what());
    }
  }
  if (active_count() != before || thread.is_alive() || thread.ident().has_value()) return 1;
  try {
    thread.join();
    return 2;
  } catch (const plait::RuntimeError&) {
  }
  thread.start();
  thread.join();
  return 0;
}

// ---- uncaught exceptions

int uncaught() {
  Thread thread({.name = "unlucky"}, [] { throw std::runtime_error("no luck"); });
  thread.start();
  thread.join();
  say("joined");
  return 0;
}

}  // namespace

// Daemons and forked children leave behind what they have, and glibc what a main thread has that ends by pthread_exit.
extern "C" const char* __asan_default_options();  // NOLINT(bugprone-reserved-identifier): the sanitizer's name
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

int main(int argc, char** argv) {
  const std::map<std::string_view, int (*)()> scenes{
#define SCENE(name) {#name, name}
      SCENE(joins),
      SCENE(exit_joins),
      SCENE(joins_static),
      SCENE(joins_threads_of_threads),
      SCENE(leaves_daemons),
      SCENE(leaves_values_of_daemons),
      SCENE(leaves_busy_daemons),
      SCENE(main_can_be_joined),
      SCENE(main_ends_by_pthread_exit),
      SCENE(exit_in_a_thread),
      SCENE(exit_in_a_thread_waits_for_others),
      SCENE(exit_in_a_thread_takes_over),
      SCENE(exit_in_a_daemon),
      SCENE(exit_in_a_foreign_thread),
      SCENE(start_in_a_callback),
      SCENE(start_after_the_join),
      SCENE(callbacks),
      SCENE(fork_and_join_in_the_child),
      SCENE(fork_in_a_thread_and_join_in_the_child),
      SCENE(fork_in_a_thread_and_return),
      SCENE(fork_in_a_foreign_thread),
      SCENE(fork_with_a_static_timer),
      SCENE(refused),
      SCENE(uncaught),
#undef SCENE
  };
  const auto scene = scenes.find(argc > 1 ? argv[1] : "");
  return scene != scenes.end() ? scene->second() : 125;
}
