// A script of calls on the `netchat` core: what the registry answers, what correspondents say in
// any pieces on both sorts of connections, the person's lines, a slow reader, signals and time. The
// first line chooses its options.
#include "peer/netchat_client.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/netchat_message.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/fuzz/support/text_rules.hpp"

namespace {

using namespace std::chrono_literals;
using common::ExitStatus;
using common::TimePoint;
using peer::Conversation;
using peer::LinkId;
using peer::NetchatClient;

constexpr std::array<common::Duration, 6> kSteps = {1ms, 300ms, 1s, 5s, 60s, 1h};
constexpr std::array<const char*, 3> kSources = {"127.0.0.1", "192.168.0.7", "127.0.1.1"};
constexpr common::WallTime kWall{1'700'000'000'000};

/// TERMINAL JSON TOKEN COMMAND COUNT WAIT, a character each.
NetchatClient::Options options_of(fuzz::ScriptLine line) {
  NetchatClient::Options options{.name = *common::UserName::parse("alice"),
                                 .registry = "127.0.0.1:8080",
                                 .owner_token = {},
                                 .is_terminal = line.flag(),
                                 .json = line.flag(),
                                 .command = {},
                                 .count = {},
                                 .wait = {},
                                 .port = 0};
  if (line.flag()) options.owner_token = std::string(43, 't');
  if (line.flag()) options.command = "SEND bob hi";
  if (const auto count = line.number(36)) options.count = count;
  if (const auto wait = line.number(36)) options.wait = wait * 1s;
  return options;
}

class World {
 public:
  explicit World(NetchatClient::Options options)
      : options_(options), client_(std::move(options), random_) {
    client_.start(now_);
    drain();
  }

  /// An unknown call, or one that the shell could not make now, does nothing.
  ///   p FAILS              there is a port to listen on, or none
  ///   r KIND TEXT          the registry answers the oldest request; see answer()
  ///   c                    our connection is there
  ///   y BYTES   Y          something is said on it; that the message was taken
  ///   x BROKEN             it ends
  ///   a LINK SOURCE        somebody connects
  ///   h LINK BYTES         and says something
  ///   H LINK BROKEN        and ends
  ///   d LINK               and deletes with an id that he was told of
  ///   i LINE   e           a line of input, its end
  ///   w EIGHTHS   o        so much of the output is written; it is closed
  ///   s STATUS             a signal
  ///   t STEP, n            time passes: a step, or until the next timeout
  void run(fuzz::ScriptLine line) {
    if (has_left_) return;
    switch (line.call()) {
      case 'p':
        if (!std::exchange(is_asked_to_listen_, false)) return;
        is_listening_ = !line.flag();
        if (is_listening_) client_.handle_listening(now_, 40001);
        if (!is_listening_)
          client_.handle_listen_failed(now_, ExitStatus::kUnavailable, "the port is in use");
        break;
      case 'r':
        answer(line.number(9), line.text());
        break;
      case 'c':
        if (own_.empty() || !own_.rbegin()->second) return;
        own_.rbegin()->second = false;
        client_.handle_connected(now_, own_.rbegin()->first, {});
        break;
      case 'y':
        say_on_own(line.text());
        break;
      case 'Y':
        say_on_own("TAKEN " + last_id_ + "\n");
        break;
      case 'x':
        end_own(line.flag());
        break;
      case 'a':
        accept(link_of(line.number(36)), line.number(kSources.size()));
        break;
      case 'h':
        hear(link_of(line.number(36)), line.text());
        break;
      case 'H':
        end_accepted(link_of(line.number(36)), line.flag());
        break;
      case 'd':
        hear(link_of(line.number(36)), "DELETE_MESSAGE:bob:" + std::string(32, 'a'));
        break;
      case 'i':
        client_.handle_input_line(now_, line.text());
        break;
      case 'e':
        client_.handle_input_end(now_);
        break;
      case 'w':
        write(line.number(9));
        break;
      case 'o':
        if (!std::exchange(is_output_closed_, true)) client_.handle_output_closed(now_);
        break;
      case 's':
        client_.handle_stop(now_, line.flag() ? ExitStatus::kTerminated : ExitStatus::kInterrupted);
        break;
      case 't':
        now_ += kSteps[line.number(kSteps.size())];
        time_out();
        break;
      case 'n':
        if (const auto next = client_.next_timeout()) now_ = std::max(now_, *next);
        time_out();
        break;
      default:
        return;
    }
    drain();
    check_bounds();
  }

