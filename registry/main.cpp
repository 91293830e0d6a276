// registry: flags, wiring, signals. What it does is in process.cpp and the cores beside it.
#include <fmt/format.h>

#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include "registry/shell/options.hpp"
#include "registry/shell/process.hpp"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is an error code, not a reason to die
  auto parsed = registry::parse_options(std::vector<std::string>(argv + 1, argv + argc));
  if (const auto* leave = std::get_if<registry::Leave>(&parsed)) {
    fmt::print(stdout, "{}", leave->out);
    fmt::print(stderr, "{}", leave->err);
    return static_cast<int>(leave->status);
  }
  auto& options = std::get<registry::Options>(parsed);
  try {
    if (options.check_only) return static_cast<int>(registry::Process::check(options));
    registry::Process process(std::move(options));
    return static_cast<int>(process.run());
  } catch (const std::exception& error) {  // what libraries throw while starting
    fmt::print(stderr, "registry: {}\n", error.what());
    return static_cast<int>(common::ExitStatus::kConfiguration);
  }
}
