// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// plait::init, the first line of main of programs that use processes. Python's `if __name__ == "__main__"` and
// `freeze_support()` are its nearest kin.
//
//   int main(int argc, char** argv) {
//     plait::init(argc, argv);
//     ...

#include "plait/detail/export.hpp"

namespace plait {

// Takes the fork server now, while the program is small and has one thread. Without it, that happens at the first use
// of processes, which fails (RuntimeError) if threads exist by then. It is needed for
//   - the start method spawn: the new process comes here, does its work, and ends; the rest of main is not for it
//   - replacing a fork server that was killed, in a program that has threads
// Whatever main does before this line is also done by such new processes.
//
// Flushes stdout and std::cout. A second call has no effect, but for taking a fork server if there is none. In a
// program that has threads already only the arguments are kept: a fork server is then started anew at first use. Throws
// std::system_error when the system refuses (EAGAIN, EMFILE, …).
PLAIT_EXPORT void init(int argc, char** argv);

}  // namespace plait
