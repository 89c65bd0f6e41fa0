// SPDX-License-Identifier: Apache-2.0
#include "support/leak_check.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <set>
#include <string>
#include <thread>

#include "support/family.hpp"

namespace plait::tests {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::atomic<bool> allowed{false};

// Everything that a test may leave behind, as readable lines that are equal before and after if nothing has changed.
using Snapshot = std::set<std::string>;

template <class Visit>
void for_each_entry(const char* folder, Visit visit) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) visit(it->path());
}

Snapshot take_snapshot() {
  Snapshot lines;
  for (const FamilyMember& member : family())
    lines.insert("process " + std::to_string(member.pid) + " (" + member.name +
                 (member.state == 'Z' ? ", zombie)" : ")"));
  for_each_entry("/proc/self/task", [&](const fs::path& path) {
    std::string name = read_file(path / "comm");
    if (name.ends_with('\n')) name.pop_back();
    if (!name.empty()) lines.insert("thread " + path.filename().string() + " (" + name + ")");
  });
  for_each_entry("/proc/self/fd", [&](const fs::path& path) {
    std::error_code error;
    const std::string target = fs::read_symlink(path, error).string();
    if (error || target.starts_with("/proc/" + std::to_string(::getpid()) + "/fd")) return;  // the listing's own
    lines.insert("descriptor " + path.filename().string() + " -> " + target);
  });
  for (const char* folder : {"/dev/shm", "/tmp"})
    for_each_entry(folder, [&](const fs::path& path) {
      if (path.filename().string().starts_with("plait")) lines.insert("name " + path.string());
    });
  return lines;
}

class LeakCheck : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override {
    allowed = false;
    before_ = take_snapshot();
  }

  void OnTestEnd(const testing::TestInfo& test) override {
    if (test.result()->Skipped() || allowed) return;
    const auto give_up = std::chrono::steady_clock::now() + 2s;
    Snapshot left;
    for (auto pause = 1ms;; pause = std::min(2 * pause, std::chrono::milliseconds(50))) {
      left.clear();
      std::ranges::set_difference(take_snapshot(), before_, std::inserter(left, left.end()));
      if (left.empty()) return;
      if (std::chrono::steady_clock::now() > give_up) break;
      std::this_thread::sleep_for(pause);
    }
    for (const std::string& line : left) ADD_FAILURE() << "left behind: " << line;
  }

  Snapshot before_;
};

}  // namespace

std::unique_ptr<testing::TestEventListener> make_leak_check() { return std::make_unique<LeakCheck>(); }

void allow_leaks_in_this_test() noexcept { allowed = true; }

}  // namespace plait::tests
