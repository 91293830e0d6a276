// The two-connection door (docs/protocol/two-connection.md): accounts, a command connection from
// the client (La) and a push connection to it (Lb), receipts end to end. A core: it uses the
// directory and the hub beside it; sockets and password hashing are the shells'.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "registry/accounts.hpp"
#include "registry/directory.hpp"
#include "registry/doors/deadline_queue.hpp"
#include "registry/doors/limits.hpp"
#include "registry/doors/login_queue.hpp"
#include "registry/doors/message_door.hpp"
#include "registry/doors/push_link.hpp"
#include "registry/doors/two_connection_lines.hpp"
#include "registry/hub.hpp"
#include "registry/source_counts.hpp"

namespace registry::doors {

struct TwoConnectionOptions {
  /// Let passwords travel in the clear from public addresses, too.
  bool allow_public_login = false;
};

/// Why a login was answered 102; for log and metrics.
enum class LoginRefusal {
  kPassword,       // wrong, or no such account
  kInUse,          // the user is logged in, or his name is registered at another door
  kBoundName,      // the name is bound to a key
  kPublicAddress,  // the password came in the clear from a public address
  kFull,
};
std::string_view to_string(LoginRefusal refusal);

struct TwoConnectionCounters {
  std::uint64_t accepted = 0;
  std::map<std::string, std::uint64_t> refused;  // connections closed at once, by reason
  std::uint64_t logins = 0;
  std::map<LoginRefusal, std::uint64_t> refused_logins;
  std::uint64_t throttled_logins = 0;
  std::uint64_t failed_dials = 0;
  std::uint64_t unrecognized_lines = 0;
  std::map<std::string, std::uint64_t> closed;  // connections the door gave up, by reason
};

class TwoConnectionDoor final : public MessageDoor {
 public:
  TwoConnectionDoor(TwoConnectionOptions options, Directory& directory, Hub& hub)
      : options_(options), directory_(directory), hub_(hub) {}

  /// Takes the place of the accounts before; who is logged in stays.
  void set_accounts(Accounts accounts);
  const Accounts& accounts() const { return accounts_; }
  void set_own_ports(const std::vector<std::uint16_t>& ports) override { own_ports_ = ports; }

  void handle_accepted(TimePoint now, StreamId stream, const common::IpAddress& source,
                       const common::Endpoint& local) override;
  bool handle_bytes(TimePoint now, StreamId stream, std::string_view bytes) override;
  void handle_end(TimePoint now, StreamId stream) override;
  void handle_closed(TimePoint now, StreamId stream) override;
  void handle_dialed(TimePoint now, StreamId client, std::optional<StreamId> stream) override;
  void handle_probed(TimePoint now, StreamId stream) override;
  void handle_timeout(TimePoint now) override;
  std::optional<TimePoint> next_timeout() const override;
  std::optional<StreamAction> poll_action() override;

  /// Check this password; handle_verified follows. Both secrets are as in the accounts.
  struct Verify {
    StreamId client = 0;
    std::string secret;  // plain, or an argon2id hash
    std::string password;
    /// Not empty: check this hash as well and forget the result, which costs as much as a hashed
    /// password.
    std::string dummy_hash;
  };
  std::optional<Verify> poll_verification(TimePoint now);
  void handle_verified(TimePoint now, common::WallTime wall, StreamId client, bool is_right);

  void handle_push(TimePoint now, Hub::Push push) override;
  void handle_result(TimePoint now, const Hub::Result& result) override;
  void fail_deliveries() override;
  void shut_down(TimePoint now) override;
  /// Of refused logins.
  std::optional<DoorNotice> poll_notice() override;
  std::vector<DoorMetric> metrics() const override;

  std::size_t client_count() const { return clients_.size(); }
  const TwoConnectionCounters& counters() const { return counters_; }

