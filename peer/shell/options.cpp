#include "peer/shell/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>

#include "common/os/decimal_option.hpp"
#include "common/safe_text.hpp"
#include "common/suggest.hpp"
#include "common/version.hpp"

namespace peer {
namespace {

constexpr std::string_view kHelp =
    R"(peer - messages by name, straight from machine to machine

Examples
  peer alice 127.0.0.1:8080 listen                          print what arrives
  peer ci 127.0.0.1:8080 send unicast alice "build done"    send one message
  echo 'broadcast "fire drill"' | peer ci 127.0.0.1:8080 send

Usage  peer NAME HOST:PORT listen [options]      HOST:PORT is the registry's
       peer NAME HOST:PORT send [options] [COMMAND]    else commands by line:
  list  exit  unicast NAME "TEXT"  multicast [A, B] "TEXT"  broadcast "TEXT"
       peer NAME HOST:PORT login [options] [COMMAND]   two-connection server:
  /list  /exit  /to NAME TEXT  /toall TEXT             NAME - is asked for

Options (-h, --help  --version)
  -n COUNT      leave after COUNT messages  --port N          port to take
  -W SECONDS    leave after SECONDS         --advertise HOST  address to claim
      --json    one JSON object a message   --exec CMD        run it a message
      --question always|terminal|never      --exec-timeout SECONDS  (30)
  -q, --quiet   no status lines             --password-file FILE  for login

Exit status  0 sent   1 some missed   64 usage   65 malformed line
  67 nobody of that name   69 registry unreachable, port in use
  74 output closed   75 try again   76 no registry there   77 taken, refused
  78 configuration   124 -W ran out   129 SIGHUP   130 SIGINT   143 SIGTERM
)";

constexpr std::array<std::string_view, 12> kOptionNames = {
    "--port", "--advertise",    "--question", "--json",    "--exec", "-n",
    "--help", "--exec-timeout", "--quiet",    "--version", "-W",     "--password-file"};
constexpr std::array<std::string_view, 3> kModes = {"listen", "send", "login"};

/// What only some modes take.
struct OptionUse {
  const char* option;
  std::string_view modes;
};
constexpr std::array<OptionUse, 8> kOptionUses = {{{"-n", "listen and login"},
                                                   {"--port", "listen and login"},
                                                   {"--json", "listen and login"},
                                                   {"--advertise", "listen"},
                                                   {"--question", "listen"},
                                                   {"--exec", "listen"},
                                                   {"--exec-timeout", "listen"},
                                                   {"--password-file", "login"}}};

/// A year: a longer wait is no wait.
constexpr double kSecondsMax = 366.0 * 86400;

Leave usage_error(std::string_view text) {
  return {.out = {},
          .err = fmt::format("peer: {}\n  See: peer --help\n", common::to_terminal(text)),
          .status = common::ExitStatus::kUsage};
}

common::Duration from_seconds(double seconds) {
  return std::chrono::duration_cast<common::Duration>(std::chrono::duration<double>(seconds));
}

std::string unknown_option(const std::string& argument) {
  const std::string_view name = std::string_view(argument).substr(0, argument.find('='));
  const std::string_view near = common::suggest(name, kOptionNames);
  return fmt::format("unknown option {}{}", common::to_terminal(name),
                     near.empty() ? "" : fmt::format("; did you mean {}?", near));
}

std::optional<common::HostPort> parse_advertise(const std::string& text) {
  if (auto with_port = common::parse_host_port(text)) return with_port;
  if (common::IpAddress::parse(text)) return common::HostPort{text, 0};
  return common::parse_host_port(text + ":0");
}

/// Everything the command line says, before it is checked.
struct Raw {
  std::string name;
  std::string registry;
  std::string mode;
  std::string question = "terminal";
  std::string advertise;
  std::uint64_t count = 0;
  double wait = 0;
  double hook_time = 30;
  bool help = false;
  bool version = false;
};

std::variant<Options, Leave> check(Raw raw, CLI::App& app, Options options) {
  if (std::isnan(raw.wait)) return usage_error("-W wants a number of seconds");
  if (std::isnan(raw.hook_time)) return usage_error("--exec-timeout wants a number of seconds");
  if (raw.mode.empty()) return usage_error("NAME, HOST:PORT and a mode are wanted");
  // What the classic client prints comes first, then what is wrong for those who wonder.
  options.is_name_asked = raw.name == "-" && raw.mode == "login";
  if (options.is_name_asked) raw.name = options.name.text();
  const auto normal = common::normalize_typed_name(raw.name);
  const auto name = common::UserName::parse(normal ? *normal : raw.name);
  if (!name) {
    return Leave{.out = "Invalid username!\n",
                 .err = fmt::format("peer: the name {}\n", to_string(name.error())),
                 .status = common::ExitStatus::kUsage};
  }
  if (std::find(kModes.begin(), kModes.end(), raw.mode) == kModes.end()) {
    const std::string_view near = common::suggest(raw.mode, kModes);
    return Leave{.out = "Invalid mode!\n",
                 .err = fmt::format("peer: the modes are listen, send and login{}\n",
                                    near.empty() ? "" : fmt::format("; did you mean {}?", near)),
                 .status = common::ExitStatus::kUsage};
  }
  const auto registry = common::parse_host_port(raw.registry);
  if (!registry || registry->port == 0) {
    return usage_error(fmt::format("{} is not HOST:PORT (IPv6 in brackets: [::1]:8080)",
                                   common::to_terminal(raw.registry)));
  }
  if (!raw.advertise.empty()) {
    options.advertise = parse_advertise(raw.advertise);
    if (!options.advertise) {
      return usage_error(fmt::format("--advertise {} is not HOST or HOST:PORT",
                                     common::to_terminal(raw.advertise)));
    }
  }
  for (const OptionUse& use : kOptionUses) {
    if (app.count(use.option) > 0 && use.modes.find(raw.mode) == use.modes.npos)
      return usage_error(
          fmt::format("{} is for {}; {} has no use for it", use.option, use.modes, raw.mode));
  }
  options.name = *name;
  options.registry = *registry;
  options.registry_text = common::format_host_port(*registry);
  options.mode = raw.mode == "listen" ? Mode::kListen
                 : raw.mode == "send" ? Mode::kSend
                                      : Mode::kLogin;
  options.question = raw.question == "always"  ? Question::kAlways
                     : raw.question == "never" ? Question::kNever
                                               : Question::kTerminal;
  if (raw.count > 0) options.count = raw.count;
  if (raw.wait > 0) options.wait = from_seconds(raw.wait);
  options.hook_time = from_seconds(raw.hook_time);
  options.command = app.remaining();
  if (!options.command.empty() && options.mode == Mode::kListen)
    return usage_error(fmt::format("listen takes no {}", common::to_terminal(options.command[0])));
  return options;
}

}  // namespace

