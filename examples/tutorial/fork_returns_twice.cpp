// SPDX-License-Identifier: Apache-2.0
//
// os::fork returns twice: 0 in the child, the child's id in the parent. What follows is run by both.

#include <plait/os.hpp>

#include <cstdio>

namespace os = plait::os;

int main() {
  std::printf("父进程（%d）开始执行\n", os::getpid());
  const int pid = os::fork();
  std::printf("进程进入：%d\n", os::getpid());
  if (pid == 0) {
    std::printf("子进程，其ID为 (%d)， 父进程ID为 (%d)\n", os::getpid(), os::getppid());
  } else {
    std::printf("我 (%d) 创建的子进程ID为 (%d).\n", os::getpid(), pid);
  }
  std::printf("进程结束：%d\n", os::getpid());
}
