// bench_sealed_loop SECONDS [segments|single]: the barest sealed and acknowledged datagrams between
// two processes over loopback. One message of 100 bytes a datagram, sealed with ChaCha20-Poly1305
// under a key that both have; a window of 512; one sealed answer to each batch received, which
// tells how many have come in order. What is lost is sent again from there. No names, sessions,
// timers, congestion control, or anything that a stranger could send: what is left is what the
// kernel and the cipher cost. With `segments` the kernel cuts and joins datagrams (UDP_SEGMENT,
// UDP_GRO). With `single` one message is on its way at a time. Prints JSON: {"per_second": …}, of
// single ones the median and 99th percentile in microseconds, too.
#include <netinet/udp.h>
#include <poll.h>
#include <sodium.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/bench/tools/support.hpp"

namespace {

constexpr std::size_t kMessageBytes = 100;
constexpr std::size_t kCounterBytes = 8;
constexpr std::size_t kTagBytes = crypto_aead_chacha20poly1305_ietf_ABYTES;
constexpr std::size_t kDatagramBytes = kCounterBytes + kMessageBytes + kTagBytes;
constexpr std::size_t kAckBytes = kCounterBytes + kCounterBytes + kTagBytes;
constexpr std::size_t kBatch = 32;
constexpr std::uint64_t kWindow = 512;
constexpr std::size_t kBufferBytes = 65'536;
constexpr int kSocketBytes = 4 << 20;
constexpr int kLostAfterMs = 20;
/// Answers count from here, so that no nonce is used twice under the one key.
constexpr std::uint64_t kFirstAnswer = std::uint64_t{1} << 63;

using Key = std::array<unsigned char, crypto_aead_chacha20poly1305_ietf_KEYBYTES>;
using Nonce = std::array<unsigned char, crypto_aead_chacha20poly1305_ietf_NPUBBYTES>;

Nonce nonce_of(std::uint64_t counter) {
  Nonce nonce{};
  std::memcpy(nonce.data(), &counter, sizeof counter);
  return nonce;
}

/// Counter, then sealed content; returns its size.
std::size_t seal(const Key& key, std::uint64_t counter, std::span<const unsigned char> content,
                 unsigned char* out) {
  std::memcpy(out, &counter, sizeof counter);
  unsigned long long size = 0;
  crypto_aead_chacha20poly1305_ietf_encrypt(out + kCounterBytes, &size, content.data(),
                                            content.size(), out, kCounterBytes, nullptr,
                                            nonce_of(counter).data(), key.data());
  return kCounterBytes + size;
}

/// The counter of a datagram that opens.
bool open(const Key& key, std::span<const unsigned char> datagram, std::uint64_t& counter,
          unsigned char* out) {
  if (datagram.size() < kCounterBytes + kTagBytes) return false;
  std::memcpy(&counter, datagram.data(), sizeof counter);
  unsigned long long size = 0;
  return crypto_aead_chacha20poly1305_ietf_decrypt(
             out, &size, nullptr, datagram.data() + kCounterBytes, datagram.size() - kCounterBytes,
             datagram.data(), kCounterBytes, nonce_of(counter).data(), key.data()) == 0;
}

/// A socket that takes and gives datagrams in batches.
class Socket {
 public:
  Socket() : fd_(bench::check(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), "socket")) {
    for (const int option : {SO_RCVBUF, SO_SNDBUF})
      setsockopt(fd_, SOL_SOCKET, option, &kSocketBytes, sizeof kSocketBytes);
    bench::bind_to_loopback(fd_);
    for (std::size_t i = 0; i < kBatch; ++i) {
      buffers_.emplace_back(kBufferBytes);
      parts_[i].iov_base = buffers_[i].data();
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  void connect(const Socket& other) {
    const sockaddr_in address = bench::loopback(bench::bound_port(other.fd_));
    bench::check(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address),
                 "connect");
  }
  int fd() const { return fd_; }

  void wait(int milliseconds) {
    pollfd readable{fd_, POLLIN, 0};
    poll(&readable, 1, milliseconds);
  }
  /// Calls handle(datagram) for each that is there; what was joined is cut again.
  template <typename Handle>
  void receive(std::size_t segment_bytes, Handle handle) {
    for (iovec& part : parts_) part.iov_len = kBufferBytes;
    const int got = recvmmsg(fd_, messages_.data(), kBatch, 0, nullptr);
    for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got); ++i) {
      const std::span<const unsigned char> all(buffers_[i].data(), messages_[i].msg_len);
      for (std::size_t at = 0; at < all.size(); at += segment_bytes)
        handle(all.subspan(at, std::min(segment_bytes, all.size() - at)));
    }
  }
  /// Datagram `index` of a batch to be sent.
  unsigned char* buffer(std::size_t index) { return buffers_[index].data(); }
  std::uint64_t send(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) parts_[i].iov_len = kDatagramBytes;
    const int sent = sendmmsg(fd_, messages_.data(), static_cast<unsigned>(count), 0);
    return sent < 0 ? 0 : static_cast<std::uint64_t>(sent);
  }

 private:
  int fd_;
  std::vector<std::vector<unsigned char>> buffers_;
  std::array<iovec, kBatch> parts_{};
  std::array<mmsghdr, kBatch> messages_{};
};

