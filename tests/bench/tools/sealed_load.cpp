// Sealed datagrams between two processes, over loopback, by what `peer listen` and `peer send` are
// made of: SealedEnd (identity, pins, messenger) over a DatagramSocket, and their turn of poll,
// receive, take, flush. Left out is what is not theirs: the registry's answer is told to the
// sender, and no line is read or printed. A program of its own, because the commands cannot be made
// to put one message in a datagram, to time a single message, or to be a thousand recipients.
//
//   bench_sealed_load flood SECONDS PER_DATAGRAM WINDOW   so many messages are unfinished at a time
//   bench_sealed_load acknowledged SECONDS                one at a time, until it is acknowledged
//   bench_sealed_load answered SECONDS                    one at a time, until its answer has come
//   bench_sealed_load broadcast COUNT FOLDER              one message to each of COUNT cold peers
//
// Prints JSON: messages confirmed a second, and of single ones the median and 99th percentile in
// microseconds. Messages have 100 bytes. Counts only what its recipient's process has acknowledged.
// FOLDER is where the sender keeps his pins.
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>

#include "common/base64.hpp"
#include "common/os/clock.hpp"
#include "common/os/poll_until.hpp"
#include "common/os/random.hpp"
#include "peer/shell/datagram_socket.hpp"
#include "peer/shell/sealed_end.hpp"
#include "tests/bench/tools/support.hpp"

namespace {

using common::os::monotonic_now;
using peer::sealed::Messenger;

constexpr std::size_t kMessageBytes = 100;
constexpr const char* kRegistry = "127.0.0.1:1";  // nobody is ever asked there
/// As `peer send` does.
constexpr std::size_t kMessagesAtOnce = 64;
constexpr common::Duration kDeadline = std::chrono::seconds(60);

peer::Options options_of(const std::string& name) {
  return {.name = *common::UserName::parse(name),
          .registry = *common::parse_host_port(kRegistry),
          .registry_text = kRegistry,
          .key_file = {}};
}

/// One process's end, or one of many in a process.
class End {
 public:
  /// `folder`: where its pins are kept; without one in memory alone.
  explicit End(const std::string& name, std::optional<std::filesystem::path> folder = {})
      : options_(options_of(name)),
        identity_(common::Identity::make(random_)),
        socket_(std::move(peer::DatagramSocket::open(0).value())),
        folder_(std::move(folder)) {}

  const common::UserName& name() const { return options_.name; }
  peer::SealedEnd& sealed() { return *sealed_; }
  int fd() const { return socket_.fd(); }

  /// To be called once, before anything else. `known`: whose key is pinned already, else null.
  void open(const End* known) {
    peer::KeyFiles files{.identity = {.identity = identity_.clone()},
                         .identity_path = {},
                         .name_folder = {},
                         .known_peers = {},
                         .pins = {},
                         .remarks = {}};
    if (folder_) files.known_peers.emplace(*folder_);
    if (known != nullptr)
      files.pins.pin({.registry = kRegistry,
                      .name = known->name(),
                      .identity = known->identity_.key(),
                      .first_seen_s = 1});
    sealed_ =
        std::make_unique<peer::SealedEnd>(options_, std::move(files), peer::SealedEnd::Settings{});
  }

  /// Its line in a registry's list.
  common::User listed() {
    return {.name = name(),
            .endpoint = {common::IpAddress::v4({127, 0, 0, 1}), socket_.port()},
            .certificate = std::make_shared<const std::string>(
                common::encode_base64(sealed_->next_signer().certificate))};
  }
  void learn(const common::User& user) { sealed_->questions().tell(monotonic_now(), user); }

  /// False if it has too much unfinished.
  bool try_send(const common::UserName& to) {
    const auto now = monotonic_now();
    return sealed_->messenger()
        .send(now, {.to = to, .text = common::as_bytes(text_), .deadline = now + kDeadline})
        .has_value();
  }
  void flush() { sealed_->flush(socket_); }

  /// Takes what has come, and hands on(event) what that leads to.
  template <typename On>
  void receive(On on) {
    socket_.receive([&](const common::Endpoint& from, common::Bytes datagram) {
      if (!peer::SealedEnd::is_sealed(datagram)) return;
      sealed_->handle_datagram(from, datagram);
      take(on);
    });
  }
  template <typename On>
  void take(On on) {
    while (const auto event = sealed_->poll_event()) on(*event);
  }
  /// One turn of a process that has nothing else: waits for what comes or is due, and does it.
  template <typename On>
  void turn(On on) {
    flush();
    std::array<pollfd, 1> fds = {{{socket_.fd(), POLLIN, 0}}};
    common::os::poll_until(fds, sealed_->next_timeout());
    if (fds[0].revents != 0) receive(on);
    sealed_->handle_timeout();
    take(on);
  }

