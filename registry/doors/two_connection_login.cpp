// The two-connection door from /login to 101 or 102: whose turn it is, what a wrong password costs,
// and who has a name that two want.
#include <utility>

#include "common/check.hpp"
#include "registry/doors/two_connection.hpp"

namespace registry::doors {

using common::UserName;

std::string_view to_string(LoginRefusal refusal) {
  switch (refusal) {
    case LoginRefusal::kPassword:
      return "password";
    case LoginRefusal::kInUse:
      return "in use";
    case LoginRefusal::kBoundName:
      return "bound to a key";
    case LoginRefusal::kPublicAddress:
      return "public address";
    case LoginRefusal::kFull:
      return "full";
  }
  return "refused";
}

void TwoConnectionDoor::run_login(TimePoint now, Client& client, const LoginLine& line) {
  client.login = std::make_unique<Login>();
  client.login->name = line.name;
  client.login->password = line.password;
  if (auto user = UserName::parse(line.name)) client.login->user = *std::move(user);
  // security: who can listen on the way has the password.
  const bool is_public = !client.source.is_loopback() && !client.source.is_private();
  if (is_public && !options_.allow_public_login)
    return refuse_login(now, client, LoginRefusal::kPublicAddress);
  if (!logins_.add(client.la, client.source, client.login->key()))
    return refuse_login(now, client, LoginRefusal::kFull);
  set_state(now, client, State::kVerifying);
}

std::optional<TwoConnectionDoor::Verify> TwoConnectionDoor::poll_verification(TimePoint now) {
  const auto next = logins_.take_next(now);
  if (!next) return std::nullopt;
  const StreamId id = *next;
  const Login& login = *clients_.at(id)->login;
  const Account* account = login.user ? accounts_.find(*login.user) : nullptr;
  Verify verify{.client = id, .secret = {}, .password = login.password, .dummy_hash = {}};
  if (account != nullptr) verify.secret = account->secret;
  // security: an account that is not there, and a plain one among hashed ones, take as long as a
  // hashed one, so that nobody learns by the clock who has an account.
  if (account == nullptr || !account->is_hashed) verify.dummy_hash = accounts_.sample_hash();
  return verify;
}

void TwoConnectionDoor::handle_verified(TimePoint now, common::WallTime wall, StreamId id,
                                        bool is_right) {
  const Duration delay = logins_.finish(now, id, is_right);
  Client* client = find(id);
  if (client == nullptr) return;
  ENSURE(client->state == State::kVerifying);
  Login& login = *client->login;
  if (!is_right) return hold_back(now, *client, delay);
  login.since = wall;
  const Record* held = directory_.find(*login.user);
  Client* first = held != nullptr ? find(held->session) : nullptr;
  if (first == nullptr) return finish_login(now, *client);
  if (first->contender != 0 && find(first->contender) != nullptr)
    return refuse_login(now, *client, LoginRefusal::kInUse);
  first->contender = id;
  set_state(now, *client, State::kContesting);
  actions_.push_back(Probe{first->la});
}

void TwoConnectionDoor::handle_probed(TimePoint now, StreamId stream) {
  Client* first = find(stream);
  if (first == nullptr) return;
  Client* contender = find(std::exchange(first->contender, 0));
  if (contender != nullptr) refuse_login(now, *contender, LoginRefusal::kInUse);
}

void TwoConnectionDoor::finish_login(TimePoint now, Client& client) {
  const Account* account = accounts_.find(*client.login->user);
  if (account == nullptr)  // removed since the password was checked
    return refuse_login(now, client, LoginRefusal::kPassword);
  const auto refusal = directory_.attach({.name = account->name,
                                          .door = common::Door::kTwoConnection,
                                          .source = client.source,
                                          .since = client.login->since,
                                          .session = client.la});
  if (refusal) {
    return refuse_login(now, client,
                        refusal == Refusal::kFull        ? LoginRefusal::kFull
                        : refusal == Refusal::kBoundName ? LoginRefusal::kBoundName
                                                         : LoginRefusal::kInUse);
  }
  ++counters_.logins;
  client.name = account->name;
  client.login.reset();
  set_state(now, client, State::kLoggedIn);
  reply(client, Reply::kLoggedIn);
  resume(now, client);
}

// security: who tries many passwords waits longer and longer to hear that they are wrong. Whoever
// has the right one is let in at once, whatever others have tried in his name.
void TwoConnectionDoor::hold_back(TimePoint now, Client& client, Duration delay) {
  if (delay == Duration::zero()) return refuse_login(now, client, LoginRefusal::kPassword);
  ++counters_.throttled_logins;
  set_state(now, client, State::kHeldBack);
  client.state_deadline = now + delay;
  arm(client);
}

void TwoConnectionDoor::refuse_login(TimePoint now, Client& client, LoginRefusal reason) {
  ++counters_.refused_logins[reason];
  constexpr std::size_t kUntoldMax = 1000;
  if (notices_.size() < kUntoldMax) {
    notices_.push_back({true,
                        "login refused",
                        {{"user", client.login->name},
                         {"source", client.source.to_string()},
                         {"reason", std::string(to_string(reason))}}});
  }
  client.login.reset();
  set_state(now, client, State::kNew);
  reply(client, Reply::kLoginFailed);
  resume(now, client);
}

}  // namespace registry::doors
