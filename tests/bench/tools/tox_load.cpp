// bench_tox_load SECONDS WINDOW: messages of 100 bytes between two c-toxcore instances over UDP on
// loopback, each in a thread of its own; a message counts when its read receipt has come, and so
// many are without one at a time. Prints JSON: {"per_second": …}. Connecting takes them seconds,
// which are not counted.
#include <tox/tox.h>

#include <atomic>
#include <thread>

#include "tests/bench/tools/support.hpp"

namespace {

constexpr std::size_t kMessageBytes = 100;
constexpr double kConnectSeconds = 60;

class Messenger {
 public:
  Messenger() {
    Tox_Options* options = tox_options_new(nullptr);
    tox_options_set_udp_enabled(options, true);
    tox_options_set_ipv6_enabled(options, false);
    tox_options_set_local_discovery_enabled(options, false);
    tox_ = tox_new(options, nullptr);
    tox_options_free(options);
    if (tox_ == nullptr) {
      std::fprintf(stderr, "tox_new failed\n");
      std::exit(1);
    }
    tox_callback_friend_connection_status(
        tox_, [](Tox*, std::uint32_t, Tox_Connection connection, void* self) {
          static_cast<Messenger*>(self)->is_connected = connection == TOX_CONNECTION_UDP;
        });
    tox_callback_friend_read_receipt(tox_, [](Tox*, std::uint32_t, std::uint32_t, void* self) {
      ++static_cast<Messenger*>(self)->receipts;
    });
  }
  ~Messenger() { tox_kill(tox_); }
  Messenger(const Messenger&) = delete;
  Messenger& operator=(const Messenger&) = delete;

  void befriend(const Messenger& other) {
    std::array<std::uint8_t, TOX_PUBLIC_KEY_SIZE> key{};
    tox_self_get_dht_id(other.tox_, key.data());
    tox_bootstrap(tox_, "127.0.0.1", tox_self_get_udp_port(other.tox_, nullptr), key.data(),
                  nullptr);
    tox_self_get_public_key(other.tox_, key.data());
    friend_ = tox_friend_add_norequest(tox_, key.data(), nullptr);
  }
  void iterate() { tox_iterate(tox_, this); }
  /// False when its queue is full.
  bool try_send() {
    Tox_Err_Friend_Send_Message error{};
    tox_friend_send_message(tox_, friend_, TOX_MESSAGE_TYPE_NORMAL, text_.data(), text_.size(),
                            &error);
    return error == TOX_ERR_FRIEND_SEND_MESSAGE_OK;
  }

  std::atomic<bool> is_connected = false;
  std::uint64_t receipts = 0;

 private:
  Tox* tox_ = nullptr;
  std::uint32_t friend_ = 0;
  std::array<std::uint8_t, kMessageBytes> text_ = [] {
    std::array<std::uint8_t, kMessageBytes> text{};
    text.fill('x');
    return text;
  }();
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "bench_tox_load SECONDS WINDOW\n");
    return 64;
  }
  const double seconds = std::atof(argv[1]);
  const auto window = static_cast<std::uint64_t>(bench::number(argv[2]));
  Messenger sender;
  Messenger recipient;
  sender.befriend(recipient);
  recipient.befriend(sender);
  // It has no way to wait for its socket but the interval it asks for, which would be what is
  // measured: each goes round as fast as it can.
  std::jthread other([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) recipient.iterate();
  });
  auto begun = bench::Clock::now();
  while (!sender.is_connected || !recipient.is_connected) {
    sender.iterate();
    if (bench::seconds_since(begun) < kConnectSeconds) continue;
    std::fprintf(stderr, "not connected within %.0f s\n", kConnectSeconds);
    std::_Exit(1);
  }
  std::uint64_t sent = 0;
  for (begun = bench::Clock::now(); bench::seconds_since(begun) < seconds; sender.iterate())
    while (sent - sender.receipts < window && sender.try_send()) ++sent;
  std::printf("{\"per_second\": %.0f}\n",
              static_cast<double>(sender.receipts) / bench::seconds_since(begun));
}