 private:
  common::os::SystemRandom random_;
  peer::Options options_;
  common::Identity identity_;
  peer::DatagramSocket socket_;
  std::optional<std::filesystem::path> folder_;
  std::unique_ptr<peer::SealedEnd> sealed_;
  std::string text_ = std::string(kMessageBytes, 'x');
};

/// A process that ends with this one.
class Child {
 public:
  template <typename Run>
  explicit Child(Run run) : pid_(bench::check(fork(), "fork")) {
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run();
    _exit(1);
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

 private:
  pid_t pid_;
};

/// Counts what has become of messages; one that was not delivered makes the figure worthless.
class Confirmed {
 public:
  void operator()(const peer::SealedEnd::Event& event) {
    if (std::holds_alternative<Messenger::Received>(event)) ++answers_;
    const auto* outcome = std::get_if<Messenger::Outcome>(&event);
    if (outcome == nullptr) return;
    if (!outcome->is_delivered) {
      std::fprintf(stderr, "a message was not delivered: result %d\n",
                   static_cast<int>(outcome->result));
      std::exit(1);
    }
    ++count_;
  }
  std::uint64_t count() const { return count_; }
  std::uint64_t answers() const { return answers_; }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t answers_ = 0;
};

void print(double per_second, std::vector<double> microseconds = {}) {
  std::printf("{\"per_second\": %.0f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n", per_second,
              bench::percentile(microseconds, 0.5), bench::percentile(microseconds, 0.99));
}

/// Two ends that know of each other, the recipient in a process of its own; he answers messages by
/// messages if `answers`.
class Pair {
 public:
  explicit Pair(bool answers) {
    sender.open(&recipient_);
    recipient_.open(&sender);
    sender.learn(recipient_.listed());
    recipient_.learn(sender.listed());
    child_.emplace([&] {
      const auto on = [&](const peer::SealedEnd::Event& event) {
        if (answers && std::holds_alternative<Messenger::Received>(event))
          recipient_.try_send(sender.name());
      };
      for (;;) recipient_.turn(on);
    });
    // The handshake is row 15's.
    sender.try_send(recipient());
    while (confirmed.count() < 1 || (answers && confirmed.answers() < 1))
      sender.turn(std::ref(confirmed));
  }

  const common::UserName& recipient() const { return recipient_.name(); }

  void limit_messages_per_datagram(std::uint16_t count) {
    const auto user = recipient_.listed();
    const auto certificate = peer::certificate_of(user);
    sender.sealed()
        .messenger()
        .table()
        .open(monotonic_now(), *certificate, user.endpoint)
        ->outbox()
        .set_messages_per_datagram(count);
  }

  End sender{"alice"};
  Confirmed confirmed;

