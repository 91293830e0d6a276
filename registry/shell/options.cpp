#include "registry/shell/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "common/os/decimal_option.hpp"
#include "common/safe_text.hpp"
#include "common/suggest.hpp"
#include "common/version.hpp"

namespace registry {
namespace {

constexpr std::string_view kHelp =
    R"(registry - who is there, under which name, at which address

  registry                        listen on 127.0.0.1:8080, for this machine
  registry 0.0.0.0:8080           for every machine that can reach this one

Usage  registry [HOST:PORT] [options]      port 0 takes a free one
       registry passwd FILE USER           write a hashed password into FILE

Options
      --userlist FILE          the list as text, kept up to date (userlist.txt)
      --data DIR               the database (.registry beside the list)
      --lease SECONDS          silence after which a peer is gone (200)
      --classic-lease SECONDS  the same for old programs (86400)
      --allow-foreign-address  let users register addresses that are not theirs
      --host NAME              another name it answers to (repeatable)
      --two-connection HOST:PORT --accounts FILE   a door for users who log in
         [--strict] [--allow-public-login] [--gateway-ports N]
      --room HOST:PORT         a chat room; old programs expect port 12000
      --rendezvous HOST:PORT [--rendezvous-udp HOST:PORT]   chats by consent
      --log-format text|json|classic   one line an event, on standard error
      --check    look at options and files, then exit      -h, --help  --version

Exit status  0 drained after a signal  64 usage  69 in use  78 configuration
)";

constexpr auto kOptionNames = std::to_array<std::string_view>(
    {"--userlist", "--data", "--lease", "--classic-lease", "--allow-foreign-address", "--host",
     "--log-format", "--two-connection", "--room", "--accounts", "--strict", "--allow-public-login",
     "--gateway-ports", "--rendezvous", "--rendezvous-udp", "--check", "--help", "--version"});
/// Doors that are opened by an option of their own.
constexpr std::array kDoors = {common::Door::kTwoConnection, common::Door::kRoom,
                               common::Door::kRendezvous};

std::string option_of(common::Door door) { return fmt::format("--{}", to_string(door)); }

/// Each is a descriptor and a port that others cannot have.
constexpr std::size_t kGatewayPortsMax = 4096;

/// Ten years: a lease of more is a typing error.
constexpr std::int64_t kLeaseSecondsMax = 10LL * 365 * 86400;

Leave usage_error(std::string_view text) {
  return {.out = {},
          .err = fmt::format("registry: {}\n  See: registry --help\n", common::to_terminal(text)),
          .status = common::ExitStatus::kUsage};
}

std::string unknown_argument(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    const std::string_view name = std::string_view(argument).substr(0, argument.find('='));
    const bool is_known =
        std::find(kOptionNames.begin(), kOptionNames.end(), name) != kOptionNames.end();
    const bool is_number = name.size() > 1 && name[1] >= '0' && name[1] <= '9';
    if (!name.starts_with("-") || is_number || is_known || name == "-h") continue;
    const std::string_view near = common::suggest(name, kOptionNames);
    return fmt::format("unknown option {}{}", name,
                       near.empty() ? "" : fmt::format("; did you mean {}?", near));
  }
  return {};
}

std::variant<Options, PasswdCommand, Leave> parse_passwd(
    const std::vector<std::string>& arguments) {
  if (arguments.size() != 3) return usage_error("passwd wants FILE and USER");
  const auto normal = common::normalize_typed_name(arguments[2]);
  const auto user = common::UserName::parse(normal ? *normal : arguments[2]);
  if (!user) return usage_error(fmt::format("the name {}", to_string(user.error())));
  return PasswdCommand{arguments[1], *user};
}

}  // namespace

