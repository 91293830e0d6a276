// `netchat`: the old NetChat client's place (docs/peer.md, "netchat"; docs/protocol/netchat.md). It
// is registered with a TCP listener of its own, sends each message straight to the recipient's, and
// keeps in memory what was said. A core: the shell owns sockets and terminal.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/random.hpp"
#include "common/user.hpp"
#include "peer/conversation.hpp"
#include "peer/netchat_call.hpp"
#include "peer/netchat_command.hpp"
#include "peer/netchat_history.hpp"
#include "peer/netchat_inbox.hpp"

namespace peer {

class NetchatClient final : public Conversation {
 public:
  struct Options {
    common::UserName name;
    std::string registry;  // as typed, for texts
    std::optional<std::string> owner_token;
    bool is_terminal = false;
    bool json = false;
    std::optional<std::string> command;  // the only one
    std::optional<std::uint64_t> count;  // leave after so many messages
    std::optional<Duration> wait;        // leave after so long
    std::uint16_t port = 0;              // 0: a free one
  };

  static constexpr Duration kRefreshMax = std::chrono::seconds(60);
  static constexpr Duration kRefreshMin = std::chrono::seconds(1);
  static constexpr Duration kRetryTime = std::chrono::seconds(5);
  /// For the registry to hear that we leave.
  static constexpr Duration kExitTime = std::chrono::seconds(1);
  /// Lines that wait to be run. No more are wanted then.
  static constexpr std::size_t kInputsMax = 64;
  /// Longest line: what is longer is refused anyway.
  static constexpr std::size_t kInputBytesMax = 8 * 1024;
  /// Bytes that wait for whoever reads standard output. No more are wanted then, of anybody.
  static constexpr std::size_t kUnwrittenMax = 256 * 1024;
  /// Delete signals whose sender is being looked up, or waits for it.
  static constexpr std::size_t kChecksMax = 16;

  NetchatClient(Options options, common::Random& random);

  void start(TimePoint now) override;
  void handle_bytes(TimePoint now, common::WallTime wall, LinkId link,
                    common::Bytes bytes) override;
  void handle_closed(TimePoint now, LinkId link, std::string_view why) override;
  void handle_connected(TimePoint now, LinkId link, const common::Endpoint& local) override;
  void handle_listening(TimePoint now, std::uint16_t port) override;
  void handle_listen_failed(TimePoint now, common::ExitStatus status,
                            std::string_view why) override;
  [[nodiscard]] bool handle_accepted(TimePoint now, LinkId link, const common::Endpoint& from,
                                     const common::Endpoint& local) override;
  void handle_registry_answer(TimePoint now, const RegistryAnswer& answer) override;
  void handle_input_line(TimePoint now, std::string_view line) override;
  void handle_input_end(TimePoint now) override;
  void handle_written(TimePoint now, std::size_t bytes) override;
  void handle_output_closed(TimePoint now) override;
  void handle_stop(TimePoint now, common::ExitStatus status) override;
  void handle_timeout(TimePoint now) override;
  std::optional<TimePoint> next_timeout() const override;
  std::optional<Action> poll_action() override;
  bool wants_input() const override;
  bool wants_bytes(LinkId link) const override;

  std::size_t unanswered_requests() const { return asked_.size(); }
  const NetchatHistory& history() const { return history_; }

 private:
  enum class Step { kStarting, kRegistering, kOnline, kLeft };
  /// What a request to the registry is for.
  enum class Asked { kRegister, kRefresh, kLogout, kList, kLookup, kRelay, kCheck };
  /// A SEND, SEND_MULTI or DELETE under way, one recipient after the other.
  struct Delivery {
    std::vector<std::string> names;  // as typed
    std::size_t next = 0;
    std::string text;
    bool is_multi = false;
    std::optional<NetchatHistory::Sent> take_back;  // DELETE: this one
    std::optional<common::UserName> to;             // names[next], looked up
    std::string id;                                 // of the message under way
    std::vector<std::string> unknown;
    std::size_t sent = 0;
    std::size_t failed = 0;
    common::ExitStatus worst = common::ExitStatus::kOk;  // of those
  };
  /// A delete signal whose sender has to be looked up.
  struct Check {
    LinkId link;
    std::string id;  // to be answered with, if it has one
    common::UserName sender;
    common::IpAddress from;
    NetchatHistory::EntryId entry;
  };

