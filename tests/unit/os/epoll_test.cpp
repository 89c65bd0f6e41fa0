// SPDX-License-Identifier: Apache-2.0
#include "os/epoll.hpp"

#include <gtest/gtest.h>

#include <array>
#include <system_error>

#include "os/socket.hpp"

namespace plait::os {
namespace {

TEST(Epoll, GivesTheKeyOfWhatIsReadable) {
  Epoll epoll;
  const FileDescriptor quiet = make_event(), raised = make_event();
  epoll.add(quiet.get(), 1);
  epoll.add(raised.get(), 2);
  raise_event(raised.get());
  std::array<std::uint64_t, 4> keys;
  const auto ready = epoll.wait(keys);
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0], 2U);
  clear_event(raised.get());
  EXPECT_FALSE(wait_readable(raised.get(), 0));
}

TEST(Epoll, GivesTheKeyOfWhatIsClosed) {
  Epoll epoll;
  SocketPair pair = make_socket_pair();
  epoll.add(pair.first.get(), 9);
  pair.second.reset();
  std::array<std::uint64_t, 4> keys;
  EXPECT_EQ(epoll.wait(keys).size(), 1U);
}

TEST(Epoll, RemovedIsSilent) {
  Epoll epoll;
  const FileDescriptor removed = make_event(), raised = make_event();
  raise_event(removed.get());
  raise_event(raised.get());
  epoll.add(removed.get(), 1);
  epoll.add(raised.get(), 2);
  epoll.remove(removed.get());
  std::array<std::uint64_t, 4> keys;
  const auto ready = epoll.wait(keys);
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0], 2U);
}

TEST(Epoll, TellsWhenThereIsRoomToWrite) {
  Epoll epoll;
  const SocketPair pair = make_socket_pair();
  epoll.add(pair.first.get(), 5, Epoll::Direction::writable);
  std::array<std::uint64_t, 4> keys;
  EXPECT_EQ(epoll.wait(keys).size(), 1U);
}

TEST(Epoll, AddingNonsenseThrows) {
  Epoll epoll;
  EXPECT_THROW(epoll.add(-1, 1), std::system_error);
}

}  // namespace
}  // namespace plait::os
