#include "peer/shell/key_run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <qrcodegen.hpp>

#include "common/os/clock.hpp"
#include "common/os/random.hpp"
#include "common/os/standard_streams.hpp"
#include "common/safe_text.hpp"
#include "peer/shell/registry_client.hpp"
#include "peer/shell/sealed_end.hpp"
#include "peer/typed_name.hpp"

namespace peer {
namespace {

using common::ExitStatus;
using common::os::print_error;
using common::os::print_output;

ExitStatus fail(ExitStatus status, const std::string& text) {
  print_error(fmt::format("peer: {}\n", text));
  return status;
}

/// Two rows of the code a line, dark on light whatever the terminal's colours are; with the border
/// that readers need.
std::string qr_text(const std::string& text) {
  const auto code = qrcodegen::QrCode::encodeText(text.c_str(), qrcodegen::QrCode::Ecc::LOW);
  constexpr int kBorder = 2;
  std::string lines;
  for (int y = -kBorder; y < code.getSize() + kBorder; y += 2) {
    lines += "\x1b[30;107m";
    for (int x = -kBorder; x < code.getSize() + kBorder; ++x) {
      const bool upper = code.getModule(x, y);
      const bool lower = code.getModule(x, y + 1);
      lines += upper ? (lower ? "█" : "▀") : (lower ? "▄" : " ");
    }
    lines += "\x1b[0m\n";
  }
  return lines;
}

/// What the registry says of a name's key.
struct Shown {
  std::optional<common::Certificate> certificate;
  ExitStatus status = ExitStatus::kOk;  // why there is none
  std::string reason;
};

Shown ask_registry(const Options& options, const common::UserName& name) {
  RegistryClient client(options.registry);
  const auto answer = client.exchange(make_lookup(name));
  if (!answer) {
    return {.certificate = {},
            .status = ExitStatus::kUnavailable,
            .reason = fmt::format("cannot reach the registry at {}: {}", options.registry_text,
                                  answer.error().text)};
  }
  const LookupOutcome outcome = interpret_lookup(name, *answer);
  if (std::holds_alternative<NotFound>(outcome)) {
    return {.certificate = {},
            .status = ExitStatus::kNoUser,
            .reason = fmt::format("user {} is not found", name.text())};
  }
  const auto* user = std::get_if<common::User>(&outcome);
  if (user == nullptr) {
    return {.certificate = {},
            .status = ExitStatus::kProtocol,
            .reason = fmt::format("the registry at {} did not help", options.registry_text)};
  }
  auto certificate = certificate_of(*user);
  if (!certificate) {
    return {.certificate = {},
            .status = ExitStatus::kNoUser,
            .reason = fmt::format("{} is listed without a key", name.text())};
  }
  return {.certificate = std::move(certificate), .status = {}, .reason = {}};
}

/// The files, with what is to be said of them said; else the status to leave with.
std::variant<KeyFiles, ExitStatus> open_files(const Options& options) {
  common::os::SystemRandom random;
  auto files = KeyFiles::open(options, random);
  if (!files) return fail(ExitStatus::kConfiguration, files.error().text);
  for (const std::string& remark : files->remarks) print_error(fmt::format("peer: {}\n", remark));
  return *std::move(files);
}

std::optional<common::UserName> other_name(const Options& options) {
  if (options.command.empty()) return std::nullopt;
  return parse_typed_name(options.command[0]);
}

ExitStatus show_safety_number(const Options& options, const KeyFiles& files,
                              const common::UserName& other) {
  const sealed::Pin* pin = files.pins.find(options.registry_text, other);
  common::IdentityKey identity{};
  std::string state;
  if (pin != nullptr) {
    identity = pin->identity;
    state = pin->is_verified ? "verified" : "pinned at first use, not verified";
  } else {
    const Shown shown = ask_registry(options, other);
    if (!shown.certificate) return fail(shown.status, shown.reason);
    identity = shown.certificate->identity;
    state = "not pinned yet: the registry's word";
  }
  const auto digits = common::group_digits(common::safety_number(
      {files.identity.identity.key(), options.name.text()}, {identity, other.text()}));
  const bool is_said = print_output(
      fmt::format("name           {}\nfingerprint    {}\nstate          {}\nsafety number  {}\n",
                  other.text(), common::format_fingerprint(identity), state, digits));
  if (isatty(STDOUT_FILENO)) {
    print_error(
        fmt::format("peer: {0} sees the same number with: peer {0} {1} key {2}\n"
                    "  If so, say: {3}\n",
                    other.text(), options.registry_text, options.name.text(),
                    trust_command(files.context(options), other, identity)));
  }
  return is_said ? ExitStatus::kOk : ExitStatus::kOutput;
}

}  // namespace

ExitStatus run_key(const Options& options) {
  const auto other = other_name(options);
  if (options.command.size() > 1 || (!options.command.empty() && !other))
    return fail(ExitStatus::kUsage, "key takes the name of one other user at most");
  auto opened = open_files(options);
  if (const auto* status = std::get_if<ExitStatus>(&opened)) return *status;
  const auto& files = std::get<KeyFiles>(opened);
  if (other) return show_safety_number(options, files, *other);
  const common::IdentityKey& key = files.identity.identity.key();
  const std::string fingerprint = common::format_fingerprint(key);
  std::string text = fmt::format(
      "name         {}\nfingerprint  {}\nkey          {}\nfile         {}\n", options.name.text(),
      fingerprint, common::format_identity_key(key), files.identity_path.string());
  // For a telephone's camera, which then shows what to compare or to paste behind `trust`.
  if (isatty(STDOUT_FILENO)) text += '\n' + qr_text(options.name.text() + ' ' + fingerprint);
  return print_output(text) ? ExitStatus::kOk : ExitStatus::kOutput;
}

ExitStatus run_trust(const Options& options) {
  const auto other = other_name(options);
  if (options.command.size() != 2 || !other)
    return fail(ExitStatus::kUsage, "trust OTHER FINGERPRINT is wanted");
  auto opened = open_files(options);
  if (const auto* status = std::get_if<ExitStatus>(&opened)) return *status;
  const auto& files = std::get<KeyFiles>(opened);
  if (!files.known_peers)
    return fail(ExitStatus::kConfiguration, "no place to keep pins: set HOME or PEER_HOME");
  const std::string& typed = options.command[1];
  constexpr std::ptrdiff_t kFingerprintLetters = 32;
  const auto letters = std::count_if(typed.begin(), typed.end(), [](char c) { return c != '-'; });
  if (letters != kFingerprintLetters && !common::parse_identity_key(typed))
    return fail(ExitStatus::kUsage, fmt::format("{} is neither a fingerprint nor a key in base64",
                                                common::to_terminal(typed)));
  const auto is_meant = [&](const common::IdentityKey& key) {
    return common::is_fingerprint_of(key, typed) || common::parse_identity_key(typed) == key;
  };
  std::optional<common::IdentityKey> identity = common::parse_identity_key(typed);
  std::uint64_t serial = 0;
  const sealed::Pin* pin = files.pins.find(options.registry_text, *other);
  if (pin != nullptr && is_meant(pin->identity)) {
    identity = pin->identity;
    serial = pin->serial;
  }
  if (!identity) {  // a fingerprint alone: the key it is of has to come from somewhere
    const Shown shown = ask_registry(options, *other);
    if (!shown.certificate) return fail(shown.status, shown.reason);
    if (!is_meant(shown.certificate->identity)) {
      return fail(
          ExitStatus::kRefused,
          fmt::format("the registry shows another key of {}: {}\n  Nothing is changed.",
                      other->text(), common::format_fingerprint(shown.certificate->identity)));
    }
    identity = shown.certificate->identity;
    serial = shown.certificate->serial;
  }
  bool has_room = true;
  const auto error = files.known_peers->update([&](sealed::KnownPeers& peers) {
    has_room = peers.trust(
        {.registry = options.registry_text,
         .name = *other,
         .identity = *identity,
         .serial = serial,
         .first_seen_s = static_cast<std::uint64_t>(common::os::wall_now().unix_ms / 1000),
         .is_verified = true});
    return has_room;
  });
  const std::string file = files.known_peers->path().string();
  if (error)
    return fail(ExitStatus::kConfiguration,
                fmt::format("cannot write {}: {}", file, error.message()));
  if (!has_room)
    return fail(ExitStatus::kConfiguration, fmt::format("{} holds as many names as it may", file));
  return print_output(fmt::format("{} is {} from now on\n", other->text(),
                                  common::format_fingerprint(*identity)))
             ? ExitStatus::kOk
             : ExitStatus::kOutput;
}

}  // namespace peer
