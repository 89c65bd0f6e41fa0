// SPDX-License-Identifier: Apache-2.0
// refused: plait: a std::function cannot be sent to another process
#include "plait/wire.hpp"

int twice(int n);

void submit() {
#ifdef REFUSED
  (void)plait::wire::make_call(std::function<int(int)>(twice), 2);
#else
  (void)plait::wire::make_call(twice, 2);
#endif
}
