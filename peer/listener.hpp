// `listen`: keeps a name registered and turns messages into lines (docs/protocol/directory.md,
// "Leases"; docs/protocol/classic-datagrams.md). A core: the shell owns sockets, terminal and hook.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/bytes.hpp"
#include "common/classic_datagram.hpp"
#include "common/exit_status.hpp"
#include "common/expected.hpp"
#include "common/random.hpp"
#include "common/time.hpp"
#include "peer/hook_end.hpp"
#include "peer/received.hpp"
#include "peer/registry_protocol.hpp"

namespace peer {

using common::Duration;
using common::TimePoint;

class Listener {
 public:
  struct Options {
    common::UserName name;
    std::string registry;  // as typed, for texts
    bool asks = false;     // "Do you want to log out?" after each fifth message
    bool is_terminal = false;
    bool json = false;
    bool has_hook = false;
    bool hook_takes_plain = false;       // messages, too, whose sender anybody could have written
    std::optional<std::uint64_t> count;  // leave after so many messages
    std::optional<Duration> wait;        // leave after so long
    /// True for a name that was seen with a key: who writes under it without one is shown as such.
    /// Null: none was.
    std::function<bool(const common::UserName&)> has_key = {};
  };

  /// Make the request at the registry from the address of the route there, then call
  /// handle_registration. At most one is under way.
  struct Register {
    Verb verb;
  };
  /// Bytes for standard output as they are.
  struct Print {
    std::string text;
  };
  /// A line for standard error, without program name and line end.
  struct Note {
    std::string text;
    bool is_problem = false;  // not only a status line: to be seen when those are not wanted, too
  };
  /// Run the hook for this message, then call handle_hook_done. One at a time.
  struct RunHook {
    Received received;
  };
  /// Tell the sender, who waits for it, what the hook made of his message.
  struct TellHandled {
    std::uint64_t receipt = 0;
    HookEnd end;
  };
  /// Leave with this status. Nothing follows.
  struct Leave {
    common::ExitStatus status;
  };
  using Action = std::variant<Register, Print, Note, RunHook, TellHandled, Leave>;

  using OutcomeOrFailure = common::expected<RegistrationOutcome, ExchangeFailure>;

  static constexpr std::size_t kHookQueueMax = 64;
  static constexpr std::uint64_t kQuestionEvery = 5;
  static constexpr Duration kRefreshMax = std::chrono::seconds(60);
  static constexpr Duration kRefreshMin = std::chrono::milliseconds(500);  // whatever is granted
  static constexpr Duration kRetryMin = std::chrono::milliseconds(500);
  static constexpr Duration kRetryMax = std::chrono::seconds(30);
  /// So many closed connections without an answer, before anything else, are no registry's.
  static constexpr int kUnansweredMax = 3;
  /// A leaving peer waits so long for the registry's answer, and no longer.
  static constexpr Duration kLogoutTime = std::chrono::seconds(1);

  Listener(Options options, common::Random& random);

  void start(TimePoint now);
  /// A classic datagram.
  void handle_datagram(TimePoint now, common::WallTime wall, common::Bytes datagram);
  /// A message whose sender has been told that it is here.
  void handle_message(TimePoint now, const Received& received);
  /// False from the last message that was asked for on: what comes now is left to the network.
  bool takes_messages() const {
    return !is_leaving_ && !has_left_ && (!options_.count || messages_ < *options_.count);
  }
  /// There is another certificate to be registered.
  void handle_new_key(TimePoint now);
  /// `endpoint` is what was asked to be registered.
  void handle_registration(TimePoint now, const common::Endpoint& endpoint,
                           OutcomeOrFailure outcome);
  void handle_input_line(TimePoint now, std::string_view line);
  /// Standard input has ended: at a terminal that answers an open question with yes, elsewhere
  /// nobody is asked any more.
  void handle_input_end(TimePoint now);
  void handle_hook_done(TimePoint now, const HookEnd& end = {});
  /// SIGINT, SIGTERM, or standard output gone: log out and leave with this status.
  void handle_stop(TimePoint now, common::ExitStatus status);
  void handle_timeout(TimePoint now);
  std::optional<TimePoint> next_timeout() const;

  std::optional<Action> poll_action();

  /// True while an answer to the question is awaited.
  bool is_asking() const { return is_asking_; }

 private:
  enum class Registration {
    kNone,        // nothing sent yet
    kUnderWay,    // the first or a later REGISTER or UPDATE
    kHeld,        // ours as far as we know
    kRetrying,    // not ours as far as we know; tried again at registry_at_
    kLoggingOut,  // LOGOUT is under way
    kGone,
  };

  void request(Verb verb);
  void accepted(TimePoint now, const common::Endpoint& endpoint, const Accepted& accepted);
  void retry(TimePoint now, std::string note);
  void refuse(common::ExitStatus status, std::string text);
  void begin_leaving(TimePoint now, common::ExitStatus status);
  void finish_logout(const OutcomeOrFailure& outcome);
  void note(std::string text, bool is_problem = false);
  void leave();
  void ask();
  void drop_question();
  void queue_hook(const Received& received);
  void run_next_hook();
  void finish_if_counted(TimePoint now);
  Duration jittered(Duration duration);

  Options options_;
  common::Random& random_;
  std::deque<Action> actions_;

  Registration registration_ = Registration::kNone;
  bool was_registered_ = false;
  int unanswered_ = 0;
  bool is_registry_away_ = false;  // noted once for each time it goes
  std::optional<Duration> lease_;
  Duration retry_after_ = kRetryMin;
  std::optional<TimePoint> registry_at_;  // when to refresh or try again
  std::optional<TimePoint> wait_until_;
  std::optional<TimePoint> leave_by_;  // set once leaving
  common::ExitStatus leave_status_ = common::ExitStatus::kOk;
  bool is_leaving_ = false;
  bool has_left_ = false;
  bool asked_to_log_out_ = false;  // by answering the question

  std::uint64_t messages_ = 0;
  std::uint64_t since_question_ = 0;
  bool is_asking_ = false;
  std::deque<Received> hooks_;  // the front one runs while is_hook_running_
  bool is_hook_running_ = false;
  bool is_dropping_hooks_ = false;
};

}  // namespace peer
