#include "peer/shell/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "common/os/decimal_option.hpp"
#include "common/safe_text.hpp"
#include "common/suggest.hpp"
#include "common/version.hpp"

namespace peer {
namespace {

constexpr std::string_view kHelpHead =
    R"(peer - messages by name, straight from machine to machine

  peer alice 127.0.0.1:8080 listen                          print what arrives
  peer ci 127.0.0.1:8080 send unicast alice "build done"    send one message

Usage  peer NAME HOST:PORT MODE [options] [COMMAND]    else commands by line
)";

constexpr std::string_view kHelpEnd =
    R"(
Options  peer MODE --help lists those of a mode
  -W SECONDS  leave after SECONDS   -q, --quiet  no status lines   --version

Exit status  0 sent  1 some missed  64 usage  65 malformed line  67 no such name
  69 unreachable, port in use  74 output closed  75 try again  76 wrong server
  77 refused  78 configuration  124 -W ran out  129 HUP  130 INT  143 TERM
)";

struct OptionRow {
  std::string_view name;
  std::string_view help;
  bool is_everybodys = false;  // not only of the modes that name it
};
constexpr std::array kOptions = {
    OptionRow{"-n", "-n COUNT              leave after COUNT messages"},
    OptionRow{"-W", "-W SECONDS            leave after SECONDS, with 124", true},
    OptionRow{"--json", "--json                one JSON object a message"},
    OptionRow{"--quiet", "-q, --quiet           no status lines", true},
    OptionRow{"--port", "--port N              the port to take (a free one)"},
    OptionRow{"--advertise", "--advertise HOST      the address to register, or HOST:PORT"},
    OptionRow{"--question", "--question WHEN       ask to log out: always, terminal or never"},
    OptionRow{"--password-file", "--password-file FILE  its first line is the password"},
    OptionRow{"--exec",
              "--exec CMD            run for each sealed message: the text on standard input"},
    OptionRow{"--exec-timeout", "--exec-timeout S      how long it may take (30)"},
    OptionRow{"--exec-plain",
              "--exec-plain          run it for messages that anybody could have sent, too"},
    OptionRow{"--level", "--level LEVEL         insist: delivered, or handled by a hook"},
    OptionRow{"--timeout", "--timeout SECONDS     how long a message may take to be confirmed (5)"},
    OptionRow{"--hook-status",
              "--hook-status         leave with the exit status of the recipient's hook"},
    OptionRow{"--receipt",
              "--receipt FILE        add what recipients sign to FILE (peer verify FILE)"},
    OptionRow{"--trust", "--trust WHOM          with a key not seen before: new, ask or strict"},
    OptionRow{"--key", "--key FILE            the identity to use ($PEER_KEY)"},
    OptionRow{"--plain", "--plain               no keys, as the old programs"},
    OptionRow{"--udp", "--udp PORT            the registry's for datagrams (HOST:PORT's + 1)"},
    OptionRow{"--hello", "--hello SECONDS       from one sign of life to the next (60)"},
};

using Modes = std::span<const ModeRow>;

bool uses(const ModeRow& mode, std::string_view option) {
  const auto at = mode.options.find(option);
  if (at == mode.options.npos) return false;
  const auto end = at + option.size();  // --exec begins --exec-timeout, too
  return (end == mode.options.size() || mode.options[end] == ' ') ||
         uses({.name = {}, .mode = {}, .usage = {}, .options = mode.options.substr(end)}, option);
}

/// "listen and login"; nothing if there is none.
std::string names_of(const std::vector<std::string_view>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 < names.size() ? ", " : " and ";
    text += names[i];
  }
  return text;
}

std::string users_of(Modes modes, std::string_view option) {
  std::vector<std::string_view> names;
  for (const ModeRow& mode : modes)
    if (uses(mode, option)) names.push_back(mode.name);
  return names_of(names);
}

/// The parser takes what some mode has a use for.
bool is_offered(Modes modes, const OptionRow& option) {
  return option.is_everybodys || !users_of(modes, option.name).empty();
}

