// SPDX-License-Identifier: Apache-2.0
#include "os/native_thread.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "os/error.hpp"
#include "os/file_descriptor.hpp"

namespace plait::os {
namespace {

class ThreadAttributes {
 public:
  ThreadAttributes() noexcept { pthread_attr_init(&attributes_); }
  ThreadAttributes(const ThreadAttributes&) = delete;
  ThreadAttributes& operator=(const ThreadAttributes&) = delete;
  ~ThreadAttributes() { pthread_attr_destroy(&attributes_); }

  pthread_attr_t* get() noexcept { return &attributes_; }

 private:
  pthread_attr_t attributes_;
};

// Its value is the function to be called.
pthread_key_t thread_end_key() {
  static const pthread_key_t key = [] {
    pthread_key_t made = 0;
    const int error = pthread_key_create(&made, [](void* at_end) { reinterpret_cast<void (*)()>(at_end)(); });
    if (error != 0) throw_system_error(error, "pthread_key_create");
    return made;
  }();
  return key;
}
[[maybe_unused]] const pthread_key_t made_early = thread_end_key();

}  // namespace

pthread_t start_thread(ThreadMain main, void* context, std::size_t stack_size) {
  ThreadAttributes attributes;
  if (stack_size != 0) {
    const int error = pthread_attr_setstacksize(attributes.get(), stack_size);
    if (error != 0) throw_system_error(error, "pthread_attr_setstacksize", std::to_string(stack_size));
  }
  pthread_t thread{};
  const int error = pthread_create(&thread, attributes.get(), main, context);
  if (error != 0) throw_system_error(error, "pthread_create");
  return thread;
}

void join_thread(pthread_t thread) noexcept {
  int before = 0;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);  // else cancelled in a noexcept function, or joined twice
  pthread_join(thread, nullptr);
  pthread_setcancelstate(before, nullptr);
}

void detach_thread(pthread_t thread) noexcept { pthread_detach(thread); }

void set_thread_name(pthread_t thread, const std::string& name) noexcept {
  pthread_setname_np(thread, short_thread_name(name).c_str());
}

std::string short_thread_name(const std::string& name) {
  constexpr std::size_t most = 15;
  std::size_t size = name.size();
  if (size > most) {
    size = most;
    while (size > 0 && (static_cast<unsigned char>(name[size]) & 0xC0U) == 0x80U)
      --size;  // name[size] goes on a character
  }
  return name.substr(0, size);
}

std::string thread_name(pid_t native_id) {
  const std::string path = "/proc/self/task/" + std::to_string(native_id) + "/comm";
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[64];
  const ssize_t size = file ? retry_interrupted([&] { return read(file.get(), text, sizeof text); }) : 0;
  if (size <= 0) return {};
  return {text, static_cast<std::size_t>(size) - (text[size - 1] == '\n' ? 1 : 0)};
}

pid_t native_thread_id() noexcept { return gettid(); }

pid_t process_id() noexcept { return getpid(); }

bool is_main_thread() noexcept { return gettid() == getpid(); }

void watch_thread_end(void (*at_end)()) {
  const int error = pthread_setspecific(thread_end_key(), reinterpret_cast<void*>(at_end));
  if (error != 0) throw_system_error(error, "pthread_setspecific");
}

void sleep_forever() noexcept {
  for (;;) pause();
}

}  // namespace plait::os
