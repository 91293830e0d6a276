// A script of calls on the `send` core: lines, argument words, the registry's answers and the
// network's, in any order that a shell could make them.
#include "peer/sender.hpp"

#include <algorithm>
#include <deque>
#include <set>

#include "common/limits.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/script_answer.hpp"
#include "tests/fuzz/support/text_rules.hpp"

namespace {

using common::ExitStatus;
using peer::Sender;

/// From best to worst, as README.md's table and the classic texts have it.
int rank(ExitStatus status) {
  constexpr std::array kRanks = {
      ExitStatus::kOk,          ExitStatus::kSomeMissed, ExitStatus::kNoUser,
      ExitStatus::kTemporary,   ExitStatus::kRefused,    ExitStatus::kProtocol,
      ExitStatus::kUnavailable, ExitStatus::kBadInput,   ExitStatus::kUsage};
  const auto place = std::find(kRanks.begin(), kRanks.end(), status);
  ENSURE(place != kRanks.end());
  return static_cast<int>(place - kRanks.begin());
}

class World {
 public:
  World() : self_(*common::UserName::parse("carol")), sender_(self_, "127.0.0.1:8080") {}

  /// An unknown call, or one that the shell could not make now, does nothing.
  ///   > LINE   w WORD|WORD…   o            what the person asks
  ///   a STATUS FORM TAG BODY, f KIND       the registry answers, or does not
  ///   s RESULT RESULT…                     what came of each datagram; 1: the network refused
  void run(fuzz::ScriptLine line) {
    const int before = rank(sender_.status());
    switch (line.call()) {
      case '>':
      case 'w':
        if (!sender_.is_idle() || sender_.has_exited()) return;
        begin(line.call(), line.text());
        break;
      case 'o':
        if (sender_.is_idle() && !sender_.has_exited()) sender_.handle_overlong_line();
        break;
      case 'a':
        if (std::exchange(is_fetching_, false)) sender_.handle_answer(fuzz::answer_of(line));
        break;
      case 'f':
        if (std::exchange(is_fetching_, false))
          sender_.handle_answer(common::unexpected{fuzz::failure_of(line)});
        break;
      case 's': {
        if (sending_.empty()) return;
        std::vector<Sender::SendResult> results(sending_.front());
        sending_.pop_front();
        for (auto& result : results) result = line.flag() ? "network is unreachable" : "";
        sender_.handle_sent(results);
        break;
      }
      default:
        return;
    }
    drain();
    ENSURE(rank(sender_.status()) >= before);  // the worst that happened is never forgotten
  }

  /// A command ends however the registry and the network behave.
  void settle() {
    constexpr int kStepsMax = 100'000;
    for (int step = 0; !sender_.is_idle() || !sending_.empty(); ++step) {
      ENSURE(step < kStepsMax);
      run(fuzz::ScriptLine(is_fetching_ ? step % 2 == 0 ? "a4040" : "f0" : "s0"));
    }
  }

 private:
  void begin(char call, const std::string& text) {
    // One question for the list, or for each name; names are divided by commas.
    questions_left_ = 1 + std::count(text.begin(), text.end(), ',');
    ahead_.clear();
    if (call == '>') {
      for (const peer::HttpRequest& request : peer::lookups_in(text)) ahead_.insert(request.target);
      is_ahead_whole_ = true;
      sender_.handle_line(text);
    } else {
      is_ahead_whole_ = false;
      sender_.handle_words(split(text));
    }
  }

  static std::vector<std::string> split(std::string text) {
    std::vector<std::string> words;
    while (true) {
      const auto bar = text.find('|');
      words.push_back(text.substr(0, bar));
      if (bar == text.npos) return words;
      text.erase(0, bar + 1);
    }
  }

  void drain() {
    while (const auto action = sender_.poll_action()) {
      // An answer comes before anything else, but for what is told of datagrams sent before.
      const bool is_line = std::holds_alternative<Sender::Print>(*action) ||
                           std::holds_alternative<Sender::Complain>(*action);
      ENSURE(!is_fetching_ || is_line);
      if (const auto* fetch = std::get_if<Sender::Fetch>(&*action)) {
        is_fetching_ = true;
        ENSURE(--questions_left_ >= 0);
        check_request(fetch->request);
      } else if (const auto* send = std::get_if<Sender::SendDatagrams>(&*action)) {
        sending_.push_back(send->datagrams.size());
        ENSURE(sending_.back() > 0);
        for (const peer::Transmit& transmit : send->datagrams) check_datagram(transmit);
      } else if (const auto* print = std::get_if<Sender::Print>(&*action)) {
        fuzz::ensure_harmless(print->line);
      } else if (const auto* complain = std::get_if<Sender::Complain>(&*action)) {
        fuzz::ensure_harmless_lines(complain->text);
        ENSURE(!complain->text.empty());
      }
    }
    ENSURE(sender_.is_idle() == !is_fetching_);
    if (sender_.has_exited()) ENSURE(sender_.is_idle());
  }

  void check_request(const peer::HttpRequest& request) const {
    ENSURE(request.method == "GET" && request.body.empty());
    ENSURE(request.target.starts_with("/userlist.txt"));
    for (const char c : request.target) ENSURE(c > ' ' && c <= '~');
    // What can be asked ahead of a line is all that it asks of users.
    if (is_ahead_whole_ && request.target.find('?') != std::string::npos)
      ENSURE(ahead_.contains(request.target));
  }

  void check_datagram(const peer::Transmit& transmit) const {
    const std::string_view text = common::as_text(transmit.datagram);
    ENSURE(text.size() <= common::kClassicDatagramBytesMax);
    ENSURE(text.starts_with(self_.text() + ": "));
    ENSURE(fuzz::is_well_formed(text));
    ENSURE(text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos);
    ENSURE(transmit.to.address.is_unicast() && transmit.to.port >= common::kUserPortMin);
  }

  common::UserName self_;
  Sender sender_;
  bool is_fetching_ = false;
  std::set<std::string> ahead_;  // the look-ups that its line names, if it is a line
  bool is_ahead_whole_ = false;
  std::ptrdiff_t questions_left_ = 0;  // of the command under way
  std::deque<std::size_t> sending_;    // datagrams of each SendDatagrams without results
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  fuzz::play(world, fuzz::as_input(data, size));
  world.settle();
  return 0;
}