std::string make_help(Modes modes) {
  std::string help(kHelpHead);
  for (const ModeRow& mode : modes) help += fmt::format("  {:<7} {}\n", mode.name, mode.usage);
  return help.append(kHelpEnd);
}

/// The options of one mode.
std::string make_mode_help(const ModeRow& mode) {
  std::string help = fmt::format("peer NAME HOST:PORT {} [options]{}\n  {}\n\nOptions\n", mode.name,
                                 mode.takes_command ? " [COMMAND]" : "", mode.usage);
  for (const OptionRow& option : kOptions)
    if (option.is_everybodys || uses(mode, option.name)) help += fmt::format("  {}\n", option.help);
  return help;
}

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

std::string unknown_option(Modes modes, const std::string& argument) {
  std::vector<std::string_view> known = {"--help", "--version"};
  for (const OptionRow& option : kOptions)
    if (is_offered(modes, option)) known.push_back(option.name);
  const std::string_view name = std::string_view(argument).substr(0, argument.find('='));
  const std::string_view near = common::suggest(name, known);
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
  double hello = 60;
  double timeout = 5;
  std::string trust = "new";
  std::string level;
  bool help = false;
  bool version = false;
};

Leave unknown_mode(Modes modes, std::string_view typed) {
  std::vector<std::string_view> names;
  for (const ModeRow& mode : modes) names.push_back(mode.name);
  const std::string_view near = common::suggest(typed, names);
  return Leave{.out = "Invalid mode!\n",
               .err = fmt::format("peer: the modes are {}{}\n", names_of(names),
                                  near.empty() ? "" : fmt::format("; did you mean {}?", near)),
               .status = common::ExitStatus::kUsage};
}

std::variant<Options, Leave> check(Modes modes, Raw raw, CLI::App& app, Options options) {
  if (std::isnan(raw.wait)) return usage_error("-W wants a number of seconds");
  if (std::isnan(raw.hook_time)) return usage_error("--exec-timeout wants a number of seconds");
  if (std::isnan(raw.hello)) return usage_error("--hello wants a number of seconds");
  if (std::isnan(raw.timeout)) return usage_error("--timeout wants a number of seconds");
  if (raw.mode.empty()) return usage_error("NAME, HOST:PORT and a mode are wanted");
  // What the classic client prints comes first, then what is wrong for those who wonder.
  const auto mode = std::find_if(modes.begin(), modes.end(),
                                 [&](const ModeRow& row) { return row.name == raw.mode; });
  options.is_name_asked = raw.name == "-" && mode != modes.end() && mode->may_ask_for_name;
  if (options.is_name_asked) raw.name = options.name.text();
  const auto normal = common::normalize_typed_name(raw.name);
  const auto name = common::UserName::parse(normal ? *normal : raw.name);
  if (!name) {
    return Leave{.out = "Invalid username!\n",
                 .err = fmt::format("peer: the name {}\n", to_string(name.error())),
                 .status = common::ExitStatus::kUsage};
  }
  if (mode == modes.end()) return unknown_mode(modes, raw.mode);
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
  for (const OptionRow& option : kOptions) {
    const std::string users = users_of(modes, option.name);
    if (option.is_everybodys || users.empty() || uses(*mode, option.name)) continue;
    if (app.count(std::string(option.name)) == 0) continue;
    return usage_error(
        fmt::format("{} is for {}; {} has no use for it", option.name, users, raw.mode));
  }
  if (uses(*mode, "--udp") && options.udp_port == 0) {
    if (registry->port == 65535)
      return usage_error("--udp PORT is wanted: there is no port after 65535");
    options.udp_port = static_cast<std::uint16_t>(registry->port + 1);
  }
  options.name = *name;
  options.registry = *registry;
  options.registry_text = common::format_host_port(*registry);
  options.mode = mode->mode;
  options.question = raw.question == "always"  ? Question::kAlways
                     : raw.question == "never" ? Question::kNever
                                               : Question::kTerminal;
  if (raw.count > 0) options.count = raw.count;
  if (raw.wait > 0) options.wait = from_seconds(raw.wait);
  options.hook_time = from_seconds(raw.hook_time);
  options.timeout = from_seconds(raw.timeout);
  options.trust = raw.trust == "ask"      ? sealed::TrustMode::kAsk
                  : raw.trust == "strict" ? sealed::TrustMode::kStrict
                                          : sealed::TrustMode::kNew;
  if (!raw.level.empty()) {
    options.level = raw.level == "handled" ? DeliveryLevel::kHandled : DeliveryLevel::kDelivered;
  }
  if (options.is_plain && (options.level || options.has_hook_status || !options.key_file.empty() ||
                           !options.receipt_file.empty()))
    return usage_error("--plain sends nothing that could be confirmed, and needs no key");
  options.hello = from_seconds(raw.hello);
  options.command = app.remaining();
  if (!options.command.empty() && !mode->takes_command) {
    return usage_error(
        fmt::format("{} takes no {}", mode->name, common::to_terminal(options.command[0])));
  }
  return options;
}

