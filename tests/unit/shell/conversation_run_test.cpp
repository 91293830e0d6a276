// The loop of a conversation, in front of a core that uses all of it that needs no person: what
// `login` does at a terminal and off it, its integration tests show.
#include "peer/shell/conversation_run.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <deque>
#include <thread>

#include "common/os/clock.hpp"
#include "peer/shell/datagram_socket.hpp"
#include "tests/unit/support/raw_server.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace std::chrono_literals;
using common::ExitStatus;
using peer::Conversation;
using peer::LinkId;
using peer::TimePoint;

/// Talks to itself by way of a port that it listens on, sends a datagram, asks the registry, and
/// leaves once a timer has run out after all that.
class Busy final : public Conversation {
 public:
  explicit Busy(common::Endpoint datagrams) : datagrams_(datagrams) {}

  void start(TimePoint now) override {
    give_up_at_ = now + 10s;
    actions_.emplace_back(Listen{0});
    actions_.emplace_back(SendDatagram{datagrams_, "a sign of life"});
    actions_.emplace_back(RegistryRequest{
        .request = {.method = "POST", .target = "/", .body = "UPDATE ali@"}, .own_port = 40001});
  }
  void handle_listening(TimePoint /*now*/, std::uint16_t port) override {
    actions_.emplace_back(Connect{kOwn, {test::ip("127.0.0.1"), port}, 5s});
    actions_.emplace_back(Send{kOwn, "ping"});
  }
  bool handle_accepted(TimePoint /*now*/, LinkId link, const common::Endpoint& /*from*/,
                       const common::Endpoint& /*local*/) override {
    actions_.emplace_back(StopListening{});
    return is_accepted(link);
  }
  void handle_bytes(TimePoint /*now*/, common::WallTime /*wall*/, LinkId link,
                    common::Bytes bytes) override {
    heard += std::string(common::as_text(bytes)) + ' ';
    if (link == kOwn) return;
    actions_.emplace_back(Send{link, "pong"});
    actions_.emplace_back(CloseLink{link});
  }
  void handle_closed(TimePoint now, LinkId link, std::string_view why) override {
    heard += link == kOwn ? "own closed " : "other closed ";
    heard += why;
    ++done_;
    wind_down(now);
  }
  void handle_registry_answer(TimePoint now, const RegistryAnswer& answer) override {
    if (answer.answer) registry_said = answer.answer->body;
    ++done_;
    wind_down(now);
  }
  void handle_input_line(TimePoint /*now*/, std::string_view /*line*/) override {}
  void handle_input_end(TimePoint /*now*/) override {}
  void handle_written(TimePoint /*now*/, std::size_t /*bytes*/) override {}
  void handle_output_closed(TimePoint /*now*/) override {}
  void handle_stop(TimePoint /*now*/, ExitStatus status) override {
    actions_.emplace_back(Leave{status});
  }
  void handle_timeout(TimePoint now) override {
    if (leave_at_ && now >= *leave_at_) {
      leave_at_.reset();
      actions_.emplace_back(Leave{ExitStatus::kNoUser});
    } else if (now >= give_up_at_) {
      actions_.emplace_back(Leave{ExitStatus::kTimedOut});
    }
  }
  std::optional<TimePoint> next_timeout() const override {
    return leave_at_ ? leave_at_ : give_up_at_;
  }
  std::optional<Action> poll_action() override {
    if (actions_.empty()) return std::nullopt;
    Action action = std::move(actions_.front());
    actions_.pop_front();
    return action;
  }
  bool wants_input() const override { return false; }
  bool wants_bytes(LinkId /*link*/) const override { return true; }

  std::string heard;
  std::string registry_said;

 private:
  static constexpr LinkId kOwn{5};

  void wind_down(TimePoint now) {
    constexpr int kAll = 3;  // both ends of the link, and the answer
    if (done_ == kAll) leave_at_ = now + 20ms;
  }

  common::Endpoint datagrams_;
  std::deque<Action> actions_;
  int done_ = 0;
  TimePoint give_up_at_;
  std::optional<TimePoint> leave_at_;
};

TEST_CASE("a conversation connects, listens, sends datagrams and asks, all in one loop") {
  auto socket = peer::DatagramSocket::open(0);
  REQUIRE(socket.has_value());
  test::RawServer registry({test::reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")});
  auto parsed = peer::parse_options({"ali", "127.0.0.1:" + std::to_string(registry.port()),
                                     "listen", "--advertise", "192.0.2.7"});
  const auto options = std::get<peer::Options>(std::move(parsed));
  Busy busy({test::ip("127.0.0.1"), socket->port()});
  ExitStatus status = ExitStatus::kOk;
  // In a thread: it blocks signals, which must not stay blocked for other tests.
  std::thread([&] { status = peer::run_conversation(options, busy, {}); }).join();

  CHECK(status == ExitStatus::kNoUser);
  CHECK(busy.heard == "ping pong own closed other closed ");
  CHECK(busy.registry_said == "hello");
  CHECK(registry.requests().at(0).at(0).ends_with("\r\n\r\nUPDATE ali@192.0.2.7:40001"));
  std::string datagram;
  pollfd ready{socket->fd(), POLLIN, 0};
  REQUIRE(::poll(&ready, 1, 10'000) == 1);
  socket->receive(
      [&](const common::Endpoint&, common::Bytes bytes) { datagram += common::as_text(bytes); });
  CHECK(datagram == "a sign of life");
}

}  // namespace
