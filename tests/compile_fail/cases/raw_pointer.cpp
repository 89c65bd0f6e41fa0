// SPDX-License-Identifier: Apache-2.0
// refused: plait: a raw pointer means nothing in another process; pass the value
#include "plait/wire.hpp"

int first(const int* numbers);
int sum(const std::vector<int>& numbers);

void submit(const std::vector<int>& numbers) {
#ifdef REFUSED
  (void)plait::wire::make_call(first, numbers.data());
#else
  (void)plait::wire::make_call(sum, numbers);
#endif
}
