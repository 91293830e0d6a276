// registry: flags, wiring, signals. What it does is in process.cpp and the cores beside it.
#include <fmt/format.h>

#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include "common/os/standard_streams.hpp"
#include "registry/shell/accounts_file.hpp"
#include "registry/shell/check_setup.hpp"
#include "registry/shell/options.hpp"
#include "registry/shell/process.hpp"

int main(int argc, char** argv) {
  common::os::open_missing_streams();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is an error code, not a reason to die
  auto parsed = registry::parse_options(std::vector<std::string>(argv + 1, argv + argc));
  if (const auto* leave = std::get_if<registry::Leave>(&parsed)) {
    const bool is_said = common::os::print_output(leave->out);
    common::os::print_error(leave->err);
    return static_cast<int>(is_said ? leave->status : common::ExitStatus::kOutput);
  }
  if (const auto* passwd = std::get_if<registry::PasswdCommand>(&parsed))
    return static_cast<int>(registry::run_passwd(passwd->file, passwd->user));
  auto& options = std::get<registry::Options>(parsed);
  try {
    if (options.check_only) return static_cast<int>(registry::check_setup(options));
    registry::Process process(std::move(options));
    return static_cast<int>(process.run());
  } catch (const std::exception& error) {  // what libraries throw while starting
    common::os::print_error(fmt::format("registry: {}\n", error.what()));
    return static_cast<int>(common::ExitStatus::kConfiguration);
  }
}
