// SPDX-License-Identifier: Apache-2.0
// refused: plait: this callable takes another number of arguments
#include "plait/wire.hpp"

int power(int base, int exponent = 2);

void submit() {
#ifdef REFUSED
  (void)plait::wire::make_call(power, 3);
#else
  (void)plait::wire::make_call(power, 3, 2);
#endif
}
