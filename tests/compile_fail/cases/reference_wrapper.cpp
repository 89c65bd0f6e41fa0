// SPDX-License-Identifier: Apache-2.0
// refused: plait: a reference .std::ref. to a variable of this process means nothing in another one
#include "plait/wire.hpp"

int count(int n);

void submit(int n) {
#ifdef REFUSED
  (void)plait::wire::make_call(count, std::ref(n));
#else
  (void)plait::wire::make_call(count, n);
#endif
}
