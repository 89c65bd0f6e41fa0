// SPDX-License-Identifier: Apache-2.0
// The same as std for the mutexes, which are pthread's; its semaphore is another one.
#include <semaphore.h>

#include "support/locks.hpp"

struct Semaphore {
  Semaphore() { sem_init(&permits, 0, 1); }
  ~Semaphore() { sem_destroy(&permits); }
  void lock() { sem_wait(&permits); }
  void unlock() { sem_post(&permits); }
  sem_t permits;
};

int main(int argc, char** argv) {
  bench::lock_and_unlock<Semaphore>(bench::argument(argc, argv, 2), bench::argument(argc, argv, 3) == 2);
}
