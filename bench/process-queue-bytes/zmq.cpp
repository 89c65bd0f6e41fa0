// SPDX-License-Identifier: Apache-2.0
// ZeroMQ, PUSH and PULL over an ipc: socket.
#include <zmq.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/bytes_traffic.hpp"

int main(int argc, char** argv) {
  char folder[] = "/tmp/bench-XXXXXX";
  bench::check(::mkdtemp(folder) != nullptr, "mkdtemp");
  const std::string address = std::string("ipc://") + folder + "/socket";
  void* context = nullptr;
  void* socket = nullptr;
  const auto open = [&](int type, bool binds) {
    if (socket != nullptr) return;
    context = zmq_ctx_new();
    socket = zmq_socket(context, type);
    const int limit = 16;
    zmq_setsockopt(socket, type == ZMQ_PUSH ? ZMQ_SNDHWM : ZMQ_RCVHWM, &limit, sizeof limit);
    bench::check((binds ? zmq_bind : zmq_connect)(socket, address.c_str()) == 0, "zmq_connect");
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
      });
  zmq_close(socket);
  zmq_ctx_term(context);
  std::filesystem::remove_all(folder);
}