  /// Nothing keeps a client that was asked to leave: no registry, no correspondent, no reader.
  void settle() {
    const TimePoint asked = now_;
    run(fuzz::ScriptLine("s0"));
    while (!has_left_) {
      ENSURE(client_.next_timeout().has_value());
      run(fuzz::ScriptLine("n"));
      ENSURE(now_ <= asked + NetchatClient::kExitTime);
    }
    client_.handle_input_line(now_, "LIST");
    client_.handle_stop(now_, ExitStatus::kTerminated);
    client_.handle_timeout(now_ + 1h);
    ENSURE(!client_.poll_action() && !client_.next_timeout());
  }

 private:
  static LinkId link_of(std::size_t index) {
    return LinkId{static_cast<std::uint32_t>(Conversation::kAcceptedLinkMin) +
                  static_cast<std::uint32_t>(index)};
  }

  void answer(std::size_t kind, const std::string& text) {
    if (requests_ == 0) return;
    --requests_;
    peer::HttpAnswer http{.status = 200, .is_json = true, .etag = "", .body = {}};
    switch (kind) {
      case 0:
        http.body = R"({"v":1,"name":"alice","endpoint":"127.0.0.1:40001","lease_s":200})";
        break;
      case 1:
        http.body = R"({"name":"bob","endpoint":"127.0.0.1:40002","transport":"tcp"})";
        break;
      case 2:
        http.body = R"({"name":"bob","endpoint":"127.0.0.1:40002","transport":"udp"})";
        break;
      case 3:
        http.body =
            R"({"v":1,"version":1,"users":[{"name":"bob","via":"relay","transport":"udp"}]})";
        break;
      case 4:
        http = {.status = 404, .is_json = false, .etag = "", .body = {}};
        break;
      case 5:
        http = {.status = 406, .is_json = false, .etag = "", .body = text};
        break;
      case 6:
        http = {.status = 503, .is_json = false, .etag = "", .body = text};
        break;
      case 7:
        http = {.status = 200, .is_json = text.starts_with('{'), .etag = "", .body = text};
        break;
      default:
        return client_.handle_registry_answer(
            now_, {.own = {},
                   .answer = common::unexpected{peer::ExchangeFailure{
                       peer::ExchangeFailure::Kind::kUnreachable, "connection refused"}}});
    }
    client_.handle_registry_answer(
        now_, {.own = common::parse_endpoint("127.0.0.1:40001"), .answer = std::move(http)});
  }

  void say_on_own(const std::string& bytes) {
    if (own_.empty() || own_.rbegin()->second || bytes.empty()) return;
    const LinkId link = own_.rbegin()->first;
    if (closing_.contains(link) || !client_.wants_bytes(link)) return;
    client_.handle_bytes(now_, kWall, link, common::as_bytes(bytes));
  }

  void end_own(bool is_broken) {
    if (own_.empty()) return;
    const LinkId link = own_.rbegin()->first;
    own_.erase(link);
    closing_.erase(link);
    client_.handle_closed(now_, link, is_broken ? "connection reset by peer" : "");
  }

  void accept(LinkId link, std::size_t source) {
    if (!is_listening_ || used_.contains(link)) return;  // the shell never gives one twice
    used_.insert(link);
    const common::IpAddress from = *common::IpAddress::parse(kSources[source]);
    if (client_.handle_accepted(now_, link, {from, 50000}, {from, 40001})) accepted_.insert(link);
  }

  void hear(LinkId link, const std::string& bytes) {
    if (!accepted_.contains(link) || closing_.contains(link) || bytes.empty()) return;
    if (!client_.wants_bytes(link)) return;
    client_.handle_bytes(now_, kWall, link, common::as_bytes(bytes));
  }

  void end_accepted(LinkId link, bool is_broken) {
    if (accepted_.erase(link) == 0) return;
    closing_.erase(link);
    client_.handle_closed(now_, link, is_broken ? "connection reset by peer" : "");
  }

  void write(std::size_t eighths) {
    if (is_output_closed_) return;
    const std::uint64_t size = (printed_ - written_) * std::min<std::size_t>(eighths, 8) / 8;
    written_ += size;
    client_.handle_written(now_, size);
  }

