// A conversation's connections: how they begin, wait and end.
#include "peer/shell/links.hpp"

#include <doctest/doctest.h>

#include "peer/shell/socket_address.hpp"
#include "tests/unit/support/links_run.hpp"

namespace {

using namespace std::chrono_literals;
using common::os::UniqueFd;
using peer::Conversation;
using peer::LinkId;
using test::LinksRun;
using test::Listening;

void write(const UniqueFd& fd, std::string_view text) {
  REQUIRE(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(text.size()));
}

/// A socket connected to where the run listens.
UniqueFd visitor(const LinksRun& run) {
  auto fd = peer::connect_tcp({"127.0.0.1", run.heard.port}, -1);
  REQUIRE(fd.has_value());
  return *std::move(fd);
}

constexpr LinkId kFirstVisitor = Conversation::kAcceptedLinkMin;

TEST_CASE("a link is connected, says, hears, and the other side closes it") {
  LinksRun run;
  const Listening other;
  run.connect(7, other.port());
  run.send(7, "early ");  // before it is there
  REQUIRE(run.until_log_has("#7 connected from 127.0.0.1; "));
  UniqueFd there = other.accept();
  run.send(7, "late");
  write(there, "hello");
  REQUIRE(run.until_log_has("#7 got hello; "));
  CHECK(run.heard.sent[LinkId{7}] == 10);
  ::shutdown(there.get(), SHUT_WR);
  REQUIRE(run.until_log_has("#7 closed; "));
  CHECK(test::read_all(there.get()) == "early late");
  run.send(7, "to nobody");
  CHECK(run.links.is_empty());
}

TEST_CASE("connect, send and close in one go: it is taken when the other side has closed") {
  LinksRun run;
  const Listening other;
  run.connect(0, other.port());
  run.send(0, "whole message");
  run.links.close(LinkId{0});
  run.send(0, "dropped");
  UniqueFd there = other.accept();
  REQUIRE(run.until([&] { return run.heard.sent[LinkId{0}] == 13; }));
  write(there, "what nobody wants to hear");
  CHECK(run.heard.log == "#0 connected from 127.0.0.1; ");
  CHECK(test::read_all(there.get()) == "whole message");
  there.reset();
  REQUIRE(run.until_log_has("closed"));
  CHECK(run.heard.log == "#0 connected from 127.0.0.1; #0 closed; ");
}

TEST_CASE("who resets a link that is closing has not taken what was sent") {
  LinksRun run;
  const Listening other;
  run.connect(0, other.port());
  run.send(0, "message");
  run.links.close(LinkId{0});
  test::reset(other.accept());
  REQUIRE(run.until_log_has("closed"));
  CHECK(run.heard.log.ends_with("#0 closed: connection reset by peer; "));
}

TEST_CASE("who only forgets to close his side has taken it, after a while") {
  LinksRun run;
  const Listening other;
  run.connect(0, other.port());
  run.send(0, "message");
  const UniqueFd there = other.accept();
  REQUIRE(run.until_log_has("connected"));
  const auto asked = common::os::monotonic_now();
  run.links.close(LinkId{0});
  REQUIRE(run.until_log_has("closed"));
  CHECK(run.heard.log.ends_with("#0 closed; "));
  CHECK(common::os::monotonic_now() - asked >= Conversation::kCloseTime);
}

TEST_CASE("who does not read has not taken it, and is closed after the same while") {
  LinksRun run;
  const Listening other;
  run.connect(0, other.port());
  const UniqueFd there = other.accept();
  REQUIRE(run.until_log_has("connected"));
  // More than both kernels hold for him.
  const int small = 4096;
  ::setsockopt(there.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  run.send(0, std::string(Conversation::kUnsentMax, 'x'));
  REQUIRE(run.links.has_unsent());
  run.links.close(LinkId{0});
  REQUIRE(run.until_log_has("closed"));
  CHECK(run.heard.log.ends_with("#0 closed: it does not take what is sent to it; "));
}

TEST_CASE("what waits for a link is bounded") {
  LinksRun run;
  const Listening other;
  run.connect(0, other.port());
  const UniqueFd there = other.accept();
  REQUIRE(run.until_log_has("connected"));
  const std::string piece(Conversation::kUnsentMax / 4, 'x');
  for (int i = 0; i < 40 && !run.links.is_empty(); ++i) run.send(0, piece);
  CHECK(run.heard.log.ends_with("#0 closed: it does not take what is sent to it; "));
  CHECK(run.heard.sent[LinkId{0}] > 0);
}

TEST_CASE("nobody there, nobody who answers") {
  LinksRun run;
  std::uint16_t port = 0;
  { port = Listening().port(); }
  run.connect(1, port);
  REQUIRE(run.until_log_has("#1 closed: connection refused; "));

  // A listener whose queue is full drops whoever knocks.
  const Listening full;
  ::listen(full.fd(), 0);
  const UniqueFd fills = *peer::connect_tcp({"127.0.0.1", full.port()}, -1);
  run.connect(2, full.port(), 200ms);
  run.send(2, "never sent");
  run.links.close(LinkId{2});
  REQUIRE(run.until_log_has("#2 closed: connection timed out; "));
  CHECK(run.links.is_empty());
}

TEST_CASE("more connections than there may be fail at once") {
  LinksRun run;
  const Listening other;
  for (std::uint32_t link = 0; link <= Conversation::kOwnLinksMax; ++link)
    run.connect(link, other.port());
  CHECK(run.heard.log.ends_with("#128 closed: too many connections; "));
}

TEST_CASE("whoever connects is accepted, heard and let go") {
  LinksRun run;
  run.links.listen(0);
  REQUIRE(run.heard.port != 0);
  UniqueFd one = visitor(run);
  UniqueFd two = visitor(run);
  REQUIRE(run.until_log_has("@0 from 127.0.0.1; @1 from 127.0.0.1; "));
  write(two, "hi");
  REQUIRE(run.until_log_has("@1 got hi; "));
  run.links.send({kFirstVisitor, "welcome"});
  run.links.close(kFirstVisitor);
  CHECK(test::read_all(one.get()) == "welcome");
  one.reset();
  REQUIRE(run.until_log_has("@0 closed; "));
  test::reset(std::move(two));
  REQUIRE(run.until_log_has("@1 closed: connection reset by peer; "));
}

TEST_CASE("who is not wanted is closed at once, and nobody after the listening has stopped") {
  LinksRun run;
  run.heard.takes_connections = false;
  run.links.listen(0);
  const UniqueFd one = visitor(run);
  REQUIRE(run.until_log_has("@0 from 127.0.0.1; "));
  CHECK(test::read_all(one.get()) == "");
  CHECK(run.links.is_empty());
  run.links.stop_listening();
  CHECK_FALSE(peer::connect_tcp({"127.0.0.1", run.heard.port}, -1).has_value());
}

TEST_CASE("a visitor who is closed at once makes room at once, whatever he does") {
  LinksRun run;
  run.links.listen(0);
  const UniqueFd one = visitor(run);
  REQUIRE(run.until_log_has("@0 from 127.0.0.1; "));
  run.links.close(kFirstVisitor, /*is_at_once=*/true);
  CHECK(run.heard.log.ends_with("@0 closed; "));
  CHECK(run.links.is_empty());
  CHECK(test::read_all(one.get()) == "");
}

TEST_CASE("a port in use is said, with its status") {
  LinksRun run;
  const Listening other;
  run.links.listen(other.port());
  CHECK(run.heard.log ==
        "69 cannot listen on TCP port " + std::to_string(other.port()) + ": the port is in use; ");
}

TEST_CASE("more visitors than there may be wait until one has gone") {
  LinksRun run;
  run.links.listen(0);
  std::vector<UniqueFd> visitors;
  // The queue of a listener holds sixteen or so: they come in between.
  for (std::size_t i = 0; i < Conversation::kAcceptedLinksMax; ++i) {
    visitors.push_back(visitor(run));
    REQUIRE(run.until([&] { return run.heard.accepted == i + 1; }));
  }
  visitors.push_back(visitor(run));
  write(visitors.back(), "let me in");
  for (int i = 0; i < 20; ++i) run.turn(1ms);
  CHECK(run.heard.accepted == Conversation::kAcceptedLinksMax);
  visitors.front().reset();
  REQUIRE(run.until_log_has("@128 got let me in; "));
}

TEST_CASE("who is not to be heard now waits, and so does his leaving") {
  LinksRun run;
  run.links.listen(0);
  run.heard.unwanted.insert(kFirstVisitor);
  UniqueFd one = visitor(run);
  write(one, "later");
  REQUIRE(run.until_log_has("@0 from"));
  test::reset(std::move(one));
  // Something to send keeps the link in the loop, and its end is noticed only where it is wanted.
  run.links.send({kFirstVisitor, "x"});
  for (int i = 0; i < 20; ++i) run.turn(1ms);
  CHECK(run.heard.log == "@0 from 127.0.0.1; ");
  run.heard.unwanted.clear();
  REQUIRE(run.until_log_has("closed"));
}

TEST_CASE("what was found of a link says nothing of the one that takes its place") {
  LinksRun run;
  const Listening other;
  run.connect(0, other.port());
  run.connect(1, other.port());
  const UniqueFd zero = other.accept();
  const UniqueFd one = other.accept();
  REQUIRE(run.until_log_has("#0 connected"));
  REQUIRE(run.until_log_has("#1 connected"));
  run.heard.log.clear();
  // There is something to read on both. At the end of #0, #1 is broken off and made anew, where
  // nobody answers.
  const Listening full;
  ::listen(full.fd(), 0);
  const UniqueFd fills = *peer::connect_tcp({"127.0.0.1", full.port()}, -1);
  run.after_closed = [&](LinkId link) {
    if (link == LinkId{0}) run.send(1, std::string(3 * Conversation::kUnsentMax, 'x'));
    if (link == LinkId{1}) run.connect(1, full.port());
  };
  ::shutdown(zero.get(), SHUT_WR);
  write(one, "to the old one");
  REQUIRE(run.until_log_has("#1 closed: it does not take"));
  for (int i = 0; i < 5; ++i) run.turn(1ms);
  CHECK(run.heard.log == "#0 closed; #1 closed: it does not take what is sent to it; ");
}

TEST_CASE("at the end every link is closed and none is reset, whatever is still said on it") {
  LinksRun run;
  const Listening other;
  run.connect(0, other.port());
  UniqueFd there = other.accept();
  REQUIRE(run.until_log_has("connected"));
  run.heard.unwanted.insert(LinkId{0});
  write(there, std::string(10'000, 'x'));
  run.send(0, "bye");
  run.links.close_all();
  CHECK(run.until([&] { return !run.links.has_unsent(); }));
  write(there, "and more");
  CHECK(test::read_all(there.get()) == "bye");
  there.reset();
  CHECK(run.until([&] { return run.links.is_empty(); }));
  CHECK(run.heard.log == "#0 connected from 127.0.0.1; ");  // the conversation is over
}

}  // namespace
