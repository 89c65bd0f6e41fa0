// SPDX-License-Identifier: Apache-2.0
// refused: plait: an argument cannot be converted to the type of its parameter
#include "plait/wire.hpp"

int twice(int n);

void submit() {
#ifdef REFUSED
  (void)plait::wire::make_call(twice, "2");
#else
  (void)plait::wire::make_call(twice, 2L);
#endif
}
