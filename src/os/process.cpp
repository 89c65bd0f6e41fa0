// SPDX-License-Identifier: Apache-2.0
#include "os/process.hpp"

#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "os/error.hpp"
#include "os/sanitizer.hpp"
#include "plait/errors.hpp"

namespace plait::os {
namespace {

// A bare clone: with no exit signal, the child is one that only __WALL and __WCLONE wait for.
pid_t clone_unnoticed() noexcept {
  // ThreadSanitizer loses its footing in a clone that it does not know of. Its host then does notice.
  if (under_thread_sanitizer) return ::fork();
  return static_cast<pid_t>(syscall(SYS_clone, 0UL, nullptr, nullptr, nullptr, 0UL));
}

}  // namespace

pid_t try_fork() noexcept { return ::fork(); }

pid_t try_bare_fork() noexcept { return ::_Fork(); }

void start_session() noexcept { ::setsid(); }

pid_t fork_process() {
  const pid_t pid = ::fork();
  if (pid < 0) throw_system_error("fork");
  return pid;
}

void kill_child(pid_t pid) noexcept { ::kill(pid, SIGKILL); }

void reap_child(pid_t pid) noexcept {
  retry_interrupted([pid]() noexcept { return waitpid(pid, nullptr, 0); });
}

std::string describe_end(bool known, int signal, int exit_code) {
  if (!known) return "ended, its exit status is not known";
  if (signal == 0) return "exited with code " + std::to_string(exit_code);
  const char* name = ::sigabbrev_np(signal);
  return "was killed by signal " + std::to_string(signal) + (name != nullptr ? " (SIG" + std::string(name) + ")" : "");
}

bool change_directory(const char* path) noexcept { return ::chdir(path) == 0; }

void exit_now(int code) noexcept { ::_exit(code); }

int run_unnoticed(int (*step)(void* context), void* context) {
  const pid_t pid = clone_unnoticed();
  if (pid < 0) throw_system_error("clone");
  if (pid == 0) ::_exit(step(context));
  int status = 0;
  if (retry_interrupted([&] { return waitpid(pid, &status, __WALL); }) != pid) throw_system_error("waitpid");
  if (!WIFEXITED(status)) throw RuntimeError("plait: a helper process was killed while it started another; try again");
  return WEXITSTATUS(status);
}

struct FreshImage::Prepared {
  Prepared(char* const* its_arguments, std::string its_variable)
      : arguments(its_arguments), variable(std::move(its_variable)) {
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
  }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  ~Prepared() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  char* const* arguments;
  std::string variable;
  std::vector<char*> environment;
};

FreshImage::FreshImage(char* const* arguments, std::span<const int> inherited, std::string variable)
    : prepared_(std::make_unique<Prepared>(arguments, std::move(variable))) {
  Prepared& to = *prepared_;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  sigdelset(&all, SIGINT);  // ignored by the fork server, and so by its children from their first instruction
  posix_spawnattr_setsigmask(&to.attributes, &none);
  posix_spawnattr_setsigdefault(&to.attributes, &all);
  posix_spawnattr_setflags(&to.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  for (const int fd : inherited) {  // duplicating a descriptor onto itself makes it survive exec
    const int error = posix_spawn_file_actions_adddup2(&to.actions, fd, fd);
    if (error != 0) throw_system_error(error, "posix_spawn_file_actions_adddup2");
  }
  const std::string name = to.variable.substr(0, to.variable.find('=') + 1);
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with(name)) to.environment.push_back(*entry);
  }
  to.environment.push_back(to.variable.data());
  to.environment.push_back(nullptr);
}

FreshImage::~FreshImage() = default;

int FreshImage::run(pid_t& pid) noexcept {
  return posix_spawn(&pid, "/proc/self/exe", &prepared_->actions, &prepared_->attributes, prepared_->arguments,
                     prepared_->environment.data());
}

FileDescriptor make_child_signal() {
  sigset_t ended;
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  FileDescriptor fd(signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) throw_system_error("signalfd");
  return above_standard_streams(std::move(fd));
}

void clear_child_signal(int fd) noexcept {
  signalfd_siginfo info;
  while (retry_interrupted([&]() noexcept { return ::read(fd, &info, sizeof info); }) > 0) {
  }
}

}  // namespace plait::os
