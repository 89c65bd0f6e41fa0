// SPDX-License-Identifier: Apache-2.0
#include <cxxabi.h>
#include <gtest/gtest.h>

#include <any>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <regex>
#include <system_error>

#include "plait/errors.hpp"
#include "run.hpp"

namespace plait::wire {
namespace {

// `error` through bytes, caught as an E.
template <class E>
void expect_known(const E& error) {
  const std::string what = error.what();
  const auto back = decode_exception(encode_exception(std::make_exception_ptr(error)));
  try {
    std::rethrow_exception(back);
  } catch (const E& e) {
    EXPECT_EQ(e.what(), what);
    EXPECT_TRUE(remote_traceback(e).has_value());
  } catch (...) {
    ADD_FAILURE() << typeid(E).name() << " came back as " << abi::__cxa_current_exception_type()->name();
  }
}

template <class E>
E caught(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const E& e) {
    return e;
  }
}

struct Unknown : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct FromMessage : std::logic_error {
  using std::logic_error::logic_error;
};
struct Final final : std::runtime_error {
  using std::runtime_error::runtime_error;
};
class Whole : public std::exception {
 public:
  Whole() = default;
  Whole(int account, std::string text) : account_(account), text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }
  int account() const { return account_; }
  template <class A>
  void serialize(A& ar) {
    ar(account_, text_);
  }

 private:
  int account_ = 0;
  std::string text_;
};
struct NoException {
  int code = 0;
};
[[maybe_unused]] const bool registered = register_exception<FromMessage>() && register_exception<Final>() &&
                                         register_exception<Whole>() && register_exception<NoException>() &&
                                         register_exception<FromMessage>();  // twice does no harm

TEST(Exceptions, StandardOnesKeepTypeAndMessage) {
  expect_known(std::exception());
  expect_known(std::runtime_error("a"));
  expect_known(std::logic_error("b"));
  expect_known(std::invalid_argument(""));
  expect_known(std::domain_error("c"));
  expect_known(std::length_error("d"));
  expect_known(std::out_of_range("e"));
  expect_known(std::range_error("f"));
  expect_known(std::overflow_error("g"));
  expect_known(std::underflow_error("h"));
  expect_known(std::bad_alloc());
  expect_known(std::bad_array_new_length());
  expect_known(std::bad_cast());
  expect_known(std::bad_typeid());
  expect_known(std::bad_exception());
  expect_known(std::bad_weak_ptr());
  expect_known(std::bad_function_call());
  expect_known(std::bad_optional_access());
  expect_known(std::bad_variant_access());
  expect_known(std::bad_any_cast());
}

TEST(Exceptions, RegexErrorsKeepTheirCode) {
  try {
    std::regex("(");
    FAIL() << "nothing thrown";
  } catch (const std::regex_error& error) {
    expect_known(error);
    const auto back = decode_exception(encode_exception(std::make_exception_ptr(error)));
    EXPECT_EQ(caught<std::regex_error>(back).code(), std::regex_constants::error_paren);
  }
}

TEST(Exceptions, SystemErrorsKeepTheirCode) {
  const std::error_code code(ENOENT, std::generic_category());
  expect_known(std::system_error(code));
  expect_known(std::system_error(code, "open \"x\""));
  expect_known(std::system_error(EPERM, std::system_category(), "kill"));
  expect_known(std::ios_base::failure("stream", std::io_errc::stream));
  expect_known(std::future_error(std::future_errc::no_state));
  const std::filesystem::filesystem_error error("rename", "/a", "/b", code);
  expect_known(error);
  const auto back = decode_exception(encode_exception(std::make_exception_ptr(error)));
  EXPECT_EQ(caught<std::filesystem::filesystem_error>(back).path2(), "/b");
  EXPECT_EQ(caught<std::system_error>(back).code(), code);
}

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "mine"; }
  std::string message(int) const override { return "full"; }
};

TEST(Exceptions, CodesOfOtherCategoriesEqualNoneOfTheStandards) {
  static const Category category;
  const std::system_error error(EPERM, category, "box");
  expect_known(error);
  const auto back =
      caught<std::system_error>(decode_exception(encode_exception(std::make_exception_ptr(error)))).code();
  EXPECT_EQ(back.value(), EPERM);
  EXPECT_STREQ(back.category().name(), "mine");
  EXPECT_NE(back, std::errc::operation_not_permitted);
  EXPECT_EQ(back, caught<std::system_error>(decode_exception(encode_exception(std::make_exception_ptr(error)))).code());
}

