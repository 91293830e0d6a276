// `login`: a client of the two-connection account server (docs/peer.md, "login"). It logs in, lets
// the server connect back, says one command after the other on the first connection and receipts
// messages on the second. A core: the shell owns sockets and terminal.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/bytes.hpp"
#include "common/endpoint.hpp"
#include "common/exit_status.hpp"
#include "common/line_splitter.hpp"
#include "common/random.hpp"
#include "common/time.hpp"
#include "common/user.hpp"

namespace peer {

using common::Duration;
using common::TimePoint;

class TwoConnectionClient {
 public:
  enum class Link {
    kCommands,  // ours to the server
    kMessages,  // the server's to us
  };
  enum class Question { kName, kPassword, kCommand };

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
  };

  /// One segment on that connection.
  struct Send {
    Link link;
    std::string bytes;
  };
  /// Bytes for standard output as they are; call handle_written for what was written.
  struct Print {
    std::string text;
  };
  /// A line for standard error, without program name and line end.
  struct Note {
    std::string text;
    bool is_problem = false;  // not only a status line: to be seen when those are not wanted, too
  };
  /// The next line of input is the answer; kCommand: so are all lines from now on. Off a terminal
  /// nobody is asked, and the lines mean the same.
  struct Ask {
    Question question;
  };
  /// Listen for the second connection, then call handle_listening or handle_listen_failed.
  struct Listen {};
  struct StopListening {};
  /// Close both connections and leave with this status. Nothing follows.
  struct Leave {
    common::ExitStatus status;
  };
  using Action = std::variant<Send, Print, Note, Ask, Listen, StopListening, Leave>;

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

  /// The first connection is there.
  void start(TimePoint now);
  void handle_bytes(TimePoint now, common::WallTime wall, Link link, common::Bytes bytes);
  /// `why`: what broke the connection; empty if the server closed it.
  void handle_closed(TimePoint now, Link link, std::string_view why = {});
  void handle_listening(TimePoint now, std::uint16_t port);
  void handle_listen_failed(TimePoint now, common::ExitStatus status, std::string why);
  /// Somebody at `from` connected to where we listen, at our address `to`: true if that is the
  /// second connection, else it is closed.
  [[nodiscard]] bool handle_connection(const common::IpAddress& from, const common::IpAddress& to);
  void handle_input_line(TimePoint now, std::string_view line);
  void handle_input_end(TimePoint now);
  /// So many more bytes of what was to be printed are on standard output.
  void handle_written(TimePoint now, std::size_t bytes);
  /// Nothing more can be shown, so nothing more is receipted.
  void handle_output_closed(TimePoint now);
  /// A signal: take leave of the server and leave with this status; at once if it is the second.
  void handle_stop(TimePoint now, common::ExitStatus status);
  void handle_timeout(TimePoint now);
  std::optional<TimePoint> next_timeout() const;

  std::optional<Action> poll_action();

  /// False while what is there has to be worked off first.
  bool wants_input() const;
  bool wants_bytes(Link link) const;

 private:
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
  bool has_message_link_ = false;
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
