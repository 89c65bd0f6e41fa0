// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/rlock.hpp"
#include "support/locks.hpp"

int main(int argc, char** argv) { bench::up_and_down<plait::threading::RLock>(bench::argument(argc, argv)); }
