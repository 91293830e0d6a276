// A script of calls on the `meet` core: what the registry and partners say, in any pieces, the
// person's lines, a reader who takes his time, signals and time. The first line chooses its
// options. What would end an old registry or an old partner is never said.
#include "peer/meet_client.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/fuzz/support/text_rules.hpp"

namespace {

using namespace std::chrono_literals;
using common::ExitStatus;
using common::RendezvousKeyword;
using common::TimePoint;
using peer::LinkId;
using peer::MeetClient;

constexpr std::array<common::Duration, 7> kSteps = {1ms, 100ms, 1s, 10s, 60s, 65s, 1h};
constexpr LinkId kServer = MeetClient::kServerLink;

/// TERMINAL JSON COUNT WAIT, a character each.
MeetClient::Options options_of(fuzz::ScriptLine line) {
  MeetClient::Options options{.name = *common::UserName::parse("ali"),
                              .server = "127.0.0.1:6234",
                              .hello_to = {common::IpAddress::v4({127, 0, 0, 1}), 6235},
                              .is_terminal = line.flag(),
                              .json = line.flag(),
                              .count = {},
                              .wait = {}};
  if (const auto count = line.number(36)) options.count = count;
  if (const auto wait = line.number(36)) options.wait = wait * 1s;
  return options;
}

class World {
 public:
  explicit World(const MeetClient::Options& options)
      : options_(options), client_(options, random_) {
    client_.start(now_);
    drain();
    client_.handle_listening(now_, 7820);
    drain();
  }

  /// An unknown call, or one that the shell could not make now, does nothing.
  ///   n DATA   m DATA   r BYTES         the registry says something, for ali or for veli, or bytes
  ///   f NAME                            it has found somebody
  ///   c WHERE   p LINK DATA   q LINK BYTES   somebody connects; says a frame, or bytes
  ///   x LINK BROKEN                     a connection ends: 0 is the registry's
  ///   i LINE   e                        a line of input, its end
  ///   w EIGHTHS   o   k                 so much of the output is written; it is closed; all sent
  ///   s STATUS                          a signal
  ///   t STEP, u                         time passes: a step, or until the next timeout
  void run(fuzz::ScriptLine line) {
    if (has_left_) return;
    switch (line.call()) {
      case 'n':
      case 'm':
        hear_registry(line.call() == 'n' ? "ali" : "veli", line.text());
        break;
      case 'f':
        hear_registry("ali", "&&FOUND&&|somebody found. its address is ('127.0.0.1', 5)");
        break;
      case 'r':
        hear(kServer, line.text());
        break;
      case 'c': {
        constexpr std::array<const char*, 2> kFrom = {"127.0.0.1", "10.0.0.6"};
        const LinkId link{static_cast<std::uint32_t>(MeetClient::kAcceptedLinkMin) +
                          static_cast<std::uint32_t>(accepts_++)};
        if (client_.handle_accepted(now_, link,
                                    {*common::IpAddress::parse(kFrom[line.number(2)]), 5}, {}))
          accepted_.push_back(link);
        ENSURE(accepted_.size() <= MeetClient::kAcceptedLinksMax);
        break;
      }
      case 'p':
      case 'q': {
        const std::size_t index = line.number(8);
        if (index >= accepted_.size()) break;
        std::string said = line.text();
        if (line.call() == 'p' && said.size() <= common::kRendezvousDataBytesMax)
          said = common::encode_rendezvous_frame(said);
        hear(accepted_[index], said);
        break;
      }
      case 'x': {
        const std::size_t index = line.number(8);
        const std::string_view why = line.flag() ? "it broke" : "";
        if (index == 0) {
          client_.handle_closed(now_, kServer, why);
        } else if (index <= own_.size()) {
          const auto own = std::next(own_.begin(), static_cast<std::ptrdiff_t>(index) - 1);
          const LinkId link = own->first;
          own_.erase(own);
          client_.handle_closed(now_, link, why);
        }
        break;
      }
      case 'i':
        if (!has_input_ended_ && client_.wants_input())
          client_.handle_input_line(now_, line.text());
        break;
      case 'e':
        if (!std::exchange(has_input_ended_, true)) client_.handle_input_end(now_);
        break;
      case 'w': {
        const std::size_t some = unwritten_ * (1 + line.number(8)) / 8;
        if (some == 0 || is_output_closed_) break;
        unwritten_ -= some;
        client_.handle_written(now_, some);
        break;
      }
      case 'o':
        if (!std::exchange(is_output_closed_, true)) client_.handle_output_closed(now_);
        break;
      case 'k':
        for (auto& [link, own] : own_) tell_sent(link, std::exchange(own.unsent, 0));
        tell_sent(kServer, std::exchange(unsent_, 0));
        break;
      case 's':
        client_.handle_stop(now_, line.flag() ? ExitStatus::kTerminated : ExitStatus::kInterrupted);
        break;
      case 't':
        now_ += kSteps[line.number(kSteps.size())];
        client_.handle_timeout(now_);
        break;
      case 'u':
        if (const auto next = client_.next_timeout()) {
          now_ = std::max(now_, *next);
          client_.handle_timeout(now_);
        }
        break;
      default:
        break;
    }
    drain();
  }

