// SPDX-License-Identifier: Apache-2.0
// A second file that includes everything: headers must not define anything twice.
#include <plait/plait.hpp>

int square(int x);
int square(int x) { return x * x; }
