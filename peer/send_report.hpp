// What became of the recipients of commands: lines in the order of the commands, whenever each is
// known, with the exact texts of the classic client, and the run's exit status. A core.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "common/exit_status.hpp"
#include "peer/delivery.hpp"

namespace peer {

class SendReport {
 public:
  /// A line for standard output, without its line end.
  struct Print {
    std::string line;
  };
  /// Bytes for standard output as they are: a hook's answer.
  struct Write {
    std::string bytes;
  };
  /// A line for standard error, without program name and line end.
  struct Complain {
    std::string text;
  };
  using Line = std::variant<Print, Write, Complain>;
  /// Empty: the network has taken the datagram; else why not.
  using SendResult = std::string;

  /// `json`: an object a recipient instead of a line. `has_hook_status`: a recipient's hook's exit
  /// status is the run's.
  SendReport(bool json, bool has_hook_status) : json_(json), has_hook_status_(has_hook_status) {}

  /// What follows is of a further command.
  void begin_command() { tally_ = std::make_shared<Tally>(); }
  /// All its recipients are named; what became of them counts once it is known. A command that the
  /// registry did not help with is not ended: its failure counts instead (report()).
  void end_command();

  void print(std::string line) { output_.push_back(Print{std::move(line)}); }
  void complain(std::string text) { output_.push_back(Complain{std::move(text)}); }

  /// Of a recipient to whom the registry has handed it.
  void tell_handed_on(const std::string& name);
  void tell_unknown(const std::string& name);
  /// `may_arrive`: nobody knows whether he gets it.
  void tell_missed(const std::string& name, common::ExitStatus status, std::string_view reason,
                   bool may_arrive = false);

  /// Keeps the place of recipients of classic datagrams, until handle_sent.
  void await_results(std::vector<std::string> names);
  /// Of the oldest that are awaited.
  void handle_sent(std::span<const SendResult> results);

  /// Keeps the place of the recipient of a sealed message, until handle_delivery with what this
  /// returns.
  std::uint64_t await_delivery(std::string name, bool is_ask);
  void handle_delivery(std::uint64_t ticket, Delivery delivery);
  /// Deliveries that are awaited.
  std::size_t awaited() const { return sealed_.size(); }

  /// The next line, in order; nothing while it is not known.
  std::optional<Line> poll_line();

  /// Counts for the run's status.
  void report(common::ExitStatus status);
  /// The worst that happened so far, as far as results are known.
  common::ExitStatus status() const { return status_; }
  /// What status() is, or instead of kOk the exit status of the first hook that did not succeed, if
  /// those count.
  int exit_status() const {
    return status_ == common::ExitStatus::kOk ? hook_status_ : static_cast<int>(status_);
  }

 private:
  /// What became of a command's recipients.
  struct Tally {
    std::size_t delivered = 0;
    std::size_t unknown = 0;
    std::size_t failed = 0;
    std::size_t awaited = 0;  // runs of datagrams without results, messages without a delivery
    common::ExitStatus worst = common::ExitStatus::kOk;  // why messages failed
    bool has_ended = false;
  };
  /// Lines that depend on results to come.
  struct Awaited {
    std::vector<std::string> names;
    std::shared_ptr<Tally> tally;
  };
  /// The place of a sealed message's lines.
  struct Sealed {
    std::string name;
    std::shared_ptr<Tally> tally;
    bool is_ask = false;
    std::optional<Delivery> delivery = {};
  };
  using Output = std::variant<Print, Write, Complain, Awaited, std::shared_ptr<Sealed>>;

  void settle(const Tally& tally);
  void tell(const Sealed& sealed, std::deque<Output>& lines) const;
  void tell_missed(std::vector<Output>& lines, Tally& tally, const std::string& name,
                   common::ExitStatus status, std::string_view reason, bool may_arrive) const;
  Print sent_line(const std::string& name) const;

  bool json_;
  bool has_hook_status_;
  common::ExitStatus status_ = common::ExitStatus::kOk;
  int hook_status_ = 0;
  std::uint64_t last_ticket_ = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<Sealed>> sealed_;
  std::deque<Output> output_;
  std::shared_ptr<Tally> tally_;  // of the command under way
};

}  // namespace peer