  // The shell's loop: a timeout that is due is handled, and then another is due or none.
  void time_out() {
    constexpr int kCallsMax = 6;
    int calls = 0;
    do {
      ENSURE(++calls <= kCallsMax);
      client_.handle_timeout(now_);
      drain();
    } while (client_.next_timeout().value_or(TimePoint::max()) <= now_);
  }

  void drain() {
    while (const auto action = client_.poll_action()) {
      ENSURE(!has_left_);  // nothing follows Leave
      carry_out(*action);
    }
    if (has_left_) ENSURE(!client_.next_timeout());
  }

  void carry_out(const Conversation::Action& action) {
    if (const auto* send = std::get_if<Conversation::Send>(&action)) {
      check_send(*send);
    } else if (const auto* print = std::get_if<Conversation::Print>(&action)) {
      check_print(print->text);
    } else if (const auto* note = std::get_if<Conversation::Note>(&action)) {
      fuzz::ensure_harmless_lines(note->text);
    } else if (std::holds_alternative<Conversation::Listen>(action)) {
      ENSURE(!std::exchange(has_listened_, true));
      is_asked_to_listen_ = true;
    } else if (std::holds_alternative<Conversation::StopListening>(action)) {
      is_listening_ = false;
    } else if (const auto* request = std::get_if<Conversation::RegistryRequest>(&action)) {
      ENSURE(++requests_ <= Conversation::kRegistryRequestsMax);
      // A registration alone gets the address of the route.
      ENSURE(request->own_port.has_value() == request->request.body.starts_with("UPDATE "));
    } else if (const auto* connect = std::get_if<Conversation::Connect>(&action)) {
      ENSURE(!Conversation::is_accepted(connect->link));
      ENSURE(own_.emplace(connect->link, true).second);
      ENSURE(own_.size() <= Conversation::kOwnLinksMax);
      ENSURE(connect->to.port >= 1024 && connect->to.address.is_unicast());
    } else if (const auto* close = std::get_if<Conversation::CloseLink>(&action)) {
      closing_.insert(close->link);
    } else if (std::holds_alternative<Conversation::Leave>(action)) {
      has_left_ = true;
    }
  }

  void check_send(const Conversation::Send& send) {
    if (Conversation::is_accepted(send.link)) {
      ENSURE(send.bytes.starts_with("TAKEN ") || send.bytes.starts_with("REFUSED "));
      return;
    }
    ENSURE(own_.contains(send.link));
    ENSURE(send.bytes.size() <= common::kNetchatBytesMax);
    ENSURE(common::find_netchat_end(send.bytes) == common::NetchatEnd::kCertain);
    last_id_ = send.bytes.substr(send.bytes.size() - common::kNetchatIdDigits);
  }

  void check_print(std::string_view text) {
    ENSURE(!is_output_closed_);
    printed_ += text.size();
    ENSURE(text.ends_with('\n'));
    text.remove_suffix(1);
    fuzz::ensure_harmless(text);
    if (options_.json) ENSURE(nlohmann::json::accept(text));
  }

  void check_bounds() const {
    ENSURE(client_.unanswered_requests() == requests_);
    ENSURE(client_.history().bytes() <= peer::NetchatHistory::kBytesMax);
    ENSURE(client_.history().correspondent_count() <= peer::NetchatHistory::kCorrespondentsMax);
  }

  NetchatClient::Options options_;
  fuzz::SplitmixRandom random_;
  NetchatClient client_;
  TimePoint now_;
  bool is_asked_to_listen_ = false;
  bool has_listened_ = false;
  bool is_listening_ = false;
  bool is_output_closed_ = false;
  bool has_left_ = false;
  std::size_t requests_ = 0;    // that are not answered
  std::map<LinkId, bool> own_;  // true: not connected yet
  std::set<LinkId> accepted_;   // open
  std::set<LinkId> used_;       // ever
  std::set<LinkId> closing_;    // by CloseLink
  std::string last_id_ = std::string(32, '0');
  std::uint64_t printed_ = 0;  // bytes in all
  std::uint64_t written_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::as_input(data, size);
  World world(options_of(fuzz::ScriptLine("o" + std::string(fuzz::take_line(input)))));
  fuzz::play(world, input);
  world.settle();
  return 0;
}
