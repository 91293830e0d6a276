#include "peer/shell/sealed_end.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "common/os/clock.hpp"
#include "common/os/standard_streams.hpp"
#include "peer/shell/user_folder.hpp"

namespace peer {
namespace {

namespace fs = std::filesystem;
using common::unexpected;
using common::os::monotonic_now;
using common::os::wall_now;
using sealed::Messenger;

/// How often the file of pins is looked at: a person has just said `trust` in another window.
constexpr std::chrono::milliseconds kLookPause{200};
/// As many datagrams as one call hands to the kernel at once.
constexpr std::size_t kBufferBytes = 48 * sealed::kDatagramBytesMax;

std::string explain(const IdentityFailure& failure) {
  if (failure.error == std::errc::illegal_byte_sequence)
    return fmt::format("{} is no identity: it has to be one line, ed25519-seed and a key",
                       failure.path.string());
  return fmt::format("cannot use {}: {}", failure.path.string(), failure.error.message());
}

}  // namespace

common::expected<KeyFiles, KeyFailure> KeyFiles::open(const Options& options,
                                                      common::Random& random) {
  std::string key_file = options.key_file;
  if (key_file.empty()) {
    const char* variable = std::getenv("PEER_KEY");
    if (variable != nullptr) key_file = variable;
  }
  const auto data = data_folder();
  if (key_file.empty() && !data)
    return unexpected{
        KeyFailure{"no place to keep a key: set HOME or PEER_HOME, or give --key FILE or --plain"}};
  std::optional<fs::path> folder;
  if (data) folder = *data / folder_name(options.name);
  auto identity = key_file.empty() ? open_identity(*folder, random) : read_identity(key_file);
  if (!identity) return unexpected{KeyFailure{explain(identity.error())}};
  KeyFiles files{.identity = *std::move(identity),
                 .identity_path = key_file.empty() ? *folder / "identity" : fs::path(key_file),
                 .name_folder = folder,
                 .known_peers = {},
                 .pins = {},
                 .remarks = {}};
  if (files.identity.is_exposed) {
    files.remarks.push_back(fmt::format("{} can be read by others: chmod 600 {}",
                                        files.identity_path.string(),
                                        files.identity_path.string()));
  }
  if (!data) return files;
  files.known_peers.emplace(*data);
  auto parsed = files.known_peers->load();
  if (!parsed) {
    return unexpected{KeyFailure{fmt::format(
        "cannot read {}: {}", files.known_peers->path().string(), parsed.error().message())}};
  }
  for (const auto& bad : parsed->bad_lines) {
    files.remarks.push_back(fmt::format("{}, line {}: {}", files.known_peers->path().string(),
                                        bad.number, to_string(bad.error)));
  }
  files.pins = std::move(parsed->peers);
  return files;
}

KeyContext KeyFiles::context(const Options& options) const {
  return {.self = options.name.text(),
          .registry = options.registry_text,
          .known_peers_path = known_peers ? known_peers->path().string() : ""};
}

common::expected<std::unique_ptr<SealedEnd>, common::ExitStatus> SealedEnd::open(
    const Options& options, Settings settings) {
  if (options.is_plain) return std::unique_ptr<SealedEnd>();
  common::os::SystemRandom random;
  auto files = KeyFiles::open(options, random);
  if (!files) {
    common::os::print_error(fmt::format("peer: {}\n", files.error().text));
    return unexpected{common::ExitStatus::kConfiguration};
  }
  return std::make_unique<SealedEnd>(options, *std::move(files), settings);
}

SealedEnd::SealedEnd(const Options& options, KeyFiles files, Settings settings)
    : options_(options),
      files_(std::move(files)),
      context_(files_.context(options)),
      gate_(options.registry_text, options.trust, std::move(files_.pins)),
      identity_(std::make_shared<const common::Identity>(files_.identity.identity.clone())),
      keys_(std::move(files_.identity.identity), options.name,
            files_.name_folder ? read_last_serial(*files_.name_folder) : 0, random_,
            monotonic_now(), wall_now()),
      messenger_({.has_hook = settings.has_hook}, keys_, gate_, random_, monotonic_now()),
      questions_(gate_, messenger_),
      buffer_(kBufferBytes) {
  gate_.set_time(wall_now());
  for (std::string& remark : files_.remarks) remarks_.push_back(std::move(remark));
}

RegistrationSigner SealedEnd::next_signer() {
  RegistrationSigner signer{.identity = identity_,
                            .certificate = keys_.current().certificate,
                            .serial = keys_.take_serial(wall_now())};
  // Before it is used: after a restart with the clock set back, serials go on from here.
  if (files_.name_folder) {
    if (const auto error = keep_serial(*files_.name_folder, signer.serial)) {
      remarks_.push_back(fmt::format("cannot write {}: {}",
                                     (*files_.name_folder / "serial").string(), error.message()));
    }
  }
  return signer;
}

void SealedEnd::handle_datagram(const common::Endpoint& from, common::Bytes datagram) {
  const auto wall = wall_now();
  gate_.set_time(wall);
  reload_pins();
  messenger_.handle_datagram(monotonic_now(), wall, from, datagram);
}

bool SealedEnd::handle_timeout() {
  const auto now = monotonic_now();
  const auto wall = wall_now();
  gate_.set_time(wall);
  const bool is_rotated = now >= keys_.next_timeout() && keys_.handle_timeout(now, wall);
  messenger_.handle_timeout(now);
  questions_.handle_timeout(now);
  return is_rotated;
}

std::optional<common::TimePoint> SealedEnd::next_timeout() const {
  common::TimePoint next = keys_.next_timeout();
  for (const auto& due : {messenger_.next_timeout(), questions_.next_timeout()})
    if (due) next = std::min(next, *due);
  return next;
}

void SealedEnd::flush(DatagramSocket& socket) {
  save_pins();
  while (const auto sent = messenger_.poll_transmit(monotonic_now(), buffer_))
    socket.send_segments(sent->to, common::Bytes(buffer_).first(sent->bytes), sent->segment_bytes);
}

void SealedEnd::ask_registry() {
  const auto name = questions_.poll(monotonic_now());
  if (!name) return;
  if (!requests_) requests_.emplace(options_.registry, std::nullopt);
  requests_->push({.request = make_lookup(*name)});
}

void SealedEnd::take_lookup() {
  const auto answer = requests_->take_answer();
  if (!answer) return;
  std::optional<LookupOutcome> outcome;
  if (answer->answer) outcome = interpret_lookup(*questions_.asked_about(), *answer->answer);
  gate_.set_time(wall_now());
  questions_.handle_answer(monotonic_now(), outcome ? &*outcome : nullptr);
  ask_registry();
}

std::optional<SealedEnd::Event> SealedEnd::poll_event() {
  while (auto event = messenger_.poll_event(monotonic_now())) {
    if (auto* received = std::get_if<Messenger::Received>(&*event)) return *received;
    if (auto* outcome = std::get_if<Messenger::Outcome>(&*event)) return *outcome;
    if (const auto* wanted = std::get_if<Messenger::NeedLookup>(&*event)) {
      questions_.want(*common::UserName::parse(wanted->name));
    } else if (auto* question = std::get_if<Messenger::Question>(&*event)) {
      questions_.doubt(monotonic_now(), std::move(question->certificate));
    }
  }
  ask_registry();
  return std::nullopt;
}

std::optional<std::string> SealedEnd::poll_remark() {
  while (const auto alarm = gate_.poll_alarm()) remarks_.push_back(describe(*alarm, context_));
  if (remarks_.empty()) return std::nullopt;
  std::string remark = std::move(remarks_.front());
  remarks_.pop_front();
  return remark;
}

void SealedEnd::save_pins() {
  if (!files_.known_peers) return;
  std::vector<sealed::Pin> fresh = gate_.take_changes();
  // After a failure it is tried again with the next pin, or the next look.
  if (fresh.empty() && (unsaved_.empty() || monotonic_now() < next_try_)) return;
  for (sealed::Pin& pin : fresh) {
    std::string key = pin.name.key();
    unsaved_.insert_or_assign(std::move(key), std::move(pin));
  }
  std::optional<sealed::KnownPeers> merged;
  const auto error = files_.known_peers->update([&](sealed::KnownPeers& peers) {
    bool is_changed = false;
    for (const auto& [key, pin] : unsaved_) {
      // Where another program has pinned something else meanwhile, that stays.
      const sealed::Pin* there = peers.find(pin.registry, pin.name);
      if (there == nullptr) {
        is_changed |= peers.pin(pin);
      } else if (there->identity == pin.identity) {
        is_changed |= peers.raise_serial(pin.registry, pin.name, pin.serial);
      }
    }
    merged = peers;
    return is_changed;
  });
  if (error) {
    next_try_ = monotonic_now() + kLookPause;
    if (!std::exchange(has_said_unsaved_, true)) {
      remarks_.push_back(
          fmt::format("cannot write {}: {}\n  Keys seen now are known until this program ends.",
                      context_.known_peers_path, error.message()));
    }
    return;
  }
  unsaved_.clear();
  has_said_unsaved_ = false;
  // What others have written is known by this as well: the file need not be read again.
  std::error_code unknown;
  pins_time_ = fs::last_write_time(files_.known_peers->path(), unknown);
  gate_.replace(*std::move(merged));
}

void SealedEnd::reload_pins() {
  const auto now = monotonic_now();
  if (!files_.known_peers || now < next_look_) return;
  next_look_ = now + kLookPause;
  std::error_code error;
  const auto time = fs::last_write_time(files_.known_peers->path(), error);
  if (error || time == pins_time_) return;
  save_pins();
  auto parsed = files_.known_peers->load();
  if (!parsed) return;  // in the middle of something: the next look will tell
  pins_time_ = time;
  // security: what could not be written is known all the same, unless the file says otherwise.
  for (const auto& [key, pin] : unsaved_) static_cast<void>(parsed->peers.pin(pin));
  gate_.replace(std::move(parsed->peers));
  gate_.forget_alarms();
}

void SealedEnd::leave(DatagramSocket& socket) {
  messenger_.leave();
  flush(socket);
}

}  // namespace peer
