// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Which processors a process may keep busy, and how many, out of files of /proc and /sys; behind
// os::process_cpu_count().

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace plait::os {

// The processors that the CPU quota of this process's control group pays for, the tightest of its ancestors' counting,
// rounded up, at least 1; nothing: no quota. `root` stands before /proc/self/{cgroup,mountinfo} and the places of the
// control group file systems, so that tests can bring their own files.
[[nodiscard]] std::optional<int> cgroup_cpu_quota(const std::string& root = "");

// Processors in the affinity mask of the calling thread, at least 1.
[[nodiscard]] int affinity_cpu_count();

// The mask itself, of a machine of up to 1024 processors; empty on larger ones.
using CpuMask = std::array<std::uint64_t, 16>;
[[nodiscard]] CpuMask affinity() noexcept;
// From here on the calling thread, and what it starts, runs on these; as before if that cannot be.
void set_affinity(const CpuMask& mask) noexcept;

}  // namespace plait::os
