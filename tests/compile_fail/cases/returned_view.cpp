// SPDX-License-Identifier: Apache-2.0
// refused: plait: this function returns a view of memory of another process
#include "plait/wire.hpp"

#ifdef REFUSED
std::string_view trimmed(std::string_view text);
#else
std::string trimmed(std::string_view text);
#endif

void submit() { (void)plait::wire::make_call(trimmed, " x "); }
