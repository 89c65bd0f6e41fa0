// SPDX-License-Identifier: Apache-2.0
#include "os/thread_stacks.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "os/error.hpp"
#include "os/file_descriptor.hpp"
#include "os/fork_handlers.hpp"
#include "os/futex.hpp"

namespace plait::os {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_frames = 128;
constexpr std::chrono::milliseconds patience{10};  // before it is looked up whether a thread blocks the signal
constexpr std::chrono::milliseconds most_patience{1000};

// What one thread is asked to fill in. Never freed but used again, since a thread may answer after it was given up.
struct Question {
  std::atomic<pid_t> native_id{0};
  std::atomic<bool> answered{false};
  bool is_asked = false;
  std::size_t count = 0;
  const void* frames[most_frames] = {};
  Question* next = nullptr;
};

// Counts answers; a futex word.
std::atomic<std::uint32_t> answers{0};

// Only what is allowed in a signal handler. The unwinder is: with glibc 2.35 and gcc 12 it takes no lock to find its
// tables, and capture_stacks has loaded it.
_Unwind_Reason_Code add_frame(_Unwind_Context* context, void* to) {
  auto& question = *static_cast<Question*>(to);
  int before_instruction = 0;
  auto address = static_cast<std::uintptr_t>(_Unwind_GetIPInfo(context, &before_instruction));
  if (address == 0 || question.count == most_frames) return _URC_END_OF_STACK;
  if (before_instruction == 0) --address;
  question.frames[question.count++] = reinterpret_cast<const void*>(address);
  return _URC_NO_REASON;
}

void on_question(int, siginfo_t* info, void*) {
  if (info->si_code != SI_QUEUE || info->si_pid != getpid()) return;
  const int error = errno;
  auto& question = *static_cast<Question*>(info->si_value.sival_ptr);
  if (question.native_id.load(std::memory_order_relaxed) == gettid()) {
    _Unwind_Backtrace(&add_frame, &question);
    question.answered.store(true, std::memory_order_release);  // pairs with wait_for_answers
    answers.fetch_add(1, std::memory_order_release);
    futex_wake(answers, 1, Scope::private_);
  }
  errno = error;
}

// ---- one dump at a time ------------------------------------------------------------------------------------------

// The process that dumps, or 0; a futex word. A child made by fork in the midst of it finds another process's number.
std::atomic<std::uint32_t> dumping{0};

class Turn {
 public:
  Turn() noexcept {
    std::uint32_t seen = 0;
    while (!dumping.compare_exchange_strong(seen, self_, std::memory_order_acquire)) {
      if (seen == self_) futex_wait(dumping, seen, std::nullopt, Scope::private_);
      if (seen == self_) seen = 0;
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    dumping.store(0, std::memory_order_release);
    futex_wake(dumping, 1, Scope::private_);
  }

 private:
  const std::uint32_t self_ = static_cast<std::uint32_t>(getpid());
};

std::uint64_t blocked_signals(pid_t thread) {
  const std::string path = "/proc/self/task/" + std::to_string(thread) + "/status";
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[4096];
  const ssize_t size = file ? retry_interrupted([&] { return read(file.get(), text, sizeof text); }) : 0;
  const std::string_view status(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  const auto at = status.find("SigBlk:\t");
  std::uint64_t mask = 0;
  constexpr std::size_t label = 8, digits = 16;
  if (at != std::string_view::npos && status.size() >= at + label + digits) {
    std::from_chars(status.data() + at + label, status.data() + at + label + digits, mask, 16);
  }
  return mask;
}

constexpr bool has(std::uint64_t mask, int signal) noexcept { return (mask >> (signal - 1) & 1U) != 0; }

// ---- the signal --------------------------------------------------------------------------------------------------

// That which has the handler, or 0; changed together under the mutex, for which fork() waits.
int question_signal = 0;
constinit std::mutex question_signal_mutex;

bool is_default(int signal) noexcept {
  struct sigaction present {};
  return sigaction(signal, nullptr, &present) == 0 && (present.sa_flags & SA_SIGINFO) == 0 &&
         present.sa_handler == SIG_DFL;
}

// Ignoring it first forgets what is still pending, which would end the program.
void give_back(int signal) noexcept {
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  sigaction(signal, &action, nullptr);
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
}

// One without a handler, 0 if there is none; and that the fewest threads block, since what is blocked by all but those
// that block everything may be received by sigwait or signalfd.
int find_signal(std::span<const pid_t> threads) {
  std::vector<std::uint64_t> masks;
  for (const pid_t thread : threads) masks.push_back(blocked_signals(thread));
  int best = 0;
  std::ptrdiff_t fewest = 0;
  for (int signal = SIGRTMAX; signal >= SIGRTMIN; --signal) {
    const auto blocking = std::ranges::count_if(masks, [&](std::uint64_t mask) { return has(mask, signal); });
    if ((best != 0 && blocking >= fewest) || !is_default(signal)) continue;
    best = signal;
    fewest = blocking;
  }
  return best;
}

[[gnu::constructor(registers_handlers)]] void register_handlers() {
  pthread_atfork([] { question_signal_mutex.lock(); }, [] { question_signal_mutex.unlock(); },
                 [] {
                   const int signal = std::exchange(question_signal, 0);
                   if (signal != 0) give_back(signal);  // in the midst of a dump
                   question_signal_mutex.unlock();
                 });
}

// Has the handler while it lives, on a signal that nobody uses.
class QuestionSignal {
 public:
  explicit QuestionSignal(std::span<const pid_t> threads) : number_(find_signal(threads)) {
    if (number_ == 0) throw_system_error(EBUSY, "sigaction", "every real-time signal has a handler");
    const std::scoped_lock lock(question_signal_mutex);
    question_signal = number_;
    struct sigaction action {};
    action.sa_sigaction = &on_question;
    // While the handler runs nothing is blocked: who blocks the signal has not got it.
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_NODEFER;
    sigaction(number_, &action, nullptr);
  }
  QuestionSignal(const QuestionSignal&) = delete;
  QuestionSignal& operator=(const QuestionSignal&) = delete;
  ~QuestionSignal() {
    const std::scoped_lock lock(question_signal_mutex);
    give_back(number_);
    question_signal = 0;
  }

  // False: there is no such thread any more.
  bool ask(Question& question) const noexcept {
    siginfo_t info{};
    info.si_signo = number_;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = &question;
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), question.native_id.load(), number_, &info) == 0;
  }

