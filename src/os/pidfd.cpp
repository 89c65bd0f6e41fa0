// SPDX-License-Identifier: Apache-2.0
#include "os/pidfd.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <sstream>
#include <string>
#include <utility>

#include "os/error.hpp"
#include "os/file_bytes.hpp"

namespace plait::os {
namespace {

Ending ending_of(const siginfo_t& info) noexcept {
  return info.si_code == CLD_EXITED ? Ending{0, info.si_status} : Ending{info.si_status, 0};
}

// struct pidfd_info of <linux/pidfd.h>, which is newer than the distribution's headers.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup;
  std::uint32_t ids[11];
  std::int32_t exit_code;  // as wait() gives it
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr unsigned long pidfd_get_info = _IOWR(0xFF, 11, PidfdInfo);
constexpr std::uint64_t pidfd_info_exit = 1U << 3;

// When a process began, up to a tick (10 ms) too early; nothing: it is gone, or /proc is not there.
std::optional<SinceBoot> beginning_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const FileDescriptor file(retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  std::string text(1'024, '\0');
  text.resize(file ? read_all(file.get(), std::as_writable_bytes(std::span(text))).size : 0);
  // Fields are counted from behind the name, which may contain anything.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string passed_over;
  for (int field = 3; field < 22; ++field) fields >> passed_over;
  std::int64_t ticks = 0;
  if (!(fields >> ticks)) return std::nullopt;
  return SinceBoot(ticks * (std::int64_t{1'000'000'000} / sysconf(_SC_CLK_TCK)));
}

}  // namespace

FileDescriptor open_pidfd(pid_t pid) {
  FileDescriptor fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));  // 2.36's <sys/pidfd.h> is not for C++
  if (!fd) throw_system_error("pidfd_open", "process " + std::to_string(pid));
  return above_standard_streams(std::move(fd));
}

SinceBoot since_boot() noexcept {
  timespec now{};
  syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &now);  // each new process asks once: to map the vdso would take it longer
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

FileDescriptor open_pidfd(pid_t pid, SinceBoot then) {
  FileDescriptor fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  // EINVAL, ENOENT: the number is that of a thread by now, or never was a process's
  if (!fd && (errno == ESRCH || errno == EINVAL || errno == ENOENT)) return {};
  if (!fd) throw_system_error("pidfd_open", "process " + std::to_string(pid));
  // What is read of another process, which got the pid after we had opened it, says that, too.
  const std::optional<SinceBoot> began = beginning_of(pid);
  if (began && *began > then) return {};
  return above_standard_streams(std::move(fd));
}

bool is_gone(pid_t pid) noexcept { return ::kill(pid, 0) != 0 && errno == ESRCH; }

bool send_signal(int pidfd, int number) noexcept {
  return syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) == 0;
}

ReapResult reap(int pidfd) noexcept {
  siginfo_t info{};
  const int result =
      retry_interrupted([&]() noexcept { return waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG); });
  if (result != 0) return {Reaped::not_ours, {}};
  if (info.si_pid == 0) return {Reaped::running, {}};
  return {Reaped::ended, ending_of(info)};
}

std::optional<Ending> ending_of_reaped(int pidfd) noexcept {
  PidfdInfo info{};
  info.mask = pidfd_info_exit;
  if (ioctl(pidfd, pidfd_get_info, &info) != 0 || (info.mask & pidfd_info_exit) == 0) return std::nullopt;
  if (WIFSIGNALED(info.exit_code)) return Ending{WTERMSIG(info.exit_code), 0};
  return Ending{0, WEXITSTATUS(info.exit_code)};
}

std::optional<EndedChild> reap_any() noexcept {
  siginfo_t info{};
  const int result = retry_interrupted([&]() noexcept { return waitid(P_ALL, 0, &info, WEXITED | WNOHANG); });
  if (result != 0 || info.si_pid == 0) return std::nullopt;
  return EndedChild{info.si_pid, ending_of(info)};
}

void reap_all() noexcept {
  retry_interrupted([]() noexcept {
    siginfo_t info{};
    int result = 0;
    do result = waitid(P_ALL, 0, &info, WEXITED);
    while (result == 0);
    return result;
  });
}

}  // namespace plait::os
