// SPDX-License-Identifier: Apache-2.0
#include "os/cpu_count.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

namespace plait::os {
namespace {

// A mounted control group hierarchy: `group`, a path within the hierarchy, is seen at `directory`.
struct Mount {
  std::string group;
  std::string directory;
};

// mountinfo writes blanks and backslashes of paths as \ooo.
std::string unescape(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool has_word(const std::string& list, const std::string& word) {
  return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

// "30 24 0:26 GROUP DIRECTORY OPTIONS [FIELDS...] - TYPE SOURCE SUPER_OPTIONS", see proc(5)
std::optional<Mount> find_mount(const std::string& root, bool version2) {
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream head(line.substr(0, dash)), tail(line.substr(dash + 3));
    std::string id, parent, device, group, directory, type, source, options;
    head >> id >> parent >> device >> group >> directory;
    tail >> type >> source >> options;
    if (version2 ? type == "cgroup2" : type == "cgroup" && has_word(options, "cpu")) {
      return Mount{unescape(group), unescape(directory)};
    }
  }
  return std::nullopt;
}

// "4:cpu,cpuacct:/GROUP" is version 1, "0::/GROUP" version 2.
std::optional<std::string> own_group(const std::string& root, bool version2) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version2 ? controllers.empty() : has_word(controllers, "cpu")) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<double> quota_of(const std::string& directory, bool version2) {
  double quota = -1, period = 0;
  if (version2) {
    std::ifstream(directory + "/cpu.max") >> quota >> period;  // "max 100000" is not a number: no quota
  } else {
    std::ifstream(directory + "/cpu.cfs_quota_us") >> quota;
    std::ifstream(directory + "/cpu.cfs_period_us") >> period;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

// The least quota from the process's own group up to the top of what is mounted.
std::optional<double> least_quota(const std::string& root, bool version2) {
  const std::optional<Mount> mount = find_mount(root, version2);
  std::optional<std::string> group = own_group(root, version2);
  if (!mount || !group) return std::nullopt;
  // A container often sees only its own group mounted; a group outside of that counts as the top of the mount.
  if (mount->group != "/") {
    const bool inside = group->starts_with(mount->group);
    *group = inside ? group->substr(mount->group.size()) : "";
  }
  std::optional<double> least;
  for (std::string path = *group;; path.resize(path.rfind('/'))) {
    while (path.ends_with('/')) path.pop_back();
    const std::optional<double> quota = quota_of(root + mount->directory + path, version2);
    if (quota) least = std::min(least.value_or(std::numeric_limits<double>::max()), *quota);
    if (path.find('/') == std::string::npos) return least;
  }
}

}  // namespace

std::optional<int> cgroup_cpu_quota(const std::string& root) {
  std::optional<double> quota = least_quota(root, true);
  if (!quota) quota = least_quota(root, false);
  if (!quota) return std::nullopt;
  const double rounded_up = static_cast<double>(static_cast<long>(*quota)) < *quota ? *quota + 1 : *quota;
  return static_cast<int>(std::clamp(rounded_up, 1.0, static_cast<double>(std::numeric_limits<int>::max())));
}

int affinity_cpu_count() {
  // The kernel refuses a mask that is shorter than its own: try longer ones.
  for (std::size_t cpus = 1024; cpus <= (1U << 20); cpus *= 2) {
    std::vector<cpu_set_t> mask(cpus / (8 * sizeof(cpu_set_t)));
    const std::size_t size = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, size, mask.data()) == 0) return std::max(CPU_COUNT_S(size, mask.data()), 1);
  }
  return static_cast<int>(std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L));
}

CpuMask affinity() noexcept {
  CpuMask mask{};
  static_assert(sizeof mask == sizeof(cpu_set_t));
  if (sched_getaffinity(0, sizeof mask, reinterpret_cast<cpu_set_t*>(mask.data())) != 0) mask = {};
  return mask;
}

void set_affinity(const CpuMask& mask) noexcept {
  static_cast<void>(sched_setaffinity(0, sizeof mask, reinterpret_cast<const cpu_set_t*>(mask.data())));
}

}  // namespace plait::os
