// SPDX-License-Identifier: Apache-2.0
#include "os/cpu_count.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "plait/os.hpp"

namespace plait::os {
namespace {

namespace fs = std::filesystem;

// A file tree in the place of "/", for as long as it lives.
class CgroupQuota : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::temp_directory_path() / ("cpu_count_test." + std::to_string(::getpid()) + "." + info->name());
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  void file(const std::string& path, const std::string& content) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
  }
  void version2(const std::string& own_group, const std::string& mounted_group = "/") const {
    file("proc/self/cgroup", "0::" + own_group + "\n");
    file("proc/self/mountinfo", "22 1 0:20 / /proc rw - proc proc rw\n30 24 0:26 " + mounted_group +
                                    " /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  }
  void version1(const std::string& own_group, const std::string& mounted_group = "/") const {
    file("proc/self/cgroup", "5:memory:/other\n4:cpu,cpuacct:" + own_group + "\n0::/\n");
    file("proc/self/mountinfo", "31 24 0:27 " + mounted_group +
                                    " /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                                    "32 24 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  }
  [[nodiscard]] std::optional<int> quota() const { return cgroup_cpu_quota(root_.string()); }

  fs::path root_;
};

TEST_F(CgroupQuota, NoFilesMeansNoQuota) { EXPECT_EQ(quota(), std::nullopt); }

TEST_F(CgroupQuota, Version2IsRoundedUp) {
  version2("/a");
  file("sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  EXPECT_EQ(quota(), 3);
}

TEST_F(CgroupQuota, WholeProcessorsAreNotRounded) {
  version2("/a");
  file("sys/fs/cgroup/a/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 2);
}

TEST_F(CgroupQuota, IsAtLeastOne) {
  version2("/a");
  file("sys/fs/cgroup/a/cpu.max", "1000 100000\n");
  EXPECT_EQ(quota(), 1);
}

TEST_F(CgroupQuota, MaxMeansNone) {
  version2("/a");
  file("sys/fs/cgroup/a/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CgroupQuota, TightestAncestorCounts) {
  version2("/a/b/c");
  file("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  file("sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
  file("sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), 2);
}

TEST_F(CgroupQuota, ContainerSeesItsGroupAtTheTopOfTheMount) {
  version2("/");
  file("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota(), 1);
}

TEST_F(CgroupQuota, BindMountOfTheOwnGroup) {
  version2("/docker/abc/job", "/docker/abc");
  file("sys/fs/cgroup/job/cpu.max", "300000 100000\n");
  file("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), 3);
}

TEST_F(CgroupQuota, Version1) {
  version1("/a");
  file("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "350000\n");
  file("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 4);
}

TEST_F(CgroupQuota, Version1WithoutQuota) {
  version1("/a");
  file("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
  file("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CgroupQuota, Version1MountThatShowsOnlyTheContainer) {
  version1("/docker/abc", "/docker/abc");
  file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
  file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 1);
}

TEST_F(CgroupQuota, NonsenseMeansNone) {
  version2("no slash at all");
  file("sys/fs/cgroup/cpu.max", "many few\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST(CpuCount, FollowsTheAffinityMask) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
      break;
    }
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(process_cpu_count(), 1);
  EXPECT_EQ(cpu_count(), 1);
  EXPECT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(affinity_cpu_count(), CPU_COUNT(&before));
}

TEST(CpuCount, IsAtLeastOneAndAtMostTheMachine) {
  EXPECT_GE(process_cpu_count(), 1);
  EXPECT_LE(process_cpu_count(), sysconf(_SC_NPROCESSORS_CONF));
}

}  // namespace
}  // namespace plait::os
