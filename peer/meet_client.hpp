// `meet`: a client of a rendezvous registry (docs/peer.md, "meet"). It registers, says HELLO, asks
// others for a chat and talks with them without the registry, or in groups through it. A core: the
// shell owns sockets and terminal.
//
// Old registries and old programs break easily. What this client never does for their sake: name
// somebody to a registry that has not found him first, say HELLO early or after having been given
// up, connect to a partner without a text for him, close such a connection, put a keyword or two
// frames where one is expected.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/random.hpp"
#include "common/rendezvous_frame.hpp"
#include "common/user.hpp"
#include "peer/conversation.hpp"
#include "peer/meet_command.hpp"
#include "peer/meet_links.hpp"
#include "peer/meet_lookup.hpp"
#include "peer/meet_protocol.hpp"

namespace peer {

class MeetClient final : public Conversation {
 public:
  struct Options {
    common::UserName name;
    std::string server;         // as typed, for texts
    common::Endpoint hello_to;  // the registry's address and port for datagrams
    Duration hello = std::chrono::seconds(60);
    bool is_terminal = false;  // a person is there, and need not wait for answers
    bool json = false;
    std::optional<std::uint64_t> count;  // leave after so many messages
    std::optional<Duration> wait;        // leave after so long
    std::uint16_t port = 0;              // for texts of partners; 0: a free one
  };

  /// A registry answers at once.
  static constexpr Duration kReplyTime = std::chrono::seconds(10);
  /// Another person answers within what our registry gives him, or never.
  static constexpr Duration kAnswerTime = std::chrono::seconds(65);
  /// A leaving client waits so long for the registry, and no longer.
  static constexpr Duration kLeaveTime = std::chrono::seconds(2);
  /// Old registries give up whoever is silent for so long, and break on his next HELLO.
  static constexpr Duration kSilenceMax = std::chrono::seconds(200);
  /// Lines that wait to be said. No more are wanted then.
  static constexpr std::size_t kInputsMax = 64;
  /// Bytes that wait for whoever reads standard output, or for the others to take them. No more are
  /// wanted then.
  static constexpr std::size_t kUnwrittenMax = 256 * 1024;
  static constexpr std::size_t kUnsentMax = 256 * 1024;
  /// Invitations that are remembered; the oldest is forgotten.
  static constexpr std::size_t kInvitationsMax = 64;

  MeetClient(Options options, common::Random& random);

  void start(TimePoint now) override;
  void handle_bytes(TimePoint now, common::WallTime wall, LinkId link,
                    common::Bytes bytes) override;
  void handle_closed(TimePoint now, LinkId link, std::string_view why) override;
  void handle_sent(TimePoint now, LinkId link, std::size_t bytes) override;
  void handle_listening(TimePoint now, std::uint16_t port) override;
  void handle_listen_failed(TimePoint now, common::ExitStatus status,
                            std::string_view why) override;
  [[nodiscard]] bool handle_accepted(TimePoint now, LinkId link, const common::Endpoint& from,
                                     const common::Endpoint& local) override;
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

 private:
  enum class Step { kListening, kRegistering, kOnline, kLeft };
  enum class Room { kNone, kPrivate, kGroup };
  /// What the next line of input waits for.
  enum class Awaited {
    kLookup,   // is there such a user?
    kAnswer,   // another person's, to a request
    kRoom,     // to be in it, or why not
    kRefusal,  // ours to have been taken
    kTaken,    // our last texts to be with the partner, before EXIT is said
    kExit,
    kLogout,
    kEcho,  // our own text, back from the group
  };

  void advance(TimePoint now);
  void run_line(TimePoint now, const std::string& line);
  void run_text(TimePoint now, const std::string& text);
  void run_group_answer(TimePoint now, const MeetGroupAnswer& answer);
  void run_exit(TimePoint now);
  void say_exit(TimePoint now);
  void end_taken(TimePoint now);
  void ask_next(TimePoint now);
  void finish_lookup(TimePoint now);
  void refuse_input(std::string text);

  void take_server_frames(TimePoint now, common::WallTime wall);
  void handle_notice(TimePoint now, common::WallTime wall, const MeetNotice& notice);
  void handle_lookup_reply(TimePoint now, common::WallTime wall, const MeetNotice& notice);
  void handle_group_text(TimePoint now, common::WallTime wall, const MeetNotice& notice);
  void enter_private(TimePoint now, const MeetNotice& notice);
  void refuse_private(TimePoint now);
  void drop_lookup();
  void enter_group(TimePoint now, std::uint32_t group);
  void leave_room(TimePoint now);
  void become_online(TimePoint now);
  void show_messages(std::vector<MeetLinks::Received> received);
  void leave_if_enough(TimePoint now);

  void say(std::string_view data);
  void await(TimePoint now, Awaited what, Duration limit);
  bool is_awaiting(Awaited what) const { return awaited_ == what; }
  void end_awaiting() { awaited_.reset(); }
  void handle_no_reply(TimePoint now);
  void say_hello(TimePoint now);
  void set_prompt(std::string prompt);

  void print(std::string text);
  void print_notice(common::WallTime wall, const MeetNotice& notice);
  void print_message(common::WallTime wall, std::string sender, std::string text);
  void note(std::string text, bool is_problem = false);
  void report(common::ExitStatus status);
  void report_lost(std::string_view partner, std::string_view why);
  void fail(common::ExitStatus status, std::string text);
  void begin_leaving(TimePoint now, std::optional<common::ExitStatus> status = {});
  void say_goodbye();
  bool finish_link();
  void leave();
  bool is_leaving() const { return leave_by_.has_value() || step_ == Step::kLeft; }
  bool stays_after_input() const;
  std::size_t unwritten() const { return static_cast<std::size_t>(printed_ - written_); }

  Options options_;
  common::Random& random_;
  std::deque<Action> actions_;
  Step step_ = Step::kListening;
  std::uint16_t port_ = 0;

  common::RendezvousSplitter frames_;
  std::optional<std::string> cause_;  // the first frame of a pair whose second has not come
  std::size_t unsent_ = 0;            // to the registry
  std::optional<TimePoint> hello_at_;
  TimePoint hello_said_;  // or registered

  Room room_ = Room::kNone;
  std::string partner_;  // in a private one
  common::Endpoint partner_endpoint_;
  std::uint32_t group_ = 0;           // in one
  std::uint32_t answered_group_ = 0;  // whose invitation we have accepted
  std::deque<std::uint32_t> invitations_;
  MeetLinks links_;
  /// The connection to the partner that is being closed before EXIT: said sooner, the registry's
  /// word that the chat is over could be there before the last text.
  std::optional<LinkId> finishing_;

  std::optional<MeetLookup> lookup_;
  std::optional<Awaited> awaited_;
  std::optional<TimePoint> awaited_until_;  // while leaving, leave_by_ counts instead
  std::deque<std::string> inputs_;
  bool has_input_ended_ = false;

  std::uint64_t messages_ = 0;  // printed
  std::uint64_t printed_ = 0;   // bytes in all
  std::uint64_t written_ = 0;   // of them
  std::uint64_t unknown_ = 0;   // frames of others' that were no messages for us
  bool is_output_closed_ = false;

  common::ExitStatus status_ = common::ExitStatus::kOk;  // the worst so far
  std::optional<TimePoint> wait_until_;
  std::optional<TimePoint> leave_by_;  // set once leaving
  /// What ends the run whatever came of its commands; else status_ counts.
  std::optional<common::ExitStatus> leave_status_;
};

}  // namespace peer
