// SPDX-License-Identifier: Apache-2.0
// ZeroMQ, PUSH and PULL over ipc: sockets. Each process that gets has a socket of its own.
#include <sched.h>
#include <zmq.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/queue_traffic.hpp"

static std::string folder;

static std::string address(std::int64_t pair) { return "ipc://" + folder + "/" + std::to_string(pair); }

int main(int argc, char** argv) {
  char made[] = "/tmp/bench-XXXXXX";
  bench::check(::mkdtemp(made) != nullptr, "mkdtemp");
  folder = made;
  struct Pairs {
    std::atomic<bool> is_bound[64];
    std::atomic<std::int64_t> got[64];
  };
  auto& pairs = bench::make_shared_object<Pairs>();
  void* context = nullptr;
  void* pull = nullptr;
  bench::number_traffic(
      bench::argument(argc, argv), bench::argument(argc, argv, 2),
      [&](std::int64_t pair, std::int64_t from, std::int64_t to) {
        while (!pairs.is_bound[pair]) ::sched_yield();
        void* const own = zmq_ctx_new();
        void* const push = zmq_socket(own, ZMQ_PUSH);
        bench::check(zmq_connect(push, address(pair).c_str()) == 0, "zmq_connect");
        for (auto i = static_cast<int>(from); i < to; ++i)
          bench::check(zmq_send(push, &i, sizeof i, 0) == sizeof i, "zmq_send");
        while (pairs.got[pair] < to - from) ::sched_yield();  // a peer that has gone takes messages with it
        zmq_close(push);
        zmq_ctx_term(own);
      },
      [&](std::int64_t pair, std::int64_t count) {
        if (pull == nullptr) {
          context = zmq_ctx_new();
          pull = zmq_socket(context, ZMQ_PULL);
          bench::check(zmq_bind(pull, address(pair).c_str()) == 0, "zmq_bind");
          pairs.is_bound[pair] = true;
        }
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < count; ++i) {
          int item = 0;
          bench::check(zmq_recv(pull, &item, sizeof item, 0) == sizeof item, "zmq_recv");
          sum += item;
        }
        pairs.got[pair] += count;
        return sum;
      });
  zmq_close(pull);
  zmq_ctx_term(context);
  std::filesystem::remove_all(folder);
}
