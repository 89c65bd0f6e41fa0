// SPDX-License-Identifier: Apache-2.0
#include "os/lifeline.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

namespace plait::os {
namespace {

// A child that holds on to the line for ever, or leaves with 99 when it cannot. Returns when it holds.
pid_t make_holder(const Lifeline& line) {
  Pipe ready = make_pipe();
  const pid_t pid = ::fork();
  if (pid != 0) {
    ready.writer.reset();
    read_byte(ready.reader.get());
    return pid;
  }
  ::close(line.writer.get());
  try {
    const FileDescriptor held = hold_on_to(line.reader.get());
    write_byte(ready.writer.get());
    for (;;) pause();
  } catch (...) {
    _exit(99);
  }
}

int how_it_ended(pid_t pid) {
  int status = -1;
  waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

TEST(Lifeline, KillsAllHoldersWhenTheWriterIsGone) {
  Lifeline line = make_lifeline();
  std::vector<pid_t> holders;
  for (int i = 0; i < 5; ++i) holders.push_back(make_holder(line));
  line.writer.reset();
  for (const pid_t holder : holders) EXPECT_EQ(how_it_ended(holder), SIGKILL);
}

TEST(Lifeline, KillsAtOnceWhenTheWriterIsGoneAlready) {
  Lifeline line = make_lifeline();
  line.writer.reset();
  EXPECT_EQ(how_it_ended(make_holder(line)), SIGKILL);
}

TEST(Lifeline, DeathOfTheWritingProcessCounts) {
  Lifeline line = make_lifeline();
  const pid_t holder = make_holder(line);
  const pid_t other_writer = ::fork();
  if (other_writer == 0) {
    for (;;) pause();
  }
  line.writer.reset();
  EXPECT_EQ(kill(holder, 0), 0);
  EXPECT_EQ(waitpid(holder, nullptr, WNOHANG), 0);
  kill(other_writer, SIGKILL);
  EXPECT_EQ(how_it_ended(other_writer), SIGKILL);
  EXPECT_EQ(how_it_ended(holder), SIGKILL);
}

TEST(Lifeline, ForkedChildOfAHolderLives) {
  Lifeline line = make_lifeline();
  Pipe word = make_pipe();
  const pid_t holder = ::fork();
  if (holder == 0) {
    ::close(line.writer.get());
    const FileDescriptor held = hold_on_to(line.reader.get());
    const pid_t self = ::getpid();
    if (::fork() == 0) {
      while (::getppid() == self) usleep(1000);
      write_byte(word.writer.get());  // orphaned, and alive
      _exit(0);
    }
    write_byte(word.writer.get());
    for (;;) pause();
  }
  EXPECT_TRUE(read_byte(word.reader.get()));
  line.writer.reset();
  EXPECT_EQ(how_it_ended(holder), SIGKILL);
  EXPECT_TRUE(read_byte(word.reader.get()));
}

}  // namespace
}  // namespace plait::os
