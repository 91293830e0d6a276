// Any answer of a registry to the peer's three kinds of request. The first line is its status and
// form (support/script_answer.hpp), the rest its body.
#include <algorithm>

#include "common/classic_record.hpp"
#include "common/limits.hpp"
#include "peer/registry_protocol.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/script_answer.hpp"
#include "tests/fuzz/support/text_rules.hpp"

namespace {

using namespace std::chrono_literals;
using peer::HttpAnswer;
using peer::Verb;

/// A reason is one harmless line for a person, not a page.
void check_reason(const std::string& text) {
  ENSURE(!text.empty() && text.size() <= 4 * 300 + 100);
  fuzz::ensure_harmless(text, false);
}

template <typename Outcome>
void check_reasons(const Outcome& outcome) {
  if (const auto* refused = std::get_if<peer::Refused>(&outcome)) check_reason(refused->text);
  if (const auto* away = std::get_if<peer::Unavailable>(&outcome)) check_reason(away->text);
  if (const auto* strange = std::get_if<peer::NotUnderstood>(&outcome)) check_reason(strange->text);
}

/// security: no registry makes us send datagrams where our own registry would list nobody. Only in
/// JSON can it say that a user is one of TCP, who gets his messages by way of it.
void check_user(const common::User& user, bool is_json) {
  ENSURE(common::UserName::parse(user.name.text()).has_value());
  ENSURE(is_json || user.transport == common::Transport::kUdp);
  ENSURE(user.endpoint.address.is_unicast());
  ENSURE(user.endpoint.port >= common::kUserPortMin);
}

void check_registration(const HttpAnswer& answer) {
  for (const Verb verb : {Verb::kRegister, Verb::kUpdate, Verb::kLogout}) {
    const auto outcome = peer::interpret_registration(verb, answer);
    check_reasons(outcome);
    const auto* accepted = std::get_if<peer::Accepted>(&outcome);
    if (accepted) ENSURE(answer.status == 200);
    const bool is_odd = std::holds_alternative<peer::NotUnderstood>(outcome);
    if (answer.status == 200) ENSURE(accepted || (is_odd && answer.is_json));
    if (accepted && accepted->lease) ENSURE(*accepted->lease >= 0s && *accepted->lease <= 87'600h);
    if (std::holds_alternative<peer::NotListed>(outcome)) ENSURE(verb == Verb::kLogout);
  }
}

void check_list(const HttpAnswer& answer) {
  const auto outcome = peer::interpret_list(answer);
  check_reasons(outcome);
  const auto* users = std::get_if<peer::UserList>(&outcome);
  if (users == nullptr) return;
  ENSURE(answer.status == 200 || answer.status == 400);
  for (const common::User& user : users->users) check_user(user, answer.is_json);
  if (answer.is_json || users->users.empty()) return;
  // An old registry's list, written again, is the same list.
  std::string text;
  for (const common::User& user : users->users)
    text += common::format_classic_record(user.name, user.endpoint) + ',';
  const auto again = peer::interpret_list({.status = 200, .body = text + "\r\n\r\n"});
  ENSURE(std::get<peer::UserList>(again).users.size() == users->users.size());
}

void check_lookup(const HttpAnswer& answer) {
  for (const char* text : {"bob", "Göktuğ"}) {
    const common::UserName name = *common::UserName::parse(text);
    const auto outcome = peer::interpret_lookup(name, answer);
    check_reasons(outcome);
    if (const auto* user = std::get_if<common::User>(&outcome)) {
      ENSURE(answer.status == 200 && user->name == name);
      check_user(*user, answer.is_json);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = fuzz::as_input(data, size);
  const std::string first = "a" + std::string(fuzz::take_line(rest));
  HttpAnswer answer = fuzz::answer_of(fuzz::ScriptLine(first));
  answer.body = std::string(rest);
  check_registration(answer);
  check_list(answer);
  check_lookup(answer);
  return 0;
}
