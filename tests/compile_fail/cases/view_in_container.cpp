// SPDX-License-Identifier: Apache-2.0
// refused: plait: a view of memory of this process means nothing in another one; use std::string
#include "plait/wire.hpp"

#ifdef REFUSED
using Words = std::vector<std::string_view>;
#else
using Words = std::vector<std::string>;
#endif
int count(const Words& words);

void submit(const Words& words) { (void)plait::wire::make_call(count, words); }