  /// Whatever is going on, a second signal ends it.
  void finish() {
    for (int i = 0; i < 2 && !has_left_; ++i) {
      client_.handle_stop(now_, ExitStatus::kInterrupted);
      drain();
    }
    ENSURE(has_left_ && !client_.next_timeout());
    ENSURE(!client_.wants_input() && !client_.wants_bytes(kServer));
  }

 private:
  struct Own {
    std::size_t unsent = 0;
  };

  void hear_registry(std::string_view cause, const std::string& data) {
    if (data.size() > common::kRendezvousDataBytesMax) return;
    // What it has said of groups, and found, as an old registry knows it.
    const auto room = data.find(" would like to add you to group chat room ");
    if (room != data.npos) invited_ = true;
    hear(kServer, common::encode_rendezvous_pair(cause, data));
  }
  void hear(LinkId link, const std::string& bytes) {
    if (bytes.empty() || !client_.wants_bytes(link)) return;
    client_.handle_bytes(now_, {1}, link, common::as_bytes(bytes));
  }
  void tell_sent(LinkId link, std::size_t bytes) {
    if (bytes > 0) client_.handle_sent(now_, link, bytes);
  }

  void drain() {
    while (const auto action = client_.poll_action()) {
      ENSURE(!has_left_);
      if (const auto* send = std::get_if<MeetClient::Send>(&*action)) {
        check_frame(*send);
      } else if (const auto* print = std::get_if<MeetClient::Print>(&*action)) {
        ENSURE(!is_output_closed_);
        check_output(print->text);
        unwritten_ += print->text.size();
      } else if (const auto* note = std::get_if<MeetClient::Note>(&*action)) {
        fuzz::ensure_harmless(note->text, true);
      } else if (const auto* connect = std::get_if<MeetClient::Connect>(&*action)) {
        ENSURE(connect->to.port >= 1024 && connect->link != kServer);
        ENSURE(connect->link < MeetClient::kAcceptedLinkMin);
        ENSURE(own_.emplace(connect->link, Own{}).second);
        ENSURE(own_.size() <= MeetClient::kOwnLinksMax);
      } else if (const auto* close = std::get_if<MeetClient::CloseLink>(&*action)) {
        if (MeetClient::is_accepted(close->link)) {
          ENSURE(std::erase(accepted_, close->link) == 1);
          ENSURE(close->is_at_once);
        } else {
          ENSURE(own_.erase(close->link) == 1);
        }
      } else if (const auto* datagram = std::get_if<MeetClient::SendDatagram>(&*action)) {
        ENSURE(common::decode_rendezvous_datagram(datagram->bytes) == "&&HELLO&&|ali");
        ENSURE(now_ >= registered_at_ + options_.hello);
      } else if (std::holds_alternative<MeetClient::Leave>(*action)) {
        has_left_ = true;
      }
    }
    ENSURE(unwritten_ < MeetClient::kUnwrittenMax + 64 * 1024);
  }

