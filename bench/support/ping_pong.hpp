// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Two threads that let each other go in turn, by events, by a condition, or by a barrier. Reports the time of a round:
// there and back.

#include <cstdint>
#include <string_view>
#include <thread>

#include "support/bench.hpp"

namespace bench {

// E: set(), wait(), clear().
template <class E>
void ping_pong_by_events(std::int64_t rounds) {
  E there, back;
  std::int64_t echoes = 0;
  const Timer timer;
  std::thread echo([&] {
    for (std::int64_t i = 0; i < rounds; ++i) {
      there.wait();
      there.clear();
      ++echoes;
      back.set();
    }
  });
  for (std::int64_t i = 0; i < rounds; ++i) {
    there.set();
    back.wait();
    back.clear();
    check(echoes == i + 1, "an echo to every call");
  }
  echo.join();
  report_ns(timer, rounds);
}

// C: hold(f) calls f with the lock held; in it wait_for(predicate) and notify().
template <class C>
void ping_pong_by_condition(std::int64_t rounds) {
  C condition;
  int turn = 0;
  const auto play = [&](int mine) {
    for (std::int64_t i = 0; i < rounds; ++i) {
      condition.hold([&](auto& held) {
        held.wait_for([&] { return turn == mine; });
        turn = 1 - mine;
        held.notify();
      });
    }
  };
  const Timer timer;
  std::thread other(play, 1);
  play(0);
  other.join();
  check(turn == 0, "turns in order");
  report_ns(timer, rounds);
}

// B: wait(). A round is a single meeting.
template <class B>
void meet_at_barrier(std::int64_t rounds) {
  B barrier(2);
  std::int64_t counts[2] = {};
  const auto meet = [&](int me) {
    for (std::int64_t i = 0; i < rounds; ++i) {
      ++counts[me];
      barrier.wait();
    }
  };
  const Timer timer;
  std::thread other(meet, 1);
  meet(0);
  other.join();
  check(counts[0] == rounds && counts[1] == rounds, "all meetings");
  report_ns(timer, rounds);
}

template <class E, class C, class B>
void ping_pong(int argc, char** argv) {
  const std::string_view kind = argc > 1 ? argv[1] : "";
  const std::int64_t rounds = argument(argc, argv, 2);
  if (kind == "Event") ping_pong_by_events<E>(rounds);
  if (kind == "Condition") ping_pong_by_condition<C>(rounds);
  if (kind == "Barrier") meet_at_barrier<B>(rounds);
}

}  // namespace bench