/// `peer verify FILE...`: no name and no registry has a part in it. A user of that name goes on
/// with HOST:PORT and a mode.
bool is_verify_alone(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] != "verify") return false;
  if (arguments.size() >= 3 && common::parse_host_port(arguments[1])) return false;
  return std::none_of(arguments.begin() + 1, arguments.end(),
                      [](const std::string& word) { return word.starts_with("-"); });
}

}  // namespace

std::variant<Options, Leave> parse_options(const std::vector<std::string>& arguments,
                                           std::span<const ModeRow> modes) {
  Raw raw;
  Options options{.name = *common::UserName::parse("nobody"),
                  .registry = {},
                  .registry_text = {},
                  .command = {},
                  .advertise = {},
                  .count = {},
                  .wait = {},
                  .password_file = {},
                  .hook = {},
                  .key_file = {},
                  .level = {},
                  .receipt_file = {}};
  if (is_verify_alone(arguments)) {
    options.mode = Mode::kVerify;
    options.command.assign(arguments.begin() + 1, arguments.end());
    return options;
  }
  CLI::App app;
  app.set_help_flag();   // ours fits a screen and shows examples first
  app.prefix_command();  // from the first word of COMMAND on, everything belongs to it
  const auto offers = [&](std::string_view option) { return !users_of(modes, option).empty(); };
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
  app.add_flag("--exec-plain", options.hook_takes_plain);
  app.add_option("--level", raw.level)->check(CLI::IsMember({"delivered", "handled"}));
  app.add_option("--timeout", raw.timeout)
      ->check(common::os::decimal_option())
      ->check(CLI::Range(0.001, kSecondsMax));
  app.add_flag("--hook-status", options.has_hook_status);
  app.add_option("--receipt", options.receipt_file);
  app.add_option("--trust", raw.trust)->check(CLI::IsMember({"new", "ask", "strict"}));
  app.add_option("--key", options.key_file);
  app.add_flag("--plain", options.is_plain);
  app.add_flag("--json", options.json);
  app.add_flag("-q,--quiet", options.quiet);
  if (offers("--udp")) {
    app.add_option("--udp", options.udp_port)
        ->check(common::os::decimal_option())
        ->check(CLI::Range(1, 65535));
  }
  if (offers("--hello")) {
    app.add_option("--hello", raw.hello)
        ->check(common::os::decimal_option())
        ->check(CLI::Range(0.001, kSecondsMax));
  }
  app.add_flag("-h,--help", raw.help);
  app.add_flag("--version", raw.version);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);  // the library takes them last first
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  if (raw.help) {
    for (const ModeRow& mode : modes)
      if (mode.name == raw.name || mode.name == raw.mode)
        return Leave{.out = make_mode_help(mode), .err = {}};
  }
  if (raw.help || arguments.empty()) {
    Leave leave{.out = make_help(modes), .err = {}};
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
      return usage_error(unknown_option(modes, word));
  }
  return check(modes, raw, app, std::move(options));
}

}  // namespace peer
