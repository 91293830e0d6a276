// peer: flags and modes. What it does is in the cores beside this file and the shells below it.
#include <fmt/format.h>

#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include "common/os/standard_streams.hpp"
#include "peer/shell/key_run.hpp"
#include "peer/shell/listen_run.hpp"
#include "peer/shell/login_run.hpp"
#include "peer/shell/meet_run.hpp"
#include "peer/shell/netchat_run.hpp"
#include "peer/shell/options.hpp"
#include "peer/shell/room_run.hpp"
#include "peer/shell/send_run.hpp"
#include "peer/shell/verify_run.hpp"

namespace {

/// The exit status.
int run(const peer::Options& options) {
  switch (options.mode) {
    case peer::Mode::kListen:
      return static_cast<int>(peer::run_listen(options));
    case peer::Mode::kSend:
      return peer::run_send(options);
    case peer::Mode::kKey:
      return static_cast<int>(peer::run_key(options));
    case peer::Mode::kVerify:
      return static_cast<int>(peer::run_verify(options));
    case peer::Mode::kTrust:
      return static_cast<int>(peer::run_trust(options));
    case peer::Mode::kLogin:
      return static_cast<int>(peer::run_login(options));
    case peer::Mode::kNetchat:
      return static_cast<int>(peer::run_netchat(options));
    case peer::Mode::kMeet:
      return static_cast<int>(peer::run_meet(options));
    case peer::Mode::kRoom:
      return static_cast<int>(peer::run_room(options));
  }
  return static_cast<int>(common::ExitStatus::kUsage);
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
    return run(options);
  } catch (const std::exception& error) {  // what libraries throw while starting
    common::os::print_error(fmt::format("peer: {}\n", error.what()));
    return static_cast<int>(common::ExitStatus::kConfiguration);
  }
}