  // One whole frame a segment, and to the registry nothing that ends an old one.
  void check_frame(const MeetClient::Send& send) {
    common::RendezvousSplitter splitter;
    splitter.push(send.bytes);
    const auto data = splitter.next();
    ENSURE(data && splitter.is_idle());
    const auto parsed = common::parse_rendezvous_data(*data);
    if (parsed.keyword == RendezvousKeyword::kMessage) {
      ENSURE(parsed.text.starts_with("ali: "));
      ENSURE(fuzz::is_well_formed(parsed.text));
      ENSURE(common::harmless_rendezvous_text(parsed.text) == parsed.text);
    }
    if (send.link != kServer) {
      ENSURE(parsed.keyword == RendezvousKeyword::kMessage);
      own_.at(send.link).unsent += send.bytes.size();
      return;
    }
    unsent_ += send.bytes.size();
    switch (parsed.keyword) {
      case RendezvousKeyword::kRegister:
        ENSURE(sent_++ == 0 && send.bytes.starts_with("21   "));
        registered_at_ = now_;
        return;
      case RendezvousKeyword::kSearch:
        ENSURE(parsed.fields.size() == 2 && parsed.field(1) == "ali");
        searched_.insert(std::string(parsed.field(0)));
        break;
      case RendezvousKeyword::kChatRequest:
        ENSURE(parsed.fields.size() == 2 && searched_.contains(std::string(parsed.field(0))));
        break;
      case RendezvousKeyword::kOk:
        ENSURE(parsed.fields.size() == 3 && parsed.field(2) == "7820");
        ENSURE(searched_.contains(std::string(parsed.field(1))));
        break;
      case RendezvousKeyword::kReject:
        ENSURE(searched_.contains(std::string(parsed.field(1))));
        break;
      case RendezvousKeyword::kGroupChat:
        ENSURE(data->ends_with('|') && parsed.fields.size() >= 2);
        for (std::size_t i = 1; i < parsed.fields.size(); ++i)
          ENSURE(searched_.contains(std::string(parsed.fields[i])));
        break;
      case RendezvousKeyword::kOkGroup:
      case RendezvousKeyword::kRejectGroup:
        ENSURE(invited_ && parsed.fields.size() == 2);
        break;
      case RendezvousKeyword::kMessage:
      case RendezvousKeyword::kExit:
      case RendezvousKeyword::kExitGroup:
      case RendezvousKeyword::kLogout:
        break;
      default:
        ENSURE(false);
    }
    ENSURE(sent_ > 0 && send.bytes.starts_with(' '));
  }

  void check_output(std::string_view text) {
    ENSURE(text.ends_with('\n'));
    text.remove_suffix(1);
    fuzz::ensure_harmless(text, true);
    if (options_.json) ENSURE(nlohmann::json::accept(text));
  }

  MeetClient::Options options_;
  fuzz::SplitmixRandom random_;
  MeetClient client_;
  TimePoint now_{1h};
  TimePoint registered_at_;
  std::size_t sent_ = 0;
  std::set<std::string> searched_;
  bool invited_ = false;
  std::vector<LinkId> accepted_;
  std::size_t accepts_ = 0;  // and refused ones
  std::map<LinkId, Own> own_;
  std::size_t unsent_ = 0;
  std::size_t unwritten_ = 0;
  bool has_input_ended_ = false;
  bool is_output_closed_ = false;
  bool has_left_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Script script(fuzz::as_input(data, size));
  const auto options = script.next();
  World world(options_of(options ? *options : fuzz::ScriptLine("")));
  while (auto line = script.next()) world.run(*line);
  world.finish();
  return 0;
}