  [[nodiscard]] bool is_blocked_by(pid_t thread) const { return has(blocked_signals(thread), number_); }

 private:
  int number_;
};

// ---- all together ------------------------------------------------------------------------------------------------

std::vector<pid_t> list_threads() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/task"), &closedir);
  if (folder == nullptr) throw_system_error("opendir", "/proc/self/task");
  std::vector<pid_t> threads;
  while (const dirent* entry = readdir(folder.get())) {
    pid_t id = 0;
    std::from_chars(entry->d_name, entry->d_name + std::strlen(entry->d_name), id);
    if (id != 0) threads.push_back(id);
  }
  return threads;
}

bool is_gone(pid_t thread) noexcept { return syscall(SYS_tgkill, getpid(), thread, 0) != 0; }

// Until all have answered who can.
void wait_for_answers(std::span<Question* const> questions, const QuestionSignal& signal) {
  const auto begin = Clock::now();
  for (;;) {
    const std::uint32_t before = answers.load(std::memory_order_acquire);  // pairs with the handler, as the next
    const bool is_late = Clock::now() > begin + patience;
    const bool is_waiting = std::ranges::any_of(questions, [&](const Question* question) {
      return question->is_asked && !question->answered.load(std::memory_order_acquire) &&
             !is_gone(question->native_id) && !(is_late && signal.is_blocked_by(question->native_id));
    });
    if (!is_waiting || Clock::now() > begin + most_patience) return;
    futex_wait(answers, before, Clock::now() + patience, Scope::private_);
  }
}

// For threads that are listed. Under the turn. A fork in the midst of it finds the list whole.
std::vector<Question*> make_questions(std::span<const pid_t> threads) {
  static Question* all = nullptr;
  std::vector<Question*> questions;
  Question* unused = all;
  for (const pid_t thread : threads) {
    if (unused == nullptr) {
      auto* const made = new Question;
      made->next = all;
      all = made;
      questions.push_back(made);
    } else {
      questions.push_back(std::exchange(unused, unused->next));
    }
    Question& question = *questions.back();
    question.native_id.store(thread, std::memory_order_relaxed);
    question.answered.store(false, std::memory_order_relaxed);
    question.is_asked = false;
    question.count = 0;
  }
  return questions;
}

}  // namespace

std::vector<ThreadStack> capture_stacks() {
  const Turn turn;
  std::vector<pid_t> threads = list_threads();
  std::ranges::partition(threads, [](pid_t thread) { return thread == gettid(); });
  const std::vector<Question*> questions = make_questions(threads);
  _Unwind_Backtrace(&add_frame, questions.front());
  questions.front()->answered.store(true, std::memory_order_relaxed);
  {
    const QuestionSignal signal(threads);
    for (Question* question : std::span(questions).subspan(1)) question->is_asked = signal.ask(*question);
    wait_for_answers(questions, signal);
  }
  std::vector<ThreadStack> stacks;
  for (const Question* question : questions) {
    const bool answered = question->answered.load(std::memory_order_acquire);
    if (!answered && is_gone(question->native_id)) continue;
    // Without this function, or the handler and what calls it.
    const std::size_t own = question == questions.front() ? 1 : 2;
    auto& stack = stacks.emplace_back(ThreadStack{question->native_id, answered, {}});
    if (answered)
      stack.frames.assign(question->frames + std::min(own, question->count), question->frames + question->count);
  }
  return stacks;
}

}  // namespace plait::os
