// SPDX-License-Identifier: Apache-2.0
// ZeroMQ, PUSH and PULL over an ipc: socket.
#include <sched.h>
#include <zmq.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/bytes_traffic.hpp"

int main(int argc, char** argv) {
  char folder[] = "/tmp/bench-XXXXXX";
  bench::check(::mkdtemp(folder) != nullptr, "mkdtemp");
  const std::string address = std::string("ipc://") + folder + "/socket";
  auto& is_bound = bench::make_shared_object<std::atomic<bool>>();
  auto& got = bench::make_shared_object<std::atomic<std::int64_t>>();
  void* context = nullptr;
  void* socket = nullptr;
  const auto open = [&](int type, bool binds) {
    if (socket != nullptr) return;
    while (!binds && !is_bound) ::sched_yield();
    context = zmq_ctx_new();
    socket = zmq_socket(context, type);
    const int limit = 16;
    zmq_setsockopt(socket, type == ZMQ_PUSH ? ZMQ_SNDHWM : ZMQ_RCVHWM, &limit, sizeof limit);
    bench::check((binds ? zmq_bind : zmq_connect)(socket, address.c_str()) == 0, "zmq_connect");
    if (binds) is_bound = true;
  };
  const auto close = [&] {
    zmq_close(socket);
    zmq_ctx_term(context);
  };
  bench::bytes_traffic(
      argc, argv,
      [&](const char* bytes, std::size_t size) {
        open(ZMQ_PUSH, false);
        bench::check(zmq_send(socket, bytes, size, 0) == static_cast<int>(size), "zmq_send");
      },
      [&](char* bytes, std::size_t size) {
        open(ZMQ_PULL, true);
        bench::check(zmq_recv(socket, bytes, size, 0) == static_cast<int>(size), "zmq_recv");
        got.fetch_add(1, std::memory_order_relaxed);
      },
      [&] {
        // A peer that has gone takes messages with it.
        while (got != bench::argument(argc, argv, 2)) ::sched_yield();
        close();
      });
  close();
  std::filesystem::remove_all(folder);
}
