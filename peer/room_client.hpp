// `room`: a client of a chat-room server (docs/peer.md, "room"). It says its name, then lines, and
// shows those of others. A core: the shell owns socket and terminal.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "common/random.hpp"
#include "peer/conversation.hpp"
#include "peer/room_protocol.hpp"

namespace peer {

class RoomClient final : public Conversation {
 public:
  struct Options {
    common::UserName name;
    std::string server;        // as typed, for texts
    bool is_terminal = false;  // a person types: lines that begin with / are commands
    bool json = false;
    std::optional<std::string> text;     // the only one; checked with why_no_room_text
    std::optional<std::uint64_t> count;  // leave after so many messages
    std::optional<Duration> wait;        // leave after so long
  };

  /// For the prompt. An old server has newcomers wait while one of them does not say his name.
  static constexpr Duration kPromptTime = std::chrono::seconds(60);
  /// For the greeting, once the name is said.
  static constexpr Duration kGreetingTime = std::chrono::seconds(15);
  /// Between two lines: old servers take what they read at once for one line.
  static constexpr Duration kLinePause = std::chrono::milliseconds(20);
  /// What has no end is shown after so long.
  static constexpr Duration kHalfLineTime = std::chrono::milliseconds(500);
  /// Lines that wait to be said. No more are wanted then.
  static constexpr std::size_t kInputsMax = 64;
  /// Bytes that the server has not taken yet. No line is said then.
  static constexpr std::size_t kUnsentMax = 64 * 1024;
  /// Bytes that wait for whoever reads standard output. No more are wanted then.
  static constexpr std::size_t kUnwrittenMax = 256 * 1024;

  RoomClient(Options options, common::Random& random)
      : options_(std::move(options)), random_(random) {}

  void start(TimePoint now) override;
  void handle_bytes(TimePoint now, common::WallTime wall, LinkId link,
                    common::Bytes bytes) override;
  void handle_closed(TimePoint now, LinkId link, std::string_view why) override;
  void handle_sent(TimePoint now, LinkId link, std::size_t bytes) override;
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
  enum class Step { kArriving, kNaming, kInRoom, kLeft };

  void handle_item(TimePoint now, const RoomReader::Item& item);
  void handle_prompt(TimePoint now);
  void handle_greeting();
  void show(const RoomReader::Item& item);
  void show_half();
  void advance(TimePoint now);
  bool is_command(std::string_view line) const;
  void run_command(std::string_view line);
  void say(TimePoint now, std::string text);
  void send(std::string bytes);
  void print(std::string text);
  void note(std::string text, bool is_problem = false);
  void report(common::ExitStatus status);
  void fail(common::ExitStatus status, std::string text);
  void leave(common::ExitStatus status);
  bool stays_after_input() const;
  std::uint64_t unwritten() const { return printed_ - written_; }

  Options options_;
  common::Random& random_;
  std::deque<Action> actions_;
  Step step_ = Step::kArriving;
  std::optional<TimePoint> answer_by_;  // of the server, before he is in the room
  std::optional<TimePoint> wait_until_;

  RoomReader reader_;
  std::optional<TimePoint> half_at_;  // when what has no end yet is shown
  common::WallTime wall_;             // of the last bytes
  std::uint64_t messages_ = 0;        // shown

  std::deque<std::string> inputs_;
  bool has_input_ended_ = false;
  std::optional<TimePoint> next_line_at_;  // not before that
  std::uint64_t sent_ = 0;                 // bytes in all
  std::uint64_t taken_ = 0;                // of them, by the kernel
  std::uint64_t printed_ = 0;              // bytes in all
  std::uint64_t written_ = 0;              // of them

  common::ExitStatus status_ = common::ExitStatus::kOk;  // the worst so far
};

}  // namespace peer