 private:
  enum class State {
    kNew,         // only /login is a command
    kVerifying,   // a login's password waits for, or is at, the checker
    kHeldBack,    // it was wrong, and so were others before: he hears of it later
    kContesting,  // right, but the user is logged in already: is that one still there?
    kLoggedIn,    // 101: listed, not reachable
    kDialing,     // /port: Lb is being made
    kOnline,      // 201
    kDelivering,  // online, and a message of his awaits its result
    kExiting,     // /exit: his receipt for a line may be on its way on the other connection
  };
  struct Login {
    std::string name;  // as given
    std::string password;
    std::optional<common::UserName> user;  // none: nobody can have that name
    common::WallTime since;                // of the password being found right
    /// What failures are counted by; names that nobody can have share one.
    std::string key() const { return user ? user->key() : std::string(); }
  };
  struct Client {
    StreamId la = 0;
    StreamId lb = 0;  // 0: none
    State state = State::kNew;
    bool has_ended = false;    // La: the other side sends no more
    bool is_paused = false;    // La: its bytes wait in the kernel
    bool is_skipping = false;  // La: the rest of an overlong line
    common::IpAddress source;
    common::IpAddress local;
    std::string input;                     // La: bytes not taken up yet
    std::string receipts;                  // Lb: the beginning of a line
    std::optional<common::UserName> name;  // once logged in
    std::unique_ptr<Login> login;
    DeliveryId delivery = 0;  // while kDelivering
    StreamId contender = 0;   // who logs in as this user as well
    std::optional<TimePoint> line_deadline;
    std::optional<TimePoint> state_deadline;
    std::optional<TimePoint> checked_at;  // of timers_
    PushLink push;
  };

  Client* find(StreamId la);
  Client* owner_of(StreamId stream);
  void write(StreamId stream, std::shared_ptr<const std::string> bytes);
  void reply(Client& client, Reply reply) { write(client.la, reply_line(reply)); }
  void arm(Client& client);
  static bool is_busy(const Client& client);

  void take_commands(TimePoint now, Client& client);
  std::size_t run_lines(TimePoint now, Client& client, std::string_view bytes);
  void run_line(TimePoint now, Client& client, std::string_view line);
  void run_login(TimePoint now, Client& client, const LoginLine& line);
  void run_port(TimePoint now, Client& client, const PortLine& line);
  void run_exit(TimePoint now, Client& client);
  void finish_exit(TimePoint now, Client& client);
  void run_message(Client& client, std::string_view content,
                   std::optional<std::string_view> target);
  void finish_login(TimePoint now, Client& client);
  void hold_back(TimePoint now, Client& client, Duration delay);
  void refuse_login(TimePoint now, Client& client, LoginRefusal reason);
  void set_state(TimePoint now, Client& client, State state);
  /// The end of a command that was awaited: goes on with what was sent after it.
  void resume(TimePoint now, Client& client);
  void handle_receipts(TimePoint now, Client& client, std::string_view bytes);
  void push_next(TimePoint now, Client& client);
  void report(const PushLink::Outcomes& outcomes);
  /// Frees everything about the client; `closes_la`: his La is still there.
  void end_client(TimePoint now, Client& client, bool closes_la);
  void give_up(TimePoint now, Client& client, const char* reason);
  const std::shared_ptr<const std::string>& list_line();
  std::shared_ptr<const std::string> push_line(const MessagePtr& message);

  TwoConnectionOptions options_;
  Directory& directory_;
  Hub& hub_;
  Accounts accounts_;
  std::vector<std::uint16_t> own_ports_;
  LoginQueue logins_;
  bool is_stopping_ = false;

  std::unordered_map<StreamId, std::unique_ptr<Client>> clients_;  // by La
  std::unordered_map<StreamId, Client*> links_;                    // by Lb
  SourceCounts per_source_;
  DeadlineQueue<Client> timers_{clients_};

  std::deque<StreamAction> actions_;
  std::deque<DoorNotice> notices_;

  // Rendered once for all who are told the same.
  std::shared_ptr<const std::string> list_;
  Version list_version_ = 0;
  MessagePtr last_message_;
  std::shared_ptr<const std::string> last_line_;

  TwoConnectionCounters counters_;
};

}  // namespace registry::doors
