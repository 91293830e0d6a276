// This process's end of sealed datagrams: the identity and the pins from their files, the messenger
// over a socket that carries classic datagrams too, and the registry's word on keys. A shell; one
// thread, besides that of the requests.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/exit_status.hpp"
#include "common/expected.hpp"
#include "common/os/random.hpp"
#include "peer/sealed/messenger.hpp"
#include "peer/sealed/pin_gate.hpp"
#include "peer/shell/datagram_socket.hpp"
#include "peer/shell/identity_file.hpp"
#include "peer/shell/known_peers_file.hpp"
#include "peer/shell/options.hpp"
#include "peer/shell/registry_requests.hpp"
#include "peer/shell/registry_worker.hpp"

namespace peer {

/// Why there is no identity or no pins to go by; a sentence for people.
struct KeyFailure {
  std::string text;
};

/// The files of keys that the options name: an identity of its own by --key or $PEER_KEY, else the
/// name's, made at first use.
struct KeyFiles {
  LoadedIdentity identity;
  std::filesystem::path identity_path;
  std::optional<std::filesystem::path> name_folder;  // where serials are kept
  std::optional<KnownPeersFile> known_peers;         // none: --key alone, without a home
  sealed::KnownPeers pins;
  std::vector<std::string> remarks;  // for standard error: a new key, an exposed file, bad lines

  static common::expected<KeyFiles, KeyFailure> open(const Options& options,
                                                     common::Random& random);
};

/// How a person repairs or confirms a pin.
std::string trust_command(const Options& options, const common::UserName& name,
                          const common::IdentityKey& identity);

class SealedEnd {
 public:
  struct Settings {
    bool has_hook = false;
  };
  SealedEnd(const Options& options, KeyFiles files, Settings settings);
  ~SealedEnd();

  /// Sealed datagrams begin with a byte that no text begins with.
  static bool is_sealed(common::Bytes datagram) {
    return !datagram.empty() && datagram[0] == std::byte{0xFE};
  }

  sealed::Messenger& messenger() { return messenger_; }
  const sealed::PinGate& pins() const { return gate_; }
  const sealed::SessionKeyRing& keys() const { return keys_; }

  /// For one registration: its serial is used up.
  RegistrationSigner next_signer();

  void handle_datagram(const common::Endpoint& from, common::Bytes datagram);
  /// True if the session key is another now, whose certificate is to be registered.
  bool handle_timeout();
  std::optional<common::TimePoint> next_timeout() const;
  /// Sends what is to be sent, after the pins it relies on are in their file.
  void flush(DatagramSocket& socket);

  /// What the registry has just said of a user with a certificate, before he is asked for.
  void tell_user(const common::User& user);
  /// An outcome as the sender tells it.
  Delivery describe(const sealed::Messenger::Outcome& outcome) const;

  /// Readable when take_lookup() has something to do; -1 while nothing is asked.
  int lookup_fd() const { return requests_ ? requests_->fd() : -1; }
  void take_lookup();

  using Event = std::variant<sealed::Messenger::Received, sealed::Messenger::Outcome>;
  /// What came in, and what became of messages. Names are looked up meanwhile.
  std::optional<Event> poll_event();
  /// Something for people to know, to stand after "peer: "; nothing if there is nothing.
  std::optional<std::string> poll_remark();
  /// A stranger whom a person is to judge (--trust ask).
  std::optional<common::Certificate> poll_question();
  void answer_question(const common::Certificate& certificate, bool is_trusted);

  /// Tells the others that this process ends.
  void leave(DatagramSocket& socket);

 private:
  /// A question to the registry: where a name is, or whose it is.
  struct Lookup {
    common::UserName name;
    std::optional<common::Certificate> stranger;
    common::TimePoint answer_by{};  // of a stranger: then he is let in without the registry's word
    bool is_answered = false;       // so he was
  };

  void push(Lookup lookup);
  void start_lookup();
  void give_up_on_registry(common::TimePoint now);
  void answer_stranger(const common::Certificate& stranger, const LookupOutcome* outcome);
  void save_pins();
  void reload_pins();

  const Options& options_;
  KeyFiles files_;
  common::os::SystemRandom random_;
  sealed::PinGate gate_;
  std::shared_ptr<const common::Identity> identity_;  // shared with the thread that registers
  sealed::SessionKeyRing keys_;
  sealed::Messenger messenger_;
  std::optional<RegistryRequests> requests_;  // with the first question
  std::deque<Lookup> lookups_;                // the front one is under way while is_asking_
  bool is_asking_ = false;
  std::filesystem::file_time_type pins_time_{};  // of the file, when it was read or written
  common::TimePoint next_look_{};                // at that
  std::deque<std::string> remarks_;
  std::deque<common::Certificate> questions_;
  common::ByteVector buffer_;
};

/// What a certificate of a registry's says, if it verifies; nothing for a user without one.
std::optional<common::Certificate> certificate_of(const common::User& user);

}  // namespace peer
