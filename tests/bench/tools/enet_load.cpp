// ENet's reliable packets between two processes over loopback: what a program would take that wants
// acknowledged messages in datagrams, in the clear.
//
//   bench_enet_load flood SECONDS WINDOW     so many packets are unacknowledged at a time
//   bench_enet_load acknowledged SECONDS     one at a time, until it is acknowledged
//   bench_enet_load answered SECONDS         one at a time, until its answer has come
//
// Prints JSON as bench_sealed_load does. Packets have 100 bytes.
#include <enet/enet.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/bench/tools/support.hpp"

namespace {

constexpr std::size_t kPacketBytes = 100;

std::uint64_t g_acknowledged = 0;

ENetHost* make_host(const ENetAddress* address) {
  ENetHost* host = enet_host_create(address, 1, 1, 0, 0);
  if (host == nullptr) bench::die("enet_host_create");
  return host;
}

/// ENet has no other word for it: a reliable packet is freed when the other side has acknowledged
/// it.
void send_packet(ENetPeer* peer, const void* bytes) {
  ENetPacket* packet = enet_packet_create(bytes, kPacketBytes, ENET_PACKET_FLAG_RELIABLE);
  packet->freeCallback = [](ENetPacket*) { ++g_acknowledged; };
  if (enet_peer_send(peer, 0, packet) != 0) {
    std::fprintf(stderr, "enet_peer_send failed\n");
    std::exit(1);
  }
}

[[noreturn]] void receive(ENetHost* host, bool answers) {
  for (;;) {
    ENetEvent event;
    for (int has_event = enet_host_service(host, &event, 1000); has_event > 0;
         has_event = enet_host_check_events(host, &event)) {
      if (event.type != ENET_EVENT_TYPE_RECEIVE) continue;
      if (answers) send_packet(event.peer, event.packet->data);
      enet_packet_destroy(event.packet);
    }
    // Else the answers would wait for the next call, which first waits for input.
    if (answers) enet_host_flush(host);
  }
}

void print(double per_second, std::vector<double> microseconds = {}) {
  std::printf("{\"per_second\": %.0f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n", per_second,
              bench::percentile(microseconds, 0.5), bench::percentile(microseconds, 0.99));
}

class Sender {
 public:
  explicit Sender(int port) : host_(make_host(nullptr)) {
    ENetAddress address{};
    enet_address_set_host_ip(&address, "127.0.0.1");
    address.port = static_cast<enet_uint16>(port);
    peer_ = enet_host_connect(host_, &address, 1, 0);
    ENetEvent event;
    if (peer_ == nullptr || enet_host_service(host_, &event, 5000) <= 0 ||
        event.type != ENET_EVENT_TYPE_CONNECT) {
      std::fprintf(stderr, "no connection\n");
      std::exit(1);
    }
  }

  void flood(double seconds, std::uint64_t window) {
    const auto begun = bench::Clock::now();
    bench::Clock::time_point counted_from{};
    std::uint64_t sent = 0;
    std::uint64_t before = 0;
    for (;;) {
      const double passed = bench::seconds_since(begun);
      if (before == 0 && passed > seconds / 10) {
        counted_from = bench::Clock::now();
        before = g_acknowledged;
      }
      if (passed > seconds * 1.1) break;
      for (int i = 0; i < 256 && sent - g_acknowledged < window; ++i, ++sent)
        send_packet(peer_, text_);
      serve(0);
    }
    print(static_cast<double>(g_acknowledged - before) / bench::seconds_since(counted_from));
  }

  void single(double seconds, bool answered) {
    std::vector<double> times;
    const auto begun = bench::Clock::now();
    const std::uint64_t& so_far = answered ? answers_ : g_acknowledged;
    while (bench::seconds_since(begun) < seconds) {
      const auto sent = bench::Clock::now();
      const std::uint64_t target = so_far + 1;
      send_packet(peer_, text_);
      enet_host_flush(host_);
      // An acknowledgement is no event, so ENet would wait on behind one.
      while (so_far < target) {
        if (!answered) wait();
        serve(answered ? 1000 : 0);
      }
      times.push_back(bench::seconds_since(sent) * 1e6);
    }
    const auto count = static_cast<double>(times.size());
    print(count / bench::seconds_since(begun), std::move(times));
  }

 private:
  void serve(enet_uint32 wait_ms) {
    ENetEvent event;
    for (int has_event = enet_host_service(host_, &event, wait_ms); has_event > 0;
         has_event = enet_host_check_events(host_, &event)) {
      if (event.type != ENET_EVENT_TYPE_RECEIVE) continue;
      ++answers_;
      enet_packet_destroy(event.packet);
    }
  }
  void wait() {
    enet_uint32 condition = ENET_SOCKET_WAIT_RECEIVE;
    enet_socket_wait(host_->socket, &condition, 1000);
  }

  ENetHost* host_;
  ENetPeer* peer_;
  std::uint64_t answers_ = 0;
  char text_[kPacketBytes] = {};
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 2 ? argv[1] : "";
  const bool is_flood = mode == "flood" && argc == 4;
  if (!is_flood && mode != "acknowledged" && mode != "answered") {
    std::fprintf(
        stderr, "bench_enet_load flood SECONDS WINDOW | acknowledged SECONDS | answered SECONDS\n");
    return 64;
  }
  if (enet_initialize() != 0) bench::die("enet_initialize");
  ENetAddress any{};
  enet_address_set_host_ip(&any, "127.0.0.1");
  any.port = ENET_PORT_ANY;
  ENetHost* recipient = make_host(&any);
  // Bound before the fork: the sender's first datagram finds the port open.
  ENetAddress bound{};
  if (enet_socket_get_address(recipient->socket, &bound) != 0) bench::die("getsockname");
  const pid_t child = bench::check(fork(), "fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    receive(recipient, mode == "answered");
  }
  Sender sender(bound.port);
  if (is_flood) {
    sender.flood(std::atof(argv[2]), static_cast<std::uint64_t>(bench::number(argv[3])));
  } else {
    sender.single(std::atof(argv[2]), mode == "answered");
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}