 private:
  End recipient_{"bob"};
  std::optional<Child> child_;
};

void run_flood(double seconds, std::uint16_t per_datagram, std::size_t window) {
  Pair pair(false);
  pair.limit_messages_per_datagram(per_datagram);
  const auto begun = bench::Clock::now();
  std::optional<bench::Clock::time_point> counted_from;
  std::uint64_t before = 0;
  for (;;) {
    // What comes first finds a small congestion window, as anywhere.
    const double passed = bench::seconds_since(begun);
    if (!counted_from && passed > seconds / 10) {
      counted_from = bench::Clock::now();
      before = pair.confirmed.count();
    }
    if (passed > seconds * 1.1) break;
    std::size_t begun_now = 0;
    while (pair.sender.sealed().messenger().unfinished() < window &&
           pair.sender.try_send(pair.recipient()))
      if (++begun_now % kMessagesAtOnce == 0) pair.sender.flush();
    pair.sender.turn(std::ref(pair.confirmed));
  }
  print(static_cast<double>(pair.confirmed.count() - before) / bench::seconds_since(*counted_from));
}

void run_single(double seconds, bool answered) {
  Pair pair(answered);
  std::vector<double> times;
  const auto begun = bench::Clock::now();
  while (bench::seconds_since(begun) < seconds) {
    const auto sent = bench::Clock::now();
    const auto so_far = [&] {
      return answered ? pair.confirmed.answers() : pair.confirmed.count();
    };
    const auto target = so_far() + 1;
    if (!pair.sender.try_send(pair.recipient())) continue;
    while (so_far() < target) pair.sender.turn(std::ref(pair.confirmed));
    times.push_back(bench::seconds_since(sent) * 1e6);
  }
  const auto count = static_cast<double>(times.size());
  print(count / bench::seconds_since(begun), std::move(times));
}

std::string nth_name(int index) { return "user" + std::to_string(index); }

/// `count` recipients in one process, each with an identity, a socket and a messenger of its own;
/// all know the sender's key. Writes a line for each, with its port and certificate.
[[noreturn]] void serve(int count, const End& sender, int lines_fd) {
  std::vector<std::unique_ptr<End>> ends;
  bench::Poller poller;
  std::string lines;
  for (int i = 0; i < count; ++i) {
    ends.push_back(std::make_unique<End>(nth_name(i)));
    ends.back()->open(&sender);
    poller.add(ends.back()->fd(), EPOLLIN, static_cast<std::size_t>(i));
    const common::User user = ends.back()->listed();
    lines += std::to_string(user.endpoint.port) + ' ' + *user.certificate + '\n';
  }
  for (std::string_view rest = lines; !rest.empty();)
    rest.remove_prefix(static_cast<std::size_t>(
        bench::check(static_cast<int>(write(lines_fd, rest.data(), rest.size())), "write")));
  close(lines_fd);
  const auto nothing = [](const peer::SealedEnd::Event&) {};
  for (;;) {
    for (const epoll_event& event : poller.wait(std::chrono::hours(1))) {
      End& end = *ends[event.data.u64];
      end.receive(nothing);
      end.flush();
    }
  }
}

std::vector<common::User> read_users(int lines_fd, int count) {
  std::vector<common::User> users;
  FILE* lines = fdopen(lines_fd, "r");
  int port = 0;
  std::array<char, 1024> certificate{};
  while (std::fscanf(lines, "%d %1023s", &port, certificate.data()) == 2)
    users.push_back(
        {.name = *common::UserName::parse(nth_name(static_cast<int>(users.size()))),
         .endpoint = {common::IpAddress::v4({127, 0, 0, 1}), static_cast<std::uint16_t>(port)},
         .certificate = std::make_shared<const std::string>(certificate.data())});
  std::fclose(lines);
  if (users.size() == static_cast<std::size_t>(count)) return users;
  std::fprintf(stderr, "not all recipients came up\n");
  std::exit(1);
}

void run_broadcast(int count, const std::filesystem::path& folder) {
  bench::raise_descriptor_limit();
  // The sender's pins go to disk, as always, before anything is sent on their strength.
  End sender("alice", folder);
  sender.open(nullptr);
  std::array<int, 2> lines{};
  bench::check(pipe(lines.data()), "pipe");
  // They are made over there: memory shared by a fork would be copied while it is measured.
  Child child([&] {
    close(lines[0]);
    serve(count, sender, lines[1]);
  });
  close(lines[1]);
  const std::vector<common::User> users = read_users(lines[0], count);
  Confirmed confirmed;
  const auto begun = bench::Clock::now();
  std::size_t begun_now = 0;
  for (const common::User& user : users) {
    if (!sender.try_send(user.name)) std::abort();
    sender.learn(user);  // verifies his certificate
    if (++begun_now % kMessagesAtOnce == 0) {
      sender.take(std::ref(confirmed));
      sender.flush();
    }
  }
  while (confirmed.count() < users.size()) sender.turn(std::ref(confirmed));
  print(count / bench::seconds_since(begun));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 2 ? argv[1] : "";
  if (mode == "flood" && argc == 5) {
    run_flood(std::atof(argv[2]), static_cast<std::uint16_t>(bench::number(argv[3])),
              static_cast<std::size_t>(bench::number(argv[4])));
  } else if (mode == "acknowledged" || mode == "answered") {
    run_single(std::atof(argv[2]), mode == "answered");
  } else if (mode == "broadcast" && argc == 4) {
    run_broadcast(bench::number(argv[2]), argv[3]);
  } else {
    std::fprintf(stderr,
                 "bench_sealed_load flood SECONDS PER_DATAGRAM WINDOW | acknowledged SECONDS | "
                 "answered SECONDS | broadcast COUNT FOLDER\n");
    return 64;
  }
}
