#include "peer/registry_protocol.hpp"

#include <fmt/format.h>

#include "common/classic_record.hpp"
#include "common/owner_token.hpp"
#include "common/safe_text.hpp"
#include "common/signed_request.hpp"
#include "common/user_json.hpp"
#include "common/version.hpp"

namespace peer {
namespace {

constexpr const char* kListTarget = "/userlist.txt";
/// Of an error text that a registry sends: a line for a person, not a page.
constexpr std::size_t kErrorBytesMax = 300;

std::vector<std::pair<std::string, std::string>> common_headers() {
  return {{"Accept", "application/json"}, {"User-Agent", fmt::format("peer/{}", common::kVersion)}};
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

/// The registry's own words, made harmless, or the status if it has none.
std::string reason_of(const HttpAnswer& answer) {
  if (const auto error = common::decode_error(answer.body))
    return common::to_terminal(std::string_view(error->error).substr(0, kErrorBytesMax), false);
  std::string_view line = answer.body;
  line = line.substr(0, line.find_first_of("\r\n"));
  if (line.empty()) return fmt::format("status {}", answer.status);
  return common::to_terminal(line.substr(0, kErrorBytesMax), false);
}

common::User as_user(const common::ClassicRecord& record, common::Transport transport) {
  const bool is_netchat = transport == common::Transport::kTcp;
  return {record.name,
          record.endpoint,
          transport,
          is_netchat ? common::Door::kNetchat : common::Door::kClassic,
          {}};
}

const char* word_of(Verb verb) {
  switch (verb) {
    case Verb::kRegister:
      return "REGISTER";
    case Verb::kUpdate:
      return "UPDATE";
    case Verb::kLogout:
      break;
  }
  return "LOGOUT";
}

std::optional<NotUnderstood> refuse_foreign(const HttpAnswer& answer) {
  if (answer.foreign.empty()) return std::nullopt;
  return NotUnderstood{fmt::format("it answered {} with {}", answer.status,
                                   common::to_terminal(answer.foreign.substr(0, 100), false))};
}

}  // namespace

HttpRequest make_registration(Verb verb, const common::UserName& name,
                              const common::Endpoint& endpoint,
                              const std::optional<std::string>& owner_token) {
  HttpRequest request{
      .method = "POST",
      .target = kListTarget,
      .body = fmt::format("{} {}", word_of(verb), common::format_classic_record(name, endpoint)),
      .headers = common_headers()};
  request.headers.emplace_back("Content-Type", "text/plain");
  if (owner_token) request.headers.emplace_back(common::kOwnerTokenField, *owner_token);
  return request;
}

HttpRequest make_netchat_registration(Verb verb, std::string_view record,
                                      const std::optional<std::string>& owner_token) {
  HttpRequest request{.method = "POST",
                      .target = "/",
                      .body = fmt::format("{} {}", word_of(verb), record),
                      .headers = common_headers()};
  request.headers.emplace_back("Content-Type", "text/plain");
  request.headers.emplace_back("Endpoint-Transport", "tcp");
  if (owner_token) request.headers.emplace_back(common::kOwnerTokenField, *owner_token);
  return request;
}

void sign_registration(HttpRequest& request, std::string_view host,
                       const common::Identity& identity, common::Bytes certificate,
                       std::uint64_t serial) {
  const auto fields = common::sign_request(identity, certificate,
                                           {.host = host,
                                            .method = request.method,
                                            .path = request.target,
                                            .body = request.body,
                                            .serial = serial});
  request.headers.emplace_back(common::kCertificateField, fields.certificate);
  request.headers.emplace_back(common::kSerialField, fields.serial);
  request.headers.emplace_back(common::kSignatureField, fields.signature);
}

HttpRequest make_list_request(const std::string& known_etag) {
  HttpRequest request{
      .method = "GET", .target = kListTarget, .body = {}, .headers = common_headers()};
  if (!known_etag.empty()) request.headers.emplace_back("If-None-Match", known_etag);
  return request;
}

HttpRequest make_lookup(const common::UserName& name) {
  return {.method = "GET",
          .target = fmt::format("{}?username={}", kListTarget, percent_encode(name.text())),
          .body = {},
          .headers = common_headers()};
}

HttpRequest make_message(const common::UserName& from, const common::UserName& to,
                         std::string_view text, const std::optional<std::string>& owner_token) {
  HttpRequest request{.method = "POST",
                      .target = fmt::format("/v1/to/{}?from={}", percent_encode(to.text()),
                                            percent_encode(from.text())),
                      .body = std::string(text),
                      .headers = common_headers(),
                      .is_repeatable = false};
  request.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
  if (owner_token) request.headers.emplace_back(common::kOwnerTokenField, *owner_token);
  return request;
}

RegistrationOutcome interpret_registration(Verb verb, const HttpAnswer& answer) {
  if (const auto foreign = refuse_foreign(answer)) return *foreign;
  switch (answer.status) {
    case 200: {
      const auto registration = common::decode_registration(answer.body);
      if (!registration && answer.is_json && verb != Verb::kLogout)
        return NotUnderstood{fmt::format("its answer {}", to_string(registration.error()))};
      if (!registration) return Accepted{};
      // Bounded, so that no registry can make the timer overflow.
      constexpr std::uint64_t kLeaseSecondsMax = 10ULL * 365 * 86400;
      return Accepted{std::chrono::seconds(std::min(registration->lease_s, kLeaseSecondsMax))};
    }
    case 406: {
      // The right key, but a serial that was used: an answer was lost. Signed anew it is accepted.
      constexpr int kStaleRequest = 40604;
      const auto error = common::decode_error(answer.body);
      if (error && error->code == kStaleRequest) return Unavailable{reason_of(answer)};
      return NameTaken{};
    }
    case 400:
      if (verb == Verb::kLogout) return NotListed{};
      return Refused{reason_of(answer)};
    case 429:
    case 503:
      return Unavailable{reason_of(answer)};
    default:
      if (answer.status >= 400 && answer.status < 500) return Refused{reason_of(answer)};
      return NotUnderstood{fmt::format("it answered {}", reason_of(answer))};
  }
}

ListOutcome interpret_list(const HttpAnswer& answer, common::Transport plain) {
  if (const auto foreign = refuse_foreign(answer)) return *foreign;
  switch (answer.status) {
    case 200: {
      if (!answer.is_json) {
        const auto list = common::parse_classic_list(answer.body);
        UserList users{.users = {}, .skipped = list.skipped};
        for (const auto& record : list.records) users.users.push_back(as_user(record, plain));
        return users;
      }
      auto list = common::decode_user_list(answer.body);
      if (!list) return NotUnderstood{fmt::format("its list {}", to_string(list.error()))};
      return UserList{.users = std::move(list->users)};
    }
    case 304:
      return NotModified{};
    case 400:  // an old registry's empty list
      if (!answer.is_json) return UserList{};
      return Refused{reason_of(answer)};
    case 429:
    case 503:
      return Unavailable{reason_of(answer)};
    default:
      if (answer.status >= 400 && answer.status < 500) return Refused{reason_of(answer)};
      return NotUnderstood{fmt::format("it answered {}", reason_of(answer))};
  }
}

MessageOutcome interpret_message(const HttpAnswer& answer) {
  if (const auto foreign = refuse_foreign(answer)) return *foreign;
  switch (answer.status) {
    case 200:
    case 202:
      return HandedOn{};
    case 404:
      return NotFound{};
    case 504:
      return NoReceipt{reason_of(answer)};
    case 429:
    case 503:
      return Unavailable{reason_of(answer)};
    default:
      if (answer.status >= 400 && answer.status < 500) return Refused{reason_of(answer)};
      return NotUnderstood{fmt::format("it answered {}", reason_of(answer))};
  }
}

LookupOutcome interpret_lookup(const common::UserName& name, const HttpAnswer& answer,
                               common::Transport plain) {
  if (const auto foreign = refuse_foreign(answer)) return *foreign;
  if (answer.status == 404) {
    const auto error = common::decode_error(answer.body);
    return NotFound{error && error->online == 0};
  }
  if (answer.status == 200 && answer.is_json) {
    const auto user = common::decode_user(answer.body);
    if (!user) return NotUnderstood{fmt::format("its answer {}", to_string(user.error()))};
    if (!(user->name == name)) return NotFound{};
    return *user;
  }
  if (answer.status == 200) {
    std::string_view line = answer.body;
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    // As a record, so that it must be an address that a user may have.
    if (const auto record = common::parse_classic_record(fmt::format("{}@{}", name.text(), line)))
      return as_user(*record, plain);
  }
  const ListOutcome list = interpret_list(answer, plain);
  if (const auto* users = std::get_if<UserList>(&list)) {
    for (const common::User& user : users->users)
      if (user.name == name) return user;
    return NotFound{users->users.empty()};
  }
  if (const auto* refused = std::get_if<Refused>(&list)) return *refused;
  if (const auto* unavailable = std::get_if<Unavailable>(&list)) return *unavailable;
  if (const auto* not_understood = std::get_if<NotUnderstood>(&list)) return *not_understood;
  return NotUnderstood{"it answered 304 to a lookup"};
}

}  // namespace peer