TEST(Exceptions, OursKeepTypeAndMessage) {
  expect_known(Error("a"));
  expect_known(ValueError("b"));
  expect_known(TypeError("c"));
  expect_known(RuntimeError("d"));
  expect_known(TimeoutError());
  expect_known(CancelledError());
  expect_known(InvalidStateError("e"));
  expect_known(AssertionError("f"));
  expect_known(EOFError("g"));
  expect_known(KeyError("o"));
  expect_known(AttributeError("p"));
  expect_known(NotImplementedError("h"));
  expect_known(OutOfSharedMemory("i"));
  expect_known(EncodeError("j"));
  expect_known(DecodeError("k"));
  expect_known(BrokenExecutor("l"));
  expect_known(futures::BrokenThreadPool("m"));
  expect_known(futures::BrokenProcessPool("n"));
  const futures::WorkerDied died({.pid = 42, .signal = 9}, "f (task 1)");
  expect_known(died);
  const auto back = decode_exception(encode_exception(std::make_exception_ptr(died)));
  EXPECT_EQ(caught<futures::WorkerDied>(back).pid(), 42);
  EXPECT_EQ(caught<futures::WorkerDied>(back).signal(), 9);
  EXPECT_EQ(caught<futures::WorkerDied>(back).task(), "f (task 1)");
}

TEST(Exceptions, UnknownOnesArriveAsRemoteError) {
  const auto error = caught<RemoteError>(run_error([] { throw Unknown("why"); }));
  EXPECT_EQ(error.type_name(), "plait::wire::(anonymous namespace)::Unknown");
  EXPECT_EQ(error.message(), "why");
  EXPECT_EQ(error.what(), error.type_name() + ": why");
  EXPECT_NE(error.traceback(), "");
}

TEST(Exceptions, OtherTypesArriveAsRemoteError) {
  EXPECT_EQ(caught<RemoteError>(run_error([] { throw 42; })).what(), std::string("int: 42"));
  EXPECT_EQ(caught<RemoteError>(run_error([] { throw "text"; })).message(), "text");
  EXPECT_EQ(caught<RemoteError>(run_error([] { throw std::string("text"); })).message(), "text");
  EXPECT_EQ(caught<RemoteError>(run_error([] { throw 1.5; })).type_name(), "double");
}

TEST(Exceptions, RegisteredOnesKeepWhatTheyHold) {
  expect_known(FromMessage("why"));
  expect_known(Whole(7, "overdrawn"));
  const auto back = run_error([] { throw Whole(7, "overdrawn"); });
  EXPECT_EQ(caught<Whole>(back).account(), 7);
  EXPECT_EQ(caught<NoException>(run_error([] { throw NoException{5}; })).code, 5);
}

TEST(Exceptions, FinalOnesArriveWithoutTheirStack) {
  const auto back = run_error([] { throw Final("why"); });
  EXPECT_STREQ(caught<Final>(back).what(), "why");
  EXPECT_EQ(remote_traceback(back), std::nullopt);
}

std::exception_ptr earlier;

TEST(Exceptions, ThroughTwoProcessesKeepTypeMessageAndBothStacks) {
  const auto once = run_error([](const std::vector<int>& v) { return v.at(3); }, std::vector<int>());
  earlier = once;
  const auto twice = run_error([] { std::rethrow_exception(earlier); });
  earlier = nullptr;
  EXPECT_STREQ(caught<std::out_of_range>(twice).what(), caught<std::out_of_range>(once).what());
  EXPECT_TRUE(remote_traceback(twice)->starts_with(*remote_traceback(once) + "thrown again by\n"));

  const auto remote = run_error([] { throw Unknown("why"); });
  const auto again = decode_exception(encode_exception(remote));
  EXPECT_EQ(caught<RemoteError>(again).type_name(), caught<RemoteError>(remote).type_name());
  EXPECT_EQ(caught<RemoteError>(again).traceback(), caught<RemoteError>(remote).traceback());
}

TEST(Exceptions, LocalOnesHaveNoRemoteTraceback) {
  EXPECT_EQ(remote_traceback(std::runtime_error("x")), std::nullopt);
  EXPECT_EQ(remote_traceback(std::make_exception_ptr(std::runtime_error("x"))), std::nullopt);
  EXPECT_EQ(remote_traceback(std::exception_ptr()), std::nullopt);
}

TEST(Exceptions, NonsenseArrivesAsDecodeError) {
  auto bytes = encode_exception(std::make_exception_ptr(Whole(1, "text")));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NO_THROW((void)caught<DecodeError>(decode_exception(std::span(bytes).first(size)))) << size;
  }
}

class Unwilling : public std::exception {
 public:
  template <class A>
  void serialize(A&) {
    throw std::domain_error("not me");
  }
};

TEST(Exceptions, SerializersOfExceptionsMayThrow) {
  register_exception<Unwilling>();
  EXPECT_THROW((void)encode_exception(std::make_exception_ptr(Unwilling())), std::domain_error);
}

}  // namespace
}  // namespace plait::wire