[[noreturn]] void answer(Socket& socket, const Key& key) {
  std::array<unsigned char, kBufferBytes> plain;
  std::array<unsigned char, kAckBytes> ack;
  std::uint64_t next = 0;
  std::uint64_t answers = kFirstAnswer;
  for (;;) {
    socket.wait(-1);
    bool has_any = false;
    socket.receive(kDatagramBytes, [&](std::span<const unsigned char> datagram) {
      std::uint64_t counter = 0;
      if (!open(key, datagram, counter, plain.data())) return;
      has_any = true;
      if (counter == next) ++next;
    });
    if (!has_any) continue;
    std::array<unsigned char, kCounterBytes> content;
    std::memcpy(content.data(), &next, sizeof next);
    const std::size_t size = seal(key, answers++, content, ack.data());
    ::send(socket.fd(), ack.data(), size, 0);
  }
}

/// The number of messages acknowledged a second.
double flood(Socket& socket, const Key& key, double seconds, bool segments) {
  const std::array<unsigned char, kMessageBytes> text{};
  std::array<unsigned char, kBufferBytes> plain;
  std::uint64_t sent = 0;
  std::uint64_t acked = 0;
  const auto begun = bench::Clock::now();
  auto heard = begun;
  while (bench::seconds_since(begun) < seconds) {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(kBatch, kWindow - (sent - acked)));
    // Whole batches, but for when nothing is on the way.
    if (count == kBatch || sent == acked) {
      for (std::size_t i = 0; i < count; ++i)
        seal(key, sent + i, text,
             segments ? socket.buffer(0) + i * kDatagramBytes : socket.buffer(i));
      if (!segments) {
        sent += socket.send(count);
      } else if (::send(socket.fd(), socket.buffer(0), count * kDatagramBytes, 0) > 0) {
        sent += count;
      }
    }
    if (sent - acked > kWindow - kBatch) socket.wait(kLostAfterMs);
    socket.receive(kAckBytes, [&](std::span<const unsigned char> datagram) {
      std::uint64_t counter = 0;
      if (!open(key, datagram, counter, plain.data())) return;
      std::uint64_t below = 0;
      std::memcpy(&below, plain.data(), sizeof below);
      if (below <= acked) return;
      acked = below;
      heard = bench::Clock::now();
    });
    if (sent > acked && bench::seconds_since(heard) * 1000 > kLostAfterMs) {
      sent = acked;
      heard = bench::Clock::now();
    }
  }
  return static_cast<double>(acked) / bench::seconds_since(begun);
}

/// How long each message took until it was acknowledged, in microseconds.
std::vector<double> round_trips(Socket& socket, const Key& key, double seconds) {
  const std::array<unsigned char, kMessageBytes> text{};
  std::array<unsigned char, kBufferBytes> plain;
  std::vector<double> times;
  const auto begun = bench::Clock::now();
  for (std::uint64_t acked = 0; bench::seconds_since(begun) < seconds;) {
    const std::uint64_t target = acked + 1;
    const auto sent = bench::Clock::now();
    while (acked < target) {
      seal(key, acked, text, socket.buffer(0));
      socket.send(1);
      socket.wait(kLostAfterMs);
      socket.receive(kAckBytes, [&](std::span<const unsigned char> datagram) {
        std::uint64_t counter = 0;
        if (open(key, datagram, counter, plain.data()))
          std::memcpy(&acked, plain.data(), sizeof acked);
      });
    }
    times.push_back(bench::seconds_since(sent) * 1e6);
  }
  return times;
}

void set_udp_option(const Socket& socket, int option, int value) {
  bench::check(setsockopt(socket.fd(), IPPROTO_UDP, option, &value, sizeof value), "setsockopt");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc == 3 ? argv[2] : "";
  const bool segments = mode == "segments";
  const bool single = mode == "single";
  if (argc < 2 || (argc == 3 && !segments && !single) || argc > 3) {
    std::fprintf(stderr, "bench_sealed_loop SECONDS [segments|single]\n");
    return 64;
  }
  if (sodium_init() < 0) bench::die("sodium_init");
  Key key;
  randombytes_buf(key.data(), key.size());
  Socket out;
  Socket in;
  out.connect(in);
  in.connect(out);
  if (segments) {
    set_udp_option(out, UDP_SEGMENT, static_cast<int>(kDatagramBytes));
    set_udp_option(in, UDP_GRO, 1);
  }
  const pid_t child = bench::check(fork(), "fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    answer(in, key);
  }
  const double seconds = std::atof(argv[1]);
  if (single) {
    auto times = round_trips(out, key, seconds);
    std::printf("{\"per_second\": %.0f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n",
                static_cast<double>(times.size()) / seconds, bench::percentile(times, 0.5),
                bench::percentile(times, 0.99));
  } else {
    std::printf("{\"per_second\": %.0f}\n", flood(out, key, seconds, segments));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}
