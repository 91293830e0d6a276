// peer: flags and modes. What it does is in the cores beside this file and the shells below it.
#include <fmt/format.h>

#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include "common/os/standard_streams.hpp"
#include "peer/shell/listen_run.hpp"
#include "peer/shell/login_run.hpp"
#include "peer/shell/netchat_run.hpp"
#include "peer/shell/options.hpp"
#include "peer/shell/room_run.hpp"
#include "peer/shell/send_run.hpp"

namespace {

common::ExitStatus run(const peer::Options& options) {
  switch (options.mode) {
    case peer::Mode::kListen:
      return peer::run_listen(options);
    case peer::Mode::kSend:
      return peer::run_send(options);
    case peer::Mode::kLogin:
      return peer::run_login(options);
    case peer::Mode::kNetchat:
      return peer::run_netchat(options);
    case peer::Mode::kRoom:
      return peer::run_room(options);
  }
  return common::ExitStatus::kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  common::os::open_missing_streams();
  std::signal(SIGPIPE, SIG_IGN);  // a closed output is noticed where it is written
  const auto parsed = peer::parse_options(std::vector<std::string>(argv + 1, argv + argc));
  if (const auto* leave = std::get_if<peer::Leave>(&parsed)) {
    const bool is_said = common::os::print_output(leave->out);
    common::os::print_error(leave->err);
    return static_cast<int>(is_said ? leave->status : common::ExitStatus::kOutput);
  }
  const auto& options = std::get<peer::Options>(parsed);
  try {
    return static_cast<int>(run(options));
  } catch (const std::exception& error) {  // what libraries throw while starting
    common::os::print_error(fmt::format("peer: {}\n", error.what()));
    return static_cast<int>(common::ExitStatus::kConfiguration);
  }
}
