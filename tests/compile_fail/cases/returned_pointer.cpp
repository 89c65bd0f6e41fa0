// SPDX-License-Identifier: Apache-2.0
// refused: plait: this function returns a raw pointer, which means nothing in the process that asked
#include "plait/wire.hpp"

#ifdef REFUSED
const char* name();
#else
std::string name();
#endif

void submit() { (void)plait::wire::make_call(name); }
