// This process's end of sealed datagrams: the identity and the pins in their files, the messenger
// over a socket that carries classic datagrams too, and the registry that is asked about keys. A
// shell; one thread, besides that of the requests.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/exit_status.hpp"
#include "common/expected.hpp"
#include "common/os/random.hpp"
#include "peer/key_questions.hpp"
#include "peer/sealed_report.hpp"
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
  std::vector<std::string> remarks;  // for standard error: an exposed file, bad lines

  static common::expected<KeyFiles, KeyFailure> open(const Options& options,
                                                     common::Random& random);
  KeyContext context(const Options& options) const;
};

class SealedEnd {
 public:
  struct Settings {
    bool has_hook = false;
  };
  /// Null with --plain. What keeps it from being opened is said, and is a configuration error.
  static common::expected<std::unique_ptr<SealedEnd>, common::ExitStatus> open(
      const Options& options, Settings settings);
  SealedEnd(const Options& options, KeyFiles files, Settings settings);

  /// Sealed datagrams begin with a byte that no text begins with.
  static bool is_sealed(common::Bytes datagram) {
    return !datagram.empty() && datagram[0] == std::byte{0xFE};
  }

  sealed::Messenger& messenger() { return messenger_; }
  KeyQuestions& questions() { return questions_; }
  sealed::PinGate& pins() { return gate_; }
  const KeyContext& context() const { return context_; }

  /// For one registration: its serial is used up.
  RegistrationSigner next_signer();

  void handle_datagram(const common::Endpoint& from, common::Bytes datagram);
  /// True if the session key is another now, whose certificate is to be registered.
  bool handle_timeout();
  std::optional<common::TimePoint> next_timeout() const;
  /// Sends what is to be sent, after the pins it relies on are in their file.
  void flush(DatagramSocket& socket);

  /// Readable when take_lookup() has something to do; -1 while nothing was asked.
  int lookup_fd() const { return requests_ ? requests_->fd() : -1; }
  void take_lookup();

  using Event = std::variant<sealed::Messenger::Received, sealed::Messenger::Outcome>;
  /// What came in, and what became of messages. The registry is asked meanwhile.
  std::optional<Event> poll_event();
  /// Something for people to know, to stand after "peer: "; nothing if there is nothing.
  std::optional<std::string> poll_remark();

  /// Tells the others that this process ends.
  void leave(DatagramSocket& socket);

 private:
  void ask_registry();
  void save_pins();
  void reload_pins();

  const Options& options_;
  KeyFiles files_;
  KeyContext context_;
  common::os::SystemRandom random_;
  sealed::PinGate gate_;
  std::shared_ptr<const common::Identity> identity_;  // shared with the thread that registers
  sealed::SessionKeyRing keys_;
  sealed::Messenger messenger_;
  KeyQuestions questions_;
  std::optional<RegistryRequests> requests_;     // with the first question
  std::filesystem::file_time_type pins_time_{};  // of the file, when it was last read or written
  common::TimePoint next_look_{};                // at that
  std::map<std::string, sealed::Pin> unsaved_;   // pins that could not be written yet, by name
  common::TimePoint next_try_{};                 // to write them
  bool has_said_unsaved_ = false;
  std::deque<std::string> remarks_;
  common::ByteVector buffer_;
};

}  // namespace peer