  void ask(Asked what, HttpRequest request, std::optional<std::uint16_t> own_port = {});
  void register_self(Asked what);
  void handle_registration(TimePoint now, Asked what, const RegistryAnswer& answer);
  void go_online(TimePoint now);
  void fail_registration(TimePoint now, common::ExitStatus status, std::string why);

  void advance(TimePoint now);
  void run_line(TimePoint now, std::string_view line);
  void print_list(const RegistryAnswer& answer);
  void print_history(const std::string& key);

  void take_back(std::string_view typed);
  void send_next();
  void handle_lookup(const RegistryAnswer& answer);
  void send_to(const common::User& user);
  void relay_to(const common::User& user);
  void handle_relayed(const RegistryAnswer& answer);
  void end_call(const NetchatCall::Outcome& outcome);
  void end_recipient(bool is_sent);
  void fail_recipient(common::ExitStatus status, const std::string& why);
  void miss_recipient();
  void end_delivery();

  void take_arrived(TimePoint now, NetchatInbox::Arrived arrived);
  void take_message(TimePoint now, const NetchatInbox::Arrived& arrived,
                    const common::NetchatMessage& message);
  void take_delete(const NetchatInbox::Arrived& arrived, const common::NetchatDelete& signal);
  void check_next();
  void handle_checked(const RegistryAnswer& answer);
  void reply(LinkId link, common::NetchatReply reply, const std::string& id);

  LinkId free_link();
  void say(std::string_view line);
  void print(std::string text);
  void note(std::string text, bool is_problem = false);
  void report(common::ExitStatus status);
  void begin_leaving(TimePoint now, common::ExitStatus status);
  void leave();
  bool is_leaving() const { return leave_by_.has_value() || step_ == Step::kLeft; }
  bool is_busy() const { return delivery_.has_value() || is_listing_; }
  bool is_full() const { return options_.count && messages_ >= *options_.count; }
  bool stays_after_input() const;
  std::size_t unwritten() const { return static_cast<std::size_t>(printed_ - written_); }

  Options options_;
  common::Random& random_;
  std::deque<Action> actions_;
  Step step_ = Step::kStarting;

  std::uint16_t port_ = 0;
  std::deque<Asked> asked_;                     // requests without an answer, in order
  std::optional<common::Endpoint> registered_;  // what LOGOUT has to name
  std::optional<TimePoint> refresh_at_;
  bool is_registry_lost_ = false;  // said, until it is back

  std::deque<std::string> inputs_;
  bool has_input_ended_ = false;
  bool is_listing_ = false;
  std::optional<Delivery> delivery_;
  std::optional<NetchatCall> call_;
  std::uint32_t last_link_ = 0;
  std::set<LinkId> own_links_;  // not closed yet

  NetchatInbox inbox_;
  NetchatHistory history_;
  std::uint64_t messages_ = 0;  // taken
  std::uint64_t overlong_ = 0;
  std::deque<Check> checks_;  // the first one's sender is being looked up

  std::uint64_t printed_ = 0;  // bytes in all
  std::uint64_t written_ = 0;  // of them
  bool is_output_closed_ = false;

  common::ExitStatus status_ = common::ExitStatus::kOk;  // the worst so far
  std::optional<TimePoint> wait_until_;
  std::optional<TimePoint> leave_by_;  // set once leaving
  common::ExitStatus leave_status_ = common::ExitStatus::kOk;
};

}  // namespace peer
