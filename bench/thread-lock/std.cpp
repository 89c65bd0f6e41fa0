// SPDX-License-Identifier: Apache-2.0
#include <mutex>
#include <semaphore>
#include <string_view>

#include "support/locks.hpp"

struct Semaphore {
  void lock() { permits.acquire(); }
  void unlock() { permits.release(); }
  std::counting_semaphore<> permits{1};
};

int main(int argc, char** argv) {
  const std::string_view kind = argc > 1 ? argv[1] : "";
  const std::int64_t count = bench::argument(argc, argv, 2);
  const bool contended = bench::argument(argc, argv, 3) == 2;
  if (kind == "Lock") bench::lock_and_unlock<std::mutex>(count, contended);
  if (kind == "RLock") bench::lock_and_unlock<std::recursive_mutex>(count, contended);
  if (kind == "Semaphore") bench::lock_and_unlock<Semaphore>(count, contended);
}
