// Two sealed messengers in one thread with memory between them instead of a network: what the
// protocol itself costs in processor time, both sides told apart. Usage: bench_sealed_memory
// [SECONDS [BYTES]]. Unlike the other tools of the bench it links our code: it measures a core, not
// a program.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/os/random.hpp"
#include "peer/sealed/messenger.hpp"

namespace {

using namespace peer::sealed;
using namespace std::chrono_literals;
/// Time that this thread has had a processor: others on the machine do not count.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<Clock, duration>;
  static time_point now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time_point(std::chrono::seconds(time.tv_sec) + duration(time.tv_nsec));
  }
};

class Everybody final : public TrustGate {
 public:
  Admission admit(const common::Certificate&, bool) override { return Admission::kYes; }
};

/// The protocol's time goes on by this much each round, so that a busy machine does not look like a
/// slow path.
constexpr common::Duration kRound = 20us;
common::TimePoint g_now{std::chrono::hours(1)};
common::TimePoint now() { return g_now; }
constexpr common::WallTime kWall{1'700'000'000'000};

struct Side {
  Side(const char* name, std::uint16_t port, common::Random& random)
      : keys(common::Identity::make(random), *common::UserName::parse(name), 0, random, now(),
             kWall),
        messenger({}, keys, gate, random, now()),
        endpoint{common::IpAddress::v4({127, 0, 0, 1}), port} {}

  Everybody gate;
  SessionKeyRing keys;
  Messenger messenger;
  common::Endpoint endpoint;
  common::ByteVector buffer = common::ByteVector(65'000);
  Clock::duration spent{};
};

/// A side's turn: what it does until the end of the scope counts as its time.
class Turn {
 public:
  explicit Turn(Side& side) : side_(side), begun_(Clock::now()) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { side_.spent += Clock::now() - begun_; }

 private:
  Side& side_;
  Clock::time_point begun_;
};

struct Burst {
  common::ByteVector bytes;
  std::size_t segment_bytes = 0;
};

/// All that one side has to send, in bursts as a socket would take them.
std::vector<Burst> take(Side& side) {
  std::vector<Burst> bursts;
  while (const auto sent = side.messenger.poll_transmit(now(), side.buffer)) {
    const auto bytes = common::Bytes(side.buffer).first(sent->bytes);
    bursts.push_back({{bytes.begin(), bytes.end()}, sent->segment_bytes});
  }
  return bursts;
}

std::uint64_t give(Side& side, const common::Endpoint& from, const std::vector<Burst>& bursts) {
  std::uint64_t count = 0;
  for (const Burst& burst : bursts)
    for (std::size_t at = 0; at < burst.bytes.size(); at += burst.segment_bytes, ++count)
      side.messenger.handle_datagram(
          now(), kWall, from,
          common::Bytes(burst.bytes)
              .subspan(at, std::min(burst.segment_bytes, burst.bytes.size() - at)));
  return count;
}

std::uint64_t drain(Side& side) {
  std::uint64_t count = 0;
  while (side.messenger.poll_event(now())) ++count;
  return count;
}

struct Figures {
  std::uint64_t messages = 0;
  std::uint64_t datagrams = 0;
  double seconds = 0;
  double sender_s = 0;
  double receiver_s = 0;
};

/// `window` messages are unfinished at a time; at most `per_datagram` share a datagram.
Figures flood(double seconds, std::size_t bytes, std::size_t window, std::uint16_t per_datagram) {
  common::os::SystemRandom random;
  Side alice("alice", 4001, random);
  Side bob("bob", 4002, random);
  const std::string text(bytes, 'x');
  const auto certificate = common::decode_certificate(bob.keys.current().certificate);
  alice.messenger.handle_lookup(now(), bob.keys.name(),
                                Messenger::Found{certificate.value(), bob.endpoint});
  const auto send = [&] {
    return alice.messenger
        .send(now(),
              {.to = bob.keys.name(), .text = common::as_bytes(text), .deadline = now() + 60s})
        .has_value();
  };
  const auto round = [&] {
    Figures figures;
    std::vector<Burst> bursts;
    {
      const Turn turn(alice);
      if (const auto due = alice.messenger.next_timeout(); due && *due <= now())
        alice.messenger.handle_timeout(now());
      bursts = take(alice);
    }
    {
      const Turn turn(bob);
      if (const auto due = bob.messenger.next_timeout(); due && *due <= now())
        bob.messenger.handle_timeout(now());
      figures.datagrams += give(bob, alice.endpoint, bursts);
      drain(bob);
      bursts = take(bob);
    }
    {
      const Turn turn(alice);
      give(alice, bob.endpoint, bursts);
      figures.messages += drain(alice);
    }
    g_now += kRound;
    return figures;
  };
  if (!send()) std::abort();
  while (!alice.messenger.is_idle()) round();
  alice.messenger.table()
      .open(now(), certificate.value(), bob.endpoint)
      ->outbox()
      .set_messages_per_datagram(per_datagram);

  Figures figures;
  alice.spent = bob.spent = {};
  const auto begun = Clock::now();
  const auto end =
      begun + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  while (Clock::now() < end) {
    {
      const Turn turn(alice);
      while (alice.messenger.unfinished() < window && send()) {
      }
    }
    const Figures one = round();
    figures.messages += one.messages;
    figures.datagrams += one.datagrams;
  }
  figures.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  figures.sender_s = std::chrono::duration<double>(alice.spent).count();
  figures.receiver_s = std::chrono::duration<double>(bob.spent).count();
  return figures;
}

void print(const char* what, const Figures& figures) {
  const auto n = static_cast<double>(figures.messages);
  std::printf(
      "%-44s %9.0f messages/s on one core; %5.0f ns sending, %5.0f ns receiving; %.1f a datagram\n",
      what, n / figures.seconds, figures.sender_s / n * 1e9, figures.receiver_s / n * 1e9,
      n / static_cast<double>(figures.datagrams));
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  const std::size_t bytes = argc > 2 ? static_cast<std::size_t>(std::atol(argv[2])) : 100;
  print("one message a datagram, 512 unfinished", flood(seconds, bytes, 512, 1));
  print("bulk, 4,096 unfinished", flood(seconds, bytes, 4096, 0xffff));
  print("one at a time, each acknowledged", flood(seconds, bytes, 1, 1));
  print("64 KiB messages, 8 unfinished", flood(seconds, kTextBytesMax, 8, 1));
}
