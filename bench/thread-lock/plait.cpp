// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "plait/threading/lock.hpp"
#include "plait/threading/rlock.hpp"
#include "plait/threading/semaphore.hpp"
#include "support/locks.hpp"

int main(int argc, char** argv) {
  const std::string_view kind = argc > 1 ? argv[1] : "";
  const std::int64_t count = bench::argument(argc, argv, 2);
  const bool contended = bench::argument(argc, argv, 3) == 2;
  using namespace plait::threading;
  if (kind == "Lock") bench::lock_and_unlock<Lock>(count, contended);
  if (kind == "RLock") bench::lock_and_unlock<RLock>(count, contended);
  if (kind == "Semaphore") bench::lock_and_unlock<Semaphore>(count, contended);
}
