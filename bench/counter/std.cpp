// SPDX-License-Identifier: Apache-2.0
#include <mutex>

#include "support/locks.hpp"

int main(int argc, char** argv) { bench::up_and_down<std::recursive_mutex>(bench::argument(argc, argv)); }
