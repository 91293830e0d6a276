// The peer's side of the registry's HTTP: requests to make, answers to understand, of registries
// old and new alike (docs/protocol/directory.md). A core: who sends the bytes is the shell's
// business.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/identity.hpp"
#include "common/time.hpp"
#include "common/user.hpp"

namespace peer {

struct HttpRequest {
  std::string method;
  std::string target;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  /// False: sent again, it would be done again.
  bool is_repeatable = true;
};

struct HttpAnswer {
  int status = 0;
  bool is_json = false;
  /// What it says it is (its type or coding), if no registry says so: a web server's page.
  std::string foreign = {};
  std::string etag;
  std::string body;
};

/// Why there is no answer. `text` is a sentence part for people, e.g. "connection refused".
struct ExchangeFailure {
  enum class Kind {
    kUnreachable,  // not resolved, not connected, or no answer in time
    kNoAnswer,     // connected, but closed without a byte: an old registry that did not understand
    kBroken,       // bytes that are no HTTP answer
  } kind;
  std::string text;
  bool is_silent = false;  // nothing came from it: another try may be heard
};

enum class Verb { kRegister, kUpdate, kLogout };

/// A registration in the classic form, which every registry understands; what only a new one knows
/// stands in header fields, which an old one ignores.
HttpRequest make_registration(Verb verb, const common::UserName& name,
                              const common::Endpoint& endpoint,
                              const std::optional<std::string>& owner_token);
/// UPDATE or LOGOUT of a user who takes NetChat messages, over TCP, as the old NetChat client words
/// it; `record` is `NAME@IP:PORT`, or its beginning. A new registry is told the transport in a
/// field.
HttpRequest make_netchat_registration(Verb verb, std::string_view record,
                                      const std::optional<std::string>& owner_token);
/// Signs a registration for the registry that answers to `host`, the Host field's value as it will
/// be sent, so that the name obeys this identity's key (docs/protocol/directory.md, "Keys").
/// `serial` is above every earlier one: a request that is made again is signed again.
void sign_registration(HttpRequest& request, std::string_view host,
                       const common::Identity& identity, common::Bytes certificate,
                       std::uint64_t serial);
HttpRequest make_list_request(const std::string& known_etag);
HttpRequest make_lookup(const common::UserName& name);

/// A message that the registry hands on to a user who takes no datagrams.
HttpRequest make_message(const common::UserName& from, const common::UserName& to,
                         std::string_view text, const std::optional<std::string>& owner_token);

struct Accepted {
  std::optional<common::Duration> lease;  // none: an old registry, which knows no leases
};
struct NameTaken {};
struct NotListed {};  // LOGOUT of a record that is not there
/// The registry will not, whatever is tried again; `text` says why.
struct Refused {
  std::string text;
};
/// The registry cannot now.
struct Unavailable {
  std::string text;
};
/// What came is no answer to this.
struct NotUnderstood {
  std::string text;
};
using RegistrationOutcome =
    std::variant<Accepted, NameTaken, NotListed, Refused, Unavailable, NotUnderstood>;

RegistrationOutcome interpret_registration(Verb verb, const HttpAnswer& answer);

struct NotModified {};
/// Users in order of registration, of either transport.
struct UserList {
  std::vector<common::User> users;
  /// Entries of an old registry that nobody can be reached by: names outside the grammar, broken
  /// addresses.
  std::size_t skipped = 0;
};
using ListOutcome = std::variant<UserList, NotModified, Refused, Unavailable, NotUnderstood>;

/// A plain list is an old registry's, which does not say what its users take: `plain` does.
ListOutcome interpret_list(const HttpAnswer& answer,
                           common::Transport plain = common::Transport::kUdp);

struct NotFound {
  bool is_nobody_online = false;  // the list is empty
};
using LookupOutcome = std::variant<common::User, NotFound, Refused, Unavailable, NotUnderstood>;

/// Of a message that the registry was to hand on; NotFound: he has left by now.
struct HandedOn {};
struct NoReceipt {  // he may have it or not
  std::string text;
};
using MessageOutcome =
    std::variant<HandedOn, NotFound, NoReceipt, Refused, Unavailable, NotUnderstood>;

MessageOutcome interpret_message(const HttpAnswer& answer);

/// An old registry answers a lookup with its whole list; that is understood too.
LookupOutcome interpret_lookup(const common::UserName& name, const HttpAnswer& answer,
                               common::Transport plain = common::Transport::kUdp);

}  // namespace peer
