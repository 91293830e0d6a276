// `login`: a client of the two-connection account server (docs/peer.md, "login"). It logs in, lets
// the server connect back, says one command after the other on the first connection and receipts
// messages on the second. A core: the shell owns sockets and terminal.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "common/line_splitter.hpp"
#include "common/random.hpp"
#include "common/user.hpp"
#include "peer/conversation.hpp"

namespace peer {

class TwoConnectionClient final : public Conversation {
 public:
  struct Options {
    std::optional<common::UserName> name;  // none: the first line of input is one
    std::optional<std::string> password;   // none: from input; checked with why_no_password
    std::string server;                    // as typed, for texts
    common::IpAddress server_address;      // that the first connection leads to
    bool is_server_here = false;           // both ends of it have that address
    bool is_terminal = false;              // a person is asked, and asked again
    bool json = false;
    std::optional<std::string> command;  // the only one; checked with why_no_command
    std::optional<std::uint64_t> count;  // leave after so many messages
    std::optional<Duration> wait;        // leave after so long
    std::uint16_t port = 0;              // for the second connection; 0: a free one
  };

  /// A server gives up waiting for a recipient after 10 seconds; this is for its answer to come.
  static constexpr Duration kReplyTime = std::chrono::seconds(15);
  /// A server may hold the answer to a wrong password back: ours up to 30 seconds, and others'
  /// logins may be before.
  static constexpr Duration kLoginReplyTime = std::chrono::seconds(60);
  /// A leaving client waits so long for the server's answers, and no longer.
  static constexpr Duration kExitTime = std::chrono::seconds(1);
  /// From the last receipt to /exit, for the server to read them in this order.
  static constexpr Duration kReceiptPause = std::chrono::milliseconds(100);
  static constexpr std::size_t kReplyBytesMax = 64 * 1024;
  /// Of `301`, a list of names: 200,000 of the longest.
  static constexpr std::size_t kListBytesMax = 16 * 1024 * 1024;
  static constexpr std::size_t kDeliveryBytesMax = 8 * 1024;
  /// Lines that wait to be said. No more are wanted then.
  static constexpr std::size_t kInputsMax = 64;
  /// Bytes that wait for whoever reads standard output. No more are wanted then.
  static constexpr std::size_t kUnwrittenMax = 256 * 1024;
  /// Lines on the second connection that wait for their receipt.
  static constexpr std::size_t kUnreceiptedMax = 64;

  TwoConnectionClient(Options options, common::Random& random);

  void start(TimePoint now) override;
  /// kServerLink is the connection for commands, the other one that for messages.
  void handle_bytes(TimePoint now, common::WallTime wall, LinkId link,
                    common::Bytes bytes) override;
  void handle_closed(TimePoint now, LinkId link, std::string_view why) override;
  void handle_listening(TimePoint now, std::uint16_t port) override;
  void handle_listen_failed(TimePoint now, common::ExitStatus status,
                            std::string_view why) override;
  /// True if that is the second connection.
  [[nodiscard]] bool handle_accepted(TimePoint now, LinkId link, const common::Endpoint& from,
                                     const common::Endpoint& local) override;
  void handle_input_line(TimePoint now, std::string_view line) override;
  void handle_input_end(TimePoint now) override;
  void handle_written(TimePoint now, std::size_t bytes) override;
  /// Nothing more is receipted, either.
  void handle_output_closed(TimePoint now) override;
  void handle_stop(TimePoint now, common::ExitStatus status) override;
  void handle_timeout(TimePoint now) override;
  std::optional<TimePoint> next_timeout() const override;
  std::optional<Action> poll_action() override;
  bool wants_input() const override;
  bool wants_bytes(LinkId link) const override;

 private:
  enum class Question { kName, kPassword };
  enum class Step { kName, kPassword, kLoggingIn, kListening, kConnecting, kOnline, kLeft };
  /// A line on the second connection whose receipt waits.
  struct Unreceipted {
    std::uint64_t written;  // to be sent once so many bytes are written in all
    bool is_message;        // not: a line that is shown nowhere
  };

  void advance(TimePoint now);
  std::optional<std::string> take_answer(Question question);
  void take_name(std::string_view typed);
  void take_password(std::string_view typed);
  void reject_answer(std::string text);
  void log_in(TimePoint now);
  void run_next_command(TimePoint now);
  void say(TimePoint now, std::string command);
  Duration reply_time() const;
  void say_goodbye(TimePoint now);

  void handle_reply(TimePoint now, common::WallTime wall, std::string_view line, int code);
  void handle_login_reply(common::WallTime wall, std::string_view line, int code);
  void handle_port_reply(TimePoint now, common::WallTime wall, std::string_view line, int code);
  void handle_command_reply(TimePoint now, common::WallTime wall, std::string_view line, int code);
  void handle_goodbye_reply(common::WallTime wall, std::string_view line, int code);
  void handle_delivery(common::WallTime wall, const common::LineSplitter::Line& line);
  void send_receipts(TimePoint now);

  void print(std::string text);
  void print_reply(common::WallTime wall, std::string_view line, int code);
  void note(std::string text, bool is_problem = false);
  void report(common::ExitStatus status);
  void fail(common::ExitStatus status, std::string text);
  void fail_garbage(std::string_view line);
  void begin_leaving(TimePoint now, common::ExitStatus status);
  void leave();
  bool is_leaving() const { return leave_by_.has_value() || step_ == Step::kLeft; }
  bool is_logged_in() const { return step_ >= Step::kListening; }
  bool stays_after_input() const;
  std::size_t unwritten() const { return static_cast<std::size_t>(printed_ - written_); }

  Options options_;
  common::Random& random_;
  std::deque<Action> actions_;
  Step step_ = Step::kName;
  bool asks_for_name_;        // again after a refusal, too
  bool has_asked_ = false;    // an answer is awaited
  bool was_refused_ = false;  // by the server: a login
  std::uint16_t port_ = 0;

  common::LineSplitter replies_{kListBytesMax};
  std::optional<std::string> awaited_;   // the command whose reply is awaited
  std::optional<TimePoint> reply_by_;    // set with awaited_
  std::optional<TimePoint> goodbye_at_;  // set while /exit waits
  bool has_said_goodbye_ = false;
  bool shows_goodbye_ = false;  // the person said it

  common::LineSplitter deliveries_{kDeliveryBytesMax};
  std::optional<LinkId> message_link_;
  std::deque<Unreceipted> unreceipted_;
  std::uint64_t messages_ = 0;  // printed
  std::uint64_t receipted_ = 0;
  std::optional<TimePoint> receipted_at_;  // the last one
  std::uint64_t unknown_ = 0;              // lines that were no messages

  std::deque<std::string> inputs_;
  bool has_input_ended_ = false;
  std::uint64_t printed_ = 0;  // bytes in all
  std::uint64_t written_ = 0;  // of them
  bool is_output_closed_ = false;

  common::ExitStatus status_ = common::ExitStatus::kOk;  // the worst so far
  std::optional<TimePoint> wait_until_;
  std::optional<TimePoint> leave_by_;  // set once leaving
  common::ExitStatus leave_status_ = common::ExitStatus::kOk;
};

}  // namespace peer
