// SPDX-License-Identifier: Apache-2.0
// A second file that includes everything: headers must not define anything twice.
#include <plait/deadline.hpp>
#include <plait/errors.hpp>

const char* message_of_other();
const char* message_of_other() { return "other"; }
