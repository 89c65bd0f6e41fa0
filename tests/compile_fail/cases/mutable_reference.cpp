// SPDX-License-Identifier: Apache-2.0
// refused: plait: this function takes a non-const reference, but what it changes stays in the other process
#include "plait/wire.hpp"

#ifdef REFUSED
void sort(std::vector<int>& numbers);
#else
std::vector<int> sort(std::vector<int> numbers);
#endif

void submit(std::vector<int> numbers) { (void)plait::wire::make_call(sort, numbers); }
