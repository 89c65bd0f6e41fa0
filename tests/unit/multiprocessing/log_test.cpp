// SPDX-License-Identifier: Apache-2.0
// The log. Each case is a program of its own, by fork, for the log's settings stay.
#define DEBUG 1  // as many programs do
#include "plait/multiprocessing/log.hpp"
#undef DEBUG

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "child.hpp"

namespace plait::multiprocessing {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

// What a program that does this writes to standard error.
std::string errors_of(const std::function<void()>& f) {
  TemporaryFile file;
  const pid_t program = os::fork();
  if (program == 0) {
    redirect(STDERR_FILENO, file.path());
    f();
    ::_exit(0);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(program, &status, 0), program);
  EXPECT_EQ(status, 0);
  return file.text();
}

class Log : public EveryMethod {};
PLAIT_FOR_EVERY_METHOD(Log);

TEST(Logger, LevelsArePythons) {
  EXPECT_EQ((std::vector{NOTSET, SUBDEBUG, DEBUG, INFO, SUBWARNING, WARNING, ERROR, CRITICAL}),
            (std::vector{0, 5, 10, 20, 25, 30, 40, 50}));
  EXPECT_EQ(&get_logger(), &get_logger());
  EXPECT_EQ(get_logger().level(), NOTSET);
  EXPECT_EQ(get_logger().effective_level(), WARNING);
  EXPECT_FALSE(get_logger().is_enabled_for(INFO));
  EXPECT_TRUE(get_logger().is_enabled_for(WARNING));
}

TEST(Logger, SaysNothingUntilItIsTold) {
  EXPECT_EQ(errors_of([] { get_logger().critical("lost"); }), "");
}

TEST(Logger, WritesOneLineForEachRecord) {
  const std::string text = errors_of([] {
    Logger& logger = log_to_stderr();
    logger.info("too low");
    logger.warning("careful");
    log_to_stderr(SUBDEBUG);  // does not double the lines
    logger.subdebug("a");
    logger.debug("b");
    logger.info("c");
    logger.subwarning("d");
    logger.error("e");
    logger.critical("f");
    logger.log(17, "g");
    logger.set_level(CRITICAL);
    logger.error("too low");
  });
  EXPECT_THAT(text, MatchesRegex("\\[WARNING/MainProcess pid=[0-9]+\\] careful\n"
                                 "\\[SUBDEBUG/MainProcess pid=[0-9]+\\] a\n\\[DEBUG/MainProcess pid=[0-9]+\\] b\n"
                                 "\\[INFO/MainProcess pid=[0-9]+\\] c\n\\[SUBWARNING/MainProcess pid=[0-9]+\\] d\n"
                                 "\\[ERROR/MainProcess pid=[0-9]+\\] e\n\\[CRITICAL/MainProcess pid=[0-9]+\\] f\n"
                                 "\\[Level 17/MainProcess pid=[0-9]+\\] g\n"));
}

TEST(Logger, HandlersMayUseProcessesWhenTheyAreCopied) {
  struct Curious {
    Curious() = default;
    Curious(const Curious&) { static_cast<void>(current_process().name()); }
    Curious& operator=(const Curious&) = delete;
    ~Curious() { static_cast<void>(current_process().name()); }
    void operator()(const LogRecord&) const { ::write(STDERR_FILENO, "heard ", 6); }
  };
  const std::string text = errors_of([] {
    for (int i = 0; i < 3; ++i) get_logger().add_handler(Curious());
    get_logger().warning("look");
  });
  EXPECT_EQ(text, "heard heard heard ");
}

TEST(Logger, LinesOfManyThreadsDoNotMix) {
  const std::string text = errors_of([] {
    log_to_stderr(INFO);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([] {
        for (int n = 0; n < 100; ++n) get_logger().info(std::string(60, 'x'));
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_EQ(std::ranges::count(text, '\n'), 400);
  const std::string line = text.substr(0, text.find('\n') + 1);
  for (std::size_t at = 0; at < text.size(); at += line.size()) ASSERT_EQ(text.substr(at, line.size()), line);
}

TEST(Logger, HandlersGetRecords) {
  Logger& logger = get_logger();
  std::vector<LogRecord> records;
  logger.add_handler([&records](const LogRecord& record) { records.push_back(record); });
  logger.info("too low");
  logger.error("wrong");
  logger.clear_handlers();
  logger.error("lost");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].level, ERROR);
  EXPECT_EQ(records[0].level_name, "ERROR");
  EXPECT_EQ(records[0].process_name, "MainProcess");
  EXPECT_EQ(records[0].process, os::getpid());
  EXPECT_EQ(records[0].message, "wrong");
  EXPECT_THAT(records[0].where.file_name(), HasSubstr("log_test.cpp"));
}

TEST(Logger, WhatAHandlerThrowsLeavesTheCall) {
  get_logger().add_handler([](const LogRecord&) { throw std::runtime_error("handler"); });
  EXPECT_THROW(get_logger().error("wrong"), std::runtime_error);
  get_logger().clear_handlers();
}

TEST_P(Log, LevelReachesTheChild) {
  const auto tell_level = [] { get_logger().log(get_logger().effective_level(), "mine"); };
  EXPECT_THAT(errors_of([&] {
                log_to_stderr(SUBDEBUG);
                started(tell_level).join();
              }),
              HasSubstr("[SUBDEBUG/"));
  EXPECT_EQ(errors_of([&] {
              get_logger().set_level(ERROR);
              started(tell_level).join();
            }),
            "");
}

TEST_P(Log, StartsAndEndsOfProcessesAreLogged) {
  std::string text = errors_of([] {
    log_to_stderr(INFO);
    Process process({.name = "spider", .context = context()}, [] { throw SystemExit(3); });
    process.start();
    process.join();
    Process doomed({.name = "doomed", .context = context()}, [] { ::raise(SIGKILL); });
    doomed.start();
    doomed.join();
  });
  EXPECT_THAT(text, MatchesRegex("\\[INFO/spider pid=[0-9]+\\] child process calling self.run\\(\\)\n"
                                 "\\[INFO/spider pid=[0-9]+\\] process shutting down\n"
                                 "\\[INFO/spider pid=[0-9]+\\] process exiting with exitcode 3\n"
                                 "\\[INFO/doomed pid=[0-9]+\\] child process calling self.run\\(\\)\n"
                                 "\\[INFO/MainProcess pid=[0-9]+\\] doomed \\(pid [0-9]+\\) was killed by signal 9 "
                                 "\\(SIGKILL\\)\n"));
}

}  // namespace
}  // namespace plait::multiprocessing