std::variant<Options, Leave> parse_options(const std::vector<std::string>& arguments) {
  Raw raw;
  Options options{.name = *common::UserName::parse("nobody"),
                  .registry = {},
                  .registry_text = {},
                  .command = {},
                  .advertise = {},
                  .count = {},
                  .wait = {},
                  .password_file = {},
                  .hook = {}};
  CLI::App app;
  app.set_help_flag();   // ours fits a screen and shows examples first
  app.prefix_command();  // from the first word of COMMAND on, everything belongs to it
  app.add_option("name", raw.name);
  app.add_option("registry", raw.registry);
  app.add_option("mode", raw.mode);
  app.add_option("--port", options.port)
      ->check(common::os::decimal_option())
      ->check(CLI::Range(1024, 65535));
  app.add_option("--advertise", raw.advertise);
  app.add_option("--question", raw.question)->check(CLI::IsMember({"always", "terminal", "never"}));
  app.add_option("-n", raw.count)
      ->check(common::os::decimal_option())
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 62));
  app.add_option("-W", raw.wait)
      ->check(common::os::decimal_option())
      ->check(CLI::Range(0.001, kSecondsMax));
  app.add_option("--password-file", options.password_file);
  app.add_option("--exec", options.hook);
  app.add_option("--exec-timeout", raw.hook_time)
      ->check(common::os::decimal_option())
      ->check(CLI::Range(0.001, kSecondsMax));
  app.add_flag("--json", options.json);
  app.add_flag("-q,--quiet", options.quiet);
  app.add_flag("-h,--help", raw.help);
  app.add_flag("--version", raw.version);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);  // the library takes them last first
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  if (raw.help || arguments.empty()) {
    Leave leave{.out = std::string(kHelp), .err = {}};
    if (!raw.help) leave.status = common::ExitStatus::kUsage;
    return leave;
  }
  if (raw.version) {
    return Leave{
        .out = fmt::format("peer {} (protocol {})\n", common::kVersion, common::kProtocolVersion),
        .err = {}};
  }
  for (const std::string& word : app.remaining()) {
    if (word.starts_with("-") && word == app.remaining().front())
      return usage_error(unknown_option(word));
  }
  return check(raw, app, std::move(options));
}

}  // namespace peer
