// SPDX-License-Identifier: Apache-2.0
// refused: plait: this callable captures variables, which cannot be sent to another process; pass them as arguments, or
// use plait::partial
#include "plait/wire.hpp"

void submit(int k) {
#ifdef REFUSED
  (void)plait::wire::make_call([&](int x) { return x * k; }, 2);
#else
  (void)plait::wire::make_call([](int x, int y) { return x * y; }, 2, k);
  (void)plait::wire::make_call(plait::partial([](int y, int x) { return x * y; }, k), 2);
#endif
}
