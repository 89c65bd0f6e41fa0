// SPDX-License-Identifier: Apache-2.0
// A robust pthread mutex between processes.
#include <pthread.h>

#include <optional>

#include "support/shared.hpp"

namespace {

struct Table {
  pthread_mutex_t mutex;
  std::int64_t counter = 0;
};

void take(Table& table, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    ::pthread_mutex_lock(&table.mutex);
    ++table.counter;
    ::pthread_mutex_unlock(&table.mutex);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t processes = bench::argument(argc, argv);
  const std::int64_t count = bench::argument(argc, argv, 2);
  Table& table = bench::make_shared_object<Table>();
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutex_init(&table.mutex, &attributes);
  take(table, 1000);
  const bench::Timer timer;
  std::optional<bench::ForkedChild> other;
  if (processes == 2) other.emplace([&] { return take(table, count), true; });
  take(table, count);
  if (other) bench::check(other->join(), "the end of the other");
  bench::report_ns(timer, count * processes);
  bench::check(table.counter == 1000 + count * processes, "the counter");
}