std::variant<Options, PasswdCommand, Leave> parse_options(std::vector<std::string> arguments) {
  if (!arguments.empty() && arguments.front() == "passwd") return parse_passwd(arguments);
  Options options;
  std::map<common::Door, std::string> doors;
  std::string listen;
  std::int64_t lease = 200;
  std::int64_t classic_lease = 86400;
  std::string log_format = "text";
  std::string rendezvous_udp;
  bool help = false;
  bool version = false;

  CLI::App app;
  app.set_help_flag();  // ours fits a screen and shows examples first
  app.add_option("listen", listen);
  app.add_option("--userlist", options.user_list);
  app.add_option("--data", options.data);
  app.add_option("--lease", lease)
      ->check(common::os::decimal_option())
      ->check(CLI::Range(std::int64_t{1}, kLeaseSecondsMax));
  app.add_option("--classic-lease", classic_lease)
      ->check(common::os::decimal_option())
      ->check(CLI::Range(std::int64_t{1}, kLeaseSecondsMax));
  app.add_flag("--allow-foreign-address", options.rules.allow_foreign_address);
  app.add_option("--host", options.hosts)->allow_extra_args(false);
  app.add_option("--log-format", log_format)->check(CLI::IsMember({"text", "json", "classic"}));
  for (const common::Door door : kDoors) app.add_option(option_of(door), doors[door]);
  app.add_option("--rendezvous-udp", rendezvous_udp);
  app.add_option("--accounts", options.accounts);
  app.add_flag("--strict", options.strict);
  app.add_flag("--allow-public-login", options.allow_public_login);
  app.add_option("--gateway-ports", options.gateway_ports)
      ->check(common::os::decimal_option())
      ->check(CLI::Range(std::size_t{0}, kGatewayPortsMax));
  app.add_flag("--check", options.check_only);
  app.add_flag("-h,--help", help);
  app.add_flag("--version", version);
  const std::vector<std::string> given = arguments;
  try {
    std::reverse(arguments.begin(), arguments.end());  // the library takes them last first
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    const std::string unknown = unknown_argument(given);
    return usage_error(unknown.empty() ? error.what() : unknown);
  }
  if (help) return Leave{.out = std::string(kHelp), .err = {}};
  if (version) {
    return Leave{.out = fmt::format("registry {} (protocol {})\n", common::kVersion,
                                    common::kProtocolVersion),
                 .err = {}};
  }
  if (!listen.empty()) {
    const auto parsed = common::parse_host_port(listen);
    if (!parsed) {
      return usage_error(fmt::format("{} is not HOST:PORT (IPv6 in brackets: [::1]:8080)", listen));
    }
    options.listen = *parsed;
  }
  for (const auto& [door, text] : doors) {
    if (text.empty()) continue;
    const auto parsed = common::parse_host_port(text);
    if (!parsed) {
      return usage_error(fmt::format("{} {} is not HOST:PORT (IPv6 in brackets: [::1]:8080)",
                                     option_of(door), text));
    }
    options.doors.emplace(door, *parsed);
  }
  if (!rendezvous_udp.empty()) {
    options.rendezvous_udp = common::parse_host_port(rendezvous_udp);
    if (!options.rendezvous_udp)
      return usage_error(fmt::format("--rendezvous-udp {} is not HOST:PORT", rendezvous_udp));
    if (!options.doors.contains(common::Door::kRendezvous))
      return usage_error("--rendezvous-udp wants --rendezvous");
  }
  if (options.doors.contains(common::Door::kTwoConnection) == options.accounts.empty())
    return usage_error("--two-connection and --accounts go together");
  if (options.user_list.empty()) return usage_error("--userlist wants a file name");
  if (options.data.empty()) options.data = options.user_list.parent_path() / ".registry";
  options.rules.lease = std::chrono::seconds(lease);
  options.rules.classic_lease = std::chrono::seconds(classic_lease);
  if (log_format == "json") options.log_format = LogFormat::kJson;
  if (log_format == "classic") options.log_format = LogFormat::kClassic;
  return options;
}

}  // namespace registry
