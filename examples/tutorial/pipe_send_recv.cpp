// SPDX-License-Identifier: Apache-2.0
//
// Pipe: a child sends, its parent receives.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <cstdio>
#include <string>

namespace mp = plait::multiprocessing;

void f(const mp::Connection<std::string>& conn) {
  std::printf("(%d) 进程开始发送数据...\n", plait::os::getpid());
  conn.send("Python");
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  auto [parent_conn, child_conn] = mp::Pipe<std::string>();
  mp::Process p(f, child_conn);
  p.start();
  std::printf("(%d) 进程开始接收数据...\n", plait::os::getpid());
  std::puts(parent_conn.recv().c_str());
  p.join();
}
