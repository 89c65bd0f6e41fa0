// SPDX-License-Identifier: Apache-2.0
#include "support/family.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>

namespace plait::tests {
namespace {

constexpr const char* mark_variable = "PLAIT_TEST_FAMILY";

struct Stat {
  std::string name;
  char state = '?';
  pid_t parent = 0;
  unsigned long long start_time = 0;
};

Stat read_stat(pid_t pid) {
  // "pid (name with any characters) state ppid …"; start time is field 22.
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/stat");
  const auto open = text.find('('), close = text.rfind(')');
  Stat stat;
  if (open == std::string::npos || close == std::string::npos) return stat;
  stat.name = text.substr(open + 1, close - open - 1);
  std::istringstream rest(text.substr(close + 1));
  rest >> stat.state >> stat.parent;
  std::string skipped;
  for (int field = 5; field < 22; ++field) rest >> skipped;
  rest >> stat.start_time;
  return stat;
}

}  // namespace

std::string read_file(const std::string& path) {
  try {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  } catch (const std::ios_base::failure&) {  // files of /proc: the process has died since they were opened
    return {};
  }
}

void join_family(char** argv) {
  // A mark from outside is kept: helper programs belong to the test that runs them.
  if (std::getenv(mark_variable) != nullptr) return;
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  const std::string mark = std::to_string(::getpid()) + "-" + std::to_string(now);
  ::setenv(mark_variable, mark.c_str(), 1);
  ::execv(std::filesystem::read_symlink("/proc/self/exe").c_str(), argv);
  std::perror("plait tests: execv of this program");
  std::exit(125);
}

namespace {

// Empty of a zombie, of a thread of the kernel, and for a moment of a process that is just becoming another program,
// which is waited out: of one that is younger than we are.
std::string read_environment(pid_t pid) {
  static const unsigned long long our_start = read_stat(::getpid()).start_time;
  constexpr pid_t kernel = 2;
  std::string environment;
  for (int tries = 0; tries < 50; ++tries) {
    environment = read_file("/proc/" + std::to_string(pid) + "/environ");
    if (!environment.empty()) break;
    const Stat stat = read_stat(pid);
    if (stat.state == 'Z' || stat.state == '?' || stat.parent == kernel || stat.start_time < our_start) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return environment;
}

// Whether the fork server may make another of it: before a spare child has its own name it has the server's.
bool may_be_spare(const Stat& process) {
  return process.name == "plait-spare" ||
         (process.name == "plait-forkserve" && read_stat(process.parent).name == process.name);
}

enum class Spares : std::uint8_t { awaited, listed };

// Nothing: a spare child is to be awaited.
std::optional<std::vector<FamilyMember>> list_family(Spares spares) {
  const char* mark = std::getenv(mark_variable);
  if (mark == nullptr) return std::vector<FamilyMember>();
  std::string entry = std::string(mark_variable) + "=" + mark;
  entry.push_back('\0');
  std::vector<FamilyMember> members;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc"), ::closedir);
  while (const dirent* item = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view digits = item->d_name;
    pid_t pid = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), pid).ec != std::errc() || pid == ::getpid())
      continue;
    const std::string environment = read_environment(pid);
    const bool marked = environment.starts_with(entry) || environment.find('\0' + entry) != std::string::npos;
    if (!marked && !environment.empty()) continue;
    Stat stat = read_stat(pid);
    if (stat.state == '?') continue;                                            // gone meanwhile
    if (!marked && (stat.state != 'Z' || stat.parent != ::getpid())) continue;  // a zombie has no environment any more
    if (spares == Spares::awaited && may_be_spare(stat)) return std::nullopt;
    members.push_back({pid, stat.start_time, std::move(stat.name), stat.state});
  }
  return members;
}

}  // namespace

std::vector<FamilyMember> family() {
  // Unless somebody has stopped it.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (;;) {
    const auto members = list_family(std::chrono::steady_clock::now() > give_up ? Spares::listed : Spares::awaited);
    if (members) return *members;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace plait::tests
