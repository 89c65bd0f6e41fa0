// SPDX-License-Identifier: Apache-2.0
//
// The duel of verses: two threads speak in turn, by a Condition.

#include <plait/threading.hpp>

#include <cstdio>
#include <mutex>

using plait::threading::Condition;
using plait::threading::Event;
using plait::threading::Thread;

Event listening;

struct Speaker : Thread {
  Speaker(const char* name, Condition& c) : Thread({.name = name}), cond(c) {}
  void say(const char* verse) { std::printf("%s : %s\n", name().c_str(), verse); }
  Condition& cond;
};

struct XiaoAi : Speaker {
  explicit XiaoAi(Condition& c) : Speaker("小爱", c) {}
  void run() override {
    std::scoped_lock held(cond);
    listening.set();
    for (auto verse : {"在", "好啊", "君住长江尾", "共饮长江水", "此恨何时已", "定不负相思意"}) {
      cond.wait();
      say(verse);
      cond.notify();
    }
  }
};

struct TianMao : Speaker {
  explicit TianMao(Condition& c) : Speaker("天猫精灵", c) {}
  void run() override {
    std::scoped_lock held(cond);
    for (auto verse : {"小爱同学", "我们来对古诗吧", "我住长江头", "日日思君不见君", "此水几时休", "只愿君心似我心"}) {
      say(verse);
      cond.notify();
      cond.wait();
    }
  }
};

int main() {
  Condition cond;
  XiaoAi xiaoai(cond);
  TianMao tianmao(cond);
  xiaoai.start();
  listening.wait();  // the order matters: who is asked must be the first to have the lock
  tianmao.start();
  xiaoai.join();
  tianmao.join();
}
