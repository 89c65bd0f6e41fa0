// SPDX-License-Identifier: Apache-2.0
// refused: plait: a std::bind cannot be sent to another process; use plait::partial
#include "plait/wire.hpp"

int product(int k, int n);

void submit() {
#ifdef REFUSED
  (void)plait::wire::make_call(std::bind(product, 3, std::placeholders::_1), 2);
#else
  (void)plait::wire::make_call(plait::partial(product, 3), 2);
#endif
}
